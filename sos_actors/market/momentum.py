"""How strongly a stock moves, from one screener row: 0 nothing happens, 100 everything does, whichever the way."""

from __future__ import annotations

import math


def momentum_score(
    relative_volume: float | None,
    adx: float | None,
    change: float | None,
    change_from_open: float | None,
    atr_percent: float | None,
    macd: float | None,
) -> float | None:
    """The sum of six bounded parts, each linear from nothing to its full points and never falling.

    ==================  ======  ==========  =========  =====================================================
    part                points  nothing at  full at    of what
    ==================  ======  ==========  =========  =====================================================
    relative_volume         30  1.0         5.0        times the ten-day average
    change                  20  0.0         5.0        size of the move since the previous close, percent
    change_from_open        20  0.0         3.0        the same since the open, percent; only the way of
                                                       ``change``: a gap that is being filled has none
    adx                     15  15.0        40.0       strength of the trend, daily
    atr_percent             10  0.5         4.0        daily average true range, percent of the close
    macd                     5  otherwise   same sign  whether the five-minute MACD goes the way of ``change``
    ==================  ======  ==========  =========  =====================================================

    A falling stock scores as its mirror image does: signs matter only against each other. Where ``change`` is zero
    there is no way to go, and neither ``change_from_open`` nor ``macd`` counts.

    Args:
        relative_volume: volume today over the average of the last ten days.
        adx: 0-100.
        change: percent against the previous close.
        change_from_open: percent since today's open.
        atr_percent: percent of the close.
        macd: rupees; only its sign counts, for its size grows with the price.

    Returns:
        0.0 to 100.0; None when one of the six is unknown (None or NaN).
    """
    if relative_volume is None or adx is None or change is None:
        return None
    if change_from_open is None or atr_percent is None or macd is None:
        return None
    if any(map(math.isnan, (relative_volume, adx, change, change_from_open, atr_percent, macd))):
        return None
    way = (change > 0) - (change < 0)
    return (
        30.0 * _ramp(relative_volume, 1.0, 5.0)
        + 20.0 * _ramp(abs(change), 0.0, 5.0)
        + 20.0 * (_ramp(change_from_open * way, 0.0, 3.0) if way else 0.0)
        + 15.0 * _ramp(adx, 15.0, 40.0)
        + 10.0 * _ramp(atr_percent, 0.5, 4.0)
        + (5.0 if way and math.copysign(1.0, macd) == way and macd != 0 else 0.0)
    )


def _ramp(value: float, nothing: float, full: float) -> float:
    """0 up to ``nothing``, 1 from ``full`` on, straight between."""
    return min(max((value - nothing) / (full - nothing), 0.0), 1.0)
