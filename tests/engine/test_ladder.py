"""The rungs of the ladder as the engine obeys them, and a broker that knows better than we do."""

from __future__ import annotations

import pytest

from sos_actors.config import Risk
from sos_actors.engine.engine import Engine
from sos_actors.engine.positions import Decision, order_of
from sos_actors.engine.records import ExitReason
from sos_actors.messages.market import BarClosed, Tick, TimerFired
from sos_actors.messages.trading import (
    CancelOrder,
    EntriesStopped,
    EntriesWithdrawn,
    FlattenRequested,
    OrderStatus,
    OrderUpdated,
    PositionClosed,
    PositionCorrected,
    PositionOpened,
    SubmitOrder,
)
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Side, UnixNanos
from tests.engine.brokers import make_engine
from tests.engine.markets import FIRST, STOCKS, Market, minute, strategy

NAME = STOCKS[0].symbol
ENTRY = order_of(1)
EXIT = order_of(1, 1)


class Trader:
    """An engine that follows one stock and enters on every bar."""

    def __init__(self) -> None:
        market = Market(STOCKS[:1], {}, (FIRST,))
        risk = Risk(max_open_positions=2, max_per_symbol=2)
        plan = market.plan([strategy("ALWAYS", "close > 0", sl="entry - 5", tp="entry + 5")], risk)
        self.engine: Engine = make_engine(market, plan, risk)
        self.now = minute(FIRST, 0)

    def bar(self, price: float = 100.0) -> list[Decision]:
        opened, self.now = self.now, self.now + NANOS_PER_MINUTE
        bar = BarClosed(UnixNanos(self.now), NAME, UnixNanos(opened), price, price, price, price, 100.0)
        return self.engine.step(bar)

    def told(self, order: int, status: OrderStatus, quantity: int = 0, price: float = 0.0) -> list[Decision]:
        return self.engine.step(OrderUpdated(self.at(), order, status, quantity, price))

    def at(self) -> UnixNanos:
        self.now += NANOS_PER_SECOND
        return UnixNanos(self.now)

    def state(self) -> list[int]:
        return [int(one["state"]) for one in self.engine.account.positions]


@pytest.fixture
def trader() -> Trader:
    one = Trader()
    assert isinstance(one.bar()[1], SubmitOrder)
    return one


def orders(decisions: list[Decision]) -> list[tuple[int, Side, int, str]]:
    return [(one.order_id, one.side, one.quantity, one.reason) for one in decisions if isinstance(one, SubmitOrder)]


def test_flattening_leaves_what_is_held_and_takes_entries_back(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.FILLED, 1000, 100.0)
    second = trader.bar()
    assert orders(second)
    decided = trader.engine.step(FlattenRequested(trader.at(), "kill switch"))
    assert orders(decided) == [(EXIT, Side.SELL, 1000, "flat")]
    assert [one.order_id for one in decided if isinstance(one, CancelOrder)] == [order_of(2)]


def test_an_entry_that_fills_while_everything_goes_leaves_at_once(trader: Trader) -> None:
    assert trader.engine.step(FlattenRequested(trader.at(), "kill switch")) == [
        CancelOrder(UnixNanos(trader.now), ENTRY)
    ]
    decided = trader.told(ENTRY, OrderStatus.FILLED, 400, 100.0)
    assert isinstance(decided[0], PositionOpened)
    assert orders(decided) == [(EXIT, Side.SELL, 400, "flat")]
    decided = trader.told(EXIT, OrderStatus.FILLED, 400, 99.0)
    assert not [one for one in decided if isinstance(one, PositionClosed)]  # the rest may still fill
    trader.told(ENTRY, OrderStatus.CANCELLED)
    assert trader.state() == [0, 0]
    assert trader.engine.trades["reason"].tolist() == [ExitReason.FLAT]


def test_an_exit_that_failed_while_everything_goes_is_sent_again(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.FILLED, 1000, 100.0)
    trader.engine.step(FlattenRequested(trader.at(), "kill switch"))
    trader.told(EXIT, OrderStatus.REJECTED)
    assert orders(trader.engine.step(TimerFired(trader.at()))) == [(order_of(1, 2), Side.SELL, 1000, "flat")]
    trader.told(order_of(1, 2), OrderStatus.REJECTED)
    assert orders(trader.engine.step(Tick(trader.at(), NAME, 99.0))) == [(order_of(1, 3), Side.SELL, 1000, "flat")]


