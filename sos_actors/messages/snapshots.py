"""What vendors say of the market at one moment: an option chain, the breadth, a screener's rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.types import UnixNanos


@dataclass(frozen=True, slots=True)
class OptionChain:
    """One expiry of one underlying at one moment, a row a strike, strikes ascending; NaN is unknown.

    Attributes:
        ts_event: the moment the vendor says it describes, never the moment it was asked for.
        source: which vendor, as it is stored: ``nse``, ``trendlyne``, ``upstox``.
        underlying: canonical symbol.
        spot: the underlying's price, rupees or points; NaN unknown.
        strike: float64 (n,), rupees.
        ce_ltp, pe_ltp, ce_bid, pe_bid, ce_ask, pe_ask: float64 (n,), rupees.
        ce_oi, pe_oi, ce_oi_change, pe_oi_change, ce_volume, pe_volume: float64 (n,), *units*, whatever the vendor
            counts in; the change is since the previous session's close.
        ce_iv, pe_iv: float64 (n,), percent a year.
    """

    ts_event: UnixNanos
    source: str
    underlying: str
    expiry: date
    spot: float
    strike: NDArray[np.float64]
    ce_ltp: NDArray[np.float64]
    pe_ltp: NDArray[np.float64]
    ce_oi: NDArray[np.float64]
    pe_oi: NDArray[np.float64]
    ce_oi_change: NDArray[np.float64]
    pe_oi_change: NDArray[np.float64]
    ce_volume: NDArray[np.float64]
    pe_volume: NDArray[np.float64]
    ce_iv: NDArray[np.float64]
    pe_iv: NDArray[np.float64]
    ce_bid: NDArray[np.float64]
    pe_bid: NDArray[np.float64]
    ce_ask: NDArray[np.float64]
    pe_ask: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.strike)


@dataclass(frozen=True, slots=True)
class Breadth:
    """How many securities rose and fell against their previous close.

    Attributes:
        ts_event: the moment the vendor says it describes.
        source: ``nse`` or ``tradingview``.
        universe: what was counted: ``NIFTY 50`` or ``NSE``. Figures of different universes are never mixed.
    """

    ts_event: UnixNanos
    source: str
    universe: str
    advances: int
    declines: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class ScreenerRow:
    """One stock as the screener shows it; ``values`` has a column's number, or None where the vendor has none."""

    symbol: str
    ticker: str
    values: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScreenerScan:
    """The answer to one funnel query.

    Attributes:
        ts_event: when it was answered.
        rows: in the order of the query.
        total: matches in all, also those beyond the query's range.
        updated: the newest ``last_bar_update_time`` of the rows; None when no row tells.
        delay_s: ``ts_event`` less ``updated``, seconds; None as above.
        update_modes: the entitlements the rows carry, such as ``streaming`` or ``delayed_streaming_900``.
    """

    ts_event: UnixNanos
    rows: tuple[ScreenerRow, ...]
    total: int
    updated: UnixNanos | None
    delay_s: float | None
    update_modes: tuple[str, ...] = ()
