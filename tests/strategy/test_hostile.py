"""Hostile files and expressions: refused by what they are, in bounded work, before anything could be evaluated."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.app.strategy_files import load_strategy
from sos_actors.strategy.bounds import MAX_TREE_NODES, tree_size
from sos_actors.strategy.findings import ExpressionError
from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.parser import parse_expression
from sos_actors.strategy.reference import EvaluationError, Evaluator, Surrounding, evaluate_expression
from sos_actors.strategy.tree import Expression
from tests.strategy.samples import bar, history

HANG_S = 2.0
"""A generous guard against hanging; the cases take milliseconds."""

ESCAPES = [
    "().__class__",
    "vars.__class__",
    "vars.__class__.__bases__",
    "vars.x.__class__",
    "candle.__dict__",
    "candle.close.__class__",
    "sentiment.__init__",
    "history.__len__()",
    "candle.getClass()",
    "candle.getOpen.__globals__",
    "close.real",
    "getattr(close, 'real')",
    "__import__('os').system('true')",
    "open('/etc/hostname').read()",
    "eval('1')",
    "exec('1')",
    "print(1)",
    "(lambda: 1)()",
    "lambda: close",
    "[x for x in (1, 2)]",
    "{x: 1 for x in (1,)}",
    "sum(x for x in (1, 2))",
    "(x := 5)",
    "f'{close}'",
    "f'{close.__class__}'",
    "'{0.__class__}'.format(close)",
    "'a' * 1000000000",
    "1000000000 * 'a'",
    "'a' % close",
    "'a' + 'b'",
    "[0] * 1000000000",
    "history[0]",
    "candle['close']",
    "vars['x']",
    "max(*history)",
    "max(**vars)",
    "sma(*history, 5, 'close')",
    "sma(history, **vars)",
    "await close",
    "yield close",
    "close if close else",
    "...",
    "None",
    "b'bytes'",
    "{1, 2}",
    "{}",
    "[]",
    "1 if close else 'a'",
    "close @ open",
    "~close",
    "close << 5",
    "close | 1",
    "globals()",
    "self",
    "_evaluator",
    "load(0, 'vars', 'x')",
    "column(0, 'sma', 1, 'close', 0)",
    "power(2, 3)",
    "crosses_above",
    "vars",
    "vars.",
    "vars.screener",
    "vars.screener.__class__",
    "vars.screener.rvol.real",
    "candle.close = 5",
    "del close",
    "import os",
    "close;close",
    "close\\\n",
    "\\u0063lose",
    "close\x00",
    "\ud800",
    "9e999",
    "1e16",
    "9" * 1999,
    "0x" + "f" * 1000,
    "1_0__0",
]


@pytest.fixture(autouse=True)
def _does_not_hang() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < HANG_S * 5


@pytest.mark.parametrize("source", ESCAPES)
def test_an_escape_is_refused_by_the_parser(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(source)
    assert 0 <= caught.value.column <= len(source)


@pytest.mark.parametrize(
    "source",
    [
        "(" * 41 + "close" + ")" * 41,
        "abs(" * 45 + "close" + ")" * 45,
        "[" * 1900,
        "-" * 1990 + "1",
        "not " * 490 + "1",
        "close if 1 else " * 120 + "close",
        "2 ** " * 390 + "2",
        "+".join(["close"] * 330),
        " and ".join(["1"] * 401),
        "close" + ".close" * 300,
        "close " * 10_000,
        "1" * 2_001,
    ],
)
def test_what_is_too_long_or_too_deep_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError):
        parse_expression(source)


def test_rewriting_cannot_multiply_an_expression_beyond_its_bound() -> None:
    doubled = "close"
    for _ in range(12):
        doubled = f"(0 < ({doubled}) < 1)"
    with pytest.raises(ExpressionError, match="Written out"):
        parse_expression(doubled)
    wide = f"{'(' * 3}close{' in [1, 2, 3, 4, 5, 6, 7, 8])' * 3}"
    with pytest.raises(ExpressionError, match="Written out"):
        parse_expression(wide)
    assert tree_size(parse_expression("1 < close < 2").root) <= MAX_TREE_NODES


@pytest.mark.parametrize("source", ["9 ** 64 ** 64", "(9 ** 64) ** 64", "2 ** 2 ** 2 ** 2 ** 2 ** 2", "1e15 ** 64"])
def test_huge_exponents_end_in_an_error_at_once(source: str) -> None:
    result = evaluate_expression(parse_expression(source), history([bar(0, 10)]), Surrounding())
    assert isinstance(result, EvaluationError)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("exp(700) * exp(700) > 1", True),
        ("exp(700) * exp(700) - exp(700) * exp(700) == 0", False),
        ("0 * (exp(700) * exp(700)) < 1", False),
    ],
)
def test_infinity_and_nan_compare_as_ieee_says(source: str, expected: bool) -> None:
    assert evaluate_expression(parse_expression(source), history([bar(0, 10)]), Surrounding()) is expected


def test_the_interpreter_holds_only_our_names_and_no_output() -> None:
    evaluator = Evaluator(history([bar(0, 10)]))
    symbols = evaluator._interpreter.symtable
    assert "print" not in symbols
    assert "open" not in symbols
    assert not any(name.startswith("_") for name in symbols)
    assert "attribute" not in evaluator._interpreter.node_handlers
    assert "assign" not in evaluator._interpreter.node_handlers


def test_repeated_evaluation_does_not_grow_the_interpreter() -> None:
    evaluator = Evaluator(history([bar(0, 10)]))
    for _ in range(200):
        evaluator.evaluate("close > 1", Surrounding())
    assert len(evaluator._interpreter.code_text) <= 1
    assert len(evaluator._trees) == 1


def test_a_file_of_five_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    path.write_bytes(b" " * 5_000_000)
    started = time.monotonic()
    loaded = load_strategy(path)
    assert time.monotonic() - started < HANG_S
    assert "bytes" in loaded.errors[0].message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[" * 900_000, "levels deep"),
        (b'{"a":' * 100_000, "levels deep"),
        (b'"' + b'\\"' * 400_000, "Not JSON"),
        (b'"' * 900_001, "Not JSON"),
        (b"1" * 5_000, "digits"),
        (b"-" + b"1" * 900_000, "digits"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"", "Not JSON"),
        (b"null", "an object"),
        (b"3", "an object"),
    ],
)
def test_a_hostile_document_is_refused_with_the_reason(data: bytes, words: str) -> None:
    loaded = load_bytes(data, "h.json")
    assert loaded.strategy is None
    assert any(words in finding.message for finding in loaded.findings), loaded.findings


def test_a_flood_of_findings_is_cut_but_still_refuses() -> None:
    document = {f"k{i}": 1 for i in range(50_000)}
    loaded = load_bytes(json.dumps(document).encode(), "h.json")
    assert len(loaded.findings) <= 101
    assert loaded.errors


def test_too_many_phases_conditions_and_captures_are_refused() -> None:
    phase = {"id": "A", "conditions": ["close > 1"] * 20_000}
    for phases in ([phase], [{"id": "A", "conditions": []}] * 5_000,
                   [{"id": "A", "conditions": [], "capture": {f"c{i}": "close" for i in range(9_000)}}]):  # fmt: skip
        loaded = load_bytes(json.dumps({"pattern_id": "P", "phases": phases}).encode(), "h.json")
        assert any("at most" in finding.message for finding in loaded.errors)


def test_findings_never_carry_control_characters_to_the_terminal() -> None:
    phases = [{"id": "A", "conditions": ["clo\x1b[31mse > \ud800"]}]
    document = {"pattern_id": "\x1b[31mP", "\x1b[2J": 1, "phases": phases}
    loaded = load_bytes(json.dumps(document).encode(), "h\x1b.json")
    text = "".join(finding.render() for finding in loaded.findings)
    assert loaded.errors
    assert all(c.isprintable() or c == "\n" for c in text)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = ["pattern_id", "symbols", "timeframe", "regime_config", "phases", "execution", "description"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_json_in_any_place_is_a_finding_and_never_an_exception(document: dict[str, object]) -> None:
    loaded = load_bytes(json.dumps(document).encode(), "h.json")
    assert loaded.strategy is not None or loaded.errors
    assert all(finding.render() for finding in loaded.findings)


WORDS = [
    "close", "vars.x", "(", ")", "[", "]", "**", "*", "-", "1", "0", "'a'", ",", ".", "==", "<", "history", "sma(",
    "abs(", "__class__", "lambda:", "{", "}", "f'", ":=", "#", "\\", "é",
]  # fmt: skip
PIECES = st.sampled_from([*WORDS, " and ", " or ", "not ", " in ", " if ", " else ", "\n"])


def parsed(source: str) -> tuple[Expression | None, ExpressionError | None]:
    try:
        return parse_expression(source), None
    except ExpressionError as error:
        return None, error


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_any_text_is_a_tree_or_an_expression_error_and_what_parses_evaluates(source: str) -> None:
    expression, error = parsed(source)
    if error is not None:
        assert 0 <= error.column <= len(source)
    if expression is None:
        return
    result = evaluate_expression(expression, history([bar(0, 10), bar(1, 11)]), Surrounding({"x": 2.0}))
    assert isinstance(result, (float, bool, str, EvaluationError))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_arbitrary_text_never_escapes(source: str) -> None:
    expression, error = parsed(source)
    assert (expression is None) is not (error is None)
