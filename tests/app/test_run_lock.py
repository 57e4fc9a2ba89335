"""One run a data folder: a second is refused with words, a killed one is in nobody's way."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sos_actors.app.run_lock import Holder, RunLock, holder_of, left_by_a_killed_run, run_folder
from sos_actors.errors import AlreadyRunningError
from tests.app.statuses import at

HOLDER = Holder(os.getpid(), "a1b2", at(0))
TAKES_AND_WAITS = """
import os, sys
from pathlib import Path
from sos_actors.app.run_lock import Holder, RunLock
lock = RunLock.take(Path(sys.argv[1]), Holder(os.getpid(), "c3d4", 1_768_278_600_000_000_000))
print("taken", flush=True)
sys.stdin.read()
lock.release()
"""


def other_run(folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", TAKES_AND_WAITS, str(folder)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"
    return process


def test_who_runs_is_known_while_the_lock_is_held_and_nobody_after(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    with RunLock.take(tmp_path, HOLDER) as lock:
        assert holder_of(tmp_path) == HOLDER
        assert lock.previous is None
    assert holder_of(tmp_path) is None
    assert left_by_a_killed_run(tmp_path) is None


def test_a_second_run_on_the_folder_is_told_who_runs_since_when(tmp_path: Path) -> None:
    with other_run(tmp_path) as first:
        with pytest.raises(AlreadyRunningError) as told:
            RunLock.take(tmp_path, HOLDER)
        first.communicate("")
    assert str(told.value) == (
        f"Run c3d4 is at work on {tmp_path} since 13 Jan 10:00:00, pid {first.pid}: `sos status` shows it, "
        "`sos stop` ends it."
    )
    RunLock.take(tmp_path, HOLDER).release()


def test_two_runs_on_two_folders_do_not_know_each_other(tmp_path: Path) -> None:
    with RunLock.take(tmp_path / "one", HOLDER), RunLock.take(tmp_path / "two", HOLDER):
        assert holder_of(tmp_path / "one") == holder_of(tmp_path / "two") == HOLDER


def test_a_killed_run_leaves_its_name_and_no_lock(tmp_path: Path) -> None:
    with other_run(tmp_path) as killed:
        assert holder_of(tmp_path) == Holder(killed.pid, "c3d4", at(0))
        assert left_by_a_killed_run(tmp_path) is None
        killed.send_signal(signal.SIGKILL)
    assert holder_of(tmp_path) is None
    assert left_by_a_killed_run(tmp_path) == Holder(killed.pid, "c3d4", at(0))
    with RunLock.take(tmp_path, HOLDER) as lock:
        assert lock.previous == Holder(killed.pid, "c3d4", at(0))


@pytest.mark.parametrize("content", ["", "12", "{", '{"pid": 1}', "\0\0"])
def test_a_file_that_is_no_name_is_nobodys(tmp_path: Path, content: str) -> None:
    (run_folder(tmp_path) / "pid").write_text(content)
    assert holder_of(tmp_path) is None
    with RunLock.take(tmp_path, HOLDER) as lock:
        assert lock.previous is None
        assert holder_of(tmp_path) == HOLDER


def test_the_folder_and_the_file_are_the_owners_alone(tmp_path: Path) -> None:
    with RunLock.take(tmp_path, HOLDER):
        assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "run" / "pid").stat().st_mode) == 0o600


def test_giving_the_lock_back_twice_is_once(tmp_path: Path) -> None:
    lock = RunLock.take(tmp_path, HOLDER)
    lock.release()
    with RunLock.take(tmp_path, HOLDER):
        lock.release()
        assert holder_of(tmp_path) == HOLDER
