"""The instruments that can be held and their bars, as growing records that compiled rules read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_actors.engine.records import INSTRUMENT, InstrumentKind, PriceSource
from sos_actors.engine.sweep import Bars
from sos_actors.market.charges import ChargeRates
from sos_actors.messages.market import BarSeries

UNSLICED = 1_000_000_000
"""Stands for a freeze quantity that no table knows for the date: the order is counted as one."""


class Holdings:
    """Grows as contracts are chosen; an instrument keeps its number for the life of the run."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._instruments = np.zeros(16, INSTRUMENT)
        self._ts = np.empty(0, np.int64)
        self._prices = np.empty((0, 5))
        self._n_bars = 0

    @property
    def instruments(self) -> NDArray[np.void]:
        """INSTRUMENT (n,), a view: what rules write in it stays."""
        return self._instruments[: len(self.names)]

    @property
    def bars(self) -> Bars:
        """All bars so far, a view."""
        return Bars(self._ts[: self._n_bars], self._prices[: self._n_bars])

    def add(
        self, name: str, kind: InstrumentKind, symbol: int, tick: float, lot: int, freeze: int, rates: ChargeRates,
        bars: BarSeries, priced: PriceSource = PriceSource.CANDLES,
    ) -> int:  # fmt: skip
        """Register an instrument with its bars; returns its number.

        Args:
            name: canonical symbol.
            kind: EQUITY or OPTION.
            symbol: index of the followed symbol it is traded for.
            tick: rupees.
            lot: units.
            freeze: largest order, units.
            rates: estimated charges, for the daily loss limit.
            bars: one-minute bars; empty where prices come as events.
            priced: where they come from.
        """
        number = len(self.names)
        if number == len(self._instruments):
            self._instruments = np.concatenate([self._instruments, np.zeros(number, INSTRUMENT)])
        first = self._append(bars)
        record = self._instruments[number]
        record["kind"], record["symbol"], record["tick"], record["lot"] = kind, symbol, tick, lot
        record["freeze"], record["priced"] = freeze, priced
        record["buy_rate"], record["sell_rate"] = rates.buy_fraction, rates.sell_fraction
        record["order_fee"] = rates.flat_per_order
        record["first"] = record["cursor"] = first
        record["last"] = self._n_bars
        self.names.append(name)
        return number

    def _append(self, bars: BarSeries) -> int:
        first, last = self._n_bars, self._n_bars + len(bars)
        if last > len(self._ts):
            room = max(last, 2 * len(self._ts))
            ts, prices = np.empty(room, np.int64), np.empty((room, 5))
            ts[:first], prices[:first] = self._ts[:first], self._prices[:first]
            self._ts, self._prices = ts, prices
        self._ts[first:last] = bars.ts
        for column, values in enumerate((bars.open, bars.high, bars.low, bars.close, bars.volume)):
            self._prices[first:last, column] = values
        self._n_bars = last
        return first
