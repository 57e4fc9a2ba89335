"""The engine's orders and positions as the desk works on them: slices, their attempts, and who holds what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sos_actors.engine.execution.attempts import Attempt
from sos_actors.engine.positions import ORDERS_EACH
from sos_actors.messages.trading import PositionCorrected, Purpose, SubmitOrder
from sos_actors.types import Side

OWN_FIRST = 900_000
"""Exits from this number on are the desk's own: of orphans, or when it flattens. The engine's updates of them change
nothing, as it never sent so many."""
STOP_FIRST = 950_000
"""From this number on they are stop orders that wait at the broker."""


def is_own(order_id: int) -> bool:
    """Whether an order is the desk's own and not the engine's."""
    return order_id % ORDERS_EACH >= OWN_FIRST


def is_stop(order_id: int) -> bool:
    """Whether an order is one of the desk's that waits at the broker for a price."""
    return order_id % ORDERS_EACH >= STOP_FIRST


@dataclass(slots=True)
class Slice:
    """A part of an order small enough to be sent as one.

    Attributes:
        dropped: nothing of it will be sent any more.
        next_try_at: not sent before, UnixNanos.
        refusals: of its attempts, in a row.
        tries: when it was last sent, UnixNanos, oldest first.
    """

    number: int
    quantity: int
    attempts: list[Attempt] = field(default_factory=list)
    dropped: bool = False
    next_try_at: int = 0
    refusals: int = 0
    tries: list[int] = field(default_factory=list)
    tried: int = 0

    @property
    def filled(self) -> int:
        """Units, over all attempts."""
        return sum(attempt.filled for attempt in self.attempts)

    @property
    def committed(self) -> int:
        """Units that may still fill at the broker."""
        return sum(attempt.outstanding for attempt in self.attempts)

    @property
    def unsent(self) -> int:
        """Units that have to be sent."""
        return 0 if self.dropped else max(self.quantity - self.filled - self.committed, 0)

    @property
    def excess(self) -> int:
        """Units that fill beyond the slice if everything fills."""
        return max(self.filled + self.committed - self.quantity, 0)


@dataclass(slots=True)
class WorkingOrder:
    """An order of the engine's, or of the desk's own.

    Attributes:
        withdrawn: what is left of it is being taken back.
        ended: the engine was told that nothing more can fill.
        told: units the engine was told of, and ``told_paise`` what they cost.
        trigger: of a stop order, rupees.
    """

    submit: SubmitOrder
    slices: list[Slice]
    trigger: float = 0.0
    withdrawn: bool = False
    ended: bool = False
    told: int = 0
    told_paise: int = 0

    @property
    def order_id(self) -> int:
        """Its number."""
        return self.submit.order_id

    @property
    def is_exit(self) -> bool:
        """Whether it closes a position."""
        return self.submit.purpose is Purpose.EXIT

    @property
    def is_stop(self) -> bool:
        """Whether it waits at the broker for a price, in case nobody else acts."""
        return is_stop(self.order_id)

    @property
    def filled(self) -> int:
        """Units, over all slices."""
        return sum(piece.filled for piece in self.slices)

    @property
    def going(self) -> int:
        """Units that may still fill, sent or not."""
        return sum(piece.committed + piece.unsent for piece in self.slices)

    @property
    def is_over(self) -> bool:
        """Whether nothing can fill any more and every fill was told."""
        return self.going == 0 and not any(attempt.unpriced for attempt in self.attempts())

    def attempts(self) -> Iterator[Attempt]:
        """All of them, by slice, oldest first."""
        for piece in self.slices:
            yield from piece.attempts

    def drop_unsent(self) -> None:
        """Send nothing of it any more."""
        for piece in self.slices:
            piece.dropped = True

    def withdraw(self) -> None:
        """Take back what is left of it."""
        self.withdrawn = True
        self.drop_unsent()


@dataclass(slots=True)
class Guard:
    """How the stop order of a position stands.

    Attributes:
        stop: the engine's, rupees; 0.0 while it is not known.
        wish: units and trigger of the stop order that should be there, since ``wished_at``; None: none should be.
        barred: no exit is sent, since the stop order may still sell; from ``since`` on, 0 while it is not so.
        searched_at: when a stop order that did not go was last put in doubt, and ``rounds`` how often.
        correction: what somebody found at the broker; it is believed when the stop order is gone without having sold,
            and as much is held as ``then``.
    """

    stop: float = 0.0
    wish: tuple[int, float] | None = None
    wished_at: int = 0
    barred: bool = False
    since: int = 0
    searched_at: int = 0
    rounds: int = 0
    correction: PositionCorrected | None = None
    then: int = 0


@dataclass(slots=True)
class Account:
    """What is held by one position of the engine's, from the fills of its orders.

    Attributes:
        side: of its entry; an exit trades the other way.
        closed: the engine thinks it is over, or never knew it; whatever is still held is the desk's to sell.
        adjustment: units that are there, or not, for reasons outside our orders.
    """

    number: int
    symbol: str
    side: Side
    orders: list[WorkingOrder] = field(default_factory=list)
    closed: bool = False
    adjustment: int = 0
    guard: Guard = field(default_factory=Guard)

    @property
    def held(self) -> int:
        """Units held in the direction of ``side``; negative when too much was sold."""
        return self.adjustment + sum(self.sign(order) * order.filled for order in self.orders)

    @property
    def in_motion(self) -> int:
        """What ``held`` changes by if everything that works fills."""
        return sum(self.sign(order) * order.going for order in self.orders)

    @property
    def has_exits(self) -> bool:
        """Whether an exit of it works; a stop order that waits for its price is none."""
        return any(order.is_exit and not order.is_stop and order.going for order in self.orders)

    @property
    def believed(self) -> int:
        """Units the engine thinks it holds, by what it was told."""
        bought = sum(order.told for order in self.orders if not order.is_exit)
        exits = (order for order in self.orders if order.is_exit)
        sold = sum(order.told for order in exits if order.is_stop or not is_own(order.order_id))
        return bought - sold + self.adjustment

    @property
    def owes_word(self) -> bool:
        """Whether a stop order has sold units that the engine has not heard of."""
        return any(order.is_stop and order.filled > order.told for order in self.orders)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is left to do about it."""
        over = all(order.is_over and (order.ended or order.told >= order.submit.quantity) for order in self.orders)
        return over and not (self.held and (self.closed or self.guard.stop)) and self.guard.correction is None

    def sign(self, order: WorkingOrder) -> int:
        """1 for what adds to the position, -1 for what takes from it."""
        return int(order.submit.side) * int(self.side)

    def note_closed(self) -> None:
        """See whether what the engine was told closes the position for it; it stays closed then."""
        entries = [order for order in self.orders if not order.is_exit]
        if self.closed or not entries:
            return
        done = all(order.ended or order.told >= order.submit.quantity for order in entries)
        self.closed = done and self.believed <= 0
