"""Longer bars from one-minute bars, anchored at the session's open; a hole in the minutes stays a hole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import compiled
from sos_actors.messages.market import BarSeries
from sos_actors.types import NANOS_PER_MINUTE


@compiled
def _roll_up(bucket: NDArray[np.int64], minute: NDArray[np.float64], out: NDArray[np.float64]) -> int:
    """Fold rows of equal ``bucket`` (open, high, low, close, volume, oi; axis 1 is time); returns how many came out."""
    count = 0
    for i in range(bucket.shape[0]):
        if i > 0 and bucket[i] == bucket[i - 1]:
            out[1, count - 1] = max(out[1, count - 1], minute[1, i])
            out[2, count - 1] = min(out[2, count - 1], minute[2, i])
            out[3, count - 1] = minute[3, i]
            out[4, count - 1] += minute[4, i]
            out[5, count - 1] = minute[5, i]
            continue
        for row in range(6):  # by hand: assigning a slice compiles seconds of shape checks
            out[row, count] = minute[row, i]
        count += 1
    return count


def bucket_opens(ts: NDArray[np.int64], session_opens: NDArray[np.int64], minutes: int) -> NDArray[np.int64]:
    """The open time of the longer bar that each one-minute bar belongs to.

    Args:
        ts: int64 (n,), UnixNanos, opens of one-minute bars.
        session_opens: int64 (n,), UnixNanos, open of the session each belongs to.
        minutes: length of the longer bar.
    """
    length = minutes * NANOS_PER_MINUTE
    opens: NDArray[np.int64] = session_opens + (ts - session_opens) // length * length
    return opens


def roll_up(bars: BarSeries, session_opens: NDArray[np.int64], minutes: int) -> BarSeries:
    """Bars of ``minutes`` length from one-minute bars; the volume of a bar is unknown when a minute's is."""
    if minutes == 1 or not len(bars):
        return bars
    opens = bucket_opens(bars.ts, session_opens, minutes)
    rows = np.stack([bars.open, bars.high, bars.low, bars.close, bars.volume, bars.oi])
    out = np.empty_like(rows)
    count = _roll_up(opens, rows, out)
    first = np.ones(len(opens), np.bool_)
    first[1:] = opens[1:] != opens[:-1]
    return BarSeries(opens[first], *(out[row, :count].copy() for row in range(6)))


def closes(ts: NDArray[np.int64], session_closes: NDArray[np.int64], minutes: int) -> NDArray[np.int64]:
    """When bars that opened at ``ts`` close: after their length, or with the session if that is sooner."""
    ends: NDArray[np.int64] = np.minimum(ts + minutes * NANOS_PER_MINUTE, session_closes)
    return ends
