"""Single expressions in the compiled interpreter: values at the edges, what is unknown, what is never looked at."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sos_actors.strategy.assembler import REGIME_CODE
from sos_actors.strategy.matcher import Matcher, unknown_surroundings
from sos_actors.strategy.program import compile_strategies
from sos_actors.strategy.tree import SENTIMENT_FIELDS
from sos_actors.types import Regime, SmartTrend
from tests.strategy.patterns import closes, phase, strategy
from tests.strategy.places import bits


def value(source: str, *prices: float) -> float | None:
    """The expression on the last of the bars, None when it fails."""
    matcher = Matcher(compile_strategies((strategy(phase(), entry=source),)))
    bars = closes(*(prices or (10.0, 12.0)))
    matches = matcher.extend(bars, np.zeros(len(bars), np.int64), unknown_surroundings(len(bars)))
    last = [float(match["entry"]) for match in matches if match["bar"] == len(bars) - 1]
    assert len(last) + (matcher.progress.errors.sum() > 0) >= 1
    return last[0] if last else None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("close + open * 2 - high / 2", 25.5),
        ("ceil(-0.5)", 0.0),
        ("floor(-0.0)", 0.0),
        ("floor(1e15 * 1e15 * 1e3)", 1e15 * 1e15 * 1e3),
        ("-0.0", -0.0),
        ("round(-0.4)", -0.0),
        ("1e15 ** 2 // 1e-9", 1e30 // 1e-9),
        ("max(0.0, -0.0)", 0.0),
        ("min(-0.0, 0.0)", -0.0),
        ("3 and 0.0 or 7", 7.0),
        ("not 0", 1.0),
        ("True + (close > open)", 2.0),
        ("1 if close > open else 1 / 0", 1.0),
        ("close > open or 1 / 0", 1.0),
        ("close < open and 1 / 0", 0.0),
        ("1 < 2 < 1 < 1 / 0", 0.0),
        ("close in [1, 12.0]", 1.0),
        ("prev_candle.close", 10.0),
        ("sentiment.regime == 'UNKNOWN'", 1.0),
        ("screener.rvol", 0.0),
        ("exp(log(2)) - 2", math.exp(math.log(2)) - 2),
    ],
)
def test_an_expression_has_the_value_python_gives_it(source: str, expected: float) -> None:
    found = value(source)
    assert found is not None
    assert bits(found) == bits(expected)


@pytest.mark.parametrize(
    "source",
    ["1 / 0", "1 // 0", "1 % 0.0", "0 ** -1", "2 ** 65", "(-8) ** 0.5", "1e15 ** 64", "log(0)", "sqrt(-1)", "exp(1000)",
     "floor(1e15 ** 20 * 1e15 ** 20)", "sentiment.pcr", "oi", "prev_day_close()", "sentiment.smart_trend == 'Neutral'"],
)  # fmt: skip
def test_an_expression_without_a_value_fails(source: str) -> None:
    assert value(source) is None


def test_on_the_first_bar_the_previous_one_is_the_bar_itself() -> None:
    assert value("prev_candle.close", 10.0) == 10.0
    assert value("crosses_above(close, 5)", 10.0) == 0.0
    matcher = Matcher(compile_strategies((strategy(phase("close == prev_candle.close")),)))
    matcher.columns[:] = -1.0
    assert len(matcher.extend(closes(10.0), np.zeros(1, np.int64), unknown_surroundings(1))) == 1


def test_each_bar_sees_its_own_sentiment() -> None:
    sentiment = np.full((2, len(SENTIMENT_FIELDS)), np.nan)
    sentiment[:, SENTIMENT_FIELDS.index("smart_trend")] = SmartTrend.LONG_BUILDUP, SmartTrend.NEUTRAL
    sentiment[:, -1] = REGIME_CODE + Regime.BULLISH, REGIME_CODE + Regime.BEARISH
    around = unknown_surroundings(4)._replace(sentiment_row=np.array([-1, 0, 1, 0]), sentiment=sentiment)
    for condition, bars in (
        ("sentiment.smart_trend == 'Long Buildup'", [1, 3]),
        ("sentiment.smart_trend not in ['Long Buildup', 'Short Covering']", [2]),
        ("sentiment.regime != 'BEARISH'", [0, 1, 3]),
    ):
        matcher = Matcher(compile_strategies((strategy(phase(condition)),)))
        matches = matcher.extend(closes(1, 2, 3, 4), np.zeros(4, np.int64), around)
        assert matches["bar"].tolist() == bars, condition
