"""Every error SOS raises on purpose. What the system does about each stands in its docstring.

    SosError
    ├── ConfigError            refuse to start, say which key of which file
    ├── UsageError             a wrong flag or argument: exit status 2
    ├── AlreadyRunningError    refuse to start beside a run on the same data folder, say which
    ├── StrategyError          refuse the strategy file, keep the others
    ├── UnknownSymbolError     refuse the request, name the nearest symbols
    ├── MarketRuleError        a date no table covers: refuse that date, name the file to extend
    ├── DataError              input data refused
    │   ├── MissingDataError   a day or a contract is not there: backfill, or list it
    │   └── ImportRefusedError a user's file cannot be read as described
    ├── StoreError             the database
    │   ├── StoreDamagedError  a torn shard: set aside, say how to rebuild, go on with the others
    │   ├── StoreLockedError   another process writes: retry, then say which
    │   └── StoreFullError     the disk is full or read-only: stop writing, keep what is committed
    ├── JournalError           the journal cannot be written or read: entries wait, exits go on, what is held is retried
    ├── ActorError             a part of the running system did not do what another asked of it
    │   ├── ActorTimeoutError  no answer in time: whether it was done is UNKNOWN; count it, go on without
    │   ├── ActorDownError     it ended and nobody answers in its place, or it died over what was asked: go on without
    │   └── EscalatedError     a group restarted too often and gave up: its parent decides; at the root trading halts
    └── VendorError            a vendor did not give what was asked: ask the next source, or go without and say so
        ├── VendorUnreachableError  refused, reset, timed out: back off and ask again; an order's outcome is UNKNOWN
        ├── VendorBusyError    429 or 5xx: wait at least `retry_after_s`; an order's outcome is UNKNOWN on 5xx
        ├── VendorAnswerError  an answer that is no data (HTML, `{}`, another shape): never stored, ask the next source;
        │                      an order's outcome is UNKNOWN
        ├── VendorRefusedError blocked, not subscribed, not allowed: stop asking, tell the trader
        │   └── TokenRefusedError   the token is missing, wrong or expired: 'sos login'
        └── OrderRefusedError  the broker says no to an order, with its own code: nothing was placed
"""

from __future__ import annotations

from pathlib import Path


class SosError(Exception):
    """The root. ``str(error)`` is one or more full sentences for the trader: what, where, what to do."""


class ConfigError(SosError):
    """Configuration is wrong; nothing starts."""


class UsageError(SosError):
    """The command line is wrong; exit status 2."""


class AlreadyRunningError(SosError):
    """Another process runs the system on the same data folder."""


class StrategyError(SosError):
    """A strategy file is refused; the others go on."""


class UnknownSymbolError(SosError):
    """No instrument of that name; the message carries the nearest matches."""


class MarketRuleError(SosError):
    """A dated table has no row for the date; the message names the file to extend."""


class DataError(SosError):
    """Input data is refused."""


class MissingDataError(DataError):
    """Data a run needs is not in the store."""


class ImportRefusedError(DataError):
    """A user's file cannot be imported as described."""


class StoreError(SosError):
    """The database refuses."""


class StoreDamagedError(StoreError):
    """A database file is torn; ``path`` says which."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class StoreLockedError(StoreError):
    """Another process holds the database."""


class StoreFullError(StoreError):
    """No space, or a read-only folder."""


class JournalError(SosError):
    """The journal cannot be written, or is not one; while it cannot be written, entries wait and exits go on."""


class ActorError(SosError):
    """An actor, a group of actors or a worker process did not do what was asked."""


class ActorTimeoutError(ActorError):
    """No answer in time. What was asked may have been done, or may yet be."""


class ActorDownError(ActorError):
    """It ended before it answered, and nobody answers in its place."""


class EscalatedError(ActorError):
    """A supervisor gave up: more restarts than its intensity allows; its children are stopped."""


class VendorError(SosError):
    """A vendor did not give what was asked.

    Attributes:
        vendor: ``upstox``, ``tradingview``, ``nse`` or ``trendlyne``.
        code: the vendor's own code or the HTTP status as text; empty when there is none.
    """

    def __init__(self, vendor: str, message: str, code: str = "") -> None:
        super().__init__(f"{vendor}: {message}")
        self.vendor = vendor
        self.code = code


class VendorUnreachableError(VendorError):
    """No answer: refused, reset, timed out. What was asked may or may not have been done."""


class VendorBusyError(VendorError):
    """Too many requests, or the vendor is in trouble; ``retry_after_s`` is what it asks for, 0 when it says nothing."""

    def __init__(self, vendor: str, message: str, code: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(vendor, message, code)
        self.retry_after_s = retry_after_s


class VendorAnswerError(VendorError):
    """An answer that is no data."""


class VendorRefusedError(VendorError):
    """The vendor does not want to; asking again changes nothing."""


class TokenRefusedError(VendorRefusedError):
    """The token is missing, wrong or expired."""


class OrderRefusedError(VendorError):
    """The broker refused an order at once; nothing was placed."""
