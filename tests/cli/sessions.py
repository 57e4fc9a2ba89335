"""Runs of `sos live` on the simulated market as processes of their own, and a terminal one of them can have."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sos_actors.app.status_file import read_status
from sos_actors.messages.status import SystemStatus
from tests.cli.commands import REPOSITORY
from tests.cli.processes import HANG_S, Home, new_home

DAY = "2026-01-13"
SPEED = 12
"""Slow enough for every vendor to answer several times, on a machine that is busy too."""
ENTERS = {
    "pattern_id": "ENTERS_AT_ONCE",
    "description": "Enters on the first bar, so that there is something to look at.",
    "symbols": ["NIFTY"],
    "timeframe": "1m",
    "regime_config": {"SIDEWAYS": {"allow_entry": True}},
    "phases": [{"id": "NOW", "conditions": ["close > 0"], "timeout": 3}],
    "execution": {
        "side": "BUY", "entry": "close", "sl": "entry - 100", "tp": "entry + 200", "option_selection": "ATM_CALL",
    },
}  # fmt: skip
_WITH_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
_LEFT = "\x1b[?1049l"


def trading_home(folder: Path) -> Home:
    """A machine of its own that follows few stocks, whose one strategy enters at once."""
    home = new_home(folder, {"bridge": {"port": 0, "heartbeat_s": 0.5}, "trading": {"max_stocks": 5}})
    (home.folder / "enters.json").write_text(json.dumps(ENTERS), encoding="utf-8")
    return home


def live_words(home: Home, *more: str) -> list[str]:
    """What to type for a session of that strategy."""
    words = ["live", "--source", "sim", "--date", DAY, "--speed", str(SPEED)]
    return [*words, "--strategies", str(home.folder / "enters.json"), *more]


def wait_for(true: Callable[[], bool], process: subprocess.Popen[str], within_s: float = 120.0) -> None:
    """Look again and again; fails when it takes too long or the process ends."""
    until = time.monotonic() + within_s
    while not true():
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.02)


def news_of(home: Home, process: subprocess.Popen[str]) -> SystemStatus | None:
    """What the run tells of itself; None before it has."""
    status = read_status(home.data)
    return status if status is not None and status.run.pid == process.pid else None


def is_open(home: Home, process: subprocess.Popen[str]) -> bool:
    """Whether it runs and engines can connect."""
    status = news_of(home, process)
    return status is not None and bool(status.bridge.address)


class Terminal:
    """A terminal of 80 columns and 24 lines with one program on it."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self._theirs = theirs
        self._written: list[bytes] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WITH_TERMINAL, *command],
            cwd=REPOSITORY, env=environment | {"TERM": "xterm-256color"}, stdin=theirs, stdout=theirs, stderr=theirs,
            text=True, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        """All that was written so far."""
        return b"".join(self._written).decode(errors="replace")

    def screen(self) -> list[str]:
        """The lines of the newest whole screen; none while there is no screen."""
        pages = self.text.partition(_LEFT)[0].split("\x1b[H")
        for page in reversed(pages):
            lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", one).rstrip() for one in page.split("\r\n")]
            if len(lines) >= 24:
                return lines[:24]
        return []

    def type(self, words: bytes) -> None:
        """As if typed."""
        os.write(self._ours, words)

    def ended(self) -> tuple[int, str, bool]:
        """Its exit status, what it wrote after the screen was left, and whether the terminal is as it was."""
        status = self.process.wait(HANG_S)
        same = termios.tcgetattr(self._theirs) == self.before
        self._close()
        return status, self.text.rpartition(_LEFT)[2].replace("\r\n", "\n"), same

    def kill(self) -> None:
        """Whatever happened."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(HANG_S)
        self._close()

    def _close(self) -> None:
        if self._theirs >= 0:
            os.close(self._theirs)
            self._theirs = -1
            self._reader.join(10)
            os.close(self._ours)

    def _read(self) -> None:
        with suppress(OSError):  # nobody is left to write
            while words := os.read(self._ours, 65_536):
                self._written.append(words)
