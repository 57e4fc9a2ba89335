"""The checked parser: an expression of a strategy file becomes a typed tree, or is refused with place and reason.

Nothing is ever evaluated here; what is not on the list of the language does not pass.
"""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass

from sos_actors.strategy.bounds import MAX_TREE_NODES, parse_checked, tree_size
from sos_actors.strategy.calls import CallReader
from sos_actors.strategy.findings import ExpressionError, Note, nearest, printable
from sos_actors.strategy.names import (
    BAR_NAMES,
    BARE_REGIME_NAMES,
    CANDLE_FIELDS,
    CANDLE_GETTERS,
    CANDLE_LAGS,
    FUNCTIONS,
    REGIME_NAMES,
    RESERVED,
    ROOTS,
    TEXT_FIELDS,
    TRUTHS,
    VARIABLE_ROOTS,
)
from sos_actors.strategy.reading import Reading, Scope
from sos_actors.strategy.tree import (
    EXECUTION_FIELDS,
    Binary,
    Captured,
    Choice,
    Column,
    Compare,
    Context,
    ContextValue,
    Expression,
    Kind,
    Logic,
    Node,
    Number,
    Text,
    Unary,
)

__all__ = ["Assignment", "ExpressionError", "Parsed", "Scope", "parse_expression", "parse_noted", "split_assignment"]

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_UNARY: dict[type[ast.unaryop], str] = {ast.USub: "-", ast.UAdd: "+", ast.Not: "not"}
_ASSIGNMENT = re.compile(r"\s*(?:(?P<root>vars?)\s*\.\s*)?(?P<name>[A-Za-z_]\w*)\s*=(?!=)(?P<rest>.*)", re.S)
_VARIABLE = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Parsed:
    """An expression with the warnings about it."""

    expression: Expression
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """The older files' ``name = expression``.

    Attributes:
        bare: written without ``vars.``, so it may also be read without.
        offset: characters before ``source`` in the whole condition.
    """

    name: str
    source: str
    bare: bool
    offset: int


def parse_expression(source: str, scope: Scope | None = None) -> Expression:
    """Read one expression.

    Raises:
        ExpressionError: anything that is not the language; carries reason, column and the nearest valid name.
    """
    return parse_noted(source, scope).expression


def parse_noted(source: str, scope: Scope | None = None) -> Parsed:
    """Read one expression and keep the warnings.

    Raises:
        ExpressionError: anything that is not the language.
    """
    tree, offset = parse_checked(source)
    reading = Reading(source, offset, scope or Scope())
    root = _TreeReader(reading).node(tree)
    if tree_size(root) > MAX_TREE_NODES:
        raise ExpressionError(f"Written out, the expression has more than {MAX_TREE_NODES} parts", source)
    return Parsed(Expression(source, root), tuple(reading.notes))


def split_assignment(source: str) -> Assignment | None:
    """The parts of a ``name = expression`` condition, or None when the condition is not one."""
    match = _ASSIGNMENT.fullmatch(source)
    if match is None:
        return None
    return Assignment(match["name"], match["rest"], match["root"] is None, match.start("rest"))


def is_variable_name(name: str) -> bool:
    """Whether a capture may have this name: an identifier, no dunder, no keyword, not ``screener``."""
    return bool(_VARIABLE.fullmatch(name)) and not keyword.iskeyword(name) and name != "screener"


