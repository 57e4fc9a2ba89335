"""When the feed says something about an instrument: a pure function of seed, instrument and minute.

Rates, pauses, repeats and steps back are those measured on real frames of 15 December 2025 and 23 January 2026.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.model_levels import generator
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment

SLOT_NS = 150_000_000
"""The real feed sends what has changed every 150 ms (142 to 160 between the frames of January 2026)."""
SLOTS_A_MINUTE = NANOS_PER_MINUTE // SLOT_NS
_SLOT_S = 0.15
_MOST_A_SECOND, _LEAST_OF_MOST = 1.5, 0.7
_INDEX_A_SECOND = 1.4
_QUIET_A_SECOND = 0.02
_REGULAR_A_SECOND = 0.3
_BUSY_DECADES = 2.2
"""A contract of 10^2.2 lots a minute is quoted as often as any; a real one of 93 lots came 1.07 times a second."""
_SHARES_A_LOT = 20
_REPEATS = (0.03, 0.13)
_BACK_CHANCE = 0.012
_BACK_FROM_SLOT = 80
_BACK_NS = 6_000_000_000
_LAG_NS = 80_000_000
_MINUTE_LAG_MS = (300, 1_000)
_KEPT = 6_000


class Update(NamedTuple):
    """One thing the feed says about one instrument.

    Attributes:
        slot: in which frame, ``SLOT_NS`` each since 1970.
        seen: the moment it describes, UnixNanos; earlier than the update's before it when it steps back.
        minute_of: the moment whose last completed minute it carries, UnixNanos.
        stir: 0 to 1023, what the resting quantities of the book differ by from those of the market.
        repeat: the same content once more.
    """

    slot: int
    seen: int
    minute_of: int
    stir: int
    repeat: bool


class FeedSchedule:
    """Updates of every instrument, minute by minute.

    Args:
        market: whose volumes say how busy an instrument is.
        seed: of the moments.
    """

    def __init__(self, market: MarketView, seed: int) -> None:
        self._market, self._seed = market, seed
        self._tempers: dict[str, tuple[float, float]] = {}
        self._volumes: OrderedDict[tuple[str, date], dict[int, float]] = OrderedDict()

    def updates(self, listing: Listing, minute: int) -> list[Update]:
        """The updates of one minute, oldest first; none outside the instrument's session.

        Args:
            minute: its start, UnixNanos.
        """
        volumes = self._minutes(listing, indian_day(minute))
        if volumes is None or not self._in_session(listing, minute):
            return []
        rng = generator(self._seed, f"feed/{listing.symbol}", minute // NANOS_PER_MINUTE)
        pace, repeating = self._temper(listing.symbol)
        slots = _slots(rng, _rate(listing, volumes.get(minute, 0.0), pace))
        repeat_chance = _REPEATS[0] + repeating * (_REPEATS[1] - _REPEATS[0])
        repeats = rng.random(len(slots)) < repeat_chance
        stirs = rng.integers(0, 1024, len(slots)).tolist()
        back = _stepping_back(rng, len(slots))
        completed = minute + int(rng.integers(*_MINUTE_LAG_MS)) * 1_000_000
        first = minute // SLOT_NS
        updates: list[Update] = []
        for number, slot in enumerate(slots.tolist()):
            if repeats[number] and updates:
                updates.append(updates[-1]._replace(slot=first + slot, repeat=True))
                continue
            sent = minute + slot * SLOT_NS
            late = _BACK_NS if number == back and slot > _BACK_FROM_SLOT else _LAG_NS
            if listing.segment is Segment.INDEX and updates and _second(sent - late) == _second(updates[-1].seen):
                continue  # an index is computed once a second
            known = sent if sent >= completed else minute - 1
            updates.append(Update(first + slot, sent - late, known, stirs[number], False))
        return updates

    def _temper(self, symbol: str) -> tuple[float, float]:
        """How lively an instrument is and how often it repeats itself, 0 to 1, the same all its life."""
        if symbol not in self._tempers:
            pace, repeating = generator(self._seed, f"feed/{symbol}").random(2).tolist()
            self._tempers[symbol] = (pace, repeating)
        return self._tempers[symbol]

    def _in_session(self, listing: Listing, minute: int) -> bool:
        session = self._market.calendar.session(indian_day(minute), listing.segment)
        return any(start <= minute < close for start, close in session.intervals)

    def _minutes(self, listing: Listing, day: date) -> dict[int, float] | None:
        """Volume of each minute with a trade; None on a day without a session of the instrument."""
        key = (listing.symbol, day)
        if key in self._volumes:
            return self._volumes[key]
        if not self._market.calendar.is_session(day):
            return None
        bars = self._market.candles(listing, day)
        volumes = self._volumes[key] = dict(zip(bars.ts.tolist(), bars.volume.tolist(), strict=True))
        if len(self._volumes) > _KEPT:
            self._volumes.popitem(last=False)
        return volumes


def _second(ts: int) -> int:
    return ts // NANOS_PER_SECOND


def _rate(listing: Listing, volume: float, temper: float) -> float:
    """Updates a second in a minute of so much volume."""
    if listing.segment is Segment.INDEX:
        return _INDEX_A_SECOND
    lots = volume / (listing.lot if listing.segment is Segment.FO else _SHARES_A_LOT)
    busy = min(math.log10(1.0 + lots) / _BUSY_DECADES, 1.0)
    return max(busy * (_LEAST_OF_MOST + temper * (_MOST_A_SECOND - _LEAST_OF_MOST)), _QUIET_A_SECOND)


def _slots(rng: np.random.Generator, rate: float) -> NDArray[np.int64]:
    """Slots of a minute in which there is an update: pauses by chance, cut where a busy book always has news."""
    mean = 1.0 / rate
    count = int(60.0 * rate * 1.6) + 12
    if rate < _REGULAR_A_SECOND:
        pauses = rng.exponential(mean, count)
    else:  # cut at 1.5 means, exponentials of 1.716 means have the mean again; as measured, one in 200 is long
        pauses = np.minimum(rng.exponential(1.716 * mean, count), 1.5 * mean)
        pauses[rng.random(count) < 0.005] *= 4.0
    pauses[0] *= rng.random()
    slots = np.unique((np.cumsum(pauses) / _SLOT_S).astype(np.int64))
    return slots[slots < SLOTS_A_MINUTE]


def _stepping_back(rng: np.random.Generator, count: int) -> int:
    """Which update of a minute is of an older moment than the one before; -1 for none."""
    chance, place = rng.random(2)
    return int(place * count) if chance < _BACK_CHANCE else -1
