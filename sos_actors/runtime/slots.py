"""What a ring is made of and what it gives out: the memory of a slot, a batch, the counts. Used by ``ring.py``."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.messages.market import Tick, Ticks
from sos_actors.types import UnixNanos

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
        n: how many slots.
        events: the objects; a tick is a ``Tick``, several that follow one another are one ``Ticks``.
        times: int64 (n, 3), contiguous: the two below, and when the event was done with, for a consumer that says so
            (``done``); 0 means with the batch.
        starts: which slot each event begins at; empty where every event has one slot.
    """

    n: int
    events: list[object]
    times: NDArray[np.int64]
    starts: Sequence[int] = ()

    @property
    def received_ns(self) -> NDArray[np.int64]:
        """int64 (n,), ``monotonic_ns`` at which its cause reached the process; 0 where unknown."""
        return self.times[:, 0]

    @property
    def published_ns(self) -> NDArray[np.int64]:
        """int64 (n,), ``monotonic_ns`` of the publication; of a conflated tick, the first one's."""
        return self.times[:, 1]

    def done(self, number: int, at_ns: int, count: int = 1) -> None:
        """So many events from one on have been done with at ``at_ns`` (``monotonic_ns``), before the rest."""
        end = number + count
        if self.starts:
            number, end = self.starts[number], self.starts[end] if end < len(self.starts) else self.n
        self.times[number:end, 2] = at_ns

    def cause_ns(self, number: int) -> int:
        """When the cause of an event reached the process; where that is unknown, when it was published."""
        row = self.starts[number] if self.starts else number
        return int(self.times.item(row, 0)) or int(self.times.item(row, 1))


def with_ticks(
    events: Sequence[object], mark: object, slots: memoryview, symbols: Sequence[str]
) -> tuple[list[object], list[int]]:
    """A batch's events with its ticks among them, those that follow one another as one; and where each one begins.

    Args:
        events: of each slot; ``mark`` where it holds a tick.
        mark: stands for a tick.
        slots: their memory.
        symbols: names by number.
    """
    figures: list[tuple[int, int, float]] = list(TICK_SLOT.iter_unpack(slots))
    found: list[object] = []
    starts: list[int] = []
    at = 0
    while at < len(events):
        begin = at
        while at < len(events) and events[at] is mark:
            at += 1
        starts.append(begin)
        if at - begin > 1:
            numbers, times, prices = zip(*figures[begin:at], strict=True)
            found.append(Ticks(times[-1], tuple([symbols[number] for number in numbers]), times, prices))
        elif at > begin:
            number, ts_event, price = figures[begin]
            found.append(Tick(UnixNanos(ts_event), symbols[number], price))
        else:
            found.append(events[at])
            at += 1
    return found, starts
