"""What the order actor is told, and what every error of a broker means to an order: the table between port and desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sos_actors.engine.execution.commands import Intent, Outcome
from sos_actors.engine.execution.policy import Fate
from sos_actors.errors import OrderRefusedError, VendorBusyError, VendorError, VendorRefusedError
from sos_actors.messages.broker import BrokerFill, BrokerOrder
from sos_actors.types import UnixNanos


class OrderJournal(Protocol):
    """Where intents and outcomes are written. Thread-safe."""

    def intent(self, intent: Intent) -> None:
        """Write an order that is about to be sent; when this returns it survives the end of the process.

        Raises:
            SosError: it cannot be written.
        """
        ...

    def outcome(self, outcome: Outcome) -> None:
        """Write what became of a request; for people.

        Raises:
            SosError: it cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that places, changes or cancels is back from its lane; ``outcome`` says how."""

    outcome: Outcome
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A look-up is back; ``rows`` is None when it gave no answer."""

    tag: str
    rows: Sequence[BrokerOrder] | None


@dataclass(frozen=True, slots=True)
class BookCame:
    """The book is back; ``rows`` is None when it gave no answer."""

    asked_at: UnixNanos
    rows: Sequence[BrokerOrder] | None
    fills: Sequence[BrokerFill] = ()


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """The order stream told of an order."""

    row: BrokerOrder


@dataclass(frozen=True, slots=True)
class StreamUp:
    """The order stream is there again, or has left something out."""


@dataclass(frozen=True, slots=True)
class Flatten:
    """Close all that our orders hold, without the engine; for good."""


@dataclass(frozen=True, slots=True)
class Look:
    """Time has passed."""


def fate_of(error: Exception) -> Fate:
    """What has become of a request that ended with an error.

    Whatever is not known for certain is UNKNOWN, errors of this program included: the request may have been sent.
    """
    if isinstance(error, OrderRefusedError):
        return Fate.REFUSED
    if isinstance(error, VendorRefusedError):
        return Fate.LOCKED
    if isinstance(error, VendorBusyError) and error.code == "429":
        return Fate.THROTTLED
    return Fate.UNKNOWN


def answered(what: str, tag: str, error: Exception | None, now: UnixNanos, broker_id: str = "") -> Answered:
    """The outcome of a request: placed or taken when there is no error."""
    if error is None:
        return Answered(Outcome(now, what, tag, Fate.PLACED, broker_id))
    code = error.code if isinstance(error, VendorError) else ""
    waits = error.retry_after_s if isinstance(error, VendorBusyError) else 0.0
    said = str(error) if isinstance(error, VendorError) else type(error).__name__
    return Answered(Outcome(now, what, tag, fate_of(error), broker_id, code, said), waits)