def test_nothing_is_entered_until_entries_are_allowed_again(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.CANCELLED)
    trader.engine.step(FlattenRequested(trader.at(), "kill switch"))
    assert orders(trader.bar()) == []
    trader.engine.step(EntriesStopped(trader.at(), False, ""))
    ((order, _, quantity, reason),) = orders(trader.bar())
    assert reason == "signal"
    decided = trader.told(order, OrderStatus.FILLED, quantity, 100.0)
    assert orders(decided) == []


def test_exits_only_takes_back_what_waits_and_keeps_what_is_held(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.FILLED, 300, 100.0)
    decided = trader.engine.step(EntriesWithdrawn(trader.at(), "the token has ended"))
    assert decided == [CancelOrder(UnixNanos(trader.now), ENTRY)]
    assert trader.state()[0] == 2
    assert orders(trader.engine.step(Tick(trader.at(), NAME, 94.0))) == [(EXIT, Side.SELL, 300, "stop")]


def test_a_position_somebody_else_sold_is_closed_at_the_brokers_price(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.FILLED, 1000, 100.0)
    (closed,) = trader.engine.step(PositionCorrected(trader.at(), 1, 0, 98.5))
    assert closed == PositionClosed(UnixNanos(trader.now), 1, NAME, 1000, 100.0, 98.5, "corrected")
    assert trader.state() == [0, 0]
    assert trader.engine.step(Tick(trader.at(), NAME, 50.0)) == []


def test_a_position_somebody_sold_in_part_is_protected_for_what_is_left(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.FILLED, 1000, 100.0)
    assert trader.engine.step(PositionCorrected(trader.at(), 1, 400, 98.0)) == []
    assert orders(trader.engine.step(TimerFired(trader.at()))) == []
    assert orders(trader.engine.step(Tick(trader.at(), NAME, 94.0))) == [(EXIT, Side.SELL, 400, "stop")]
    (closed,) = [one for one in trader.told(EXIT, OrderStatus.FILLED, 400, 94.0) if isinstance(one, PositionClosed)]
    assert closed.exit_price == pytest.approx((600 * 98.0 + 400 * 94.0) / 1000)


def test_a_position_that_is_larger_than_we_thought_leaves_whole(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.FILLED, 1000, 100.0)
    assert trader.engine.step(PositionCorrected(trader.at(), 1, 1500, 103.0)) == []
    assert orders(trader.engine.step(Tick(trader.at(), NAME, 94.0))) == [(EXIT, Side.SELL, 1500, "stop")]
    assert float(trader.engine.account.positions[0]["entry_price"]) == pytest.approx(101.0)


def test_a_correction_while_the_exit_works_counts_once(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.FILLED, 1000, 100.0)
    trader.engine.step(Tick(trader.at(), NAME, 94.0))
    trader.told(EXIT, OrderStatus.FILLED, 600, 94.0)
    (closed,) = trader.engine.step(PositionCorrected(trader.at(), 1, 0, 93.0))
    assert isinstance(closed, PositionClosed)
    assert closed.exit_price == pytest.approx((600 * 94.0 + 400 * 93.0) / 1000)
    assert closed.reason == "stop"


def test_what_a_stop_order_at_the_broker_sold_was_stopped(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.FILLED, 1000, 100.0)
    assert trader.engine.step(PositionCorrected(trader.at(), 1, 400, 90.0, 1_950_001)) == []
    (closed,) = trader.engine.step(PositionCorrected(trader.at(), 1, 0, 85.0, 1_950_001))
    assert isinstance(closed, PositionClosed)
    assert closed.reason == "stop"
    assert closed.exit_price == pytest.approx(88.0)


def test_a_position_that_was_sold_while_its_entry_still_fills_is_closed_when_that_is_over(trader: Trader) -> None:
    trader.told(ENTRY, OrderStatus.FILLED, 300, 100.0)
    decided = trader.engine.step(PositionCorrected(trader.at(), 1, 0, 98.0))
    assert decided == [CancelOrder(UnixNanos(trader.now), ENTRY)]
    assert orders(trader.told(ENTRY, OrderStatus.FILLED, 200, 100.0)) == [(EXIT, Side.SELL, 200, "corrected")]
    trader.told(ENTRY, OrderStatus.CANCELLED)
    (closed,) = trader.told(EXIT, OrderStatus.FILLED, 200, 97.0)
    assert isinstance(closed, PositionClosed)
    assert (closed.quantity, trader.state()) == (500, [0, 0])


def test_a_correction_of_nothing_changes_nothing(trader: Trader) -> None:
    assert trader.engine.step(PositionCorrected(trader.at(), 99, 0, 1.0)) == []
    assert trader.engine.step(PositionCorrected(trader.at(), 1, 0, 1.0)) == []
    assert trader.state() == [1, 0]
