"""Function calls of the language: arity, argument types, and what each call becomes in the tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace

from sos_actors.strategy.names import (
    CANDLE_FUNCTIONS,
    CANDLE_LAGS,
    CROSS_FUNCTIONS,
    FUNCTIONS,
    MANY_FUNCTIONS,
    SCALAR_FUNCTIONS,
    SESSION_FUNCTIONS,
    WINDOW_FUNCTIONS,
    WindowFunction,
)
from sos_actors.strategy.reading import Reading
from sos_actors.strategy.tree import (
    HISTORY_BARS,
    WINDOW_FIELDS,
    Binary,
    Call,
    Choice,
    Column,
    ColumnRequest,
    Compare,
    Context,
    ContextValue,
    Kind,
    Logic,
    Node,
    Number,
    Unary,
)

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_MAX_DIGITS = 12
_MAX_ARGUMENTS = 32
_MAX_WINDOW = 1_000_000


class CallReader:
    """Reads the calls of one expression.

    Args:
        reading: the expression.
        operand: reads an argument that must be a number.
    """

    def __init__(self, reading: Reading, operand: Callable[[ast.expr], Node]) -> None:
        self._reading = reading
        self._operand = operand

    def read(self, call: ast.Call) -> Node:
        """The node of a call of a plain name.

        Raises:
            ExpressionError: unknown function, wrong number or kind of arguments.
        """
        reading = self._reading
        assert isinstance(call.func, ast.Name)
        name = call.func.id
        if name not in FUNCTIONS:
            raise reading.fail_name("function", name, FUNCTIONS, call.func)
        if len(call.args) > _MAX_ARGUMENTS:
            raise reading.fail(f"{name} has more than {_MAX_ARGUMENTS} arguments", call)
        if name in WINDOW_FUNCTIONS and not (name in MANY_FUNCTIONS and not _starts_with_history(call)):
            return self._window(name, WINDOW_FUNCTIONS[name], call)
        if name == "round":
            return self._round(call)
        args = self._plain_arguments(name, call)
        if name in CANDLE_FUNCTIONS:
            return self._candle(name, call)
        if name == "time_is_between":
            return self._time_is_between(call)
        if name in CROSS_FUNCTIONS:
            return self._cross(name, args, call)
        if name in SESSION_FUNCTIONS:
            self._arity(name, call, 0)
            return Column(ColumnRequest(name))
        if name in SCALAR_FUNCTIONS:
            self._arity(name, call, 1)
            return Call(name, (self._operand(args[0]),))
        if len(args) < 2:
            raise reading.fail(f"{name} needs history with a window and a field, or two or more numbers", call)
        return Call(name, tuple(self._operand(arg) for arg in args))

    def _plain_arguments(self, name: str, call: ast.Call) -> list[ast.expr]:
        if call.keywords:
            raise self._reading.fail(f"{name} takes no named arguments", call.keywords[0].value)
        return call.args

    def _arity(self, name: str, call: ast.Call, count: int) -> None:
        if len(call.args) != count:
            raise self._reading.fail(f"{name} takes {_counted(count)}, not {len(call.args)}", call)

    def _bind(
        self, name: str, parameters: tuple[str, ...], args: list[ast.expr], call: ast.Call
    ) -> dict[str, ast.expr]:
        """Arguments by parameter name, positional first."""
        if len(args) > len(parameters):
            expected = ", ".join(("history", *parameters)) if name in WINDOW_FUNCTIONS else ", ".join(parameters)
            raise self._reading.fail(f"{name} takes at most ({expected})", args[len(parameters)])
        bound = dict(zip(parameters, args, strict=False))
        for keyword in call.keywords:
            if keyword.arg is None or keyword.arg not in parameters:
                raise self._reading.fail_name(f"argument of {name}", keyword.arg or "**", parameters, keyword.value)
            if keyword.arg in bound:
                raise self._reading.fail(f"{name} got {keyword.arg} twice", keyword.value)
            bound[keyword.arg] = keyword.value
        return bound

    def _window(self, name: str, function: WindowFunction, call: ast.Call) -> Node:
        if not _starts_with_history(call):
            at = call.args[0] if call.args else call
            raise self._reading.fail(f"The first argument of {name} must be history", at, "history")
        bound = self._bind(name, function.parameters, call.args[1:], call)
        defaults = dict(function.defaults)
        missing = [p for p in function.parameters if p not in bound and p not in defaults]
        if missing:
            expected = ", ".join(function.parameters)
            raise self._reading.fail(f"{name} needs (history, {expected}): {missing[0]} is missing", call)
        n = self._bars(bound["n"]) if "n" in bound else int(defaults.get("n", 0))
        k = self._reading.number_literal(bound["k"], "k") if "k" in bound else defaults.get("k", 0.0)
        field = self._field(bound["field"]) if "field" in bound else ""
        return Column(ColumnRequest(function.function, n=n, field=field, k=float(k)))

    def _bars(self, tree: ast.expr) -> int:
        n = self._reading.whole_literal(tree, "The window n", 1, _MAX_WINDOW)
        if n > HISTORY_BARS:
            self._reading.note(f"history holds {HISTORY_BARS} bars: a window of {n} sees {HISTORY_BARS}", tree)
        return min(n, HISTORY_BARS)

    def _field(self, tree: ast.expr) -> str:
        field = self._reading.text_literal(tree, "The field")
        if field not in WINDOW_FIELDS:
            raise self._reading.fail_name("field", field, WINDOW_FIELDS, tree)
        return field

    def _candle(self, name: str, call: ast.Call) -> Node:
        self._arity(name, call, 1)
        argument = call.args[0]
        if not isinstance(argument, ast.Name) or argument.id not in CANDLE_LAGS:
            raise self._reading.fail(f"{name} takes candle or prev_candle", argument, "candle")
        return Column(CANDLE_FUNCTIONS[name], CANDLE_LAGS[argument.id])

    def _round(self, call: ast.Call) -> Node:
        bound = self._bind("round", ("x", "digits"), call.args, call)
        if "x" not in bound or any(keyword.arg == "x" for keyword in call.keywords):
            raise self._reading.fail("round takes (x) or (x, digits)", call)
        digits = 0
        if "digits" in bound:
            digits = self._reading.whole_literal(bound["digits"], "digits", -_MAX_DIGITS, _MAX_DIGITS)
        return Call("round", (self._operand(bound["x"]),), digits)

    def _time_is_between(self, call: ast.Call) -> Node:
        self._arity("time_is_between", call, 3)
        moment = call.args[0]
        lag = _timestamp_lag(moment)
        if lag is None:
            raise self._reading.fail("The first argument of time_is_between must be timestamp", moment, "timestamp")
        first, last = (self._minute(tree) for tree in call.args[1:])
        if first > last:
            self._reading.note("The first time is after the second, so this is never true", call)
        minute = Column(ColumnRequest("minute"), lag)
        after = Compare(">=", minute, Number(float(first)))
        return Logic("and", (after, Compare("<=", minute, Number(float(last)))), Kind.BOOL)

    def _minute(self, tree: ast.expr) -> int:
        text = self._reading.text_literal(tree, "A time")
        match = _CLOCK.fullmatch(text)
        if match is None:
            raise self._reading.fail(f"{text[:20]!r} is not a time of day as 'HH:MM'", tree)
        return int(match.group(1)) * 60 + int(match.group(2))

    def _cross(self, name: str, args: list[ast.expr], call: ast.Call) -> Node:
        self._arity(name, call, 2)
        before, now = CROSS_FUNCTIONS[name]
        a, b = (self._operand(arg) for arg in args)
        a_before, b_before = (self._previous(node, arg) for node, arg in zip((a, b), args, strict=True))
        return Logic("and", (Compare(before, a_before, b_before), Compare(now, a, b)), Kind.BOOL)

    def _previous(self, node: Node, tree: ast.expr) -> Node:
        """The same expression one bar earlier."""
        match node:
            case Column():
                if node.lag:
                    reason = "A crossing already looks one bar back: prev_candle and crossings may not nest"
                    raise self._reading.fail(reason, tree)
                return replace(node, lag=1)
            case ContextValue(family=Context.SENTIMENT | Context.SCREENER):
                reason = f"A crossing needs the previous bar's value, and {node.family} keeps only the last"
                raise self._reading.fail(reason, tree)
            case Unary():
                return replace(node, operand=self._previous(node.operand, tree))
            case Binary() | Compare():
                return replace(node, left=self._previous(node.left, tree), right=self._previous(node.right, tree))
            case Logic():
                return replace(node, operands=tuple(self._previous(o, tree) for o in node.operands))
            case Choice():
                then, other = self._previous(node.then, tree), self._previous(node.other, tree)
                return Choice(self._previous(node.condition, tree), then, other, node.kind)
            case Call():
                return replace(node, args=tuple(self._previous(o, tree) for o in node.args))
            case _:
                return node


def _starts_with_history(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Name) and call.args[0].id == "history"


def _timestamp_lag(tree: ast.expr) -> int | None:
    """0 for ``timestamp`` and ``candle.timestamp``, 1 for ``prev_candle.timestamp``, None for anything else."""
    if isinstance(tree, ast.Name) and tree.id == "timestamp":
        return 0
    if isinstance(tree, ast.Attribute) and tree.attr == "timestamp" and isinstance(tree.value, ast.Name):
        return CANDLE_LAGS.get(tree.value.id)
    return None


def _counted(count: int) -> str:
    return ("no arguments", "one argument")[count] if count < 2 else f"{count} arguments"
