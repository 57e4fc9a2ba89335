"""Bars of many instruments as matrices: a row an instrument, a column a bar of the session they share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.calendar import Session
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import NANOS_PER_MINUTE

Matrix = NDArray[np.float64]
AT_A_TIME = 16
"""Instruments looked up before others get their turn."""


class Panel(NamedTuple):
    """Bars of several instruments.

    Attributes:
        ts: int64 (n_bars,), the bars' open times, UnixNanos, ascending.
        open, high, low, close: float64 (n_rows, n_bars), NaN before an instrument's first bar.
        volume: float64 (n_rows, n_bars), units; NaN for an index.
    """

    ts: NDArray[np.int64]
    open: Matrix
    high: Matrix
    low: Matrix
    close: Matrix
    volume: Matrix

    def until(self, count: int) -> Panel:
        """The first ``count`` bars."""
        return Panel(self.ts[:count], *(matrix[:, :count] for matrix in self[1:]))

    def last(self, count: int) -> Panel:
        """The last ``count`` bars."""
        start = max(len(self.ts) - count, 0)
        return Panel(self.ts[start:], *(matrix[:, start:] for matrix in self[1:]))


async def minute_panel(market: MarketView, listings: Sequence[Listing], session: Session) -> Panel:
    """A whole session's minutes; a minute without a trade repeats the close before it, with volume 0."""
    grid = session.bar_opens()
    columns = np.full((5, len(listings), len(grid)), np.nan)
    for row, listing in enumerate(listings):
        if row % AT_A_TIME == 0:
            await asyncio.sleep(0)
        bars = market.candles(listing, session.day)
        places = np.searchsorted(grid, bars.ts)
        known = (places < len(grid)) & (grid[np.minimum(places, len(grid) - 1)] == bars.ts)
        for column, values in zip(columns, (bars.open, bars.high, bars.low, bars.close, bars.volume), strict=True):
            column[row, places[known]] = values[known]
    return Panel(grid, *_without_gaps(list(columns)))


def reduced(panel: Panel, minutes: int, start: int) -> Panel:
    """Bars of ``minutes`` made of one session's minutes, counted from ``start`` (UnixNanos), the session's open."""
    if minutes == 1 or not len(panel.ts):
        return panel
    bucket = (panel.ts - start) // (minutes * NANOS_PER_MINUTE)
    firsts = np.flatnonzero(np.diff(bucket, prepend=-1))
    lasts = np.append(firsts[1:], len(bucket)) - 1
    return Panel(
        start + bucket[firsts] * (minutes * NANOS_PER_MINUTE),
        panel.open[:, firsts],
        np.fmax.reduceat(panel.high, firsts, axis=1),
        np.fmin.reduceat(panel.low, firsts, axis=1),
        panel.close[:, lasts],
        np.add.reduceat(panel.volume, firsts, axis=1),
    )


def joined(panels: Sequence[Panel]) -> Panel:
    """Panels of the same instruments one after the other; a gap repeats the close before it, with volume 0."""
    parts = [np.concatenate([panel[part] for panel in panels], axis=1) for part in range(1, 6)]
    return Panel(np.concatenate([panel.ts for panel in panels]), *_without_gaps(parts))


def with_forming(panel: Panel, ts: int, price: Matrix, volume: Matrix, traded: NDArray[np.bool_]) -> Panel:
    """A session's minutes as they are at a moment: the completed ones, and the one that is forming.

    Args:
        panel: the whole session's minutes.
        ts: the moment, UnixNanos.
        price: float64 (n_rows,), last prices.
        volume: float64 (n_rows,), units traded so far today.
        traded: bool (n_rows,), whether the minute has had a trade yet.
    """
    done = int(np.searchsorted(panel.ts + NANOS_PER_MINUTE, ts, side="right"))
    complete = panel.until(done)
    if done >= len(panel.ts) or panel.ts[done] > ts:
        return complete
    first = np.where(traded, panel.open[:, done], price)
    forming = (
        first,
        np.fmax(first, price),
        np.fmin(first, price),
        price,
        np.maximum(volume - complete.volume.sum(axis=1), 0.0),
    )
    columns = (np.concatenate([old, new[:, None]], axis=1) for old, new in zip(complete[1:], forming, strict=True))
    return Panel(panel.ts[: done + 1], *columns)


def _without_gaps(parts: list[Matrix]) -> list[Matrix]:
    """Open, high, low, close and volume with gaps filled; what lies before an instrument's first bar stays unknown."""
    missing = np.isnan(parts[3])
    if not missing.any():
        return parts
    close = _filled(parts[3])
    prices = [np.where(missing, close, part) for part in parts[:3]]
    traded: NDArray[np.bool_] = np.any(~np.isnan(parts[4]), axis=1)
    return [*prices, close, np.where(missing & traded[:, None], 0.0, parts[4])]


def _filled(close: Matrix) -> Matrix:
    """Each row's last known value instead of NaN; NaN before the first."""
    known = np.where(np.isnan(close), 0, np.arange(close.shape[1]))
    return np.take_along_axis(close, np.maximum.accumulate(known, axis=1), axis=1)
