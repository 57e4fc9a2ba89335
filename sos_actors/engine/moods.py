"""What a symbol's bars are seen with: the last sentiments and screener rows it was told of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.strategy.assembler import REGIME_CODE
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.surroundings import screener_values, sentiment_values, without_levels
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS
from sos_actors.types import Regime

REMEMBERED = 8
"""Sentiments kept: a bar may reach the engine after a sentiment that was not known yet when it closed."""


class Told(NamedTuple):
    """A fact as numbers: when it was known, its values, and a sentiment's total open interest (NaN unknown)."""

    ts: int
    values: NDArray[np.float64]
    total_oi: float = np.nan


class Sight(NamedTuple):
    """What one bar is seen with; None where nothing is known."""

    sentiment: NDArray[np.float64] | None
    regime: int
    screener: NDArray[np.float64] | None


class Mood:
    """The last sentiments and the last screener rows of one symbol.

    Args:
        stale_ns: how old a sentiment may be before it counts as unknown.
    """

    def __init__(self, stale_ns: int) -> None:
        self._stale_ns = stale_ns
        self._sentiments: list[Told] = []
        self._screener: list[Told] = []

    def hear(self, fact: Sentiment | ScreenerAlert, *, lent: bool = False) -> None:
        """Add to what is known; what arrives out of order is too late.

        Args:
            fact: what was said.
            lent: it was said of another symbol, so its price levels mean nothing here.
        """
        if isinstance(fact, ScreenerAlert):
            _remember(self._screener, Told(int(fact.ts_event), screener_values(fact)))
            return
        values = sentiment_values(fact)
        known = fact.total_oi is not None and not lent
        oi = float(fact.total_oi) if known and fact.total_oi is not None else np.nan
        _remember(self._sentiments, Told(int(fact.ts_event), without_levels(values) if lent else values, oi))

    def recall(self, ts: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """What was known before anybody listened; what was heard since, and is newer, stays.

        Args:
            ts: int64 (n,), not decreasing.
            values: float64 (n, 12).
        """
        last = int(ts[-1]) if len(ts) else -1
        newer = [told for told in self._sentiments if told.ts > last]
        older = [Told(int(at), row.copy()) for at, row in zip(ts[-REMEMBERED:], values[-REMEMBERED:], strict=True)]
        self._sentiments = [*older, *newer][-REMEMBERED:]

    def forget_sentiment(self) -> None:
        """Nothing is known any more: what was heard was another symbol's."""
        self._sentiments = []

    def look(self, moment: int) -> Sight:
        """What a bar that closes at ``moment`` is seen with."""
        row = _in_force(self._sentiments, moment)
        alert = _in_force(self._screener, moment)
        screener = alert.values if alert is not None else None
        if row is None or moment - row.ts > self._stale_ns:
            return Sight(None, int(Regime.UNKNOWN), screener)
        return Sight(row.values, int(row.values[-1] - REGIME_CODE), screener)

    def total_oi(self, moment: int) -> float:
        """The options' open interest in force at a moment; NaN unknown."""
        row = _in_force(self._sentiments, moment)
        return np.nan if row is None or moment - row.ts > self._stale_ns else row.total_oi


def _remember(rows: list[Told], told: Told) -> None:
    if rows and told.ts < rows[-1].ts:
        return
    rows.append(told)
    if len(rows) > REMEMBERED:
        del rows[0]


def _in_force(rows: list[Told], moment: int) -> Told | None:
    for told in reversed(rows):
        if told.ts <= moment:
            return told
    return None


def together(sights: list[Sight]) -> Surroundings:
    """Several bars' sights as one, a row a bar."""
    n = len(sights)
    sentiment = np.empty((n, len(SENTIMENT_FIELDS)))
    screener = np.empty((n, len(SCREENER_FIELDS)))
    sentiment_row, screener_row = np.full(n, -1), np.full(n, -1)
    regime = np.empty(n, np.int64)
    for j, sight in enumerate(sights):
        regime[j] = sight.regime
        if sight.sentiment is not None:
            sentiment[j], sentiment_row[j] = sight.sentiment, j
        if sight.screener is not None:
            screener[j], screener_row[j] = sight.screener, j
    return Surroundings(sentiment_row, sentiment, regime, screener_row, screener)
