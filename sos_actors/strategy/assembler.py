"""Walks a checked expression tree and emits instructions; used by ``program.py`` only."""

from __future__ import annotations

import math

from sos_actors.errors import StrategyError
from sos_actors.strategy import opcodes as op
from sos_actors.strategy.columns import ColumnTable
from sos_actors.strategy.tree import (
    EXECUTION_FIELDS,
    REGIME_FIELDS,
    SCREENER_FIELDS,
    SENTIMENT_FIELDS,
    Binary,
    Call,
    Captured,
    Choice,
    Column,
    ColumnRequest,
    Compare,
    Context,
    ContextValue,
    Expression,
    Logic,
    Node,
    Number,
    Strategy,
    Text,
    Unary,
)
from sos_actors.types import Regime, SmartTrend

BINARY = {
    "+": op.ADD, "-": op.SUBTRACT, "*": op.MULTIPLY, "/": op.DIVIDE, "//": op.FLOOR_DIVIDE, "%": op.MODULO,
    "**": op.POWER,
    "<": op.LESS, "<=": op.LESS_EQUAL, ">": op.GREATER, ">=": op.GREATER_EQUAL, "==": op.EQUAL, "!=": op.NOT_EQUAL,
}  # fmt: skip
UNARY = {"-": op.NEGATE, "not": op.NOT}
CALLS = {
    "abs": op.ABSOLUTE, "sqrt": op.SQUARE_ROOT, "log": op.LOGARITHM, "exp": op.EXPONENTIAL, "floor": op.FLOOR,
    "ceil": op.CEILING, "round": op.ROUND, "max": op.MAXIMUM, "min": op.MINIMUM,
}  # fmt: skip
CONTEXTS = {
    Context.SENTIMENT: (op.LOAD_SENTIMENT, SENTIMENT_FIELDS),
    Context.SCREENER: (op.LOAD_SCREENER, SCREENER_FIELDS),
    Context.REGIME: (op.LOAD_REGIME, REGIME_FIELDS),
    Context.EXECUTION: (op.LOAD_EXECUTION, EXECUTION_FIELDS),
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
"""The comparisons that have a test instruction, and each with its sides exchanged."""

REGIME_CODE = 100.0
"""Text values are numbers to the kernel: smart trends 1..5, regimes 100..107, other words of the files 1000 up."""
OTHER_CODE = 1000.0


def text_codes() -> dict[str, float]:
    """Codes of the words that sentiment can carry."""
    codes = {trend.text: float(trend) for trend in SmartTrend if trend is not SmartTrend.UNKNOWN}
    return codes | {regime.name: REGIME_CODE + regime for regime in Regime}


class Assembler:
    """Collects the code of all strategies; slots of captures are private to a strategy, columns are shared."""

    def __init__(self) -> None:
        self.code: list[tuple[int, int]] = []
        self.owners: list[int] = []
        self.constants: list[float] = []
        self.expressions: list[tuple[int, str]] = []
        self.columns = ColumnTable()
        self.capture_count = 0
        self._texts = text_codes()
        self._slots: dict[str, int] = {}
        self._strategy = 0
        self._depth = 0

    @property
    def position(self) -> int:
        """Index of the next instruction."""
        return len(self.code)

    def begin_strategy(self, index: int, strategy: Strategy) -> int:
        """Start a strategy; returns its first capture slot."""
        self._strategy, self._slots = index, {}
        first = self.capture_count
        for phase in strategy.phases:
            for condition in phase.conditions:
                if condition.assigns is not None:
                    self._add_slot(condition.assigns)
            for name, _ in phase.captures:
                self._add_slot(name)
        return first

    def _add_slot(self, name: str) -> None:
        if name not in self._slots:
            self._slots[name] = self.capture_count
            self.capture_count += 1

    def capture_slot(self, name: str) -> int:
        """The slot of a name that the current strategy captures."""
        return self._slots[name]

    def emit(self, operation: int, argument: int = 0) -> int:
        """Append an instruction; returns its index."""
        self.code.append((operation, argument))
        self.owners.append(len(self.expressions) - 1)
        return len(self.code) - 1

    def expression(self, expression: Expression) -> None:
        """Emit code that leaves the expression's value on the stack."""
        self.expressions.append((self._strategy, expression.source))
        self._depth = 0
        self._node(expression.root)

    def condition(self, expression: Expression) -> None:
        """Emit code that ends the block where the expression is false."""
        self.expressions.append((self._strategy, expression.source))
        self._require(expression.root)

    def _require(self, node: Node) -> None:
        match node:
            case Logic("and", operands):
                for operand in operands:
                    self._require(operand)
            case Compare(sign, Column(request, 0), right) if sign in MIRRORED and self._testable(right):
                self._test(sign, request, right)
            case Compare(sign, left, Column(request, 0)) if sign in MIRRORED and self._testable(left):
                self._test(MIRRORED[sign], request, left)
            case _:
                self._depth = 0
                self._node(node)
                self.emit(op.REQUIRE)

    def _testable(self, node: Node) -> bool:
        return isinstance(node, Column | Number) or (isinstance(node, Captured) and node.name in self._slots)

    def _test(self, sign: str, left: ColumnRequest, right: Node) -> None:
        match right:
            case Column(request, lag):
                kind, index = op.RIGHT_PREVIOUS if lag else op.RIGHT_COLUMN, self.columns.row(request)
            case Captured(name):
                kind, index = op.RIGHT_CAPTURE, self._slots[name]
            case Number(value):
                kind, index = op.RIGHT_CONSTANT, len(self.constants)
                self.constants.append(value)
        self.emit(op.TEST + 8 * kind + BINARY[sign] - op.LESS, self.columns.row(left) * 65536 + index)

    def _push(self, operation: int, argument: int) -> None:
        self.emit(operation, argument)
        self._depth += 1
        if self._depth > op.STACK_DEPTH:
            raise StrategyError(f"an expression keeps more than {op.STACK_DEPTH} values waiting; split it by a capture")

    def _pop(self, operation: int, argument: int = 0) -> None:
        self.emit(operation, argument)
        self._depth -= 1

    def _constant(self, value: float) -> None:
        self.constants.append(value)
        self._push(op.LOAD_CONSTANT, len(self.constants) - 1)

    def _node(self, node: Node) -> None:
        match node:
            case Number(value):
                self._constant(value)
            case Text(value):
                self._constant(self._texts.setdefault(value, OTHER_CODE + len(self._texts)))
            case Column(request, lag):
                self._push(op.LOAD_PREVIOUS if lag else op.LOAD_COLUMN, self.columns.row(request))
            case Captured(name) if name in self._slots:
                self._push(op.LOAD_CAPTURE, self._slots[name])
            case Captured():
                self._constant(math.nan)  # never captured: unknown on every bar
            case ContextValue(family, name):
                load, names = CONTEXTS[family]
                self._push(load, names.index(name))
            case Unary(sign, operand):
                self._node(operand)
                if sign in UNARY:
                    self.emit(UNARY[sign])
            case Binary(sign, left, right) | Compare(sign, left, right):
                self._node(left)
                self._node(right)
                self._pop(BINARY[sign])
            case Logic():
                self._logic(node)
            case Choice():
                self._choice(node)
            case Call(name, args, digits):
                self._call(name, args, digits)

    def _logic(self, node: Logic) -> None:
        jump = op.JUMP_IF_FALSE_OR_POP if node.op == "and" else op.JUMP_IF_TRUE_OR_POP
        exits = []
        for operand in node.operands[:-1]:
            self._node(operand)
            exits.append(self.emit(jump))
            self._depth -= 1
        self._node(node.operands[-1])
        for exit_ in exits:
            self.code[exit_] = (jump, self.position)

    def _choice(self, node: Choice) -> None:
        self._node(node.condition)
        branch = self.emit(op.JUMP_IF_FALSE)
        self._depth -= 1
        self._node(node.then)
        end = self.emit(op.JUMP)
        self._depth -= 1
        self.code[branch] = (op.JUMP_IF_FALSE, self.position)
        self._node(node.other)
        self.code[end] = (op.JUMP, self.position)

    def _call(self, name: str, args: tuple[Node, ...], digits: int) -> None:
        self._node(args[0])
        if name in ("max", "min"):
            for arg in args[1:]:
                self._node(arg)
                self._pop(CALLS[name])
        else:
            self.emit(CALLS[name], digits)
