"""Looks at the database files of a folder and changes none: whole or torn, which schema, whose data, how much."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sos_actors.errors import StoreDamagedError, StoreError
from sos_actors.store.database import MASTER
from sos_actors.store.migrations import MASTER_MIGRATIONS, SHARD_MIGRATIONS
from sos_actors.store.refusals import refusals
from sos_actors.types import IST_OFFSET_S

_SHARDS = "sos_timeseries_*_??.db"
_BUSY_S = 1.0
_STEPS = 10_000
"""Of SQLite's machine between two looks at the clock: less than a millisecond."""
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class FileHealth:
    """One file.

    Attributes:
        problem: why it cannot be read to the end; the rest is unknown then.
        version: of its schema; 0 when nothing was ever written to it.
        newest: the version this program writes.
        origin: ``real``, ``simulated``, or empty when it does not say.
        checked: whether SQLite's quick check went through it in the time there was, and found nothing.
        bars, sessions: one-minute candles and their days; None in a master, or when there was no time to count.
        first, last: days since 1970 in India of its oldest and newest bar; None when there is none.
    """

    path: Path
    problem: StoreError | None = None
    version: int = 0
    newest: int = 1
    origin: str = ""
    checked: bool = False
    bars: int | None = None
    sessions: int | None = None
    first: int | None = None
    last: int | None = None


def examine(folder: Path, most_s: float) -> list[FileHealth]:
    """The health of the master and of every shard, newest first; empty when there is no store.

    Args:
        folder: of the store.
        most_s: seconds it may take in all; what is not reached by then is opened, but not gone through.
    """
    if not (folder / MASTER).is_file():
        return []
    until = time.monotonic() + most_s
    shards = sorted(folder.glob(_SHARDS), reverse=True)
    return [_file(folder / MASTER, MASTER_MIGRATIONS[-1].number, until, is_shard=False)] + [
        _file(path, SHARD_MIGRATIONS[-1].number, until, is_shard=True) for path in shards
    ]


def _file(path: Path, newest: int, until: float, *, is_shard: bool) -> FileHealth:
    try:
        with refusals(path), closing(_opened(path)) as connection:
            return _looked_at(connection, path, newest, until, is_shard)
    except StoreError as problem:
        return FileHealth(path, problem, newest=newest)


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; in a folder SQLite cannot put its WAL index in, of the file as it lies there."""
    wal = path.with_name(path.name + "-wal")
    immutable = "&immutable=1" if not wal.exists() and not os.access(path.parent, os.W_OK) else ""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{immutable}", uri=True, timeout=_BUSY_S)


def _looked_at(connection: sqlite3.Connection, path: Path, newest: int, until: float, is_shard: bool) -> FileHealth:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    version = connection.execute("SELECT max(version) FROM schema_version").fetchone()[0] if (
        "schema_version" in tables
    ) else 0  # fmt: skip
    origin = connection.execute("SELECT value FROM properties WHERE name = 'origin'").fetchone() if (
        "properties" in tables
    ) else None  # fmt: skip
    found = _bounded(connection, "PRAGMA quick_check(1)", until)
    if found and found[0] != ("ok",):
        told = " ".join(str(found[0][0]).split())[:200]
        raise StoreDamagedError(f"{path} is damaged ({told}).", path)
    bars: Sequence[Any] = (None, None, None, None)
    if is_shard and "candles" in tables:
        day = f"(ts + {IST_OFFSET_S}) / {_DAY_S}"
        query = f"SELECT count(*), count(DISTINCT {day}), min({day}), max({day}) FROM candles"
        bars = (_bounded(connection, query, until) or [bars])[0]
    return FileHealth(path, None, int(version or 0), newest, str(origin[0]) if origin else "", bool(found), *bars)


def _bounded(connection: sqlite3.Connection, query: str, until: float) -> list[Any] | None:
    """All rows of a query; None when there is no time for it."""
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        return connection.execute(query).fetchall() if time.monotonic() < until else None
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        raise
    finally:
        connection.set_progress_handler(None, 0)
