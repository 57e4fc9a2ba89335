"""Stop orders over the real client and the simulated Upstox: they wait for their trigger, sell once, or make way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sos_actors.engine.execution.working import is_stop
from sos_actors.engine.positions import order_of
from sos_actors.messages.broker import BrokerOrder, OrderKind, OrderState
from sos_actors.messages.trading import PositionOpened
from sos_actors.simulator.faults import FaultKind
from sos_actors.types import Side
from tests.actors.ordering import SYMBOL, Ordering, ordering

CANCEL = "/v3/order/cancel"


@pytest.fixture
def orders() -> Iterator[Ordering]:
    with ordering(broker_stop=True, broker_stop_percent=1.0) as made:
        yield made


def hold(orders: Ordering, units: int, stop: float) -> None:
    """A position whose engine stops at so many times the price."""
    orders.enter(1, units)
    orders.until(lambda: orders.filled(order_of(1)) == units)
    price = orders.price()
    at = round(price * stop, 1)
    orders.tell(PositionOpened(orders.clock(), 1, SYMBOL, Side.BUY, units, price, at, price * 2))


def waiting(orders: Ordering, slices: int = 1) -> None:
    """Until the stop order is at the broker."""
    orders.until(lambda: sum(one.fate == "placed" and is_stop(number(one.tag)) for one in orders.outcomes) == slices)


def number(tag: str) -> int:
    return int(tag.split("-")[1])


def stop_orders(orders: Ordering) -> list[BrokerOrder]:
    return [row for row in orders.book() if row.kind is OrderKind.SL]


def net(orders: Ordering) -> int:
    return sum(int(row.side) * row.filled for row in orders.book())


def test_a_stop_order_that_is_set_off_sells_and_the_engine_is_told(orders: Ordering) -> None:
    hold(orders, 10, 1.02)  # its trigger is reached already
    orders.until(lambda: bool(orders.corrected) and orders.corrected[-1].quantity == 0)
    [row] = stop_orders(orders)
    assert (row.state, row.filled, net(orders)) == (OrderState.COMPLETE, 10, 0)
    units, cost = 10, 0.0
    for told in orders.corrected:
        cost, units = cost + (units - told.quantity) * told.price, told.quantity
    assert cost / 10 == pytest.approx(row.average_price, abs=0.02)
    orders.leave(1, 10)
    orders.until(lambda: orders.told[-1].order_id == order_of(1, 1))
    assert net(orders) == 0


def test_a_stop_order_that_waits_makes_way_for_the_exit(orders: Ordering) -> None:
    hold(orders, 100, 0.98)
    waiting(orders, 3)
    assert sorted(row.quantity for row in stop_orders(orders)) == [20, 40, 40]
    orders.leave(1, 100)
    orders.until(lambda: orders.filled(order_of(1, 1)) == 100)
    assert {(row.state, row.filled) for row in stop_orders(orders)} == {(OrderState.CANCELLED, 0)}
    assert (net(orders), orders.corrected) == (0, [])


def test_a_cancel_that_was_lost_delays_the_exit_and_sells_nothing_twice(orders: Ordering) -> None:
    hold(orders, 10, 0.98)
    waiting(orders)
    orders.rig.fault(FaultKind.DROP, CANCEL, times=1)
    orders.rig.fault(FaultKind.STATUS, CANCEL, status=503, times=1)
    orders.leave(1, 10)
    orders.until(lambda: orders.filled(order_of(1, 1)) == 10)
    assert (net(orders), [row.state for row in stop_orders(orders)]) == (0, [OrderState.CANCELLED])


def test_a_successor_of_the_actor_keeps_the_stop_order(orders: Ordering) -> None:
    hold(orders, 10, 0.98)
    waiting(orders)
    orders.tell("something it cannot read, and dies of")
    orders.refs[-1].stop()
    orders.start()
    orders.leave(1, 10)
    orders.until(lambda: orders.filled(order_of(1, 1)) == 10)
    assert (net(orders), len(stop_orders(orders))) == (0, 1)
