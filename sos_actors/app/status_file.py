"""The status in a file, written again and again by a thread of its own, and read by whoever wants to see the system.

A reader finds a whole status or none; only the trader can read it. A full disk costs news, never trading.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from sos_actors.app.run_lock import FOLDER, OWN_FILE, run_folder
from sos_actors.errors import DataError
from sos_actors.messages.status import SCHEMA, SystemStatus

FILE = "status.json"
log = logging.getLogger(__name__)


def encode_status(status: SystemStatus) -> bytes:
    """As one JSON document; NaN becomes null."""
    return msgspec.json.encode(status)


def decode_status(content: bytes) -> SystemStatus:
    """Read a document back.

    Raises:
        DataError: not a status, or one of another version of SOS.
    """
    try:
        seen = msgspec.json.decode(content, type=_Version).schema
        if seen != SCHEMA:
            raise DataError(f"The status is of another version of SOS (form {seen}, this one reads {SCHEMA}).")
        return msgspec.json.decode(content, type=SystemStatus)
    except msgspec.MsgspecError as error:
        raise DataError(f"The status cannot be read: {error}.") from error


class _Version(msgspec.Struct):
    schema: int


def read_status(data_dir: Path) -> SystemStatus | None:
    """The last status that was written; None when there never was one.

    Raises:
        DataError: it cannot be read, or is of another version.
    """
    path = data_dir / FOLDER / FILE
    try:
        return decode_status(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}.") from error


class StatusWriter:
    """Asks for a status every so often and writes it; the last one is `latest`, for screen and metrics.

    Args:
        data_dir: the data folder.
        status: makes the status; called on the writer's thread.
        every_s: real seconds between two.
    """

    def __init__(self, data_dir: Path, status: Callable[[], SystemStatus], every_s: float) -> None:
        self._folder = run_folder(data_dir)
        self._status = status
        self._every_s = every_s
        self._over = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self._failed = ""
        self.latest: SystemStatus | None = None

    def start(self) -> None:
        """Write the first one now, then on the thread."""
        self.write()
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Write a last one and end the thread; False when it hangs."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self.write()
        return True

    def write(self) -> None:
        """Make a status and write it now; never raises, a failure is logged once until it is another or over."""
        with self._writing:
            try:
                self.latest = self._status()
                self._replace(encode_status(self.latest))
            except Exception as error:  # the boundary: seeing must never hurt what is seen
                told = f"{type(error).__name__}: {error}"
                if told != self._failed:
                    log.warning("The status cannot be written: %s", told, exc_info=not isinstance(error, OSError))
                self._failed = told
            else:
                self._failed = ""

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self.write()

    def _replace(self, content: bytes) -> None:
        """Beside the old one, then in its place."""
        beside = self._folder / f"{FILE}.new"
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, OWN_FILE)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        os.replace(beside, self._folder / FILE)
