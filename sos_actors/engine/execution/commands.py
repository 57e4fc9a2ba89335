"""What the execution desk wants done and has to say; its commands go to the broker, each by one request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sos_actors.messages.broker import OrderChange, OrderRequest
from sos_actors.messages.trading import OrderUpdated, PositionCorrected, Purpose
from sos_actors.types import UnixNanos


@dataclass(frozen=True, slots=True)
class Intent:
    """An order that is about to be sent. It is journaled, durably, before it is: a crash must not forget it.

    Attributes:
        order_id, position_id, symbol, purpose: of the order it is part of.
        piece: number of the slice.
        attempt: number of the attempt at that slice.
    """

    ts_event: UnixNanos
    order_id: int
    position_id: int
    symbol: str
    purpose: Purpose
    piece: int
    attempt: int
    request: OrderRequest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request, for the journal: for people, nothing is decided by it.

    Attributes:
        what: ``place``, ``modify`` or ``cancel``.
        tag: of the order it was about.
        fate: a ``policy.Fate``.
    """

    ts_event: UnixNanos
    what: str
    tag: str
    fate: str
    broker_id: str = ""
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Journal the intent, then send its request; it cannot be had without."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Modify:
    """Change an order."""

    tag: str
    change: OrderChange


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take an order back."""

    tag: str
    broker_id: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask for the orders of a tag."""

    tag: str


@dataclass(frozen=True, slots=True)
class PollBook:
    """Ask for the whole order book, and the day's trades where prices are missing."""

    fills: bool


class Severity(StrEnum):
    """How bad a trouble is, in the words of the log."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Need(StrEnum):
    """What trading has to do while a trouble lasts."""

    NOTHING = "nothing"
    STOP_ENTRIES = "stop entries"
    EXITS_ONLY = "exits only"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something the trader should know; with a need other than NOTHING it lasts until ``Cleared`` of the same key."""

    ts_event: UnixNanos
    key: str
    text: str
    severity: Severity
    need: Need = Need.NOTHING


@dataclass(frozen=True, slots=True)
class Cleared:
    """A trouble is over."""

    ts_event: UnixNanos
    key: str


Command = Place | Modify | Cancel | LookUp | PollBook
Output = Command | OrderUpdated | PositionCorrected | Trouble | Cleared
