"""Turns sentiment and screener rows into the numbers that the kernel reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.strategy.assembler import REGIME_CODE
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS
from sos_actors.types import Regime, SmartTrend

PRICE_LEVELS = ("oi_wall_above", "oi_wall_below", "max_pain")
"""Fields of a sentiment that are prices of its own underlying: beside another's price they mean nothing."""


def sentiment_values(sentiment: Sentiment) -> NDArray[np.float64]:
    """float64 (12,) in the order of SENTIMENT_FIELDS, NaN where unknown."""
    values = np.full(len(SENTIMENT_FIELDS), np.nan)
    for column, name in enumerate(SENTIMENT_FIELDS):
        if name == "smart_trend":
            known = sentiment.smart_trend is not SmartTrend.UNKNOWN
            values[column] = float(sentiment.smart_trend) if known else np.nan
        elif name == "regime":
            values[column] = REGIME_CODE + sentiment.regime
        else:
            value = getattr(sentiment, name)
            values[column] = np.nan if value is None else value
    return values


def without_levels(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sentiment float64 (..., 12) as another symbol may see it: a copy in which the price levels are unknown."""
    lent = values.copy()
    lent[..., [SENTIMENT_FIELDS.index(name) for name in PRICE_LEVELS]] = np.nan
    return lent


def screener_values(alert: ScreenerAlert) -> NDArray[np.float64]:
    """float64 (7,) in the order of SCREENER_FIELDS."""
    return np.array([float(getattr(alert, name)) for name in SCREENER_FIELDS])


def rows_in_force(known_at: NDArray[np.int64], moments: NDArray[np.int64], stale_ns: int) -> NDArray[np.int64]:
    """For each moment the last row known by then, -1 when there is none or it is older than ``stale_ns``.

    Args:
        known_at: int64 (n,), UnixNanos, not decreasing.
        moments: int64 (m,), UnixNanos.
        stale_ns: how old a row may be.
    """
    rows = np.searchsorted(known_at, moments, side="right") - 1
    if len(known_at):
        rows[(rows >= 0) & (moments - known_at[rows] > stale_ns)] = -1
    return rows


def surroundings(
    moments: NDArray[np.int64],
    sentiment_known_at: NDArray[np.int64],
    sentiment: NDArray[np.float64],
    screener_known_at: NDArray[np.int64],
    screener: NDArray[np.float64],
    stale_ns: int,
) -> Surroundings:
    """What bars that close at ``moments`` are seen with; stale sentiment is unknown, the screener's row stays.

    Args:
        moments: int64 (m,), closes of the bars.
        sentiment_known_at: int64 (n,).
        sentiment: float64 (n, 12).
        screener_known_at: int64 (k,).
        screener: float64 (k, 7).
        stale_ns: how old a sentiment may be.
    """
    rows = rows_in_force(sentiment_known_at, moments, stale_ns)
    regime = np.full(len(moments), int(Regime.UNKNOWN))
    known = rows >= 0
    regime[known] = (sentiment[rows[known], -1] - REGIME_CODE).astype(np.int64)
    forever = np.iinfo(np.int64).max
    return Surroundings(rows, sentiment, regime, rows_in_force(screener_known_at, moments, forever), screener)
