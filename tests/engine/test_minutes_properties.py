"""Whatever a feed does to its frames: each minute at most once, in order, the exchange's own where it came in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.engine.minutes import MinuteBuilder
from sos_actors.market.calendar import Calendar
from sos_actors.messages.feed import MinuteBar, Quote
from sos_actors.messages.market import BarClosed, BarSeries
from sos_actors.simulator.upstox.feed_frames import FrameWriter
from sos_actors.simulator.upstox.feed_schedule import SLOT_NS, FeedSchedule
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND
from sos_actors.vendors.upstox.feed_decode import FeedDecoder
from tests.simulator.markets import SEED, model_market, moment

TODAY = date(2026, 1, 13)
GRACE = 5 * NANOS_PER_SECOND
"""The simulated feed, which pauses as the real one does, tells of one minute in four only after two seconds."""
START = moment("2026-01-13 10:30")
SYMBOLS = ("NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE", "NSE|FO|NIFTY 25600 CE 13 JAN 26")
FIRST_MINUTE, LAST_MINUTE = moment("2026-01-13 09:15"), moment("2026-01-13 09:45")

frames = st.lists(
    st.tuples(
        st.sampled_from(SYMBOLS),
        st.integers(0, 20_000),  # hundredths of a second until it comes
        st.integers(-9_000, 100),  # how much older the trade is, hundredths of a second
        st.integers(-3, 0),  # how many minutes back the candle is
        st.integers(1, 5),  # price
        st.sampled_from(("quote", "quote", "quote", "no minute", "time", "lost", "twice")),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(frames)
def test_each_minute_is_closed_at_most_once_and_in_order(steps: list[tuple[str, int, int, int, int, str]]) -> None:
    made = MinuteBuilder(Calendar.default(), GRACE)
    closed: list[BarClosed] = []
    corrected: list[BarClosed] = []
    told: set[tuple[str, int]] = set()
    now = START
    for symbol, pause, older, back, price, what in steps:
        now += pause * 10_000_000
        if what == "lost":
            made.interrupted()
            continue
        if what == "time":
            found = [made.on_time(now)]
        else:
            opened = (now // NANOS_PER_MINUTE + back - 1) * NANOS_PER_MINUTE
            candle = None if what == "no minute" else MinuteBar(opened, price, price, price, price, 10)
            quote = Quote("key", float(price), now + older * 10_000_000, 1, 1.0, price * 10, minute=candle)
            found = [made.on_quote(symbol, quote, now) for _ in range(2 if what == "twice" else 1)]
            if candle is not None:
                told.add((symbol, opened))
        for part in found:
            closed += part.closed
            corrected += part.corrections
            for gap in part.gaps:
                assert gap.first <= gap.last < part.closed[-1].ts_open
    for symbol in SYMBOLS:
        opens = [bar.ts_open for bar in closed if bar.symbol == symbol]
        assert opens == sorted(set(opens))
    for bar in (*closed, *corrected):
        assert bar.ts_event == bar.ts_open + NANOS_PER_MINUTE
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.provisional or (bar.symbol, bar.ts_open) in told
    stood_in = {(bar.symbol, bar.ts_open) for bar in closed if bar.provisional}
    corrections = [(bar.symbol, bar.ts_open) for bar in corrected]
    assert len(corrections) == len(set(corrections))
    assert stood_in.issuperset(corrections)


def told_by_the_feed(
    symbol: str, spoil: Callable[[list[tuple[int, bytes]]], list[tuple[int, bytes]]]
) -> list[BarClosed]:
    """Bars built of the simulator's frames of half an hour; a minute's clock strikes at its end and after the grace."""
    market = model_market()
    listing = market.named(symbol, TODAY)
    assert listing is not None
    writer, schedule, decoder = FrameWriter(market), FeedSchedule(market, SEED), FeedDecoder()
    sent = [
        (update.slot * SLOT_NS, writer.quotes([(listing, "full", update)], update.slot * SLOT_NS))
        for minute in range(FIRST_MINUTE, LAST_MINUTE + NANOS_PER_MINUTE, NANOS_PER_MINUTE)
        for update in schedule.updates(listing, minute)
    ]
    made, closed = MinuteBuilder(market.calendar, GRACE), []
    minute = FIRST_MINUTE
    for at, frame in spoil(sent):
        while at >= minute + GRACE:
            closed += made.on_time(minute + GRACE).closed
            minute += NANOS_PER_MINUTE
        for quote in decoder.decode(frame).quotes:
            closed += made.on_quote(symbol, quote, at).closed
    return closed


def columns(bars: list[BarClosed]) -> BarSeries:
    def floats(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        told = [getattr(bar, name) for bar in bars]
        return np.array([np.nan if value is None else value for value in told], np.float64)

    named = [floats(name) for name in ("open", "high", "low", "close", "volume", "oi")]
    return BarSeries(np.array([bar.ts_open for bar in bars], np.int64), *named)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_bars_of_the_simulated_feed_are_the_candles_of_its_history(symbol: str) -> None:
    bars = [bar for bar in told_by_the_feed(symbol, lambda sent: sent) if bar.ts_open < LAST_MINUTE]
    listing = model_market().named(symbol, TODAY)
    assert listing is not None
    history = model_market().candles(listing, TODAY)
    history = history[history.ts < LAST_MINUTE]
    assert not any(bar.provisional for bar in bars)
    made = columns(bars)
    for name in ("ts", "open", "high", "low", "close", "volume", "oi"):
        np.testing.assert_array_equal(getattr(made, name), getattr(history, name), name)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_feed_that_drops_repeats_and_swaps_frames_still_tells_true_minutes(symbol: str) -> None:
    chance = Random(7)

    def spoil(sent: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        frames = [frame for frame in sent for _ in range(chance.choice((0, 0, 1, 1, 1, 2)))]
        times = [at for at, _ in frames]
        for place in range(0, len(frames) - 1, 2):
            frames[place], frames[place + 1] = frames[place + 1], frames[place]
        return [(at, frame) for at, (_, frame) in zip(times, frames, strict=True)]

    bars = told_by_the_feed(symbol, spoil)
    opens = [bar.ts_open for bar in bars]
    assert opens == sorted(set(opens))
    listing = model_market().named(symbol, TODAY)
    assert listing is not None
    history = model_market().candles(listing, TODAY)
    official = [bar for bar in bars if not bar.provisional]
    assert len(official) >= 20
    truth = {int(ts): row for row, ts in enumerate(history.ts)}
    for bar in official:
        row = truth[bar.ts_open]
        prices = (history.open[row], history.high[row], history.low[row], history.close[row])
        assert (bar.open, bar.high, bar.low, bar.close) == prices
