"""A small exchange that is as unreliable as its rules allow, for tests of the execution desk. It knows the truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from sos_actors.messages.broker import BrokerFill, BrokerOrder, OrderChange, OrderKind, OrderRequest, OrderState
from sos_actors.types import UnixNanos

WORDS = {
    OrderState.OPEN: "open",
    OrderState.TRIGGER_PENDING: "trigger pending",
    OrderState.COMPLETE: "complete",
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "rejected",
}


@dataclass(slots=True)
class Resting:
    """An order at the exchange; ``appears`` is when anybody can see it, UnixNanos."""

    order_id: str
    request: OrderRequest
    limit: float
    appears: int
    state: OrderState = OrderState.OPEN
    filled: int = 0
    paise: int = 0
    trades: list[tuple[int, float]] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        return not self.state.terminal

    def fill(self, quantity: int, price: float) -> None:
        self.filled += quantity
        self.paise += round(quantity * price * 100)
        self.trades.append((quantity, price))
        if self.filled == self.request.quantity:
            self.state = OrderState.COMPLETE

    def row(self, now: int, average: float | None = None) -> BrokerOrder:
        request = self.request
        known = self.paise / self.filled / 100 if self.filled else None
        left = 0 if self.state.terminal else request.quantity - self.filled
        return BrokerOrder(
            UnixNanos(now), self.order_id, request.tag, request.instrument_key, request.side, request.kind,
            self.state, WORDS[self.state], request.quantity, self.filled, left, self.limit, request.trigger_price,
            average or known,
        )  # fmt: skip


class FakeExchange:
    """Orders in one instrument whose price is set from outside."""

    def __init__(self, price: float = 100.0) -> None:
        self.price = price
        self.orders: dict[str, Resting] = {}

    def place(self, request: OrderRequest, now: int, *, late_ns: int = 0, rejected: bool = False) -> Resting:
        order = Resting(f"B{len(self.orders) + 1}", request, request.price, now + late_ns)
        if request.kind is OrderKind.SL:
            order.state = OrderState.TRIGGER_PENDING
        if rejected:
            order.state = OrderState.REJECTED
        self.orders[order.order_id] = order
        return order

    def modify(self, change: OrderChange) -> bool:
        order = self.orders[change.order_id]
        if order.is_live:
            order.limit = change.price
        return order.is_live

    def cancel(self, order_id: str) -> bool:
        order = self.orders[order_id]
        if not order.is_live:
            return False
        order.state = OrderState.CANCELLED
        return True

    def crossing(self) -> list[Resting]:
        for o in self.orders.values():  # those whose trigger the price has reached
            side, trigger = int(o.request.side), o.request.trigger_price
            if o.state is OrderState.TRIGGER_PENDING and (self.price - trigger) * side >= 0:
                o.state = OrderState.OPEN
        resting = [o for o in self.orders.values() if o.state is OrderState.OPEN]
        return [o for o in resting if (o.limit - self.price) * int(o.request.side) >= 0]

    def match(self, rng: Random, lot: int, share: float) -> list[Resting]:
        """Fill a part of what crosses, in whole lots; returns what was filled."""
        filled = []
        for order in self.crossing():
            if rng.random() < share:
                lots = (order.request.quantity - order.filled) // lot
                order.fill(lot * rng.randint(1, lots), self.price)
                filled.append(order)
        return filled

    def book(self, now: int) -> list[BrokerOrder]:
        return [order.row(now) for order in self.orders.values() if order.appears <= now]

    def fills(self, now: int) -> list[BrokerFill]:
        return [
            BrokerFill(
                UnixNanos(now), f"{o.order_id}-{n}", o.order_id, o.request.instrument_key, o.request.side, q, price
            )
            for o in self.orders.values()
            if o.appears <= now
            for n, (q, price) in enumerate(o.trades)
        ]

    def net(self) -> int:
        return sum(int(order.request.side) * order.filled for order in self.orders.values())
