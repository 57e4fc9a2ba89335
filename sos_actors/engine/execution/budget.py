"""How many requests that change orders may be sent: sliding windows on clock time, with a part kept for exits."""

from __future__ import annotations

import math
from collections import deque

from sos_actors.config.running import Orders
from sos_actors.types import NANOS_PER_SECOND

FIRST_BACKOFF_S = 0.5
MOST_BACKOFF_S = 16.0


class RequestBudget:
    """Counts placing, modifying and cancelling together, as the exchange and the broker do.

    A request that was sent in the window counts until the window has passed it by completely. The clock may be set
    back: then time stands still here until it has caught up.

    Args:
        limits: pairs of (most requests, in so many seconds of the clock).
        kept_for_exits: the fraction of each that only exits may use; entries have at least one each unless it is 1.
    """

    def __init__(self, limits: list[tuple[int, float]], kept_for_exits: float) -> None:
        self._windows = [(most, int(seconds * NANOS_PER_SECOND), deque[int]()) for most, seconds in limits]
        self._kept = kept_for_exits
        self._now = self._closed_until = 0
        self._backoff_s = FIRST_BACKOFF_S

    @classmethod
    def of(cls, config: Orders) -> RequestBudget:
        """The budget of the settings: a second, a minute, half an hour."""
        limits = [
            (config.requests_per_second, 1.0),
            (config.requests_per_minute, 60.0),
            (config.requests_per_half_hour, 1800.0),
        ]
        return cls(limits, config.kept_for_exits)

    def take(self, now: int, *, exit_class: bool) -> bool:
        """Use one request, if there is one.

        Args:
            now: UnixNanos.
            exit_class: an exit, or something that stands in an exit's way.

        Returns:
            Whether it may be sent; if so it counts.
        """
        self._now = now = max(self._now, now)
        if now < self._closed_until:
            return False
        for most, length, times in self._windows:
            while times and times[0] + length <= now:
                times.popleft()
            if len(times) >= (most if exit_class else self._for_entries(most)):
                return False
        for _, _, times in self._windows:
            times.append(now)
        return True

    def note(self, at: int) -> None:
        """A request was sent at a moment, UnixNanos, by an earlier run; to be told in the order of their times."""
        for most, _, times in self._windows:
            times.append(at)
            while len(times) > most:
                times.popleft()

    def refused(self, now: int, retry_after_s: float = 0.0) -> None:
        """The broker says it was too much: nothing is sent for a while, longer each time."""
        wait = max(self._backoff_s, retry_after_s)
        self._closed_until = max(self._closed_until, now + int(wait * NANOS_PER_SECOND))
        self._backoff_s = min(self._backoff_s * 2, MOST_BACKOFF_S)

    def answered(self) -> None:
        """The broker took a request: the next back-off begins small again."""
        self._backoff_s = FIRST_BACKOFF_S

    def _for_entries(self, most: int) -> int:
        if self._kept >= 1:
            return 0
        return max(most - math.ceil(most * self._kept - 1e-9), 1)
