"""Copies what a store knew before a day into a folder of its own, so that a simulated day may be traded many times."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from sos_actors.errors import StoreError
from sos_actors.store.database import MASTER
from sos_actors.types import IST_OFFSET_S

_TIMES = ("ts", "timestamp")
"""How tables call the moment of a row, epoch seconds."""


def copy_before(source: Path, target: Path, day: date, first: date) -> None:
    """Copy the master and the months from ``first`` on; rows of ``day`` and later are left out.

    Args:
        source: folder of a store; other processes may be writing to it.
        target: a new folder.
        day: the first day that is left out.
        first: the earliest day that is wanted; months before it are not copied.

    Raises:
        StoreError: the target exists, or a file cannot be read or written.
    """
    if target.exists():
        raise StoreError(f"{target} exists already; a copy needs a new folder.")
    target.mkdir(parents=True)
    names = {f"sos_timeseries_{at // 12:04d}_{at % 12 + 1:02d}.db" for at in range(_month(first), _month(day) + 1)}
    files = [source / MASTER, *(path for path in sorted(source.glob("sos_timeseries_*.db")) if path.name in names)]
    try:
        for path in files:
            with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(target / path.name)) as new:
                old.backup(new)
                _forget_from(new, day)
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error}. Remove {target} and try again.") from error


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _first_second(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400 - IST_OFFSET_S


def _forget_from(database: sqlite3.Connection, day: date) -> None:
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = {row[1] for row in database.execute(f'PRAGMA table_info("{table}")')}
        for column in _TIMES:
            if column in columns:
                database.execute(f'DELETE FROM "{table}" WHERE {column} >= ?', (_first_second(day),))
        if table == "days":
            database.execute("DELETE FROM days WHERE day >= ?", (day.isoformat(),))
        if table == "runs":
            database.execute("DELETE FROM runs")
    database.commit()
