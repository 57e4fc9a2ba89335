"""What time it is in the simulated market: as fast as the wall, N times as fast, or only when told to step."""

from __future__ import annotations

import asyncio
from threading import Lock

from sos_actors.runtime.clock import monotonic_ns
from sos_actors.types import NANOS_PER_SECOND, UnixNanos


class SimulatedClock:
    """Simulated time; may be read from any thread.

    Args:
        start: the simulated moment at which it begins, UnixNanos.
        speed: simulated seconds a real second; 0 stands still until ``step`` or ``jump``.
    """

    def __init__(self, start: int, speed: float = 1.0) -> None:
        self._lock = Lock()
        self._at, self._speed, self._since = start, speed, monotonic_ns()

    def now(self) -> UnixNanos:
        """The simulated moment, UnixNanos."""
        with self._lock:
            return UnixNanos(self._at + int((monotonic_ns() - self._since) * self._speed))

    @property
    def speed(self) -> float:
        """Simulated seconds a real second."""
        return self._speed

    def set(self, at: int | None = None, speed: float | None = None) -> None:
        """Jump to a moment, change the speed, or both; time may also be set back."""
        now = self.now()
        with self._lock:
            self._at, self._since = now if at is None else at, monotonic_ns()
            self._speed = self._speed if speed is None else speed

    def step(self, seconds: float) -> None:
        """Let simulated time pass at once."""
        self.set(self.now() + int(seconds * NANOS_PER_SECOND))

    async def sleep(self, seconds: float) -> None:
        """Wait until so many simulated seconds have passed; a step or jump of the clock is noticed within 10 ms."""
        end = self.now() + int(seconds * NANOS_PER_SECOND)
        while (left := end - self.now()) > 0:
            real = left / NANOS_PER_SECOND / self._speed if self._speed > 0 else 0.01
            await asyncio.sleep(min(max(real, 0.0), 0.01 if self._speed == 0 or real > 0.01 else real))
