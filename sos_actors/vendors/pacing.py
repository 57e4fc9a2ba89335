"""How fast vendors are asked: sliding-window rate limits, and waiting longer after every failure."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock


class RateLimiter:
    """No more than so many calls in any window of so many seconds; several windows hold at once. Thread-safe.

    A caller books its place in time under the lock and waits for it outside: callers go in the order in which they
    asked, and none waits behind the lock of one that sleeps.

    Args:
        limits: pairs of (most calls, in so many seconds), for example ``[(45, 1.0), (480, 60.0)]``; none: no limit.
        clock: seconds that only grow.
        sleep: waits so many seconds.

    Raises:
        ValueError: a limit that lets nothing through, or a window without length.
    """

    def __init__(
        self,
        limits: Sequence[tuple[int, float]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if any(most < 1 or window <= 0 for most, window in limits):
            raise ValueError(f"every limit needs at least one call in a window longer than nothing: {list(limits)}")
        self._windows = [(window, deque[float](maxlen=most)) for most, window in limits]
        self._clock, self._sleep = clock, sleep
        self._lock = Lock()
        self._closed_until = 0.0

    def acquire(self, deadline_s: float | None = None) -> float:
        """Wait until one more call is allowed.

        Args:
            deadline_s: the longest the caller would wait; None waits as long as it takes.

        Returns:
            Seconds waited.

        Raises:
            TimeoutError: it would take longer than ``deadline_s``; nothing was booked, and nothing waited for.
        """
        with self._lock:
            now = self._clock()
            full = (times[0] + window for window, times in self._windows if len(times) == times.maxlen)
            start = max([now, self._closed_until, *full])
            if deadline_s is not None and start - now > deadline_s:
                raise TimeoutError(f"The next call is allowed in {start - now:.1f} s, which is too late.")
            for _, times in self._windows:
                times.append(start)
        if start > now:
            self._sleep(start - now)
        return start - now

    def hold(self, seconds: float) -> None:
        """Let nothing more through for so long, as after a 429; calls already booked still go."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock() + seconds)


class Backoff:
    """How long to wait before the next try: doubling from ``first_s`` up to ``most_s``, each shortened by chance.

    Args:
        first_s: seconds before the second try.
        most_s: never longer.
        jitter: the most by which a wait is shortened, as a fraction of it; 0 keeps it exact.
        rng: where the chance comes from.

    Raises:
        ValueError: not 0 < first_s <= most_s, or not 0 <= jitter < 1.
    """

    def __init__(self, first_s: float, most_s: float, jitter: float, rng: random.Random) -> None:
        if not (0 < first_s <= most_s and 0 <= jitter < 1):
            raise ValueError(f"a back-off needs 0 < first <= most and 0 <= jitter < 1: {first_s}, {most_s}, {jitter}")
        self._first, self._most, self._jitter, self._rng = first_s, most_s, jitter, rng
        self._next = first_s

    def next(self) -> float:
        """Seconds to wait now; the next will be twice as long."""
        wait = self._next * (1.0 - self._jitter * self._rng.random())
        self._next = min(self._next * 2, self._most)
        return wait

    def reset(self) -> None:
        """It worked: begin again with the shortest wait."""
        self._next = self._first
