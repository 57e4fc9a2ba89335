"""The contract prices that the engine has been told of: a ``ContractBoard`` fed by closed bars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from sos_actors.engine.records import PriceSource
from sos_actors.messages.market import BarClosed, BarSeries
from sos_actors.types import NANOS_PER_MINUTE


class EventBoard:
    """Keeps today's bars of every contract it hears of.

    Args:
        listed: expiries of an underlying (short name) on a day, nearest first.
    """

    def __init__(self, listed: Callable[[str, date], list[date]]) -> None:
        self._listed = listed
        self._day: date | None = None
        self._rows: dict[str, list[tuple[int | float, ...]]] = {}

    def add(self, bar: BarClosed, day: date) -> None:
        """Append a closed bar of a contract; a new day forgets the one before, which then is too late."""
        if self._day is None or day > self._day:
            self._day, self._rows = day, {}
        elif day < self._day:
            return
        volume = np.nan if bar.volume is None else bar.volume
        oi = np.nan if bar.oi is None else bar.oi
        row = (bar.ts_open, bar.open, bar.high, bar.low, bar.close, volume, oi)
        self._rows.setdefault(bar.symbol, []).append(row)

    def expiries(self, underlying: str, day: date) -> list[date]:
        """As listed."""
        return self._listed(underlying, day)

    def bars(self, contract: str, day: date, known_by: int) -> BarSeries | None:
        """The bars heard today; None when none had closed by ``known_by``."""
        rows = self._rows.get(contract) if day == self._day else None
        if not rows or rows[0][0] + NANOS_PER_MINUTE > known_by:
            return None
        columns = np.array([row[1:] for row in rows]).T
        return BarSeries(np.array([row[0] for row in rows], np.int64), *columns)

    def source(self, contract: str, day: date, known_by: int) -> int:
        """Bars are candles."""
        del contract, day, known_by
        return int(PriceSource.CANDLES)
