"""What an option chain says: PCR, open-interest walls, max pain, OI change, smart trend; one snapshot or many.

Open interest may be in units or in contracts as long as one series keeps to one of them. A leg whose OI is unknown
(NaN) is left out of the sums; a sum of nothing but unknown legs is unknown. ``chain_kernels`` holds the loops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import DataError
from sos_actors.market.chain_kernels import known_sum, lookback, max_pain, measure_rows, smart_trends, trend_code
from sos_actors.types import NANOS_PER_MINUTE, SmartTrend

VELOCITY_WINDOW_NS = 5 * NANOS_PER_MINUTE
"""NSE's OI moves about every three minutes (vendor notes): a shorter window sees steps and standstills only."""
TREND_WINDOW_NS = 15 * NANOS_PER_MINUTE
"""The longer of the two build-up windows traders read (5 and 15 minutes on Trendlyne)."""


@dataclass(frozen=True, slots=True)
class ChainSnapshot:
    """One expiry's chain at one moment, a row a strike.

    Attributes:
        strike: float64 (n,), rupees, ascending.
        ce_oi, pe_oi: float64 (n,), open interest.
        ce_ltp, pe_ltp: float64 (n,), last price, rupees.
        ce_oi_change, pe_oi_change: float64 (n,), since the previous session's close.
        spot: the underlying, rupees.
    """

    strike: NDArray[np.float64]
    ce_oi: NDArray[np.float64]
    pe_oi: NDArray[np.float64]
    ce_ltp: NDArray[np.float64]
    pe_ltp: NDArray[np.float64]
    ce_oi_change: NDArray[np.float64]
    pe_oi_change: NDArray[np.float64]
    spot: float


@dataclass(frozen=True, slots=True)
class ChainMeasures:
    """Measures of a series of snapshots as columns, a row a snapshot; NaN where unknown.

    Attributes:
        ts: int64 (n,), when the snapshot was known, UnixNanos.
        spot: float64 (n,), rupees.
        pcr: float64 (n,), put OI / call OI.
        pcr_velocity: float64 (n,), change of pcr per minute over the velocity window.
        oi_wall_above: float64 (n,), strike above the spot with the largest call OI.
        oi_wall_below: float64 (n,), strike below the spot with the largest put OI.
        max_pain: float64 (n,), strike at which option writers pay least.
        ce_oi_change, pe_oi_change: float64 (n,), since the previous session's close.
        total_oi: float64 (n,), calls and puts together: the index itself has no OI, this stands for it.
        smart_trend: int8 (n,), ``SmartTrend`` of spot and total_oi over the trend window.
    """

    ts: NDArray[np.int64]
    spot: NDArray[np.float64]
    pcr: NDArray[np.float64]
    pcr_velocity: NDArray[np.float64]
    oi_wall_above: NDArray[np.float64]
    oi_wall_below: NDArray[np.float64]
    max_pain: NDArray[np.float64]
    ce_oi_change: NDArray[np.float64]
    pe_oi_change: NDArray[np.float64]
    total_oi: NDArray[np.float64]
    smart_trend: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ts)


def measure(snapshot: ChainSnapshot, ts: int) -> ChainMeasures:
    """The measures of one snapshot known at ``ts`` (UnixNanos): one row, whose velocity and trend are unknown.

    Raises:
        DataError: as in ``measure_many``.
    """
    return measure_many(
        np.array([ts], np.int64),
        np.array([0, len(snapshot.strike)], np.int64),
        snapshot.strike,
        snapshot.ce_oi,
        snapshot.pe_oi,
        snapshot.ce_oi_change,
        snapshot.pe_oi_change,
        np.array([snapshot.spot]),
    )


