"""Validation: strategies that load but can never fire, read what is not there, or can't make money."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sos_actors.app.strategy_files import validate_paths
from sos_actors.strategy.decidable import constant, contradiction
from sos_actors.strategy.findings import Severity
from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.parser import parse_expression
from sos_actors.strategy.validate import validate_strategy

Found = list[tuple[str, str]]


def document(phases: list[dict[str, Any]], side: str = "BUY", **execution: str) -> dict[str, Any]:
    prices = {"side": side, "entry": "close", "sl": "vars.stop", "tp": "vars.target"} | execution
    return {"pattern_id": "P", "phases": phases, "execution": prices}


def phase(*conditions: str, **capture: str) -> dict[str, Any]:
    return {"id": f"P{len(conditions)}{len(capture)}", "conditions": list(conditions), "capture": capture}


PRICES = {"stop": "lowest(history, 5, 'low')", "target": "prev_day_high()"}


def findings(file: dict[str, Any]) -> Found:
    loaded = load_bytes(json.dumps(file).encode(), "f.json")
    assert loaded.strategy is not None, loaded.findings
    return [(f.severity.value, f.json_path) for f in validate_strategy(loaded.strategy)]


def test_a_sound_strategy_has_no_findings() -> None:
    assert findings(document([phase("close > open", **PRICES), phase("close > vars.stop")])) == []


def test_a_capture_used_before_it_is_made_is_an_error() -> None:
    file = document([phase("close > vars.hi"), phase("close > open", hi="high", **PRICES)])
    assert findings(file) == [("error", "$.phases[0].conditions[0]")]


def test_a_capture_used_in_the_conditions_of_its_own_phase_is_an_error() -> None:
    file = document([phase("close > vars.hi", hi="high", **PRICES)])
    assert findings(file) == [("error", "$.phases[0].conditions[0]")]


def test_a_capture_may_use_one_made_before_it_in_the_same_phase() -> None:
    assert findings(document([phase("close > open", hi="high", double="vars.hi * 2", **PRICES)])) == []
    file = document([phase("close > open", double="vars.hi * 2", hi="high", **PRICES)])
    assert findings(file) == [("error", "$.phases[0].capture.double")]


def test_a_capture_made_nowhere_is_an_error_with_the_nearest_name() -> None:
    file = document([phase("close > open", target="high", stop_level="low")])
    loaded = load_bytes(json.dumps(file).encode(), "f.json")
    assert loaded.strategy is not None
    (finding,) = validate_strategy(loaded.strategy)
    assert (finding.json_path, finding.suggestion, finding.column) == ("$.execution.sl", "vars.stop_level", 5)


def test_a_text_capture_used_before_it_is_made_loads_as_a_text() -> None:
    file = document([phase("vars.t in ['Neutral']"), phase("close > open", t="sentiment.smart_trend", **PRICES)])
    assert findings(file) == [("error", "$.phases[0].conditions[0]")]


def test_an_assignment_that_follows_its_use_in_the_phase_is_a_warning() -> None:
    file = document([phase("close > open or vars.hi > close", "hi = high", **PRICES)])
    assert findings(file) == [("warning", "$.phases[0].conditions[0]")]


@pytest.mark.parametrize("condition", ["1 > 2", "False", "close > close", "close > open and 0", "not (1 < 2)"])
def test_a_condition_that_is_never_true_is_an_error(condition: str) -> None:
    file = document([phase("close > open", **PRICES), phase(condition)])
    assert findings(file) == [("error", "$.phases[1].conditions[0]")]


def test_a_condition_that_is_always_true_is_a_warning() -> None:
    assert findings(document([phase("1 < 2", **PRICES)])) == [("warning", "$.phases[0].conditions[0]")]


@pytest.mark.parametrize(
    "conditions",
    [
        ("rsi(history) > 70", "rsi(history) < 30"),
        ("rsi(history) > 70", "70 >= rsi(history)"),
        ("time_is_between(timestamp, '09:15', '09:30')", "time_is_between(timestamp, '10:00', '11:00')"),
        ("close > open", "not close > open"),
        ("sentiment.pcr == 1", "sentiment.pcr > 1"),
    ],
)
def test_conditions_that_contradict_each_other_make_the_phase_unreachable(conditions: tuple[str, ...]) -> None:
    assert findings(document([phase(*conditions, **PRICES)])) == [("error", "$.phases[0]")]


@pytest.mark.parametrize(
    ("side", "execution", "path"),
    [
        ("BUY", {"sl": "close"}, "sl"),
        ("BUY", {"sl": "entry"}, "sl"),
        ("BUY", {"sl": "high"}, "sl"),
        ("BUY", {"sl": "entry + 0.5 * atr"}, "sl"),
        ("BUY", {"entry": "100", "sl": "101", "tp": "120"}, "sl"),
        ("SELL", {"sl": "low"}, "sl"),
        ("SELL", {"sl": "close - candle.range * buffer_atr"}, "sl"),
        ("BUY", {"tp": "entry"}, "tp"),
        ("BUY", {"tp": "entry - risk * tp_mult"}, "tp"),
        ("SELL", {"tp": "close + 2 * risk"}, "tp"),
        ("BUY", {"entry": "close > open"}, "entry"),
    ],
)
def test_prices_that_cannot_give_a_positive_risk_and_gain_are_errors(
    side: str, execution: dict[str, str], path: str
) -> None:
    found = findings(document([phase("close > open", **PRICES)], side, **execution))
    assert [one for one in found if one[0] == "error"] == [("error", f"$.execution.{path}")]


@pytest.mark.parametrize(
    ("side", "execution"),
    [
        ("BUY", {"sl": "low", "tp": "entry + (entry - sl) * tp_mult"}),
        ("BUY", {"sl": "entry - atr * buffer_atr", "tp": "entry + risk * tp_mult"}),
        ("SELL", {"sl": "high", "tp": "entry - 2 * risk"}),
        ("BUY", {"sl": "prev_candle.high"}),
        ("BUY", {"sl": "low - log(close)"}),
    ],
)
def test_prices_that_may_be_right_are_left_alone(side: str, execution: dict[str, str]) -> None:
    assert findings(document([phase("close > open", **PRICES)], side, **execution)) == []


@pytest.mark.parametrize("entry", ["high + 5", "(high + low) / 2", "100"])
def test_an_entry_that_is_not_the_close_is_a_warning_since_nothing_waits_for_its_price(entry: str) -> None:
    assert findings(document([phase("close > open", **PRICES)], entry=entry)) == [("warning", "$.execution.entry")]
    assert findings(document([phase("close > open", **PRICES)], entry="candle.close")) == []


@pytest.mark.parametrize(
    ("symbol", "suggestion"),
    [("NIFTTY", "NIFTY"), ("bank nifty", "BANKNIFTY"), ("NSE:RELIANC", "RELIANCE"), ("NSE|EQ|NIFTY", "NIFTY")],
)
def test_a_symbol_spelled_almost_like_a_known_one_is_a_warning_with_that_one(symbol: str, suggestion: str) -> None:
    file = document([phase("close > open", **PRICES)]) | {"symbols": ["NIFTY", symbol]}
    strategy = load_bytes(json.dumps(file).encode(), "f.json").strategy
    assert strategy is not None
    (finding,) = validate_strategy(strategy)
    assert (finding.severity, finding.json_path, finding.suggestion) == (Severity.WARNING, "$.symbols[1]", suggestion)


def test_known_symbols_and_a_users_own_are_left_alone() -> None:
    symbols = ["nifty", "NSE|INDEX|BANKNIFTY", "FINNIFTY", "NSE:RELIANCE", "ACME", "TATASTEEL"]
    assert findings(document([phase("close > open", **PRICES)]) | {"symbols": symbols}) == []


def test_a_refused_file_is_checked_as_far_as_it_could_be_read(tmp_path: Path) -> None:
    file = document(
        [phase("clsoe > open", "1 > 2", "at = hgih", **PRICES | {"top": "lwo"}), phase("close > vars.top + vars.at")],
        sl="high + 10", tp="entry +",
    )  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(file), encoding="utf-8")
    (refused,) = validate_paths([tmp_path]).files
    assert refused.strategy is None
    first = "$.phases[0]"
    assert [error.json_path for error in refused.errors] == [
        f"{first}.conditions[0]", f"{first}.conditions[2]", f"{first}.capture.top", "$.execution.tp",
        f"{first}.conditions[1]", "$.execution.sl",
    ]  # fmt: skip


@pytest.mark.parametrize("broken", [{"phases": []}, {"phases": [[]]}, {"execution": {}}, {"execution": {"side": "UP"}}])
def test_what_is_missing_from_a_file_is_told_once(broken: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(document([phase("close > open", **PRICES)]) | broken), encoding="utf-8")
    (refused,) = validate_paths([tmp_path]).files
    assert refused.errors
    assert len({error.json_path + error.message for error in refused.errors}) == len(refused.errors)
    assert not any("captured" in error.message or "positive" in error.message for error in refused.errors)


def test_volume_on_indices_only_is_a_warning() -> None:
    file = document([phase("volume > prev_candle.volume", "close > vwap(history)", **PRICES)])
    assert findings(file) == []
    assert findings(file | {"symbols": ["NIFTY", "RELIANCE"]}) == []
    assert findings(file | {"symbols": ["NIFTY", "NSE|INDEX|BANKNIFTY"]}) == [
        ("warning", "$.phases[0].conditions[0]"), ("warning", "$.phases[0].conditions[1]"),
    ]  # fmt: skip


def test_regimes_that_never_allow_entry_are_a_warning() -> None:
    names = "COMPLETE_BULLISH BULLISH SIDEWAYS_BULLISH SIDEWAYS SIDEWAYS_BEARISH BEARISH COMPLETE_BEARISH UNKNOWN"
    file = document([phase("close > open", **PRICES)])
    file["regime_config"] = {name: {"allow_entry": False} for name in names.split()}
    assert findings(file) == [("warning", "$.regime_config")]


def test_validate_paths_checks_every_file_and_keeps_warnings_apart(tmp_path: Path) -> None:
    good = document([phase("1 < 2", **PRICES)])
    (tmp_path / "a.json").write_text("[]", encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(good), encoding="utf-8")
    result = validate_paths([tmp_path, tmp_path / "b.json"])
    assert [[f.severity for f in file.findings] for file in result.files] == [[Severity.ERROR], [Severity.WARNING]]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("2 ** 10 - 24", 1000.0),
        ("7 // 2 + 7 % 4", 6.0),
        ("max(1, 3, 2) if 1 else close", 3.0),
        ("round(25613, -2)", 25600.0),
        ("close or 1", 1.0),
        ("'a' == 'a'", 1.0),
        ("1 / 0", None),
        ("sqrt(-1)", None),
        ("close + 1", None),
    ],
)
def test_constants_are_folded_and_failures_are_not(source: str, value: float | None) -> None:
    assert constant(parse_expression(source).root) == value


def test_bounds_that_leave_room_are_no_contradiction() -> None:
    roots = [parse_expression(s).root for s in ("close >= 5", "close <= 5", "open > 7", "sentiment.pcr != 1")]
    assert not contradiction(roots)
