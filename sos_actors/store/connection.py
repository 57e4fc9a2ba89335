"""One SQLite file: opened in WAL mode through peewee, migrated, written in committed batches."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from peewee import SqliteDatabase

from sos_actors.errors import MissingDataError, StoreError, StoreFullError
from sos_actors.store.migrations import Migration, check, execute, migrate, schema_version
from sos_actors.store.refusals import refusals

Row = tuple[Any, ...]
_ORIGIN = "origin"


class Database:
    """A connection to one file, for the thread that opened it.

    WAL with ``synchronous=NORMAL``: a killed program loses nothing that was committed; a power cut may lose the last
    commits but never tears the file. Source: https://www.sqlite.org/pragma.html#pragma_synchronous.

    Raises:
        MissingDataError: read-only, and there is no such file.
        StoreDamagedError, StoreLockedError, StoreFullError, StoreError: see ``errors``.
    """

    def __init__(
        self, path: Path, migrations: Sequence[Migration], *, read_only: bool = False, busy_timeout_s: float = 5.0
    ) -> None:
        self.path = path.absolute()
        self.read_only = read_only
        self.busy_timeout_s = busy_timeout_s
        if read_only and not path.is_file():
            raise MissingDataError(f"There is no database {path}.")
        pragmas = {} if read_only else {"journal_mode": "wal", "synchronous": "normal"}
        uri = self.reading_uri if read_only else f"{self.path.as_uri()}?mode=rwc"
        self._peewee = SqliteDatabase(uri, uri=True, timeout=busy_timeout_s, pragmas=pragmas)
        try:
            with refusals(self.path):
                self._peewee.connect()
                if read_only and not execute(self._peewee, "SELECT 1 FROM sqlite_master LIMIT 1", ()).fetchall():
                    raise MissingDataError(f"{path} is empty: whoever made it was interrupted.")
                if read_only:
                    check(schema_version(self._peewee), self.path, migrations, read_only=True)
                else:
                    migrate(self._peewee, self.path, migrations)
        except BaseException:
            self.close()
            raise

    @property
    def reading_uri(self) -> str:
        """The file as a read-only URI; a folder SQLite cannot put its WAL index in is read as it lies there."""
        wal = self.path.with_name(self.path.name + "-wal")
        untouchable = self.read_only and not wal.exists() and not os.access(self.path.parent, os.W_OK)
        immutable = "&immutable=1" if untouchable else ""
        return f"{self.path.as_uri()}?mode=ro{immutable}"

    def close(self) -> None:
        """Close the connection; closing twice is fine."""
        with refusals(self.path):
            self._peewee.close()

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of a query."""
        with refusals(self.path):
            return execute(self._peewee, statement, parameters).fetchall()

    def columns(self, table: str) -> frozenset[str]:
        """The columns of a table; none when there is no such table."""
        return frozenset(str(row[1]) for row in self.rows(f"PRAGMA table_info({table})"))

    def fetch_array(self, statement: str, parameters: Sequence[object], dtype: np.dtype[Any]) -> NDArray[Any]:
        """All rows of a query as a structured array; NULL becomes NaN."""
        with refusals(self.path):
            return np.fromiter(execute(self._peewee, statement, parameters), dtype)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, committed at the end, rolled back when anything is raised inside."""
        if self.read_only:
            raise StoreFullError(f"{self.path} was opened read-only.")
        with refusals(self.path), self._peewee.atomic("IMMEDIATE"):
            yield cast(sqlite3.Connection, cast(Any, self._peewee).connection())

    def write_columns(self, statement: str, columns: Sequence[NDArray[Any]], commit_rows: int) -> int:
        """Run ``statement`` for each row of the columns, ``commit_rows`` rows a transaction; NaN is stored as NULL.

        Returns:
            The number of rows.
        """
        total = len(columns[0])
        for start in range(0, total, commit_rows):
            batch = [column[start : start + commit_rows].tolist() for column in columns]
            with self.writing() as connection:
                connection.executemany(statement, zip(*batch, strict=True))
        return total

    def write_rows(self, statements: Sequence[str], rows: Sequence[Row], commit_rows: int) -> int:
        """Run several statements over the same named or numbered parameters, in committed batches."""
        rest = iter(rows)
        while batch := list(islice(rest, commit_rows)):
            with self.writing() as connection:
                for statement in statements:
                    connection.executemany(statement, batch)
        return len(rows)

    def identity(self, table: str, column: str, text: str) -> int | None:
        """The id of a symbol or source in this file; None when it has none."""
        found = self.rows(f"SELECT id FROM {table} WHERE {column} = ?", (text,))
        return int(found[0][0]) if found else None

    def identify(self, table: str, column: str, text: str) -> int:
        """The id of a symbol or source in this file, given one if it is new."""
        if (known := self.identity(table, column, text)) is not None:
            return known
        with self.writing() as connection:
            connection.execute(f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)", (text,))
        return cast(int, self.identity(table, column, text))

    def origin(self) -> str | None:
        """What the file says its data is: ``real`` or ``simulated``; None when it says nothing yet."""
        found = self.rows("SELECT value FROM properties WHERE name = ?", (_ORIGIN,))
        return str(found[0][0]) if found else None

    def claim_origin(self, origin: str) -> None:
        """Write what the file's data is, once.

        Raises:
            StoreError: the file holds the other kind.
        """
        if self.origin() is None and not self.read_only:
            with self.writing() as connection:
                connection.execute("INSERT OR IGNORE INTO properties VALUES (?, ?)", (_ORIGIN, origin))
        stored = self.origin()
        if stored not in (None, origin):
            raise StoreError(
                f"{self.path} holds {stored} data and was opened for {origin} data. "
                f"Simulated and real data never share a database: choose another data_dir."
            )
