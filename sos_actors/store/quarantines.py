"""When the prices of a symbol disagreed between two sources, in one shard."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields

from sos_actors.errors import DataError
from sos_actors.messages.market import QuarantineChanged
from sos_actors.store.candles import DAY_S
from sos_actors.store.connection import Database
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, UnixNanos

_VALUES = tuple(column.name for column in fields(QuarantineChanged))[1:]
_NAMES = ", ".join(("ts", *_VALUES))


def check_quarantines(changes: Iterable[QuarantineChanged]) -> None:
    """Refuse changes that no comparison of two prices can have made.

    Raises:
        DataError: a price is unknown.
    """
    for change in changes:
        if not (math.isfinite(change.ours) and math.isfinite(change.reference)):
            raise DataError(f"A quarantine of {change.symbol} has an unknown price: it cannot have been decided.")


def write_quarantines(database: Database, changes: list[QuarantineChanged]) -> int:
    """Insert or replace whole changes."""
    rows = [
        (-(-change.ts_event // NANOS_PER_SECOND), *(getattr(change, name) for name in _VALUES)) for change in changes
    ]
    marks = ", ".join("?" * (1 + len(_VALUES)))
    return database.write_rows((f"INSERT OR REPLACE INTO quarantines ({_NAMES}) VALUES ({marks})",), rows, 1000)


def read_quarantines(database: Database, first_s: int, last_s: int) -> list[QuarantineChanged]:
    """The changes of one shard in ``[first_s, last_s)``, oldest first; a file older than the table has none."""
    if not database.columns("quarantines"):
        return []
    statement = f"SELECT {_NAMES} FROM quarantines WHERE ts >= ? AND ts < ? ORDER BY ts, symbol"
    return [
        QuarantineChanged(UnixNanos(int(ts) * NANOS_PER_SECOND), symbol, bool(quarantined), *rest)
        for ts, symbol, quarantined, *rest in database.rows(statement, (first_s, last_s))
    ]


def day_begins_s(ts: int) -> int:
    """The midnight in India before UnixNanos, in epoch seconds."""
    return (ts // NANOS_PER_SECOND + IST_OFFSET_S) // DAY_S * DAY_S - IST_OFFSET_S


def in_force_from(changes: list[QuarantineChanged], first_ns: int) -> list[QuarantineChanged]:
    """Of changes, oldest first: those from ``first_ns`` on, and before them the last earlier one of each symbol."""
    before = {change.symbol: change for change in changes if change.ts_event < first_ns}
    return [change for change in changes if change.ts_event >= first_ns or change is before[change.symbol]]
