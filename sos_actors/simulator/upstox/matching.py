"""Matching of the simulated exchange: our orders against the market's book, never beyond what the market showed.

An order that crosses takes the book's levels one by one. One that rests is filled by quotes that reach it, by trades
beyond its price, or, at its price, once what stood before it in the queue has traded. Knows no clock and no account.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sos_actors.simulator.view import State
from sos_actors.types import NANOS_PER_SECOND, Side


class Fill(NamedTuple):
    """Units at a price in rupees."""

    quantity: int
    price: float


@dataclass(slots=True)
class Resting:
    """What is left of an order at the exchange.

    Attributes:
        order_id: whose.
        limit: rupees; a buyer pays no more, a seller takes no less.
        remaining: units.
        rank: the smaller, the earlier at equal prices.
        ahead: units of others that trade first at this price.
        is_crossing: whether it has crossed the market ever since it came; then it pays what the book shows, else
            its limit.
    """

    order_id: str
    side: Side
    limit: float
    remaining: int
    rank: int
    ahead: int = 0
    is_crossing: bool = False


class _Offer(NamedTuple):
    price: float
    quantity: int


class _Taken(NamedTuple):
    until: int
    side: Side
    price: int
    quantity: int


@dataclass(slots=True)
class Book:
    """Our side of one instrument's book.

    Attributes:
        replenish_ns: how long quantity that we took stays missing from what the market shows.
        orders: those that rest, in no particular order.
    """

    replenish_ns: int = 2 * NANOS_PER_SECOND
    orders: dict[str, Resting] = field(default_factory=dict)
    _taken: list[_Taken] = field(default_factory=list)
    _volume: int | None = None

    def enter(self, order: Resting, state: State) -> list[Fill]:
        """A new order, or one with a new price: takes what it crosses; what is left of it rests.

        Args:
            order: what is asked for.
            state: the market at this moment, in trading hours.
        """
        self._start(state)
        order.is_crossing = True
        fills = self._take(order, state)
        order.is_crossing = order.remaining > 0 and _crosses(order, state)
        if order.remaining:
            order.ahead = _queue(order, state)
            self.orders[order.order_id] = order
        return fills

    def leave(self, order_id: str) -> None:
        """An order is gone; unknown ones are ignored."""
        self.orders.pop(order_id, None)

    def sample(self, state: State) -> list[tuple[Resting, list[Fill]]]:
        """The market has moved on: who is filled by it, better prices first, then earlier orders.

        Args:
            state: the market at this moment; the trades since the last look are those between the two volumes.
        """
        traded = self._start(state)
        pool, filled = traded, []
        for order in sorted(self.orders.values(), key=_priority):
            fills = self._take(order, state) if order.is_crossing else []
            if not fills and not order.is_crossing:
                fills, used = self._passive(order, state, traded, pool)
                pool -= used
            order.is_crossing = order.is_crossing and _crosses(order, state)
            if fills:
                filled.append((order, fills))
            if not order.remaining:
                self.leave(order.order_id)
        return filled

    def _start(self, state: State) -> int:
        """Forget what was taken long ago; returns the units traded since the last look."""
        self._taken = [taken for taken in self._taken if taken.until > state.ts]
        before, self._volume = self._volume, state.volume
        return max(state.volume - before, 0) if before is not None else 0

    def _take(self, order: Resting, state: State) -> list[Fill]:
        """Fills of an order that crosses, at the prices of the levels it takes."""
        fills = []
        for offer in self._offers(order, state):
            quantity = min(offer.quantity, order.remaining)
            if quantity:
                order.remaining -= quantity
                self._note(state.ts, order.side, offer.price, quantity)
                fills.append(Fill(quantity, offer.price))
        return fills

    def _passive(self, order: Resting, state: State, traded: int, pool: int) -> tuple[list[Fill], int]:
        """Fills of an order that rests, at its own price, and how many of the traded units they used."""
        quoted = self._take_at_limit(order, state)
        last, limit = paise(state.ltp), paise(order.limit)
        beyond = last < limit if order.side is Side.BUY else last > limit
        by_trade = 0
        if traded and beyond:
            order.ahead, by_trade = 0, pool
        elif traded and last == limit:
            order.ahead = min(order.ahead, _displayed(order, state))
            by_trade, order.ahead = max(min(traded - order.ahead, pool), 0), max(order.ahead - traded, 0)
        by_trade = min(max(by_trade - quoted, 0), order.remaining)
        order.remaining -= by_trade
        quantity = quoted + by_trade
        return ([Fill(quantity, order.limit)] if quantity else []), by_trade

    def _take_at_limit(self, order: Resting, state: State) -> int:
        """Units of quotes that have come to meet a resting order."""
        met = 0
        for offer in self._offers(order, state):
            quantity = min(offer.quantity, order.remaining)
            order.remaining -= quantity
            self._note(state.ts, order.side, offer.price, quantity)
            met += quantity
        return met

    def _offers(self, order: Resting, state: State) -> Iterator[_Offer]:
        """The other side of the book as far as the order's limit, less what we have taken of it, best first."""
        limit = paise(order.limit)
        for level in state.depth:
            buys = order.side is Side.BUY
            price, quantity = (level.ask_price, level.ask_quantity) if buys else (level.bid_price, level.bid_quantity)
            at = paise(price)
            if quantity <= 0 or price <= 0:
                continue
            if at > limit if buys else at < limit:
                return
            taken = sum(t.quantity for t in self._taken if t.side is order.side and t.price == at)
            if quantity > taken and order.remaining:
                yield _Offer(price, quantity - taken)

    def _note(self, ts: int, side: Side, price: float, quantity: int) -> None:
        self._taken.append(_Taken(ts + self.replenish_ns, side, paise(price), quantity))


