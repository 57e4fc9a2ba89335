"""Good-till-triggered orders: rules that wait for a price and then place a limit order.

An ENTRY comes first; the TARGET and the STOPLOSS of a bracket wait for it to fill; the one that fires ends the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, Protocol

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.exchange_orders import OrderRow, OrderTerms, Status
from sos_actors.simulator.upstox.gtt_rules import Change, GttOrder, GttRule, Wish, order_id_of, read_change, read_wish
from sos_actors.simulator.upstox.matching import is_triggered
from sos_actors.simulator.upstox.request_fields import refused
from sos_actors.simulator.upstox.risk import protected_price
from sos_actors.simulator.view import Listing, State
from sos_actors.types import NANOS_PER_SECOND, Segment, Side

SCHEDULED, INACTIVE, PENDING = "SCHEDULED", "INACTIVE", "PENDING"
OPEN, COMPLETED, FAILED, CANCELLED = "OPEN", "COMPLETED", "FAILED", "CANCELLED"
_ALIVE = (SCHEDULED, INACTIVE, PENDING, OPEN)
_AFTER = {Status.COMPLETE: COMPLETED, Status.REJECTED: FAILED, Status.CANCELLED: CANCELLED, Status.OPEN: OPEN}


class Desk(Protocol):
    """What these orders need of the exchange."""

    @property
    def now(self) -> int:
        """UnixNanos."""
        ...

    def place(self, terms: OrderTerms) -> list[str]:
        """Place an order."""
        ...

    def cancel(self, order_id: str) -> str:
        """Take one back."""
        ...

    def listing(self, key: str) -> Listing:
        """An instrument that can be traded."""
        ...

    def is_open(self, listing: Listing) -> bool:
        """Whether it trades now."""
        ...

    def state(self, listing: Listing) -> State:
        """Its market now."""
        ...

    def at(self, ts: int, action: Callable[[], None]) -> None:
        """Do something at a moment."""
        ...

    def stamp(self, ts: int) -> int:
        """A moment by the broker's clock."""
        ...


