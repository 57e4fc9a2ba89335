"""Fills the column matrix: every window, session figure and bar shape that strategies ask for.

Sums run from the oldest bar of a window to the newest, always, so that a bar gives the same bits whether it is computed
alone or among a million others. The loops over a block of bars run window-offset outermost, and inside over views whose
index cannot be negative: so the processor does several bars at once, without changing any bar's order of additions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import compiled
from sos_actors.strategy import opcodes as op
from sos_actors.strategy.tree import HISTORY_BARS

BLOCK = 512
Row = NDArray[np.float64]
Matrix = NDArray[np.float64]


@compiled
def _window_sum(source: Row, n: int, low: int, high: int, out: Row) -> None:
    """Sum over the last min(n, bars so far) bars."""
    for i in range(low, min(high, n - 1)):
        total = 0.0
        for j in range(i + 1):
            total += source[j]
        out[i] = total
    first = max(low, n - 1)
    for block in range(first, high, BLOCK):
        end = min(block + BLOCK, high)
        sums = out[block:end]
        for i in range(len(sums)):
            sums[i] = 0.0
        for back in range(n - 1, -1, -1):
            values = source[block - back : end - back]
            for i in range(len(sums)):
                sums[i] += values[i]


@compiled
def _mean(source: Row, n: int, low: int, high: int, out: Row) -> None:
    _window_sum(source, n, low, high, out)
    for i in range(low, high):
        out[i] /= min(n, i + 1)


@compiled
def _ema(source: Row, n: int, low: int, high: int, out: Row) -> None:
    """Over the last 2n bars of those history holds, seeded with the oldest."""
    alpha = 2.0 / (n + 1.0)
    keep = 1.0 - alpha
    span = min(2 * n, HISTORY_BARS)
    for i in range(low, min(high, span - 1)):
        value = source[0]
        for j in range(1, i + 1):
            value = alpha * source[j] + keep * value
        out[i] = value
    for block in range(max(low, span - 1), high, BLOCK):
        end = min(block + BLOCK, high)
        means = out[block:end]
        for i in range(len(means)):
            means[i] = source[block - span + 1 + i]
        for back in range(span - 2, -1, -1):
            values = source[block - back : end - back]
            for i in range(len(means)):
                means[i] = alpha * values[i] + keep * means[i]


@compiled
def _extreme(source: Row, n: int, sign: float, low: int, high: int, out: Row) -> None:
    """Highest (sign 1) or lowest (sign -1); NaN anywhere in the window gives NaN (nothing compares above it)."""
    for i in range(low, min(high, n - 1)):
        best = source[0]
        for j in range(1, i + 1):
            value = source[j]
            best = value if sign * value > sign * best or value != value else best
        out[i] = best
    for block in range(max(low, n - 1), high, BLOCK):
        end = min(block + BLOCK, high)
        extremes = out[block:end]
        for i in range(len(extremes)):
            extremes[i] = source[block - n + 1 + i]
        for back in range(n - 2, -1, -1):
            values = source[block - back : end - back]
            for i in range(len(extremes)):
                value, best = values[i], extremes[i]
                extremes[i] = value if sign * value > sign * best or value != value else best


@compiled
def _deviation(source: Row, mean: Row, n: int, low: int, high: int, out: Row) -> None:
    """Sample standard deviation about ``mean``; 0 with fewer than two bars."""
    for i in range(low, min(high, n - 1)):
        total = 0.0
        for j in range(i + 1):
            total += (source[j] - mean[i]) * (source[j] - mean[i])
        out[i] = total
    for block in range(max(low, n - 1), high, BLOCK):
        end = min(block + BLOCK, high)
        sums, centres = out[block:end], mean[block:end]
        for i in range(len(sums)):
            sums[i] = 0.0
        for back in range(n - 1, -1, -1):
            values = source[block - back : end - back]
            for i in range(len(sums)):
                sums[i] += (values[i] - centres[i]) * (values[i] - centres[i])
    for i in range(low, high):
        bars = min(n, i + 1)
        out[i] = np.sqrt(out[i] / (bars - 1)) if bars > 1 else 0.0 * source[i]


@compiled
def _rsi(close: Row, n: int, low: int, high: int, out: Row) -> None:
    """50 until n bars exist; from then on the last n changes of those there are, 100 when none is a loss."""
    changes = min(n, HISTORY_BARS - 1)
    losses = np.empty(BLOCK)
    for block in range(low, high, BLOCK):
        end = min(block + BLOCK, high)
        gains = out[block:end]
        for i in range(len(gains)):
            gains[i] = losses[i] = 0.0
        for back in range(changes - 1, -1, -1):
            skipped = max(0, back + 1 - block)  # bars too early to have a change so far back
            first = block + skipped - back
            after, before = close[first : end - back], close[first - 1 : end - back - 1]
            for i in range(len(gains) - skipped):
                change = after[i] - before[i]
                gains[skipped + i] += change if change > 0.0 else 0.0
                losses[skipped + i] += -change if change < 0.0 else 0.0
        for i in range(len(gains)):
            seen = min(changes, block + i)
            if block + i + 1 < n:
                gains[i] = 50.0
            elif losses[i] == 0.0:
                gains[i] = 100.0
            else:
                gains[i] = 100.0 - 100.0 / (1.0 + (gains[i] / seen) / (losses[i] / seen))


@compiled
def _shape(function: int, cols: Matrix, low: int, high: int, out: Row) -> None:
    for i in range(low, high):
        open_, top, bottom, close = cols[0, i], cols[1, i], cols[2, i], cols[3, i]
        if function == op.COLUMN_BODY:
            out[i] = abs(close - open_)
        elif function == op.COLUMN_RANGE:
            out[i] = top - bottom
        elif function == op.COLUMN_HIGH_WICK:
            out[i] = top - (close if close > open_ else open_)
        elif function == op.COLUMN_LOW_WICK:
            out[i] = (close if close < open_ else open_) - bottom
        else:
            widest = top - bottom
            if i > 0:
                before = cols[3, i - 1]
                up, down = abs(top - before), abs(bottom - before)
                widest = up if up > widest else widest
                widest = down if down > widest else widest
            out[i] = widest


@compiled
def _session(function: int, source: Row, cols: Matrix, low: int, high: int, out: Row) -> None:
    """Running figures of the session, and the last one of the session before."""
    session = cols[op.BASE_SESSION]
    for i in range(low, high):
        new = i == 0 or session[i] != session[i - 1]
        if function == op.COLUMN_PREVIOUS_DAY:
            if not new:
                out[i] = out[i - 1]
            elif i > 0 and session[i] - session[i - 1] == 1.0:
                out[i] = source[i - 1]
            else:
                out[i] = np.nan
            continue
        value = source[i]
        if function == op.COLUMN_VWAP_VALUE:
            value = (cols[1, i] + cols[2, i] + cols[3, i]) / 3.0 * cols[op.BASE_VOLUME, i]
        elif function == op.COLUMN_VWAP_VOLUME:
            value = cols[op.BASE_VOLUME, i]
        if new:
            running = function == op.COLUMN_VWAP_VALUE or function == op.COLUMN_VWAP_VOLUME
            out[i] = 0.0 + value if running else value
        elif function == op.COLUMN_DAY_OPEN:
            out[i] = out[i - 1]
        elif function == op.COLUMN_DAY_HIGH:
            out[i] = value if value > out[i - 1] else out[i - 1]
        elif function == op.COLUMN_DAY_LOW:
            out[i] = value if value < out[i - 1] else out[i - 1]
        else:
            out[i] = out[i - 1] + value


@compiled
def _combine(function: int, first: Row, second: Row, factor: float, cols: Matrix, low: int, high: int, n: int,
             out: Row) -> None:  # fmt: skip
    """A band (mean and deviation), or the volume-weighted average price (value and volume)."""
    for i in range(low, high):
        if function == op.COLUMN_BAND:
            out[i] = first[i] + factor * second[i] if i + 1 >= n else 0.0
        elif second[i] == 0.0:
            out[i] = cols[op.BASE_CLOSE, i]
        else:
            out[i] = first[i] / second[i]


@compiled
def fill_columns(table: NDArray[np.int64], factors: Row, cols: Matrix, low: int, high: int) -> None:
    """Compute rows N_BASE and up of ``cols`` for bars ``low`` to ``high``; earlier bars must be filled already.

    Args:
        table: int64 (n_columns, 4) of ``Program.columns``.
        factors: float64 (n_columns,).
        cols: float64 (n_columns, capacity); the base rows hold the bars.
        low: first bar to compute.
        high: one after the last.
    """
    for row in range(op.N_BASE, table.shape[0]):
        function, source, n, second = table[row, 0], table[row, 1], table[row, 2], table[row, 3]
        out = cols[row]
        if function == op.COLUMN_SMA:
            _mean(cols[source], n, low, high, out)
        elif function == op.COLUMN_EMA:
            _ema(cols[source], n, low, high, out)
        elif function == op.COLUMN_HIGHEST:
            _extreme(cols[source], n, 1.0, low, high, out)
        elif function == op.COLUMN_LOWEST:
            _extreme(cols[source], n, -1.0, low, high, out)
        elif function == op.COLUMN_STDEV:
            _deviation(cols[source], cols[second], n, low, high, out)
        elif function == op.COLUMN_RSI:
            _rsi(cols[source], n, low, high, out)
        elif function == op.COLUMN_BAND or function == op.COLUMN_VWAP:
            _combine(function, cols[source], cols[second], factors[row], cols, low, high, n, out)
        elif function < op.COLUMN_SMA:
            _shape(function, cols, low, high, out)
        else:
            _session(function, cols[source], cols, low, high, out)
