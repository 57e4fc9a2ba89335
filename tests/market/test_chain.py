"""Chain measures against brute force, by hand, and against what NSE and Trendlyne publish."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sos_actors.errors import DataError
from sos_actors.market.chain import (
    ChainMeasures,
    ChainSnapshot,
    max_pain_of,
    measure,
    measure_many,
    pcr_of,
    pcr_velocity,
    smart_trend,
    smart_trend_series,
)
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, SmartTrend

NAN = math.nan
START = 1_768_189_500 * NANOS_PER_SECOND


def _snapshot(ce_oi: list[float], pe_oi: list[float], spot: float = 120.0) -> ChainSnapshot:
    strike = np.array([100.0 + 10.0 * i for i in range(len(ce_oi))])
    nothing = np.full(len(strike), NAN)
    return ChainSnapshot(strike, np.array(ce_oi), np.array(pe_oi), nothing, nothing, nothing, nothing, spot)


def _one(snapshot: ChainSnapshot) -> ChainMeasures:
    return measure(snapshot, START)


def test_pcr_walls_and_total_of_a_small_chain() -> None:
    found = _one(_snapshot([5, 10, 90, 40, 40], [30, 30, 80, 10, NAN]))
    assert found.pcr[0] == 150 / 185
    assert found.total_oi[0] == 335
    assert found.oi_wall_above[0] == 130.0, "the nearer of two equal strikes, and not the strike at the spot"
    assert found.oi_wall_below[0] == 110.0
    assert math.isnan(found.pcr_velocity[0])
    assert found.smart_trend[0] == SmartTrend.UNKNOWN
    assert math.isnan(found.ce_oi_change[0])


@pytest.mark.parametrize(
    ("ce_oi", "pe_oi"), [([0.0, 0.0], [5.0, 5.0]), ([NAN, NAN], [5.0, 5.0]), ([5.0, 5.0], [NAN, NAN])]
)
def test_pcr_is_unknown_when_a_side_is_or_calls_have_none(ce_oi: list[float], pe_oi: list[float]) -> None:
    assert math.isnan(pcr_of(_snapshot(ce_oi, pe_oi)))
    assert math.isnan(_one(_snapshot(ce_oi, pe_oi)).pcr[0])


def test_walls_and_pain_are_unknown_without_open_interest_or_spot() -> None:
    empty = _one(_snapshot([0.0, NAN], [NAN, 0.0]))
    assert np.isnan([empty.oi_wall_above[0], empty.oi_wall_below[0], empty.max_pain[0]]).all()
    assert math.isnan(_one(_snapshot([5.0, 5.0], [5.0, 5.0], spot=NAN)).oi_wall_above[0])


def test_an_empty_snapshot_is_all_unknown() -> None:
    found = _one(_snapshot([], []))
    assert np.isnan([found.pcr[0], found.max_pain[0], found.total_oi[0]]).all()


def _pain(strike: NDArray[np.float64], ce_oi: NDArray[np.float64], pe_oi: NDArray[np.float64]) -> list[float]:
    return [
        float((np.maximum(at - strike, 0) * ce_oi).sum() + (np.maximum(strike - at, 0) * pe_oi).sum()) for at in strike
    ]


legs = st.one_of(st.just(NAN), st.integers(0, 50).map(float))


@given(st.lists(st.tuples(st.integers(1, 4), legs, legs), min_size=1, max_size=12))
def test_max_pain_is_the_first_least_of_the_sums(rows: list[tuple[int, float, float]]) -> None:
    strike = np.cumsum([float(row[0]) for row in rows])
    ce_oi, pe_oi = (np.array([row[i] for row in rows], np.float64) for i in (1, 2))
    nothing = np.full(len(strike), NAN)
    found = max_pain_of(ChainSnapshot(strike, ce_oi, pe_oi, nothing, nothing, nothing, nothing, NAN))
    known = np.nan_to_num(ce_oi), np.nan_to_num(pe_oi)
    if known[0].sum() + known[1].sum() == 0:
        assert math.isnan(found)
    else:
        assert found == strike[int(np.argmin(_pain(strike, *known)))]


def _minutes(*minutes: float) -> NDArray[np.int64]:
    return START + (np.array(minutes) * NANOS_PER_MINUTE).astype(np.int64)


def test_pcr_velocity_is_per_minute_over_the_window() -> None:
    velocity = pcr_velocity(_minutes(0, 1, 2, 3, 4, 5, 6), np.array([1.0, 1.0, 1.0, 1.0, 1.08, 1.1, 1.12]))
    np.testing.assert_allclose(velocity, [NAN, NAN, NAN, NAN, 0.02, 0.025, 0.03], rtol=1e-9)


def test_pcr_velocity_forgives_seconds_and_stops_at_gaps() -> None:
    velocity = pcr_velocity(_minutes(0, 4.9, 9.8, 30, 35), np.array([1.0, 1.049, 1.098, 1.5, 1.5]))
    np.testing.assert_allclose(velocity, [NAN, 0.01, 0.01, NAN, 0.0], atol=1e-12)


def test_pcr_velocity_is_unknown_next_to_an_unknown_pcr() -> None:
    velocity = pcr_velocity(_minutes(0, 5, 10, 15), np.array([1.0, NAN, 1.0, 1.1]))
    np.testing.assert_allclose(velocity, [NAN, NAN, NAN, 0.02], rtol=1e-9)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=40), st.data())
def test_measures_never_look_ahead(gaps: list[int], data: st.DataObject) -> None:
    ts = START + np.cumsum(gaps, dtype=np.int64) * NANOS_PER_SECOND
    pcr = np.linspace(0.8, 1.3, len(ts))
    cut = data.draw(st.integers(1, len(ts)))
    np.testing.assert_array_equal(pcr_velocity(ts, pcr)[:cut], pcr_velocity(ts[:cut], pcr[:cut]))


@pytest.mark.parametrize(
    ("price_change", "oi_change", "trend"),
    [
        (0.001, 0.01, SmartTrend.LONG_BUILDUP),
        (-0.001, 0.01, SmartTrend.SHORT_BUILDUP),
        (0.001, -0.01, SmartTrend.SHORT_COVERING),
        (-0.001, -0.01, SmartTrend.LONG_UNWINDING),
        (0.0004, 0.01, SmartTrend.NEUTRAL),
        (0.001, 0.004, SmartTrend.NEUTRAL),
        (0.0, 0.0, SmartTrend.NEUTRAL),
        (NAN, 0.01, SmartTrend.UNKNOWN),
        (0.001, NAN, SmartTrend.UNKNOWN),
    ],
)
def test_smart_trend_is_price_and_open_interest_together(
    price_change: float, oi_change: float, trend: SmartTrend
) -> None:
    assert smart_trend(price_change, oi_change) is trend


def test_smart_trend_series_compares_with_a_quarter_of_an_hour_ago() -> None:
    trends = smart_trend_series(_minutes(0, 15, 30, 90), np.array([100.0, 101, 100, 90]), np.array([0.0, 50, 60, 70]))
    assert trends.tolist() == [0, 0, SmartTrend.SHORT_BUILDUP, 0], "no OI to compare with, then a fall, then a gap"


def _drawn(random: np.random.Generator, strikes: int) -> ChainSnapshot:
    ce_oi, pe_oi = random.integers(0, 99, (2, strikes)).astype(float).tolist()
    return _snapshot(ce_oi, pe_oi, spot=115.0)


def test_stacked_snapshots_equal_single_ones() -> None:
    random = np.random.default_rng(3)
    snapshots = [_drawn(random, n) for n in (7, 0, 4, 12)]
    offsets = np.cumsum([0] + [len(s.strike) for s in snapshots])
    columns = ("strike", "ce_oi", "pe_oi", "ce_oi_change", "pe_oi_change")
    strike, ce, pe, dce, dpe = (np.concatenate([getattr(s, name) for s in snapshots]) for name in columns)
    together = measure_many(_minutes(0, 1, 2, 3), offsets, strike, ce, pe, dce, dpe, np.full(4, 115.0))
    for i, snapshot in enumerate(snapshots):
        for name in ("pcr", "oi_wall_above", "oi_wall_below", "max_pain", "total_oi"):
            np.testing.assert_equal(getattr(together, name)[i], getattr(_one(snapshot), name)[0])


def test_columns_that_do_not_fit_are_refused() -> None:
    column, spot = np.array([100.0, 110.0, 105.0]), np.array([104.0])
    five = (column,) * 5
    with pytest.raises(DataError, match="ascend"):
        measure_many(_minutes(0), np.array([0, 3]), *five, spot)
    with pytest.raises(DataError, match="different lengths"):
        measure_many(_minutes(0), np.array([0, 2, 3]), *five, spot)
    with pytest.raises(DataError, match="offsets"):
        measure_many(_minutes(0), np.array([0, 2]), *five, spot)
    with pytest.raises(DataError, match="order of time"):
        measure_many(_minutes(1, 0), np.array([0, 2, 3]), *five, np.array([104.0, 104.0]))


def test_totals_of_a_real_nse_chain(shared_data: Path) -> None:
    """``filtered`` repeats NSE's own totals of the near expiry; its pcr must come out."""
    path = shared_data / "nse/option-chain-indices_NIFTY_20251205.json.gz"
    filtered = json.loads(gzip.decompress(path.read_bytes()))["filtered"]
    rows = sorted(filtered["data"], key=lambda row: row["strikePrice"])
    ce_oi, pe_oi = ([row.get(leg, {}).get("openInterest", NAN) for row in rows] for leg in ("CE", "PE"))
    strike, nothing = np.array([float(row["strikePrice"]) for row in rows]), np.full(len(rows), NAN)
    spot = 26_180.9
    snapshot = ChainSnapshot(strike, np.array(ce_oi), np.array(pe_oi), nothing, nothing, nothing, nothing, spot)
    found = measure(snapshot, START)
    # NSE drops the fractions of contracts that a change of lot size left behind.
    assert found.total_oi[0] == pytest.approx(filtered["CE"]["totOI"] + filtered["PE"]["totOI"], abs=len(rows))
    assert found.pcr[0] == pytest.approx(filtered["PE"]["totOI"] / filtered["CE"]["totOI"], rel=1e-4)
    assert found.oi_wall_below[0] < spot < found.oi_wall_above[0]
    assert found.max_pain[0] == strike[int(np.argmin(_pain(strike, *map(np.nan_to_num, (ce_oi, pe_oi)))))]


