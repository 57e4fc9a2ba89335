"""Repeated warnings become one line and a count: a vendor that is down must not fill the log.

Pure but for the counter of seconds it is given; the log's thread is its only user.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

MOST_FOLDED = 500
"""Different warnings counted at a time; further ones are written as they come."""


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the log.

    Attributes:
        market_ns: the market's clock; UnixNanos, as ``wall_ns``.
        level: as in logging.
        who: the logger's name.
        trace: the traceback; empty when there is none.
        again: how often it was said again without being written; 0 for a line that stands for itself.
    """

    market_ns: int
    wall_ns: int
    level: int
    who: str
    thread: str
    text: str
    trace: str = ""
    again: int = 0
    within_s: float = 0.0

    @property
    def whole(self) -> str:
        """The text, and for what was folded how often."""
        if not self.again:
            return self.text
        span = "minute" if self.within_s == 60 else f"{self.within_s:g} s"
        return f"{self.text} ... {self.again} more in the last {span}"


@dataclass(slots=True)
class _Count:
    until: float
    last: Said
    again: int = 0


class Folding:
    """Writes a warning or error the first time, and counts it for a while.

    Args:
        span_s: for how long.
        seconds: a counter of real seconds.
    """

    def __init__(self, span_s: float, seconds: Callable[[], float] = time.monotonic) -> None:
        self._span_s = span_s
        self._seconds = seconds
        self._counts: dict[tuple[int, str, str], _Count] = {}

    def take(self, said: Said) -> list[Said]:
        """What to write now that ``said`` was said: counts that are over, and the line itself unless it is folded."""
        lines = self.over()
        if said.level < logging.WARNING:
            return [*lines, said]
        key = (said.level, said.who, said.text)
        count = self._counts.get(key)
        if count is not None:
            count.again += 1
            count.last = said
            return lines
        if len(self._counts) < MOST_FOLDED:
            self._counts[key] = _Count(self._seconds() + self._span_s, said)
        return [*lines, said]

    def over(self) -> list[Said]:
        """The counts whose time is over; a warning that goes on is counted further."""
        now = self._seconds()
        lines = []
        for key, count in [*self._counts.items()]:
            if count.until <= now:
                del self._counts[key]
                if count.again:
                    lines.append(self._told(count))
                    self._counts[key] = _Count(now + self._span_s, count.last)
        return lines

    def end(self) -> list[Said]:
        """Every count, whether its time is over or not."""
        lines = [self._told(count) for count in self._counts.values() if count.again]
        self._counts.clear()
        return lines

    def _told(self, count: _Count) -> Said:
        return replace(count.last, trace="", again=count.again, within_s=self._span_s)
