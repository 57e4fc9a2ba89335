"""Reading single fields of Upstox's documents: a missing or wrong one is an error that names it, never a default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from sos_actors.errors import VendorAnswerError
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, UnixNanos
from sos_actors.vendors.upstox.rest_wire import VENDOR

Row = Mapping[str, Any]
IST = timezone(timedelta(seconds=IST_OFFSET_S))
_TIME_FORMS = ("%Y-%m-%d %H:%M:%S", "%d-%b-%Y %H:%M:%S")
_EARLIEST_MS, _LATEST_MS = 946_684_800_000, 4_102_444_800_000
"""The years 2000 and 2100: whatever lies outside is no moment in milliseconds."""


def bad(what: str, key: str, row: object) -> VendorAnswerError:
    """The error for a field that is missing or wrong; names the field, and what it holds if that is short."""
    held = row.get(key, "nothing") if isinstance(row, Mapping) else row
    return VendorAnswerError(VENDOR, f"{what} cannot be read: {key!r} holds {str(held)[:40]!r}.")


def mapping(value: object, what: str) -> Row:
    """The value, which must be an object.

    Raises:
        VendorAnswerError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise VendorAnswerError(VENDOR, f"{what} cannot be read: an object was expected, not {str(value)[:40]!r}.")
    return value


def rows(value: object, what: str) -> list[Row]:
    """The value, which must be a list of objects.

    Raises:
        VendorAnswerError: it is something else.
    """
    if not isinstance(value, list):
        raise VendorAnswerError(VENDOR, f"{what} cannot be read: a list was expected, not {str(value)[:40]!r}.")
    return [mapping(item, what) for item in value]


def text(row: Row, key: str, what: str) -> str:
    """A text that is not empty; a whole number is taken for its digits.

    Raises:
        VendorAnswerError: missing, empty or of another kind.
    """
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise bad(what, key, row)
    return value.strip()


def words(row: Row, key: str) -> str:
    """A text that may be missing or null: empty then."""
    value = row.get(key)
    return value.strip() if isinstance(value, str) else ""


def number(row: Row, key: str, what: str) -> float:
    """A finite number.

    Raises:
        VendorAnswerError: missing, null or of another kind.
    """
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise bad(what, key, row)
    return float(value)


def number_or_none(row: Row, key: str, what: str) -> float | None:
    """A finite number; None when it is missing or null.

    Raises:
        VendorAnswerError: of another kind.
    """
    return None if row.get(key) is None else number(row, key, what)


def whole(row: Row, key: str, what: str) -> int:
    """A whole number, perhaps written ``75.0``.

    Raises:
        VendorAnswerError: missing, null, of another kind or with a fraction.
    """
    value = number(row, key, what)
    if not value.is_integer():
        raise bad(what, key, row)
    return int(value)


def day(row: Row, key: str, what: str) -> date:
    """A date written ``YYYY-MM-DD``.

    Raises:
        VendorAnswerError: it is none.
    """
    try:
        return date.fromisoformat(text(row, key, what))
    except ValueError as error:
        raise bad(what, key, row) from error


def moment_of_ms(row: Row, key: str, what: str) -> UnixNanos:
    """A moment given in milliseconds.

    Raises:
        VendorAnswerError: missing, of another kind, or no moment of this century.
    """
    value = whole(row, key, what)
    if not _EARLIEST_MS <= value < _LATEST_MS:
        raise bad(what, key, row)
    return UnixNanos(value * 1_000_000)


def ist_moment(row: Row, key: str) -> UnixNanos | None:
    """A time without zone, which is India's: ``2023-10-19 09:23:23`` or ``19-Oct-2023 09:23:23``; None if it is none.

    Source: Upstox's order and trade samples, which use both forms.
    """
    written = words(row, key)
    for form in _TIME_FORMS:
        try:
            return nanos(datetime.strptime(written, form).replace(tzinfo=IST))
        except ValueError:
            continue
    return None


def nanos(at: datetime) -> UnixNanos:
    """A moment with a zone as UnixNanos, exact to the second."""
    return UnixNanos(int(at.astimezone(UTC).timestamp()) * NANOS_PER_SECOND)
