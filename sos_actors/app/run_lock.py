"""One run of the system a data folder: a lock file that names its holder and is free the moment the holder is gone.

`sos live` takes it; `sos status` and `sos stop` ask who holds it. It is never removed, so that two cannot hold two.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from sos_actors.app.status_lines import indian_time
from sos_actors.errors import AlreadyRunningError
from sos_actors.types import UnixNanos

FOLDER, FILE = "run", "pid"
OWN_FOLDER, OWN_FILE = 0o700, 0o600
_TRIES, _PAUSE_S = 20, 0.02
"""`sos status` holds the lock for an instant when it looks; one who wants to run waits that out."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who runs: the process, the run's name, and when it began by the wall clock."""

    pid: int
    run_id: str
    since: UnixNanos


def run_folder(data_dir: Path) -> Path:
    """Where a run tells of itself: under the data folder, readable by its owner only; made when it is not there."""
    folder = data_dir / FOLDER
    folder.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
    return folder


class RunLock:
    """The lock, held; as a context manager it is given back at the end."""

    def __init__(self, handle: int, previous: Holder | None) -> None:
        self._handle = handle
        self.previous = previous
        """The run before, when it ended without giving the lock back: killed, or the machine went down."""

    @classmethod
    def take(cls, data_dir: Path, holder: Holder) -> Self:
        """Take the lock and write down who holds it.

        Raises:
            AlreadyRunningError: another process has it.
            OSError: the folder cannot be written.
        """
        handle = os.open(run_folder(data_dir) / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWN_FILE)
        try:
            if not _locked(handle):
                raise AlreadyRunningError(_refusal(data_dir, _read(handle)))
            previous = _read(handle)
            _write(handle, json.dumps(asdict(holder)))
        except BaseException:
            os.close(handle)
            raise
        return cls(handle, previous)

    def release(self) -> None:
        """Give it back; what is in the file then says that the run ended in order. Twice is once."""
        if self._handle >= 0:
            with suppress(OSError):  # a full disk does not keep the lock
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder_of(data_dir: Path) -> Holder | None:
    """Who runs on the data folder; None when nobody does, whatever a killed run left in the file.

    Raises:
        OSError: the file cannot be read.
    """
    handle = _opened(data_dir)
    if handle is None:
        return None
    try:
        for _ in range(_TRIES):
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                held = _read(handle)
                if held is not None:
                    return held
                time.sleep(_PAUSE_S)  # it is writing its name
            else:
                return None
    finally:
        os.close(handle)
    return None


def left_by_a_killed_run(data_dir: Path) -> Holder | None:
    """The run that ended without giving the lock back; None when the last one ended in order, or one runs."""
    handle = _opened(data_dir)
    if handle is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return _read(handle)
    except BlockingIOError:
        return None
    finally:
        os.close(handle)


def _opened(data_dir: Path) -> int | None:
    try:
        return os.open(data_dir / FOLDER / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _locked(handle: int) -> bool:
    for again in range(_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S if again + 1 < _TRIES else 0)
        else:
            return True
    return False


def _read(handle: int) -> Holder | None:
    try:
        told = json.loads(os.pread(handle, 4096, 0))
        return Holder(int(told["pid"]), str(told["run_id"]), UnixNanos(int(told["since"])))
    except (ValueError, KeyError, TypeError):  # empty, or half written when the machine went down
        return None


def _write(handle: int, text: str) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, text.encode(), 0)


def _refusal(data_dir: Path, holder: Holder | None) -> str:
    who = "Another run" if holder is None else f"Run {holder.run_id}"
    since = "" if holder is None else f" since {indian_time(holder.since):%d %b %H:%M:%S}, pid {holder.pid}"
    return f"{who} is at work on {data_dir}{since}: `sos status` shows it, `sos stop` ends it."
