"""Strategies become programs: from the checked tree to arrays of numbers that a compiled kernel can run.

``compile_strategies`` is called once per set of strategies; the kernel never sees a Python object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import StrategyError
from sos_actors.strategy import opcodes as op
from sos_actors.strategy.assembler import Assembler
from sos_actors.strategy.tree import ColumnRequest, Phase, RegimeSettings, Strategy
from sos_actors.types import Regime


class Program(NamedTuple):
    """The numbers of a set of strategies that share one timeframe.

    Attributes:
        code: int64 (n_instructions, 2): operation, argument.
        owners: int64 (n_instructions,): index of the expression an instruction belongs to, for error counts.
        constants: float64.
        blocks: int64 (n_phases, 2): first instruction, timeout in bars.
        patterns: int64 (n_strategies, 5): first block, phases, first capture, captures, side.
        settings: float64 (n_strategies, 8 regimes, 4): allow_entry, tp_mult, quantity_mod, buffer_atr.
        columns: int64 (n_columns, 4): function, source column, n, second source; base columns come first.
        factors: float64 (n_columns,): the deviations of a band.
    """

    code: NDArray[np.int64]
    owners: NDArray[np.int64]
    constants: NDArray[np.float64]
    blocks: NDArray[np.int64]
    patterns: NDArray[np.int64]
    settings: NDArray[np.float64]
    columns: NDArray[np.int64]
    factors: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CompiledStrategies:
    """A program with the names a person needs to read its results.

    Attributes:
        strategies: in the order of the program's patterns.
        expressions: (strategy index, source text) of each expression, in the order of the error counts.
        captures: number of captured variables over all strategies.
        requests: column number of every value the strategies ask of a bar.
    """

    program: Program
    strategies: tuple[Strategy, ...]
    timeframe_minutes: int
    expressions: tuple[tuple[int, str], ...]
    captures: int
    requests: dict[ColumnRequest, int]

    @property
    def n_columns(self) -> int:
        """Rows of the column matrix, base columns included."""
        return len(self.program.columns)


def compile_strategies(strategies: tuple[Strategy, ...]) -> CompiledStrategies:
    """Compile strategies of one timeframe.

    Raises:
        StrategyError: the set is empty or mixes timeframes, or an expression is too deep for the kernel's stack.
    """
    timeframes = {strategy.timeframe_minutes for strategy in strategies}
    if len(timeframes) != 1:
        raise StrategyError(f"one program takes strategies of one timeframe, got {sorted(timeframes) or 'none'}")
    assembler = Assembler()
    blocks: list[tuple[int, int]] = []
    patterns: list[tuple[int, int, int, int, int]] = []
    for index, strategy in enumerate(strategies):
        first_block = len(blocks)
        first_capture = assembler.begin_strategy(index, strategy)
        for number, phase in enumerate(strategy.phases):
            blocks.append((assembler.position, phase.timeout))
            last = number == len(strategy.phases) - 1
            _assemble_phase(assembler, phase, strategy if last else None)
        captures = assembler.capture_count - first_capture
        patterns.append((first_block, len(strategy.phases), first_capture, captures, strategy.side))
    program = Program(
        code=np.array(assembler.code, np.int64).reshape(-1, 2),
        owners=np.array(assembler.owners, np.int64),
        constants=np.array(assembler.constants or [0.0]),
        blocks=np.array(blocks, np.int64).reshape(-1, 2),
        patterns=np.array(patterns, np.int64).reshape(-1, 5),
        settings=np.stack([_settings(strategy.regimes) for strategy in strategies]),
        columns=np.array(assembler.columns.table, np.int64).reshape(-1, 4),
        factors=np.array(assembler.columns.factors),
    )
    return CompiledStrategies(
        program,
        strategies,
        timeframes.pop(),
        tuple(assembler.expressions),
        assembler.capture_count,
        dict(assembler.columns.rows),
    )


def _assemble_phase(assembler: Assembler, phase: Phase, triggers: Strategy | None) -> None:
    for condition in phase.conditions:
        if condition.assigns is None:
            assembler.condition(condition.expression)
        else:
            assembler.expression(condition.expression)
            assembler.emit(op.STORE_CAPTURE, assembler.capture_slot(condition.assigns))
    if phase.captures:
        assembler.emit(op.BEGIN_CAPTURES)
    for name, expression in phase.captures:
        assembler.expression(expression)
        assembler.emit(op.STORE_CAPTURE, assembler.capture_slot(name))
    if triggers is None:
        assembler.emit(op.ADVANCE)
        return
    assembler.emit(op.BEGIN_EXECUTION)
    for expression, store in (
        (triggers.entry, op.STORE_ENTRY),
        (triggers.stop, op.STORE_STOP),
        (triggers.target, op.STORE_TARGET),
    ):
        assembler.expression(expression)
        assembler.emit(store)
    assembler.emit(op.TRIGGER)


def _settings(regimes: dict[str, RegimeSettings]) -> NDArray[np.float64]:
    rows = np.empty((len(Regime), 4))
    for regime in Regime:
        setting = regimes.get(regime.name, RegimeSettings())
        rows[regime] = (setting.allow_entry, setting.tp_mult, setting.quantity_mod, setting.buffer_atr)
    return rows
