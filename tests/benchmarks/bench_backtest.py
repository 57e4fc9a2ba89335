"""A symbol-year through the command line: wall time, memory, the first run with cold kernels, the share of each stage.

Run: python -m tests.benchmarks.bench_backtest [folder]. The folder keeps the simulated year between runs (half a minute
to fill). The last table is the engine alone, from 1 to 200 symbols.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from itertools import pairwise
from pathlib import Path

from sos_actors.app.backtest import BacktestRequest, run_backtest
from sos_actors.app.document import make_document
from sos_actors.app.reports.report import render_report
from sos_actors.app.sources import SourceWishes, open_source, symbol_master
from sos_actors.app.strategy_files import load_paths
from sos_actors.cli.strategies import usable_strategies
from sos_actors.cli.table import render_summary
from sos_actors.config import load_config
from sos_actors.engine.history import run_history
from sos_actors.market.calendar import Calendar
from tests.benchmarks.bench_engine import history_of, invented, wide_plan

HOME = Path(__file__).resolve().parents[2]
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
RUNS = 5


def configured(folder: Path) -> Path:
    """A configuration whose data lies in ``folder``."""
    text = (HOME / "conf" / "sos.toml").read_text(encoding="utf-8")
    text = text.replace('data_dir = "var"', f"data_dir = {json.dumps(str(folder))}")
    path = folder / "sos.toml"
    path.write_text(text.replace('strategies = "strategies"', f"strategies = {json.dumps(str(HOME / 'strategies'))}"))
    return path


def command(config: Path, environment: dict[str, str] | None = None) -> tuple[float, float]:
    """One run of the command line: wall seconds from process start to exit, and its peak memory in MB."""
    words = [sys.executable, "-m", "sos_actors.cli", "--config", str(config), "backtest", "--symbol", "NIFTY"]
    words += ["--from-date", str(FIRST), "--to-date", str(LAST)]
    begun = time.perf_counter()
    process = subprocess.Popen(words, cwd=HOME, env=os.environ | (environment or {}), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the command failed with {process.returncode}")
    return time.perf_counter() - begun, usage.ru_maxrss / 1024


def whole_process(config: Path) -> None:
    """Warm runs, and one with nothing compiled."""
    command(config)
    runs = [command(config) for _ in range(RUNS)]
    wall, memory = (statistics.median(column) for column in zip(*runs, strict=True))
    with tempfile.TemporaryDirectory() as empty:
        cold, _ = command(config, {"NUMBA_CACHE_DIR": empty})
    print(f"symbol-year, all shipped strategies, process start to printed table (median of {RUNS}): "
          f"{wall:.2f} s, {memory:.0f} MB")  # fmt: skip
    print(f"the very first run, nothing compiled: {cold:.1f} s, {cold - wall:.1f} s more")


def stages(config_path: Path) -> None:
    """The share of each stage in one process, after a warm-up."""
    config, calendar = load_config(config_path), Calendar.default()
    instrument = symbol_master(config).resolve("NIFTY")
    days = calendar.sessions(FIRST, LAST)
    for attempt in range(2):
        marks: list[tuple[str, float]] = [("", time.perf_counter())]
        strategies = usable_strategies([config.paths.strategies])
        marks.append(("strategies read", time.perf_counter()))
        source = open_source(config, [instrument], days, calendar, SourceWishes())
        with source.store:
            marks.append(("store opened and checked", time.perf_counter()))
            request = BacktestRequest([instrument], strategies, source.days)
            run = run_backtest(request, config, source.store, calendar, partial(_mark, marks))
            marks.append(("trades made, contracts read", time.perf_counter()))
        document = make_document(run, config, calendar, seed=source.seed)
        marks.append(("document with charges", time.perf_counter()))
        render_summary(document, 80, False)
        marks.append(("table", time.perf_counter()))
        render_report(document)
        marks.append(("HTML report (without candles)", time.perf_counter()))
        if attempt:
            total = marks[-1][1] - marks[0][1]
            for (_, begun), (name, ended) in pairwise(marks):
                print(f"  {name:<46}{ended - begun:7.3f} s {(ended - begun) / total:6.1%}")


def _mark(marks: list[tuple[str, float]], done: int, total: int) -> None:
    """Called before the first program is matched and after each."""
    if done in (0, total):
        marks.append(("patterns matched" if done else "candles and moods read", time.perf_counter()))


def symbols() -> None:
    """The engine over one month of 1 to 200 symbols with every strategy that names no symbol, or these."""
    strategies = [strategy for strategy in load_paths([HOME / "strategies"]).strategies if not strategy.symbols]
    market = invented(20 * 375)
    base = 0.0
    for count in (1, 5, 20, 50, 100, 200):
        plan, history = wide_plan(strategies, count), history_of(market, count)
        taken = _seconds(lambda: run_history(plan, history))  # noqa: B023 - called at once
        base = base or taken
        bars = count * 20 * 375
        print(f"  {count:>4} symbols x {len(strategies)} strategies x 20 sessions: {taken:6.3f} s, "
              f"{bars / taken:>10,.0f} bars/s, {taken / count / base:5.2f} x one symbol's cost each")  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def main(folder: Path | None = None) -> None:
    """Print all tables."""
    place = folder or Path(tempfile.mkdtemp(prefix="sos-bench-"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        config = configured(place)
        whole_process(config)
        stages(config)
        print(f"  peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        symbols()
    finally:
        if folder is None:
            shutil.rmtree(place)


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:]))
