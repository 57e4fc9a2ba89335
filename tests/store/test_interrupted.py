from __future__ import annotations

import sqlite3
from pathlib import Path

from sos_actors.store.database import Store


def test_a_shard_that_was_made_but_never_written_counts_as_holding_nothing(tmp_path: Path) -> None:
    Store.open(tmp_path, origin="real").close()
    connection = sqlite3.connect(tmp_path / "sos_timeseries_2024_02.db")
    connection.execute("PRAGMA journal_mode=wal")
    connection.close()
    with Store.open(tmp_path, read_only=True) as store:
        assert store.candle_symbols() == []
        assert store.damaged == ()
    with Store.open(tmp_path) as store:
        assert store.candle_symbols() == []
