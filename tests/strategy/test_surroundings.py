"""Sentiment and screener rows as numbers, and which of them a bar is seen with."""

from __future__ import annotations

import math

import numpy as np

from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.strategy.assembler import REGIME_CODE
from sos_actors.strategy.surroundings import rows_in_force, screener_values, sentiment_values, surroundings
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS
from sos_actors.types import Regime, SmartTrend, UnixNanos


def sentiment(regime: Regime, pcr: float | None = None, trend: SmartTrend = SmartTrend.UNKNOWN) -> Sentiment:
    return Sentiment(UnixNanos(0), "NIFTY", regime, pcr, advances=30.0, declines=20.0, smart_trend=trend)


def test_a_sentiment_is_its_fields_in_order_with_nan_for_unknown() -> None:
    values = dict(zip(SENTIMENT_FIELDS, sentiment_values(sentiment(Regime.BULLISH, 1.25)), strict=True))
    assert values["pcr"] == 1.25
    assert values["breadth_ratio"] == 1.5
    assert values["regime"] == REGIME_CODE + Regime.BULLISH
    assert math.isnan(values["smart_trend"])
    assert math.isnan(values["max_pain"])


def test_a_smart_trend_is_its_number() -> None:
    values = sentiment_values(sentiment(Regime.UNKNOWN, trend=SmartTrend.SHORT_COVERING))
    assert values[SENTIMENT_FIELDS.index("smart_trend")] == SmartTrend.SHORT_COVERING


def test_a_screener_row_is_its_fields_in_order() -> None:
    alert = ScreenerAlert(UnixNanos(0), "RELIANCE", "ADD", rvol=2.0, change=-1.5)
    values = dict(zip(SCREENER_FIELDS, screener_values(alert), strict=True))
    assert values == dict.fromkeys(SCREENER_FIELDS, 0.0) | {"rvol": 2.0, "change": -1.5}


def test_a_row_is_in_force_from_the_moment_it_is_known_until_it_is_stale() -> None:
    known_at, moments = np.array([100, 200]), np.array([99, 100, 150, 199, 200, 250, 251])
    assert rows_in_force(known_at, moments, 50).tolist() == [-1, 0, 0, -1, 1, 1, -1]


def test_of_rows_known_at_the_same_moment_the_last_counts() -> None:
    assert rows_in_force(np.array([100, 100]), np.array([100]), 50).tolist() == [1]


def test_without_rows_nothing_is_in_force() -> None:
    assert rows_in_force(np.empty(0, np.int64), np.array([1, 2]), 50).tolist() == [-1, -1]


def test_a_stale_sentiment_makes_the_regime_unknown_while_the_screener_row_stays() -> None:
    moods = np.stack([sentiment_values(sentiment(Regime.BEARISH))])
    rows = np.ones((1, len(SCREENER_FIELDS)))
    seen = surroundings(np.array([5, 10, 60, 61]), np.array([10]), moods, np.array([10]), rows, 50)
    assert seen.sentiment_row.tolist() == [-1, 0, 0, -1]
    assert seen.regime.tolist() == [Regime.UNKNOWN, Regime.BEARISH, Regime.BEARISH, Regime.UNKNOWN]
    assert seen.screener_row.tolist() == [-1, 0, 0, 0]
