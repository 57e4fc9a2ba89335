"""One trading day of one segment, and the rows that say which hours hold when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sos_actors.market import tables
from sos_actors.types import NANOS_PER_MINUTE, Segment, UnixNanos

TABLE = "sessions.toml"

Minutes = tuple[tuple[int, int], ...]
"""Half-open intervals in minutes after midnight IST."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The ordinary hours of some groups from a date on; minutes after midnight IST."""

    start: date
    groups: frozenset[str]
    intervals: Minutes
    continuous_until: int


@dataclass(frozen=True, slots=True)
class SpecialSession:
    """A day whose hours differ, or on which a weekend or holiday has a session.

    Attributes:
        day: the date.
        occasion: why, for messages.
        intervals: minutes after midnight IST; None means the ordinary hours, an empty tuple that no table knows them.
        muhurat: an evening session on a holiday; contracts do not expire on such a day.
    """

    day: date
    occasion: str
    intervals: Minutes | None = None
    muhurat: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day of one segment.

    Attributes:
        day: the date.
        segment: INDEX, EQ or FO.
        intervals: half-open UnixNanos intervals in which bars open, oldest first; a drill day has two.
        continuous_close_ns: when continuous trading ends, which square-off counts from. Equal to ``close_ns`` but for
            INDEX since 3 August 2026: its bars go on to 15:30 while the stocks sit in the closing auction from 15:15.
        occasion: what makes the day special; empty on an ordinary day.
    """

    day: date
    segment: Segment
    intervals: tuple[tuple[int, int], ...]
    continuous_close_ns: UnixNanos
    occasion: str = ""

    @property
    def open_ns(self) -> UnixNanos:
        """When the first bar opens."""
        return UnixNanos(self.intervals[0][0])

    @property
    def close_ns(self) -> UnixNanos:
        """When the last bar closes."""
        return UnixNanos(self.intervals[-1][1])

    @property
    def minutes(self) -> int:
        """How many one-minute bars the day has."""
        return sum(close - start for start, close in self.intervals) // NANOS_PER_MINUTE

    def square_off_ns(self, minutes: int = 10) -> UnixNanos:
        """When open positions are closed, ``minutes`` before the end of continuous trading."""
        return UnixNanos(self.continuous_close_ns - minutes * NANOS_PER_MINUTE)

    def last_entry_ns(self, minutes: int = 30) -> UnixNanos:
        """When new entries stop, ``minutes`` before the end of continuous trading."""
        return UnixNanos(self.continuous_close_ns - minutes * NANOS_PER_MINUTE)

    def bar_opens(self) -> NDArray[np.int64]:
        """The open times of all bars: int64 (minutes,), UnixNanos."""
        return np.concatenate([np.arange(start, close, NANOS_PER_MINUTE) for start, close in self.intervals])


def load() -> tuple[tuple[Hours, ...], tuple[SpecialSession, ...]]:
    """Read the ordinary hours and the special days of the package's table."""
    rows = tables.read(TABLE)
    return tuple(_hours(row) for row in rows["hours"]), tuple(_special(row) for row in rows["special"])


def _hours(row: dict[str, Any]) -> Hours:
    close = _minute(row["close"])
    until = _minute(row["continuous_until"]) if "continuous_until" in row else close
    return Hours(row["from"], frozenset(row["groups"]), ((_minute(row["open"]), close),), until)


def _special(row: dict[str, Any]) -> SpecialSession:
    intervals = {
        "regular": None,
        "unknown": (),
        "special": tuple((_minute(start), _minute(close)) for start, close in row.get("intervals", ())),
    }[row["hours"]]
    return SpecialSession(row["day"], row["occasion"], intervals, row.get("muhurat", False))


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute
