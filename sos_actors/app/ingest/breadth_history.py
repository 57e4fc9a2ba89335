"""Advances and declines of past sessions, counted over the NIFTY 50's own candles. Fetches and stores nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.ingest.chain_history import last_known
from sos_actors.messages.market import BarSeries
from sos_actors.store.columns import StatsColumns
from sos_actors.types import NANOS_PER_MINUTE

LEAST_SHARE = 0.8
"""Of the members whose candles must be known; with fewer the breadth is unknown."""


def breadth_of(members: Mapping[str, BarSeries], opens: NDArray[np.int64], start: int, size: int) -> StatsColumns:
    """Counts at the close of every minute of one session; empty when too few members are known.

    A member stands at its last trade of the day, before that at its previous close. One without candles of the
    session before has no previous close and is not counted.

    Args:
        members: name -> one-minute bars, those of the session before included.
        opens: int64 (n_minutes,), UnixNanos at which the session's minutes open.
        start: midnight in India, UnixNanos.
        size: how many members the index has.
    """
    change = [_change(bars, opens, start) for bars in members.values()]
    known = [column for column in change if column is not None]
    if not len(opens) or len(known) < LEAST_SHARE * size:
        return StatsColumns.empty()
    table = np.stack(known)
    advances, declines = (table > 0.0).sum(axis=0), (table < 0.0).sum(axis=0)
    known_at = opens + NANOS_PER_MINUTE
    return StatsColumns.of(known_at, advances=advances.astype(np.float64), declines=declines.astype(np.float64))


def _change(bars: BarSeries, opens: NDArray[np.int64], start: int) -> NDArray[np.float64] | None:
    first = int(np.searchsorted(bars.ts, start))
    if first == 0 or first == len(bars):
        return None
    last = last_known(bars[slice(first, None)], opens, bars.close[first:])
    return np.nan_to_num(last - float(bars.close[first - 1]), nan=0.0)
