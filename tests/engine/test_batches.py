"""Several events at once decide what one after the other decides, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sos_actors.config import Risk
from sos_actors.engine.bars import roll_up
from sos_actors.engine.engine import Engine, Event
from sos_actors.engine.positions import Decision
from sos_actors.engine.watching import Row, folded
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model import MarketModel
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_MINUTE
from tests.engine.brokers import Playback, make_engine
from tests.engine.markets import CALENDAR, FIRST, NIFTY, SECOND, Market, minute, strategy
from tests.engine.test_step_equals_sweep import EXPIRY, MOODS, quarantine, stocks


def strategies_of_all_timeframes() -> list[Strategy]:
    return [
        strategy("UP_1", "close > prev_candle.close"),
        strategy("DOWN_1", "close < lowest(history, 3, 'low') + 0.1", side="SELL"),
        strategy("UP_3", "close > open", timeframe="3m", sl="entry - 0.4", tp="entry + 0.6"),
        strategy("EMA_5", "close > ema(history, 5, 'close')", timeframe="5m", symbols=("TCS", "SBIN")),
    ]


def in_pieces(engine: Engine, events: Sequence[Event], sizes: Sequence[int]) -> list[Decision]:
    decided: list[Decision] = []
    first, turn = 0, 0
    while first < len(events):
        piece = events[first : first + sizes[turn % len(sizes)]]
        answers = engine.step_batch(piece)
        assert len(answers) == len(piece)
        decided += [decision for answer in answers for decision in answer]
        first, turn = first + len(piece), turn + 1
    return decided


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8),
       holes=st.sampled_from((0.0, 0.3)))  # fmt: skip
def test_any_pieces_of_a_day_decide_alike(seed: int, sizes: list[int], holes: float) -> None:
    market = stocks(seed, bars=60, holes=holes, idle=0.2)
    market = Market(market.followed, market.bars, market.days, (), sentiments=MOODS,
                    quarantines=[quarantine(market.followed[0].symbol, minute(FIRST, 9))])  # fmt: skip
    risk = Risk(max_open_positions=3, max_trades_per_day=500)
    plan = market.plan(strategies_of_all_timeframes(), risk)
    played = Playback(market, plan, risk).run()
    assert played.decisions
    engine = make_engine(market, plan, risk)
    assert in_pieces(engine, played.events, sizes) == played.decisions
    assert engine.signals.tobytes() == played.engine.signals.tobytes()
    assert engine.trades.tobytes() == played.engine.trades.tobytes()
    assert engine.account.positions.tobytes() == played.engine.account.positions.tobytes()


def test_a_contracts_bar_between_two_index_bars_is_known_to_the_second_only() -> None:
    session = MarketModel(7, CALENDAR).session(FIRST)
    market = Market((NIFTY,), {NIFTY.symbol: session.candles(NIFTY.symbol)}, (FIRST,), (),
                    session.option_candles("NIFTY"), (EXPIRY,), MOODS)  # fmt: skip
    plan = market.plan([strategy("UP", "close > prev_candle.close", sl="entry - 12", tp="entry + 20")])
    played = Playback(market, plan).run()
    assert len(played.engine.trades)
    for size in (2, 7, 500):
        assert in_pieces(make_engine(market, plan), played.events, [size]) == played.decisions


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(*[st.floats(0.05, 1e6)] * 4, st.one_of(st.just(np.nan), st.integers(0, 10**9).map(float)),
                          st.one_of(st.just(np.nan), st.floats(0, 1e9))), min_size=1, max_size=15))  # fmt: skip
def test_minutes_fold_as_history_rolls_them_up(rows: list[Row]) -> None:
    ts = minute(FIRST, 0) + np.arange(len(rows)) * NANOS_PER_MINUTE
    rolled = roll_up(BarSeries(ts, *np.array(rows).T.copy()), np.full(len(rows), minute(FIRST, 0)), 15)
    expected = [float(getattr(rolled, name)[0]) for name in ("open", "high", "low", "close", "volume", "oi")]
    assert np.array(folded(rows)).tobytes() == np.array(expected).tobytes()


def test_a_minute_that_comes_twice_counts_once() -> None:
    market = stocks(3, days=(SECOND,), bars=30, count=1)
    plan = market.plan(strategies_of_all_timeframes())
    played = Playback(market, plan).run()
    engine = make_engine(market, plan)
    doubled = [event for event in played.events for _ in range(2 if hasattr(event, "ts_open") else 1)]
    assert in_pieces(engine, doubled, [4]) == played.decisions
