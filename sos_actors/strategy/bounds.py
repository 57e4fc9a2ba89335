"""Bounds on hostile text: everything here is checked before the text reaches Python's parser, or right after it."""

from __future__ import annotations

import ast
import re
import warnings

from sos_actors.strategy.findings import ExpressionError
from sos_actors.strategy.tree import (
    Binary,
    Call,
    Choice,
    Compare,
    Logic,
    Node,
    Unary,
)

MAX_CHARACTERS = 2_000
MAX_BRACKETS = 40
MAX_DEPTH = 40
MAX_NODES = 400
MAX_TREE_NODES = 1_000
"""Of the typed tree, counted as if nothing were shared: chains and ``in`` repeat their operand."""
MAX_MAGNITUDE = 1e15

_TOKEN = re.compile(
    r"""(?P<quoted>'(?:[^'\\]|\\.)*+'?|"(?:[^"\\]|\\.)*+"?)|(?P<open>[(\[{])|(?P<close>[)\]}])|[#\\]""", re.S
)
_FOREIGN = ((re.compile(r"&&"), "and"), (re.compile(r"\|\|"), "or"), (re.compile(r"!(?!=)"), "not"))
_NOT_COUNTED = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)


def parse_checked(source: str) -> tuple[ast.expr, int]:
    """Python's syntax tree of one expression, small and shallow enough to walk, and the characters stripped in front.

    Raises:
        ExpressionError: the text is too long, too deep, or not one expression.
    """
    _check_text(source)
    line = re.sub(r"\s", " ", source)
    offset = len(line) - len(line.lstrip())
    body = line.strip()
    if not body:
        raise ExpressionError("The expression is empty", source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(body, mode="eval").body
    except SyntaxError as error:
        raise _syntax_error(error, source, offset) from None
    except (RecursionError, MemoryError, ValueError):
        reason = "The expression is nested too deeply or holds a character Python refuses"
        raise ExpressionError(reason, source) from None
    _check_tree(tree, source)
    return tree, offset


def _check_text(source: str) -> None:
    """Length, bracket depth, and the two characters that would hide text from the reader."""
    if len(source) > MAX_CHARACTERS:
        raise ExpressionError(f"The expression has {len(source)} characters; at most {MAX_CHARACTERS}", source)
    depth = 0
    for token in _TOKEN.finditer(source):
        if token.lastgroup == "open":
            depth += 1
            if depth > MAX_BRACKETS:
                raise ExpressionError(f"More than {MAX_BRACKETS} brackets inside each other", source, token.start())
        elif token.lastgroup == "close":
            depth -= 1
        elif token.lastgroup is None:
            raise ExpressionError(f"{token.group()!r} is not allowed in an expression", source, token.start())


def _syntax_error(error: SyntaxError, source: str, offset: int) -> ExpressionError:
    for pattern, word in _FOREIGN:
        found = pattern.search(source)
        if found:
            return ExpressionError(f"{found.group()!r} is not an operator here", source, found.start(), word)
    column = min(max((error.offset or 1) - 1, 0) + offset, max(len(source) - 1, 0))
    return ExpressionError(f"Not an expression: {error.msg}", source, column)


def _check_tree(tree: ast.expr, source: str) -> None:
    """Node count and depth, without recursion."""
    count = 0
    stack: list[tuple[ast.AST, int]] = [(tree, 1)]
    while stack:
        node, depth = stack.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise ExpressionError(f"The expression is more than {MAX_DEPTH} levels deep", source)
        if count > MAX_NODES:
            raise ExpressionError(f"The expression has more than {MAX_NODES} parts", source)
        stack.extend((c, depth + 1) for c in ast.iter_child_nodes(node) if not isinstance(c, _NOT_COUNTED))


def children(node: Node) -> tuple[Node, ...]:
    """The operands of a tree node, in the order they are evaluated (a choice: condition, then, other)."""
    match node:
        case Unary():
            return (node.operand,)
        case Binary() | Compare():
            return (node.left, node.right)
        case Logic():
            return node.operands
        case Choice():
            return (node.condition, node.then, node.other)
        case Call():
            return node.args
        case _:
            return ()


def tree_size(node: Node, seen: dict[int, int] | None = None) -> int:
    """Nodes of a tree, a shared one counted every time it appears; linear in the distinct ones."""
    sizes = {} if seen is None else seen
    known = sizes.get(id(node))
    if known is None:
        known = sizes[id(node)] = 1 + sum(tree_size(child, sizes) for child in children(node))
    return known
