"""What the engine makes of bars, sentiment and alerts that come as events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from sos_actors.engine.engine import Engine
from sos_actors.engine.positions import Decision
from sos_actors.messages.market import BarClosed, ScreenerAlert, Sentiment, TimerFired
from sos_actors.messages.signals import SignalFormed
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_MINUTE, Regime, UnixNanos
from tests.engine.brokers import make_engine
from tests.engine.markets import FIRST, NIFTY, SECOND, STOCKS, Market, minute, strategy, walk

NAME, OTHER = STOCKS[0].symbol, STOCKS[1].symbol
SILENT = {regime: {"allow_entry": False} for regime in ("UNKNOWN", "SIDEWAYS")}


def engine_for(strategies: Sequence[Strategy], days: Sequence[date] = (FIRST, SECOND)) -> Engine:
    market = Market(STOCKS[:2], {one.symbol: walk([FIRST], 1) for one in STOCKS[:2]}, days)
    return make_engine(market, market.plan(strategies))


def bar(engine: Engine, index: int, *, symbol: str = NAME, day: date = FIRST, close: float = 100.0) -> list[Decision]:
    ts = UnixNanos(minute(day, index))
    closes = UnixNanos(ts + NANOS_PER_MINUTE)
    return engine.step(BarClosed(closes, symbol, ts, close, close, close, close, 10.0))


def mood(engine: Engine, index: float, regime: Regime, symbol: str = NIFTY.symbol) -> None:
    ts = UnixNanos(minute(FIRST, 0) + int(index * NANOS_PER_MINUTE))
    engine.step(Sentiment(ts, symbol, regime, pcr=1.2))


def regimes(decisions: list[Decision]) -> list[Regime]:
    return [one.regime for one in decisions if isinstance(one, SignalFormed)]


def fired(decisions: list[Decision]) -> list[int]:
    return [one.ts_event for one in decisions if isinstance(one, SignalFormed)]


def test_a_bar_that_arrives_after_a_newer_sentiment_is_seen_with_the_one_known_when_it_closed() -> None:
    engine = engine_for([strategy("GO", "close > 0")])
    mood(engine, 0.5, Regime.BULLISH)
    mood(engine, 1.01, Regime.BEARISH)
    assert regimes(bar(engine, 0)) == [Regime.BULLISH]
    assert regimes(bar(engine, 1)) == [Regime.BEARISH]


def test_a_sentiment_out_of_order_is_too_late() -> None:
    engine = engine_for([strategy("GO", "close > 0")])
    mood(engine, 0.5, Regime.BULLISH)
    mood(engine, 0.4, Regime.BEARISH)
    assert regimes(bar(engine, 0)) == [Regime.BULLISH]


def test_an_old_sentiment_counts_as_unknown() -> None:
    engine = engine_for([strategy("GO", "close > 0")])
    mood(engine, 1, Regime.BULLISH)
    assert regimes(bar(engine, 10)) == [Regime.BULLISH]
    assert regimes(bar(engine, 11)) == [Regime.UNKNOWN]


def test_the_markets_mood_serves_a_symbol_until_it_has_its_own() -> None:
    engine = engine_for([strategy("GO", "close > 0")])
    mood(engine, 0.5, Regime.BULLISH)
    mood(engine, 1.2, Regime.BEARISH, NAME)
    assert regimes(bar(engine, 0)) == [Regime.UNKNOWN], "its own came later; the market's is forgotten"
    assert regimes(bar(engine, 1)) == [Regime.BEARISH]
    mood(engine, 2.5, Regime.BULLISH)
    assert regimes(bar(engine, 2)) == [Regime.BEARISH]
    assert regimes(bar(engine, 2, symbol=OTHER)) == [Regime.BULLISH]


def test_the_markets_mood_is_lent_without_its_strikes() -> None:
    engine = engine_for([strategy("WALL", "close > sentiment.oi_wall_above"), strategy("MOOD", "sentiment.pcr > 1")])
    for symbol in (NIFTY.symbol, NAME):
        engine.step(Sentiment(UnixNanos(minute(FIRST, 0)), symbol, Regime.BULLISH, pcr=1.2, oi_wall_above=50.0))
    assert len(fired(bar(engine, 0))) == 2
    assert len(fired(bar(engine, 0, symbol=OTHER))) == 1


def test_a_pattern_sees_the_last_screener_row() -> None:
    engine = engine_for([strategy("HOT", "screener.rvol > 2")])
    assert fired(bar(engine, 0)) == []
    engine.step(ScreenerAlert(UnixNanos(minute(FIRST, 2)), NAME, "ADD", rvol=3.0))
    assert fired(bar(engine, 1)) == [minute(FIRST, 2)]
    assert fired(bar(engine, 1, symbol=OTHER)) == []


@pytest.mark.parametrize("index", [-8, -1, 375, 400])
def test_bars_outside_the_session_are_left_out(index: int) -> None:
    engine = engine_for([strategy("GO", "close > 0"), strategy("FIVE", "close > 0", timeframe="5m")])
    assert bar(engine, index) == []
    assert len(engine.signals) == 0


def test_a_bar_on_a_day_without_a_session_is_left_out_and_opens_none() -> None:
    engine = engine_for([strategy("GO", "close > 0")])
    saturday = UnixNanos(minute(FIRST, 5 * 24 * 60))
    for symbol in (NAME, "NSE|FO|NIFTY 25600 CE 20 JAN 26"):
        assert engine.step(BarClosed(saturday, symbol, saturday, 1.0, 1.0, 1.0, 1.0)) == []
    assert fired(bar(engine, 0)) == [minute(FIRST, 1)]
    assert engine.signals["session"].tolist() == [0]


def test_a_bar_of_an_earlier_day_trades_nothing_and_leaves_the_days_figures_alone() -> None:
    engine = engine_for([strategy("GO", "close > 0")])
    bar(engine, 0)
    bar(engine, 0, symbol=OTHER, day=SECOND)
    traded = int(engine.account.book["trades_today"][0])
    assert bar(engine, 100) == []
    assert bar(engine, 100, symbol=OTHER) == []
    assert int(engine.account.book["trades_today"][0]) == traded == 1
    assert engine.signals["session"].tolist() == [0, 1]


def test_a_longer_bar_closes_with_its_last_minute_or_when_the_clock_says_so() -> None:
    engine = engine_for([strategy("FIVE", "close > 0", timeframe="5m")])
    for index in range(4):
        assert bar(engine, index) == []
    assert fired(bar(engine, 4)) == [minute(FIRST, 5)]
    bar(engine, 7)
    assert fired(engine.step(TimerFired(UnixNanos(minute(FIRST, 9))))) == []
    assert fired(engine.step(TimerFired(UnixNanos(minute(FIRST, 10))))) == [minute(FIRST, 10)]
    assert engine.signals["late"].tolist() == [0, 1]
    assert fired(engine.step(TimerFired(UnixNanos(minute(FIRST, 15))))) == []


def test_a_longer_bar_nobody_closed_keeps_its_own_session() -> None:
    engine = engine_for([strategy("FIVE", "close > 0", timeframe="5m")])
    bar(engine, 371)
    assert fired(bar(engine, 0, day=SECOND)) == [minute(FIRST, 375)]
    assert engine.signals["session"].tolist() == [0]
    warm = engine_for([strategy("FIVE", "close > 0", timeframe="5m")], days=(SECOND,))
    bar(warm, 371)
    assert fired(bar(warm, 0, day=SECOND)) == [], "it belongs to the warm-up"


def test_a_regime_that_forbids_entry_keeps_the_pattern_from_starting() -> None:
    engine = engine_for([strategy("GO", "close > 0", regimes=SILENT)])
    assert fired(bar(engine, 0)) == []
    mood(engine, 1.5, Regime.BULLISH)
    assert fired(bar(engine, 1)) == [minute(FIRST, 2)]


def test_records_grow_without_end() -> None:
    engine = engine_for([strategy("GO", "close > 0")])
    for index in range(375):
        bar(engine, index)
        bar(engine, index, symbol=OTHER)
    assert len(engine.signals) == 750
    assert (engine.signals["ts"][::2] - minute(FIRST, 1)).tolist() == [k * NANOS_PER_MINUTE for k in range(375)]


def test_a_contract_is_another_instrument_each_day() -> None:
    """Charges and lots may change overnight; prices still find what is held by its name."""
    contract = "NSE|FO|NIFTY 25600 CE 20 JAN 26"
    bars = walk([FIRST, SECOND], 1, start=200.0)
    market = Market((NIFTY,), {NIFTY.symbol: bars}, (FIRST, SECOND), (), {contract: bars}, (date(2026, 1, 20),))
    plan = market.plan([strategy("GO", "close > 0", sl="entry - 10", tp="entry + 10")])
    engine = make_engine(market, plan)
    for day in (FIRST, SECOND):
        ts = UnixNanos(minute(day, 0))
        closes = UnixNanos(ts + NANOS_PER_MINUTE)
        engine.step(BarClosed(closes, contract, ts, 200.0, 201.0, 199.0, 200.0, 65.0))
        engine.step(BarClosed(closes, NIFTY.symbol, ts, 25_600.0, 25_601.0, 25_599.0, 25_600.0))
        engine.account.positions["state"] = 0
        engine.account.book["active"] = 0
    assert engine.instruments == [contract, contract]
