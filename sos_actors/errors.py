"""Every error SOS raises on purpose. What the system does about each stands in its docstring.

    SosError
    ├── ConfigError            refuse to start, say which key of which file
    ├── UsageError             a wrong flag or argument: exit status 2
    ├── StrategyError          refuse the strategy file, keep the others
    ├── UnknownSymbolError     refuse the request, name the nearest symbols
    ├── MarketRuleError        a date no table covers: refuse that date, name the file to extend
    ├── DataError              input data refused
    │   ├── MissingDataError   a day or a contract is not there: backfill, or list it
    │   └── ImportRefusedError a user's file cannot be read as described
    └── StoreError             the database
        ├── StoreDamagedError  a torn shard: set aside, say how to rebuild, go on with the others
        ├── StoreLockedError   another process writes: retry, then say which
        └── StoreFullError     the disk is full or read-only: stop writing, keep what is committed
"""

from __future__ import annotations

from pathlib import Path


class SosError(Exception):
    """The root. ``str(error)`` is one or more full sentences for the trader: what, where, what to do."""


class ConfigError(SosError):
    """Configuration is wrong; nothing starts."""


class UsageError(SosError):
    """The command line is wrong; exit status 2."""


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
