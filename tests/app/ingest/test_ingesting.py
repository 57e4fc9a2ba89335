"""One ingest over the seeded model: what is asked, what is stored, what is whole, and what happens when it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.board import DAY_NS, day_start
from sos_actors.app.ingest.ingesting import ingest
from sos_actors.app.ingest.request import BREADTH, CANDLES, OPTIONS, HistorySources, IngestReport, IngestRequest
from sos_actors.config import Ingest
from sos_actors.errors import VendorRefusedError, VendorUnreachableError
from sos_actors.market.symbols import is_contract_name, short_name_of
from sos_actors.messages.market import BarSeries
from sos_actors.store.database import Store
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos
from tests.app.ingest.sources import CALENDAR, ModelSource, session

NIFTY, RELIANCE = "NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE"
MON, TUE, WED = date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 14)  # Tuesday is an expiry
WARM = date(2026, 1, 9)
SETTINGS = Ingest(strikes_around=2, parallel=2)
EVENING = UnixNanos(day_start(WED) + 20 * 60 * NANOS_PER_MINUTE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", origin="simulated") as opened:
        yield opened


def run(store: Store, source: ModelSource, request: IngestRequest, now: UnixNanos = EVENING) -> IngestReport:
    return ingest(store, lambda: HistorySources([source], source), request, CALENDAR, SETTINGS, lambda: now)


def of_day(store: Store, symbol: str, day: date) -> BarSeries:
    return store.candles(symbol, day_start(day), day_start(day) + DAY_NS)


def assert_same(left: BarSeries, right: BarSeries) -> None:
    for name in BarSeries.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


def contracts_asked(source: ModelSource) -> list[tuple[str, date, date]]:
    return [asked for asked in source.asked if is_contract_name(short_name_of(asked[0]))]


def test_candles_of_days_and_warm_up_are_stored_as_the_vendor_gave_them(store: Store) -> None:
    report = run(store, ModelSource(), IngestRequest([NIFTY, RELIANCE], [MON], [WARM]))

    for symbol in (NIFTY, RELIANCE):
        for day in (WARM, MON):
            assert_same(of_day(store, symbol, day), session(day).candles(symbol))
    assert report.rows[CANDLES] == 4 * 375
    assert report.gaps == []


def test_progress_tells_parts_and_rows(store: Store) -> None:
    told: list[tuple[int, int, str]] = []
    source = ModelSource()
    ingest(
        store, lambda: HistorySources([source], source), IngestRequest([RELIANCE], [MON], [WARM]), CALENDAR, SETTINGS,
        lambda: EVENING, lambda *step: told.append(step),
    )  # fmt: skip
    assert told == [(1, 1, "RELIANCE, 750 rows")]


def test_contracts_around_the_money_and_their_measures_are_stored(store: Store) -> None:
    report = run(store, ModelSource(), IngestRequest([NIFTY], [MON, TUE, WED]))

    contracts = store.contracts(NIFTY, MON)
    model = session(MON).option_candles("NIFTY")
    bars = session(MON).candles(NIFTY)
    strikes = sorted({float(symbol.split()[1]) for symbol, data in contracts.items() if data.candles})
    assert strikes[0] <= bars.low.min() - 50
    assert strikes[-1] >= bars.high.max() + 50
    assert strikes[0] > bars.low.min() - 200
    assert strikes[-1] < bars.high.max() + 200
    for symbol, data in contracts.items():
        if data.candles:
            assert_same(of_day(store, symbol, MON), model[symbol])
    stats = store.market_stats(NIFTY, day_start(MON), day_start(MON) + DAY_NS)
    assert len(stats) == 375
    assert not np.isnan(stats.pcr).any()
    assert not np.isnan(stats.advances).any()
    assert (stats.advances + stats.declines <= 50).all()
    assert {day for _, day, what in report.whole if what == OPTIONS} == {MON, TUE, WED}


def test_the_session_after_an_expiry_uses_the_next_one(store: Store) -> None:
    source = ModelSource()
    run(store, source, IngestRequest([NIFTY], [TUE, WED]))

    assert source.listed == [("NIFTY", TUE), ("NIFTY", date(2026, 1, 20))]


def test_each_contract_is_asked_for_once_over_all_its_sessions_and_the_one_before(store: Store) -> None:
    source = ModelSource()
    run(store, source, IngestRequest([NIFTY], [MON, TUE]))

    asked = contracts_asked(source)
    assert len({symbol for symbol, _, _ in asked}) == len(asked)
    assert {first for _, first, _ in asked} <= {WARM, MON}
    changes = store.market_stats(NIFTY, day_start(MON), day_start(MON) + DAY_NS).ce_oi_change
    assert not np.isnan(changes).any()


def test_snapshots_are_thinned_unless_the_full_options_are_wanted(store: Store) -> None:
    run(store, ModelSource(), IngestRequest([NIFTY], [MON]))
    some = store.chain(NIFTY, day_start(MON), day_start(MON) + DAY_NS)
    report = run(store, ModelSource(), IngestRequest([NIFTY], [MON], full_options=True))
    all_of_them = store.chain(NIFTY, day_start(MON), day_start(MON) + DAY_NS)

    assert len(np.unique(some.ts)) == 75
    assert len(np.unique(all_of_them.ts)) == 375
    assert len(np.unique(all_of_them.strike)) > len(np.unique(some.strike))
    assert report.gaps == []


def test_what_is_whole_is_not_asked_for_again(store: Store) -> None:
    request = IngestRequest([NIFTY, RELIANCE], [MON, TUE], [WARM])
    run(store, ModelSource(), request)

    def nobody() -> HistorySources:
        raise AssertionError("nothing has to be asked")

    report = ingest(store, nobody, request, CALENDAR, SETTINGS, lambda: EVENING)

    assert report.rows == {}
    assert report.gaps == []
    assert report.whole == []
    assert report.skipped > 0


def test_force_asks_again_and_replaces(store: Store) -> None:
    request = IngestRequest([RELIANCE], [MON])
    run(store, ModelSource(), request)
    changed = ModelSource()
    changed.fault = lambda _symbol, bars: replace(bars, close=bars.high)
    run(store, changed, IngestRequest([RELIANCE], [MON], force=True))

    np.testing.assert_array_equal(of_day(store, RELIANCE, MON).close, session(MON).candles(RELIANCE).high)


def test_a_forced_ingest_that_fails_leaves_no_day_marked_that_may_be_half_replaced(store: Store) -> None:
    request = IngestRequest([NIFTY], [MON])
    run(store, ModelSource(), request)
    broken = ModelSource()

    def fail(symbol: str, _bars: BarSeries) -> BarSeries:
        raise VendorUnreachableError("upstox", f"no answer for {symbol}.")

    broken.fault = fail
    run(store, broken, replace(request, force=True))

    for kind in (CANDLES, OPTIONS, BREADTH):
        assert not store.days(NIFTY, MON, MON, kind)[MON].complete, kind
    assert run(store, ModelSource(), request).gaps == []
    assert store.days(NIFTY, MON, MON, OPTIONS)[MON].complete


def test_what_the_user_imported_is_kept_and_only_its_holes_are_filled(store: Store) -> None:
    own = session(MON).candles(RELIANCE)[slice(0, 100)]
    own = replace(own, close=own.close + 1.0, high=own.high + 1.0)
    store.add_candles(RELIANCE, own, "mine.csv")
    run(store, ModelSource(), IngestRequest([RELIANCE], [MON]))

    stored = of_day(store, RELIANCE, MON)
    assert len(stored) == 375
    np.testing.assert_array_equal(stored.close[:100], own.close)
    assert store.candle_sources(RELIANCE, day_start(MON), day_start(MON) + DAY_NS) == {"mine.csv": 100, "upstox": 275}


def test_a_contract_that_cannot_be_had_leaves_its_days_unmarked_and_the_next_run_goes_on(store: Store) -> None:
    source, request = ModelSource(), IngestRequest([NIFTY], [MON])

    def fail(symbol: str, bars: BarSeries) -> BarSeries:
        if symbol.endswith("CE 13 JAN 26") and "25700" in symbol:
            raise VendorUnreachableError("upstox", "no answer within 10 s.")
        return bars

    source.fault = fail
    report = run(store, source, request)

    assert [(gap.what, gap.first) for gap in report.gaps] == [(OPTIONS, MON)]
    assert "no answer within 10 s." in report.gaps[0].reason
    assert store.days(NIFTY, MON, MON, OPTIONS) == {}
    assert len(store.market_stats(NIFTY, 0, EVENING)) == 375  # the breadth is known all the same
    assert np.isnan(store.market_stats(NIFTY, 0, EVENING).pcr).all()
    second = run(store, ModelSource(), request)
    assert second.gaps == []
    assert store.days(NIFTY, MON, MON, OPTIONS)[MON].complete


def test_contracts_the_plan_does_not_include_are_a_gap_that_says_so(store: Store) -> None:
    source = ModelSource()
    source.contract_error = VendorRefusedError("upstox", "expired contracts need Upstox Plus.", "UDAPI1149")
    report = run(store, source, IngestRequest([NIFTY], [MON, TUE]))

    assert {gap.first for gap in report.gaps if gap.what == OPTIONS} == {MON, TUE}
    assert all("Upstox Plus" in gap.reason for gap in report.gaps)
    assert store.days(NIFTY, MON, TUE, BREADTH)[TUE].complete


def test_the_next_source_is_asked_and_named_beside_its_rows(store: Store) -> None:
    first, second = ModelSource("upstox"), ModelSource("tradingview")
    first.fault = lambda _symbol, _bars: BarSeries.empty()
    sources = HistorySources([first, second], None)
    report = ingest(store, lambda: sources, IngestRequest([RELIANCE], [MON]), CALENDAR, SETTINGS, lambda: EVENING)

    assert store.candle_sources(RELIANCE, day_start(MON), day_start(MON) + DAY_NS) == {"tradingview": 375}
    assert report.sources == {"tradingview": 375}


def test_a_session_that_runs_is_stored_so_far_and_not_marked(store: Store) -> None:
    noon = UnixNanos(day_start(MON) + 12 * 60 * NANOS_PER_MINUTE)
    source = ModelSource(now=lambda: noon)
    report = run(store, source, IngestRequest([NIFTY], [MON]), noon)

    assert len(of_day(store, NIFTY, MON)) == 165
    assert report.whole == []
    assert report.gaps == []
    stats = store.market_stats(NIFTY, 0, EVENING)
    assert len(stats) == 165
    assert stats.ts[-1] == noon
    assert run(store, ModelSource(), IngestRequest([NIFTY], [MON])).gaps == []
    assert len(of_day(store, NIFTY, MON)) == 375


def test_a_session_to_come_is_a_gap(store: Store) -> None:
    early = UnixNanos(day_start(MON) + 8 * 60 * NANOS_PER_MINUTE)
    report = run(store, ModelSource(), IngestRequest([RELIANCE], [MON]), early)

    assert [gap.reason for gap in report.gaps] == ["This session has not begun yet."]


def test_an_index_with_holes_is_stored_told_and_asked_for_again(store: Store) -> None:
    source = ModelSource()
    source.fault = lambda symbol, bars: bars[np.arange(len(bars)) % 10 != 0] if symbol == NIFTY else bars
    report = run(store, source, IngestRequest([NIFTY], [MON]))

    assert "337 of 375 minutes" in next(gap.reason for gap in report.gaps if gap.what == CANDLES)
    again = ModelSource()
    assert run(store, again, IngestRequest([NIFTY], [MON])).gaps == []
    assert len(of_day(store, NIFTY, MON)) == 375
