"""Rewrites a checked expression for the reference: numbers become floats, names become calls of internal functions.

Works on Python's own syntax tree and knows nothing of the typed tree.
"""

from __future__ import annotations

import ast
import copy

from sos_actors.strategy.bounds import parse_checked
from sos_actors.strategy.names import (
    BAR_NAMES,
    BARE_REGIME_NAMES,
    CANDLE_FUNCTIONS,
    CROSS_FUNCTIONS,
    MANY_FUNCTIONS,
    SCALAR_FUNCTIONS,
    SESSION_FUNCTIONS,
    TRUTHS,
    WINDOW_FUNCTIONS,
)
from sos_actors.strategy.tree import EXECUTION_FIELDS

_SHAPES = {"high_wick": "high_wick", "low_wick": "low_wick", "body_size": "body_size", "candle_size": "range"}
_COMPARISONS: dict[str, ast.cmpop] = {"<": ast.Lt(), "<=": ast.LtE(), ">": ast.Gt(), ">=": ast.GtE()}
_DEFAULTS: dict[str, tuple[tuple[str, float], ...]] = {
    "bb_upper": (("n", 20.0), ("k", 2.0)), "bb_lower": (("n", 20.0), ("k", 2.0)), "rsi": (("n", 14.0),),
    "atr": (("n", 14.0),), "vwap": (),
}  # fmt: skip


def rewrite(source: str) -> ast.expr:
    """The tree asteval runs for an expression that the parser has accepted.

    Raises:
        ExpressionError: the parser would not have accepted it.
    """
    tree, _ = parse_checked(source)
    rewritten = _Rewriter(0).visit(tree)
    assert isinstance(rewritten, ast.expr)
    return ast.fix_missing_locations(rewritten)


def _call(name: str, *args: ast.expr | float | str) -> ast.Call:
    nodes = [arg if isinstance(arg, ast.expr) else ast.Constant(arg) for arg in args]
    return ast.Call(ast.Name(name, ast.Load()), nodes, [])


class _Rewriter(ast.NodeTransformer):
    """``lag`` 1 rewrites the expression as it was one bar earlier."""

    def __init__(self, lag: int) -> None:
        self._lag = float(lag)

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Constant(float(node.value)) if isinstance(node.value, (bool, int, float)) else node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        name = node.id
        if name in BAR_NAMES:
            return _call("load", self._lag, "candle", name)
        if name in BARE_REGIME_NAMES:
            return _call("load", self._lag, "regime", name)
        if name in EXECUTION_FIELDS:
            return _call("load", self._lag, "", name)
        if name in TRUTHS:
            return ast.Constant(TRUTHS[name])
        return _call("load", self._lag, "vars", name)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        owner = node.value
        family = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
        return _call("load", self._lag, family, node.attr)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self._number(node.left), self._number(node.right)
        if isinstance(node.op, ast.Pow):
            return _call("power", left, right)
        return ast.BinOp(left, node.op, right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        operand = self.visit(node.operand) if isinstance(node.op, ast.Not) else self._number(node.operand)
        return ast.UnaryOp(node.op, operand)

    def _number(self, node: ast.expr) -> ast.expr:
        """The rewritten node, made a float where it could be a truth (Python's integers never meet our arithmetic)."""
        rewritten = self.visit(node)
        assert isinstance(rewritten, ast.expr)
        if isinstance(node, (ast.Compare, ast.BoolOp, ast.IfExp, ast.UnaryOp)):
            return _call("number", rewritten)
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            return _call("number", rewritten) if name in CROSS_FUNCTIONS or name == "time_is_between" else rewritten
        return rewritten

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Attribute):
            return self.visit_Attribute(node.func)
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name in WINDOW_FUNCTIONS and _is_name(node.args[:1], "history"):
            return self._window(name, node)
        if name in CANDLE_FUNCTIONS:
            candle = node.args[0]
            assert isinstance(candle, ast.Name)
            return _call("load", self._lag, candle.id, _SHAPES[name])
        if name in CROSS_FUNCTIONS:
            return self._cross(name, node)
        if name in SESSION_FUNCTIONS:
            return _call("column", self._lag, name, 0.0, "", 0.0)
        if name == "time_is_between":
            return self._time_is_between(node)
        if name == "round":
            digits = node.args[1] if len(node.args) > 1 else node.keywords[0].value if node.keywords else None
            return _call("rounded", self._number(node.args[0]), 0.0 if digits is None else self._number(digits))
        args = [self._number(arg) for arg in node.args]
        if name in MANY_FUNCTIONS:
            return _call("greatest" if name == "max" else "least", *args)
        assert name in SCALAR_FUNCTIONS
        return _call(name, *args)

    def _window(self, name: str, node: ast.Call) -> ast.expr:
        values: dict[str, ast.expr] = {p: ast.Constant(v) for p, v in _DEFAULTS.get(name, ())}
        order = [p for p, _ in _DEFAULTS[name]] if name in _DEFAULTS else ["n", "field"]
        values.update(zip(order, node.args[1:], strict=False))
        values.update((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg is not None)
        absent: tuple[tuple[str, float | str], ...] = (("n", 0.0), ("field", ""), ("k", 0.0))
        given = [values.get(parameter, ast.Constant(value)) for parameter, value in absent]
        return _call("column", self._lag, name, *(self.visit(copy.deepcopy(value)) for value in given))

    def _cross(self, name: str, node: ast.Call) -> ast.expr:
        before, now = (_COMPARISONS[op] for op in CROSS_FUNCTIONS[name])
        a, b = node.args
        earlier = _Rewriter(1)
        then = ast.Compare(earlier.visit(copy.deepcopy(a)), [before], [earlier.visit(copy.deepcopy(b))])
        return ast.BoolOp(ast.And(), [then, ast.Compare(self.visit(a), [now], [self.visit(b)])])

    def _time_is_between(self, node: ast.Call) -> ast.expr:
        moment, first, last = node.args
        lag = self._lag + float(isinstance(moment, ast.Attribute) and _owner(moment) == "prev_candle")
        within = [_call("minute", lag), ast.Constant(_minutes(last))]
        return ast.Compare(ast.Constant(_minutes(first)), [ast.LtE(), ast.LtE()], within)


def _is_name(nodes: list[ast.expr], name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in nodes)


def _owner(node: ast.Attribute) -> str:
    return node.value.id if isinstance(node.value, ast.Name) else ""


def _minutes(node: ast.expr) -> float:
    assert isinstance(node, ast.Constant)
    hours, minutes = str(node.value).split(":")
    return float(hours) * 60.0 + float(minutes)
