"""An ingest that is killed, interrupted or abandoned at any moment: no row is lost, and the next run goes on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sos_actors.simulator.request_log import AnsweredRequest, RequestLog
from sos_actors.simulator.server import RunningSimulator, running
from tests.app.ingest.attached import AttachedRuns
from tests.app.ingest.stored_rows import Rows, assert_kept, assert_part_of, stored_marks, stored_rows
from tests.cli.processes import HANG_S, Home, command_line, is_gone, new_home, simulators_of
from tests.simulator.markets import small_world

KILLS, MOST_RUNS = 20, 40
"""A run that has ended before it was to be killed is followed by another."""
BEGUN_ANEW = 0.7
"""How often a store with every row is thrown away; else the next run marks or replaces them, and is killed as well."""
SMALL = {"ingest": {"strikes_around": 1, "parallel": 2}, "store": {"commit_rows": 200}}
"""Few contracts, and many transactions in each."""
WORDS = ("ingest", "--symbol", "NIFTY", "--from-date", "2026-01-27", "--to-date", "2026-01-28")
"""Two sessions in which little happened; the first is an expiry's."""


class CountingLog(RequestLog):
    """Counts in one number, which any thread may read."""

    asked = 0

    def add(self, request: AnsweredRequest, route: str) -> None:
        self.asked += 1
        super().add(request, route)


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    world = small_world("2026-01-28 20:00", rate_limits=False)
    world.requests = CountingLog()
    with running(world) as served:
        yield served


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, simulator: RunningSimulator) -> tuple[Rows, Rows, int]:
    """Rows and marks of an ingest nobody disturbed, and how many requests it made."""
    home = new_home(tmp_path_factory.mktemp("whole"), SMALL)
    before = asked(simulator)
    with AttachedRuns(home, simulator) as runs:
        assert runs.run(*WORDS) == 0, runs.said()
    return stored_rows(home.simulated), stored_marks(home.simulated), asked(simulator) - before


def asked(simulator: RunningSimulator) -> int:
    assert isinstance(simulator.world.requests, CountingLog)
    return simulator.world.requests.asked


def has_asked(simulator: RunningSimulator, more_than: int) -> bool:
    return asked(simulator) > more_than


def wait_for(happened: Callable[[], bool], ended: Callable[[], object]) -> None:
    """Until something has happened, or a process has ended."""
    until = time.monotonic() + HANG_S
    while not ended() and not happened():
        assert time.monotonic() < until, "it neither goes on nor ends"
        time.sleep(0.005)


def stop(process: subprocess.Popen[str], how: signal.Signals) -> str:
    """Signal a process's group, as a terminal does, and wait; what it said."""
    if process.poll() is None:
        os.killpg(process.pid, how)
    return process.communicate(timeout=HANG_S)[1]


def assert_marks_tell_the_truth(home: Home, rows: Rows, whole: Rows) -> None:
    """A day that is marked has all its rows."""
    for (symbol, day, what), (_, _, source) in stored_marks(home.simulated).items():
        assert source
        table = {"candles": "candles", "options": "option_chain", "breadth": "market_stats"}[str(what)]
        missing = [
            key for key in whole if key[0] == table and key[1] == symbol and on_day(key, str(day)) and key not in rows
        ]
        assert not missing, f"{day} is marked whole for {what}, {len(missing)} rows are missing"


def on_day(key: tuple[object, ...], day: str) -> bool:
    return time.strftime("%Y-%m-%d", time.gmtime(int(str(key[2])) + 19_800)) == day


def test_twenty_kills_lose_no_row_and_double_none(
    tmp_path: Path, simulator: RunningSimulator, uninterrupted: tuple[Rows, Rows, int]
) -> None:
    whole, marks, requests = uninterrupted
    home, chance = new_home(tmp_path, SMALL), random.Random(7)
    before: Rows = {}
    sizes: list[int] = []
    with AttachedRuns(home, simulator) as runs:
        for _ in range(MOST_RUNS):
            force = stored_marks(home.simulated) == marks
            if before.keys() == whole.keys() and chance.random() < BEGUN_ANEW:
                shutil.rmtree(home.data)
                before, force = {}, False
            moment = asked(simulator) + int(requests * chance.random() ** 3)  # rows come with the first of them
            later_s = chance.uniform(0.0, 0.02)
            pid = runs.start(*WORDS, *(["--force"] if force else []))
            wait_for(partial(has_asked, simulator, moment), lambda pid=pid: not command_line(pid))  # type: ignore[misc]
            time.sleep(later_s)
            was_killed = runs.kill(pid)
            now = stored_rows(home.simulated)
            assert_kept(before, now)
            assert_part_of(now, whole)
            assert_marks_tell_the_truth(home, now, whole)
            before = now
            sizes += [len(now)] if was_killed else []
            if len(sizes) == KILLS:
                break
        assert len(sizes) == KILLS
        assert len(set(sizes)) > 3, f"too often at one stage: {sizes}"
        assert runs.run(*WORDS) == 0, runs.said()
    assert stored_rows(home.simulated) == whole
    assert stored_marks(home.simulated) == marks


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_simulator_outlives_an_ingest_that_was_stopped_and_the_next_one_goes_on(
    tmp_path: Path, how: signal.Signals, uninterrupted: tuple[Rows, Rows, int]
) -> None:
    home = new_home(tmp_path / "home", SMALL)
    with home.start(*WORDS) as process:
        wait_for(lambda: any(home.simulated.glob("sos_timeseries_*.db")), lambda: process.poll() is not None)
        (simulator,) = simulators_of(process.pid)
        told = stop(process, how)
    assert process.returncode == (130 if how is signal.SIGINT else -how), told
    assert "Traceback" not in told
    if how is signal.SIGINT:
        assert "sos: Stopped; what was stored is kept. The same command goes on from there." in told
    assert is_gone(simulator)
    assert_part_of(stored_rows(home.simulated), uninterrupted[0])
    if how is signal.SIGINT:
        ended = home.run(*WORDS)
        assert ended.returncode == 0, ended.stderr
        assert stored_rows(home.simulated) == uninterrupted[0]


def test_ctrl_c_while_the_simulator_starts_leaves_none_behind(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home", SMALL)
    with home.start(*WORDS) as process:
        wait_for(lambda: bool(simulators_of(process.pid)), lambda: process.poll() is not None)
        started = simulators_of(process.pid)
        told = stop(process, signal.SIGINT)
    assert process.returncode == 130, told
    assert "sos: Stopped;" in told
    assert "Traceback" not in told
    assert all(is_gone(pid) for pid in started)


def test_a_simulator_that_dies_leaves_gaps_that_say_so_and_the_next_run_fills_them(
    tmp_path: Path, uninterrupted: tuple[Rows, Rows, int]
) -> None:
    home = new_home(tmp_path / "home", SMALL | {"trust": {"candles": ["upstox"]}})
    with home.start(*WORDS) as process:
        wait_for(lambda: any(home.simulated.glob("sos_timeseries_*.db")), lambda: process.poll() is not None)
        for simulator in simulators_of(process.pid):
            os.kill(simulator, signal.SIGKILL)
        out, told = process.communicate(timeout=HANG_S)
    assert process.returncode == 1, told
    assert "Traceback" not in told
    assert "Still missing" in out
    assert "the connection was refused" in out
    assert_part_of(stored_rows(home.simulated), uninterrupted[0])
    assert home.run(*WORDS).returncode == 0
    assert stored_rows(home.simulated) == uninterrupted[0]
