"""What comes of building minutes: closed bars, corrections, gaps, and counts of what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sos_actors.messages.market import BarClosed


class Gap(NamedTuple):
    """Minutes of a symbol that nobody told us of: open times of the first and the last of them, UnixNanos."""

    symbol: str
    first: int
    last: int


class Minutes(NamedTuple):
    """What a quote or the time has brought.

    Attributes:
        closed: bars to act on, oldest first; each minute of a symbol once in a run.
        corrections: the exchange's candles of minutes for which a bar made of ticks has stood in; for the record.
        gaps: what is missing before one of the closed bars.
    """

    closed: list[BarClosed]
    corrections: list[BarClosed]
    gaps: list[Gap]


NOTHING = Minutes([], [], [])


@dataclass(slots=True)
class MinuteCounts:
    """What was left out or stood in, since the builder was made.

    Attributes:
        duplicates: quotes that say once more what is known of the last trade.
        steps_back: quotes of an older trade than one before.
        outside: minutes outside the session.
        odd: candles whose prices contradict each other or that end in the future, and trades of the future.
        provisional: bars made of ticks.
    """

    duplicates: int = 0
    steps_back: int = 0
    outside: int = 0
    odd: int = 0
    provisional: int = 0
