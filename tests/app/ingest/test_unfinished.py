"""Sessions that run or have just closed, and answers that are not all there: what counts as whole, what is replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.app.board import day_start
from sos_actors.app.ingest.fetching import fetched
from sos_actors.app.ingest.ingesting import ingest
from sos_actors.app.ingest.request import BREADTH, CANDLES, OPTIONS, HistorySources, IngestReport, IngestRequest
from sos_actors.app.ingest.whole import missing_days
from sos_actors.config import Ingest
from sos_actors.errors import VendorUnreachableError
from sos_actors.messages.market import BarSeries
from sos_actors.store.database import Store
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos
from tests.app.ingest.sources import CALENDAR, ModelSource, session

NIFTY, RELIANCE = "NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE"
MON = date(2026, 1, 12)
SETTINGS = Ingest(strikes_around=1, parallel=2)


def at(hour: int, minute: int = 0) -> UnixNanos:
    return UnixNanos(day_start(MON) + (hour * 60 + minute) * NANOS_PER_MINUTE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", origin="simulated") as opened:
        yield opened


def run(store: Store, source: ModelSource, symbol: str, now: UnixNanos) -> IngestReport:
    request = IngestRequest([symbol], [MON])
    return ingest(store, lambda: HistorySources([source], source), request, CALENDAR, SETTINGS, lambda: now)


def test_a_bar_that_was_too_new_is_put_right_by_the_next_ingest(store: Store) -> None:
    early = ModelSource(now=lambda: at(12))

    def too_new(_symbol: str, bars: BarSeries) -> BarSeries:
        return replace(bars, close=np.append(bars.close[:-1], bars.high[-1:] + 5.0), high=bars.high + 10.0)

    early.fault = too_new
    run(store, early, RELIANCE, at(12))
    run(store, ModelSource(), RELIANCE, at(20))

    stored = store.candles(RELIANCE, at(0), at(23))
    np.testing.assert_array_equal(stored.close, session(MON).candles(RELIANCE).close)


def test_a_session_is_not_whole_in_the_second_it_closes(store: Store) -> None:
    source = ModelSource(now=lambda: at(15, 29))
    run(store, source, NIFTY, at(15, 30))

    assert store.days(NIFTY, MON, MON, CANDLES) == {}
    assert store.days(NIFTY, MON, MON, OPTIONS) == {}
    assert run(store, ModelSource(), NIFTY, at(15, 41)).gaps == []
    assert len(store.candles(NIFTY, at(0), at(23))) == 375
    assert store.days(NIFTY, MON, MON, OPTIONS)[MON].complete


def test_breadth_over_fewer_members_is_kept_but_told_and_asked_for_again(store: Store) -> None:
    source = ModelSource()

    def fail(symbol: str, bars: BarSeries) -> BarSeries:
        if symbol in ("NSE|EQ|TITAN", "NSE|EQ|WIPRO"):
            raise VendorUnreachableError("upstox", "no answer within 10 s.")
        return bars

    source.fault = fail
    report = run(store, source, NIFTY, at(20))

    told = next(gap.reason for gap in report.gaps if gap.what == BREADTH)
    assert "2 of 50 members could not be had" in told
    assert store.days(NIFTY, MON, MON, BREADTH) == {}
    second = run(store, ModelSource(), NIFTY, at(20))
    assert second.gaps == []
    assert store.days(NIFTY, MON, MON, BREADTH)[MON].complete


def test_a_share_with_few_candles_is_whole_and_that_is_noted(store: Store) -> None:
    source = ModelSource()
    source.fault = lambda _symbol, bars: bars[np.arange(len(bars)) % 2 == 0]
    report = run(store, source, RELIANCE, at(20))

    assert report.notes == ["RELIANCE 2026-01-12: 188 of 375 minutes have a candle."]
    assert store.days(RELIANCE, MON, MON, CANDLES)[MON].complete


def test_a_share_whose_candles_end_before_the_session_is_not_whole(store: Store) -> None:
    source = ModelSource()
    source.fault = lambda _symbol, bars: bars[slice(0, 210)]
    report = run(store, source, RELIANCE, at(20))

    assert [gap.reason for gap in report.gaps] == ["upstox has 210 of 375 minutes, and none of the last 166."]
    assert run(store, ModelSource(), RELIANCE, at(20)).gaps == []
    assert len(store.candles(RELIANCE, at(0), at(23))) == 375


def test_a_later_expiry_that_is_traded_is_fetched_beside_the_nearest_that_is_measured(store: Store) -> None:
    source = ModelSource()
    request = IngestRequest([NIFTY], [MON], min_days_to_expiry=2)
    sources = HistorySources([source], source)
    report = ingest(store, lambda: sources, request, CALENDAR, SETTINGS, lambda: at(20))

    assert report.gaps == []
    assert {symbol[-9:] for symbol, data in store.contracts(NIFTY, MON).items() if data.candles} == {
        "13 JAN 26", "20 JAN 26",
    }  # fmt: skip
    assert set(store.chain(NIFTY, at(0), at(23)).expiry) == {date(2026, 1, 13).toordinal()}
    assert missing_days(store, request) == missing_days(store, replace(request, min_days_to_expiry=0)) == []


def test_a_day_without_the_expiry_that_is_traded_is_not_whole_for_it(store: Store) -> None:
    run(store, ModelSource(), NIFTY, at(20))  # the nearest expiry alone
    source, request = ModelSource(), IngestRequest([NIFTY], [MON], min_days_to_expiry=2)
    assert missing_days(store, request) == [MON]

    def fail(symbol: str, bars: BarSeries) -> BarSeries:
        if symbol.endswith("25700 CE 20 JAN 26"):
            raise VendorUnreachableError("upstox", "no answer within 10 s.")
        return bars

    source.fault = fail
    sources = HistorySources([source], source)
    report = ingest(store, lambda: sources, request, CALENDAR, SETTINGS, lambda: at(20))

    assert [gap.what for gap in report.gaps] == [OPTIONS]
    assert missing_days(store, request) == [MON]


def test_whoever_stops_early_does_not_wait_for_questions_under_way() -> None:
    answer = threading.Event()
    asked = threading.Event()

    def ask(_job: int) -> int:
        asked.set()
        answer.wait(30)
        return 1

    answers = fetched([1, 2, 3], ask, 2)
    stopper = threading.Thread(target=lambda: next(answers, None))
    try:
        stopper.start()
        assert asked.wait(10)
        answer.set()
        stopper.join(10)
        begun = time.monotonic()
        answer.clear()
        answers.close()
        assert time.monotonic() - begun < 10
    finally:
        answer.set()
