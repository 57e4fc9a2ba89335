"""Older and newer files: nothing is lost, nothing is misread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from peewee import SqliteDatabase

from sos_actors.errors import StoreError
from sos_actors.messages.market import QuarantineChanged
from sos_actors.store import StatsColumns, Store
from sos_actors.store.connection import Database
from sos_actors.store.migrations import MASTER_MIGRATIONS, SHARD_MIGRATIONS, Migration, execute
from sos_actors.store.schema import SHARD_TABLES
from sos_actors.types import UnixNanos
from tests.store.conftest import FOREVER, JAN_1_0915, NIFTY, bars

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
            "actor_events candles market_depth_history market_stats option_chain orders properties quarantines "
            "schema_version screener_alerts sentiment series sources trades",
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
    return (*SHARD_MIGRATIONS, Migration(len(SHARD_MIGRATIONS) + 1, "trades a bar", apply))


def candle_columns(database: Database) -> list[str]:
    return [row[1] for row in database.rows("PRAGMA table_info(candles)")]


def test_a_later_migration_runs_once_on_open(tmp_path: Path) -> None:
    Database(tmp_path / NAME, SHARD_MIGRATIONS).close()
    for _ in range(2):
        database = Database(tmp_path / NAME, one_more(add_column))
        assert candle_columns(database)[-1] == "trades"
        numbers = [row[0] for row in database.rows("SELECT version FROM schema_version")]
        assert numbers == [1, *range(2, len(SHARD_MIGRATIONS) + 2)]
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


def test_a_file_is_what_the_models_say_whether_new_or_migrated(tmp_path: Path) -> None:
    Database(tmp_path / "old.db", SHARD_MIGRATIONS[:1]).close()
    for name in ("new.db", "old.db"):
        database = Database(tmp_path / name, SHARD_MIGRATIONS)
        for table in SHARD_TABLES:
            described = database.rows(f"PRAGMA table_info({table._meta.table_name})")
            assert [row[1] for row in described] == [field.column_name for field in table._meta.sorted_fields]
        database.close()


def first_release(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """A folder of the first release: rows of its own in every table of a shard."""
    with Store.open(folder, origin="real"):
        pass
    path = folder / NAME
    Database(path, SHARD_MIGRATIONS[:1]).close()
    ts = JAN_1_0915 // 1_000_000_000
    by_hand(
        path, "INSERT INTO properties VALUES ('origin', 'real')", f"INSERT INTO series VALUES (1, '{NIFTY}')",
        "INSERT INTO sources VALUES (1, 'test')", f"INSERT INTO candles VALUES (1, {ts}, 1, 3, 1, 2, 9, NULL, 1)",
        f"INSERT INTO market_stats VALUES (1, {ts}, 0.9, NULL, 30, 20, 1, 2, 3, 4, 5, 1, 6, 21500, 1)",
        f"INSERT INTO screener_alerts VALUES ({ts}, 'NSE|EQ|TCS', 'ADD', 1, 2, 3, 4, 5, 6, 7)",
        "INSERT INTO market_depth_history VALUES (60, 'A', 1, 2, 3)",
        f"INSERT INTO actor_events (ts, actor, event) VALUES ({ts}, 'feed', 'started')",
    )  # fmt: skip
    return contents(path)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def test_a_shard_of_the_first_release_keeps_every_row_and_takes_what_is_new(tmp_path: Path) -> None:
    before = first_release(tmp_path)
    change = QuarantineChanged(UnixNanos(JAN_1_0915), "NSE|EQ|TCS", True, 101.0, 100.0, "tradingview")
    with Store.open(tmp_path) as store:
        stats = store.market_stats(NIFTY, 0, FOREVER)
        assert (stats.pcr.tolist(), stats.spot.tolist()) == ([0.9], [21_500.0])
        assert np.isnan([stats.atm_iv[0], stats.atm_vega[0]]).all()
        after = contents(tmp_path / NAME)
        store.add_market_stats(NIFTY, StatsColumns.of(stats.ts, atm_iv=np.array([12.5])), "test")
        store.add_quarantines([change])
        stats = store.market_stats(NIFTY, 0, FOREVER)
        assert (stats.pcr[0], stats.atm_iv[0], store.quarantines(0, FOREVER)) == (0.9, 12.5, [change])
    assert after.pop("quarantines") == []
    assert after.pop("market_stats") == [(*row, *[None] * 5) for row in before.pop("market_stats")]
    assert after.pop("schema_version")[:1] == before.pop("schema_version")
    assert after == before


def test_a_shard_of_the_first_release_is_read_where_nothing_may_be_written(tmp_path: Path) -> None:
    before = first_release(tmp_path)
    with Store.open(tmp_path, read_only=True) as store:
        assert store.market_stats(NIFTY, 0, FOREVER).pcr.tolist() == [0.9]
        assert np.isnan(store.market_stats(NIFTY, 0, FOREVER).atm_delta).all()
        assert store.quarantines(0, FOREVER) == []
        assert len(store.screener_alerts(0, FOREVER)) == len(store.candles(NIFTY, 0, FOREVER)) == 1
    assert contents(tmp_path / NAME) == before
