"""Which securities the NIFTY 50 is made of, by date: what the breadth of the past is counted over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sos_actors.market import tables

TABLE = "members.toml"


@dataclass(frozen=True, slots=True)
class Members:
    """The securities of an index.

    Attributes:
        names: short names.
        also: another name of the same share, by short name.
        exact: whether the list is known to have held on the day; otherwise it is the earliest there is.
    """

    names: tuple[str, ...]
    also: dict[str, str]
    exact: bool


def members(day: date) -> Members:
    """The NIFTY 50 on a day; before the first list of the table that list, marked as not exact."""
    table = _table()
    lists = sorted(table["members"], key=lambda entry: entry["start"])
    held = [entry for entry in lists if entry["start"] <= day]
    return Members(tuple((held[-1] if held else lists[0])["names"]), dict(table["also"]), bool(held))


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tables.read(TABLE)
