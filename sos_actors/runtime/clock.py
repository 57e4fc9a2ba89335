"""The only place that asks the machine what time it is, and the clocks made of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, UnixNanos

Clock = Callable[[], UnixNanos]
"""Whatever says what time it is; ``wall_time`` is the one of the real world."""


def wall_time() -> UnixNanos:
    """Now, UnixNanos."""
    return UnixNanos(time.time_ns())


def monotonic_ns() -> int:
    """Nanoseconds that only grow, from an arbitrary start."""
    return time.monotonic_ns()


class WallClock:
    """The real world's time. It may be set by hand or by the network, in both directions, while we run."""

    speed = 1.0
    """Clock seconds in a real second."""

    def __call__(self) -> UnixNanos:
        """Now, UnixNanos."""
        return wall_time()


@dataclass(frozen=True, slots=True)
class AcceleratedClock:
    """Time that started at ``at`` and runs ``speed`` times as fast as the real one; nobody can set it.

    A picklable value on CLOCK_MONOTONIC: the same moment in every process of this machine, until it is switched off.
    With speed 1 it is a wall clock that never jumps, which is what restarts and liveness are timed with.

    Attributes:
        at: what it said when it began, UnixNanos.
        speed: clock seconds in a real second, above 0.
        since_ns: ``monotonic_ns()`` when it began.
    """

    at: UnixNanos
    speed: float
    since_ns: int

    def __post_init__(self) -> None:
        if not self.speed > 0:
            raise ValueError(f"A clock runs forwards, not at {self.speed} times the real speed.")

    @classmethod
    def starting(cls, at: UnixNanos, speed: float = 1.0) -> AcceleratedClock:
        """One that says ``at`` now."""
        return cls(at, speed, monotonic_ns())

    def __call__(self) -> UnixNanos:
        """Now, UnixNanos."""
        return UnixNanos(self.at + int((monotonic_ns() - self.since_ns) * self.speed))


class ManualClock:
    """Time that stands until it is moved. Timers over it fire in whoever's thread moves it, and in due order."""

    speed = 1.0

    def __init__(self, at: int = 0) -> None:
        self._now = at
        self._attached: list[tuple[Callable[[], UnixNanos | None], Callable[[], object]]] = []

    def __call__(self) -> UnixNanos:
        """Now, UnixNanos."""
        return UnixNanos(self._now)

    def attach(self, next_due: Callable[[], UnixNanos | None], run_due: Callable[[], object]) -> None:
        """Have something run whenever the clock reaches the moment it says it is due."""
        self._attached.append((next_due, run_due))

    def advance(self, seconds: float) -> None:
        """Go forward, stopping at every moment something attached is due."""
        self.move_to(self._now + round(seconds * NANOS_PER_SECOND))

    def move_to(self, ts: int) -> None:
        """Go forward to a moment in UnixNanos, stopping at every moment something attached is due.

        Raises:
            ValueError: the moment is past.
        """
        if ts < self._now:
            raise ValueError("A clock runs forwards.")
        while dues := [due for next_due, _ in self._attached if (due := next_due()) is not None and due <= ts]:
            self._now = max(self._now, min(dues))
            for _, run_due in self._attached:
                run_due()
        self._now = ts

    def jump_to(self, ts: int) -> None:
        """Be at another moment at once, as after a machine slept: what was due meanwhile runs once, now."""
        self._now = ts
        for _, run_due in self._attached:
            run_due()


def utc_text() -> str:
    """Now as ISO text in UTC, to the second: ``2026-01-16T10:05:00Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def indian_day(ts: int) -> date:
    """The date in India at a moment in UnixNanos."""
    return date(1970, 1, 1) + timedelta(days=(ts // NANOS_PER_SECOND + IST_OFFSET_S) // 86_400)
