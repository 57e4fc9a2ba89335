"""Measures the store against peewee's ``insert_many`` and against ``fetchall``, in the same run.

Run by hand: ``python -m tests.benchmarks.bench_store [rows]``. Absolute figures belong to the machine; compare ratios.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from peewee import SqliteDatabase

from sos_actors.messages.market import BarSeries
from sos_actors.store import Store
from sos_actors.store import candles as candles_table
from sos_actors.store.schema import Candles
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND

SYMBOL = "NSE|INDEX|NIFTY"
START_NS = 1_704_080_700 * NANOS_PER_SECOND
FOREVER = 4_000_000_000 * NANOS_PER_SECOND


def bars(count: int) -> BarSeries:
    """Consecutive minutes with plausible prices."""
    close = 20_000 + np.cumsum(np.random.default_rng(7).normal(0, 2, count))
    ts = START_NS + np.arange(count) * NANOS_PER_MINUTE
    return BarSeries(ts, close - 1, close + 2, close - 2, close, np.full(count, 50.0), np.full(count, np.nan))


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of several runs."""
    return min(timed(work) for _ in range(times))


def peewee_insert(folder: Path, series: BarSeries) -> float:
    """Seconds a peewee ``insert_many`` of the same rows takes, 10,000 rows a commit."""
    database = SqliteDatabase(str(folder / "peewee.db"), pragmas={"journal_mode": "wal", "synchronous": "normal"})
    with database.bind_ctx([Candles]):
        database.create_tables([Candles])
        columns = (series.ts // NANOS_PER_SECOND, series.open, series.high, series.low, series.close, series.volume)
        rows = [(1, *row, None, 1) for row in zip(*(column.tolist() for column in columns), strict=True)]

        def insert() -> None:
            for start in range(0, len(rows), 10_000):
                with database.atomic():
                    for low in range(start, min(start + 10_000, len(rows)), 1_000):
                        Candles.insert_many(rows[low : low + 1_000]).execute()

        seconds = timed(insert)
    database.close()
    return seconds


def report(what: str, rows: int, seconds: float, reference: float) -> None:
    """One line."""
    rate, ratio = rows / seconds / 1e6, reference / seconds
    sys.stdout.write(f"{what:<46}{rate:8.3f} M rows/s   x {ratio:5.1f}\n")


def main(count: int) -> None:
    """Measure and print."""
    series = bars(count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few = min(count, 100_000)
        reference = peewee_insert(folder, series[:few]) * count / few
        report("peewee insert_many", count, reference, reference)
        with Store.open(folder, origin="real") as store:
            report("Store.add_candles (new)", count, timed(lambda: store.add_candles(SYMBOL, series, "b")), reference)
            report("Store.add_candles (again)", count, timed(lambda: store.add_candles(SYMBOL, series, "b")), reference)
            shards = sorted(folder.glob("sos_timeseries_*.db"))
            statement = "SELECT ts, open, high, low, close, volume, oi FROM candles WHERE series = 1 ORDER BY ts"

            def fetchall() -> None:
                for shard in shards:
                    connection = sqlite3.connect(shard)
                    np.array(connection.execute(statement).fetchall(), np.float64)
                    connection.close()

            reference = best(fetchall, 3)
            sys.stdout.write(f"{len(shards)} shards\n")
            report("sqlite3 fetchall to an array", count, reference, reference)
            shard = store._shards.open(store._shards.all_months()[0])
            reads: dict[str, bool] = {"one shard, cursor": False, "one shard, compiled": True}
            for what, fast in reads.items():
                whole = len(candles_table.read_bars(shard, SYMBOL, 0, 4_000_000_000, True))
                seconds = best(partial(candles_table.read_bars, shard, SYMBOL, 0, 4_000_000_000, fast))
                report(f"{what} ({whole:,} rows)", whole, seconds, reference * whole / count)
            report("Store.candles", count, best(lambda: store.candles(SYMBOL, 0, FOREVER)), reference)
            report("Store.fingerprint", count, best(lambda: store.fingerprint([SYMBOL], 0, FOREVER)), reference)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