def test_pcr_of_a_real_trendlyne_answer(shared_data: Path) -> None:
    """``oiData`` holds the strikes within 5 %, ``totalPCR`` the whole chain: near each other, never the same series."""
    path = shared_data / "trendlyne/live-oi-data_NIFTY_20260102_exp20260106_0915-0917.json"
    body = json.loads(path.read_text())["body"]
    rows = sorted(body["oiData"].items(), key=lambda item: float(item[0]))
    found = pcr_of(_snapshot([legs["callOi"] for _, legs in rows], [legs["putOi"] for _, legs in rows]))
    overall = body["overallData"]
    whole = _snapshot([overall["totalCallOi"]], [overall["totalPutOi"]])
    assert pcr_of(whole) == pytest.approx(overall["totalPCR"], rel=1e-9)
    assert found == pytest.approx(overall["totalPCR"], rel=0.1)


def test_a_real_expiry_day_minute_by_minute(shared_data: Path) -> None:
    """NIFTY, 18 Aug 2026: 288 snapshots of the expiring weekly."""
    table = pl.read_csv(shared_data / "option_chain/NIFTY_chain_1min_20260818_21_nse.csv.gz").filter(
        (pl.col("expiry") == "2026-08-18") & (pl.col("oi").is_not_null())
    )
    wide = table.pivot("option_type", index=["timestamp", "strike", "spot"], values=["oi", "oi_chg"]).sort(
        "timestamp", "strike"
    )
    times = wide.group_by("timestamp", maintain_order=True).agg(pl.len(), pl.col("spot").first())
    ts = times["timestamp"].str.to_datetime().cast(pl.Datetime("ns")).cast(pl.Int64).to_numpy()
    offsets = np.concatenate([[0], times["len"].cum_sum().to_numpy()]).astype(np.int64)
    columns = [wide[name].cast(pl.Float64).fill_null(NAN).to_numpy() for name in ("strike", "oi_CE", "oi_PE")]
    changes = [wide[name].cast(pl.Float64).fill_null(NAN).to_numpy() for name in ("oi_chg_CE", "oi_chg_PE")]
    spot = times["spot"].to_numpy()
    found = measure_many(ts, offsets, columns[0], columns[1], columns[2], changes[0], changes[1], spot)
    assert len(found) == 288
    assert found.pcr[0] == pytest.approx(3_583_053 / 4_745_466)
    assert (np.abs(found.max_pain - spot) < 300).all()
    assert np.isnan(found.pcr_velocity[:4]).all()
    assert np.isfinite(found.pcr_velocity[5:]).mean() > 0.95
    assert set(found.smart_trend.tolist()) >= {1, 2, 3, 4, 5}
