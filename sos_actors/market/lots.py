"""Lot size, freeze quantity, strike step and option tick of index contracts, for dates the master no longer has.

What a run over history goes by: a master knows only what is listed today. An underlying is named as the exchange does,
``NIFTY``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from sos_actors.errors import MarketRuleError
from sos_actors.market import tables
from sos_actors.types import Inr

LOTS, FREEZE = "lots.toml", "freeze.toml"


@dataclass(frozen=True, slots=True)
class _Lot:
    expiry_from: date
    units: int
    keeps: frozenset[date]


def lot_size(underlying: str, expiry: date) -> int:
    """Units in one lot of the contracts on ``underlying`` that expire on ``expiry``.

    Raises:
        MarketRuleError: the table has no row.
    """
    for row in reversed(_lots().get(underlying, ())):
        if row.expiry_from <= expiry and expiry not in row.keeps:
            return row.units
    raise _missing("lot size", underlying, expiry, LOTS)


def freeze_quantity(underlying: str, day: date) -> int:
    """The largest quantity, in units, the exchange takes in one order on ``day``; not yet a multiple of the lot.

    Raises:
        MarketRuleError: the table has no row.
    """
    for start, units in reversed(_freezes()):
        if start <= day and underlying in units:
            return units[underlying]
    raise _missing("freeze quantity", underlying, day, FREEZE)


def largest_order(underlying: str, expiry: date, day: date) -> int:
    """The largest quantity of one order in whole lots, in units: what an order is sliced by.

    Raises:
        MarketRuleError: a table has no row.
    """
    lot = lot_size(underlying, expiry)
    return freeze_quantity(underlying, day) // lot * lot


def strike_step(underlying: str) -> int:
    """Points between neighbouring strikes near the money.

    Raises:
        MarketRuleError: the table has no row.
    """
    return int(_by_underlying("strike_step", underlying))


def tick_size(underlying: str) -> Inr:
    """The smallest price step of options on ``underlying``, in rupees.

    Raises:
        MarketRuleError: the table has no row.
    """
    return Inr(_by_underlying("option_tick", underlying))


def _by_underlying(section: str, underlying: str) -> float:
    values = _constants()[section]
    if underlying not in values:
        raise MarketRuleError(f"No {section} for {underlying}: add it to {tables.path_of(LOTS)}.")
    return values[underlying]


def _missing(what: str, underlying: str, day: date, table: str) -> MarketRuleError:
    return MarketRuleError(f"No {what} for {underlying} on {day}: add a row to {tables.path_of(table)}.")


@lru_cache(maxsize=1)
def _lots() -> Mapping[str, tuple[_Lot, ...]]:
    lots: dict[str, tuple[_Lot, ...]] = {}
    for row in sorted(tables.read(LOTS)["lot"], key=lambda row: row["expiry_from"]):
        lot = _Lot(row["expiry_from"], row["units"], frozenset(row.get("keeps", ())))
        lots[row["underlying"]] = (*lots.get(row["underlying"], ()), lot)
    return lots


@lru_cache(maxsize=1)
def _freezes() -> tuple[tuple[date, Mapping[str, int]], ...]:
    rows = sorted(tables.read(FREEZE)["freeze"], key=lambda row: row["from"])
    return tuple((row["from"], row["units"]) for row in rows)


@lru_cache(maxsize=1)
def _constants() -> Mapping[str, Mapping[str, float]]:
    table = tables.read(LOTS)
    return {section: table[section] for section in ("strike_step", "option_tick")}
