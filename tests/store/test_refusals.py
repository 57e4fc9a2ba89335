"""Torn, locked, full, killed: what is committed stays, and the error says what to do."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from sos_actors.errors import StoreDamagedError, StoreError, StoreFullError, StoreLockedError
from sos_actors.store import DayRecord, Store
from sos_actors.store.refusals import refusal
from tests.store.conftest import FOREVER, JAN_1_0915, NIFTY, assert_same, bars

REPOSITORY = Path(__file__).resolve().parent.parent.parent
WRITER = """
import sys
from pathlib import Path
from sos_actors.store import Store
from tests.store.conftest import NIFTY, bars
with Store.open(Path(sys.argv[1]), origin="real", commit_rows=100) as store:
    for count in range(500, 1_000_000, 500):
        store.add_candles(NIFTY, bars(count), "writer")
        print(count, flush=True)
"""


def write_three_months(folder: Path) -> None:
    with Store.open(folder, origin="real") as store:
        store.add_candles(NIFTY, bars(200, step=600), "test")


def test_a_torn_shard_is_named_and_the_other_months_are_read(tmp_path: Path) -> None:
    write_three_months(tmp_path)
    torn = tmp_path / "sos_timeseries_2024_02.db"
    torn.write_bytes(b"not a database, whatever its name says" * 200)
    with Store.open(tmp_path) as store:
        series = store.candles(NIFTY, 0, FOREVER)
        assert set(series.ts.astype("datetime64[ns]").astype("datetime64[M]").astype(str)) == {"2024-01", "2024-03"}
        store.candles(NIFTY, 0, FOREVER)
        assert len(store.damaged) == 1
        assert str(torn) in str(store.damaged[0])
        assert "sos ingest --force" in str(store.damaged[0])
        with pytest.raises(StoreDamagedError, match="2024_02"):
            store.add_candles(NIFTY, bars(200, step=600), "test")


def test_a_torn_shard_set_aside_can_be_rebuilt(tmp_path: Path) -> None:
    write_three_months(tmp_path)
    with Store.open(tmp_path) as store:
        store.mark_day(NIFTY, date(2024, 2, 5), DayRecord(375, 375, "test"))
        store.mark_day(NIFTY, date(2024, 1, 5), DayRecord(375, 375, "test"))
    (tmp_path / "sos_timeseries_2024_02.db").write_bytes(b"torn" * 2_000)
    with Store.open(tmp_path) as store:
        store.candles(NIFTY, 0, FOREVER)
        aside = store.set_aside(date(2024, 2, 5))
        assert aside.read_bytes().startswith(b"torn")
        assert list(store.days(NIFTY, date(2024, 1, 1), date(2024, 12, 31))) == [date(2024, 1, 5)]
        store.add_candles(NIFTY, bars(200, step=600), "test")
        assert_same(store.candles(NIFTY, 0, FOREVER), bars(200, step=600))
        assert store.damaged == ()


def test_a_torn_master_refuses_to_open(tmp_path: Path) -> None:
    (tmp_path / "sos_master_data.db").write_bytes(b"torn" * 2_000)
    with pytest.raises(StoreDamagedError, match="sos_master_data"):
        Store.open(tmp_path, origin="real")


def test_a_locked_shard_is_reported_after_the_time_out(store: Store, tmp_path: Path) -> None:
    store.add_candles(NIFTY, bars(3), "test")
    with closing(sqlite3.connect(tmp_path / "sos_timeseries_2024_01.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLockedError, match="another process"):
            store.add_candles(NIFTY, bars(9), "test")
        assert len(store.candles(NIFTY, 0, FOREVER)) == 3
        other.rollback()
    assert store.add_candles(NIFTY, bars(9), "test") == 9


def test_a_full_disk_keeps_what_was_committed(tmp_path: Path) -> None:
    with Store.open(tmp_path, origin="real", commit_rows=500) as store:
        store.add_candles(NIFTY, bars(10), "test")
        shard = store._shards.open(store._shards.all_months()[0])
        pages = shard.rows("PRAGMA page_count")[0][0]
        shard.rows(f"PRAGMA max_page_count = {pages + 20}")
        with pytest.raises(StoreFullError, match="No space"):
            store.add_candles(NIFTY, bars(20_000), "test")
        held = store.candles(NIFTY, 0, FOREVER)
        assert len(held) % 500 == 0
        assert_same(held, bars(20_000)[: len(held)])
        assert 0 < len(held) < 20_000
        shard.rows("PRAGMA max_page_count = 1000000")
        store.add_candles(NIFTY, bars(20_000), "test")
        assert_same(store.candles(NIFTY, 0, FOREVER), bars(20_000))


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFullError, match="data_dir"):
        Store.open(tmp_path / "file" / "var", origin="real")


def test_a_killed_writer_leaves_its_commits_and_a_second_run_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as writer:
        assert writer.stdout is not None
        confirmed = [int(writer.stdout.readline()) for _ in range(5)][-1]
        writer.kill()
    with Store.open(tmp_path) as store:
        held = store.candles(NIFTY, 0, FOREVER)
        assert confirmed <= len(held)
        assert_same(held, bars(1_000_000)[: len(held)])
        assert store._shards.open(648).rows("PRAGMA integrity_check") == [("ok",)]
        store.add_candles(NIFTY, bars(5_000), "again")
        assert_same(store.candles(NIFTY, JAN_1_0915, FOREVER)[:5_000], bars(1_000_000)[:5_000])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((sqlite3.SQLITE_BUSY, StoreLockedError), (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreLockedError)),
        *((sqlite3.SQLITE_READONLY, StoreFullError), (sqlite3.SQLITE_READONLY_DIRECTORY, StoreFullError)),
        *((sqlite3.SQLITE_FULL, StoreFullError), (sqlite3.SQLITE_CORRUPT_INDEX, StoreDamagedError)),
        *((sqlite3.SQLITE_NOTADB, StoreDamagedError), (sqlite3.SQLITE_MISUSE, StoreError)),
    ],
)
def test_each_code_of_sqlite_becomes_the_fitting_error_and_names_the_file(code: int, kind: type[StoreError]) -> None:
    error = refusal(Path("/var/x.db"), code, "detail")
    assert type(error) is kind
    assert "/var/x.db" in str(error)
