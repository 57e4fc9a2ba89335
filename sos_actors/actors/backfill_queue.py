"""Which histories are wanted: indices first, then in the order asked for; those that failed come back later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

INDEX = "NSE|INDEX|"
FIRST_DELAY_S, MOST_DELAY_S = 2.0, 60.0


class Kind(StrEnum):
    """What is wanted of a symbol."""

    PAST = "past"
    """Everything before it is followed."""
    GAP = "gap"
    """The bars of today that the engine has missed."""


@dataclass(frozen=True, slots=True)
class Job:
    """One history.

    Attributes:
        since: of a gap, the open of the last bar the engine had, UnixNanos.
        tries: that have failed.
        reason: why the last one did.
    """

    kind: Kind
    symbol: str
    since: int = -1
    tries: int = 0
    reason: str = ""

    @property
    def key(self) -> str:
        """Names it."""
        return f"{self.kind}:{self.symbol}"

    @property
    def delay_s(self) -> float:
        """After so many failures, clock seconds until it is tried again."""
        return float(min(FIRST_DELAY_S * 2.0 ** max(self.tries - 1, 0), MOST_DELAY_S))

    def failed(self, reason: str) -> Job:
        """The same after one more failure."""
        return replace(self, tries=self.tries + 1, reason=reason)


class BackfillQueue:
    """The jobs, each once: waiting for their turn, under way, or resting after a failure."""

    def __init__(self) -> None:
        self._waiting: dict[str, Job] = {}
        self._running: dict[str, Job] = {}
        self._resting: dict[str, Job] = {}
        self.done = 0

    def want(self, job: Job) -> bool:
        """Add a job; False when it is there already."""
        if job.key in self._waiting or job.key in self._running:
            return False
        self._resting.pop(job.key, None)
        self._waiting[job.key] = job
        return True

    def forget(self, symbol: str) -> None:
        """Drop what is wanted of a symbol; what is under way is ignored when it comes."""
        for jobs in (self._waiting, self._running, self._resting):
            for key in [key for key, job in jobs.items() if job.symbol == symbol]:
                del jobs[key]

    def next(self) -> Job | None:
        """Take the job whose turn it is."""
        if not self._waiting:
            return None
        key = min(self._waiting, key=lambda one: not self._waiting[one].symbol.startswith(INDEX))
        job = self._running[key] = self._waiting.pop(key)
        return job

    def finish(self, key: str) -> Job | None:
        """A job is over; None when nobody wants it any more."""
        job = self._running.pop(key, None)
        self.done += job is not None
        return job

    def rest(self, key: str, reason: str) -> Job | None:
        """A job has failed; the job to be tried again, None when nobody wants it any more."""
        job = self._running.pop(key, None)
        if job is None:
            return None
        self._resting[key] = job.failed(reason)
        return self._resting[key]

    def restart(self) -> None:
        """Whoever fetched is gone: everything that is not there is wanted again."""
        for jobs in (self._running, self._resting):
            self._waiting |= jobs
            jobs.clear()

    def wake(self, key: str) -> None:
        """A job that rests is wanted again."""
        if (job := self._resting.pop(key, None)) is not None:
            self._waiting[key] = job

    @property
    def progress(self) -> Progress:
        """How it goes."""
        return Progress(
            self.done, tuple(job.symbol for job in self._running.values()),
            tuple(job.symbol for job in self._waiting.values()),
            {job.symbol: job.reason for job in self._resting.values()},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """How many histories are there, and which are not: under way, waiting, failed with the reason."""

    done: int
    running: tuple[str, ...]
    waiting: tuple[str, ...]
    failed: dict[str, str]
