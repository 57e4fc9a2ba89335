"""Which bars the engine has missed, as the events it would have had."""

from __future__ import annotations

import math

from sos_actors.messages.market import BarClosed, BarSeries
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos


def missed_bars(symbol: str, bars: BarSeries, since: int, last: int) -> list[BarClosed] | None:
    """The bars to be told, oldest first; None when the engine has gone on past some that it never had.

    Args:
        symbol: canonical.
        bars: today's, oldest first.
        since: the open of the last bar the engine had when the gap was found, UnixNanos.
        last: of the last it has now; -1 where it keeps none, as of contracts.
    """
    if ((bars.ts > since) & (bars.ts < last)).any():
        return None
    return closed_bars(symbol, bars, since if last < 0 else last)


def closed_bars(symbol: str, bars: BarSeries, after: int) -> list[BarClosed]:
    """The bars of a symbol that opened later than ``after`` (UnixNanos), as events, oldest first."""
    return [_closed(symbol, bars, row) for row in (bars.ts > after).nonzero()[0].tolist()]


def _closed(symbol: str, bars: BarSeries, row: int) -> BarClosed:
    ts = int(bars.ts[row])
    volume, oi = float(bars.volume[row]), float(bars.oi[row])
    return BarClosed(
        UnixNanos(ts + NANOS_PER_MINUTE), symbol, UnixNanos(ts), float(bars.open[row]), float(bars.high[row]),
        float(bars.low[row]), float(bars.close[row]), None if math.isnan(volume) else volume,
        None if math.isnan(oi) else oi,
    )  # fmt: skip
