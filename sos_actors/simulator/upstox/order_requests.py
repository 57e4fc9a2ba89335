"""Requests to change or to take back an order: what is refused at once, and what the exchange makes of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sos_actors.simulator.upstox import risk
from sos_actors.simulator.upstox.desk import CLOSED, STOPS, Desk
from sos_actors.simulator.upstox.exchange_orders import WAITING_FOR_OPEN, Order, OrderChange, OrderRow, Status
from sos_actors.simulator.upstox.order_rules import check_stop
from sos_actors.simulator.upstox.request_fields import refused
from sos_actors.simulator.upstox.risk import Objection
from sos_actors.simulator.upstox.timeline import Timeline, TradingHours


@dataclass(slots=True)
class Requests:
    """Changes and cancellations, one at a time for each order."""

    desk: Desk
    timeline: Timeline
    hours: TradingHours

    def find(self, order_id: str) -> Order:
        """The order with an id.

        Raises:
            UpstoxRefusal: 400 UDAPI100010: there is none.
        """
        order = self.desk.orders.get(order_id)
        if order is None:
            raise refused("UDAPI100010", "Unknown order id | order request rejected", "order_id", order_id)
        return order

    def cancel(self, order_id: str) -> str:
        """Take an order back; an order that is on its way to the exchange is taken back from there.

        Raises:
            UpstoxRefusal: 400: no such order, or it is over.
        """
        order = self.find(order_id)
        if order.row.is_over:
            message = "Cancel of already cancelled/rejected/completed order is not allowed"
            raise refused("UDAPI100040", message, "order_id", order_id)
        if order.cancelling:
            return order_id
        if order.row.status in WAITING_FOR_OPEN:
            self.desk.move(order, Status.AMO_CANCELLED, request_id=order.row.request_id + 1)
            return order_id
        order.cancelling = True
        first, _, last = self.desk.request_times(order, len(order.history))
        self.timeline.at(first, lambda: self._start(order, Status.CANCEL_PENDING))
        self.timeline.at(last, lambda: self._cancel_now(order))
        return order_id

    def modify(self, change: OrderChange) -> str:
        """Ask for a change.

        Raises:
            UpstoxRefusal: 400: no such order, it is over, or the change breaks a rule of placing.
        """
        order = self.find(change.order_id)
        row = order.row
        if row.is_over:
            message = "Modification of already cancelled/rejected/completed order is not allowed"
            raise refused("UDAPI100041", message, "order_id", change.order_id)
        check_stop(change.order_type, row.terms.side, change.price, change.trigger_price)
        if change.quantity is not None and change.quantity % max(row.listing.lot, 1):
            raise refused("UDAPI1104", "Quantity should be multiple of lot size", "quantity", change.quantity)
        if row.status in WAITING_FOR_OPEN:
            order.protection = change.market_protection
            order.is_triggered = change.order_type not in STOPS
            self.desk.move(order, Status.AMO_MODIFIED, request_id=row.request_id + 1, **_changed(row, change))
            return change.order_id
        first, second, last = self.desk.request_times(order, len(order.history))
        self.timeline.at(first, lambda: self._start(order, Status.MODIFY_VALIDATING))
        self.timeline.at(second, lambda: self._check(order, change))
        self.timeline.at(last, lambda: self._modify_now(order, change))
        return change.order_id

    def _start(self, order: Order, status: Status) -> None:
        if not order.row.is_over:
            self.desk.move(order, status, request_id=order.row.request_id + 1)

    def _cancel_now(self, order: Order) -> None:
        if not order.row.is_over:
            self.desk.end(order)

    def _check(self, order: Order, change: OrderChange) -> None:
        """The broker's risk system looks at the change."""
        if order.row.is_over:
            return
        objection = self._objection(order, change)
        if objection is not None:
            self._fail(order, objection)
            return
        self.desk.move(order, Status.MODIFY_PENDING)

    def _objection(self, order: Order, change: OrderChange) -> Objection | None:
        row = order.row
        quantity = row.quantity if change.quantity is None else change.quantity
        if quantity <= row.filled:
            message = f"{row.filled} units have traded already."
            return Objection(message, f"RMS:Rule: modified quantity {quantity} below traded quantity {row.filled}")
        terms = replace(row.terms, quantity=quantity, product="D")
        objection = risk.risk_objection(terms, row.listing, self.desk.is_disabled(row.listing.upstox_segment), False)
        required, available = self.desk.required(order, quantity, self._limit(order, change))
        if objection is None and required > max(available, 0.0):
            return risk.funds(required, available)
        return objection

    def _modify_now(self, order: Order, change: OrderChange) -> None:
        """The exchange gets the change."""
        row = order.row
        if row.status is not Status.MODIFY_PENDING:
            return
        state = self.desk.state(row.listing)
        objection = risk.price_objection(row.listing, state, change.price, change.trigger_price)
        if not self.hours.is_open(row.listing.segment, self.timeline.now):
            objection = CLOSED
        if change.quantity is not None and change.quantity <= row.filled:
            objection = self._objection(order, change)
        if objection is not None:
            self._fail(order, objection)
            return
        was_stop = row.order_type in STOPS
        keeps_place = _keeps_place(order, change)
        order.limit, order.protection = self._limit(order, change), change.market_protection
        changes = _changed(row, change)
        if change.order_type == "MARKET":
            changes |= {"order_type": "LIMIT", "price": order.limit}
        elif change.order_type == "SL-M" and order.is_triggered and was_stop:
            changes |= {"price": order.limit}
        order.is_triggered = change.order_type not in STOPS or (was_stop and order.is_triggered)
        now = self.desk.stamp(self.timeline.now)
        self.desk.move(order, Status.MODIFIED, exchange_ts=now, message=None, raw_message=None, **changes)
        self._go_on(order, keeps_place)

    def _go_on(self, order: Order, keeps_place: bool) -> None:
        """After a change: back to where the order was, at the end of the queue unless it only got smaller."""
        resting = self.desk.resting(order)
        if keeps_place and resting is not None:
            resting.remaining = order.row.unfilled
            self.desk.move(order, Status.OPEN)
            return
        self.desk.leave(order)
        if order.is_triggered:
            self.desk.move(order, Status.OPEN)
            self.desk.enter(order)
        else:
            self.desk.move(order, Status.TRIGGER_PENDING)
            self.desk.maybe_trigger(order, self.desk.state(order.row.listing))

    def _limit(self, order: Order, change: OrderChange) -> float:
        if change.order_type in ("LIMIT", "SL"):
            return change.price
        state = self.desk.state(order.row.listing)
        reference = change.trigger_price if change.order_type == "SL-M" else state.ltp
        percent = change.market_protection or -1.0
        return risk.protected_price(order.row.listing, state, order.row.terms.side, reference, percent)

    def _fail(self, order: Order, objection: Objection) -> None:
        """The change is refused; the order stands as it was."""
        self.desk.move(order, Status.NOT_MODIFIED, message=objection.message, raw_message=objection.raw)
        back = Status.OPEN if order.is_triggered else Status.TRIGGER_PENDING
        self.desk.move(order, back)


def _changed(row: OrderRow, change: OrderChange) -> dict[str, Any]:
    disclosed = row.terms.disclosed_quantity if change.disclosed_quantity is None else change.disclosed_quantity
    return {
        "terms": replace(row.terms, disclosed_quantity=disclosed),
        "quantity": row.quantity if change.quantity is None else change.quantity,
        "order_type": change.order_type,
        "validity": change.validity,
        "price": change.price,
        "trigger_price": change.trigger_price,
    }


def _keeps_place(order: Order, change: OrderChange) -> bool:
    row = order.row
    same = (change.order_type, change.validity, change.price) == (row.order_type, row.validity, row.price)
    return same and order.is_triggered and (change.quantity is None or change.quantity <= row.quantity)


