"""What the store hands out beside bars: option chains and market measures as columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
ATM_CALL = ("atm_iv", "atm_delta", "atm_gamma", "atm_theta", "atm_vega")
"""The columns of ``StatsColumns`` about the at-the-money call of the underlying."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns of equal length, ``ts`` first; slicing slices them all."""

    ts: Integers

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, rows: slice | NDArray[np.bool_] | NDArray[np.int64]) -> Self:
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class ChainColumns(_Columns):
    """Option chain rows ordered by time, expiry, strike; NaN is unknown.

    Attributes:
        ts: int64 (n,), UnixNanos at which the row was known.
        expiry: int64 (n,), proleptic ordinal of the expiry date (``date.toordinal``).
        strike: float64 (n,), rupees.
        ce_ltp, pe_ltp: float64 (n,), last traded premium in rupees.
        ce_oi, pe_oi, ce_volume, pe_volume, ce_oi_change, pe_oi_change: float64 (n,), units.
        ce_iv, pe_iv: float64 (n,), implied volatility in percent as published.
        spot: float64 (n,), the underlying.
    """

    expiry: Integers
    strike: Floats
    ce_ltp: Floats
    ce_oi: Floats
    ce_volume: Floats
    ce_iv: Floats
    ce_oi_change: Floats
    pe_ltp: Floats
    pe_oi: Floats
    pe_volume: Floats
    pe_iv: Floats
    pe_oi_change: Floats
    spot: Floats

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), *(np.empty(0) for _ in range(12)))


@dataclass(frozen=True, slots=True)
class StatsColumns(_Columns):
    """Market measures of one underlying, oldest first; NaN is unknown.

    Attributes:
        ts: int64 (n,), UnixNanos at which the row was *known*; never the moment it describes.
        pcr: float64 (n,), put / call open interest.
        pcr_velocity: float64 (n,), change of pcr per minute.
        advances, declines: float64 (n,), stocks.
        oi_wall_above, oi_wall_below, max_pain: float64 (n,), strikes.
        ce_oi_change, pe_oi_change: float64 (n,), units since the previous session.
        smart_trend: int8 (n,), ``SmartTrend``; 0 is unknown.
        total_oi: float64 (n,), units; the proxy for the underlying's open interest.
        spot: float64 (n,), the underlying.
        atm_iv: float64 (n,), implied volatility of the at-the-money call, percent a year.
        atm_delta: float64 (n,), of the same call, rupees for a point of the underlying.
        atm_gamma: float64 (n,), change of its delta for a point of the underlying.
        atm_theta: float64 (n,), rupees a day.
        atm_vega: float64 (n,), rupees for a point of volatility (one percent a year).
    """

    pcr: Floats
    pcr_velocity: Floats
    advances: Floats
    declines: Floats
    oi_wall_above: Floats
    oi_wall_below: Floats
    max_pain: Floats
    ce_oi_change: Floats
    pe_oi_change: Floats
    smart_trend: NDArray[np.int8]
    total_oi: Floats
    spot: Floats
    atm_iv: Floats
    atm_delta: Floats
    atm_gamma: Floats
    atm_theta: Floats
    atm_vega: Floats

    @classmethod
    def of(cls, ts: Integers, **known: NDArray[np.float64] | NDArray[np.int8]) -> Self:
        """Columns where only ``known`` ones have values; the others are unknown.

        Raises:
            TypeError: there is no such column.
        """
        columns: dict[str, NDArray[np.float64] | NDArray[np.int8]] = {
            field.name: np.full(len(ts), np.nan) for field in fields(cls)[1:]
        }
        columns["smart_trend"] = np.zeros(len(ts), np.int8)
        return cls(ts, **(columns | known))  # type: ignore[arg-type]

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        return cls.of(np.empty(0, np.int64))
