"""The compiled loops behind ``chain``: sums, walls, max pain and look-backs over sorted columns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import compiled

PRICE_THRESHOLD = 0.0005
"""Fraction: below it the price stands still. NIFTY moves 0.03 % in a median quarter of an hour (18 Aug 2026)."""
OI_THRESHOLD = 0.005
"""Fraction: below it the open interest stands still. NIFTY's moves 0.9 % in a median quarter of an hour (same day)."""
_LONG_BUILDUP, _SHORT_BUILDUP, _SHORT_COVERING, _LONG_UNWINDING, _NEUTRAL = 1, 2, 3, 4, 5


@compiled
def known_sum(values: NDArray[np.float64]) -> float:
    """Sum of what is known, in order; NaN when nothing is."""
    total, known = 0.0, False
    for value in values:
        if not math.isnan(value):
            total += value
            known = True
    return total if known else math.nan


@compiled
def wall_above(strike: NDArray[np.float64], ce_oi: NDArray[np.float64], spot: float) -> float:
    """The strike above ``spot`` with the largest call OI, the nearest of equals; NaN when there is none."""
    wall, largest = math.nan, 0.0
    for i in range(len(strike)):
        if strike[i] > spot and ce_oi[i] > largest:
            wall, largest = strike[i], ce_oi[i]
    return wall


@compiled
def wall_below(strike: NDArray[np.float64], pe_oi: NDArray[np.float64], spot: float) -> float:
    """The strike below ``spot`` with the largest put OI, the nearest of equals; NaN when there is none."""
    wall, largest = math.nan, 0.0
    for i in range(len(strike) - 1, -1, -1):
        if strike[i] < spot and pe_oi[i] > largest:
            wall, largest = strike[i], pe_oi[i]
    return wall


@compiled
def max_pain(strike: NDArray[np.float64], ce_oi: NDArray[np.float64], pe_oi: NDArray[np.float64]) -> float:
    """The strike K with the least ``sum(ce_oi * max(0, K - k) + pe_oi * max(0, k - K))``, the lowest of equals.

    The sum is convex in K, with slope (call OI at or below K) - (put OI above K): the first strike where that is not
    negative is the least, found in one pass and without multiplying. NaN without open interest.
    """
    slope, held = 0.0, False
    for i in range(len(strike)):
        if pe_oi[i] > 0.0:
            slope -= pe_oi[i]
        held = held or pe_oi[i] > 0.0 or ce_oi[i] > 0.0
    for i in range(len(strike)):
        if ce_oi[i] > 0.0:
            slope += ce_oi[i]
        if pe_oi[i] > 0.0:
            slope += pe_oi[i]
        if held and slope >= 0.0:
            return float(strike[i])
    return float(strike[len(strike) - 1]) if held else math.nan


@compiled
def measure_rows(
    offsets: NDArray[np.int64],
    strike: NDArray[np.float64],
    ce_oi: NDArray[np.float64],
    pe_oi: NDArray[np.float64],
    ce_oi_change: NDArray[np.float64],
    pe_oi_change: NDArray[np.float64],
    spot: NDArray[np.float64],
) -> NDArray[np.float64]:
    """float64 (7, n): pcr, wall above, wall below, max pain, call OI change, put OI change, total OI."""
    measures = np.full((7, len(spot)), np.nan)
    for i in range(len(spot)):
        first, last = offsets[i], offsets[i + 1]
        calls, puts = known_sum(ce_oi[first:last]), known_sum(pe_oi[first:last])
        if calls > 0.0:
            measures[0, i] = puts / calls
        measures[1, i] = wall_above(strike[first:last], ce_oi[first:last], spot[i])
        measures[2, i] = wall_below(strike[first:last], pe_oi[first:last], spot[i])
        measures[3, i] = max_pain(strike[first:last], ce_oi[first:last], pe_oi[first:last])
        measures[4, i] = known_sum(ce_oi_change[first:last])
        measures[5, i] = known_sum(pe_oi_change[first:last])
        measures[6, i] = calls + puts
    return measures


@compiled
def lookback(ts: NDArray[np.int64], window_ns: int) -> NDArray[np.int64]:
    """For each row the row to compare with: the latest at least 0.8 windows older; itself where there is none.

    0.8, because snapshots meant to be a window apart come a few seconds early; a row more than two windows older is
    on the other side of a gap and no comparison.
    """
    before = np.empty(len(ts), np.int64)
    candidate = 0
    for i in range(len(ts)):
        while candidate < i and (ts[i] - ts[candidate + 1]) * 5 >= window_ns * 4:
            candidate += 1
        age = ts[i] - ts[candidate]
        before[i] = candidate if age * 5 >= window_ns * 4 and age <= 2 * window_ns else i
    return before


@compiled
def trend_code(price_change: float, oi_change: float) -> int:
    """``SmartTrend`` as an integer; both changes are fractions over the same time, NaN gives UNKNOWN."""
    if math.isnan(price_change) or math.isnan(oi_change):
        return 0
    if abs(price_change) < PRICE_THRESHOLD or abs(oi_change) < OI_THRESHOLD:
        return _NEUTRAL
    if price_change > 0.0:
        return _LONG_BUILDUP if oi_change > 0.0 else _SHORT_COVERING
    return _SHORT_BUILDUP if oi_change > 0.0 else _LONG_UNWINDING


@compiled
def smart_trends(price: NDArray[np.float64], oi: NDArray[np.float64], before: NDArray[np.int64]) -> NDArray[np.int8]:
    """``SmartTrend`` of every row against row ``before[i]``; UNKNOWN where that is the row itself or a value is."""
    trends = np.zeros(len(price), np.int8)
    for i in range(len(price)):
        j = before[i]
        if j != i and price[j] > 0.0 and oi[j] > 0.0:
            trends[i] = trend_code(price[i] / price[j] - 1.0, oi[i] / oi[j] - 1.0)
    return trends
