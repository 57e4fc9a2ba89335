"""The dated rates behind the charges: rows of charges.toml, and one row of exact integers for each era of each kind."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import MarketRuleError
from sos_actors.market import tables

TABLE = "charges.toml"
BILLION = 1_000_000_000
RATES = ("stt_buy", "stt_sell", "exchange", "ipft", "sebi", "stamp", "gst")
"""The columns of an era. Each line must have a row before a kind's first era starts."""


class ChargeKind(IntEnum):
    """What was traded, as the charges see it."""

    EQUITY_INTRADAY = 0
    OPTION = 1
    FUTURE = 2
    EQUITY_DELIVERY = 3


def eras_of(rows: list[dict[str, Any]], kind: ChargeKind) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """When the rates of ``kind`` change, and what they are.

    Args:
        rows: the ``[[rate]]`` rows of charges.toml.
        kind: what is traded.

    Returns:
        The day ordinals the eras start on, and int64 (eras, rates) in billionths of turnover, columns as in ``RATES``.
    """
    changes: list[tuple[int, str, int]] = []
    for row in rows:
        if kind.name in row["kinds"]:
            sides = ("buy", "sell") if row["side"] == "both" else (row["side"],)
            names = [f"stt_{side}" for side in sides] if row["line"] == "stt" else [row["line"]]
            changes += [(row["from"].toordinal(), name, _billionths(row["percent"])) for name in names]
    current: dict[str, int] = {}
    eras: dict[int, list[int]] = {}
    needed = set(RATES) - ({"stt_buy"} if not any(name == "stt_buy" for _, name, _ in changes) else set())
    for start, name, rate in sorted(changes):
        current[name] = rate
        if needed <= current.keys():
            eras[start] = [current.get(each, 0) for each in RATES]
    return tuple(eras), np.array(list(eras.values()), np.int64)


def _billionths(percent: str) -> int:
    exact = Decimal(percent) * (BILLION // 100)
    if exact != int(exact):
        raise ValueError(f"{percent} % in {TABLE} is finer than a billionth")
    return int(exact)


def uncovered(day: date, starts: tuple[int, ...]) -> MarketRuleError:
    """The refusal of a day before the first era."""
    first = date.fromordinal(starts[0])
    return MarketRuleError(f"No charges for {day}: {tables.path_of(TABLE)} starts on {first}; add earlier rows there.")


@lru_cache(maxsize=1)
def default_rows() -> list[dict[str, Any]]:
    """The rows of the package's table."""
    rows: list[dict[str, Any]] = tables.read(TABLE)["rate"]
    return rows
