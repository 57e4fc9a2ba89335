"""The compiled interpreter: steps the pattern machines of one symbol over closed bars.

``match`` is the only code that decides whether a pattern fires, for one bar as it closes and for a million at once.
It touches numbers only; ``program.py`` prepares them, ``matcher.py`` owns the state between calls.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import compiled, inlined
from sos_actors.strategy import opcodes as op
from sos_actors.strategy.arithmetic import floor_modulo, power, round_half_even
from sos_actors.strategy.program import Program

MATCH = np.dtype(
    [
        ("bar", np.int64),
        ("strategy", np.int64),
        ("regime", np.int64),
        ("entry", np.float64),
        ("stop", np.float64),
        ("target", np.float64),
        ("quantity_mod", np.float64),
    ]
)
"""A pattern that fired: the bar's number in the columns, and what its execution says, in the bar's own prices."""


class Surroundings(NamedTuple):
    """What a bar is seen with: the sentiment and the screener row in force when it closed.

    Attributes:
        sentiment_row: int64 (n_bars,), row of ``sentiment`` for each bar, -1 where none is known.
        sentiment: float64 (n, 12) in the order of ``tree.SENTIMENT_FIELDS``; NaN unknown.
        regime: int64 (n_bars,).
        screener_row: int64 (n_bars,), -1 where none is known.
        screener: float64 (n, 7) in the order of ``tree.SCREENER_FIELDS``.
    """

    sentiment_row: NDArray[np.int64]
    sentiment: NDArray[np.float64]
    regime: NDArray[np.int64]
    screener_row: NDArray[np.int64]
    screener: NDArray[np.float64]


class Progress(NamedTuple):
    """Where every pattern stands; written by ``match``.

    Attributes:
        state: int64 (n_strategies, 2): phase, bars spent in it.
        captures: float64 (n_captures,), NaN when not captured.
        errors: int64 (n_expressions,), evaluations that failed.
    """

    state: NDArray[np.int64]
    captures: NDArray[np.float64]
    errors: NDArray[np.int64]


FAILED, ADVANCED, TRIGGERED, BROKEN = 0, 1, 2, 3


@compiled
def _binary(operation: int, a: float, b: float) -> tuple[float, bool]:
    """Arithmetic that may fail: the value, and whether there is one."""
    if operation == op.MAXIMUM:
        return (b if b > a else a), True
    if operation == op.MINIMUM:
        return (b if b < a else a), True
    if operation == op.POWER:
        result = power(a, b)
        return result, result == result
    if b == 0.0:
        return 0.0, False
    if operation == op.DIVIDE:
        return a / b, True
    floor, modulo = floor_modulo(a, b)
    return (floor if operation == op.FLOOR_DIVIDE else modulo), True


@inlined
def _compare(operation: int, a: float, b: float) -> float:
    if operation == op.LESS:
        return 1.0 if a < b else 0.0
    if operation == op.LESS_EQUAL:
        return 1.0 if a <= b else 0.0
    if operation == op.GREATER:
        return 1.0 if a > b else 0.0
    if operation == op.GREATER_EQUAL:
        return 1.0 if a >= b else 0.0
    if operation == op.EQUAL:
        return 1.0 if a == b else 0.0
    return 1.0 if a != b else 0.0


@compiled
def _unary(operation: int, argument: int, a: float) -> tuple[float, bool]:
    """Functions of one number: the value, and whether there is one."""
    if operation == op.ABSOLUTE:
        return abs(a), True
    if operation == op.SQUARE_ROOT:
        return (0.0, False) if a < 0.0 else (math.sqrt(a), True)
    if operation == op.LOGARITHM:
        return (0.0, False) if a <= 0.0 else (math.log(a), True)
    if not math.isfinite(a):
        return 0.0, False
    if operation == op.EXPONENTIAL:
        result = math.exp(a)
        return result, math.isfinite(result)
    if operation == op.FLOOR:
        return np.floor(a) + 0.0, True  # not -0.0: Python's is an integer
    if operation == op.CEILING:
        return np.ceil(a) + 0.0, True
    return round_half_even(a, argument), True


@inlined
def _run_block(program: Program, pc: int, cols: NDArray[np.float64], around: Surroundings, i: int, seen: int,
               strategy: int, progress: Progress, stack: NDArray[np.float64],
               execution: NDArray[np.float64]) -> int:  # fmt: skip
    """Run one phase's code on one bar; returns FAILED, ADVANCED, TRIGGERED or BROKEN (its execution failed)."""
    code, captures = program.code, progress.captures
    first = program.patterns[strategy, op.PATTERN_CAPTURE]
    saved = stack[op.STACK_DEPTH :]
    top = -1
    failure = FAILED
    undo = False
    while True:
        operation, argument = code[pc, 0], code[pc, 1]
        pc += 1
        value = 0.0
        if operation >= op.TEST:
            kind = (operation - op.TEST) >> 3
            left, right = cols[argument >> 16, i], argument & 65535
            if kind == op.RIGHT_CONSTANT:
                b = program.constants[right]
            elif kind == op.RIGHT_CAPTURE:
                b = captures[right]
            else:
                b = cols[right, i - 1 if kind == op.RIGHT_PREVIOUS and i > 0 else i]
            if _compare(op.LESS + (operation & 7), left, b) != 0.0:
                continue
            if left == left and b == b:
                return FAILED
            value = math.nan
        elif operation == op.REQUIRE:
            top -= 1
            if stack[top + 1] == 0.0:
                return FAILED
        elif operation <= op.LOAD_EXECUTION:
            if operation == op.LOAD_COLUMN:
                value = cols[argument, i]
            elif operation == op.LOAD_CONSTANT:
                value = program.constants[argument]
            elif operation == op.LOAD_CAPTURE:
                value = captures[argument]
            elif operation == op.LOAD_PREVIOUS:
                value = cols[argument, i - 1 if i > 0 else 0]
            elif operation == op.LOAD_SENTIMENT:
                row = around.sentiment_row[seen]
                value = around.sentiment[row, argument] if row >= 0 else (
                    100.0 if argument == around.sentiment.shape[1] - 1 else math.nan)  # fmt: skip
            elif operation == op.LOAD_SCREENER:
                row = around.screener_row[seen]
                value = around.screener[row, argument] if row >= 0 else 0.0
            elif operation == op.LOAD_REGIME:
                value = program.settings[strategy, around.regime[seen], argument]
            else:
                value = execution[argument]
            top += 1
            stack[top] = value
        elif operation <= op.MULTIPLY:
            top -= 1
            a, b = stack[top], stack[top + 1]
            stack[top] = a + b if operation == op.ADD else (a - b if operation == op.SUBTRACT else a * b)
        elif operation >= op.LESS and operation <= op.NOT_EQUAL:
            top -= 1
            stack[top] = _compare(operation, stack[top], stack[top + 1])
        elif operation <= op.MINIMUM:
            top -= 1
            stack[top], known = _binary(operation, stack[top], stack[top + 1])
            value = 0.0 if known else math.nan
        elif operation == op.NEGATE:
            stack[top] = -stack[top]
        elif operation == op.NOT:
            stack[top] = 1.0 if stack[top] == 0.0 else 0.0
        elif operation <= op.ROUND:
            stack[top], known = _unary(operation, argument, stack[top])
            value = 0.0 if known else math.nan
        elif operation == op.JUMP:
            pc = argument
        elif operation == op.JUMP_IF_FALSE:
            top -= 1
            if stack[top + 1] == 0.0:
                pc = argument
        elif operation == op.JUMP_IF_FALSE_OR_POP or operation == op.JUMP_IF_TRUE_OR_POP:
            if (stack[top] == 0.0) == (operation == op.JUMP_IF_FALSE_OR_POP):
                pc = argument
            else:
                top -= 1
        elif operation == op.ADVANCE:
            return ADVANCED
        elif operation == op.TRIGGER:
            return TRIGGERED
        elif operation == op.BEGIN_CAPTURES:
            undo = True
            for k in range(program.patterns[strategy, op.PATTERN_CAPTURES]):
                saved[k] = captures[first + k]
        elif operation == op.BEGIN_EXECUTION:
            failure, undo = BROKEN, False
            execution[:] = math.nan
        else:
            value = stack[top] if math.isfinite(stack[top]) else math.nan
            top -= 1
            if value == value:
                if operation == op.STORE_CAPTURE:
                    captures[argument] = value
                elif operation == op.STORE_ENTRY:
                    execution[0] = value
                elif operation == op.STORE_STOP:
                    execution[1] = value
                    execution[2] = abs(execution[0] - value)
                else:
                    execution[3] = value
        if value != value:
            progress.errors[program.owners[pc - 1]] += 1
            if undo:
                for k in range(program.patterns[strategy, op.PATTERN_CAPTURES]):
                    captures[first + k] = saved[k]
            return failure


