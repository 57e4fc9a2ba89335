"""The life of an order at the simulated broker and exchange, from the request to the last fill.

Each step is an action on the timeline, so that equal requests at equal moments give equal lives. Whether a request is
well formed was asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count

import numpy as np

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.model_levels import generator
from sos_actors.simulator.upstox import risk
from sos_actors.simulator.upstox.account import Account
from sos_actors.simulator.upstox.answers import VENDOR
from sos_actors.simulator.upstox.exchange_orders import (
    WAITING_FOR_OPEN,
    Conduct,
    Order,
    OrderRow,
    OrderTerms,
    Status,
    Trade,
)
from sos_actors.simulator.upstox.matching import Book, Fill, Resting, is_triggered
from sos_actors.simulator.upstox.positions import Position
from sos_actors.simulator.upstox.risk import Objection
from sos_actors.simulator.upstox.timeline import Timeline, TradingHours
from sos_actors.simulator.view import Listing, State
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_SECOND, Segment, Side

STOPS = ("SL", "SL-M")
CLOSED = Objection("The market is closed.", "EXCHANGE:16000 : The market is closed.")
Tell = Callable[[OrderRow | Position], None]
_NANOS_PER_MS = 1_000_000


class Desk:
    """Every order of the account, and what becomes of it.

    Attributes:
        orders: by id, in the order in which they came.
        trades: oldest first.
        is_disabled: says whether the kill switch stands on a segment such as ``NSE_FO``.
        is_late: says whether intraday positions of a segment have been squared off today.

    Args:
        tell: hears every new row of an order, and every position after a fill.
    """

    def __init__(
        self, world: World, conduct: Conduct, timeline: Timeline, hours: TradingHours, account: Account, tell: Tell
    ) -> None:
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self.is_disabled: Callable[[str], bool] = lambda _: False
        self.is_late: Callable[[Segment], bool] = lambda _: False
        self._world, self._conduct, self._timeline, self._hours = world, conduct, timeline, hours
        self._account, self._tell = account, tell
        self._working: dict[str, Order] = {}
        self._books: dict[str, Book] = {}
        self._numbers = count(1)
        self._ranks = count(1)

    @property
    def working(self) -> list[Order]:
        """Orders that are not over, oldest first."""
        return list(self._working.values())

    def place(self, terms: OrderTerms, listing: Listing) -> Order:
        """Take an order; outside trading hours it waits for the next open."""
        number, now = next(self._numbers), self._timeline.now
        opens = self._hours.next_open(listing.segment, now)
        day = indian_day(now if opens is None else opens)
        is_amo = opens != now
        ids = generator(self._world.seed, "upstox order", number).integers(10**13, 10**14)
        row = OrderRow(
            order_id=f"{indian_day(now):%y%m%d}025{number:06d}",
            listing=listing,
            terms=terms,
            status=Status.AMO_RECEIVED if is_amo else Status.RECEIVED,
            order_type=terms.order_type,
            validity=terms.validity,
            quantity=terms.quantity,
            price=terms.price,
            trigger_price=terms.trigger_price,
            placed=self.stamp(now),
            reference=terms.reference or str(ids),
            is_amo=is_amo,
        )
        order = Order(row, number, day.toordinal(), terms.market_protection)
        order.is_triggered = terms.order_type not in STOPS
        self.orders[row.order_id] = self._working[row.order_id] = order
        self.move(order, row.status)
        if not is_amo:
            self.send(order)
        return order

    def send(self, order: Order) -> None:
        """Let an order go its way to the exchange, beginning now."""
        conduct, rng = self._conduct, generator(self._world.seed, "upstox steps", order.number)
        first, second, third = (
            self._drawn(rng, span) for span in (conduct.validation_ms, conduct.risk_ms, conduct.exchange_ms)
        )
        now = self._timeline.now
        order.arrives = now + first + second + third
        self._timeline.at(now + first, lambda: self.move(order, Status.VALIDATING))
        self._timeline.at(now + first + second, lambda: self._check(order))
        self._timeline.at(order.arrives, lambda: self._arrive(order))

    def sample(self) -> None:
        """Look at the market again, for every order that rests or waits for its trigger."""
        by_key: dict[str, list[Order]] = {}
        for order in self.working:
            if order.row.exchange_order_id and self._hours.is_open(order.row.listing.segment, self._timeline.now):
                by_key.setdefault(order.row.listing.key, []).append(order)
        for orders in by_key.values():
            state = self.state(orders[0].row.listing)
            self._sample_book(orders[0].row.listing.key, state)
            for order in orders:
                self.maybe_trigger(order, state)

    def enter(self, order: Order) -> None:
        """Bring an order that can trade to the book, behind those that are there."""
        state, key = self.state(order.row.listing), order.row.listing.key
        self._sample_book(key, state)
        book = self._book(key)
        row, rank = order.row, next(self._ranks)
        resting = Resting(row.order_id, row.terms.side, order.limit, row.unfilled, rank)
        self._fill(order, book.enter(resting, state))
        if order.row.validity == "IOC" and not order.row.is_over:
            self.end(order)

    def end(self, order: Order, message: str | None = None) -> None:
        """Take what is left of an order off the exchange: it is cancelled."""
        self.leave(order)
        self.move(order, Status.CANCELLED, exchange_ts=self.stamp(self._timeline.now), message=message)

    def leave(self, order: Order) -> None:
        """Take an order out of the book."""
        self._book(order.row.listing.key).leave(order.row.order_id)

    def resting(self, order: Order) -> Resting | None:
        """What of an order stands in the book."""
        return self._book(order.row.listing.key).orders.get(order.row.order_id)

    def maybe_trigger(self, order: Order, state: State) -> None:
        """Set a stop order off when the last price has reached its trigger."""
        row = order.row
        if order.is_triggered or row.status is not Status.TRIGGER_PENDING:
            return
        if not is_triggered(row.terms.side, row.trigger_price, state):
            return
        order.is_triggered = True
        changes = {}
        if row.order_type == "SL-M":
            order.limit = self.protected(order, state, state.ltp)
            changes = {"price": order.limit}
        self.move(order, Status.OPEN, exchange_ts=self.stamp(self._timeline.now), **changes)
        self.enter(order)

    def required(self, order: Order, quantity: int, limit: float) -> tuple[float, float]:
        """What an order of this size and price would block beyond what it blocks now, and what is available: rupees."""
        return self._account.required(order, quantity, limit, self.working)

    def protected(self, order: Order, state: State, reference: float) -> float:
        """The limit of a market order."""
        side = order.row.terms.side
        return risk.protected_price(order.row.listing, state, side, reference, order.protection or -1.0)

    def state(self, listing: Listing) -> State:
        """The market of an instrument, now."""
        return self._world.market.state(listing, self._timeline.now)

    def stamp(self, ts: int) -> int:
        """A moment by the broker's own clock, UnixNanos."""
        skew = self._world.faults.standing(VENDOR, FaultKind.CLOCK_SKEW)
        return ts + (int(skew.seconds * NANOS_PER_SECOND) if skew else 0)

    def move(self, order: Order, status: Status, **changes: object) -> None:
        """Give an order a status and tell of it."""
        self._tell(order.move(status, **changes))
        if order.row.is_over:
            self._working.pop(order.row.order_id, None)

    def request_times(self, order: Order, request_id: int) -> tuple[int, int, int]:
        """When a request about an order is looked at, checked, and at the exchange, one after the other; UnixNanos."""
        conduct, rng = self._conduct, generator(self._world.seed, "upstox request", order.number, request_id)
        first = max(self._timeline.now, order.arrives, order.busy_until) + self._drawn(rng, conduct.validation_ms)
        second = first + self._drawn(rng, conduct.risk_ms)
        order.busy_until = second + self._drawn(rng, conduct.exchange_ms) + 1
        return first, second, order.busy_until

    def waiting_for_open(self, segment: Segment, ordinal: int) -> list[Order]:
        """After-market orders of a segment for the session of a day."""
        waiting = (order for order in self.working if order.row.status in WAITING_FOR_OPEN)
        return [o for o in waiting if o.row.listing.segment is segment and o.trading_day <= ordinal]

    def _check(self, order: Order) -> None:
        """The broker's risk system looks at the order."""
        row, terms = order.row, order.row.terms
        segment = row.listing.segment
        is_late = self.is_late(segment) and row.quantity > self._account.closable(order, self.working)
        terms = replace(terms, quantity=row.quantity)  # may have been changed while it waited for the open
        objection = risk.risk_objection(terms, row.listing, self.is_disabled(row.listing.upstox_segment), is_late)
        if objection is None and segment is Segment.EQ and terms.product == "D" and terms.side is Side.SELL:
            sellable = self._account.sellable(row.listing.key, (o for o in self.working if o is not order and o.limit))
            objection = risk.holdings(row.quantity, sellable) if row.quantity > sellable else None
        limit = self._estimated(order)
        if objection is None:
            required, available = self.required(order, row.quantity, limit)
            objection = risk.funds(required, available) if required > max(available, 0.0) else None
        if objection is not None:
            self._reject(order, objection)
            return
        order.limit = limit
        self.move(order, Status.OPEN_PENDING)

    def _estimated(self, order: Order) -> float:
        """The price the risk system reckons with."""
        row = order.row
        if row.order_type in ("LIMIT", "SL"):
            return row.price
        state = self.state(row.listing)
        return self.protected(order, state, row.trigger_price if row.order_type == "SL-M" else state.ltp)

    def _arrive(self, order: Order) -> None:
        """The exchange gets the order."""
        if order.row.is_over:
            return
        row, state = order.row, self.state(order.row.listing)
        objection = risk.price_objection(row.listing, state, row.price, row.trigger_price)
        if not self._hours.is_open(row.listing.segment, self._timeline.now):
            objection = CLOSED
        if objection is not None:
            self._reject(order, objection)
            return
        known = {"exchange_order_id": f"13{order.number:014d}", "exchange_ts": self.stamp(self._timeline.now)}
        if not order.is_triggered:
            self.move(order, Status.TRIGGER_PENDING, **known)
            self.maybe_trigger(order, state)
            return
        if row.order_type == "MARKET":
            order.limit = self.protected(order, state, state.ltp)
            self.move(order, Status.OPEN, order_type="LIMIT", price=order.limit, **known)
        else:
            self.move(order, Status.OPEN, **known)
        self.enter(order)

    def _reject(self, order: Order, objection: Objection) -> None:
        order.limit = 0.0
        self.move(order, Status.REJECTED, message=objection.message, raw_message=objection.raw)

    def _sample_book(self, key: str, state: State) -> None:
        for resting, fills in self._book(key).sample(state):
            self._fill(self.orders[resting.order_id], fills)

    def _fill(self, order: Order, fills: Iterable[Fill]) -> None:
        for fill in fills:
            self._trade(order, fill)

    def _trade(self, order: Order, fill: Fill) -> None:
        """One fill: the row, the trade, the position."""
        now, row = self.stamp(self._timeline.now), order.row
        order.filled_value += fill.quantity * fill.price
        filled = row.filled + fill.quantity
        average = round(order.filled_value / filled, 4)
        is_last = filled == row.quantity
        if is_last and row.status is not Status.OPEN:
            self.move(order, _failed(row.status))
        shown = row.average_price if is_last and self._conduct.average_lags else average
        status = Status.OPEN if is_last else row.status
        self.move(order, status, filled=filled, average_price=shown, exchange_ts=now)
        if is_last:
            self.move(order, Status.COMPLETE, average_price=average)
        trade = Trade(f"{50_000_000 + len(self.trades) + 1}", now, order.row, fill.quantity, fill.price)
        self.trades.append(trade)
        self._tell(replace(self._account.apply(trade)))

    def _book(self, key: str) -> Book:
        return self._books.setdefault(key, Book(int(self._conduct.replenish_s * NANOS_PER_SECOND)))

    def _drawn(self, rng: np.random.Generator, span: tuple[float, float]) -> int:
        """Nanoseconds between a least and a most number of milliseconds."""
        return int(rng.uniform(*span) * _NANOS_PER_MS)


def _failed(status: Status) -> Status:
    """What becomes of a request when its order fills first."""
    return Status.NOT_CANCELLED if status is Status.CANCEL_PENDING else Status.NOT_MODIFIED
