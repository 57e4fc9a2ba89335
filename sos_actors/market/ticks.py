"""The price step of a share on a date: it has changed, so a run over history cannot take today's from a master."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from sos_actors.errors import MarketRuleError
from sos_actors.market import tables
from sos_actors.types import Inr

TABLE = "ticks.toml"


def equity_tick(day: date, price: float) -> Inr:
    """The tick of a share that trades at ``price`` rupees on ``day``.

    Raises:
        MarketRuleError: the table begins later.
    """
    bands: tuple[tuple[float, float], ...] = ()
    for start, row in _rows():
        if start <= day:
            bands = row
    for below, tick in bands:
        if price < below:
            return Inr(tick)
    raise MarketRuleError(f"No tick size of shares on {day}: add a row to {tables.path_of(TABLE)}.")


@lru_cache(maxsize=1)
def _rows() -> tuple[tuple[date, tuple[tuple[float, float], ...]], ...]:
    rows = sorted(tables.read(TABLE)["tick"], key=lambda row: row["from"])
    return tuple((row["from"], tuple((float(below), float(tick)) for below, tick in row["bands"])) for row in rows)
