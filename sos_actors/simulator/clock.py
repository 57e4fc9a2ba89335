"""What time it is in the simulated market: as fast as the wall, N times as fast, or only when told to step."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from threading import Lock

from sos_actors.runtime.clock import monotonic_ns
from sos_actors.types import NANOS_PER_SECOND, UnixNanos


@dataclass(frozen=True, slots=True, eq=False)
class _Sleeper:
    end: int
    loop: asyncio.AbstractEventLoop
    waiter: asyncio.Future[None]


class SimulatedClock:
    """Simulated time; may be read and set from any thread.

    Args:
        start: the simulated moment at which it begins, UnixNanos.
        speed: simulated seconds a real second; 0 stands still until ``step`` or ``set``.

    Raises:
        ValueError: a speed that is negative or no finite number.
    """

    def __init__(self, start: int, speed: float = 1.0) -> None:
        self._lock = Lock()
        self._at, self._speed, self._since = start, _checked(speed), monotonic_ns()
        self._sleepers: list[_Sleeper] = []

    def now(self) -> UnixNanos:
        """The simulated moment, UnixNanos."""
        with self._lock:
            return UnixNanos(self._moment())

    @property
    def speed(self) -> float:
        """Simulated seconds a real second."""
        return self._speed

    def set(self, at: int | None = None, speed: float | None = None) -> None:
        """Jump to a moment (UnixNanos), change the speed, or both; time may also be set back.

        Raises:
            ValueError: a speed that is negative or no finite number; nothing has changed then.
        """
        with self._lock:
            self._change(self._moment() if at is None else at, self._speed if speed is None else _checked(speed))

    def step(self, seconds: float) -> None:
        """Let simulated time pass at once.

        Raises:
            ValueError: no finite number, or a step backwards; ``set`` goes back.
        """
        nanos = int(_checked(seconds) * NANOS_PER_SECOND)
        with self._lock:
            self._change(self._moment() + nanos, self._speed)

    async def sleep(self, seconds: float) -> None:
        """Wait until so many simulated seconds have passed.

        A step, jump or change of speed is noticed at once; those it wakes go on in the order of their times. Set back,
        the clock makes a sleeper wait longer.
        """
        await self.sleep_until(self.now() + int(seconds * NANOS_PER_SECOND))

    async def sleep_until(self, end: int) -> None:
        """Wait for a simulated moment, UnixNanos; as ``sleep``."""
        loop = asyncio.get_running_loop()
        while True:
            with self._lock:
                left, speed = end - self._moment(), self._speed
                if left <= 0:
                    return
                sleeper = _Sleeper(end, loop, loop.create_future())
                self._sleepers.append(sleeper)
            alarm = loop.call_later(left / NANOS_PER_SECOND / speed, _wake, sleeper.waiter) if speed > 0 else None
            try:
                await sleeper.waiter
            finally:
                if alarm is not None:
                    alarm.cancel()
                with self._lock:
                    self._sleepers.remove(sleeper)

    def _moment(self) -> int:
        return self._at + int((monotonic_ns() - self._since) * self._speed)

    def _change(self, at: int, speed: float) -> None:
        self._at, self._speed, self._since = at, speed, monotonic_ns()
        for sleeper in sorted(self._sleepers, key=lambda entry: entry.end):
            with suppress(RuntimeError):  # its loop is closed: nobody sleeps there any more
                sleeper.loop.call_soon_threadsafe(_wake, sleeper.waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _checked(number: float) -> float:
    if not isfinite(number) or number < 0:
        raise ValueError(f"{number:g} is not allowed: a finite number, 0 or more.")
    return number