def paise(price: float) -> int:
    """A price in rupees as whole paise, so that equal prices are equal."""
    return round(price * 100)


def is_triggered(side: Side, trigger_price: float, state: State) -> bool:
    """Whether the last price has reached a stop order's trigger; never before the first trade of the day."""
    last, trigger = paise(state.ltp), paise(trigger_price)
    return state.ltt > 0 and (last >= trigger if side is Side.BUY else last <= trigger)


def _priority(order: Resting) -> tuple[int, int, int]:
    return (int(order.side), -int(order.side) * paise(order.limit), order.rank)


def _crosses(order: Resting, state: State) -> bool:
    """Whether the other side offers something within the limit or, where it offers nothing, the last price lies there.

    The latter keeps a market order that met an empty book from paying its whole protection for the next offer.
    """
    if order.side is Side.BUY:
        offers = [paise(level.ask_price) for level in state.depth if level.ask_quantity > 0]
        return min(offers, default=paise(state.ltp)) <= paise(order.limit)
    bids = [paise(level.bid_price) for level in state.depth if level.bid_quantity > 0]
    return max(bids, default=paise(state.ltp)) >= paise(order.limit)


def _displayed(order: Resting, state: State) -> int:
    """Units of others that the market shows on the order's side at its price."""
    limit = paise(order.limit)
    if order.side is Side.BUY:
        return sum(level.bid_quantity for level in state.depth if paise(level.bid_price) == limit)
    return sum(level.ask_quantity for level in state.depth if paise(level.ask_price) == limit)


def _queue(order: Resting, state: State) -> int:
    """Units of others before a new order: what is shown at its price, or, beyond the last level, what that shows."""
    if not state.depth:
        return 0
    last, limit = state.depth[-1], paise(order.limit)
    if order.side is Side.BUY:
        return last.bid_quantity if limit < paise(last.bid_price) else _displayed(order, state)
    return last.ask_quantity if 0 < paise(last.ask_price) < limit else _displayed(order, state)
