"""One table of the configuration as a frozen value, checked where it is made; no section of its own."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from sos_actors.errors import ConfigError
from sos_actors.types import Regime

_ADDRESS = re.compile(r"(https?|wss?)://([\w.-]+|\[[\da-f:]+\])(?::(\d{1,5}))?(?:/\S*)?")
"""Scheme, host, port and path; a user or password has no place in one."""


def setting(
    default: Any, *, at_least: float | None = None, at_most: float | None = None, one_of: tuple[str, ...] = (),
    may_be_empty: bool = False,
) -> Any:  # fmt: skip
    """A field with a default and the limits `complaint` holds it to; every number is also refused unless finite.

    `one_of` names what a text may be, or what each member of a list may be.
    """
    limits = {"at_least": at_least, "at_most": at_most, "one_of": one_of, "may_be_empty": may_be_empty}
    return field(default=default, metadata=limits)


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the file. Making one with a value that is not allowed raises ConfigError."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            wrong = complaint(item, getattr(self, item.name))
            if wrong:
                raise ConfigError(f"{table_name(self)}.{item.name}: {wrong}")


def complaint(item: dataclasses.Field[Any], value: object) -> str:
    """What is wrong with the value of a field, with what is allowed; empty when nothing is."""
    expected = type(item.default)
    if isinstance(item.default, bool):
        return "" if isinstance(value, bool) else f"{plain(value)!r} is not true or false."
    if not isinstance(value, expected) or isinstance(value, bool):
        members = "names" if item.metadata["one_of"] else "regimes"
        words = {int: "a whole number", float: "a number", tuple: f"a list of {members}"}
        return f"{plain(value)!r} is not {words.get(expected, 'a text')}."
    if isinstance(value, (str, Path)) and not str(value).strip(".") and not item.metadata["may_be_empty"]:
        return "must not be empty."
    if item.name.endswith("_url") or item.name == "url":
        return _wrong_address(str(value))
    low, high, choices = (item.metadata[key] for key in ("at_least", "at_most", "one_of"))
    if isinstance(value, tuple):
        return _wrong_members(value, choices)
    if choices and value not in choices:
        return f"{value!r} is not allowed: one of {', '.join(choices)}."
    if isinstance(value, (int, float)) and not isinstance(value, Enum):
        outside = not math.isfinite(value) or (low is not None and value < low) or (high is not None and value > high)
        if outside:
            return f"{value!r} is not allowed: {_range(low, high)}."
    return ""


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    parts = _ADDRESS.fullmatch(url)
    return parts is not None and is_loopback_host(parts[2])


def is_loopback_host(host: str) -> bool:
    """Whether a host, as it stands in an address, is this machine."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _wrong_address(text: str) -> str:
    """What is wrong with an address; tokens travel to it, so only this machine may do without TLS."""
    parts = _ADDRESS.fullmatch(text)
    if parts is None or int(parts[3] or 0) > 65_535:
        return f"{text!r} is not an address: write https://host."
    if parts[1] in ("http", "ws") and not is_loopback(text):
        return f"{text!r} is not encrypted: only an address of this machine may be."
    return ""


def _wrong_members(value: tuple[object, ...], choices: tuple[str, ...]) -> str:
    """What is wrong with a list of names; a list without `choices` was read member by member already."""
    if not choices:
        return ""
    wrong = [member for member in value if member not in choices]
    if wrong:
        return f"{wrong[0]!r} is not allowed: any of {', '.join(choices)}."
    if not value or len(set(value)) < len(value):
        return f"must name at least one of {', '.join(choices)}, and none twice."
    return ""


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    return f"{low:g} or more" if low is not None else "a finite number"


def table_name(section: Section) -> str:
    """`store` of `StoreSettings`."""
    return type(section).__name__.removesuffix("Settings").lower()


def values_of(section: Section) -> dict[str, Any]:
    """The values by key."""
    return {item.name: getattr(section, item.name) for item in dataclasses.fields(section)}


def plain(value: object) -> object:
    """A value as JSON knows it: regimes by name, tuples as lists."""
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    return value.name if isinstance(value, Regime) else value
