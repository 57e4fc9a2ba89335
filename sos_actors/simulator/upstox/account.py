"""The simulated account: money, margins, positions and holdings. Charges are not deducted.

Today's profits cannot be traded with before tomorrow, today's losses are gone at once: as the broker's funds document
counts them. Rupees throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sos_actors.simulator.upstox.exchange_orders import Order, Trade
from sos_actors.simulator.upstox.positions import NOTHING, Holding, Need, Position, intrinsic, need_of_unit
from sos_actors.simulator.view import Listing
from sos_actors.types import Segment, Side

Prices = Callable[[Listing], float]
"""The last price of an instrument, rupees."""


class Money(NamedTuple):
    """The account's money at one moment, rupees.

    Attributes:
        opening: at the start of the day.
        blocked: by positions and open orders.
        profit, loss: realised today, both not negative.
        unrealised_loss: of open positions that were not paid in full, not negative.
        stock_sale: from shares sold out of the holdings today.
    """

    opening: float
    blocked: Need
    profit: float
    loss: float
    unrealised_loss: float
    stock_sale: float

    @property
    def used(self) -> float:
        """What cannot be traded with: margins and losses."""
        return self.blocked.total + self.loss + self.unrealised_loss

    @property
    def available(self) -> float:
        """What can be traded with."""
        return self.opening - self.used


@dataclass(slots=True)
class Account:
    """The one account of the simulated broker.

    Attributes:
        opening: rupees at the start of the day.
        positions: by instrument key and product.
        holdings: by instrument key.
        prices: says last prices.
    """

    opening: float
    prices: Prices
    underlying: Callable[[Listing], float]
    positions: dict[tuple[str, str], Position]
    holdings: dict[str, Holding]

    @classmethod
    def opened(cls, opening: float, prices: Prices, underlying: Callable[[Listing], float]) -> Account:
        """A fresh account.

        Args:
            opening: rupees.
            prices: last prices.
            underlying: the price that stands behind an instrument: a contract's underlying, else its own.
        """
        return cls(opening, prices, underlying, {}, {})

    def need(self, listing: Listing, side: Side, product: str, price: float) -> Need:
        """What opening one unit at a price blocks."""
        return need_of_unit(listing, side, product, price, self.underlying(listing))

    def apply(self, trade: Trade) -> Position:
        """Count a trade; returns the position it changed."""
        terms, listing = trade.order.terms, trade.order.listing
        place = (listing.key, terms.product)
        position = self.positions.setdefault(place, Position(listing, terms.product))
        need = self.need(listing, terms.side, terms.product, trade.price)
        position.trade(terms.side, trade.quantity, trade.price, need)
        return position

    def quantity(self, key: str, product: str) -> int:
        """Units open; negative when short."""
        position = self.positions.get((key, product))
        return position.quantity if position else 0

    def money(self, orders: Iterable[Order] = ()) -> Money:
        """Where the account stands.

        Args:
            orders: those that may block money; others are passed over.
        """
        positions = self.positions.values()
        realised = sum(position.realised for position in positions)
        blocked = self._orders_need(orders)
        for position in positions:
            blocked = blocked.plus(position.blocked)
        unpaid = (p for p in positions if p.quantity and (p.need.span or p.need.equity))
        unrealised = sum(p.unrealised(self.prices(p.listing)) for p in unpaid)
        sale = sum(-p.quantity * p.average for p in positions if p.is_delivery and p.quantity < 0)
        return Money(
            self.opening, blocked, max(realised, 0.0), max(-realised, 0.0), max(-unrealised, 0.0), sale
        )  # fmt: skip

    def sellable(self, key: str, orders: Iterable[Order]) -> int:
        """Shares that may still be sold for delivery: those held or bought today, less those in open sell orders."""
        held = self.holdings[key].quantity if key in self.holdings else 0
        asked = sum(
            order.row.pending
            for order in orders
            if order.row.listing.key == key and order.row.terms.product == "D" and order.row.terms.side is Side.SELL
        )
        return held + self.quantity(key, "D") - asked

    def closable(self, order: Order, orders: Iterable[Order]) -> int:
        """Units of the open position an order could close, less what other orders are about to close of it."""
        where = _place(order)
        others = sum(o.row.pending for o in orders if o is not order and o.limit and _place(o) == where)
        return max(-order.row.terms.side * self.quantity(*where[:2]), 0) - others

    def required(self, order: Order, quantity: int, limit: float, orders: Sequence[Order]) -> tuple[float, float]:
        """What an order of this size and price would block beyond what it blocks now, and what is available: rupees."""
        before = self.money(orders)
        row, old = order.row, order.limit
        order.row, order.limit = replace(row, quantity=quantity), limit
        after = self.money(orders)
        order.row, order.limit = row, old
        return after.blocked.total - before.blocked.total, before.available

    def convert(self, position: Position, product: str, quantity: int) -> None:
        """Move open units to another product, at their average."""
        side = Side.BUY if position.quantity > 0 else Side.SELL
        place = (position.listing.key, product)
        target = self.positions.setdefault(place, Position(position.listing, product))
        average, need = position.average, self.need(position.listing, side, product, position.average)
        position.trade(Side(-side), quantity, average, NOTHING)
        target.trade(side, quantity, average, need)

    def need_to_convert(self, position: Position, product: str, quantity: int) -> float:
        """Rupees that moving units to another product blocks beyond what they block now."""
        side = Side.BUY if position.quantity > 0 else Side.SELL
        need = self.need(position.listing, side, product, position.average)
        return (need.total - position.need.total) * quantity

    def settle(self, position: Position) -> None:
        """A contract has expired: what is open is paid out at what it is worth, without a trade."""
        worth = intrinsic(position.listing, self.underlying(position.listing))
        position.realised += position.unrealised(worth)
        position.settled += position.quantity
        position.average, position.need = 0.0, NOTHING

    def roll(self) -> None:
        """A new day: profits and losses become money, shares bought become holdings, positions are overnight ones."""
        for position in self.positions.values():
            self.opening += position.realised
            if position.is_delivery and position.quantity:
                self._deliver(position)
        self.positions = {
            place: position.rolled()
            for place, position in self.positions.items()
            if position.quantity and not position.is_delivery
        }

    def _deliver(self, position: Position) -> None:
        key, quantity = position.listing.key, position.quantity
        self.opening -= quantity * position.average
        held = self.holdings.get(key, Holding(position.listing, 0, 0.0))
        total = held.quantity + quantity
        if quantity > 0:
            held.average = (held.quantity * held.average + quantity * position.average) / total
        held.quantity = total
        if total > 0:
            self.holdings[key] = held
        else:
            self.holdings.pop(key, None)

    def _orders_need(self, orders: Iterable[Order]) -> Need:
        """What orders block once the risk check is passed; what closes a position needs nothing, earlier ones first."""
        closable: dict[tuple[str, str, Side], int] = {}
        blocked = NOTHING
        for order in orders:
            if order.row.is_over or not order.limit:
                continue
            where = _place(order)
            if where not in closable:
                closable[where] = max(-where[2] * self.quantity(*where[:2]), 0)
            closing = min(closable[where], order.row.pending)
            closable[where] -= closing
            blocked = blocked.plus(self._order_need(order, order.row.pending - closing))
        return blocked

    def _order_need(self, order: Order, opening: int) -> Need:
        """What an order blocks for the units with which it would open a position."""
        listing, terms = order.row.listing, order.row.terms
        if not opening or (listing.segment is Segment.EQ and terms.product == "D" and terms.side is Side.SELL):
            return NOTHING
        return self.need(listing, terms.side, terms.product, order.limit).times(opening)


def _place(order: Order) -> tuple[str, str, Side]:
    """What an order adds to or takes from: instrument, product and side."""
    return order.row.listing.key, order.row.terms.product, order.row.terms.side
