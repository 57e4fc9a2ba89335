"""Numbered changes of the schema; they run when a file is opened, each in one transaction, and never lose rows.

A released migration is never edited; a change of the schema is a new one at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from peewee import Model, SchemaManager, SqliteDatabase

from sos_actors.errors import StoreError
from sos_actors.store.master_schema import MASTER_TABLES
from sos_actors.store.schema import FIRST_SHARD_TABLES, MarketDepthHistory, Quarantines, SchemaVersion


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from ``number - 1`` to ``number``; ``apply`` runs inside a transaction.

    Attributes:
        only_adds: a file without it can be read all the same: what it adds is unknown there.
    """

    number: int
    title: str
    apply: Callable[[SqliteDatabase], None]
    only_adds: bool = False


def migrate(database: SqliteDatabase, path: Path, migrations: Sequence[Migration]) -> None:
    """Bring a file up to the newest schema.

    Raises:
        StoreError: the file was written by a newer program.
    """
    check(schema_version(database), path, migrations)
    if schema_version(database) == migrations[-1].number:
        return
    with database.atomic("IMMEDIATE"):
        # Another process may have migrated while this one waited for the lock.
        version = schema_version(database)
        check(version, path, migrations)
        SchemaManager(SchemaVersion, database).create_all(safe=True)
        for migration in migrations:
            if migration.number > version:
                migration.apply(database)
                execute(database, "INSERT INTO schema_version VALUES (?, ?)", (migration.number, migration.title))


def schema_version(database: SqliteDatabase) -> int:
    """The number of the last migration that ran; 0 for a new file, or one older than the numbering."""
    if not database.table_exists("schema_version"):
        return 0
    row = execute(database, "SELECT max(version) FROM schema_version").fetchone()
    return int(row[0] or 0)


def execute(database: SqliteDatabase, statement: str, parameters: Sequence[object] = ()) -> sqlite3.Cursor:
    """Run one statement; peewee's own signature has no types."""
    return cast(sqlite3.Cursor, cast(Any, database).execute_sql(statement, tuple(parameters)))


def check(version: int, path: Path, migrations: Sequence[Migration], *, read_only: bool = False) -> None:
    """Refuse a schema this program does not know, or one it cannot read as it is.

    Raises:
        StoreError: the file was written by a newer program, or is older and may not be changed.
    """
    if read_only and any(step.number > version and not step.only_adds for step in migrations):
        raise StoreError(f"{path} has an older schema and was opened read-only: open it once for writing.")
    if version > migrations[-1].number:
        raise StoreError(
            f"{path} has schema version {version}, this program knows up to {migrations[-1].number}: "
            f"it was written by a newer release. Upgrade, or choose another data_dir."
        )


def _create(database: SqliteDatabase, tables: Sequence[type[Model]]) -> None:
    for table in tables:
        SchemaManager(table, database).create_all(safe=True)


def _first_shard(database: SqliteDatabase) -> None:
    _adopt_depth_history(database)
    _create(database, FIRST_SHARD_TABLES)


def _quarantines_and_greeks(database: SqliteDatabase) -> None:
    for column in ("atm_iv", "atm_delta", "atm_gamma", "atm_theta", "atm_vega"):
        execute(database, f"ALTER TABLE market_stats ADD COLUMN {column} REAL")
    _create(database, (Quarantines,))


def _whole_sentiment(database: SqliteDatabase) -> None:
    columns = ("ce_oi_change REAL", "pe_oi_change REAL", "max_pain REAL", "smart_trend INTEGER", "total_oi REAL")
    for column in columns:
        execute(database, f"ALTER TABLE sentiment ADD COLUMN {column}")


def _first_master(database: SqliteDatabase) -> None:
    _create(database, MASTER_TABLES)


def _adopt_depth_history(database: SqliteDatabase) -> None:
    """Shards older than the numbering hold only ``market_depth_history``, some without its key or a column.

    Such a table is copied into the contract's shape and the original kept as ``market_depth_history_before_1``,
    because two of its rows may share a key and only one of them fits.
    """
    name = "market_depth_history"
    wanted = ["timestamp", "symbol", "rvol", "pcr", "adv_dec_ratio"]
    columns = execute(database, f"PRAGMA table_info({name})").fetchall()
    if not columns:
        return
    names = [column[1] for column in columns]
    key = [column[1] for column in sorted(columns, key=lambda column: column[5]) if column[5]]
    if names == wanted and key == wanted[:2]:
        return
    execute(database, f"ALTER TABLE {name} RENAME TO {name}_before_1")
    SchemaManager(MarketDepthHistory, database).create_all(safe=True)
    shared = ", ".join(column for column in wanted if column in names)
    execute(
        database,
        f"INSERT OR REPLACE INTO {name} ({shared}) SELECT {shared} FROM {name}_before_1 "
        f"WHERE timestamp IS NOT NULL AND symbol IS NOT NULL",
    )


SHARD_MIGRATIONS = (
    Migration(1, "all tables of the first release", _first_shard),
    Migration(2, "quarantines; the greeks of the at-the-money call", _quarantines_and_greeks, only_adds=True),
    Migration(3, "every figure of a sentiment", _whole_sentiment, only_adds=True),
)
MASTER_MIGRATIONS = (Migration(1, "all tables of the first release", _first_master),)
