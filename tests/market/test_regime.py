"""The seven regimes: the table, staleness, hysteresis, and one step function for both ways of running it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sos_actors.errors import DataError
from sos_actors.market.regime import RegimeTracker, classify, regime_path
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Regime, SmartTrend

NAN = math.nan
START = 1_768_189_500 * NANOS_PER_SECOND
STALE_NS, HYSTERESIS_NS = 600 * NANOS_PER_SECOND, 3 * NANOS_PER_MINUTE


def _alone(pcr: float) -> Regime:
    return classify(pcr, NAN, NAN, SmartTrend.UNKNOWN)


@pytest.mark.parametrize(
    ("pcr", "regime"),
    [
        (0.60, Regime.COMPLETE_BEARISH),
        (0.65, Regime.BEARISH),
        (0.80, Regime.SIDEWAYS_BEARISH),
        (0.93, Regime.SIDEWAYS),
        (1.0, Regime.SIDEWAYS),
        (1.07, Regime.SIDEWAYS_BULLISH),
        (1.20, Regime.BULLISH),
        (1.40, Regime.COMPLETE_BULLISH),
        (NAN, Regime.UNKNOWN),
    ],
)
def test_pcr_alone_reaches_every_regime(pcr: float, regime: Regime) -> None:
    assert _alone(pcr) is regime


@pytest.mark.parametrize(
    ("velocity", "breadth", "trend", "regime"),
    [
        (0.003, NAN, SmartTrend.UNKNOWN, Regime.SIDEWAYS_BULLISH),
        (0.0029, NAN, SmartTrend.UNKNOWN, Regime.SIDEWAYS),
        (NAN, 1.5, SmartTrend.UNKNOWN, Regime.SIDEWAYS_BULLISH),
        (NAN, math.inf, SmartTrend.UNKNOWN, Regime.SIDEWAYS_BULLISH),
        (NAN, 0.66, SmartTrend.UNKNOWN, Regime.SIDEWAYS_BEARISH),
        (NAN, 0.0, SmartTrend.UNKNOWN, Regime.SIDEWAYS_BEARISH),
        (NAN, NAN, SmartTrend.LONG_BUILDUP, Regime.SIDEWAYS_BULLISH),
        (NAN, NAN, SmartTrend.SHORT_COVERING, Regime.SIDEWAYS_BULLISH),
        (NAN, NAN, SmartTrend.SHORT_BUILDUP, Regime.SIDEWAYS_BEARISH),
        (NAN, NAN, SmartTrend.LONG_UNWINDING, Regime.SIDEWAYS_BEARISH),
        (0.01, 0.5, SmartTrend.NEUTRAL, Regime.SIDEWAYS),
        (0.01, 2.0, SmartTrend.LONG_BUILDUP, Regime.BULLISH),
        (-0.01, 0.5, SmartTrend.SHORT_BUILDUP, Regime.BEARISH),
    ],
)
def test_other_inputs_move_a_sideways_pcr_by_at_most_two_steps(
    velocity: float, breadth: float, trend: SmartTrend, regime: Regime
) -> None:
    assert classify(1.0, velocity, breadth, trend) is regime


def test_the_table_is_symmetric_between_bulls_and_bears() -> None:
    mirrored = {SmartTrend.LONG_BUILDUP: SmartTrend.SHORT_BUILDUP, SmartTrend.SHORT_COVERING: SmartTrend.LONG_UNWINDING}
    for pcr in (1.0, 1.1, 1.3, 1.45):
        for trend, opposite in mirrored.items():
            bull = classify(pcr, 0.01, 2.0, trend)
            bear = classify({1.1: 0.9, 1.3: 0.75, 1.45: 0.6}.get(pcr, pcr), -0.01, 0.5, opposite)
            assert bull + bear == 2 * Regime.SIDEWAYS


@given(
    st.floats(0.1, 3.0), st.floats(0.0, 0.5), st.floats(-0.05, 0.05), st.floats(0.1, 10.0), st.sampled_from(SmartTrend)
)
def test_a_higher_pcr_is_never_more_bearish(
    pcr: float, rise: float, v: float, breadth: float, trend: SmartTrend
) -> None:
    assert classify(pcr + rise, v, breadth, trend) <= classify(pcr, v, breadth, trend)


def _path(pcrs: list[float], step_ns: int = NANOS_PER_MINUTE) -> list[Regime]:
    ts = START + step_ns * np.arange(len(pcrs))
    nothing = np.full(len(pcrs), NAN)
    path = regime_path(ts, np.array(pcrs), nothing, nothing, np.zeros(len(pcrs), np.int8), STALE_NS, HYSTERESIS_NS)
    return [Regime(code) for code in path]


def test_the_first_reading_is_adopted_at_once() -> None:
    assert _path([NAN, 1.25]) == [Regime.UNKNOWN, Regime.BULLISH]


def test_a_new_regime_must_hold_for_the_hysteresis() -> None:
    assert _path([1.0, 1.25, 1.25, 1.25, 1.25]) == [Regime.SIDEWAYS] * 4 + [Regime.BULLISH]
    assert _path([1.0, 1.25, 1.25, 1.0, 1.25, 1.25, 1.25]) == [Regime.SIDEWAYS] * 7


def test_a_market_between_two_regimes_is_given_the_milder_one() -> None:
    assert _path([1.0, 1.45, 1.25, 1.45, 1.45])[-1] is Regime.BULLISH
    assert _path([1.0, 1.45, 1.25, 1.45, 1.45, 1.45, 1.45, 1.45])[-1] is Regime.COMPLETE_BULLISH


def test_crossing_to_the_other_side_starts_the_wait_again() -> None:
    assert _path([1.0, 1.25, 1.25, 0.7, 0.7, 0.7]) == [Regime.SIDEWAYS] * 6
    assert _path([1.0, 1.25, 1.25, 0.7, 0.7, 0.7, 0.7])[-1] is Regime.BEARISH


def test_a_reading_stands_until_it_is_stale_and_then_the_regime_is_unknown_at_once() -> None:
    path = _path([1.25] + [NAN] * 11 + [0.7])
    assert path == [Regime.BULLISH] * 11 + [Regime.UNKNOWN, Regime.BEARISH]


def test_the_regime_of_yesterday_does_not_outlast_the_night() -> None:
    assert _path([1.25, 0.7], step_ns=18 * 3_600 * NANOS_PER_SECOND) == [Regime.BULLISH, Regime.BEARISH]


values = st.one_of(st.just(NAN), st.floats(0.4, 2.0))
reading = st.tuples(
    st.integers(0, 900), values, st.one_of(st.just(NAN), st.floats(-0.02, 0.02)), values, st.sampled_from(SmartTrend)
)


@settings(max_examples=100, deadline=None)
@given(st.lists(reading, max_size=60))
def test_tracker_and_path_agree_exactly(rows: list[tuple[int, float, float, float, SmartTrend]]) -> None:
    gaps = np.array([row[0] for row in rows], np.int64)
    ts = START + NANOS_PER_SECOND * np.cumsum(gaps, dtype=np.int64)
    columns: list[NDArray[np.float64]] = [np.array([row[i] for row in rows], np.float64) for i in (1, 2, 3)]
    trends = np.array([row[4] for row in rows], np.int8)
    path = regime_path(ts, columns[0], columns[1], columns[2], trends, STALE_NS, HYSTERESIS_NS)
    tracker = RegimeTracker(stale_after_s=600, hysteresis_minutes=3)
    one_by_one = [tracker.update(int(t), *row[1:]) for t, row in zip(ts, rows, strict=True)]
    assert one_by_one == path.tolist()


def test_the_tracker_refuses_to_go_back_in_time() -> None:
    tracker = RegimeTracker(600, 3)
    tracker.update(START, 1.0)
    with pytest.raises(DataError, match="time order"):
        tracker.update(START - 1, 1.0)


def test_realistic_pcrs_spread_over_all_seven_regimes() -> None:
    """PCRs log-normal about 1 with 95 % in 0.6..1.6, as NIFTY's are said to be: no regime rare, none a third of all."""
    pcrs = np.exp(np.random.default_rng(7).normal(0.0, 0.24, 4_000))
    share = np.bincount([_alone(float(pcr)) for pcr in pcrs], minlength=8)[1:] / len(pcrs)
    assert share.min() > 0.03
    assert share.max() < 0.33


def test_a_real_fortnight_is_not_one_regime(shared_data: Path) -> None:
    """NIFTY and BANKNIFTY, 22 Jan to 5 Feb 2026, near expiry; the market fell first and jumped on 3 Feb."""
    table = pl.read_csv(
        shared_data / "option_chain/NIFTY_BANKNIFTY_chain_5min_20260122_20260205_kite.csv.gz", infer_schema_length=None
    )
    sums = table.group_by("Symbol", "Expiry", "timestamp").agg(pl.col("CE_OI").sum(), pl.col("PE_OI").sum())
    pcr = sums.filter(pl.col("CE_OI") > 0).select(pl.col("PE_OI") / pl.col("CE_OI")).to_series()
    regimes = {_alone(value) for value in pcr}
    assert len(regimes) >= 6
    assert Regime.UNKNOWN not in regimes
