"""The compiled reader and the cursor say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sos_actors.errors import StoreDamagedError
from sos_actors.store import Store, reader
from sos_actors.store.candles import read_bars
from sos_actors.store.connection import Database
from sos_actors.store.migrations import SHARD_MIGRATIONS
from sos_actors.store.reader import fast_path_exists, read_columns
from tests.store.conftest import FOREVER, NIFTY, assert_same, bars

needs_fast_path = pytest.mark.skipif(not fast_path_exists(), reason="SQLite's functions cannot be reached here")


@pytest.fixture
def shard(store: Store) -> Database:
    store.add_candles(NIFTY, bars(2_000), "test")
    return store._shards.open(store._shards.all_months()[0])


@needs_fast_path
def test_both_paths_read_the_same_bits(shard: Database) -> None:
    fast, slow = (read_bars(shard, NIFTY, 0, 4_000_000_000, path) for path in (True, False))
    assert_same(fast, slow)
    assert fast.open.tobytes() == slow.open.tobytes()
    assert fast.volume.tobytes() == slow.volume.tobytes()
    assert len(fast) == 2_000


@needs_fast_path
@pytest.mark.parametrize("fast", [True, False])
def test_zero_is_zero_and_null_is_unknown(shard: Database, fast: bool) -> None:
    first, rest = read_columns(shard, "SELECT 7, 0.0, NULL, -0.0, 2.5, 3 WHERE ? = 1", (1,), 5, fast=fast)
    assert first.tolist() == [7]
    np.testing.assert_array_equal(rest[:, 0], [0.0, np.nan, -0.0, 2.5, 3.0])


@pytest.mark.parametrize("fast", [True, False])
def test_no_rows_are_empty_columns(shard: Database, fast: bool) -> None:
    first, rest = read_columns(shard, "SELECT ts, open FROM candles WHERE series = ?", (99,), 1, fast=fast)
    assert (first.shape, rest.shape) == ((0,), (1, 0))


def test_without_sqlites_functions_the_cursor_is_used(shard: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_bars(shard, NIFTY, 0, 4_000_000_000, False)
    monkeypatch.setattr(reader, "_library", lambda: None)
    assert_same(read_bars(shard, NIFTY, 0, 4_000_000_000, True), expected)


@pytest.mark.parametrize("fast", [True, False])
def test_a_page_torn_in_the_middle_raises_in_both_paths(tmp_path: Path, fast: bool) -> None:
    with Store.open(tmp_path, origin="real") as store:
        store.add_candles(NIFTY, bars(5_000), "test")
    path = tmp_path / "sos_timeseries_2024_01.db"
    content = bytearray(path.read_bytes())
    leaf = content.rindex((1_704_080_700 + 60 * 2_500).to_bytes(4, "big"))
    page = leaf // 4_096 * 4_096
    content[page : page + 4_096] = b"\xff" * 4_096
    path.write_bytes(content)
    database = Database(path, SHARD_MIGRATIONS)
    with pytest.raises(StoreDamagedError, match="sos ingest --force"):
        read_bars(database, NIFTY, 0, 4_000_000_000, fast)
    database.close()


@needs_fast_path
def test_a_large_range_takes_the_compiled_path(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add_candles(NIFTY, bars(200), "test")
    expected = store.candles(NIFTY, 0, FOREVER)
    taken: list[int] = []
    original = reader._read_compiled

    def noted(library: Any, database: Database, *arguments: Any) -> Any:
        taken.append(arguments[-1])
        return original(library, database, *arguments)

    monkeypatch.setattr("sos_actors.store.database.FAST_FROM_ROWS", 200)
    monkeypatch.setattr(reader, "_read_compiled", noted)
    assert_same(store.candles(NIFTY, 0, FOREVER), expected)
    assert taken == [200]
