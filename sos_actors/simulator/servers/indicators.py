"""Indicators of many instruments at once, as TradingView's screener defines them.

Matrices are float64 (n_rows, n_bars), oldest bar first, with nothing but NaN before an instrument's first bar; a value
is NaN until there are bars enough. Source: TradingView's Pine reference for ``ta.ema``, ``ta.rma``, ``ta.dmi``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def moving_average(values: Matrix, length: int) -> Matrix:
    """Mean of the last ``length`` bars."""
    out = np.full_like(values, np.nan)
    if values.shape[1] >= length:
        out[:, length - 1 :] = np.lib.stride_tricks.sliding_window_view(values, length, axis=1).mean(axis=2)
    return out


def exponential_average(values: Matrix, length: int) -> Matrix:
    """Exponential average that starts at the mean of the first ``length`` bars."""
    return _smoothed(values, length, 2.0 / (length + 1.0))


def wilder_average(values: Matrix, length: int) -> Matrix:
    """Wilder's average: exponential with weight 1 / length."""
    return _smoothed(values, length, 1.0 / length)


def relative_strength(close: Matrix, length: int) -> Matrix:
    """RSI, 0 to 100; 100 where nothing fell."""
    change = _changes(close)
    gains, losses = wilder_average(np.maximum(change, 0.0), length), wilder_average(np.maximum(-change, 0.0), length)
    with np.errstate(divide="ignore", invalid="ignore"):
        strength = 100.0 - 100.0 / (1.0 + gains / losses)
    return np.where(losses == 0.0, np.where(np.isnan(gains), np.nan, 100.0), strength)


def true_range(high: Matrix, low: Matrix, close: Matrix) -> Matrix:
    """The bar's range, the gap to the close before it included."""
    before = _shifted(close)
    return np.fmax(high - low, np.fmax(np.abs(high - before), np.abs(low - before)))


def average_true_range(high: Matrix, low: Matrix, close: Matrix, length: int) -> Matrix:
    """ATR, in rupees."""
    return wilder_average(true_range(high, low, close), length)


def directional_movement(high: Matrix, low: Matrix, close: Matrix, length: int) -> tuple[Matrix, Matrix, Matrix]:
    """ADX, +DI and -DI, 0 to 100."""
    up, down = high - _shifted(high), _shifted(low) - low
    gap = np.isnan(up) | np.isnan(down)
    plus = np.where(gap, np.nan, np.where((up > down) & (up > 0.0), up, 0.0))
    minus = np.where(gap, np.nan, np.where((down > up) & (down > 0.0), down, 0.0))
    span = wilder_average(np.where(gap, np.nan, true_range(high, low, close)), length)
    with np.errstate(divide="ignore", invalid="ignore"):
        plus_di = 100.0 * wilder_average(plus, length) / span
        minus_di = 100.0 * wilder_average(minus, length) / span
        total = plus_di + minus_di
        lean = np.where(total == 0.0, 0.0, 100.0 * np.abs(plus_di - minus_di) / total)
    return wilder_average(lean, length), plus_di, minus_di


def convergence(close: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """MACD of 12, 26 and 9 bars: the line, its signal and their difference, in rupees."""
    line = exponential_average(close, 12) - exponential_average(close, 26)
    signal = exponential_average(line, 9)
    return line, signal, line - signal


def bands(close: Matrix, length: int = 20, width: float = 2.0) -> tuple[Matrix, Matrix, Matrix]:
    """Bollinger's upper, middle and lower band."""
    middle = moving_average(close, length)
    spread = np.full_like(close, np.nan)
    if close.shape[1] >= length:
        windows = np.lib.stride_tricks.sliding_window_view(close, length, axis=1)
        spread[:, length - 1 :] = width * windows.std(axis=2)
    return middle + spread, middle, middle - spread


def channel(high: Matrix, low: Matrix, close: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Keltner's upper, middle and lower line: two average ranges of ten bars around the average of twenty."""
    middle = exponential_average(close, 20)
    spread = 2.0 * average_true_range(high, low, close, 10)
    return middle + spread, middle, middle - spread


def _shifted(values: Matrix) -> Matrix:
    """Each bar's value of the bar before."""
    return np.concatenate([np.full((len(values), 1), np.nan), values[:, :-1]], axis=1)


def _changes(values: Matrix) -> Matrix:
    return values - _shifted(values)


def _smoothed(values: Matrix, length: int, weight: float) -> Matrix:
    """A recursive average, seeded with the mean of the first ``length`` known values of each row."""
    out = np.full_like(values, np.nan)
    known = ~np.isnan(values)
    starts = np.where(known.any(axis=1), known.argmax(axis=1), values.shape[1])
    for start in np.unique(starts):
        seeded = int(start) + length
        if seeded > values.shape[1]:
            continue
        rows = starts == start
        columns = np.ascontiguousarray(values[rows].T)
        averages = np.full_like(columns, np.nan)
        value = columns[start:seeded].mean(axis=0)
        averages[seeded - 1] = value
        for bar in range(seeded, len(columns)):
            value = value + weight * (columns[bar] - value)
            averages[bar] = value
        out[rows] = averages.T
    return out
