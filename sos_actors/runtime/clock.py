"""The only place that asks the machine what time it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sos_actors.types import UnixNanos


def wall_time() -> UnixNanos:
    """Now, UnixNanos."""
    return UnixNanos(time.time_ns())


def utc_text() -> str:
    """Now as ISO text in UTC, to the second: ``2026-01-16T10:05:00Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
