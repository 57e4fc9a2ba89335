"""What every ``Broker`` does: the paper account over real quotes, and the real client in front of the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sos_actors.app.paper import PaperBroker
from sos_actors.app.paper_account import PaperAccount
from sos_actors.app.paper_market import PaperMarket
from sos_actors.errors import OrderRefusedError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.broker import BrokerOrder, OrderChange, OrderKind, OrderState
from sos_actors.ports import Broker
from sos_actors.runtime.clock import ManualClock
from sos_actors.types import Side
from tests.app.papers import FUNDS, RELIANCE, master, model_quote, request
from tests.simulator.markets import moment, small_world
from tests.vendors.bench import bench
from tests.vendors.readings import WARM_S, upstox

AT = "2026-01-13 10:30"


@dataclass(frozen=True, slots=True)
class Floor:
    """A broker, and how its time passes."""

    broker: Broker
    wait: Callable[[float], None]

    def order(self, tag: str) -> BrokerOrder:
        [found] = self.broker.orders_by_tag(tag)
        return found


@pytest.fixture(params=["paper", "upstox"])
def floor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Floor]:
    if request.param == "upstox":
        with bench(small_world(AT), ("upstox",)) as served, upstox(served, WARM_S) as client:
            yield Floor(client.broker, served.world.clock.step)
        return
    clock, market = ManualClock(moment(AT)), PaperMarket(master(), Calendar.default())
    account = PaperAccount.opened(tmp_path / "account", market, clock, FUNDS)

    def wait(seconds: float) -> None:
        for _ in range(int(seconds)):
            market.on_quotes(clock(), [model_quote(RELIANCE, clock())])
            clock.advance(1)
            account.move()

    wait(1)
    yield Floor(PaperBroker(account, market, clock), wait)
    account.close()


def price_of(near: float) -> float:
    """A price so far from the share's, on its tick."""
    return round(round(model_quote(RELIANCE, moment(AT)).ltp * near * 10) / 10, 1)


def test_an_order_that_waits_can_be_found_changed_and_taken_back(floor: Floor) -> None:
    order_id = floor.broker.place(request("waits", price=price_of(0.97), quantity=3, key=RELIANCE))
    assert floor.order("waits").order_id == order_id
    floor.wait(2)
    order = floor.order("waits")
    assert (order.state, order.filled, order.pending, order.side) == (OrderState.OPEN, 0, 3, Side.BUY)
    floor.broker.modify(OrderChange(order_id, 4, OrderKind.LIMIT, price_of(0.96)))
    floor.wait(2)
    order = floor.order("waits")
    assert (order.quantity, order.price, order.state) == (4, price_of(0.96), OrderState.OPEN)
    floor.broker.cancel(order_id)
    floor.wait(2)
    assert floor.order("waits").state is OrderState.CANCELLED
    assert [each.order_id for each in floor.broker.orders()] == [order_id]
    assert (floor.broker.fills(), floor.broker.positions()) == ([], [])
    with pytest.raises(OrderRefusedError) as caught:
        floor.broker.cancel(order_id)
    assert caught.value.code == "UDAPI100040"
    with pytest.raises(OrderRefusedError) as caught:
        floor.broker.modify(OrderChange(order_id, 4, OrderKind.LIMIT, price_of(0.95)))
    assert caught.value.code == "UDAPI100041"


def test_an_order_that_crosses_fills_and_what_it_opened_can_be_closed(floor: Floor) -> None:
    before = floor.broker.funds()
    order_id = floor.broker.place(request("crosses", price=price_of(1.01), quantity=5, key=RELIANCE))
    floor.wait(5)
    order = floor.order("crosses")
    assert (order.state, order.filled, order.pending) == (OrderState.COMPLETE, 5, 0)
    fills = floor.broker.fills()
    assert sum(fill.quantity for fill in fills) == 5
    assert {fill.order_id for fill in fills} == {order_id}
    assert order.average_price == pytest.approx(sum(f.quantity * f.price for f in fills) / 5, abs=0.01)
    [position] = floor.broker.positions()
    assert (position.instrument_key, position.quantity, position.product) == (RELIANCE, 5, "I")
    assert floor.broker.funds().available < before.available
    floor.broker.exit_all("another tag")
    floor.wait(5)
    assert floor.broker.positions()[0].quantity == 5
    floor.broker.exit_all()
    floor.wait(5)
    assert [position.quantity for position in floor.broker.positions()] == [0]
    floor.broker.exit_all()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"key": "NSE_EQ|INE000000000"}, "UDAPI100011"),
        ({"key": "NSE_INDEX|Nifty 50"}, "UDAPI100011"),
        ({"price": 0.0}, "UDAPI1043"),
        ({"kind": OrderKind.MARKET, "price": 1.0}, "UDAPI1040"),
        ({"kind": OrderKind.SL}, "UDAPI100036"),
    ],
)
def test_what_cannot_be_placed_is_refused_with_the_brokers_code(
    floor: Floor, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(OrderRefusedError) as caught:
        floor.broker.place(request("refused", **{"key": RELIANCE, "price": price_of(0.97), **changes}))  # type: ignore[arg-type]
    assert caught.value.code == code
    assert floor.broker.orders_by_tag("refused") == []


def test_an_order_id_nobody_knows_is_refused(floor: Floor) -> None:
    with pytest.raises(OrderRefusedError) as caught:
        floor.broker.cancel("260113025000009")
    assert caught.value.code == "UDAPI100010"


def test_what_the_exchange_does_not_want_ends_rejected_with_its_reason(floor: Floor) -> None:
    floor.broker.place(request("between ticks", price=price_of(0.97) + 0.03, key=RELIANCE))
    floor.wait(2)
    order = floor.order("between ticks")
    assert order.state is OrderState.REJECTED
    assert "tick" in order.reason
