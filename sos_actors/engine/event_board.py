"""The contract prices that the engine has been told of: a ``ContractBoard`` fed by closed bars."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import date
from operator import itemgetter

import numpy as np

from sos_actors.engine.records import PriceSource
from sos_actors.messages.market import BarClosed, BarSeries
from sos_actors.types import NANOS_PER_MINUTE

SPARE = 30
"""Bars beyond those young enough to be a price: a decision may be of some minutes before the newest bar."""


class EventBoard:
    """Keeps of every contract it hears of today's first bar, and the last ones.

    Args:
        listed: expiries of an underlying (short name) on a day, nearest first.
        max_age_ns: older bars are nobody's price; they are forgotten, all but the first, which says since when the
            contract has traded. Unless given, everything is kept.
    """

    def __init__(self, listed: Callable[[str, date], list[date]], max_age_ns: int | None = None) -> None:
        self._listed = listed
        self._kept = None if max_age_ns is None else max_age_ns // NANOS_PER_MINUTE + SPARE
        self._day: date | None = None
        self._rows: dict[str, list[tuple[int | float, ...]]] = {}

    def add(self, bar: BarClosed, day: date) -> None:
        """Take a closed bar of a contract, in any order, each minute once; a new day forgets the one before."""
        if self._day is None or day > self._day:
            self._day, self._rows = day, {}
        elif day < self._day:
            return
        volume = np.nan if bar.volume is None else bar.volume
        oi = np.nan if bar.oi is None else bar.oi
        row = (bar.ts_open, bar.open, bar.high, bar.low, bar.close, volume, oi)
        rows = self._rows.setdefault(bar.symbol, [])
        if not rows or rows[-1][0] < bar.ts_open:  # nearly always
            rows.append(row)
        else:
            at = bisect_left(rows, bar.ts_open, key=itemgetter(0))
            if rows[at][0] == bar.ts_open:
                return
            rows.insert(at, row)
        if self._kept is not None and len(rows) > 2 * self._kept:
            del rows[1 : -self._kept]

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
