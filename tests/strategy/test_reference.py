"""The reference evaluator and machine: meanings of names, functions and operators, and how a pattern advances."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.messages.market import ScreenerAlert, Sentiment
from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.parser import parse_expression
from sos_actors.strategy.reference import (
    EvaluationError,
    Evaluator,
    History,
    ReferenceBar,
    ReferenceMachine,
    Surrounding,
    evaluate_expression,
)
from sos_actors.strategy.tree import RegimeSettings, Strategy
from sos_actors.types import Regime, SmartTrend, UnixNanos
from tests.strategy.samples import bar, history, walk

CLOSES = (10.0, 12.0, 11.0, 15.0, 14.0)
FIVE = [bar(i, close) for i, close in enumerate(CLOSES)]
SENTIMENT = Sentiment(UnixNanos(0), "NIFTY", Regime.BULLISH, pcr=1.2, smart_trend=SmartTrend.LONG_BUILDUP)
SCREENER = ScreenerAlert(UnixNanos(0), "NIFTY", "ADD", rvol=2.5)


def value(source: str, bars: list[ReferenceBar] | None = None, **around: Any) -> object:
    expression = parse_expression(source)
    return evaluate_expression(expression, history(FIVE if bars is None else bars), Surrounding(**around))


def failure(source: str, bars: list[ReferenceBar] | None = None, **around: Any) -> str:
    result = value(source, bars, **around)
    assert isinstance(result, EvaluationError), result
    return str(result)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("close", 14.0),
        ("prev_candle.close", 15.0),
        ("candle.getHigh() - candle.low", 2.0),
        ("candle.range", 2.0),
        ("candle.body", 0.0),
        ("high_wick(candle) + low_wick(candle)", 2.0),
        ("timestamp", 1_768_189_500.0 + 240.0),
        ("moving_avg(history, 3, 'close')", 40.0 / 3.0),
        ("moving_avg(history, 50, 'close')", 62.0 / 5.0),
        ("highest(history, 3, 'close')", 15.0),
        ("min(history, 4, 'low')", 10.0),
        ("stdev(history, 5, 'close')", statistics.stdev(CLOSES)),
        ("stdev(history, 1, 'close')", 0.0),
        ("ema(history, 1, 'close')", 14.0),
        ("ema(history, 3, 'close')", ((((10 + 12) / 2 + 11) / 2 + 15) / 2 + 14) / 2),
        ("bb_upper(history, 20)", 0.0),
        ("bb_upper(history, 5, 2)", 12.4 + 2 * statistics.stdev(CLOSES)),
        ("bb_lower(history, 5, 2)", 12.4 - 2 * statistics.stdev(CLOSES)),
        ("rsi(history, 14)", 50.0),
        ("rsi(history, 4)", 100 - 100 / (1 + 6 / 2)),
        ("rsi(history, 1)", 0.0),
        ("atr(history, 2)", (5.0 + 2.0) / 2),
        ("atr", (2.0 + 3.0 + 2.0 + 5.0 + 2.0) / 5),
        ("vwap(history)", 12.4),
        ("day_open() + day_high() + day_low()", 10.0 + 16.0 + 9.0),
        ("time_is_between(timestamp, '09:19', '09:19')", True),
        ("time_is_between(timestamp, '09:15', '09:18')", False),
        ("time_is_between(prev_candle.timestamp, '9:15', '9:18')", True),
        ("crosses_above(close, 14.5)", False),
        ("crosses_below(close, 14.5)", True),
        ("round(25613, -2)", 25600.0),
        ("round(2.5)", 2.0),
        ("7 // 2 * 10 + -7 % 4", 31.0),
        ("-7 // 2", -4.0),
        ("2 ** -1", 0.5),
        ("(close > 1) + (close > 2)", 2.0),
        ("(close > 1) ** 2 / (close > 2)", 1.0),
        ("close and 3", 3.0),
        ("0 or close", 14.0),
        ("not close", False),
        ("1 < close < 14", False),
        ("close in [13, 14]", True),
        ("close not in [13, 14]", False),
        ("1 if close > 20 else 2", 2.0),
        ("max(1, close, 3) + min(1, close)", 15.0),
        ("floor(-1.5) + ceil(1.2) + abs(-3) + sqrt(4) + log(1) + exp(0)", 6.0),
        ("0 > 1 and 1 / 0 > 1", False),
    ],
)
def test_an_expression_has_the_value_the_language_gives_it(source: str, expected: float | bool) -> None:
    result = value(source)
    assert result == pytest.approx(expected)
    assert isinstance(result, bool) is isinstance(expected, bool)


@pytest.mark.parametrize(
    "source",
    [
        "1 / 0", "1 // (close - close)", "1 % 0", "2 ** 65", "0 ** -1", "(-8) ** 0.5", "(10 ** 15) ** 64", "sqrt(-1)",
        "log(0)", "exp(1000)", "floor(exp(700) * exp(700))", "vars.missing", "sentiment.pcr", "sentiment.smart_trend",
        "oi > 0", "sma(history, 3, 'oi')", "prev_day_close()",
    ],
)  # fmt: skip
def test_an_expression_without_a_value_is_an_error(source: str) -> None:
    failure(source)


def test_one_failure_does_not_silence_later_evaluations() -> None:
    evaluator = Evaluator(history(FIVE))
    for _ in range(3):
        with pytest.raises(EvaluationError, match="division"):
            evaluator.evaluate("1 / 0", Surrounding())
        assert evaluator.evaluate("close > 1", Surrounding()) is True


def test_context_values_come_from_their_families() -> None:
    around: dict[str, Any] = {
        "captures": {"hi": 3.0, "trend": "Neutral"}, "sentiment": SENTIMENT, "screener": SCREENER,
        "settings": RegimeSettings(tp_mult=2.0), "execution": {"entry": 7.0},
    }  # fmt: skip
    assert value("vars.hi + var.hi", **around) == 6.0
    assert value("sentiment.pcr", **around) == 1.2
    assert value("sentiment.smart_trend in ['Neutral', 'Long Buildup']", **around) is True
    assert value("sentiment.regime == 'BULLISH'", **around) is True
    assert value("vars.screener.rvol + screener.adx", **around) == 2.5
    assert value("tp_mult + regime.tp + regime.buffer_atr", **around) == 4.5
    assert value("regime.allow_entry", **around) is True


def test_without_sentiment_the_regime_is_unknown_and_the_screener_is_zero() -> None:
    assert value("sentiment.regime == 'UNKNOWN'") is True
    assert value("screener.rvol") == 0.0


def test_sessions_separate_day_figures_and_a_skipped_session_has_no_previous_day() -> None:
    bars = [bar(0, 10), bar(1, 20), bar(0, 30, session=1)]
    assert value("prev_day_close()", bars) == 20.0
    assert value("prev_day_high() - prev_day_low()", bars) == 12.0
    assert value("day_low()", bars) == 29.0
    assert value("vwap(history)", bars) == 30.0
    failure("prev_day_close()", [bar(0, 10), bar(0, 30, session=2)])


def test_vwap_is_the_close_without_trades_and_unknown_without_volumes() -> None:
    assert value("vwap(history)", [bar(0, 10, volume=0.0)]) == 10.0
    failure("vwap(history)", [bar(0, 10, volume=math.nan), bar(1, 10, volume=5.0)])


def test_on_the_first_bar_the_previous_candle_is_the_bar_itself() -> None:
    assert value("prev_candle.close", FIVE[:1]) == 10.0
    assert value("crosses_above(close, 9)", FIVE[:1]) is False


def test_a_crossing_shifts_windows_by_one_bar() -> None:
    bars = walk(120, 3)
    held = History()
    evaluator = Evaluator(held)
    means, closes, crossings = [], [], []
    for one in bars:
        held.append(one)
        means.append(evaluator.evaluate("sma(history, 5, 'close')", Surrounding()))
        closes.append(one.close)
        crossings.append(evaluator.evaluate("crosses_above(close, sma(history, 5, 'close'))", Surrounding()))
    expected = [False] + [closes[i - 1] <= means[i - 1] and closes[i] > means[i] for i in range(1, 120)]  # type: ignore[operator]
    assert crossings == expected
    assert any(crossings)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(1, 250), st.sampled_from(["high", "close", "range", "body_size", "atr"]))
def test_a_mean_lies_between_the_extremes_of_its_window(n: int, bars: int, field: str) -> None:
    held = history(walk(bars, n))
    low, mean, high = (held.column(bars - 1, name, n, field, 0.0) for name in ("lowest", "sma", "highest"))
    assert low <= mean + 1e-6
    assert mean <= high + 1e-6


def machine(phases: list[dict[str, Any]], **changes: Any) -> ReferenceMachine:
    document = {
        "pattern_id": "P", "phases": phases, "regime_config": changes.pop("regimes", {}),
        "execution": {"side": "BUY", "entry": "close", "sl": "low", "tp": "entry + risk * tp_mult"} | changes,
    }  # fmt: skip
    loaded = load_bytes(json.dumps(document).encode(), "f.json")
    strategy = loaded.strategy
    assert isinstance(strategy, Strategy), loaded.findings
    return ReferenceMachine(strategy)


def run(pattern: ReferenceMachine, closes: list[float], **kwargs: Any) -> list[int]:
    """The phase after each bar, -1 where the pattern fired."""
    return [-1 if pattern.step(bar(i, c), **kwargs) else pattern.phase for i, c in enumerate(closes)]


UP_THEN_BREAK: list[dict[str, Any]] = [
    {"id": "UP", "conditions": ["close > 10"], "capture": {"hi": "high", "double": "vars.hi * 2"}},
    {"id": "BREAK", "conditions": ["close > vars.hi"], "timeout": 2},
]


def test_a_pattern_passes_one_phase_a_bar_and_fires_in_the_last() -> None:
    pattern = machine(UP_THEN_BREAK)
    assert run(pattern, [9, 11, 13]) == [0, 1, -1]
    assert pattern.captures == {}


def test_the_signal_carries_prices_risk_and_the_regimes_settings() -> None:
    pattern = machine(UP_THEN_BREAK, regimes={"BULLISH": {"tp_mult": 3.0, "quantity_mod": 1.5}})
    pattern.step(bar(0, 11))
    signal = pattern.step(bar(1, 13), SENTIMENT)
    assert signal is not None
    assert (signal.bar, signal.regime, signal.entry, signal.stop, signal.target, signal.quantity_mod) == (
        1, Regime.BULLISH, 13.0, 12.0, 16.0, 1.5,
    )  # fmt: skip


def test_a_phase_times_out_and_forgets_its_variables() -> None:
    pattern = machine(UP_THEN_BREAK)
    assert run(pattern, [11, 5]) == [1, 1]
    assert pattern.captures == {"hi": 12.0, "double": 24.0}
    assert run(pattern, [5]) == [0]
    assert pattern.captures == {}
    assert pattern.record is not None
    assert pattern.record.timed_out


def test_a_regime_without_entry_holds_the_first_phase_only() -> None:
    pattern = machine(UP_THEN_BREAK, regimes={"BEARISH": {"allow_entry": False}})
    assert run(pattern, [11, 11], regime=Regime.BEARISH) == [0, 0]
    pattern.step(bar(0, 11), regime=Regime.BULLISH)
    assert pattern.step(bar(1, 13), regime=Regime.BEARISH) is not None


def test_a_failing_capture_leaves_none_behind_and_counts_as_not_matched() -> None:
    capture = {"a": "close", "b": "1 / (close - close)"}
    pattern = machine([{"id": "A", "conditions": ["seen = close"], "capture": capture}])
    assert run(pattern, [11]) == [0]
    assert pattern.captures == {"seen": 11.0}
    assert pattern.errors == {"phases[0].capture.b": 1}


def test_an_assignment_condition_stores_at_once_and_counts_as_true() -> None:
    pattern = machine([{"id": "A", "conditions": ["x = close - 11", "x > 5"]}])
    assert run(pattern, [11, 20]) == [0, -1]


def test_a_failing_condition_is_false_and_counted() -> None:
    pattern = machine([{"id": "A", "conditions": ["1 / (close - 11) > 0"]}])
    assert run(pattern, [11, 12]) == [0, -1]
    assert pattern.errors == {"phases[0].conditions[0]": 1}


def test_a_failing_execution_gives_no_signal_and_starts_over() -> None:
    pattern = machine(UP_THEN_BREAK, tp="entry / (close - 13)")
    assert run(pattern, [11, 13, 11, 14]) == [1, 0, 1, -1]
    assert pattern.errors == {"execution.tp": 1}


def test_a_capture_that_is_not_finite_is_an_error() -> None:
    pattern = machine([{"id": "A", "conditions": [], "capture": {"x": "exp(700) * exp(700)"}}])
    assert run(pattern, [11]) == [0]
    assert pattern.errors == {"phases[0].capture.x": 1}


def test_the_same_bars_give_the_same_records() -> None:
    def records() -> list[object]:
        pattern = machine(UP_THEN_BREAK)
        return [(pattern.step(one, SENTIMENT), pattern.record) for one in walk(80, 5)]

    assert records() == records()
