"""The engine's side of an order, as ``engine.positions`` has it, for tests of the execution desk."""

from __future__ import annotations

from dataclasses import dataclass, field

from sos_actors.engine.positions import ORDERS_EACH, order_of
from sos_actors.messages.trading import CancelOrder, OrderStatus, OrderUpdated, PositionCorrected, Purpose, SubmitOrder
from sos_actors.types import Side, UnixNanos

SYMBOL = "NSE|FO|NIFTY 25000 CE"


@dataclass(slots=True)
class Held:
    """A position of the engine's."""

    number: int
    side: Side
    quantity: int
    filled: int = 0
    closing: int = 0
    leaving: int = 0
    exits: int = 0
    is_leaving: bool = False
    wants_out: bool = False
    is_closed: bool = False
    ends: int = 0


@dataclass(slots=True)
class SmallEngine:
    """Positions; every decision and every update it saw is kept, as the journal would."""

    positions: dict[int, Held] = field(default_factory=dict)
    submits: list[SubmitOrder] = field(default_factory=list)
    cancelled: set[int] = field(default_factory=set)
    told: list[OrderUpdated | PositionCorrected] = field(default_factory=list)

    def enter(self, now: int, side: Side, quantity: int, price: float) -> SubmitOrder:
        number = len(self.positions) + 1
        self.positions[number] = Held(number, side, quantity)
        return self._submit(now, order_of(number), side, quantity, Purpose.ENTRY, price)

    def cancel(self, now: int, number: int) -> CancelOrder:
        self.cancelled.add(order_of(number))
        return CancelOrder(UnixNanos(now), order_of(number))

    def leave(self, now: int, number: int, price: float) -> list[SubmitOrder | CancelOrder]:
        held = self.positions[number]
        held.wants_out = True
        if held.is_closed or held.is_leaving or held.filled == 0:
            return []
        decisions: list[SubmitOrder | CancelOrder] = []
        if held.filled < held.quantity:
            decisions.append(self.cancel(now, number))
        held.is_leaving, held.leaving = True, held.filled - held.closing
        held.exits += 1
        side = Side(-held.side)
        order_id = order_of(number, held.exits)
        return [*decisions, self._submit(now, order_id, side, held.leaving, Purpose.EXIT, price)]

    def hear(self, update: OrderUpdated | PositionCorrected, price: float) -> list[SubmitOrder | CancelOrder]:
        self.told.append(update)
        if isinstance(update, PositionCorrected):
            return self._correct(update, price)
        number, exits = divmod(update.order_id, ORDERS_EACH)
        held = self.positions.get(number)
        if held is None or held.is_closed or exits > held.exits:
            return []
        if update.status is not OrderStatus.FILLED:
            if exits == 0 and held.filled == 0:
                held.is_closed = True
            elif exits == 0:
                held.quantity = held.filled
                return self._settle(held, update, price) if held.is_leaving else []
            elif exits == held.exits and held.leaving > 0:
                held.is_leaving, held.leaving = False, 0
            return []
        if exits:
            held.closing += update.fill_quantity
            held.leaving = max(held.leaving - update.fill_quantity, 0)
            return self._settle(held, update, price)
        held.filled += update.fill_quantity
        return self._settle(held, update, price) if held.is_leaving else []

    def _correct(self, found: PositionCorrected, price: float) -> list[SubmitOrder | CancelOrder]:
        held = self.positions.get(found.position_id)
        if held is None or held.is_closed or not held.filled:
            return []
        missing = held.filled - held.closing - found.quantity
        assert missing > 0, "a correction that says nothing"
        held.closing += missing
        held.leaving = min(held.leaving, found.quantity)
        if found.quantity:
            return []
        held.is_leaving, held.leaving = True, 0
        if held.filled < held.quantity:
            return [self.cancel(found.ts_event, found.position_id)]
        return self._settle(held, found, price)

    def _settle(
        self, held: Held, update: OrderUpdated | PositionCorrected, price: float
    ) -> list[SubmitOrder | CancelOrder]:
        if held.leaving > 0:
            return []
        if held.closing < held.filled:
            held.is_leaving = False
            return self.leave(update.ts_event, held.number, price)
        held.is_closed = held.filled >= held.quantity
        return []

    def _submit(
        self, now: int, order_id: int, side: Side, quantity: int, purpose: Purpose, price: float
    ) -> SubmitOrder:  # fmt: skip
        number = order_id // ORDERS_EACH
        submit = SubmitOrder(UnixNanos(now), order_id, number, SYMBOL, side, quantity, purpose, price, "test")
        self.submits.append(submit)
        return submit
