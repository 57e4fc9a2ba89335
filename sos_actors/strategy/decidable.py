"""What can be known about an expression without any market data: its constant value, and which of two is larger.

Decidable are: arithmetic of literals, and/or/not whose outcome a literal settles, a value compared with itself, and
values compared with several literals at once. Everything else answers None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from sos_actors.strategy.bounds import children
from sos_actors.strategy.reference_functions import SCALARS, finite, power
from sos_actors.strategy.tree import (
    Binary,
    Call,
    Choice,
    Column,
    Compare,
    Context,
    ContextValue,
    Logic,
    Node,
    Number,
    Text,
    Unary,
)

_NEVER_NEGATIVE_FIELDS = (
    "open", "high", "low", "close", "volume", "oi", "atr", "body_size", "range", "high_wick", "low_wick", "timestamp",
)  # fmt: skip
_NEVER_NEGATIVE_FUNCTIONS = (
    "sma", "ema", "highest", "lowest", "stdev", "rsi", "atr", "vwap", "minute",
    "prev_day_close", "prev_day_high", "prev_day_low", "day_open", "day_high", "day_low",
)  # fmt: skip
_ORDER = {"low": 0, "open": 1, "close": 1, "high": 2}
_COMPARE = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}


def walk(node: Node) -> Iterable[Node]:
    """The node and everything below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def constant(node: Node) -> float | str | None:
    """The value the expression has on every bar, or None when that depends on the bar or the expression fails."""
    match node:
        case Number() | Text():
            return node.value
        case Unary():
            value = constant(node.operand)
            if not isinstance(value, float):
                return None
            return float(value == 0.0) if node.op == "not" else -value if node.op == "-" else value
        case Binary():
            return _arithmetic(node.op, constant(node.left), constant(node.right))
        case Compare():
            return _comparison(node)
        case Logic():
            return _logic(node)
        case Choice():
            chosen = constant(node.condition)
            return None if chosen is None else constant(node.then if chosen else node.other)
        case Call():
            return _scalar(node)
        case _:
            return None


def _arithmetic(op: str, a: float | str | None, b: float | str | None) -> float | None:
    if not isinstance(a, float) or not isinstance(b, float):
        return None
    try:
        match op:
            case "+":
                return a + b
            case "-":
                return a - b
            case "*":
                return a * b
            case "/":
                return a / b
            case "//":
                return a // b
            case "%":
                return a % b
            case _:
                return power(a, b)
    except ArithmeticError:
        return None


def _comparison(node: Compare) -> float | None:
    left, right = constant(node.left), constant(node.right)
    if left is not None and right is not None:
        return float(_COMPARE[node.op](left, right))
    if isinstance(node.left, Column) and node.left == node.right:
        return float(node.op in ("<=", ">=", "=="))
    return None


def _logic(node: Logic) -> float | str | None:
    """``and`` is settled by any false literal operand, ``or`` by any true one, both when all are literal."""
    deciding = (lambda value: not value) if node.op == "and" else bool
    values = [constant(operand) for operand in node.operands]
    settled = [value for value in values if value is not None and deciding(value)]
    if settled:
        return 0.0 if node.op == "and" else 1.0
    if any(value is None for value in values):
        return 0.0 if node.op == "and" and contradiction(node.operands) else None
    return values[-1]


def _scalar(node: Call) -> float | None:
    values = [constant(arg) for arg in node.args]
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) < len(values):
        return None
    try:
        if node.name == "round":
            return round(finite(numbers[0]), node.digits)
        if node.name in SCALARS:
            return SCALARS[node.name](numbers[0])
    except (ArithmeticError, ValueError):
        return None
    return max(numbers) if node.name == "max" else min(numbers)


def contradiction(conditions: Iterable[Node]) -> bool:
    """Whether conditions that must all hold can't: one value against literals that leave it no room."""
    bounds: dict[Node, tuple[float, bool, float, bool]] = {}
    for node in _conjuncts(conditions):
        if not isinstance(node, Compare):
            continue
        value, op, literal = node.left, node.op, constant(node.right)
        if literal is None:
            value, op, literal = node.right, _MIRROR.get(node.op, ""), constant(node.left)
        if not isinstance(value, (Column, ContextValue)) or not isinstance(literal, float) or op not in _MIRROR:
            continue
        low, low_open, high, high_open = bounds.get(value, (-math.inf, False, math.inf, False))
        if op in (">", ">=", "==") and (literal, op == ">") > (low, low_open):
            low, low_open = literal, op == ">"
        if op in ("<", "<=", "==") and (literal, op != "<") < (high, not high_open):
            high, high_open = literal, op == "<"
        bounds[value] = (low, low_open, high, high_open)
        if low > high or (low == high and (low_open or high_open)):
            return True
    return False


def _conjuncts(conditions: Iterable[Node]) -> Iterable[Node]:
    for node in conditions:
        if isinstance(node, Logic) and node.op == "and":
            yield from _conjuncts(node.operands)
        else:
            yield node


def never_negative(node: Node) -> bool:
    """Whether the value is zero or more on every bar."""
    match node:
        case Number():
            return node.value >= 0.0
        case Column(request=request):
            return (request.field in _NEVER_NEGATIVE_FIELDS or not request.field) and (
                request.function in (*_NEVER_NEGATIVE_FUNCTIONS, "field")
            )
        case ContextValue():
            return node.family is Context.EXECUTION and node.name == "risk"
        case Binary(op="+" | "*" | "/"):
            return never_negative(node.left) and never_negative(node.right)
        case Call(name="abs" | "sqrt" | "exp"):
            return True
        case Call(name="max"):
            return any(never_negative(arg) for arg in node.args)
        case Call():
            return node.name != "log" and all(never_negative(arg) for arg in node.args)
        case _:
            return False


def never_above(a: Node, b: Node, positive: frozenset[str] = frozenset()) -> bool:
    """Whether ``a <= b`` on every bar, as far as can be seen.

    Args:
        a: an expression.
        b: another one.
        positive: the regime fields that no regime of the strategy sets below zero.
    """
    first, second = constant(a), constant(b)
    if isinstance(first, float) and isinstance(second, float):
        return first <= second
    if a == b or _same_bar_order(a, b):
        return True
    if isinstance(a, Binary) and a.op == "-" and _amount(a.right, positive):
        return never_above(a.left, b, positive)
    if isinstance(b, Binary) and b.op == "+":
        if _amount(b.right, positive) and never_above(a, b.left, positive):
            return True
        return _amount(b.left, positive) and never_above(a, b.right, positive)
    return False


def _amount(node: Node, positive: frozenset[str]) -> bool:
    """Like ``never_negative``, also for products with the regime's fields."""
    if isinstance(node, ContextValue) and node.family is Context.REGIME:
        return node.name in positive
    if isinstance(node, Binary) and node.op in ("+", "*", "/"):
        return _amount(node.left, positive) and _amount(node.right, positive)
    return never_negative(node)


def _same_bar_order(a: Node, b: Node) -> bool:
    """low <= open, close <= high of one bar."""
    if not (isinstance(a, Column) and isinstance(b, Column)) or a.lag != b.lag:
        return False
    if a.request.function != "field" or b.request.function != "field":
        return False
    first, second = _ORDER.get(a.request.field), _ORDER.get(b.request.field)
    return first is not None and second is not None and first < second
