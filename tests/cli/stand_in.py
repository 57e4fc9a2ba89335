"""A run of the system that does nothing but tell of itself and listen: what `sos status` and `sos stop` are tried on.

Run as ``python -m tests.cli.stand_in DATA_DIR KIND``; says ``ready`` on stdout. Kinds: ``orderly``; ``stubborn``, which
hears everything and does nothing; ``deaf``, on whom only a kill works; ``mute``, which never writes a status.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sos_actors.app.kill_switch import KillSwitch
from sos_actors.app.run_lock import Holder, RunLock
from sos_actors.app.status_file import StatusWriter
from sos_actors.messages.status import FlatStatus, SystemStatus
from sos_actors.runtime.clock import wall_time
from tests.app.statuses import full_status
from tests.cli.commands import REPOSITORY


class StandIn:
    """The run."""

    def __init__(self, data_dir: Path, kind: str) -> None:
        self.kind = kind
        self.over = threading.Event()
        self.holder = Holder(os.getpid(), "a1b2", wall_time())
        self.known = self._status(full_status())
        self.writer = StatusWriter(data_dir, lambda: self._status(self.known), 0.05)
        self.switch = KillSwitch(data_dir, self.flatten, self.end)

    def _status(self, status: SystemStatus) -> SystemStatus:
        run = replace(status.run, pid=self.holder.pid, run_id=self.holder.run_id, started_wall=self.holder.since)
        return replace(status, run=run, wall=wall_time())

    def flatten(self, reason: str) -> None:
        """Close everything, unless stubborn."""
        if self.kind == "stubborn":
            self.known = replace(self.known, flat=FlatStatus(True, reason), orders=())
        else:
            self.known = replace(self.known, flat=FlatStatus(True, reason, True), positions=(), orders=())
            self.switch.confirm_flat()

    def end(self, hurry: bool) -> None:
        """Stop: at the first word when orderly, at the second when stubborn, never when deaf."""
        if self.kind == "orderly" or (self.kind == "stubborn" and hurry):
            self.over.set()


def main(folder: str, kind: str) -> None:
    """Run until stopped."""
    data_dir = Path(folder)
    run = StandIn(data_dir, kind)
    with RunLock.take(data_dir, run.holder):
        run.switch.start()
        if kind != "mute":
            run.writer.start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        run.over.wait()
        run.switch.stop()
        run.writer.stop()


@contextmanager
def stand_in(data_dir: Path, kind: str = "orderly") -> Iterator[subprocess.Popen[str]]:
    """One under way; killed at the end when it has not ended before."""
    words = [sys.executable, "-m", "tests.cli.stand_in", str(data_dir), kind]
    with subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
