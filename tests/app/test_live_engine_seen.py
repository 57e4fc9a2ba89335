"""What is shown of the engine is what it holds, and what became of its signals."""

from __future__ import annotations

from sos_actors.app.live_engine_seen import seen_in
from sos_actors.engine.positions import order_of
from sos_actors.messages.trading import EntriesStopped, FlattenRequested, OrderStatus
from sos_actors.types import UnixNanos
from tests.engine.markets import OPTION_RATES, RATES
from tests.engine.test_ladder import NAME, Trader

BOTH = {True: OPTION_RATES, False: RATES}


def test_a_position_is_shown_with_what_it_would_bring() -> None:
    trader = Trader()
    trader.bar()
    (entry,) = seen_in(trader.engine).orders()
    assert (entry.order_id, entry.symbol, entry.side, entry.purpose) == (order_of(1), NAME, "buy", "entry")
    assert seen_in(trader.engine).position_rows(BOTH) == ()
    trader.told(order_of(1), OrderStatus.FILLED, 400, 100.0)
    trader.bar(101.0)
    (held,) = seen_in(trader.engine).position_rows(BOTH)
    assert (held.symbol, held.side, held.quantity, held.entry, held.stop, held.target) == (
        NAME, "buy", 400, 100.0, 95.0, 105.0,
    )  # fmt: skip
    assert held.gross == 0.0, "no tick has come since it was filled"
    assert held.charges is not None
    assert held.charges > 0
    assert not held.exiting


def test_an_exit_on_its_way_is_shown_with_the_order() -> None:
    trader = Trader()
    trader.bar()
    trader.told(order_of(1), OrderStatus.FILLED, 1000, 100.0)
    trader.engine.step(FlattenRequested(trader.at(), "kill switch"))
    seen = seen_in(trader.engine)
    assert [one.exiting for one in seen.position_rows(BOTH)] == [True]
    assert [(one.order_id, one.side, one.quantity, one.purpose) for one in seen.orders()] == [
        (order_of(1, 1), "sell", 1000, "exit")
    ]


def test_signals_are_shown_with_what_became_of_them() -> None:
    trader = Trader()
    trader.bar()
    trader.engine.step(EntriesStopped(UnixNanos(trader.now), True, "doubt"))
    trader.bar()
    seen = seen_in(trader.engine)
    assert [(one.signal_id, one.strategy, one.outcome, one.reason) for one in seen.signal_rows()] == [
        (0, "ALWAYS", "traded", ""), (1, "ALWAYS", "denied", "entries are stopped"),
    ]  # fmt: skip
    assert {one.outcome: one.count for one in seen.outcomes} == {"traded": 1, "denied": 1}


def test_what_was_seen_does_not_change_with_the_engine() -> None:
    trader = Trader()
    trader.bar()
    before = seen_in(trader.engine)
    trader.told(order_of(1), OrderStatus.FILLED, 1000, 100.0)
    trader.bar()
    assert before.position_rows(BOTH) == ()
    assert len(before.signal_rows()) == 1
