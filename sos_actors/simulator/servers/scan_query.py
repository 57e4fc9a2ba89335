"""The screener's query language: filters, trees of filters, sorting and the range of rows.

A comparison with a value that is not known is never true. Source: bodies the official clients send, 2026.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

Values = Callable[[str], list[Any]]
"""The values of a column, one a row; raises ``QueryError`` for one that does not exist."""
_MOST_DEPTH = 20


class QueryError(Exception):
    """What the screener refuses, in its own words."""


_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "greater": operator.gt,
    "egreater": operator.ge,
    "less": operator.lt,
    "eless": operator.le,
    "equal": operator.eq,
    "nequal": operator.ne,
}
_SHARES: dict[str, Callable[[Any, Any], Any]] = {"above%": operator.ge, "below%": operator.le}


def matching(query: Mapping[str, Any], rows: list[int], values: Values, is_column: Callable[[str], bool]) -> list[int]:
    """The rows that pass ``filter`` and ``filter2``.

    Args:
        query: the body.
        rows: candidates.
        values: columns by name.
        is_column: whether a text names a column rather than standing for itself.

    Raises:
        QueryError: an unknown field or operation, or a filter of another form.
    """
    language = _Language(values, is_column)
    for expression in query.get("filter") or []:
        rows = language.expression(expression, rows)
    tree = query.get("filter2")
    return language.tree(tree, rows, 0) if tree else rows


def in_order(sort: Mapping[str, Any] | None, rows: list[int], values: Values) -> list[int]:
    """The rows sorted; those without a value last, or first where ``nullsFirst`` says so."""
    if not sort:
        return rows
    column = values(str(sort.get("sortBy", "")))
    known = [row for row in rows if column[row] is not None]
    unknown = [row for row in rows if column[row] is None]
    known.sort(key=lambda row: column[row], reverse=sort.get("sortOrder", "asc") == "desc")
    return unknown + known if sort.get("nullsFirst") else known + unknown


class _Language:
    def __init__(self, values: Values, is_column: Callable[[str], bool]) -> None:
        self._values, self._is_column = values, is_column

    def tree(self, node: Mapping[str, Any], rows: list[int], depth: int) -> list[int]:
        if not isinstance(node, Mapping) or depth > _MOST_DEPTH or node.get("operator") not in ("and", "or"):
            raise QueryError("Wrong filter2")
        found: set[int] = set()
        left = rows
        for operand in node.get("operands") or []:
            passed = self._operand(operand, left if node["operator"] == "and" else rows, depth)
            if node["operator"] == "and":
                left = passed
            found.update(passed)
        return left if node["operator"] == "and" else [row for row in rows if row in found]

    def _operand(self, operand: Any, rows: list[int], depth: int) -> list[int]:
        if isinstance(operand, Mapping) and "expression" in operand:
            return self.expression(operand["expression"], rows)
        if isinstance(operand, Mapping) and "operation" in operand:
            return self.tree(operand["operation"], rows, depth + 1)
        raise QueryError("Wrong filter2")

    def expression(self, expression: Any, rows: list[int]) -> list[int]:
        if not isinstance(expression, Mapping) or not {"left", "operation"} <= expression.keys():
            raise QueryError("Wrong filter")
        left, operation = self._values(str(expression["left"])), str(expression["operation"])
        right = expression.get("right")
        try:
            test = self._test(operation, right)
            if test is None:
                raise QueryError(f'Unknown operation "{operation}"')
            return [row for row in rows if test(left[row], row)]
        except TypeError:
            raise QueryError(f'Wrong type of the filter value of "{expression["left"]}"') from None

    def _test(self, operation: str, right: Any) -> Callable[[Any, int], bool] | None:
        if operation in ("empty", "nempty"):
            return lambda value, _: (value is None) == (operation == "empty")
        if operation in ("has", "has_none_of"):
            wanted = set(right if isinstance(right, list) else [right])
            return lambda value, _: bool(wanted & _members(value)) == (operation == "has")
        if operation in ("match", "nmatch"):
            return lambda value, _: (
                value is not None and ((str(right).lower() in str(value).lower()) == (operation == "match"))
            )
        if operation in ("in_range", "not_in_range"):
            return self._range(right, operation == "in_range")
        if operation in _ORDERS:
            compare, other = _ORDERS[operation], self._other(right)
            return lambda value, row: _known(value, other(row)) and bool(compare(value, other(row)))
        if operation in _SHARES and isinstance(right, list) and len(right) == 2:
            return self._share(operation, right)
        return None

    def _range(self, right: Any, inside: bool) -> Callable[[Any, int], bool]:
        """Between two bounds, or one of several texts; both bounds count as inside."""
        if not isinstance(right, list):
            raise QueryError("Wrong filter")
        others = [self._other(bound) for bound in right]
        bounds = len(right) == 2 and not any(isinstance(b, str) and not self._is_column(b) for b in right)

        def test(value: Any, row: int) -> bool:
            known = [other(row) for other in others]
            if not bounds:
                return value is not None and (value in known) == inside
            return _known(value, *known) and (known[0] <= value <= known[1]) == inside

        return test

    def _share(self, operation: str, right: list[Any]) -> Callable[[Any, int], bool]:
        """Above or below a multiple of another column: ``["VWAP", 1.03]``."""
        other, compare = self._other(right[0]), _SHARES[operation]
        return lambda value, row: _known(value, other(row)) and bool(compare(value, other(row) * right[1]))

    def _other(self, right: Any) -> Callable[[int], Any]:
        """The right side of a row: the value itself, or that of the column it names."""
        if isinstance(right, str) and self._is_column(right):
            column = self._values(right)
            return lambda row: column[row]
        return lambda _: right


def _known(*values: Any) -> bool:
    return all(value is not None for value in values)


def _members(value: Any) -> set[Any]:
    return set(value) if isinstance(value, list) else {value} - {None}
