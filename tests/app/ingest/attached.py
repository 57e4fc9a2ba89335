"""Runs of `sos` on one simulator that is there already, each a process of its own that can be killed.

Starting program and simulator takes longer than all the rest of a small ingest: ``AttachedRuns`` starts one process
that has imported everything and forks for every run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Self

from sos_actors.app import simulated, vendors
from sos_actors.cli import ingest
from sos_actors.cli.main import main
from sos_actors.config import Config
from sos_actors.simulator.server import RunningSimulator
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN
from sos_actors.types import Secret
from tests.cli.processes import Home

IMPORTED = (ingest, vendors)
"""What a command would import only when it runs."""


class AttachedSimulator(AbstractContextManager["AttachedSimulator"]):
    """Stands in for ``SimulatorProcess``: leads to a simulator that runs already, and leaves it running."""

    addresses: dict[str, str]
    token = Secret(FIRST_TOKEN)

    def __init__(self, seed: int, at: int, speed: float) -> None:
        del seed, at, speed

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to end."""

    def config_for(self, config: Config) -> Config:
        return simulated.config_for(config, self.addresses)


class AttachedRuns:
    """Starts runs of one home, one after another.

    Args:
        home: whose configuration they read.
        simulator: whom they ask.
    """

    def __init__(self, home: Home, simulator: RunningSimulator) -> None:
        self._home, self._said = home, home.folder / "said.txt"
        self._command = [sys.executable, "-m", "tests.app.ingest.attached", json.dumps(simulator.addresses)]

    def __enter__(self) -> Self:
        with self._said.open("w") as said:
            self._process = self._home.start(command=self._command, told=said)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()

    def start(self, *words: str) -> int:
        """The process of a new run, leader of a group of its own."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([*self._home.config, *words]) + "\n")
        self._process.stdin.flush()
        return self._number()

    def wait(self) -> int:
        """How the run ended, as ``Popen.returncode`` has it."""
        return self._number()

    def run(self, *words: str) -> int:
        """One run to its end."""
        self.start(*words)
        return self.wait()

    def kill(self, pid: int) -> bool:
        """Kill the run; whether it had not ended by itself.

        Raises:
            AssertionError: it failed by itself.
        """
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        ended = self.wait()
        assert ended in (0, -signal.SIGKILL), self.said()
        return ended != 0

    def said(self) -> str:
        """All that the runs have written."""
        return self._said.read_text()

    def _number(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def serve() -> None:
    """Fork for every line of the standard input, a JSON list of words; print the process, then how it ended."""
    AttachedSimulator.addresses = json.loads(sys.argv[1])
    simulated.SimulatorProcess = AttachedSimulator  # type: ignore[assignment, misc]
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            sys.exit(main(json.loads(line)))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
