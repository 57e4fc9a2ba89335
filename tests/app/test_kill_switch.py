"""The trader's hand: the file, the signals, and what they do to a run that listens and to one that begins."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sos_actors.app.kill_switch import KILLED, KillSwitch, clear_flat, flat_reason, request_flat

PATIENCE_S = 5.0


class Heard:
    """What the callbacks were told, in order."""

    def __init__(self) -> None:
        self.told: queue.Queue[tuple[str, object]] = queue.Queue()

    def flat(self, reason: str) -> None:
        self.told.put(("flat", reason))

    def stop(self, hurry: bool) -> None:
        self.told.put(("stop", hurry))

    def kill(self) -> None:
        self.told.put(("kill", None))

    def next(self) -> tuple[str, object]:
        return self.told.get(timeout=PATIENCE_S)


@contextmanager
def listening(folder: Path, heard: Heard) -> Iterator[KillSwitch]:
    switch = KillSwitch(folder, heard.flat, heard.stop, heard.kill)
    switch.start()
    try:
        yield switch
    finally:
        switch.stop()


def test_a_request_stays_until_it_is_taken_back(tmp_path: Path) -> None:
    assert flat_reason(tmp_path) is None
    assert not clear_flat(tmp_path)
    request_flat(tmp_path, "sos stop --flat")
    assert flat_reason(tmp_path) == "sos stop --flat"
    assert clear_flat(tmp_path)
    assert flat_reason(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"now!", b"\xff\xfe"])
def test_any_file_of_the_name_asks(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "flat").write_bytes(content)
    assert flat_reason(tmp_path) == f"the file {tmp_path / 'run' / 'flat'}"


def test_the_file_is_heard_once_and_again_when_it_comes_back(tmp_path: Path) -> None:
    heard = Heard()
    with listening(tmp_path, heard) as switch:
        assert not switch.flatten_only
        request_flat(tmp_path, "first")
        assert heard.next() == ("flat", "first")
        switch.confirm_flat()
        assert flat_reason(tmp_path) is None
        request_flat(tmp_path, "second")
        assert heard.next() == ("flat", "second")
    assert heard.told.empty()


def test_a_run_that_begins_with_the_file_there_is_told_at_once_and_knows_it(tmp_path: Path) -> None:
    request_flat(tmp_path, "before the crash")
    heard = Heard()
    with listening(tmp_path, heard) as switch:
        assert switch.flatten_only
        assert heard.next() == ("flat", "before the crash")


def test_the_signal_asks_and_leaves_the_file_for_the_run_after_a_crash(tmp_path: Path) -> None:
    heard = Heard()
    with listening(tmp_path, heard):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert heard.next() == ("flat", "the signal SIGUSR1")
        assert flat_reason(tmp_path) == "the signal SIGUSR1"
    assert heard.told.empty()


def test_the_signal_asks_even_where_no_file_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    heard = Heard()
    with listening(tmp_path, heard):
        os.kill(os.getpid(), signal.SIGUSR1)
        kind, _reason = heard.next()
        assert kind == "flat"


def test_the_second_stop_hurries_and_the_third_kills(tmp_path: Path) -> None:
    heard = Heard()
    with listening(tmp_path, heard):
        os.kill(os.getpid(), signal.SIGINT)
        assert heard.next() == ("stop", False)
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard.next() == ("stop", True)
        os.kill(os.getpid(), signal.SIGINT)
        assert heard.next() == ("kill", None)


def test_a_terminal_that_is_closed_ends_nothing(tmp_path: Path) -> None:
    heard = Heard()
    with listening(tmp_path, heard):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard.next() == ("stop", False)


def test_a_callback_that_fails_does_not_make_the_switch_deaf(tmp_path: Path) -> None:
    heard = Heard()

    def broken(_reason: str) -> None:
        raise ZeroDivisionError

    switch = KillSwitch(tmp_path, broken, heard.stop, heard.kill)
    switch.start()
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard.next() == ("stop", False)
    finally:
        switch.stop()


def test_afterwards_the_signals_are_what_they_were(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)]
    with listening(tmp_path, Heard()):
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)]
    assert after == before


def test_a_main_thread_that_is_stuck_in_foreign_code_is_no_hindrance(tmp_path: Path) -> None:
    script = (
        "import hashlib, sys; from pathlib import Path\n"
        "from sos_actors.app.kill_switch import KillSwitch\n"
        "say = lambda *words: print(*words, flush=True)\n"
        "switch = KillSwitch(Path(sys.argv[1]), say, lambda hurry: say('stop', hurry))\n"
        "switch.start(); say('ready')\n"
        "hashlib.pbkdf2_hmac('sha256', b'', b'', 100_000_000)\n"  # a minute in C
    )
    words = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for said in ("stop False\n", "stop True\n"):
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == said
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == KILLED
