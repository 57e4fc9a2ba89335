"""Reads query results into NumPy columns, several times faster than rows of Python objects.

Compiled code steps the prepared statement and calls SQLite's own C functions, see ``_library``. Where they cannot be
reached, and for small results that would not repay loading compiled code, NumPy reads the cursor.
"""

from __future__ import annotations

import ctypes
import sqlite3
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sos_actors.store.connection import Database
from sos_actors.store.refusals import refusal

FAST_FROM_ROWS = 60_000
"""Below this many rows in all, loading the compiled loop (0.15 s in a fresh process) costs more than it saves."""

_OPEN_READONLY, _OPEN_URI, _OPEN_NOMUTEX = 0x1, 0x40, 0x8000
_FUNCTIONS = ("sqlite3_step", "sqlite3_column_int64", "sqlite3_column_double", "sqlite3_column_type")


def read_columns(
    database: Database, statement: str, bounds: tuple[int, ...], width: int, *, fast: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Run a query whose first column is an integer and whose other ``width`` columns are numbers.

    Args:
        database: the file.
        statement: SQL with one ``?`` for each bound.
        bounds: integer parameters.
        width: number of columns after the first.
        fast: take the compiled path where it exists, see ``FAST_FROM_ROWS``.

    Returns:
        The first column int64 (n,), the others float64 (width, n); NULL is NaN.

    Raises:
        StoreError: SQLite refuses; StoreDamagedError on a torn file.
    """
    library = _library() if fast else None
    if library is None:
        return _read_cursor(database, statement, bounds, width)
    count = int(database.rows(f"SELECT count(*) FROM ({statement})", bounds)[0][0])
    return _read_compiled(library, database, statement, bounds, width, count)


def count_rows(database: Database, table: str, symbol: str, first_s: int, last_s: int) -> int:
    """Rows of one symbol in ``[first_s, last_s)``; SQLite counts some twenty million a second."""
    statement = (
        f"SELECT count(*) FROM {table} WHERE series = (SELECT id FROM series WHERE symbol = ?) AND ts >= ? AND ts < ?"
    )
    return int(database.rows(statement, (symbol, first_s, last_s))[0][0])


def fast_path_exists() -> bool:
    """Whether this Python lets us reach SQLite's functions."""
    return _library() is not None


def _read_cursor(
    database: Database, statement: str, bounds: tuple[int, ...], width: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    row = np.dtype([("first", np.int64), ("rest", np.float64, (width,))])
    flat = np.dtype([("first", np.int64), *((f"c{column}", np.float64) for column in range(width))])
    rows = database.fetch_array(statement, bounds, flat).view(row)
    return np.ascontiguousarray(rows["first"]), np.ascontiguousarray(rows["rest"].T)


def _read_compiled(
    library: Any, database: Database, statement: str, bounds: tuple[int, ...], width: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    from sos_actors.store.stepping import ROW, step_into

    first = np.empty(count, np.int64)
    rest = np.empty((width, count), np.float64)
    handle, prepared = ctypes.c_void_p(), ctypes.c_void_p()
    try:
        flags = _OPEN_READONLY | _OPEN_URI | _OPEN_NOMUTEX
        code = library.sqlite3_open_v2(database.reading_uri.encode(), ctypes.byref(handle), flags, None)
        _check(library, handle, database, code)
        library.sqlite3_busy_timeout(handle, int(database.busy_timeout_s * 1000))
        code = library.sqlite3_prepare_v2(handle, statement.encode(), -1, ctypes.byref(prepared), None)
        _check(library, handle, database, code)
        for position, bound in enumerate(bounds, start=1):
            _check(library, handle, database, library.sqlite3_bind_int64(prepared, position, bound))
        filled, code = step_into(_addresses(library), prepared.value or 0, first, rest)
        if code != ROW:
            _check(library, handle, database, code)
        return first[:filled], rest[:, :filled]
    finally:
        library.sqlite3_finalize(prepared)
        library.sqlite3_close_v2(handle)


def _check(library: Any, handle: ctypes.c_void_p, database: Database, code: int) -> None:
    if code not in (sqlite3.SQLITE_OK, sqlite3.SQLITE_DONE):
        detail = library.sqlite3_errmsg(handle).decode(errors="replace") if handle.value else f"code {code}"
        raise refusal(database.path, code, detail)


def _addresses(library: Any) -> NDArray[np.int64]:
    return np.array([ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in _FUNCTIONS], np.int64)


@cache
def _library() -> Any | None:
    """The C functions of the very SQLite library Python's ``sqlite3`` uses; None in builds where they are hidden.

    A second copy of SQLite in the process, as adbc, connectorx or polars bring, would drop this process's POSIX locks
    whenever it closes a file, and so could corrupt the database.
    Source: https://www.sqlite.org/howtocorrupt.html section 2.2.1.
    """
    pointer, integer, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    signatures: dict[str, list[Any]] = {
        "sqlite3_open_v2": [text, ctypes.POINTER(pointer), integer, text],
        "sqlite3_busy_timeout": [pointer, integer],
        "sqlite3_prepare_v2": [pointer, text, integer, ctypes.POINTER(pointer), pointer],
        "sqlite3_bind_int64": [pointer, integer, ctypes.c_int64],
        "sqlite3_finalize": [pointer],
        "sqlite3_close_v2": [pointer],
        "sqlite3_errmsg": [pointer],
    }
    try:
        import _sqlite3

        library = ctypes.CDLL(_sqlite3.__file__)
        for name, arguments in signatures.items():
            function = getattr(library, name)
            function.argtypes = arguments
            function.restype = text if name == "sqlite3_errmsg" else integer
        for name in _FUNCTIONS:
            getattr(library, name)
    except (ImportError, AttributeError, OSError):
        return None
    return library
