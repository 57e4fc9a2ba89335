"""A process of its own for work that holds the GIL for long: big JSON documents, pandas, the screener library.

What is asked and answered is pickled. Whoever asks waits, on its own thread, up to a bound it chooses.
"""

from __future__ import annotations

import logging
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO, Generic, TypeVar

from sos_actors.errors import ActorDownError, ActorTimeoutError
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.worker_process import LENGTH, opened
from sos_actors.types import NANOS_PER_SECOND

log = logging.getLogger(__name__)
Request = TypeVar("Request")
Answer = TypeVar("Answer")
BOOT = "from sos_actors.runtime.worker_process import main; main()"
MOST_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class WorkerCounts:
    """What a worker process has been through: processes started, asks, those timed out, processes that died."""

    spawned: int = 0
    asked: int = 0
    timed_out: int = 0
    died: int = 0


class WorkerProcess(Generic[Request, Answer]):
    """Runs ``factory()`` in a fresh Python process and has what that returns answer every request.

    Nothing of this process is inherited but the environment and the module path. The process ends when this one does,
    does not hear Ctrl-C, and what it prints goes to our log. Thread-safe: several asks are served in the order they
    came.

    Args:
        factory: picklable, importable by name in another process (not defined in ``__main__``).
        start_within_s: real seconds for imports and the factory, granted beyond the time-out of the first ask.
    """

    def __init__(self, name: str, factory: Callable[[], Callable[[Request], Answer]],
                 start_within_s: float = 30.0) -> None:  # fmt: skip
        self.name = name
        self._factory = pickle.dumps(factory, pickle.HIGHEST_PROTOCOL)
        self._start_within_s = start_within_s
        self._turns = _Turns()
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._stopped = False
        self._counts = WorkerCounts()

    @property
    def counts(self) -> WorkerCounts:
        """So far."""
        return self._counts

    @property
    def pid(self) -> int | None:
        """The process's number; None while there is none."""
        process = self._process
        return process.pid if process is not None else None

    def start(self) -> None:
        """Start the process now, not at the first ask; does not wait for it."""
        if self._process is None:
            self._running()

    def ask(self, request: Request, timeout_s: float) -> Answer:
        """Have a request answered.

        Args:
            timeout_s: real seconds, the wait for other asks included. When the work itself takes longer, the process
                is killed and a new one started.

        Raises:
            ActorTimeoutError: no answer in time.
            ActorDownError: the process died over it (the next ask has a new one), or ``stop`` has been called.
            Exception: whatever the factory or the work raised, as itself; classes that cannot be pickled as ActorError.
        """
        frame = pickle.dumps(request, pickle.HIGHEST_PROTOCOL)
        deadline = monotonic_ns() + int(timeout_s * NANOS_PER_SECOND)
        if not self._turns.take(timeout_s):
            raise ActorTimeoutError(f"Worker {self.name} was busy with others for {timeout_s:g} s.")
        try:
            process = self._running()
            self._counts = replace(self._counts, asked=self._counts.asked + 1)
            return self._exchange(process, frame, deadline)
        finally:
            self._turns.give()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """End the process for good; whether it ended by itself in so many real seconds, else it is killed. Idempotent.

        An ask that is under way is not waited for: it raises ActorDownError.
        """
        with self._lock:
            self._stopped = True
            process, self._process = self._process, None
        if process is None:
            return True
        in_peace = self._turns.take(0.0)
        if not in_peace:
            process.kill()
            if not self._turns.take(timeout_s):
                return False
        try:
            return process.end(timeout_s) and in_peace
        finally:
            self._turns.give()

    def _running(self) -> _Process:
        with self._lock:
            if self._stopped:
                raise ActorDownError(f"Worker {self.name} has been stopped.")
            if self._process is not None and not self._process.is_alive():
                self._counts = replace(self._counts, died=self._counts.died + 1)
                self._process.end(0.0)
                self._process = None
            if self._process is None:
                self._counts = replace(self._counts, spawned=self._counts.spawned + 1)
                self._process = _Process(self.name, self._factory)
            return self._process

    def _exchange(self, process: _Process, frame: bytes, deadline: int) -> Answer:
        try:
            if not process.is_ready:
                begun = monotonic_ns()
                self._greet(process)
                deadline += monotonic_ns() - begun
            process.send(frame, deadline)
            answer = process.receive(deadline)
        except TimeoutError:
            self._counts = replace(self._counts, timed_out=self._counts.timed_out + 1)
            log.warning("Worker %s took too long; its process is killed.", self.name)
            self._discard(process)
            with suppress(ActorDownError):  # stopped meanwhile
                self._running()
            raise ActorTimeoutError(f"Worker {self.name} took too long; its process has been replaced.") from None
        except EOFError:
            if not self._stopped:
                self._counts = replace(self._counts, died=self._counts.died + 1)
                self._discard(process)
            raise ActorDownError(f"The process of worker {self.name} died before it answered.") from None
        found: Answer = opened(answer)
        return found

    def _greet(self, process: _Process) -> None:
        """Hear whether the factory has made the work; what it raised is raised here, and the process is of no use."""
        hello = process.receive(monotonic_ns() + int(self._start_within_s * NANOS_PER_SECOND))
        try:
            opened(hello)
        except Exception:
            self._discard(process)
            raise
        process.is_ready = True

    def _discard(self, process: _Process) -> None:
        with self._lock:
            if self._process is process:
                self._process = None
        process.kill()
        process.end(0.0)


