"""What a ring is made of and what it gives out: the memory of a slot, a batch, the counts. Used by ``ring.py``."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SLOT = np.dtype(
    {
        "names": ["sequence", "symbol", "ts_event", "price", "received_ns", "published_ns"],
        "formats": [np.int64, np.int64, np.int64, np.float64, np.int64, np.int64],
        "itemsize": 64,  # a cache line
    }
)
"""One slot; ``sequence`` is written last and says which event the slot holds (0: none yet)."""
SLOT_BYTES, SLOT_WORDS = SLOT.itemsize, SLOT.itemsize // 8
TICK, TICK_AT = struct.Struct("=qqdqq"), 8
TICK_SLOT = struct.Struct("=8xqqd32x")
QUOTE, QUOTE_AT = struct.Struct("=qd"), 16
TIMES, TIMES_AT = struct.Struct("=qq"), 32
TIMES_WORDS = slice(4, 7)
"""How the fields are written, and where in the slot: all but the sequence; a whole slot as its tick is read; ts_event
and price; the two times. The word behind them is never written, and stands as 0 in the times of a batch."""


class Aside(NamedTuple):
    """An event of the consumer's own that found no room: read right after sequence ``after``."""

    after: int
    event: object
    received_ns: int
    published_ns: int


@dataclass(frozen=True, slots=True)
class RingCounts:
    """What went through a ring so far.

    Attributes:
        published: events and ticks that were taken and have a place of their own.
        ticks: of them, ticks.
        conflated: ticks that overwrote an unread one of their symbol and have no place of their own.
        waited: publications that found the ring full.
        overflowed: of them, the consumer's own, which went to the list beside the ring.
        refused: publications after the ring was closed; they are lost.
        most_behind: most unread slots the consumer ever found.
    """

    published: int
    ticks: int
    conflated: int
    waited: int
    overflowed: int
    refused: int
    most_behind: int


@dataclass(slots=True)
class Batch:
    """What the consumer reads at once, oldest first. Not frozen only because that would double its cost.

    Attributes:
        n: how many.
        events: the objects; a tick is a ``Tick``.
        times: int64 (n, 3), contiguous: the two below, and when the event was done with, for a consumer that says so
            (``done``); 0 means with the batch.
    """

    n: int
    events: list[object]
    times: NDArray[np.int64]

    @property
    def received_ns(self) -> NDArray[np.int64]:
        """int64 (n,), ``monotonic_ns`` at which its cause reached the process; 0 where unknown."""
        return self.times[:, 0]

    @property
    def published_ns(self) -> NDArray[np.int64]:
        """int64 (n,), ``monotonic_ns`` of the publication; of a conflated tick, the first one's."""
        return self.times[:, 1]

    def done(self, numbers: int | slice, at_ns: int) -> None:
        """These events have been done with at ``at_ns`` (``monotonic_ns``), before the rest of the batch."""
        self.times[numbers, 2] = at_ns

    def cause_ns(self, number: int) -> int:
        """When the cause of an event reached the process; where that is unknown, when it was published."""
        return int(self.times.item(number, 0)) or int(self.times.item(number, 1))
