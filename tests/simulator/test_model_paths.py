"""Levels and intraday paths are those of a market: volatility, its shape over the day, volume, kinds of day."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model import MarketModel
from sos_actors.simulator.model_days import DAY_MIXTURE, DayType
from sos_actors.simulator.model_levels import LevelTable, generator, on_tick
from sos_actors.simulator.model_paths import day_shape, volatility_profile
from sos_actors.simulator.model_symbols import ANCHOR_DAY, LISTED

NIFTY, BANKNIFTY = "NSE|INDEX|NIFTY", "NSE|INDEX|BANKNIFTY"
CALENDAR = Calendar.default()
MODEL = MarketModel(7, CALENDAR)
YEAR = [
    day for day in CALENDAR.sessions(date(2025, 1, 1), date(2025, 12, 31)) if day not in {date(2025, 10, 21)}
]  # without the Muhurat hour


@pytest.fixture(scope="module")
def year() -> dict[str, list[BarSeries]]:
    days = [MODEL.session(day) for day in YEAR]
    return {symbol: [day.candles(symbol) for day in days] for symbol in (NIFTY, BANKNIFTY, "NSE|EQ|TCS")}


def daily_returns(series: list[BarSeries]) -> NDArray[np.float64]:
    return np.diff(np.log([float(bars.close[-1]) for bars in series]))


def minute_returns(series: list[BarSeries]) -> NDArray[np.float64]:
    return np.array([np.diff(np.log(bars.close)) for bars in series if len(bars) == 375])


def test_daily_volatility_is_that_of_an_index_and_of_a_stock(year: dict[str, list[BarSeries]]) -> None:
    deviation = {symbol: daily_returns(series).std() for symbol, series in year.items()}

    assert 0.005 < deviation[NIFTY] < 0.012
    assert deviation[NIFTY] < deviation[BANKNIFTY] < 0.015
    assert 0.009 < deviation["NSE|EQ|TCS"] < 0.022


def test_banknifty_follows_nifty(year: dict[str, list[BarSeries]]) -> None:
    nifty, bank = daily_returns(year[NIFTY]), daily_returns(year[BANKNIFTY])
    by_minute = np.corrcoef(minute_returns(year[NIFTY]).ravel(), minute_returns(year[BANKNIFTY]).ravel())[0, 1]

    assert np.corrcoef(nifty, bank)[0, 1] > 0.8
    assert 0.6 < by_minute < 0.97


def test_gaps_and_ranges_have_a_plausible_size(year: dict[str, list[BarSeries]]) -> None:
    series = year[NIFTY]
    ranges = [(bars.high.max() - bars.low.min()) / bars.open[0] for bars in series]
    gaps = [np.log(today.open[0] / before.close[-1]) for before, today in pairwise(series)]

    assert 0.005 < float(np.median(ranges)) < 0.012
    assert 0.002 < float(np.std(gaps)) < 0.007


def test_minutes_are_wildest_at_the_open_and_quietest_at_midday(year: dict[str, list[BarSeries]]) -> None:
    size = np.abs(minute_returns(year[NIFTY])).mean(axis=0)
    opening, midday, late = size[:25].mean(), size[150:225].mean(), size[325:365].mean()

    assert opening > 1.4 * midday
    assert late > 1.05 * midday


def test_minute_returns_have_fat_tails_and_volatility_clusters(year: dict[str, list[BarSeries]]) -> None:
    returns = minute_returns(year[NIFTY])[:, 5:]
    size = np.abs(returns) / np.abs(returns).mean(axis=0)
    size -= size.mean(axis=1, keepdims=True)

    assert (returns**4).mean() / (returns**2).mean() ** 2 > 5.0
    assert (size[:, :-1] * size[:, 1:]).mean() / (size**2).mean() > 0.08


def test_volume_is_heavy_at_both_ends_of_the_day(year: dict[str, list[BarSeries]]) -> None:
    volume = np.array([bars.volume / bars.volume.mean() for bars in year["NSE|EQ|TCS"] if len(bars) == 375])
    shape = volume.mean(axis=0)

    assert shape[:15].mean() > 1.5 * shape[150:225].mean()
    assert shape[-25:].mean() > 1.5 * shape[150:225].mean()


def test_stocks_come_into_play_now_and_then_with_volume_and_range() -> None:
    row = next(i for i, listed in enumerate(LISTED) if listed.short_name == "RELIANCE")
    plans = [MODEL.session(day).plan(LISTED[row].symbol) for day in YEAR]
    loud = [plan for plan in plans if plan.in_play]
    quiet = [plan for plan in plans if not plan.in_play]

    assert 0.02 < len(loud) / len(plans) < 0.18
    assert np.median([p.relative_volume for p in loud]) > 2 * np.median([p.relative_volume for p in quiet])


def test_sixty_sessions_hold_at_least_four_kinds_of_day() -> None:
    for first in range(0, 180, 60):
        assert len({MODEL.session(day).day_type for day in YEAR[first : first + 60]}) >= 4


def test_kinds_of_day_occur_as_documented() -> None:
    days = CALENDAR.sessions(date(2019, 1, 1), date(2026, 10, 30))
    counts = Counter(MODEL.session(day).day_type for day in days)

    assert sum(DAY_MIXTURE.values()) == pytest.approx(1.0)
    assert list(DAY_MIXTURE) == list(DayType)
    for kind, share in DAY_MIXTURE.items():
        assert counts[kind] / len(days) == pytest.approx(share, abs=0.05)


def test_trending_days_travel_further_than_sideways_days(year: dict[str, list[BarSeries]]) -> None:
    travelled: dict[DayType, list[float]] = {kind: [] for kind in DayType}
    for day, bars in zip(YEAR, year[NIFTY], strict=True):
        span = bars.high.max() - bars.low.min()
        travelled[MODEL.session(day).day_type].append(float((bars.close[-1] - bars.open[0]) / span))

    assert np.median(travelled[DayType.TREND_UP]) > 0.5
    assert np.median(travelled[DayType.TREND_DOWN]) < -0.5
    assert np.median(np.abs(travelled[DayType.SIDEWAYS])) < 0.3


def test_a_reversal_goes_the_other_way_first() -> None:
    knots, values = day_shape(DayType.REVERSAL, np.random.default_rng(1), move=0.004, scale=0.01)

    assert values[0] == 0.0
    assert values[-1] == 0.004
    assert values.min() < -0.005
    assert (np.diff(knots) > 0).all()


@pytest.mark.parametrize("kind", list(DayType))
def test_shapes_run_forward_from_zero_to_the_move(kind: DayType) -> None:
    for draw in range(50):
        knots, values = day_shape(kind, np.random.default_rng(draw), move=-0.003, scale=0.006)
        assert (np.diff(knots) > 0).all()
        assert (knots[0], knots[-1], values[0], values[-1]) == (0.0, 1.0, 0.0, -0.003)


def test_a_calendar_beyond_the_random_numbers_is_refused() -> None:
    for outside in (date(2018, 12, 31), date(2031, 1, 1)):
        sessions = sorted([outside, ANCHOR_DAY])
        with pytest.raises(ValueError, match="no random numbers"):
            LevelTable(7, sessions, np.ones(len(sessions)))


def test_levels_stay_near_the_backbone_in_every_year() -> None:
    for seed in range(4):
        model = MarketModel(seed, CALENDAR)
        assert 9_000 < model.session(date(2019, 6, 3)).plan(NIFTY).close < 15_000
        assert 16_500 < model.session(date(2023, 1, 2)).plan(NIFTY).close < 20_500
        assert 24_500 < model.session(date(2026, 1, 16)).plan(NIFTY).close < 27_000


def test_generators_of_different_names_differ_and_of_the_same_agree() -> None:
    one, same, other = generator(7, "a", 5).random(), generator(7, "a", 5).random(), generator(7, "b", 5).random()

    assert one == same
    assert one != other


def test_on_tick_gives_the_nearest_decimal() -> None:
    assert on_tick(np.array([25_700.123, 0.07, 100.126])).tolist() == [25_700.1, 0.05, 100.15]


def test_the_shape_of_volatility_agrees_with_real_candles(shared_data: Path) -> None:
    real = pl.read_csv(shared_data / "index_1min" / "NIFTY_1min_20240101_20240628.csv.gz")
    real = real.with_columns(pl.col("timestamp").str.slice(0, 10).alias("day"))
    days = [group["close"].to_numpy() for _, group in real.group_by("day", maintain_order=True) if len(group) == 375]
    size = np.array([np.abs(np.diff(np.log(closes))) for closes in days]).mean(axis=0)
    model = volatility_profile(375)[1:]
    buckets = [slice(start, start + 25) for start in range(0, 350, 25)]
    observed = np.array([size[bucket].mean() for bucket in buckets])
    assumed = np.array([model[bucket].mean() for bucket in buckets])

    assert np.corrcoef(observed, assumed)[0, 1] > 0.85
