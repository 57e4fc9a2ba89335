"""Everything a store holds as plain rows with names instead of numbers, read without the store's own code."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

Key = tuple[object, ...]
Values = tuple[object, ...]
Rows = dict[Key, Values]
"""(table, symbol, time, …) -> the values beside it."""

_SYMBOL = "(SELECT symbol FROM series WHERE id = series)"
_SOURCE = "(SELECT name FROM sources WHERE id = source)"
_KEYS = {"candles": ("ts",), "option_chain": ("ts", "expiry", "strike"), "market_stats": ("ts",)}


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A copy of the databases as they lie there, so that looking at them recovers nothing in the original."""
    with tempfile.TemporaryDirectory() as name:
        for path in folder.glob("sos_*.db*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, name)
        yield Path(name)


def stored_rows(folder: Path) -> Rows:
    """All rows of the large tables; the databases must be sound, and no key may come twice."""
    found: Rows = {}
    with copied(folder) as copy:
        for path in sorted(copy.glob("sos_timeseries_*.db")):
            with closing(sqlite3.connect(path)) as shard:
                for key, values in _rows_of(shard, path.name):
                    assert key not in found, f"{key} is stored twice"
                    found[key] = values
    return found


def _rows_of(shard: sqlite3.Connection, name: str) -> Iterator[tuple[Key, Values]]:
    assert shard.execute("PRAGMA integrity_check").fetchall() == [("ok",)], name
    there = {table for (table,) in shard.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, keys in _KEYS.items():
        if table not in there:  # killed while it was made
            continue
        columns = [column[1] for column in shard.execute(f"PRAGMA table_info({table})")]
        values = [column for column in columns if column not in ("series", "source", *keys)]
        chosen = ", ".join([_SYMBOL, *keys, *values, _SOURCE])
        for row in shard.execute(f"SELECT {chosen} FROM {table}"):
            assert row[0] is not None, f"{name}: {table} has rows of no symbol"
            assert row[-1] is not None, f"{name}: {table} has rows from nowhere"
            yield (table, *row[: 1 + len(keys)]), row[1 + len(keys) :]


def stored_marks(folder: Path) -> Rows:
    """What is marked: (symbol, day, what) -> (rows, expected, source)."""
    with copied(folder) as copy:
        if not (copy / "sos_master_data.db").is_file():
            return {}
        with closing(sqlite3.connect(copy / "sos_master_data.db")) as master:
            assert master.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if not master.execute("SELECT 1 FROM sqlite_master WHERE name = 'days'").fetchall():
                return {}
            marks = master.execute("SELECT symbol, day, kind, rows, expected, source FROM days").fetchall()
    return {row[:3]: row[3:] for row in marks}


def assert_part_of(rows: Rows, whole: Rows) -> None:
    """Every row is one of the other's; what is not known yet may be missing in it."""
    strange = [key for key in rows if key not in whole]
    assert not strange, f"{len(strange)} rows nobody asked for, the first {strange[0]}"
    for key, values in rows.items():
        for value, right in zip(values, whole[key], strict=True):
            assert value is None or value == right, f"{key}: {values} is not {whole[key]}"


def assert_kept(before: Rows, now: Rows) -> None:
    """Nothing that was there before is gone or unknown again."""
    lost = [key for key in before if key not in now]
    assert not lost, f"{len(lost)} rows are lost, the first {lost[0]}"
    for key, values in before.items():
        for value, still in zip(values, now[key], strict=True):
            assert value is None or value == still, f"{key}: {values} became {now[key]}"
