"""Orders, fills and positions: commands the engine gives and facts it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sos_actors.types import Side, UnixNanos


class OrderStatus(StrEnum):
    """What a broker says of an order, as far as the engine needs it."""

    FILLED = "filled"
    """In whole or in part: ``fill_quantity`` at ``fill_price`` in this update."""
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class Purpose(StrEnum):
    """What an order is for: entries can be forbidden, exits never."""

    ENTRY = "entry"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class SubmitOrder:
    """Buy or sell an instrument.

    Attributes:
        order_id: unique in the session; becomes the broker's tag.
        reference_price: the last price the decision was made on, rupees; limits are set around it.
        reason: why, in the words of the records: ``signal``, ``stop``, ``target``, ``square_off``, ``flat``.
    """

    ts_event: UnixNanos
    order_id: int
    position_id: int
    symbol: str
    side: Side
    quantity: int
    purpose: Purpose
    reference_price: float
    reason: str


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Take an entry back that has not filled in time."""

    ts_event: UnixNanos
    order_id: int


@dataclass(frozen=True, slots=True)
class OrderUpdated:
    """The broker says something of an order; ``fill_quantity`` and ``fill_price`` are of this update alone."""

    ts_event: UnixNanos
    order_id: int
    status: OrderStatus
    fill_quantity: int = 0
    fill_price: float = 0.0


@dataclass(frozen=True, slots=True)
class PositionOpened:
    """An entry filled (more of it); stop and target as they now stand."""

    ts_event: UnixNanos
    position_id: int
    symbol: str
    side: Side
    quantity: int
    price: float
    stop: float
    target: float


@dataclass(frozen=True, slots=True)
class PositionClosed:
    """An exit filled completely."""

    ts_event: UnixNanos
    position_id: int
    symbol: str
    quantity: int
    entry_price: float
    exit_price: float
    reason: str


@dataclass(frozen=True, slots=True)
class EntriesStopped:
    """No new entries (the kill switch, a rung of the ladder), or entries again."""

    ts_event: UnixNanos
    stopped: bool
    reason: str


@dataclass(frozen=True, slots=True)
class EntriesWithdrawn:
    """Entries that wait at the broker are taken back (exits only: the second rung of the ladder)."""

    ts_event: UnixNanos
    reason: str


@dataclass(frozen=True, slots=True)
class FlattenRequested:
    """Close every position now, at the market (the kill switch, the third rung of the ladder)."""

    ts_event: UnixNanos
    reason: str


@dataclass(frozen=True, slots=True)
class PositionCorrected:
    """The broker holds another quantity of a position than we thought; the broker is right.

    Attributes:
        quantity: units the broker says are left of the position; 0 closes it.
        price: rupees the missing units are valued at.
        order_id: the stop order at the broker that sold them; 0 when nobody knows what did.
    """

    ts_event: UnixNanos
    position_id: int
    quantity: int
    price: float
    order_id: int = 0