class GttBook:
    """Every good-till-triggered order of the account.

    Attributes:
        orders: by id, oldest first.
    """

    def __init__(self, desk: Desk, tell: Callable[[GttOrder], None]) -> None:
        self.orders: dict[str, GttOrder] = {}
        self._desk, self._tell = desk, tell

    def place(self, body: Any) -> str:
        """Take an order; returns its id.

        Raises:
            UpstoxRefusal: 400: a rule of these orders is broken.
        """
        wish = read_wish(body)
        listing = self._desk.listing(wish.instrument_key)
        self._check(wish, listing)
        now, number = self._desk.now, len(self.orders) + 1
        rules = [replace(rule, status=SCHEDULED if rule.is_entry else INACTIVE) for rule in wish.rules]
        order = GttOrder(
            id=f"GTT-C{indian_day(now):%y%m%d}{number:08d}",
            type=wish.type,
            listing=listing,
            quantity=wish.quantity,
            product=wish.product,
            side=wish.side,
            rules=rules,
            created=self._desk.stamp(now),
            expires=_expiry(now, wish.product),
        )
        self.orders[order.id] = order
        self._desk.at(order.expires, lambda: self._expire(order))
        self._tell(order.copy())
        return order.id

    def modify(self, body: Any) -> str:
        """Change quantity and rules while the entry has not fired; after that, only what is still to fire.

        Raises:
            UpstoxRefusal: 400: no such order, it is over, or a rule is broken.
        """
        order = self._find(order_id_of(body))
        change = read_change(body, order.side)
        entry = order.rules[0]
        if not any(rule.status in (SCHEDULED, INACTIVE) for rule in order.rules):
            message = "Modification of already cancelled/rejected/completed order is not allowed"
            raise refused("UDAPI100041", message, "gtt_order_id", order.id)
        self._check(change, order.listing)
        if entry.status == SCHEDULED:
            order.type, order.quantity = change.type, change.quantity
            order.rules = [replace(rule, status=SCHEDULED if rule.is_entry else INACTIVE) for rule in change.rules]
        else:
            wanted = {rule.strategy: rule for rule in change.rules}
            for rule in order.rules:
                if rule.status in (SCHEDULED, INACTIVE) and rule.strategy in wanted:
                    new = wanted[rule.strategy]
                    rule.trigger_price, rule.trailing_gap = new.trigger_price, new.trailing_gap
        self._tell(order.copy())
        return order.id

    def cancel(self, order_id: str) -> str:
        """Take an order back, with whatever it has open at the exchange.

        Raises:
            UpstoxRefusal: 400: no such order, or it is over.
        """
        order = self._find(order_id)
        alive = [rule for rule in order.rules if rule.status in _ALIVE]
        if not alive:
            message = "Cancel of already cancelled/rejected/completed order is not allowed"
            raise refused("UDAPI100040", message, "gtt_order_id", order.id)
        self._end(order)
        for rule in alive:
            if rule.status in (PENDING, OPEN) and rule.order_id:
                self._desk.cancel(rule.order_id)
        return order.id

    def sample(self) -> None:
        """Look at the market: which rules fire."""
        for order in self.orders.values():
            if order.rules and any(rule.status == SCHEDULED for rule in order.rules):
                self._look(order)

    def watched_segments(self) -> set[Segment]:
        """Segments in which a rule waits for its price."""
        return {
            order.listing.segment
            for order in self.orders.values()
            if any(rule.status == SCHEDULED for rule in order.rules)
        }

    def on_order(self, row: OrderRow) -> None:
        """An order at the exchange has changed; it may be one of ours."""
        order = self.orders.get(row.reference)
        rule = next((rule for rule in order.rules if rule.order_id == row.order_id), None) if order else None
        status = _AFTER.get(row.status)
        if order is None or rule is None or status is None or rule.status not in (PENDING, OPEN):
            return
        if status == rule.status:
            return
        rule.status, rule.message = status, row.message or ""
        if rule.is_entry and status in (COMPLETED, CANCELLED) and row.filled:
            order.quantity = row.filled
            for other in order.rules:
                other.status = SCHEDULED if other.status == INACTIVE else other.status
        elif rule.is_entry and status in (FAILED, CANCELLED):
            self._end(order)
            return
        self._tell(order.copy())

    def _look(self, order: GttOrder) -> None:
        if not self._desk.is_open(order.listing):
            return
        state = self._desk.state(order.listing)
        for rule in order.rules:
            if rule.status == SCHEDULED:
                rule.trail(state.ltp, order.listing.tick)
                if _fires(rule, state):
                    self._fire(order, rule, state)
                    return

    def _fire(self, order: GttOrder, rule: GttRule, state: State) -> None:
        """Place a rule's order; the other exit of a bracket ends."""
        if not rule.is_entry:
            for other in order.rules:
                if other is not rule and other.status == SCHEDULED:
                    other.status, other.message = CANCELLED, ""
        percent = rule.market_protection or -1.0
        price = protected_price(order.listing, state, rule.side, rule.trigger_price, percent)
        terms = OrderTerms(
            order.listing.key, order.quantity, rule.side, "LIMIT", order.product, price=price, reference=order.id
        )
        rule.status = PENDING
        try:
            rule.order_id = self._desk.place(terms)[0]
        except UpstoxRefusal as refusal:
            rule.status, rule.message = FAILED, refusal.message
            if rule.is_entry:
                self._end(order)
                return
        self._tell(order.copy())

    def _end(self, order: GttOrder) -> None:
        """Nothing of an order waits any more."""
        for rule in order.rules:
            if rule.status in (SCHEDULED, INACTIVE):
                rule.status, rule.message = CANCELLED, ""
        self._tell(order.copy())

    def _expire(self, order: GttOrder) -> None:
        if any(rule.status in (SCHEDULED, INACTIVE) for rule in order.rules):
            self._end(order)

    def _find(self, order_id: str) -> GttOrder:
        if order_id not in self.orders:
            raise refused("UDAPI100010", "Unknown order id | order request rejected", "gtt_order_id", order_id)
        return self.orders[order_id]

    def _check(self, wish: Wish | Change, listing: Listing) -> None:
        """Whole lots, and a trailing stop that is not too near.

        Raises:
            UpstoxRefusal: 400: not so.
        """
        if wish.quantity % max(listing.lot, 1):
            raise refused("UDAPI1104", "Quantity should be multiple of lot size", "quantity", wish.quantity)
        last = self._desk.state(listing).ltp
        for rule in wish.rules:
            if rule.trailing_gap is not None and rule.trailing_gap < 0.1 * abs(last - rule.trigger_price):
                raise refused("UDAPI1151", "The trailing gap is below the minimum", "trailing_gap", rule.trailing_gap)


def _fires(rule: GttRule, state: State) -> bool:
    if rule.is_entry and rule.trigger_type == "IMMEDIATE":
        return True
    rising = Side.BUY if rule.waits_for_rise else Side.SELL
    return is_triggered(rising, rule.trigger_price, state)


def _expiry(now: int, product: str) -> int:
    """The last second of the same day of next year; of today for intraday orders. UnixNanos."""
    day = indian_day(now)
    if product != "I":
        last = date(day.year + 1, day.month, 28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year + 1)
        day = last
    return moment_of(day) + 86_399 * NANOS_PER_SECOND
