"""What the market said: bars as columns, one bar, ticks, sentiment, a screener alert, prices that disagree."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sos_actors.types import Regime, SmartTrend, UnixNanos


@dataclass(frozen=True, slots=True)
class BarSeries:
    """One-minute bars of one instrument as columns, oldest first.

    Attributes:
        ts: int64 (n,), the bar's *open* time in UnixNanos, strictly increasing.
        open, high, low, close: float64 (n,), rupees or index points.
        volume: float64 (n,), units traded; NaN where the source does not know it (an index has none).
        oi: float64 (n,), open interest in units; NaN where unknown.
    """

    ts: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    oi: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> Self:
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def empty(cls) -> Self:
        """A series without bars."""
        return cls(np.empty(0, np.int64), *(np.empty(0) for _ in range(6)))


@dataclass(frozen=True, slots=True)
class BarClosed:
    """A one-minute bar of an underlying or a stock has closed.

    Attributes:
        ts_event: when the bar closed.
        symbol: canonical symbol.
        ts_open: the bar's open time.
        volume, oi: None where the source does not know them.
        provisional: made of ticks, because the exchange's own candle was late.
    """

    ts_event: UnixNanos
    symbol: str
    ts_open: UnixNanos
    open: float
    high: float
    low: float
    close: float
    volume: float | None = None
    oi: float | None = None
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """A trade price of an instrument the engine holds or asked for."""

    ts_event: UnixNanos
    symbol: str
    price: float


@dataclass(frozen=True, slots=True)
class Ticks:
    """Ticks that the engine is told of together, oldest first, a column each; they count as told one by one.

    Attributes:
        ts_event: of the last one.
        times: of each, UnixNanos.
    """

    ts_event: UnixNanos
    symbols: tuple[str, ...]
    times: tuple[int, ...]
    prices: tuple[float, ...]

    def each(self) -> list[Tick]:
        """They one by one."""
        columns = zip(self.times, self.symbols, self.prices, strict=True)
        return [Tick(UnixNanos(ts), symbol, price) for ts, symbol, price in columns]


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The mood of one underlying, known at ``ts_event``. None means unknown, never a default.

    Attributes:
        pcr: put open interest / call open interest.
        pcr_velocity: change of pcr per minute.
        oi_wall_above, oi_wall_below: strikes of the largest call OI above and put OI below the spot.
        ce_oi_change, pe_oi_change: units, since the previous session's close.
        total_oi: of all the underlying's options, units: what an index has for open interest.
    """

    ts_event: UnixNanos
    symbol: str
    regime: Regime
    pcr: float | None = None
    pcr_velocity: float | None = None
    advances: float | None = None
    declines: float | None = None
    oi_wall_above: float | None = None
    oi_wall_below: float | None = None
    ce_oi_change: float | None = None
    pe_oi_change: float | None = None
    max_pain: float | None = None
    smart_trend: SmartTrend = SmartTrend.UNKNOWN
    total_oi: float | None = None

    @property
    def breadth_ratio(self) -> float | None:
        """Advances / declines; None when either is unknown or nothing declined."""
        if self.advances is None or self.declines is None or self.declines == 0:
            return None
        return self.advances / self.declines


@dataclass(frozen=True, slots=True)
class ScreenerAlert:
    """A stock came into play (``ADD``) or left (``REMOVE``), with the screener row that says why."""

    ts_event: UnixNanos
    symbol: str
    action: str
    rvol: float = 0.0
    change_from_open: float = 0.0
    momentum_score: float = 0.0
    adx: float = 0.0
    atr: float = 0.0
    macd: float = 0.0
    change: float = 0.0


@dataclass(frozen=True, slots=True)
class QuarantineChanged:
    """Two sources began to disagree about a symbol's price, or agree again.

    A quarantined symbol takes no entries until it is released or the day is over; what is held goes on.

    Attributes:
        ts_event: when that was known; it counts for bars that close then or later.
        symbol: canonical symbol.
        quarantined: True when they disagree.
        ours: our feed's price in the comparison that decided, rupees.
        reference: the other source's, rupees.
        source: whose the reference is, for example ``tradingview``.
    """

    ts_event: UnixNanos
    symbol: str
    quarantined: bool
    ours: float
    reference: float
    source: str


@dataclass(frozen=True, slots=True)
class PriceSpan:
    """The prices of a held instrument over a stretch of time, where single ticks are not known."""

    ts_event: UnixNanos
    symbol: str
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The clock reached ``ts_event``; at least once a minute while a session lasts."""

    ts_event: UnixNanos
