"""A symbol that is followed from the middle of the day decides as if it had been followed from the start."""

from __future__ import annotations

import numpy as np
import pytest

from sos_actors.config import Risk
from sos_actors.engine.engine import Engine, Event
from sos_actors.engine.following import SymbolDropped, SymbolFollowed, SymbolPast
from sos_actors.messages.market import BarClosed, ScreenerAlert, Sentiment
from sos_actors.messages.signals import SignalFormed
from sos_actors.strategy.surroundings import sentiment_values, without_levels
from sos_actors.types import NANOS_PER_MINUTE, Regime, UnixNanos
from tests.engine.brokers import bar_closed, make_engine
from tests.engine.markets import FIRST, NIFTY, SECOND, STOCKS, Market, minute, strategy
from tests.engine.test_step_equals_sweep import MOODS, stocks

RISK = Risk(max_open_positions=50, max_per_symbol=50, max_trades_per_day=5000, max_daily_loss_inr=1e9)
STRATEGIES = [
    strategy("UP_1", "close > prev_candle.close"),
    strategy("MOOD", "sentiment.pcr > 1.1"),
    strategy("MEAN", "close > moving_avg(history, 20, 'close')", side="SELL"),
    strategy("FIVE", "close > open", timeframe="5m"),
    strategy("QUARTER", "close > ema(history, 9, 'close')", timeframe="15m"),
    strategy("RVOL", "screener.rvol > 2"),
]  # fmt: skip


@pytest.fixture
def market() -> Market:
    return stocks(11, days=(SECOND,), warm_up=(FIRST,), holes=0.05)


def moods_of(day_start: int) -> list[Sentiment]:
    first = minute(FIRST, 0)
    return [Sentiment(UnixNanos(int(told.ts_event) - first + day_start), told.symbol, told.regime, told.pcr,
                      advances=told.advances, declines=told.declines) for told in MOODS]  # fmt: skip


def alert_of(symbol: str, ts: int, rvol: float) -> ScreenerAlert:
    return ScreenerAlert(UnixNanos(ts), symbol, "ADD", rvol=rvol)


def events_of(market: Market, symbols: list[str]) -> list[Event]:
    bars: list[Event] = [bar_closed(symbol, market.bars[symbol], row) for symbol in symbols
            for row in range(len(market.bars[symbol]))]  # fmt: skip
    told: list[Event] = [
        *moods_of(minute(SECOND, 0)),
        *(alert_of(symbol, minute(SECOND, 12), 3.0) for symbol in symbols),
    ]
    order: dict[type, int] = {BarClosed: 1}
    return sorted([*bars, *told], key=lambda event: (int(event.ts_event), order.get(type(event), 0)))


def past_of(market: Market, symbol: str, until: int) -> SymbolPast:
    bars = market.bars[symbol]
    told = [one for one in moods_of(minute(SECOND, 0)) if one.ts_event <= until]
    values = np.array([without_levels(sentiment_values(one)) for one in told]).reshape(-1, 12)
    alerts = (alert_of(symbol, minute(SECOND, 12), 3.0),) if until >= minute(SECOND, 12) else ()
    return SymbolPast(
        bars[bars.ts + NANOS_PER_MINUTE <= until], np.array([one.ts_event for one in told], np.int64), values, alerts
    )


def signals(engine: Engine, events: list[Event], after: int) -> list[tuple[object, ...]]:
    formed = [one for decided in engine.step_batch(events) for one in decided if isinstance(one, SignalFormed)]
    return [
        (one.ts_event, one.symbol, one.strategy, one.regime, one.entry, one.stop, one.target)
        for one in formed
        if one.ts_event > after
    ]


@pytest.mark.parametrize("index", [0, 1, 3, 14, 90, 201])
def test_the_past_warms_up_as_having_been_there_does(market: Market, index: int) -> None:
    now = minute(SECOND, index)
    events = events_of(market, [one.symbol for one in STOCKS])
    whole = make_engine(market, market.plan(STRATEGIES, RISK), RISK)
    expected = signals(whole, events, now)
    assert len({row[2] for row in expected}) >= len(STRATEGIES) - 1  # a mood grows stale
    nobody = Market((), {}, market.days, market.warm_up)
    engine = make_engine(nobody, nobody.plan(STRATEGIES, RISK), RISK)
    before = [event for event in events if event.ts_event <= now and isinstance(event, Sentiment)]
    follow = [SymbolFollowed(UnixNanos(now), one, past_of(market, one.symbol, now)) for one in STOCKS]
    rest = [event for event in events if event.ts_event > now]
    assert signals(engine, [*before, *follow, *rest], now) == expected