def measure_many(
    ts: NDArray[np.int64],
    offsets: NDArray[np.int64],
    strike: NDArray[np.float64],
    ce_oi: NDArray[np.float64],
    pe_oi: NDArray[np.float64],
    ce_oi_change: NDArray[np.float64],
    pe_oi_change: NDArray[np.float64],
    spot: NDArray[np.float64],
    *,
    velocity_window_ns: int = VELOCITY_WINDOW_NS,
    trend_window_ns: int = TREND_WINDOW_NS,
) -> ChainMeasures:
    """The measures of n snapshots stacked into one table of m rows.

    Args:
        ts: int64 (n,), when each snapshot was known, strictly increasing; gaps and several sessions are fine.
        offsets: int64 (n + 1,), snapshot i is rows ``offsets[i]:offsets[i + 1]``.
        strike: float64 (m,), rupees, strictly ascending inside a snapshot.
        ce_oi, pe_oi, ce_oi_change, pe_oi_change: float64 (m,).
        spot: float64 (n,), rupees.
        velocity_window_ns: how far back pcr_velocity compares.
        trend_window_ns: how far back smart_trend compares.

    Raises:
        DataError: columns of different length, times that do not rise, or strikes out of order.
    """
    columns = [np.ascontiguousarray(c, np.float64) for c in (strike, ce_oi, pe_oi, ce_oi_change, pe_oi_change)]
    _check_shape(ts, offsets, columns, spot)
    strike, ce_oi, pe_oi, ce_oi_change, pe_oi_change = columns
    rows = measure_rows(offsets, strike, ce_oi, pe_oi, ce_oi_change, pe_oi_change, spot)
    pcr, total_oi = rows[0], rows[6]
    return ChainMeasures(
        ts=ts,
        spot=spot,
        pcr=pcr,
        pcr_velocity=pcr_velocity(ts, pcr, velocity_window_ns),
        oi_wall_above=rows[1],
        oi_wall_below=rows[2],
        max_pain=rows[3],
        ce_oi_change=rows[4],
        pe_oi_change=rows[5],
        total_oi=total_oi,
        smart_trend=smart_trend_series(ts, spot, total_oi, trend_window_ns),
    )


def pcr_velocity(
    ts: NDArray[np.int64], pcr: NDArray[np.float64], window_ns: int = VELOCITY_WINDOW_NS
) -> NDArray[np.float64]:
    """Change of PCR per minute since about ``window_ns`` ago: float64 (n,).

    NaN where there is nothing to compare with (the first minutes of a session, after a gap) or a PCR is unknown.
    """
    before = lookback(ts, window_ns)
    velocity = np.full(len(ts), np.nan)
    found = before < np.arange(len(ts))
    elapsed = (ts[found] - ts[before[found]]) / NANOS_PER_MINUTE
    velocity[found] = (pcr[found] - pcr[before[found]]) / elapsed
    return velocity


def smart_trend_series(
    ts: NDArray[np.int64],
    price: NDArray[np.float64],
    oi: NDArray[np.float64],
    window_ns: int = TREND_WINDOW_NS,
) -> NDArray[np.int8]:
    """``SmartTrend`` of each row against about ``window_ns`` earlier: int8 (n,), UNKNOWN where there is no such row."""
    return smart_trends(price, oi, lookback(ts, window_ns))


def pcr_of(snapshot: ChainSnapshot) -> float:
    """Put OI / call OI of the snapshot; NaN when a side is unknown or the calls have none."""
    calls = known_sum(snapshot.ce_oi)
    return known_sum(snapshot.pe_oi) / calls if calls > 0 else float("nan")


def max_pain_of(snapshot: ChainSnapshot) -> float:
    """The strike at which the writers of the snapshot's options pay least; NaN without open interest."""
    return max_pain(snapshot.strike, snapshot.ce_oi, snapshot.pe_oi)


def smart_trend(price_change: float, oi_change: float) -> SmartTrend:
    """What price and open interest say together, both as fractions over the same time (0.01 = one per cent).

    ``Neutral`` while the price has moved less than 0.05 % or the OI less than 0.5 %; ``UNKNOWN`` for a NaN.
    """
    return SmartTrend(trend_code(float(price_change), float(oi_change)))


def _check_shape(
    ts: NDArray[np.int64],
    offsets: NDArray[np.int64],
    columns: list[NDArray[np.float64]],
    spot: NDArray[np.float64],
) -> None:
    rows = len(columns[0])
    if len(offsets) != len(ts) + 1 or len(spot) != len(ts) or any(len(column) != rows for column in columns):
        raise DataError("The chain's columns have different lengths; n snapshots need n + 1 offsets and n spots.")
    if offsets[0] != 0 or offsets[-1] != rows or np.any(np.diff(offsets) < 0):
        raise DataError(f"The chain's offsets must rise from 0 to its {rows} rows.")
    if np.any(np.diff(ts) <= 0):
        raise DataError("The chain's snapshots must be in order of time, one for each moment.")
    rising = np.diff(columns[0]) > 0
    starts = offsets[1:-1]
    rising[starts[(starts > 0) & (starts < rows)] - 1] = True
    if not rising.all():
        raise DataError("The strikes of a chain snapshot must ascend, each once: sort the rows by strike.")
