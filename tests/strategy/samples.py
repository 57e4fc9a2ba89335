"""Bars for tests of the strategy language: seeded random walks and small hand-made series."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from sos_actors.strategy.reference import History, ReferenceBar
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND

FIRST_OPEN_S = 1_768_189_500
"""Monday 12 January 2026, 09:15 in India."""
DAY_NS = 86_400 * NANOS_PER_SECOND


def bar(index: int, close: float, *, spread: float = 1.0, volume: float = 100.0, session: int = 0,
        open_: float | None = None) -> ReferenceBar:  # fmt: skip
    """A bar of the ``index``-th minute of a session, ``spread`` above and below its close."""
    ts = FIRST_OPEN_S * NANOS_PER_SECOND + index * NANOS_PER_MINUTE + session * DAY_NS
    start = close if open_ is None else open_
    high, low = max(close, start) + spread, min(close, start) - spread
    return ReferenceBar(ts, start, high, low, close, volume, math.nan, session)


def walk(n: int, seed: int, *, per_session: int = 60, volume: bool = True) -> list[ReferenceBar]:
    """A random walk over several sessions."""
    generator = random.Random(seed)
    price = 25_600.0
    bars = []
    for i in range(n):
        start, price = price, price + generator.gauss(0.0, 8.0)
        traded = float(generator.randrange(0, 2_000)) if volume else math.nan
        session, index = divmod(i, per_session)
        bars.append(bar(index, round(price, 2), spread=abs(generator.gauss(0, 3)), volume=traded,
                        session=session, open_=round(start, 2)))  # fmt: skip
    return bars


def history(bars: Sequence[ReferenceBar]) -> History:
    """A history that holds these bars."""
    held = History()
    for one in bars:
        held.append(one)
    return held
