"""The past of a symbol in mid-session is what a run over the stored rows would have seen up to that moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.backtest import charge_table, followed, warm_up_days
from sos_actors.app.board import day_start
from sos_actors.app.histories import HistoryLoader, SentimentPath
from sos_actors.app.histories_today import StoredPast, moods_so_far
from sos_actors.config import Config
from sos_actors.errors import MissingDataError, VendorRefusedError, VendorUnreachableError
from sos_actors.market.instruments import default_master
from sos_actors.messages.market import BarSeries, ScreenerAlert
from sos_actors.messages.records import ActorEvent
from sos_actors.messages.snapshots import OptionChain
from sos_actors.ports import ChainSource
from sos_actors.store.columns import StatsColumns
from sos_actors.store.database import Store
from sos_actors.store.recording import StoreRecorder
from sos_actors.strategy.surroundings import sentiment_values
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos
from tests.app.ingest.sources import CALENDAR, ModelSource
from tests.market.chains import NIFTY, chain
from tests.simulator.markets import moment

TODAY = date(2026, 1, 13)
RELIANCE = "NSE|EQ|RELIANCE"
NOW = UnixNanos(moment("2026-01-13 10:30:20"))


class Desk:
    """A store of the simulated market, and vendors that can be asked at ``now``."""

    def __init__(self, folder: Path, now: UnixNanos = NOW) -> None:
        self.folder, self.now = folder, now
        self.first, self.second = ModelSource("upstox", self.clock), ModelSource("tradingview", self.clock)
        self.interest: ChainSource | None = None
        with self.open():
            pass

    def clock(self) -> UnixNanos:
        return self.now

    def open(self) -> Store:
        return Store.open(self.folder, origin="simulated")

    @property
    def past(self) -> StoredPast:
        return StoredPast(
            Config(), self.open, CALENDAR, [self.first, self.second], self.interest,
            lambda symbol: followed(default_master().resolve(symbol)), self.clock,
        )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def stats(day: date, minutes: range) -> StatsColumns:
    ts = np.array([day_start(day) + (9 * 60 + 15 + k) * NANOS_PER_MINUTE for k in minutes], np.int64)
    n = len(ts)
    return StatsColumns.of(
        ts, pcr=1.0 + 0.4 * np.sin(np.arange(n) / 9), advances=np.full(n, 30.0), declines=np.full(n, 20.0),
        total_oi=9e6 + np.arange(n, dtype=np.float64), max_pain=np.full(n, 25_600.0),
    )  # fmt: skip


def test_sessions_of_warm_up_and_today_are_fetched_stored_and_told(desk: Desk) -> None:
    past = desk.past.past(RELIANCE, NOW)
    days = np.unique((past.bars.ts + 19_800 * NANOS_PER_SECOND) // (86_400 * NANOS_PER_SECOND))
    assert len(days) == len(warm_up_days(CALENDAR, TODAY)) + 1
    assert past.bars.ts[-1] + NANOS_PER_MINUTE <= NOW
    assert past.bars.ts[-1] + 2 * NANOS_PER_MINUTE > NOW, "no minute is missing"
    assert (np.diff(past.bars.ts) > 0).all()
    with desk.open() as store:
        stored = store.candles(RELIANCE, 0, NOW)
    np.testing.assert_array_equal(stored.ts, past.bars.ts)


def test_what_is_stored_is_not_fetched_again(desk: Desk) -> None:
    desk.past.past(RELIANCE, NOW)
    desk.first.asked.clear()
    desk.past.past(RELIANCE, NOW)
    assert desk.first.asked == [(RELIANCE, TODAY, TODAY)]


def test_it_is_what_a_run_over_the_stored_rows_sees(desk: Desk) -> None:
    with desk.open() as store:
        store.add_market_stats(NIFTY, stats(date(2026, 1, 12), range(1, 376)), "nse")
        store.add_market_stats(NIFTY, stats(TODAY, range(1, 70)), "nse")
        alert = ScreenerAlert(UnixNanos(moment("2026-01-13 10:00")), RELIANCE, "ADD", 2.5)
        later = ScreenerAlert(UnixNanos(moment("2026-01-13 10:40")), RELIANCE, "REMOVE")
        store.add_screener_alerts([alert, later, replace(alert, symbol="NSE|EQ|TCS")])
    for symbol in (NIFTY, RELIANCE):
        past = desk.past.past(symbol, NOW)
        with desk.open() as store:
            loader = HistoryLoader(store, CALENDAR, charge_table(Config()), Config().mood,
                                   warm_up_days(CALENDAR, TODAY), [TODAY])  # fmt: skip
            whole = loader.load(followed(default_master().resolve(symbol)))
        known = whole.history.bars[whole.history.bars.ts + NANOS_PER_MINUTE <= NOW]
        for name in BarSeries.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(past.bars, name), getattr(known, name))
        np.testing.assert_array_equal(past.sentiments, whole.sentiment.values)
        np.testing.assert_array_equal(past.sentiment_ts, whole.sentiment.stats.ts)
        assert past.alerts == ((alert,) if symbol == RELIANCE else ())
    assert not np.isnan(desk.past.past(NIFTY, NOW).bars.oi[-1]), "an index has its options' open interest"
    lent = desk.past.past(RELIANCE, NOW)
    assert np.isnan(lent.sentiments[:, 9]).all(), "another's max pain is not lent"


def test_the_next_vendor_is_asked_when_the_first_fails(desk: Desk) -> None:
    def refuse(_symbol: str, _bars: BarSeries) -> BarSeries:
        raise VendorRefusedError("upstox", "no token.")

    desk.first.fault = refuse
    assert len(desk.past.past(RELIANCE, NOW).bars) > 375
    with desk.open() as store:
        assert set(store.candle_sources(RELIANCE, 0, NOW)) == {"tradingview"}


@pytest.mark.parametrize("empty", [False, True])
def test_when_nobody_has_candles_there_is_no_past_and_the_reason_is_told(desk: Desk, empty: bool) -> None:
    def fail(_symbol: str, _bars: BarSeries) -> BarSeries:
        if empty:
            return BarSeries.empty()
        raise VendorUnreachableError("upstox", "no answer.")

    desk.first.fault = desk.second.fault = fail
    with pytest.raises(MissingDataError, match="No history of RELIANCE"):
        desk.past.past(RELIANCE, NOW)
    with pytest.raises(MissingDataError, match="today"):
        desk.past.today(RELIANCE, NOW)


def test_before_the_first_minute_is_over_nobody_is_asked_for_today(tmp_path: Path) -> None:
    desk = Desk(tmp_path, UnixNanos(moment("2026-01-13 09:15:50")))
    past = desk.past.past(RELIANCE, desk.now)
    assert past.bars.ts[-1] < day_start(TODAY)
    assert all(last < TODAY for _, _, last in desk.first.asked)


def test_todays_bars_end_with_the_last_one_that_has_closed(desk: Desk) -> None:
    bars = desk.past.today(RELIANCE, UnixNanos(moment("2026-01-13 10:00:00")))
    assert bars.ts[-1] == moment("2026-01-13 09:59")
    assert bars.ts[0] == moment("2026-01-13 09:15")


class Interest:
    """SmartOptions as it is now, or the error it meets."""

    name = "trendlyne"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def chain(self, underlying: str, _expiry: date | None = None) -> OptionChain:
        if self.error is not None:
            raise self.error
        return chain(NOW, seed=9, source=self.name, underlying=f"NSE|INDEX|{underlying}")


def chains_of(desk: Desk, interest: Callable[[], Interest]) -> list[int]:
    with desk.open() as store:
        yesterday = moment("2026-01-12 15:00")
        StoreRecorder(store).record([chain(ts) for ts in (yesterday, moment("2026-01-13 09:18:00"),
                                                         moment("2026-01-13 09:21:00"))])  # fmt: skip
    desk.interest = interest()
    rows = desk.past.oi_history(NIFTY)
    assert [(row.ts, row.strike) for row in rows] == sorted((row.ts, row.strike) for row in rows)
    assert len(rows) == 11 * len({row.ts for row in rows})
    told = chain(rows[0].ts)
    assert rows[1].ce_oi == told.ce_oi[1]
    assert rows[10].ce_oi is None
    assert len({row.max_pain for row in rows[:11]}) == 1
    return sorted({row.ts for row in rows})


def test_open_interest_is_todays_stored_chains_and_the_one_of_now(desk: Desk) -> None:
    first = [moment("2026-01-13 09:18:00"), moment("2026-01-13 09:21:00")]
    assert chains_of(desk, Interest) == [*first, -(-NOW // NANOS_PER_SECOND) * NANOS_PER_SECOND]


def test_open_interest_of_the_store_does_without_the_site(desk: Desk) -> None:
    first = [moment("2026-01-13 09:18:00"), moment("2026-01-13 09:21:00")]
    assert chains_of(desk, lambda: Interest(VendorUnreachableError("trendlyne", "no answer."))) == first


def test_the_mood_goes_on_from_todays_stored_rows(desk: Desk) -> None:
    rows = stats(TODAY, range(1, 70))
    with desk.open() as store:
        store.add_market_stats(NIFTY, stats(date(2026, 1, 12), range(1, 376)), "nse")
        store.add_market_stats(NIFTY, rows, "nse")
        path = moods_so_far(store, [NIFTY], Config().mood, NOW)[NIFTY]
    assert path.ts == rows.ts[-1]
    told = chain(NOW)
    _, sentiment, row = path.after(told, None, np.nan, NOW)
    with desk.open() as store:
        StoreRecorder(store).record([row])
        whole = SentimentPath.of(store.market_stats(NIFTY, 0, NOW + NANOS_PER_MINUTE), Config().mood)
    np.testing.assert_array_equal(sentiment_values(sentiment), whole.values[-1])


def test_histories_are_fetched_while_the_running_system_writes_and_neither_is_turned_away(desk: Desk) -> None:
    symbols = ("RELIANCE", "TCS", "SBIN", "ITC", "INFY")
    found: dict[str, int] = {}
    failures: list[BaseException] = []

    def fetch() -> None:
        try:
            for name in symbols:
                found[name] = len(desk.past.past(f"NSE|EQ|{name}", NOW).bars)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=fetch)
    with desk.open() as store:
        recorder = StoreRecorder(store)
        recorder.record([ActorEvent(NOW, "mood", "first")])
        thread.start()
        written = 1
        while thread.is_alive():
            recorder.record([ActorEvent(NOW, "mood", f"event {written}")])
            written += 1
            thread.join(0.01)  # the store actor writes twice a second; a lock that is never free turns anybody away
        thread.join()
        assert failures == []
        assert len(store.actor_events(0, NOW + NANOS_PER_MINUTE)) == written
    assert set(found) == set(symbols)
    assert min(found.values()) > 375
