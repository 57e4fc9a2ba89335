"""Rows of a user's file sorted out: grouped by key, duplicates told apart, days and expiries understood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.imports.report import NO_RULE, NO_SESSION
from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, OptionType, Segment

DAY_NS = 86_400 * NANOS_PER_SECOND
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EXPIRY_FORMATS = ("%Y-%m-%d", "%d-%b-%Y", "%d-%m-%Y", "%d%b%y", "%d%b%Y", "%d %b %y", "%d %b %Y", "%Y%m%d", "%d/%m/%Y")
_LEGS = {
    **dict.fromkeys(("CE", "C", "CALL"), OptionType.CE),
    **dict.fromkeys(("PE", "P", "PUT"), OptionType.PE),
}


def groups(*columns: NDArray[Any]) -> Iterator[NDArray[np.int64]]:
    """The rows of each distinct combination of the columns, in file order; NaN equals NaN."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        distinct, places = np.unique(column, return_inverse=True)
        codes = codes * len(distinct) + places
    order = np.argsort(codes, kind="stable")
    if len(order):
        yield from np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def repeats(keys: Sequence[NDArray[Any]], values: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Rows that repeat the key of an earlier one: with the same values, and with others.

    Args:
        keys: columns (n,) that together identify a row; equal keys stand next to each other, the earliest first.
        values: float64 (columns, n).
    """
    size = len(keys[0])
    again = np.zeros(size, np.bool_)
    if size:
        again[1:] = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    first = np.maximum.accumulate(np.where(again, 0, np.arange(size)))
    same = same_values(values, values[:, first])
    return again & same, again & ~same


def same_values(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which columns of two tables (columns, n) agree in every row; unknown equals unknown."""
    agree: NDArray[np.bool_] = ((some == others) | (np.isnan(some) & np.isnan(others))).all(axis=0)
    return agree


def hours(calendar: Calendar, ts: NDArray[np.int64], segment: Segment) -> dict[str, NDArray[np.bool_]]:
    """Which rows lie outside the market's hours, and which on a day no table covers; by reason."""
    outside, unruled = np.zeros(len(ts), np.bool_), np.zeros(len(ts), np.bool_)
    try:
        outside = ~calendar.in_session(ts, segment, fno_stock=False)
    except MarketRuleError:
        for rows in groups(days_of(ts)):
            try:
                outside[rows] = ~calendar.in_session(ts[rows], segment, fno_stock=False)
            except MarketRuleError:
                unruled[rows] = True
    return {NO_SESSION: outside, NO_RULE: unruled}


def days_of(ts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The day in India of each UnixNanos, as a proleptic ordinal."""
    return (ts + IST_OFFSET_S * NANOS_PER_SECOND) // DAY_NS + _EPOCH_ORDINAL


def day_range(day: date) -> tuple[int, int]:
    """A day in India as a half-open range of UnixNanos."""
    first = (day.toordinal() - _EPOCH_ORDINAL) * DAY_NS - IST_OFFSET_S * NANOS_PER_SECOND
    return first, first + DAY_NS


def expiry_of(text: str) -> date | None:
    """An expiry date in any of the usual spellings."""
    for form in _EXPIRY_FORMATS:
        try:
            return datetime.strptime(text[:11].strip(), form).date()
        except ValueError:
            continue
    return None


def leg_of(text: str) -> OptionType | None:
    """``CE`` or ``PE`` in any of the usual spellings."""
    return _LEGS.get(text.upper())
