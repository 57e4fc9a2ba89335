"""What every part of the parser shares: the scope, the text, how to fail at a place, and how to read a literal."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sos_actors.strategy.bounds import MAX_MAGNITUDE
from sos_actors.strategy.findings import ExpressionError, Note, nearest
from sos_actors.strategy.names import sentiment_kind
from sos_actors.strategy.tree import (
    EXECUTION_FIELDS,
    SCREENER_FIELDS,
    SENTIMENT_FIELDS,
    Captured,
    Context,
    ContextValue,
    Kind,
    Node,
    Number,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may refer to besides the fixed names.

    Attributes:
        captures: kinds of the variables captured so far; ``vars.NAME`` outside it is read as a number (a capture that
            is missing is a run-time error, and a finding of ``validate``).
        assigned: variables made by ``name = expression`` conditions, which may also be written without ``vars.``.
        execution: of ``entry sl risk``, those already set.
    """

    captures: Mapping[str, Kind] = field(default_factory=dict)
    assigned: frozenset[str] = frozenset()
    execution: tuple[str, ...] = ()


class Reading:
    """One expression being read: its text, its scope, the notes made so far."""

    def __init__(self, source: str, offset: int, scope: Scope) -> None:
        self.source = source
        self.scope = scope
        self.notes: list[Note] = []
        self._offset = offset
        self._bytes = source[offset:].encode("utf-8", "surrogatepass")

    def column(self, tree: ast.AST) -> int:
        """Characters of the source before the node, or before the name after its dot (Python counts bytes)."""
        column: int = getattr(tree, "col_offset", 0)
        if isinstance(tree, ast.Attribute) and tree.end_col_offset is not None:
            column = max(column, tree.end_col_offset - len(tree.attr.encode()))
        return self._offset + len(self._bytes[:column].decode("utf-8", "ignore"))

    def fail(self, reason: str, tree: ast.AST, suggestion: str | None = None) -> ExpressionError:
        """The error that refuses the expression at this node; the caller raises it."""
        return ExpressionError(reason, self.source, self.column(tree), suggestion)

    def fail_name(self, what: str, name: str, valid: Iterable[str], tree: ast.AST) -> ExpressionError:
        """The error for an unknown name, with the nearest valid one."""
        return self.fail(f"Unknown {what} {name[:80]!r}", tree, nearest(name, valid))

    def note(self, message: str, tree: ast.AST, suggestion: str | None = None) -> None:
        """Remember a warning."""
        self.notes.append(Note(message, self.column(tree), suggestion))

    def number(self, tree: ast.Constant, value: object) -> Number:
        """A number or truth literal within bounds."""
        if isinstance(value, bool):
            return Number(float(value), Kind.BOOL)
        if not isinstance(value, (int, float)):
            raise self.fail(f"A literal of type {type(value).__name__} is not allowed: numbers and texts are", tree)
        if not -MAX_MAGNITUDE <= value <= MAX_MAGNITUDE:
            raise self.fail(f"A number may not be larger than {MAX_MAGNITUDE:g}", tree)
        return Number(float(value))

    def number_literal(self, tree: ast.expr, what: str) -> float:
        """A number written out, with or without a sign."""
        sign = 1.0
        inner = tree
        if isinstance(inner, ast.UnaryOp) and isinstance(inner.op, (ast.USub, ast.UAdd)):
            sign = -1.0 if isinstance(inner.op, ast.USub) else 1.0
            inner = inner.operand
        if not isinstance(inner, ast.Constant) or isinstance(inner.value, (bool, str)):
            raise self.fail(f"{what} must be a number written out", tree)
        return sign * self.number(inner, inner.value).value

    def whole_literal(self, tree: ast.expr, what: str, low: int, high: int) -> int:
        """A whole number written out, between bounds (``20.0`` is whole)."""
        value = self.number_literal(tree, what)
        if value != int(value) or not low <= value <= high:
            raise self.fail(f"{what} must be a whole number from {low} to {high}", tree)
        return int(value)

    def text_literal(self, tree: ast.expr, what: str) -> str:
        """A text in quotes."""
        if not isinstance(tree, ast.Constant) or not isinstance(tree.value, str):
            raise self.fail(f"{what} must be a text in quotes", tree)
        return tree.value

    def context(self, family: str, name: str, tree: ast.AST) -> Node:
        """``sentiment.X`` or ``screener.X``."""
        if family == "sentiment":
            if name not in SENTIMENT_FIELDS:
                raise self.fail_name("field of sentiment", name, SENTIMENT_FIELDS, tree)
            return ContextValue(Context.SENTIMENT, name, sentiment_kind(name))
        if name not in SCREENER_FIELDS:
            raise self.fail_name("field of screener", name, SCREENER_FIELDS, tree)
        return ContextValue(Context.SCREENER, name)

    def execution(self, name: str, tree: ast.AST) -> Node:
        """``entry``, ``sl`` or ``risk``, where they are already set."""
        if name not in self.scope.execution:
            if not self.scope.execution and name in self.scope.captures:
                raise self.fail(f"{name!r} is a capture", tree, f"vars.{name}")
            order = ", ".join(EXECUTION_FIELDS)
            raise self.fail(f"{name!r} is not set here: {order} are set in this order in execution", tree)
        return ContextValue(Context.EXECUTION, name)

    def captured(self, name: str) -> Node:
        """``vars.NAME``."""
        return Captured(name, self.scope.captures.get(name, Kind.NUMBER))
