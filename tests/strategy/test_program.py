"""What strategies are compiled to: instructions, shared columns, private captures, refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sos_actors.errors import StrategyError
from sos_actors.strategy import opcodes as op
from sos_actors.strategy.parser import parse_expression
from sos_actors.strategy.program import CompiledStrategies, compile_strategies
from sos_actors.strategy.tree import Binary, ColumnRequest, Condition, Expression, Number, Phase, Strategy
from sos_actors.types import Regime
from tests.strategy.patterns import phase, strategy


def operations(compiled: CompiledStrategies, block: int = 0) -> list[int]:
    """The operations of one phase."""
    starts = [*compiled.program.blocks[:, op.BLOCK_START].tolist(), len(compiled.program.code)]
    return [int(operation) for operation, _ in compiled.program.code[starts[block] : starts[block + 1]]]


def test_a_phase_becomes_its_conditions_its_captures_and_the_advance() -> None:
    compiled = compile_strategies((strategy(phase("close * 2 > 10", hi="high"), phase(timeout=5)),))
    assert operations(compiled) == [
        op.LOAD_COLUMN, op.LOAD_CONSTANT, op.MULTIPLY, op.LOAD_CONSTANT, op.GREATER, op.REQUIRE,
        op.BEGIN_CAPTURES, op.LOAD_COLUMN, op.STORE_CAPTURE, op.ADVANCE,
    ]  # fmt: skip
    assert operations(compiled, 1) == [
        op.BEGIN_EXECUTION, op.LOAD_COLUMN, op.STORE_ENTRY, op.LOAD_COLUMN, op.STORE_STOP,
        op.LOAD_COLUMN, op.STORE_TARGET, op.TRIGGER,
    ]  # fmt: skip
    assert compiled.program.blocks[:, op.BLOCK_TIMEOUT].tolist() == [0, 5]


@pytest.mark.parametrize(
    ("condition", "comparison", "right"),
    [
        ("close > open", op.GREATER, op.RIGHT_COLUMN),
        ("close >= prev_candle.high", op.GREATER_EQUAL, op.RIGHT_PREVIOUS),
        ("close < 10", op.LESS, op.RIGHT_CONSTANT),
        ("close <= vars.hi", op.LESS_EQUAL, op.RIGHT_CAPTURE),
        ("10 < close", op.GREATER, op.RIGHT_CONSTANT),
        ("prev_candle.high == close", op.EQUAL, op.RIGHT_PREVIOUS),
    ],
)
def test_a_plain_comparison_with_a_column_is_one_instruction(condition: str, comparison: int, right: int) -> None:
    compiled = compile_strategies((strategy(phase(condition, hi="high"), phase()),))
    assert operations(compiled)[0] == op.TEST + 8 * right + comparison - op.LESS
    assert operations(compiled)[1] == op.BEGIN_CAPTURES


def test_each_part_of_a_conjunction_is_required_by_itself() -> None:
    compiled = compile_strategies((strategy(phase("time_is_between(timestamp, '09:30', '10:00') and open"), phase()),))
    tests = [op.TEST + 8 * op.RIGHT_CONSTANT + sign - op.LESS for sign in (op.GREATER_EQUAL, op.LESS_EQUAL)]
    assert operations(compiled) == [*tests, op.LOAD_COLUMN, op.REQUIRE, op.ADVANCE]
    assert compiled.program.constants[:2].tolist() == [570.0, 600.0]


def test_strategies_share_columns_and_not_captures() -> None:
    pattern = strategy(phase("close > sma(history, 20, 'close')", hi="high"), phase("close > vars.hi"))
    one, two = compile_strategies((pattern,)), compile_strategies((pattern, pattern))
    assert two.n_columns == one.n_columns == op.N_BASE + 1
    assert two.requests == {ColumnRequest("sma", 20, "close"): op.N_BASE}
    assert (one.captures, two.captures) == (1, 2)
    assert two.program.patterns[:, op.PATTERN_CAPTURE].tolist() == [0, 1]
    assert two.program.patterns[:, op.PATTERN_BLOCK].tolist() == [0, 2]


def test_a_name_captured_twice_has_one_slot() -> None:
    compiled = compile_strategies((strategy(phase("hi = close", hi="high"), phase("hi = low", lo="low")),))
    assert compiled.captures == 2


def test_every_instruction_belongs_to_an_expression_for_the_error_counts() -> None:
    compiled = compile_strategies((strategy(phase("close > 1", hi="high"), phase("open > 1")),))
    sources = ["close > 1", "high", "open > 1", "close", "low", "high"]
    assert compiled.expressions == tuple((0, source) for source in sources)
    loads = [owner for (operation, _), owner in zip(compiled.program.code, compiled.program.owners, strict=True)
             if operation == op.LOAD_COLUMN or operation >= op.TEST]  # fmt: skip
    assert loads == list(range(6))


def test_a_regime_that_the_file_does_not_name_has_the_default_settings() -> None:
    pattern = strategy(phase(), BULLISH={"allow_entry": False, "tp_mult": 2.0})
    settings = compile_strategies((pattern,)).program.settings[0]
    assert settings[Regime.BULLISH].tolist() == [0.0, 2.0, 1.0, 0.5]
    assert settings[Regime.UNKNOWN].tolist() == [1.0, 1.0, 1.0, 0.5]


def test_strategies_of_different_timeframes_do_not_share_a_program() -> None:
    mixed = (strategy(phase()), strategy(phase(), timeframe="5m"))
    with pytest.raises(StrategyError, match=r"one timeframe, got \[1, 5\]"):
        compile_strategies(mixed)


def test_no_strategies_are_refused() -> None:
    with pytest.raises(StrategyError, match="got none"):
        compile_strategies(())


def test_an_expression_too_deep_for_the_stack_is_refused() -> None:
    pattern = strategy(phase())
    expression = parse_expression("1")
    for _ in range(op.STACK_DEPTH):
        expression = deeper(expression)
    with pytest.raises(StrategyError, match="split it by a capture"):
        compile_strategies((with_condition(pattern, expression),))


def deeper(expression: Expression) -> Expression:
    return Expression("deep", Binary("+", Number(1.0), expression.root))


def with_condition(pattern: Strategy, expression: Expression) -> Strategy:
    return replace(pattern, phases=(Phase("DEEP", (Condition(expression),), (), 0),))
