"""Explanations: each bar says where the pattern stood, what it asked and why it went on or not."""

from __future__ import annotations

import copy
import json
from typing import Any

from sos_actors.strategy.explain import explain, render
from sos_actors.strategy.load import load_bytes
from sos_actors.types import Regime
from tests.strategy.samples import bar

DOCUMENT: dict[str, Any] = {
    "pattern_id": "P",
    "regime_config": {"BEARISH": {"allow_entry": False}},
    "phases": [
        {
            "id": "UP",
            "conditions": ["close > moving_avg(history, 3, 'close')", "volume > 50"],
            "capture": {"hi": "high"},
        },
        {"id": "BREAK", "conditions": ["close > vars.hi and 1 / (close - 12) > 0"], "timeout": 3},
    ],
    "execution": {"side": "BUY", "entry": "close", "sl": "low", "tp": "entry + 2 * risk"},
}


def lines(closes: list[float], regimes: list[Regime] | None = None, last: str | None = None) -> list[str]:
    document = copy.deepcopy(DOCUMENT)
    if last is not None:
        document["phases"][1]["conditions"] = [last]
    strategy = load_bytes(json.dumps(document).encode(), "f.json").strategy
    assert strategy is not None
    bars = [bar(i, close) for i, close in enumerate(closes)]
    return render(explain(strategy, bars, regimes=regimes or []))


def test_a_false_condition_shows_what_its_operands_were() -> None:
    assert lines([10]) == [
        "2026-01-12 09:15-09:16 UP [UNKNOWN]",
        "    false close > moving_avg(history, 3, 'close')   | close=10  moving_avg(history, 3, 'close')=10",
    ]


def test_a_passed_phase_shows_its_captures_and_a_trigger_its_prices() -> None:
    shown = lines([10, 11, 14])
    assert "    set   hi = high = 12   | high=12" in shown
    assert "    -> BREAK with hi=12" in shown
    assert "    TRIGGER: entry 14, sl 13, tp 16" in shown
    assert "    set   tp = entry + 2 * risk = 16   | entry=14  risk=1" in shown


def test_a_failed_condition_says_why_and_a_time_out_is_told() -> None:
    shown = lines([10, 11, 12, 12, 12], last="1 / (close - 12) > 0 and close > vars.hi")
    assert any(line.startswith("    error 1 / (close - 12) > 0") and "division by zero" in line for line in shown)
    assert shown[-1] == "    timed out after 3 bars: back to UP"
    assert "2026-01-12 09:17-09:18 BREAK, 1/3 bars [UNKNOWN]" in shown


def test_a_bar_shows_when_it_closed_as_given_or_a_timeframe_after_it_opened() -> None:
    strategy = load_bytes(json.dumps(DOCUMENT | {"timeframe": "5m"}).encode(), "f.json").strategy
    assert strategy is not None
    (given,) = explain(strategy, [bar(0, 10)], moments=[bar(2, 10).ts])
    (derived,) = explain(strategy, [bar(0, 10)])
    assert given.lines()[0].startswith("2026-01-12 09:15-09:17 UP")
    assert derived.lines()[0].startswith("2026-01-12 09:15-09:20 UP")


def test_a_regime_that_blocks_entry_is_told() -> None:
    assert lines([10], [Regime.BEARISH]) == ["2026-01-12 09:15-09:16 UP [BEARISH]: the regime allows no entry"]
