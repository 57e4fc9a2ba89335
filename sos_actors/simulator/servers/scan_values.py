"""The screener's columns of a group at one moment, each computed when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sos_actors.simulator.servers import indicators
from sos_actors.simulator.servers.board import short_name
from sos_actors.simulator.servers.columns import BY_TIME_OF_DAY, Column
from sos_actors.simulator.servers.frames import DAILY, Group
from sos_actors.simulator.servers.panels import Matrix, Panel
from sos_actors.simulator.servers.times import Trading
from sos_actors.simulator.view import Listing
from sos_actors.types import NANOS_PER_SECOND, Segment

_WHOLE = frozenset({"volume", "time", "last_bar_update_time", "update_time", "volume_change_abs"})


class GroupValues:
    """Columns of a group at a moment; whatever is not known is None.

    Args:
        group: its history must have been prepared.
        now: the moment.
        shift: nanoseconds by which written times are off.
        update_mode: what the vendor says of its delay.
    """

    def __init__(self, group: Group, now: Trading, shift: int, update_mode: str) -> None:
        self.group = group
        self._now, self._shift, self._mode = now, shift, update_mode
        self._today: Panel | None = None
        self._frames: dict[int, Panel] = {}
        self._families: dict[tuple[str, int], Any] = {}
        self._columns: dict[Column, list[Any]] = {}

    def column(self, column: Column) -> list[Any]:
        """A value an instrument."""
        if column not in self._columns:
            self._columns[column] = self._make(column)
        return self._columns[column]

    def _make(self, column: Column) -> list[Any]:
        rows = self.group.rows
        if not column.filled or not rows:
            return [None] * len(rows)
        if column.base in _FACTS:
            return [_FACTS[column.base](row.listing) for row in rows]
        if column.base == "update_mode":
            return [self._mode] * len(rows)
        values = self._numbers(column)
        known = np.isfinite(values)
        whole = column.base in _WHOLE
        return [
            (round(value) if whole else value) if fine else None
            for value, fine in zip(values.tolist(), known.tolist(), strict=True)
        ]

    def _numbers(self, column: Column) -> Matrix:
        base = column.base
        bars = self._frame(min(column.needs))
        with np.errstate(divide="ignore", invalid="ignore"):
            if base in _PRICES:
                return _PRICES[base](bars)
            if base in ("time", "last_bar_update_time", "update_time"):
                return self._times(base, bars)
            if base == BY_TIME_OF_DAY:
                return bars.volume[:, -1] / self.group.usual_volume(self._now.ts)
            if base == "VWAP":
                return self._average_price(bars, column.timeframe)
            if base.startswith("average_volume_"):
                return _average_volume(bars, int(base.split("_")[2].removesuffix("d")))
            return self._indicator(base, bars, column)

    def _frame(self, timeframe: int) -> Panel:
        if timeframe not in self._frames:
            self._frames[timeframe] = self.group.frame(self._minutes(), timeframe)
        return self._frames[timeframe]

    def _minutes(self) -> Panel:
        """Today's minutes so far."""
        if self._today is None:
            self._today = self.group.today(self._now)
        return self._today

    def _times(self, base: str, bars: Panel) -> Matrix:
        ts = int(bars.ts[-1]) if base == "time" else self._now.ts
        return np.full(len(self.group.rows), float((ts + self._shift) // NANOS_PER_SECOND))

    def _average_price(self, bars: Panel, timeframe: int) -> Matrix:
        """Volume-weighted average of typical prices since the session's open; of the day's bar in the day's frame."""
        if timeframe == DAILY:
            return (bars.high[:, -1] + bars.low[:, -1] + bars.close[:, -1]) / 3.0
        today = self._minutes()
        typical = (today.high + today.low + today.close) / 3.0
        average: Matrix = np.nansum(typical * today.volume, axis=1) / today.volume.sum(axis=1)
        return average

    def _indicator(self, base: str, bars: Panel, column: Column) -> Matrix:
        family, pick = _FAMILY[base] if base in _FAMILY else _sized(base)
        key = (family, column.timeframe)
        if key not in self._families:
            self._families[key] = _MAKERS[family](bars) if family in _MAKERS else _sized_family(family, bars)
        made = self._families[key]
        matrix: Matrix = made[pick] if isinstance(made, tuple) else made
        if matrix.shape[1] <= column.back:
            return np.full(len(matrix), np.nan)
        last: Matrix = matrix[:, -1 - column.back]
        return last * 100.0 / bars.close[:, -1] if base == "ATRP" else last


def _previous(matrix: Matrix) -> Matrix:
    return matrix[:, -2] if matrix.shape[1] > 1 else np.full(len(matrix), np.nan)


def _average_volume(bars: Panel, length: int) -> Matrix:
    """Mean volume of the bars before this one."""
    if bars.volume.shape[1] <= length:
        return np.full(len(bars.volume), np.nan)
    mean: Matrix = bars.volume[:, -1 - length : -1].mean(axis=1)
    return mean


_PRICES: dict[str, Callable[[Panel], Matrix]] = {
    "open": lambda bars: bars.open[:, -1],
    "high": lambda bars: bars.high[:, -1],
    "low": lambda bars: bars.low[:, -1],
    "close": lambda bars: bars.close[:, -1],
    "volume": lambda bars: bars.volume[:, -1],
    "Value.Traded": lambda bars: bars.volume[:, -1] * bars.close[:, -1],
    "change": lambda bars: (bars.close[:, -1] / _previous(bars.close) - 1.0) * 100.0,
    "change_abs": lambda bars: bars.close[:, -1] - _previous(bars.close),
    "change_from_open": lambda bars: (bars.close[:, -1] / bars.open[:, -1] - 1.0) * 100.0,
    "change_from_open_abs": lambda bars: bars.close[:, -1] - bars.open[:, -1],
    "gap": lambda bars: (bars.open[:, -1] / _previous(bars.close) - 1.0) * 100.0,
    "volume_change": lambda bars: (bars.volume[:, -1] / _previous(bars.volume) - 1.0) * 100.0,
    "volume_change_abs": lambda bars: bars.volume[:, -1] - _previous(bars.volume),
    "relative_volume_10d_calc": lambda bars: bars.volume[:, -1] / _average_volume(bars, 10),
    "Volatility.D": lambda bars: (bars.high[:, -1] / bars.low[:, -1] - 1.0) * 100.0,
}
_FAMILY = {
    "ADX": ("dmi", 0), "ADX+DI": ("dmi", 1), "ADX-DI": ("dmi", 2),
    "ATR": ("atr", 0), "ATRP": ("atr", 0), "RSI": ("RSI14", 0),
    "MACD.macd": ("macd", 0), "MACD.signal": ("macd", 1), "MACD.hist": ("macd", 2),
    "BB.upper": ("bands", 0), "BB.basis": ("bands", 1), "BB.lower": ("bands", 2),
    "KltChnl.upper": ("channel", 0), "KltChnl.basis": ("channel", 1), "KltChnl.lower": ("channel", 2),
}  # fmt: skip
_MAKERS: dict[str, Callable[[Panel], Any]] = {
    "dmi": lambda bars: indicators.directional_movement(bars.high, bars.low, bars.close, 14),
    "atr": lambda bars: indicators.average_true_range(bars.high, bars.low, bars.close, 14),
    "macd": lambda bars: indicators.convergence(bars.close),
    "bands": lambda bars: indicators.bands(bars.close),
    "channel": lambda bars: indicators.channel(bars.high, bars.low, bars.close),
}


def _sized(base: str) -> tuple[str, int]:
    """``EMA20``, ``SMA50`` and ``RSI7`` are families of their own."""
    return base, 0


def _sized_family(family: str, bars: Panel) -> Matrix:
    kind, length = family[:3], int(family[3:])
    make = {
        "EMA": indicators.exponential_average,
        "SMA": indicators.moving_average,
        "RSI": indicators.relative_strength,
    }[kind]
    return make(bars.close, length)


_KINDS = {Segment.EQ: "stock", Segment.INDEX: "index", Segment.FO: "futures"}
_SPECS = {Segment.EQ: ["common"], Segment.INDEX: ["main"], Segment.FO: ["continuous", "synthetic"]}
_FACTS: dict[str, Callable[[Listing], Any]] = {
    "name": lambda listing: short_name(listing) if listing.segment is not Segment.FO else f"{listing.underlying}1!",
    "description": lambda listing: listing.name,
    "type": lambda listing: _KINDS[listing.segment],
    "typespecs": lambda listing: _SPECS[listing.segment],
    "subtype": lambda listing: {"stock": "common"}.get(_KINDS[listing.segment], ""),
    "exchange": lambda _: "NSE",
    "is_primary": lambda _: True,
    "active_symbol": lambda _: True,
    "market": lambda _: "india",
    "country": lambda _: "India",
    "currency": lambda _: "INR",
    "fundamental_currency_code": lambda _: "INR",
    "pricescale": lambda _: 100,
    "minmov": lambda listing: max(round(listing.tick * 100), 1),
    "minmove2": lambda _: 0,
    "fractional": lambda _: "false",
    "logoid": lambda listing: short_name(listing).lower() if listing.segment is Segment.EQ else None,
}