@compiled
def _reset(program: Program, progress: Progress, strategy: int) -> None:
    progress.state[strategy, op.STATE_PHASE] = 0
    progress.state[strategy, op.STATE_COUNT] = 0
    first = program.patterns[strategy, op.PATTERN_CAPTURE]
    for k in range(program.patterns[strategy, op.PATTERN_CAPTURES]):
        progress.captures[first + k] = math.nan


@compiled
def match(program: Program, cols: NDArray[np.float64], around: Surroundings, progress: Progress, low: int, high: int,
          origin: int, out: NDArray[np.void]) -> int:  # fmt: skip
    """Step every pattern over bars ``low`` to ``high``, in order of bars, then of strategies.

    Args:
        program: what to run.
        cols: float64 (n_columns, capacity), filled up to ``high``.
        around: sentiment and screener of each bar from ``origin`` on.
        progress: written.
        low: first bar.
        high: one after the last.
        origin: the bar that the first row of ``around`` belongs to.
        out: MATCH records, at least ``(high - low) * n_strategies`` of them.

    Returns:
        How many patterns fired.
    """
    fired = 0
    stack = np.empty(op.STACK_DEPTH + progress.captures.shape[0] + 1)
    execution = np.empty(4)
    for i in range(low, high):
        regime = around.regime[i - origin]
        for strategy in range(program.patterns.shape[0]):
            phase = progress.state[strategy, op.STATE_PHASE]
            if phase == 0 and program.settings[strategy, regime, op.SETTING_ALLOW] == 0.0:
                continue
            block = program.patterns[strategy, op.PATTERN_BLOCK] + phase
            start = program.blocks[block, op.BLOCK_START]
            outcome = _run_block(program, start, cols, around, i, i - origin, strategy, progress, stack, execution)
            if outcome == ADVANCED:
                progress.state[strategy, op.STATE_PHASE] = phase + 1
                progress.state[strategy, op.STATE_COUNT] = 0
            elif outcome == FAILED:
                timeout = program.blocks[block, op.BLOCK_TIMEOUT]
                progress.state[strategy, op.STATE_COUNT] += 1
                if timeout > 0 and progress.state[strategy, op.STATE_COUNT] >= timeout:
                    _reset(program, progress, strategy)
            else:
                _reset(program, progress, strategy)
                if outcome == TRIGGERED:
                    record = out[fired]
                    record.bar = i
                    record.strategy = strategy
                    record.regime = regime
                    record.entry, record.stop, record.target = execution[0], execution[1], execution[3]
                    record.quantity_mod = program.settings[strategy, regime, op.SETTING_QUANTITY_MOD]
                    fired += 1
    return fired
