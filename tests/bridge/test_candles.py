"""Longer candles: when they close, what they hold, and which are left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sos_actors.bridge.candles import Candle
from sos_actors.engine.bars import roll_up
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import BarClosed, BarSeries
from sos_actors.types import NANOS_PER_MINUTE, Timeframe, UnixNanos
from tests.bridge.bridges import RELIANCE, at, bar

DAY_MINUTES = 24 * 60


def candle(timeframe: Timeframe = Timeframe.M5) -> Candle:
    return Candle(timeframe, Calendar.default().session)


def fed(into: Candle, minutes: list[int], symbol: str = RELIANCE, volume: float | None = 10.0) -> list[BarClosed]:
    return [done for minute in minutes for done in into.add(bar(minute, symbol, close=100.0 + minute, volume=volume))]


def test_a_candle_closes_with_its_last_minute() -> None:
    into = candle()
    assert fed(into, [0, 1, 2, 3]) == []
    (done,) = fed(into, [4])
    assert (done.ts_open, done.ts_event) == (at(0), at(5))
    assert (done.open, done.high, done.low, done.close, done.volume) == (99.0, 106.0, 97.0, 104.0, 50.0)


def test_a_candle_whose_last_minute_had_no_trade_closes_with_the_next_there_is() -> None:
    into = candle()
    assert fed(into, [0, 1]) == []
    first, second = fed(into, [9])
    assert (first.ts_event, first.close, first.volume) == (at(5), 101.0, 20.0)
    assert (second.ts_open, second.ts_event, second.volume) == (at(5), at(10), 10.0)


def test_a_candle_that_began_before_we_looked_is_left_out() -> None:
    into = candle()
    assert fed(into, [2, 3, 4]) == []
    assert [done.ts_event for done in fed(into, [6, 7, 8, 9])] == [at(10)]


def test_the_last_candle_of_a_session_closes_with_it() -> None:
    into = Candle(Timeframe.M15, Calendar.default().session)
    closes = [done.ts_event for done in fed(into, list(range(375)))]
    assert closes == [at(minute) for minute in range(15, 376, 15)]


def test_a_new_day_begins_a_new_candle_and_what_was_open_yesterday_stays_unsaid() -> None:
    into = candle()
    fed(into, [0, 1])
    assert [done.ts_event for done in fed(into, [DAY_MINUTES + minute for minute in range(5)])] == [at(DAY_MINUTES + 5)]


def test_a_bar_on_a_day_without_a_session_makes_no_candle() -> None:
    assert fed(candle(), [5 * DAY_MINUTES + minute for minute in range(10)]) == []  # a Saturday


def test_volume_is_unknown_when_a_minutes_is() -> None:
    into = candle()
    fed(into, [0, 1, 2])
    (done,) = [*fed(into, [3], volume=None), *fed(into, [4])]
    assert done.volume is None


def test_a_candle_made_of_ticks_says_so() -> None:
    into = candle()
    into.add(replace(bar(0, RELIANCE), provisional=True))
    (done,) = fed(into, [1, 2, 3, 4])
    assert done.provisional


@pytest.mark.parametrize("timeframe", [Timeframe.M3, Timeframe.M5, Timeframe.M15])
def test_candles_are_those_the_engine_rolls_up(timeframe: Timeframe) -> None:
    rng = np.random.default_rng(4)
    minutes = [0, *sorted(rng.choice(np.arange(1, 374), 300, replace=False).tolist()), 374]
    into, done = candle(timeframe), []
    rows = {minute: [*(100 + rng.random(4)), float(rng.integers(1, 100))] for minute in minutes}
    for minute in minutes:
        done += into.add(BarClosed(at(minute + 1), RELIANCE, at(minute), *rows[minute]))
    table = np.array([rows[minute] for minute in minutes]).T
    ts = np.array([at(minute) for minute in minutes], np.int64)
    opened, high, low, close, volume = table
    series = BarSeries(ts, opened, high, low, close, volume, np.full(len(ts), np.nan))
    ours = [(one.ts_open, one.open, one.high, one.low, one.close, one.volume) for one in done]
    theirs = roll_up(series, np.full(len(ts), at(0)), int(timeframe))
    columns = (theirs.ts, theirs.open, theirs.high, theirs.low, theirs.close, theirs.volume)
    assert ours == list(zip(*(column.tolist() for column in columns), strict=True))
    assert [one.ts_event for one in done] == [UnixNanos(one.ts_open + timeframe * NANOS_PER_MINUTE) for one in done]
