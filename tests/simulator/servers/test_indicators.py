"""Indicators of many rows at once against the same sums written out for one row."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sos_actors.simulator.servers import indicators

Row = NDArray[np.float64]
BARS = 80


def prices() -> tuple[Row, Row, Row]:
    rng = np.random.default_rng(7)
    close = 100.0 + np.cumsum(rng.standard_normal((3, BARS)), axis=1)
    high, low = close + rng.random((3, BARS)), close - rng.random((3, BARS))
    for matrix in (close, high, low):
        matrix[1, :12] = np.nan  # listed later
    return high, low, close


def plain_average(values: list[float], length: int, weight: float) -> float:
    value = sum(values[:length]) / length
    for one in values[length:]:
        value += weight * (one - value)
    return value


def known(row: Row) -> list[float]:
    values: list[float] = row[~np.isnan(row)].tolist()
    return values


def test_averages_start_at_the_mean_of_their_first_bars_and_follow_each_row_alone() -> None:
    _, _, close = prices()
    for length in (9, 20):
        exponential = indicators.exponential_average(close, length)
        wilder = indicators.wilder_average(close, length)
        simple = indicators.moving_average(close, length)
        for row in range(3):
            values = known(close[row])
            assert exponential[row, -1] == pytest.approx(plain_average(values, length, 2 / (length + 1)))
            assert wilder[row, -1] == pytest.approx(plain_average(values, length, 1 / length))
            assert simple[row, -1] == pytest.approx(sum(values[-length:]) / length)
        assert np.isnan(exponential[0, : length - 1]).all()
        assert np.isnan(exponential[1, : 12 + length - 1]).all()


def test_too_few_bars_give_no_value() -> None:
    high, low, close = (matrix[:, :10] for matrix in prices())
    for made in (
        indicators.relative_strength(close, 14),
        indicators.average_true_range(high, low, close, 14),
        *indicators.directional_movement(high, low, close, 14),
        *indicators.convergence(close),
        *indicators.bands(close),
        *indicators.channel(high, low, close),
    ):
        assert np.isnan(made).all()


def test_relative_strength_is_wilders() -> None:
    _, _, close = prices()
    changes = np.diff(known(close[0])).tolist()
    gain = plain_average([max(change, 0.0) for change in changes], 14, 1 / 14)
    loss = plain_average([max(-change, 0.0) for change in changes], 14, 1 / 14)
    assert indicators.relative_strength(close, 14)[0, -1] == pytest.approx(100 - 100 / (1 + gain / loss))
    rising = np.arange(1.0, 41.0)[None, :]
    assert indicators.relative_strength(rising, 14)[0, -1] == 100.0


def test_directional_movement_is_wilders() -> None:
    high, low, close = (matrix[0] for matrix in prices())
    up, down = np.diff(high), -np.diff(low)
    plus = np.where((up > down) & (up > 0), up, 0.0).tolist()
    minus = np.where((down > up) & (down > 0), down, 0.0).tolist()
    ranges = [
        max(high[bar] - low[bar], abs(high[bar] - close[bar - 1]), abs(low[bar] - close[bar - 1]))
        for bar in range(1, BARS)
    ]
    span = [plain_average(ranges[:end], 14, 1 / 14) for end in range(14, BARS)]
    plus_di = [
        100 * plain_average(plus[:end], 14, 1 / 14) / width for end, width in zip(range(14, BARS), span, strict=True)
    ]
    minus_di = [
        100 * plain_average(minus[:end], 14, 1 / 14) / width for end, width in zip(range(14, BARS), span, strict=True)
    ]
    lean = [100 * abs(one - other) / (one + other) for one, other in zip(plus_di, minus_di, strict=True)]
    made = indicators.directional_movement(*prices(), 14)
    assert made[0][0, -1] == pytest.approx(plain_average(lean, 14, 1 / 14))
    assert made[1][0, -1] == pytest.approx(plus_di[-1])
    assert made[2][0, -1] == pytest.approx(minus_di[-1])


def test_convergence_is_the_difference_of_two_averages_and_its_signal() -> None:
    _, _, close = prices()
    line, signal, histogram = indicators.convergence(close)
    values = known(close[2])
    lines = [
        plain_average(values[:end], 12, 2 / 13) - plain_average(values[:end], 26, 2 / 27) for end in range(26, BARS + 1)
    ]
    assert line[2, -1] == pytest.approx(lines[-1])
    assert signal[2, -1] == pytest.approx(plain_average(lines, 9, 0.2))
    assert histogram[2, -1] == pytest.approx(lines[-1] - plain_average(lines, 9, 0.2))


def test_bands_lie_two_deviations_and_channels_two_ranges_around_their_middle() -> None:
    high, low, close = prices()
    upper, middle, lower = indicators.bands(close)
    last = close[0, -20:]
    assert middle[0, -1] == pytest.approx(last.mean())
    assert upper[0, -1] - middle[0, -1] == pytest.approx(2 * last.std())
    assert middle[0, -1] - lower[0, -1] == pytest.approx(2 * last.std())
    top, centre, bottom = indicators.channel(high, low, close)
    width = 2 * indicators.average_true_range(high, low, close, 10)[0, -1]
    assert centre[0, -1] == pytest.approx(indicators.exponential_average(close, 20)[0, -1])
    assert (top - centre)[0, -1] == pytest.approx(width) == pytest.approx((centre - bottom)[0, -1])
