"""Money at the border: rupees as numbers in documents, whole paise in sums, Indian digit grouping on paper.

The report and the terminal table print with these; nothing here rounds twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sos_actors.errors import DataError
from sos_actors.types import Paise

UNKNOWN = "n/a"
"""What is printed where a figure is unknown or undefined."""


def to_paise(rupees: float) -> Paise:
    """Rupees, already rounded to the paisa, as whole paise.

    Raises:
        DataError: not a finite number.
    """
    try:
        return Paise(round(rupees * 100))
    except (ValueError, OverflowError) as error:
        raise DataError(f"An amount of {rupees} rupees is not a number that can be summed.") from error


def sum_paise(amounts: Sequence[float]) -> int:
    """Exact sum of rupees that are rounded to the paisa.

    Raises:
        DataError: one of them is not a finite number.
    """
    try:
        return sum([round(rupees * 100) for rupees in amounts])
    except (ValueError, OverflowError):
        return sum(map(to_paise, amounts))


def to_rupees(paise: int) -> float:
    """Whole paise as the rupees written into a document."""
    return paise / 100


def group_indian(digits: str) -> str:
    """Digits with Indian separators: ``'12345678'`` is ``'1,23,45,678'``."""
    head, tail = digits[:-3], digits[-3:]
    pairs: list[str] = []
    while head:
        pairs.insert(0, head[-2:])
        head = head[:-2]
    return ",".join([*pairs, tail])


def format_count(count: int) -> str:
    """A whole number with Indian separators."""
    return ("-" if count < 0 else "") + group_indian(str(abs(count)))


def format_inr(rupees: float | None, *, plus: bool = False, minus: str = "-") -> str:
    """Rupees as ``1,23,456.78``, without a currency sign.

    Args:
        rupees: the amount; None or NaN is unknown and printed as such.
        plus: write ``+`` before a positive amount.
        minus: the sign of a negative amount.
    """
    if rupees is None or not math.isfinite(rupees):
        return UNKNOWN
    paise = round(rupees * 100)
    whole, part = divmod(abs(paise), 100)
    sign = minus if paise < 0 else "+" if plus and paise > 0 else ""
    return f"{sign}{group_indian(str(whole))}.{part:02d}"
