from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sos_actors.errors import ActorDownError, ActorError, ActorTimeoutError, VendorBusyError
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.workers import WorkerCounts, WorkerProcess
from tests.runtime.jobs import make, make_nothing

LONG_S = 20.0


@pytest.fixture(scope="module")
def shared() -> Iterator[WorkerProcess[Any, Any]]:
    """One process for all tests that leave it as it was."""
    worker = WorkerProcess[Any, Any]("shared", make)
    worker.start()
    yield worker
    assert worker.stop()
    assert worker.counts.died == worker.counts.timed_out == 0


@pytest.fixture
def worker() -> Iterator[WorkerProcess[Any, Any]]:
    made = WorkerProcess[Any, Any]("own", make)
    yield made
    made.stop()


def gone(pid: int) -> bool:
    """Whether a process is no more, or only waits to be reaped by whoever started it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def await_gone(pid: int) -> None:
    until = monotonic_ns() + 10_000_000_000
    while not gone(pid):
        assert monotonic_ns() < until
        threading.Event().wait(0.005)


def await_ended(worker: WorkerProcess[Any, Any]) -> None:
    """Until all threads of the process are gone: a killed one is a zombie already while some of them still end."""
    until, process = monotonic_ns() + 10_000_000_000, worker._process
    assert process is not None
    while process.is_alive():
        assert monotonic_ns() < until
        threading.Event().wait(0.005)


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_what_is_asked_is_answered_whatever_its_size(shared: WorkerProcess[Any, Any], size: int) -> None:
    assert shared.ask(("echo", b"x" * size), LONG_S) == b"x" * size


def test_exceptions_come_back_as_themselves(shared: WorkerProcess[Any, Any]) -> None:
    with pytest.raises(VendorBusyError, match="too many") as caught:
        shared.ask(("busy", 1.5), LONG_S)
    error = caught.value
    assert str(error) == "upstox: too many"
    assert (error.vendor, error.code, error.retry_after_s) == ("upstox", "429", 1.5)
    assert "tests/runtime/jobs.py" in error.__notes__[0]


def test_an_exception_or_an_answer_that_cannot_be_sent_is_told_in_words(shared: WorkerProcess[Any, Any]) -> None:
    with pytest.raises(ActorError, match="OddError: odd"):
        shared.ask(("odd", None), LONG_S)
    with pytest.raises(TypeError, match="lock"):
        shared.ask(("unsendable", None), LONG_S)


def test_the_process_has_nothing_of_our_threads_and_no_input(shared: WorkerProcess[Any, Any]) -> None:
    names, read = shared.ask(("threads", None), LONG_S)
    assert len(names) == 2
    assert read == ""


def test_ctrl_c_does_not_reach_it(shared: WorkerProcess[Any, Any]) -> None:
    assert shared.ask(("interrupt", None), LONG_S) == "still here"
    assert shared.pid is not None
    assert os.getpgid(shared.pid) != os.getpgid(0), "a terminal's Ctrl-C goes to our process group"


def test_what_it_prints_goes_to_the_log(
    worker: WorkerProcess[Any, Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        assert worker.ask(("print", "hear me"), LONG_S) is None
        assert worker.stop()
    said = [record.getMessage() for record in caplog.records]
    assert said.count("Worker own says: hear me") == 2
    assert any("UserWarning: hear me" in line for line in said)
    assert capfd.readouterr() == ("", "")


def test_a_time_out_kills_all_it_started_and_the_next_ask_has_a_new_process(
    worker: WorkerProcess[Any, Any], tmp_path: Path
) -> None:
    told = tmp_path / "pid"
    worker.ask(("echo", 1), LONG_S)
    first = worker.pid
    begun = monotonic_ns()
    with pytest.raises(ActorTimeoutError, match="own took too long"):
        worker.ask(("hang with a child", str(told)), 1.0)
    assert monotonic_ns() - begun < 5_000_000_000
    assert worker.pid != first
    await_gone(int(told.read_text(encoding="utf-8")))
    assert worker.ask(("echo", "again"), LONG_S) == "again"
    assert worker.counts == WorkerCounts(spawned=2, asked=3, timed_out=1)


@pytest.mark.parametrize("word", ["die", "exit"])
def test_a_process_that_dies_is_told_and_replaced_at_the_next_ask(worker: WorkerProcess[Any, Any], word: str) -> None:
    with pytest.raises(ActorDownError, match="died"):
        worker.ask((word, 0), LONG_S)
    assert worker.pid is None
    assert worker.ask(("echo", "again"), LONG_S) == "again"
    assert worker.counts == WorkerCounts(spawned=2, asked=2, died=1)


def test_a_process_killed_between_two_asks_is_noticed(worker: WorkerProcess[Any, Any]) -> None:
    worker.ask(("echo", 1), LONG_S)
    assert worker.pid is not None
    os.kill(worker.pid, 9)
    await_ended(worker)
    assert worker.ask(("echo", 2), LONG_S) == 2
    assert worker.counts.spawned == 2


def test_a_factory_that_fails_says_so_to_every_ask() -> None:
    worker = WorkerProcess[Any, Any]("hopeless", make_nothing)
    for _ in range(2):
        with pytest.raises(VendorBusyError, match="not now") as caught:
            worker.ask(("echo", 1), LONG_S)
        assert caught.value.retry_after_s == 2.5
    assert worker.stop()


def test_several_asks_at_once_are_all_answered_each_with_its_own(shared: WorkerProcess[Any, Any]) -> None:
    answers: dict[int, int] = {}
    askers = [
        threading.Thread(target=lambda n=n: answers.update({n: shared.ask(("echo", n), LONG_S)})) for n in range(8)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert answers == {n: n for n in range(8)}


def test_an_ask_that_does_not_come_to_its_turn_harms_nobody(worker: WorkerProcess[Any, Any]) -> None:
    worker.ask(("echo", 1), LONG_S)
    before = worker.pid
    assert worker._turns.take(0.0)
    with pytest.raises(ActorTimeoutError, match="busy with others"):
        worker.ask(("echo", 2), 0.01)
    worker._turns.give()
    assert (worker.ask(("echo", 3), LONG_S), worker.pid) == (3, before)


def test_stop_ends_even_an_ask_under_way_and_whoever_waits_behind_it(worker: WorkerProcess[Any, Any]) -> None:
    worker.ask(("echo", 1), LONG_S)
    errors: list[BaseException] = []

    def hang() -> None:
        try:
            worker.ask(("hang", None), LONG_S)
        except ActorDownError as error:
            errors.append(error)

    hanging = [threading.Thread(target=hang) for _ in range(2)]
    for thread in hanging:
        thread.start()
    while worker.counts.asked < 2 or not worker._turns._waiting:
        threading.Event().wait(0.001)
    assert not worker.stop(5.0)
    for thread in hanging:
        thread.join(5.0)
    assert len(errors) == 2
    assert worker.stop(), "idempotent"
    with pytest.raises(ActorDownError, match="stopped"):
        worker.ask(("echo", 1), LONG_S)


def test_it_ends_when_its_parent_is_killed_even_in_the_middle_of_work(tmp_path: Path) -> None:
    script = (
        "import sys, threading\n"
        "from sos_actors.runtime.workers import WorkerProcess\nfrom tests.runtime.jobs import make\n"
        "worker = WorkerProcess('orphan', make)\nworker.ask(('echo', 1), 20.0)\n"
        "threading.Thread(target=worker.ask, args=(('hang', None), 60.0), daemon=True).start()\n"
        "print(worker.pid, flush=True)\nthreading.Event().wait()\n"
    )
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=surroundings,
                          cwd=tmp_path) as parent:  # fmt: skip
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        parent.kill()
    await_gone(orphan)
