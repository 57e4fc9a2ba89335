"""What the simulated vendors were asked: counts by path and the last requests. Neither headers nor query values."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

KEPT = 1000
MOST_PATHS = 500
"""Different paths counted one by one a vendor; more are counted together as OTHER_PATHS."""
OTHER_PATHS = "(others)"


class AnsweredRequest(NamedTuple):
    """One request; ``status`` 0 when its answer was withheld, ``at`` the simulated moment, UnixNanos."""

    at: int
    vendor: str
    method: str
    path: str
    status: int


@dataclass(slots=True)
class RequestLog:
    """The last requests and how many there were. Used by one event loop only."""

    _last: deque[AnsweredRequest] = field(default_factory=lambda: deque(maxlen=KEPT))
    _counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, request: AnsweredRequest, route: str) -> None:
        """Note a request.

        Args:
            request: what was asked and answered.
            route: the path it is counted under, with places instead of values: ``/v2/order/{id}``.
        """
        self._last.append(request)
        counts = self._counts.setdefault(request.vendor, Counter())
        counts[route if route in counts or len(counts) < MOST_PATHS else OTHER_PATHS] += 1

    def last(self, most: int = KEPT) -> list[AnsweredRequest]:
        """The newest requests, oldest first."""
        return list(self._last)[-most:] if most > 0 else []

    def counts(self) -> dict[str, dict[str, int]]:
        """How many requests by vendor and route, since the start."""
        return {vendor: dict(counts) for vendor, counts in self._counts.items()}

    def total(self) -> int:
        """All requests since the start."""
        return sum(counts.total() for counts in self._counts.values())