def test_history_and_feed_may_overlap(market: Market) -> None:
    now, again = minute(SECOND, 30), minute(SECOND, 20)
    name = STOCKS[0].symbol
    events = events_of(market, [name])
    one = Market(STOCKS[:1], {name: market.bars[name]}, market.days, market.warm_up)
    expected = signals(make_engine(one, one.plan(STRATEGIES, RISK), RISK), events, now)
    nobody = Market((), {}, market.days, market.warm_up)
    engine = make_engine(nobody, nobody.plan(STRATEGIES, RISK), RISK)
    follow = SymbolFollowed(UnixNanos(now), STOCKS[0], past_of(market, name, now))
    rest = [event for event in events if event.ts_event > again]
    assert signals(engine, [follow, *rest], now) == expected


def test_a_symbol_that_begins_anew_forgets_what_it_had_and_knows_its_past(market: Market) -> None:
    now, name = minute(SECOND, 40), STOCKS[1].symbol
    events = events_of(market, [one.symbol for one in STOCKS])
    plan = market.plan(STRATEGIES, RISK)
    expected = signals(make_engine(market, plan, RISK), events, now)
    engine = make_engine(market, plan, RISK)
    early = [event for event in events if event.ts_event <= now]
    broken = [event for event in early if event.symbol != name or int(event.ts_event) % 7]  # type: ignore[union-attr]
    signals(engine, broken, now)
    follow = SymbolFollowed(UnixNanos(now), STOCKS[1], past_of(market, name, now))
    rest = [event for event in events if event.ts_event > now]
    assert sorted(signals(engine, [follow, *rest], now), key=str) == sorted(expected, key=str)


def test_a_dropped_symbol_is_silent_and_its_row_serves_the_next(market: Market) -> None:
    now, names = minute(SECOND, 60), [one.symbol for one in STOCKS]
    nobody = Market((), {}, market.days, market.warm_up)
    engine = make_engine(nobody, nobody.plan(STRATEGIES, RISK), RISK)
    for turn in range(40):  # more symbols than there are rows, one after the other
        one = STOCKS[turn % 3]
        engine.step(SymbolFollowed(UnixNanos(now), one, past_of(market, one.symbol, now)))
        engine.step(SymbolDropped(UnixNanos(now), one.symbol))
    rest = [event for event in events_of(market, names) if event.ts_event > now]
    assert signals(engine, rest, now) == []
    whole = signals(make_engine(market, market.plan(STRATEGIES, RISK), RISK), events_of(market, names), now)
    engine = make_engine(nobody, nobody.plan(STRATEGIES, RISK), RISK)
    engine.step(SymbolFollowed(UnixNanos(now), STOCKS[2], past_of(market, names[2], now)))
    engine.step(SymbolDropped(UnixNanos(now), names[2]))
    engine.step(SymbolFollowed(UnixNanos(now), STOCKS[0], past_of(market, names[0], now)))
    assert signals(engine, rest, now) == [row for row in whole if row[1] == names[0]]


def test_an_index_reads_the_open_interest_of_its_options_from_its_mood() -> None:
    day = minute(SECOND, 0)
    market = Market((NIFTY,), {NIFTY.symbol: stocks(1).bars[STOCKS[0].symbol]}, (SECOND,), (FIRST,))
    engine = make_engine(market, market.plan([strategy("OI", "oi > 500")], RISK), RISK)
    bars = [BarClosed(UnixNanos(day + (k + 1) * NANOS_PER_MINUTE), NIFTY.symbol, UnixNanos(day + k * NANOS_PER_MINUTE),
                      100.0, 101.0, 99.0, 100.5) for k in range(4)]  # fmt: skip
    mood = Sentiment(UnixNanos(day + 2 * NANOS_PER_MINUTE), NIFTY.symbol, Regime.BULLISH, pcr=1.0, total_oi=700.0)
    decided = engine.step_batch([bars[0], mood, *bars[1:]])
    formed = [one.ts_event for answer in decided for one in answer if isinstance(one, SignalFormed)]
    assert formed == [bar.ts_event for bar in bars[1:]]
