"""Reading the fields of an order request's body; what is wrong is refused with the code the documentation gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sos_actors.simulator.upstox.answers import UpstoxRefusal

_MOST = 1e9


def refused(code: str, message: str, field: str | None = None, value: object = None) -> UpstoxRefusal:
    """A refusal with status 400."""
    return UpstoxRefusal(400, code, message, field=field, value=value)


def fields_of(body: Any) -> Mapping[str, Any]:
    """A body that is an object.

    Raises:
        UpstoxRefusal: 400: it is not.
    """
    if not isinstance(body, dict):
        raise refused("UDAPI100036", "Invalid Input")
    return body


def text(fields: Mapping[str, Any], name: str, code: str, message: str) -> str:
    """A text that must be there.

    Raises:
        UpstoxRefusal: 400 with ``code``: it is not.
    """
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise refused(code, message, name, value)
    return value


def word(fields: Mapping[str, Any], name: str, words: tuple[str, ...], missing: str, wrong: str) -> str:
    """One of several words.

    Raises:
        UpstoxRefusal: 400 with ``missing`` or ``wrong``: it is not there, or another word.
    """
    value = text(fields, name, missing, f"The '{name}' is required")
    if value not in words:
        raise refused(wrong, f"The '{name}' is invalid", name, value)
    return value


def whole(fields: Mapping[str, Any], name: str) -> int:
    """A quantity: a whole number above zero.

    Raises:
        UpstoxRefusal: 400: missing or zero (UDAPI1052), or no whole number.
    """
    value = fields.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise refused("UDAPI100036", "Invalid Input", name, value)
    if value is None or not 0 < value < _MOST:
        raise refused("UDAPI1052", f"The '{name}' cannot be zero", name, value)
    return value


def number(fields: Mapping[str, Any], name: str) -> float | None:
    """A finite number, or None where there is none.

    Raises:
        UpstoxRefusal: 400: something else.
    """
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MOST:
        raise refused("UDAPI100036", "Invalid Input", name)
    return float(value)