class _TreeReader:
    """Turns Python's syntax tree into ours; every node type that is not handled is refused."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._calls = CallReader(reading, self.number)

    def node(self, tree: ast.expr) -> Node:
        match tree:
            case ast.Constant():
                return self._constant(tree)
            case ast.Name():
                return self._name(tree)
            case ast.Attribute():
                return self._attribute(tree)
            case ast.Call():
                return self._call(tree)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                negation = isinstance(op, ast.Not)
                return Unary(_UNARY[type(op)], self.number(operand), Kind.BOOL if negation else Kind.NUMBER)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _BINARY:
                return Binary(_BINARY[type(op)], self.number(left), self.number(right))
            case ast.BoolOp():
                operands = tuple(self.number(value) for value in tree.values)
                return Logic("and" if isinstance(tree.op, ast.And) else "or", operands, _common_kind(*operands))
            case ast.Compare():
                return self._compare(tree)
            case ast.IfExp():
                then, other = self.number(tree.body), self.number(tree.orelse)
                return Choice(self.number(tree.test), then, other, _common_kind(then, other))
            case _:
                raise self._reading.fail(f"{_plain_words(tree)} is not part of the language", tree)

    def number(self, tree: ast.expr) -> Node:
        """A node that is a number or a truth."""
        node = self.node(tree)
        if node.kind is Kind.TEXT:
            reason = "A text can only be compared with == != in, or captured; a number belongs here"
            raise self._reading.fail(reason, tree)
        return node

    def _constant(self, tree: ast.Constant) -> Node:
        if isinstance(tree.value, str):
            return Text(tree.value)
        return self._reading.number(tree, tree.value)

    def _name(self, tree: ast.Name) -> Node:
        name, reading = tree.id, self._reading
        if name in reading.scope.assigned and name not in RESERVED:
            return reading.captured(name)
        if name in BAR_NAMES:
            return Column(BAR_NAMES[name])
        if name in BARE_REGIME_NAMES:
            return ContextValue(Context.REGIME, name)
        if name in EXECUTION_FIELDS:
            return reading.execution(name, tree)
        if name in TRUTHS:
            return Number(TRUTHS[name], Kind.BOOL)
        if name in reading.scope.captures:
            raise reading.fail(f"Unknown name {name!r}", tree, f"vars.{name}")
        if name in ROOTS or name in VARIABLE_ROOTS:
            raise reading.fail(f"{name} needs a field after a dot", tree, next(iter(ROOTS.get(name, ())), None))
        if name == "history":
            raise reading.fail("history can only be the first argument of a function", tree)
        if name in FUNCTIONS:
            raise reading.fail(f"{name} is a function and needs its arguments in brackets", tree)
        values = (*BAR_NAMES, *BARE_REGIME_NAMES, *reading.scope.execution)
        dotted = [f"{root}.{field}" for root, fields in ROOTS.items() for field in fields if field == name]
        hint = dotted[0] if dotted else nearest(name, values)
        raise reading.fail(f"Unknown name {printable(name, 80)!r}", tree, hint)

    def _attribute(self, tree: ast.Attribute) -> Node:
        reading, name = self._reading, tree.attr
        match tree.value:
            case ast.Name(id=root) if root in CANDLE_LAGS:
                if name not in CANDLE_FIELDS:
                    raise reading.fail_name(f"field of {root}", name, ROOTS[root], tree)
                return Column(CANDLE_FIELDS[name], CANDLE_LAGS[root])
            case ast.Name(id="sentiment" | "screener" as root):
                return reading.context(root, name, tree)
            case ast.Name(id="regime"):
                if name not in REGIME_NAMES:
                    raise reading.fail_name("field of regime", name, REGIME_NAMES, tree)
                kind = Kind.BOOL if name == "allow_entry" else Kind.NUMBER
                return ContextValue(Context.REGIME, REGIME_NAMES[name], kind)
            case ast.Name(id=root) if root in VARIABLE_ROOTS:
                if not is_variable_name(name):
                    raise reading.fail(f"{printable(name, 80)!r} cannot be the name of a capture", tree)
                return reading.captured(name)
            case ast.Attribute(value=ast.Name(id=root), attr="screener") if root in VARIABLE_ROOTS:
                return reading.context("screener", name, tree)
            case ast.Name(id=root) if root in RESERVED:
                raise reading.fail(f"{root} has no parts", tree)
            case ast.Name(id=root):
                raise reading.fail_name("name", root, (*ROOTS, *VARIABLE_ROOTS), tree)
            case _:
                raise reading.fail(f"Nothing here has a field {printable(name, 80)!r}", tree)

    def _call(self, tree: ast.Call) -> Node:
        for argument in tree.args:
            if isinstance(argument, ast.Starred):
                raise self._reading.fail("A starred argument is not part of the language", argument)
        match tree.func:
            case ast.Name():
                return self._calls.read(tree)
            case ast.Attribute(value=ast.Name(id=root), attr=getter) if root in CANDLE_LAGS:
                if getter not in CANDLE_GETTERS:
                    raise self._reading.fail_name(f"call of {root}", getter, CANDLE_GETTERS, tree.func)
                if tree.args or tree.keywords:
                    raise self._reading.fail(f"{root}.{getter}() takes no arguments", tree)
                return Column(CANDLE_GETTERS[getter], CANDLE_LAGS[root])
            case _:
                raise self._reading.fail("Only the functions of the language can be called", tree)

    def _compare(self, tree: ast.Compare) -> Node:
        parts: list[Node] = []
        left_tree = tree.left
        for op, right_tree in zip(tree.ops, tree.comparators, strict=True):
            if isinstance(op, (ast.In, ast.NotIn)):
                parts.append(self._membership(left_tree, right_tree, isinstance(op, ast.NotIn)))
            elif type(op) in _COMPARE:
                left, right = self.node(left_tree), self.node(right_tree)
                parts.append(self._comparison(_COMPARE[type(op)], left, right, left_tree, right_tree))
            else:
                raise self._reading.fail("Compare with == or !=: 'is' is not part of the language", right_tree, "==")
            left_tree = right_tree
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts), Kind.BOOL)

    def _comparison(self, op: str, left: Node, right: Node, left_tree: ast.expr, right_tree: ast.expr) -> Compare:
        left, right = self._inferred(left, right), self._inferred(right, left)
        texts = (left.kind is Kind.TEXT, right.kind is Kind.TEXT)
        if any(texts) and not all(texts):
            raise self._reading.fail("A text is compared with a number", right_tree if texts[1] else left_tree)
        if all(texts) and op not in ("==", "!="):
            raise self._reading.fail(f"Texts can be compared with == and !=, not with {op}", right_tree)
        self._check_spelling(left, right, right_tree)
        self._check_spelling(right, left, left_tree)
        return Compare(op, left, right)

    def _inferred(self, node: Node, other: Node) -> Node:
        """A variable that is not captured yet is a text when it is compared with one."""
        if isinstance(node, Captured) and other.kind is Kind.TEXT and node.name not in self._reading.scope.captures:
            return Captured(node.name, Kind.TEXT)
        return node

    def _check_spelling(self, value: Node, literal: Node, at: ast.expr) -> None:
        """Warn when a field of words is compared with a word it never is."""
        if isinstance(literal, Text) and isinstance(value, ContextValue) and value.name in TEXT_FIELDS:
            words = TEXT_FIELDS[value.name]
            if literal.value not in words:
                hint = nearest(literal.value, words)
                message = f"sentiment.{value.name} is never {printable(literal.value, 60)!r}: {', '.join(words)}"
                self._reading.note(message, at, repr(hint) if hint else None)

    def _membership(self, left_tree: ast.expr, right_tree: ast.expr, negated: bool) -> Node:
        if not isinstance(right_tree, (ast.List, ast.Tuple)) or not right_tree.elts:
            reason = "'in' needs a list of literals, for example ['Long Buildup', 'Short Covering']"
            raise self._reading.fail(reason, right_tree)
        left = self.node(left_tree)
        compares = tuple(
            self._comparison("==", left, self._literal(element), left_tree, element) for element in right_tree.elts
        )
        found: Node = compares[0] if len(compares) == 1 else Logic("or", compares, Kind.BOOL)
        return Unary("not", found, Kind.BOOL) if negated else found

    def _literal(self, tree: ast.expr) -> Node:
        if isinstance(tree, ast.Constant):
            return self._constant(tree)
        return Number(self._reading.number_literal(tree, "An element of the list"))


def _common_kind(*nodes: Node) -> Kind:
    return Kind.BOOL if all(node.kind is Kind.BOOL for node in nodes) else Kind.NUMBER


def _plain_words(tree: ast.AST) -> str:
    words = {"Subscript": "A subscript [...]", "JoinedStr": "An f-string", "NamedExpr": "An assignment :="}
    return words.get(type(tree).__name__, f"Python's {type(tree).__name__}")
