"""A symbol whose prices disagree between two sources takes no entries; what is held goes on."""

from __future__ import annotations

from sos_actors.engine.engine import Engine
from sos_actors.engine.following import SymbolFollowed, SymbolPast
from sos_actors.engine.positions import Decision
from sos_actors.engine.records import REASON_TEXT, Outcome, Reason
from sos_actors.messages.market import BarClosed, QuarantineChanged, Tick, TimerFired
from sos_actors.messages.signals import EntryRefused, SignalFormed
from sos_actors.messages.trading import OrderStatus, OrderUpdated, Purpose, SubmitOrder
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos
from tests.engine.brokers import make_engine
from tests.engine.markets import FIRST, SECOND, STOCKS, Market, minute, strategy, walk
from tests.engine.sweeps import Sweep, flat

NAME, OTHER = STOCKS[0].symbol, STOCKS[1].symbol
LONG = (0, 5, 0, 1, 100.0, 98.0, 103.0)


def engine_for(timeframe: str = "1m") -> Engine:
    market = Market(STOCKS[:2], {one.symbol: walk([FIRST], 1) for one in STOCKS[:2]}, (FIRST, SECOND))
    return make_engine(market, market.plan([strategy("GO", "close > 0", timeframe=timeframe)]))


def bar(engine: Engine, index: int, symbol: str = NAME, close: float = 100.0) -> list[Decision]:
    ts = UnixNanos(minute(FIRST, index))
    closes = UnixNanos(ts + NANOS_PER_MINUTE)
    return engine.step(BarClosed(closes, symbol, ts, close, close, close, close, 10.0))


def turn(engine: Engine, ts: int, on: bool, symbol: str = NAME) -> None:
    assert engine.step(QuarantineChanged(UnixNanos(ts), symbol, on, 101.0, 100.0, "tradingview")) == []


def refused(decisions: list[Decision]) -> list[tuple[str, str]]:
    return [(one.outcome, one.reason) for one in decisions if isinstance(one, EntryRefused)]


def submitted(decisions: list[Decision]) -> list[SubmitOrder]:
    return [one for one in decisions if isinstance(one, SubmitOrder)]


def test_a_signal_of_a_quarantined_symbol_is_denied_until_it_is_released() -> None:
    engine = engine_for()
    turn(engine, minute(FIRST, 1), True)
    decisions = bar(engine, 0)
    assert any(isinstance(one, SignalFormed) for one in decisions)
    assert refused(decisions) == [("denied", "prices disagree")]
    assert submitted(bar(engine, 0, OTHER))
    turn(engine, minute(FIRST, 2), False)
    assert submitted(bar(engine, 1))
    assert engine.signals["quarantined"].tolist() == [1, 0, 0]
    assert engine.signals["reason"].tolist() == [Reason.QUARANTINED, 0, 0]


def test_it_counts_for_bars_that_close_then_or_later_in_whatever_order_it_is_told() -> None:
    engine = engine_for()
    turn(engine, minute(FIRST, 3), False)
    turn(engine, minute(FIRST, 1) + 1, True)
    assert refused(bar(engine, 0)) == []
    assert refused(bar(engine, 1)) == [("denied", "prices disagree")]
    assert refused(bar(engine, 2)) == [("denied", REASON_TEXT[Reason.PER_SYMBOL])]


def test_a_longer_bar_that_the_clock_closes_heeds_what_held_when_it_ended() -> None:
    engine = engine_for("5m")
    bar(engine, 1)
    turn(engine, minute(FIRST, 5) + 1, True)
    assert submitted(engine.step(TimerFired(UnixNanos(minute(FIRST, 6)))))
    bar(engine, 6, OTHER)
    turn(engine, minute(FIRST, 10), True, OTHER)
    assert refused(engine.step(TimerFired(UnixNanos(minute(FIRST, 11))))) == [("denied", "prices disagree")]


def test_orders_stops_and_the_square_off_go_on() -> None:
    """The order that waits fills, its target is taken; another position is squared off in time."""
    engine = engine_for()
    entries = [*submitted(bar(engine, 0)), *submitted(bar(engine, 0, OTHER))]
    for symbol in (NAME, OTHER):
        turn(engine, minute(FIRST, 1) + 1, True, symbol)
    at = UnixNanos(minute(FIRST, 1) + 2)
    for order in entries:
        engine.step(OrderUpdated(at, order.order_id, OrderStatus.FILLED, order.quantity, 100.0))
    assert refused(bar(engine, 1)) == [("denied", "prices disagree")]
    taken = submitted(engine.step(Tick(UnixNanos(at + NANOS_PER_SECOND), NAME, 102.5)))
    assert [(one.purpose, one.reason) for one in taken] == [(Purpose.EXIT, "target")]
    squared = submitted(engine.step(TimerFired(UnixNanos(minute(FIRST, 366)))))
    assert [(one.symbol, one.reason) for one in squared] == [(OTHER, "square_off")]


def test_it_outlives_that_the_symbol_is_followed_anew() -> None:
    engine = engine_for()
    turn(engine, minute(FIRST, 0), True)
    for followed in list(engine.followers.plan.symbols):
        engine.step(SymbolFollowed(UnixNanos(minute(FIRST, 0) + 1), followed, SymbolPast()))
    assert refused(bar(engine, 0)) == [("denied", "prices disagree")]
    assert submitted(bar(engine, 0, OTHER))


def test_a_symbol_nobody_follows_is_no_matter() -> None:
    engine = engine_for()
    turn(engine, minute(FIRST, 0), True, "NSE|FO|NIFTY 25600 CE 13 JAN 26")
    assert submitted(bar(engine, 0))


def test_a_mood_that_vetoes_and_levels_without_sense_are_told_first_and_limits_after() -> None:
    run = Sweep([flat()], [(*LONG, 4), (0, 5, 0, 1, 100.0, 101.0, 103.0), (*LONG, 0, 0.0), LONG, LONG])
    run.account.signals["quarantined"][:4] = 1
    assert run.run().outcomes == [
        (Outcome.VETOED, Reason.REGIME_VETO),
        (Outcome.REFUSED, Reason.RISK_NOT_POSITIVE),
        (Outcome.DENIED, Reason.QUARANTINED),
        (Outcome.DENIED, Reason.QUARANTINED),
        (Outcome.TRADED, Reason.NONE),
    ]
    assert int(run.account.book["trades_today"][0]) == 1
