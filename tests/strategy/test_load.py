"""Loading: files of both older engines, loose spellings, and findings that say where."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sos_actors.app.strategy_files import load_paths, load_strategy
from sos_actors.strategy.findings import Finding, Severity
from sos_actors.strategy.load import LoadedStrategy, load_bytes
from sos_actors.strategy.schema import schema
from sos_actors.strategy.tree import Captured, Column, Kind, OptionChoice, RegimeSettings

ORB: dict[str, Any] = {
    "pattern_id": "ORB_RETEST_LONG",
    "symbols": ["NIFTY", "BANKNIFTY"],
    "timeframe": "5m",
    "regime_config": {"BULLISH": {"tp_mult": 2.0, "quantity_mod": 1.5}, "BEARISH": {"allow_entry": False}},
    "phases": [
        {"id": "SETUP", "conditions": ["close > moving_avg(history, 20, 'close')"], "capture": {"hi": "high"}},
        {"id": "TRIGGER", "conditions": ["close > vars.hi"], "timeout": 5},
    ],
    "execution": {
        "side": "BUY", "entry": "close", "sl": "low", "tp": "entry + (entry - sl) * tp_mult",
        "option_selection": "ATM_CALL",
    },
}  # fmt: skip

JAVA: dict[str, Any] = {
    "pattern_id": "VOLUME_SPIKE_JAVA",
    "author": "desk 2",
    "symbols": "RELIANCE",
    "phases": [
        {
            "id": "SPIKE",
            "conditions": [
                "candle.getVolume() > 2 * prev_candle.getVolume() and candle.getClose() > candle.getOpen()",
                "spike_high = candle.getHigh()",
                "vars.spike_low = candle.getLow()",
            ],
            "timeout": 0,
        },
        {"id": "BREAK", "conditions": "candle.getClose() > spike_high", "timeout": 3.0},
    ],
    "execution": {"side": "Long", "entry": "candle.getClose()", "sl": "var.spike_low", "tp": "entry + 2 * risk"},
}

SCREENED: dict[str, Any] = {
    "pattern_id": "SCREENED_SHORT",
    "regime_config": {},
    "phases": [
        {
            "id": 1,
            "conditions": [
                "vars.screener.rvol > 1.5 and screener.change_from_open < 0",
                "sentiment.smart_trend in ['Short Buildup', 'Long Unwinding']",
                "time_is_between(timestamp, '09:30', '14:45')",
            ],
            "capture": {"top": "max(history, 10, 'high')", "trend": "sentiment.smart_trend"},
        },
        {"id": 2, "conditions": ["vars.trend == sentiment.smart_trend", "crosses_below(close, vars.top)"]},
    ],
    "execution": {"side": "SHORT", "entry": "close", "sl": "vars.top", "tp": "entry - risk * regime.tp",
                  "option_selection": "otm_put_2"},
}  # fmt: skip


def load(document: object) -> LoadedStrategy:
    return load_bytes(json.dumps(document).encode(), "file.json")


def changed(**changes: object) -> dict[str, Any]:
    return {**copy.deepcopy(ORB), **changes}


def with_execution(**changes: object) -> dict[str, Any]:
    return changed(execution={**ORB["execution"], **changes})


def errors(document: object) -> list[Finding]:
    return list(load(document).errors)


def test_the_file_of_the_language_page_loads_without_a_finding() -> None:
    loaded = load(ORB)
    assert loaded.findings == ()
    strategy = loaded.strategy
    assert strategy is not None
    assert (strategy.pattern_id, strategy.symbols, strategy.timeframe_minutes, strategy.side) == (
        "ORB_RETEST_LONG", ("NIFTY", "BANKNIFTY"), 5, 1,
    )  # fmt: skip
    assert strategy.regimes["BULLISH"] == RegimeSettings(True, 2.0, 1.5, 0.5)
    assert strategy.regimes["BEARISH"].allow_entry is False
    assert strategy.phases[1].timeout == 5
    assert strategy.phases[0].captures[0][0] == "hi"
    assert strategy.option == OptionChoice("ATM", 0)
    assert len(strategy.content_hash) == 64


def test_a_java_file_loads_unedited() -> None:
    loaded = load(JAVA)
    strategy = loaded.strategy
    assert strategy is not None
    assert {finding.json_path for finding in loaded.findings} == {"$.author", "$.symbols", "$.phases[1].conditions"}
    assert [condition.assigns for condition in strategy.phases[0].conditions] == [None, "spike_high", "spike_low"]
    assert strategy.phases[0].conditions[1].expression.source.strip() == "candle.getHigh()"
    (last,) = strategy.phases[1].conditions
    assert Captured("spike_high") in (last.expression.root.right,)  # type: ignore[union-attr]
    assert strategy.phases[1].timeout == 3
    assert strategy.symbols == ("RELIANCE",)
    assert strategy.timeframe_minutes == 1


def test_a_screener_file_keeps_texts_and_numbers_apart() -> None:
    strategy = load(SCREENED).strategy
    assert strategy is not None
    assert strategy.side == -1
    assert strategy.option == OptionChoice("OTM", 2)
    assert strategy.symbols == ()
    trend = strategy.phases[1].conditions[0].expression.root
    assert trend.left == Captured("trend", Kind.TEXT)  # type: ignore[union-attr]
    assert isinstance(strategy.phases[0].captures[0][1].root, Column)


@pytest.mark.parametrize("document", [ORB, JAVA, SCREENED])
def test_the_shipped_schema_accepts_what_loads(document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema()).validate(document)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"pattern_id": "x"},
        changed(phases=[]),
        changed(timeframe="2m"),
        with_execution(side="UP"),
        with_execution(entry=[]),
        with_execution(option_selection="CALL"),
        changed(phases=[{"id": "A", "conditions": [1]}]),
        changed(regime_config={"BULLISH": {"allow_entry": "yes"}}),
    ],
)
def test_schema_and_loader_refuse_the_same_structures(document: object) -> None:
    assert errors(document)
    assert not jsonschema.Draft202012Validator(schema()).is_valid(document)


@pytest.mark.parametrize(
    ("document", "path", "words"),
    [
        (changed(pattern_id=None), "$", "'pattern_id' is missing"),
        (changed(pattern_id=5), "$.pattern_id", "must be a text, not a number"),
        (changed(pattern_id="  "), "$.pattern_id", "printable"),
        (changed(symbols=["NIFTY", 3]), "$.symbols[1]", "not a number"),
        (changed(symbols={}), "$.symbols", "a list"),
        (changed(timeframe="1min"), "$.timeframe", "Unknown timeframe"),
        (changed(phases={}), "$.phases", "must be a list"),
        (changed(phases=[3]), "$.phases[0]", "not a number"),
        (changed(phases=[{"id": "A", "conditions": [None]}]), "$.phases[0].conditions[0]", "not null"),
        (changed(phases=[{"id": "A", "conditions": ["'x'"]}]), "$.phases[0].conditions[0]", "not a text"),
        (changed(phases=[{"id": "A", "conditions": [], "timeout": 1.5}]), "$.phases[0].timeout", "whole number"),
        (changed(phases=[{"id": "A", "conditions": [], "timeout": True}]), "$.phases[0].timeout", "a number"),
        (changed(phases=[{"id": "A", "conditions": [], "capture": ["hi"]}]), "$.phases[0].capture", "an object"),
        (changed(phases=[{"id": "A", "conditions": [], "capture": {"__x__": "close"}}]),
         "$.phases[0].capture.__x__", "cannot be the name"),
        (changed(phases=[{"id": "A", "conditions": [], "capture": {"screener": "close"}}]),
         "$.phases[0].capture.screener", "cannot be the name"),
        (changed(regime_config={"BULLISH": 1}), "$.regime_config.BULLISH", "an object"),
        (changed(regime_config={"BULLISH": {"tp_mult": "2"}}), "$.regime_config.BULLISH.tp_mult", "a number"),
        (with_execution(side="HOLD"), "$.execution.side", "Unknown side"),
        (with_execution(tp=None), "$.execution", "'tp' is missing"),
        (with_execution(tp="entry + rsk"), "$.execution.tp", "Unknown name 'rsk'"),
        (with_execution(entry="sl"), "$.execution.entry", "in this order"),
        (with_execution(sl="sentiment.smart_trend"), "$.execution.sl", "not a text"),
        (with_execution(option_selection="OTM_CALL_0"), "$.execution.option_selection", "from 1"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_an_error_at_its_path(document: object, path: str, words: str) -> None:
    found = errors(document)
    assert [(f.json_path, words in f.message) for f in found] == [(path, True)]
    assert load(document).strategy is None


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (changed(comment="old"), "$.comment"),
        (changed(regime_config={"BULISH": {}}), "$.regime_config.BULISH"),
        (changed(phases=[{"conditions": ["close > 1"]}]), "$.phases[0]"),
        (changed(phases=[{"id": "A"}]), "$.phases[0]"),
        (changed(phases=[{"id": "A", "conditions": ["close = open"]}]), "$.phases[0].conditions[0]"),
        (changed(phases=[{"id": "A", "conditions": [], "timeout": -1}]), "$.phases[0].timeout"),
        (with_execution(option_selection="ATM_PUT"), "$.execution.option_selection"),
        (with_execution(option_selection="OTM_CALL"), "$.execution.option_selection"),
        (with_execution(tp=25000), "$.execution.tp"),
    ],
)
def test_a_loose_spelling_is_a_warning_and_loads(document: object, path: str) -> None:
    loaded = load(document)
    assert loaded.strategy is not None
    assert [(f.severity, f.json_path) for f in loaded.findings] == [(Severity.WARNING, path)]


def test_every_error_of_a_file_is_found_at_once() -> None:
    document = with_execution(side="UP", tp="entry +")
    document["phases"][0]["conditions"] = ["clse > 1", "close > 1", "opn > 1"]
    assert [f.json_path for f in errors(document)] == [
        "$.phases[0].conditions[0]", "$.phases[0].conditions[2]", "$.execution.side", "$.execution.tp",
    ]  # fmt: skip


def test_a_name_is_either_a_text_or_a_number_everywhere() -> None:
    document = copy.deepcopy(SCREENED)
    document["phases"][1]["capture"] = {"trend": "close"}
    assert ["a text in one place" in f.message for f in errors(document)] == [True]


def test_render_puts_a_caret_under_the_column() -> None:
    (finding,) = errors(with_execution(tp="entry + rsk"))
    assert finding.render().splitlines() == [
        "file.json: error: $.execution.tp: Unknown name 'rsk' (did you mean risk?)",
        "    entry + rsk",
        "            ^",
    ]


def test_the_caret_of_an_assignment_counts_from_the_whole_condition() -> None:
    document = changed(phases=[{"id": "A", "conditions": ["hi = hihg"]}])
    (finding,) = errors(document)
    assert (finding.expression, finding.column, finding.suggestion) == ("hi = hihg", 5, "high")


def test_a_repeated_key_is_found_at_its_object() -> None:
    data = json.dumps(ORB).replace('"timeout": 5', '"timeout": 9, "timeout": 5').encode()
    loaded = load_bytes(data, "file.json")
    assert [(f.severity, f.json_path) for f in loaded.findings] == [(Severity.WARNING, "$.phases[1]")]
    assert loaded.strategy is not None
    assert loaded.strategy.phases[1].timeout == 5


def test_a_byte_order_mark_is_harmless() -> None:
    assert load_bytes(b"\xef\xbb\xbf" + json.dumps(ORB).encode(), "file.json").strategy is not None


def test_a_folder_is_read_to_its_end_and_ids_are_unique(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(ORB), encoding="utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.json").write_text(json.dumps(ORB), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no strategy", encoding="utf-8")
    loaded = load_paths([tmp_path])
    assert [len(file.errors) for file in loaded.files] == [1, 0, 1]
    assert [strategy.source_path for strategy in loaded.strategies] == [str(tmp_path / "b.json")]
    assert "already used by" in loaded.files[2].errors[0].message
    assert len(loaded.findings) == 2


@pytest.mark.parametrize("name", ["missing.json", ".", "bad\0name"])
def test_what_is_no_file_is_a_finding(tmp_path: Path, name: str) -> None:
    loaded = load_strategy(tmp_path / name)
    assert loaded.strategy is None
    assert len(loaded.errors) == 1
