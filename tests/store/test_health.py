"""Looking at databases without writing: what is told of whole, torn, foreign and unfinished ones."""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.errors import StoreDamagedError, StoreLockedError
from sos_actors.messages.market import BarSeries
from sos_actors.store.database import MASTER, Store
from sos_actors.store.health import examine
from sos_actors.store.migrations import MASTER_MIGRATIONS, SHARD_MIGRATIONS
from tests.simulator.markets import moment

NIFTY = "NSE|INDEX|NIFTY"
EPOCH = date(1970, 1, 1).toordinal()
NEWEST = {True: MASTER_MIGRATIONS[-1].number, False: SHARD_MIGRATIONS[-1].number}
"""Of a master, of a shard."""


def bars(day: str, minutes: int = 375) -> BarSeries:
    ts = moment(f"{day} 09:15") + np.arange(minutes, dtype=np.int64) * 60_000_000_000
    price = np.full(minutes, 100.0)
    return BarSeries(ts, price, price, price, price, price, price)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "data", origin="real") as store:
        for day in ("2026-01-12", "2026-01-13", "2026-02-02"):
            store.add_candles(NIFTY, bars(day), "upstox")
    return tmp_path / "data"


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob("*.db")}


def test_nothing_is_told_where_there_is_no_store(tmp_path: Path) -> None:
    assert examine(tmp_path, 5.0) == []
    assert examine(tmp_path / "nowhere", 5.0) == []


def test_a_whole_store_is_counted_and_not_touched(folder: Path) -> None:
    before = files(folder)
    master, february, january = examine(folder, 10.0)
    assert files(folder) == before
    assert (master.problem, master.origin, master.checked, master.bars) == (None, "real", True, None)
    assert (master.version, january.version) == (master.newest, january.newest) == (NEWEST[True], NEWEST[False])
    assert (february.path.name, january.path.name) == ("sos_timeseries_2026_02.db", "sos_timeseries_2026_01.db")
    assert (january.bars, january.sessions, january.checked) == (750, 2, True)
    days = [date.fromordinal(EPOCH + (day or 0)) for day in (january.first, january.last, february.last)]
    assert days == [date(2026, 1, 12), date(2026, 1, 13), date(2026, 2, 2)]


def test_it_is_read_while_another_writes(folder: Path) -> None:
    with Store.open(folder, origin="real") as store:
        store.add_candles(NIFTY, bars("2026-01-14"), "upstox")
        assert [file.problem for file in examine(folder, 10.0)] == [None] * 3
        assert examine(folder, 10.0)[2].sessions == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"This is no database. " * 500,
        lambda data: data[:100] + b"\x00" * 4096 + data[4196:],
        lambda data: data[: len(data) // 2],
        lambda data: data[:-4096] + b"\xff" * 4096,
    ],
    ids=["another file", "no root page", "half", "no last page"],
)
def test_a_torn_shard_is_named_and_the_others_are_counted(folder: Path, damage: object) -> None:
    shard = folder / "sos_timeseries_2026_01.db"
    shard.write_bytes(damage(shard.read_bytes()))  # type: ignore[operator]
    master, february, january = examine(folder, 10.0)
    assert (master.problem, february.problem, february.bars) == (None, None, 375)
    assert isinstance(january.problem, StoreDamagedError)
    assert str(shard) in str(january.problem)


def test_a_torn_master_is_named(folder: Path) -> None:
    (folder / MASTER).write_bytes(b"torn" * 2000)
    assert isinstance(examine(folder, 10.0)[0].problem, StoreDamagedError)


def test_a_locked_file_is_waited_for_a_second_at_most(folder: Path) -> None:
    with sqlite3.connect(folder / MASTER) as other:
        other.execute("PRAGMA journal_mode = delete")
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        assert isinstance(examine(folder, 10.0)[0].problem, StoreLockedError)
        assert time.monotonic() - begun < 5
        other.rollback()
    other.close()


def test_an_empty_file_and_a_newer_schema_are_told_by_their_version(folder: Path) -> None:
    (folder / "sos_timeseries_2026_03.db").write_bytes(b"")
    with sqlite3.connect(folder / MASTER) as database:
        database.execute("INSERT INTO schema_version VALUES (99, 'of the future')")
    database.close()
    master, march, *_ = examine(folder, 10.0)
    assert (master.version, master.newest) == (99, NEWEST[True])
    assert (march.version, march.origin, march.bars) == (0, "", None)


def test_without_time_files_are_opened_and_not_gone_through(folder: Path) -> None:
    for file in examine(folder, 0.0):
        assert (file.problem, file.version, file.checked, file.bars) == (None, file.newest, False, None)


def test_a_check_that_takes_too_long_is_broken_off(folder: Path) -> None:
    with Store.open(folder, origin="real") as store:
        for number in range(60):
            store.add_candles(f"NSE|EQ|S{number}", bars("2026-02-02"), "upstox")
    begun = time.monotonic()
    examine(folder, 0.001)
    assert time.monotonic() - begun < 2


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_read(folder: Path) -> None:
    folder.chmod(0o500)
    try:
        assert [file.problem for file in examine(folder, 10.0)] == [None] * 3
    finally:
        folder.chmod(0o700)
