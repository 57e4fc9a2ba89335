"""Five sessions of NIFTY with options from the simulator's process: seconds, rows, memory, and where the time goes.

Run: python -m tests.benchmarks.bench_ingest. Beside them, in the same run, what the bare wire and the bare database
take for the same requests and the same rows. Absolute figures belong to the machine; compare ratios.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode, urlsplit

import urllib3

from sos_actors.app.filling import INSTRUMENTS
from sos_actors.app.ingest.ingesting import ingest
from sos_actors.app.ingest.request import IngestReport, IngestRequest
from sos_actors.app.simulated import SimulatorProcess
from sos_actors.app.vendors import connect_vendors
from sos_actors.config import Config
from sos_actors.market.calendar import Calendar
from sos_actors.simulator.moments import moment_of, read_time
from sos_actors.store.database import Store
from sos_actors.types import UnixNanos
from sos_actors.vendors.upstox.candles import UpstoxCandles
from sos_actors.vendors.upstox.rest_wire import Wire
from tests.cli.commands import REPOSITORY
from tests.cli.processes import Home, new_home

FIRST, LAST = date(2026, 1, 12), date(2026, 1, 19)
CALENDAR = Calendar.default()
DAYS = CALENDAR.sessions(FIRST, LAST)
NOW = UnixNanos(moment_of(LAST, read_time("20:00")))
WORDS = ["ingest", "--symbol", "NIFTY", "--from-date", str(FIRST), "--to-date", str(LAST)]
WRITES = ("add_candles", "add_chain", "add_market_stats", "mark_day")
READS = ("candles", "days")
TABLES = ("candles", "option_chain", "market_stats")
MEASURED = """
import resource, sys
from sos_actors.cli.main import main
status = main(sys.argv[1:])
peaks = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(status, *peaks, file=sys.stderr)
"""
"""One command; then its own peak memory and that of the simulator it had, MB."""


def command(home: Home) -> tuple[float, float, float]:
    """Seconds from process start to exit, peak MB of the main process and of the simulator."""
    words = [sys.executable, "-c", MEASURED, *home.config, *WORDS]
    begun = time.perf_counter()
    ended = subprocess.run(words, capture_output=True, text=True, cwd=REPOSITORY, env=home.environment, check=True)
    seconds = time.perf_counter() - begun
    status, own, child = ended.stderr.splitlines()[-1].split()
    if int(status):
        raise SystemExit(f"the ingest failed: {ended.stdout}{ended.stderr}")
    return seconds, float(own), float(child)


class Stages:
    """Seconds spent in wrapped functions, summed over threads; nested ones count for the inner."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._lock, self._inner = threading.Lock(), threading.local()

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def around(*args: Any, **kwargs: Any) -> Any:
            outer, self._inner.seconds = getattr(self._inner, "seconds", 0.0), 0.0
            begun = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                seconds = time.perf_counter() - begun
                with self._lock:
                    self.spent[stage] += seconds - self._inner.seconds
                self._inner.seconds = outer + seconds

        return around

    def noted(self, request: Callable[..., Any]) -> Callable[..., Any]:
        """The wire's method, which also keeps what was asked."""
        around = self.timed("waiting for the vendor", request)

        def noting(wire: Wire, method: str, url: str, **kwargs: Any) -> Any:
            asked = kwargs.get("query_params")
            with self._lock:
                self.requests.append((f"{url}?{urlencode(asked)}" if asked else url, dict(kwargs.get("headers") or {})))
            return around(wire, method, url, **kwargs)

        return noting

    @contextmanager
    def watched(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(patch.object(Wire, "request", self.noted(Wire.request)))
            decode = self.timed("decoding, pacing, SDK", UpstoxCandles.candles)
            stack.enter_context(patch.object(UpstoxCandles, "candles", decode))
            for stage, names in (("writing", WRITES), ("reading the store", READS)):
                for name in names:
                    stack.enter_context(patch.object(Store, name, self.timed(stage, getattr(Store, name))))
            yield


def one_ingest(simulator: SimulatorProcess, folder: Path, stages: Stages | None = None) -> tuple[float, IngestReport]:
    """Seconds of an ingest into a new folder, vendors connected, and what it reports."""
    config = Config()
    with (
        connect_vendors(simulator.config_for(config), simulator.token, folder / INSTRUMENTS, lambda: NOW) as they,
        Store.open(folder, origin="simulated", commit_rows=config.store.commit_rows) as store,
        stages.watched() if stages else ExitStack(),
    ):
        begun = time.perf_counter()
        request = IngestRequest(["NSE|INDEX|NIFTY"], DAYS)
        report = ingest(store, lambda: they.history, request, CALENDAR, config.ingest, lambda: NOW)
        return time.perf_counter() - begun, report


def bare_wire(requests: list[tuple[str, dict[str, str]]], parallel: int) -> tuple[float, int]:
    """Seconds and bytes of the same requests with nothing made of the answers."""
    with urllib3.PoolManager(maxsize=parallel) as pool, ThreadPoolExecutor(parallel) as threads:

        def fetch(request: tuple[str, dict[str, str]]) -> int:
            address, headers = request
            answer = pool.request("GET", address, headers={"Accept-Encoding": "gzip", **headers}, retries=False)
            if answer.status != 200:
                raise SystemExit(f"{urlsplit(address).path}: {answer.status}")
            return len(answer.data)

        begun = time.perf_counter()
        size = sum(threads.map(fetch, requests))
        return time.perf_counter() - begun, size


def bare_database(folder: Path) -> tuple[float, int]:
    """Seconds and number of the same rows through ``executemany`` into empty tables of the same form."""
    (shard,) = folder.glob("sos_timeseries_*.db")
    seconds, count = 0.0, 0
    with closing(sqlite3.connect(shard)) as stored, closing(sqlite3.connect(folder / "bare.db")) as bare:
        bare.execute("PRAGMA journal_mode = wal")
        bare.execute("PRAGMA synchronous = normal")
        for table in TABLES:
            (made,) = stored.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            bare.execute(made)
            rows = stored.execute(f"SELECT * FROM {table}").fetchall()
            marks = ", ".join("?" * len(rows[0]))
            begun = time.perf_counter()
            for start in range(0, len(rows), 10_000):
                with bare:
                    bare.executemany(f"INSERT INTO {table} VALUES ({marks})", rows[start : start + 10_000])
            seconds, count = seconds + time.perf_counter() - begun, count + len(rows)
    return seconds, count


def tell_stages(stages: Stages, wall_s: float) -> None:
    """The share of each stage; threads work side by side, so the sum is more than the wall time."""
    total = sum(stages.spent.values())
    print(f"where the time goes ({total:.2f} s of all threads in {wall_s:.2f} s of wall time)")
    for stage, seconds in sorted(stages.spent.items(), key=lambda pair: -pair[1]):
        print(f"  {seconds:6.2f} s  {seconds / total:4.0%}  {stage}")


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        command(new_home(Path(name) / "first"))  # compiles what was never compiled
        home = new_home(Path(name) / "home")
        cold_s, own, child = command(home)
        again_s, own_again, _ = command(home)
        print(f"{len(DAYS)} sessions of NIFTY with options, process start to exit: {cold_s:.1f} s; "
              f"peak {own:.0f} MB, simulator {child:.0f} MB")  # fmt: skip
        print(f"again, nothing to do: {again_s:.1f} s, peak {own_again:.0f} MB, x {cold_s / again_s:.1f} quicker")
        with SimulatorProcess(Config().simulation.seed, NOW, speed=0.0) as simulator:
            cold_s, report = one_ingest(simulator, Path(name) / "cold")
            warm_s, _ = one_ingest(simulator, Path(name) / "warm")
            stages = Stages()
            watched_s, _ = one_ingest(simulator, Path(name) / "watched", stages)
            rows, parallel = sum(report.rows.values()), Config().ingest.parallel
            wire_s, size = bare_wire(stages.requests, parallel)
        data_s, stored = bare_database(Path(name) / "warm")
    print(f"ingest alone, {rows:,} rows in {len(stages.requests)} requests")
    for what, seconds in (("simulator cold", cold_s), ("simulator warm", warm_s)):
        print(f"  {what:<32}{seconds:6.2f} s  {rows / seconds:9,.0f} rows/s")
    for what, seconds in (
        (f"bare wire, {size / 1e6:.1f} MB, {parallel} at a time", wire_s),
        (f"bare executemany, {stored:,} rows", data_s),
    ):
        print(f"  {what:<32}{seconds:6.2f} s; the warm ingest takes {warm_s / seconds:.1f} times that")
    tell_stages(stages, watched_s)


if __name__ == "__main__":
    main()
