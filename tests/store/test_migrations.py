"""Older and newer files: nothing is lost, nothing is misread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from peewee import SqliteDatabase

from sos_actors.errors import StoreError
from sos_actors.store import Store
from sos_actors.store.connection import Database
from sos_actors.store.migrations import MASTER_MIGRATIONS, SHARD_MIGRATIONS, Migration, execute
from tests.store.conftest import FOREVER, NIFTY, bars

NAME = "sos_timeseries_2024_01.db"
DEPTH = (
    "CREATE TABLE market_depth_history(timestamp INTEGER, symbol TEXT, rvol REAL, pcr REAL, adv_dec_ratio REAL, "
    "PRIMARY KEY(timestamp, symbol))"
)


def by_hand(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def depth_rows(path: Path, table: str = "market_depth_history") -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()


def test_a_shard_older_than_the_numbering_is_adopted_with_its_rows(tmp_path: Path) -> None:
    row = (1_704_080_700, "RELIANCE", 2.4, 0.9, 1.5)
    by_hand(tmp_path / NAME, DEPTH, f"INSERT INTO market_depth_history VALUES {row}")
    with Store.open(tmp_path, origin="real") as store:
        store.add_candles(NIFTY, bars(3), "test")
        assert len(store.candles(NIFTY, 0, FOREVER)) == 3
    assert depth_rows(tmp_path / NAME) == [row]


def test_a_depth_table_without_key_or_column_gets_the_contracts_shape_and_is_kept_as_it_was(tmp_path: Path) -> None:
    by_hand(
        tmp_path / NAME,
        "CREATE TABLE market_depth_history(timestamp INTEGER, symbol TEXT, pcr REAL)",
        "INSERT INTO market_depth_history VALUES (60, 'A', 0.9), (60, 'A', 1.1), (120, 'A', 1.2)",
    )
    Database(tmp_path / NAME, SHARD_MIGRATIONS).close()
    assert depth_rows(tmp_path / NAME) == [(60, "A", None, 1.1, None), (120, "A", None, 1.2, None)]
    assert len(depth_rows(tmp_path / NAME, "market_depth_history_before_1")) == 3


def test_the_depth_table_is_exactly_the_contracts(tmp_path: Path) -> None:
    Database(tmp_path / NAME, SHARD_MIGRATIONS).close()
    with closing(sqlite3.connect(tmp_path / NAME)) as connection:
        columns = connection.execute("PRAGMA table_info(market_depth_history)").fetchall()
    assert [(name, kind, key) for _, name, kind, _, _, key in columns] == [
        *(("timestamp", "INTEGER", 1), ("symbol", "TEXT", 2)),
        *(("rvol", "REAL", 0), ("pcr", "REAL", 0), ("adv_dec_ratio", "REAL", 0)),
    ]


@pytest.mark.parametrize(
    ("migrations", "names"),
    [
        (
            SHARD_MIGRATIONS,
            "actor_events candles market_depth_history market_stats option_chain orders properties schema_version "
            "screener_alerts sentiment series sources trades",
        ),
        (MASTER_MIGRATIONS, "days holidays instruments properties runs schema_version"),
    ],
)
def test_a_new_file_has_the_tables_and_is_in_wal_mode(
    tmp_path: Path, migrations: tuple[Migration, ...], names: str
) -> None:
    database = Database(tmp_path / "new.db", migrations)
    tables = [row[0] for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    assert tables == names.split()
    assert database.rows("PRAGMA journal_mode") == [("wal",)]
    database.close()


def add_column(database: SqliteDatabase) -> None:
    execute(database, "ALTER TABLE candles ADD COLUMN trades INTEGER")


def fail_half_way(database: SqliteDatabase) -> None:
    add_column(database)
    execute(database, "ALTER TABLE absent ADD COLUMN trades INTEGER")


def one_more(apply: Callable[[SqliteDatabase], None]) -> tuple[Migration, ...]:
    return (*SHARD_MIGRATIONS, Migration(2, "trades a bar", apply))


def candle_columns(database: Database) -> list[str]:
    return [row[1] for row in database.rows("PRAGMA table_info(candles)")]


def test_a_later_migration_runs_once_on_open(tmp_path: Path) -> None:
    Database(tmp_path / NAME, SHARD_MIGRATIONS).close()
    for _ in range(2):
        database = Database(tmp_path / NAME, one_more(add_column))
        assert candle_columns(database)[-1] == "trades"
        assert database.rows("SELECT version FROM schema_version") == [(1,), (2,)]
        database.close()


def test_a_migration_that_fails_half_way_leaves_the_old_schema(tmp_path: Path) -> None:
    Database(tmp_path / NAME, SHARD_MIGRATIONS).close()
    with pytest.raises(StoreError, match="no such table"):
        Database(tmp_path / NAME, one_more(fail_half_way))
    database = Database(tmp_path / NAME, SHARD_MIGRATIONS)
    assert candle_columns(database)[-1] == "source"
    database.close()


def test_a_file_of_a_newer_release_is_refused_untouched(tmp_path: Path) -> None:
    Database(tmp_path / NAME, one_more(add_column)).close()
    with pytest.raises(StoreError, match="newer release"):
        Database(tmp_path / NAME, SHARD_MIGRATIONS)


def test_an_older_schema_opened_read_only_is_refused_instead_of_misread(tmp_path: Path) -> None:
    Database(tmp_path / NAME, SHARD_MIGRATIONS).close()
    with pytest.raises(StoreError, match="older schema"):
        Database(tmp_path / NAME, one_more(add_column), read_only=True)
