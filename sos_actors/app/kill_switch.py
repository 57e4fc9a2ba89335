"""The trader's hand on the running system: flat or stop, by a file or a signal, whatever feed and store are doing.

A plain thread listens. Signals reach it through a pipe that the interpreter's own C handler writes to, so that even a
main thread that hangs is no hindrance. What flat and stop mean is up to the two callbacks.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from sos_actors.app.run_lock import FOLDER, OWN_FILE, run_folder

FILE = "flat"
LOOK_EVERY_S = 0.2
"""Between two looks for the file; real time."""
KILLED = 137
FLAT_SIGNAL = signal.SIGUSR1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
BY_SIGNAL, BY_FILE = "the signal SIGUSR1", "a file that is gone again"
_LEAVE_SCREEN = b"\x1b[?1049l\x1b[?25h\x1b[0m\n"
_Identity = tuple[int, int]
log = logging.getLogger(__name__)


def request_flat(data_dir: Path, reason: str) -> None:
    """Ask for flat by the file; it holds until `clear_flat`, over restarts.

    Raises:
        OSError: it cannot be written.
    """
    path = run_folder(data_dir) / FILE
    beside = path.with_suffix(".new")  # the file comes into being with its content, so it is one request
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, OWN_FILE)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(json.dumps({"reason": reason}))
    os.replace(beside, path)


def flat_reason(data_dir: Path) -> str | None:
    """Why flat is asked for; None when it is not. Any file of the name asks, whatever is in it: `touch` will do."""
    path = data_dir / FOLDER / FILE
    try:
        content = path.read_bytes()[:4096]
    except FileNotFoundError:
        return None
    except OSError:  # there, and that is enough
        return f"the file {path}"
    try:
        return str(json.loads(content)["reason"])
    except (ValueError, KeyError, TypeError):
        return f"the file {path}"


def clear_flat(data_dir: Path) -> bool:
    """Take the file away; False when there was none.

    Raises:
        OSError: it cannot be removed.
    """
    try:
        (data_dir / FOLDER / FILE).unlink()
    except FileNotFoundError:
        return False
    return True


def die() -> None:
    """End the process at once; a terminal in the middle of a screen is given back first."""
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError):
            if stream is not None and stream.isatty():
                os.write(stream.fileno(), _LEAVE_SCREEN)
    os._exit(KILLED)


class KillSwitch:
    """Listens for flat and stop.

    The first stop signal asks for a clean stop, the second hurries it, the third ends the process at once; a terminal
    that is closed (SIGHUP) ends nothing, since positions must not lose their guard. Start it before the first position
    can exist; `start` and `stop` belong to the main thread, as signals do.

    Args:
        data_dir: where the file would be.
        on_flat: told the reason; on the switch's thread, so it must only tell others. Asked twice it is told twice.
        on_stop: told whether to hurry; on the same thread.
        on_kill: what the third stop signal does.
    """

    def __init__(
        self, data_dir: Path, on_flat: Callable[[str], None], on_stop: Callable[[bool], None],
        on_kill: Callable[[], None] = die,
    ) -> None:  # fmt: skip
        self._data_dir = data_dir
        self._on_flat, self._on_stop, self._on_kill = on_flat, on_stop, on_kill
        self.flatten_only = flat_reason(data_dir) is not None
        """Flat was asked for before this run began and never confirmed: it must close what there is, and not trade."""
        self._answered: _Identity | None = None
        self._stops = 0
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="kill-switch", daemon=True)
        self._before: dict[signal.Signals, Any] = {}
        self._wakeup_before = -1

    def start(self) -> None:
        """Take the signals over and listen; a file that is there already counts as asked now."""
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (FLAT_SIGNAL, *STOP_SIGNALS, signal.SIGHUP):
            self._before[number] = signal.signal(number, _nothing)
        self._thread.start()

    def confirm_flat(self) -> None:
        """The broker's books say that nothing is held: the request is fulfilled, its file goes."""
        try:
            clear_flat(self._data_dir)
        except OSError as error:
            log.warning("The request to be flat stays, so the next run will not trade: %s", error)

    def stop(self) -> None:
        """Stop listening and give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._before:
            signal.set_wakeup_fd(self._wakeup_before)
        with suppress(OSError):
            self._writer.send(b"\0")
        if self._thread.ident is not None:
            self._thread.join(2.0)
        self._reader.close()
        self._writer.close()

    def _run(self) -> None:
        self._look()
        while True:
            readable, _, _ = select.select([self._reader], [], [], LOOK_EVERY_S)
            for number in self._reader.recv(64) if readable else b"":
                if number == 0:
                    return
                self._signalled(number)
            self._look()

    def _look(self) -> None:
        """Whether the file is there; another one of the name asks again."""
        identity = _identity(self._data_dir / FOLDER / FILE)
        if identity is not None and identity != self._answered:
            self._flat(flat_reason(self._data_dir) or BY_FILE)
        self._answered = identity

    def _signalled(self, number: int) -> None:
        if number == FLAT_SIGNAL:
            self._keep_asking()
            self._flat(flat_reason(self._data_dir) or BY_SIGNAL)
        elif number == signal.SIGHUP:
            log.warning("The terminal is gone; the run goes on. `sos status` shows it, `sos stop` ends it.")
        elif number in STOP_SIGNALS:
            self._stops += 1
            if self._stops > 2:
                self._on_kill()
            else:
                self._told(self._on_stop, self._stops > 1)

    def _keep_asking(self) -> None:
        """A signal leaves no trace, so the file is made for the run after a crash; a full disk does not matter now."""
        if flat_reason(self._data_dir) is None:
            with suppress(OSError):
                request_flat(self._data_dir, BY_SIGNAL)
        self._answered = _identity(self._data_dir / FOLDER / FILE)

    def _flat(self, reason: str) -> None:
        log.error("Everything is to be closed: %s", reason)
        self._told(self._on_flat, reason)

    def _told(self, call: Callable[[Any], None], word: object) -> None:
        try:
            call(word)
        except Exception:  # the boundary: the switch must go on listening whatever its callback does
            log.exception("The kill switch's callback failed")


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The pipe has it already."""
