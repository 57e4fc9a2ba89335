"""Work for worker processes to do, and to fail at; made by name in the other process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from sos_actors.errors import VendorBusyError


class OddError(Exception):
    """An exception that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("odd")
        self.lock = threading.Lock()


def make() -> Callable[[Any], Any]:
    """The work: does what the first word of the request says."""
    return work


def make_nothing() -> Callable[[Any], Any]:
    """A factory that fails."""
    raise VendorBusyError("nse", "not now", code="429", retry_after_s=2.5)


def work(request: tuple[str, Any]) -> Any:
    word, value = request
    match word:
        case "echo":
            return value
        case "busy":
            raise VendorBusyError("upstox", "too many", code="429", retry_after_s=value)
        case "odd":
            raise OddError
        case "unsendable":
            return threading.Lock()
        case "hang":
            threading.Event().wait()
        case "hang with a child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            with open(value, "w", encoding="utf-8") as told:
                told.write(str(child.pid))
            child.wait()
        case "die":
            os._exit(3)
        case "print":
            print(value)
            print(value, file=sys.stderr)
            sys.stdout.flush()
            warnings.warn(value, stacklevel=1)
        case "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
            return "still here"
        case "threads":
            return [thread.name for thread in threading.enumerate()], sys.stdin.read()
        case "exit":
            raise SystemExit(value)
    return None
