"""Turns what SQLite says into the project's errors: which file, what happened, what to do.

Every database call of this package runs inside ``refusals(path)``; nothing of sqlite3 or peewee leaves it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee

from sos_actors.errors import StoreDamagedError, StoreError, StoreFullError, StoreLockedError

_SQLITE_ERRORS = (sqlite3.Error, peewee.PeeweeException)
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LITTLE = 256 * 1024
_UNWRITABLE = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN})


def refusal(path: Path, code: int, detail: str) -> StoreError:
    """The error for one SQLite result code (extended codes are reduced to their primary code).

    Source: https://www.sqlite.org/rescode.html (read 2026-08).
    """
    primary = code & 0xFF
    if primary in _DAMAGED or "malformed" in detail:
        return StoreDamagedError(
            f"{path} is damaged ({detail}). Restore it from a backup, or set it aside and rebuild its month with "
            f"`sos ingest --force`; the other months go on working.",
            path,
        )
    if primary in _LOCKED:
        return StoreLockedError(f"{path} is locked: another process writes to it ({detail}). Try again later.")
    if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and _no_space(path)):
        return StoreFullError(
            f"No space is left for {path} ({detail}). What was committed is safe; free space and go on."
        )
    if primary in _UNWRITABLE:
        return StoreFullError(
            f"{path} cannot be written ({detail}). Make its folder writable, or choose another data_dir."
        )
    return StoreError(f"{path}: {detail}.")


def _no_space(path: Path) -> bool:
    """Whether an I/O error is for want of space: SQLite says so when it cannot extend a WAL's index."""
    try:
        return shutil.disk_usage(path.parent).free < _LITTLE
    except OSError:
        return False


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Raise the project's errors for whatever SQLite or peewee raise inside.

    Raises:
        StoreError: or the subclass that fits.
    """
    try:
        yield
    except _SQLITE_ERRORS as error:
        first = _first(error)
        raise refusal(path, _code(first), str(first)) from error


def _first(error: BaseException) -> BaseException:
    """The error that began it: peewee wraps SQLite's, and SQLite may have rolled back before peewee tries to."""
    while isinstance(earlier := error.__cause__ or error.__context__, _SQLITE_ERRORS):
        error = earlier
    return error


def _code(error: BaseException) -> int:
    code = getattr(error, "sqlite_errorcode", None)
    return code if isinstance(code, int) else sqlite3.SQLITE_ERROR