class _Process:
    """One process and its pipes; used by one thread at a time, but for ``kill`` and ``is_alive``."""

    def __init__(self, name: str, factory: bytes) -> None:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        self._popen = subprocess.Popen(
            [sys.executable, "-s", "-P", "-c", BOOT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
        )  # fmt: skip
        self.is_ready = False
        said = _pipe(self._popen.stderr)
        self._log = threading.Thread(target=_log_lines, args=(name, said), name=f"words of {name}", daemon=True)
        self._log.start()
        os.set_blocking(_pipe(self._popen.stdin).fileno(), False)
        with suppress(EOFError):  # dead at once: the first ask will hear of it
            self.send(factory, monotonic_ns() + NANOS_PER_SECOND)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def send(self, frame: bytes, deadline: int) -> None:
        """Raises EOFError when nobody reads any more, TimeoutError."""
        fd = _pipe(self._popen.stdin).fileno()
        left = memoryview(LENGTH.pack(len(frame)) + frame)
        while left:
            _wait(fd, select.POLLOUT, deadline)
            try:
                left = left[os.write(fd, left) :]
            except BrokenPipeError:
                raise EOFError from None

    def receive(self, deadline: int) -> bytes:
        """Raises EOFError when nobody writes any more, TimeoutError."""
        (length,) = LENGTH.unpack(self._read(LENGTH.size, deadline))
        return self._read(length, deadline)

    def kill(self) -> None:
        """Kill it and whatever it has started. Any thread."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def end(self, timeout_s: float) -> bool:
        """Close its input, which ends it, and wait; whether it ended in time. It is gone in either case."""
        by_itself = True
        _pipe(self._popen.stdin).close()
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            by_itself = False
        self.kill()
        self._popen.wait()
        _pipe(self._popen.stdout).close()
        self._log.join(1.0)
        return by_itself

    def _read(self, length: int, deadline: int) -> bytes:
        fd, parts = _pipe(self._popen.stdout).fileno(), []
        while length:
            _wait(fd, select.POLLIN, deadline)
            part = os.read(fd, min(length, MOST_READ))
            if not part:
                raise EOFError
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


class _Turns:
    """A lock that is given to those who wait in the order they came."""

    def __init__(self) -> None:
        self._lock, self._waiting, self._taken = threading.Lock(), deque[threading.Event](), False

    def take(self, timeout_s: float) -> bool:
        mine = threading.Event()
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            self._waiting.append(mine)
        if mine.wait(timeout_s):
            return True
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # it came at the last moment

    def give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


def _wait(fd: int, event: int, deadline: int) -> None:
    poll = select.poll()
    poll.register(fd, event)
    left_ns = deadline - monotonic_ns()
    if left_ns <= 0 or not poll.poll(left_ns / 1e6):
        raise TimeoutError


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "made with pipes"
    return stream


def _log_lines(name: str, said: IO[bytes]) -> None:
    with said:
        for line in said:
            log.info("Worker %s says: %s", name, line.decode("utf-8", "replace").rstrip())
