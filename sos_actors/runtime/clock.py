"""The only place that asks the machine what time it is, and the clocks made of it."""

from __future__ import annotations

import time
from collections.abc import Callable
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


def utc_text() -> str:
    """Now as ISO text in UTC, to the second: ``2026-01-16T10:05:00Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def indian_day(ts: int) -> date:
    """The date in India at a moment in UnixNanos."""
    return date(1970, 1, 1) + timedelta(days=(ts // NANOS_PER_SECOND + IST_OFFSET_S) // 86_400)
