"""Option pricing against textbooks, parity, finite differences and the volatilities two real feeds publish."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.market.pricing import (
    NANOS_PER_YEAR,
    black76_price,
    black_scholes_price,
    greeks,
    implied_volatility,
    years_to_expiry,
)
from sos_actors.market.pricing_chain import black76_prices, chain_greeks, implied_forward, implied_volatilities

DAY = 1 / 365


def test_black_scholes_agrees_with_hull() -> None:
    """Hull, Options, Futures and Other Derivatives, example 15.6: S 42, K 40, r 10 %, s 20 %, T 0.5: 4.76 and 0.81."""
    assert black_scholes_price(42.0, 40.0, 0.5, 0.2, True, 0.1) == pytest.approx(4.76, abs=0.005)
    assert black_scholes_price(42.0, 40.0, 0.5, 0.2, False, 0.1) == pytest.approx(0.81, abs=0.005)


def test_black76_agrees_with_hull_and_haug() -> None:
    """Hull, example 18.6: F 20, K 20, r 9 %, s 25 %, four months, put 1.12; Haug, Complete Guide: 19, 19, 1.7011."""
    assert black76_price(20.0, 20.0, 4 / 12, 0.25, False, 0.09) == pytest.approx(1.12, abs=0.005)
    assert black76_price(19.0, 19.0, 0.75, 0.28, True, 0.10) == pytest.approx(1.7011, abs=5e-5)


def test_implied_volatility_agrees_with_hull() -> None:
    """Hull, section 15.11: S 21, K 20, r 10 %, three months, call at 1.875 implies 23.5 %."""
    forward = 21.0 * math.exp(0.1 * 0.25)
    assert implied_volatility(1.875, forward, 20.0, 0.25, True, 0.1) == pytest.approx(0.235, abs=5e-4)


def test_greeks_agree_with_hull() -> None:
    """Hull, chapter 19: S 49, K 50, r 5 %, s 20 %, 20 weeks: delta 0.522, gamma 0.066, vega 12.1, against the spot.

    Ours are against the forward F = S exp(rT), so delta is multiplied by dF/dS = exp(rT) and gamma by its square.
    """
    growth = math.exp(0.05 * 20 / 52)
    found = greeks(49.0 * growth, 50.0, 20 / 52, 0.2, True, 0.05)
    assert found.delta * growth == pytest.approx(0.522, abs=5e-4)
    assert found.gamma * growth**2 == pytest.approx(0.066, abs=5e-4)
    assert found.vega * 100 == pytest.approx(12.1, abs=0.05)


@pytest.mark.parametrize("is_call", [True, False])
def test_greeks_are_the_slopes_of_the_price(is_call: bool) -> None:
    forward, strike, years, volatility = 24_350.0, 24_500.0, 5 * DAY, 0.13

    def price(df: float = 0.0, dt: float = 0.0, dv: float = 0.0) -> float:
        return black76_price(forward + df, strike, years + dt, volatility + dv, is_call, 0.06)

    found = greeks(forward, strike, years, volatility, is_call, 0.06)
    assert found.delta == pytest.approx((price(1.0) - price(-1.0)) / 2, rel=1e-5)
    assert found.gamma == pytest.approx(price(1.0) - 2 * price() + price(-1.0), rel=1e-4)
    assert found.theta == pytest.approx((price(dt=-1e-6) - price(dt=1e-6)) / 2e-6 / 365, rel=1e-5)
    assert found.vega == pytest.approx((price(dv=1e-5) - price(dv=-1e-5)) / 2e-5 / 100, rel=1e-5)


prices = st.floats(100.0, 100_000.0)


@settings(max_examples=200, deadline=None)
@given(prices, st.floats(0.8, 1.25), st.floats(0.1 * DAY, 0.5), st.floats(0.03, 1.5), st.floats(0.0, 0.1))
def test_call_minus_put_is_the_discounted_forward_minus_strike(
    forward: float, moneyness: float, years: float, volatility: float, rate: float
) -> None:
    strike = forward * moneyness
    call = black76_price(forward, strike, years, volatility, True, rate)
    put = black76_price(forward, strike, years, volatility, False, rate)
    assert call - put == pytest.approx(math.exp(-rate * years) * (forward - strike), abs=1e-9 * forward)
    assert call >= 0.0
    assert put >= 0.0


@settings(max_examples=200, deadline=None)
@given(prices, st.floats(0.8, 1.25), st.floats(0.1 * DAY, 0.5), st.floats(0.03, 1.5), st.booleans())
def test_implied_volatility_gives_the_price_back(
    forward: float, moneyness: float, years: float, volatility: float, is_call: bool
) -> None:
    strike = forward * moneyness
    price = black76_price(forward, strike, years, volatility, is_call)
    found = implied_volatility(price, forward, strike, years, is_call)
    if math.isnan(found):
        # Only where what the price holds beyond its intrinsic value is lost in the last bits of a double.
        assert price - max((1 if is_call else -1) * (forward - strike), 0.0) < 1e-10 * forward
    else:
        assert black76_price(forward, strike, years, found, is_call) == pytest.approx(price, abs=1e-9 * forward)


@pytest.mark.parametrize(
    ("price", "strike", "years"),
    [
        (99.0, 24_250.0, 0.02),  # below the intrinsic value of 100
        (100.0, 24_250.0, 0.02),  # at it: any tiny volatility would do
        (24_350.0, 24_250.0, 0.02),  # the bound of a call
        (0.0, 24_350.0, 0.02),
        (50.0, 24_350.0, 0.0),  # expired
        (math.nan, 24_350.0, 0.02),
        (50.0, -1.0, 0.02),
    ],
)
def test_a_price_no_volatility_explains_has_none(price: float, strike: float, years: float) -> None:
    assert math.isnan(implied_volatility(price, 24_350.0, strike, years, True))


def test_an_expired_option_is_worth_its_intrinsic_value_and_has_no_greeks() -> None:
    assert black76_price(24_350.0, 24_300.0, 0.0, 0.14, True) == 50.0
    assert black76_price(24_350.0, 24_300.0, 0.0, 0.14, False) == 0.0
    assert math.isnan(greeks(24_350.0, 24_300.0, 0.0, 0.14, True).delta)
    assert math.isnan(black76_price(24_350.0, 24_300.0, 0.1, math.nan, True))


def test_years_to_expiry_ends_at_zero() -> None:
    close = 1_768_298_400_000_000_000
    assert years_to_expiry(close - NANOS_PER_YEAR // 365, close) == pytest.approx(DAY, rel=1e-12)
    assert years_to_expiry(close + 1, close) == 0.0


def test_chain_functions_equal_the_scalar_ones_bit_for_bit() -> None:
    strikes = np.arange(23_000.0, 25_500.0, 50.0)
    calls = np.arange(len(strikes)) % 2 == 0
    volatilities = 0.12 + np.abs(strikes - 24_350.0) / 1e5
    values = black76_prices(24_350.0, strikes, 4 * DAY, volatilities, calls, 0.06)
    implied = implied_volatilities(values, 24_350.0, strikes, 4 * DAY, calls, 0.06)
    slopes = chain_greeks(24_350.0, strikes, 4 * DAY, volatilities, calls, 0.06)
    for i, strike in enumerate(strikes.tolist()):
        call, volatility, value = bool(calls[i]), float(volatilities[i]), float(values[i])
        assert value == black76_price(24_350.0, strike, 4 * DAY, volatility, call, 0.06)
        np.testing.assert_equal(implied[i], implied_volatility(value, 24_350.0, strike, 4 * DAY, call, 0.06))
        assert tuple(slopes[i]) == greeks(24_350.0, strike, 4 * DAY, volatility, call, 0.06)


def test_implied_forward_is_not_moved_by_one_stale_price() -> None:
    strikes = np.arange(24_000.0, 24_700.0, 50.0)
    volatilities = np.full(len(strikes), 0.12)
    calls = black76_prices(24_380.0, strikes, 4 * DAY, volatilities, np.full(len(strikes), True))
    puts = black76_prices(24_380.0, strikes, 4 * DAY, volatilities, np.full(len(strikes), False))
    calls[7] += 40.0
    puts[6] = np.nan
    assert implied_forward(strikes, calls, puts, 24_350.0) == pytest.approx(24_380.0, abs=1e-6)


def test_implied_forward_is_unknown_without_two_prices_near_the_spot() -> None:
    strikes, nothing = np.array([24_000.0, 24_050.0]), np.full(2, np.nan)
    assert math.isnan(implied_forward(strikes, np.array([1.0, 2.0]), nothing, 24_000.0))
    assert math.isnan(implied_forward(strikes, np.ones(2), np.ones(2), 30_000.0))
    assert math.isnan(implied_forward(strikes, np.ones(2), np.ones(2), math.nan))


def _years(moment: pl.Series, close: str) -> list[float]:
    nanos = np.datetime64(close).astype("datetime64[ns]").astype(np.int64)
    return [years_to_expiry(int(now), int(nanos)) for now in moment.cast(pl.Datetime("ns")).cast(pl.Int64)]


def test_upstox_volatility_and_delta_of_a_real_day(shared_data: Path) -> None:
    """Nine BANKNIFTY contracts, 3,100 minutes: Upstox's iv and delta from the mid price and the parity forward.

    Upstox values the moment of its last tick, we the bar's close (the forward is a close too), so single minutes
    differ by a move of the index: 0.7 volatility points at most, 0.02 in the median; delta by 0.01.
    """
    folder = shared_data / "options_1min"
    table = (
        pl.read_csv(folder / "BANKNIFTY_9contracts_1min_oi_20251215_upstoxI1.csv.gz", try_parse_dates=True)
        .join(
            pl.read_csv(folder / "BANKNIFTY_synthetic_forward_1min_20251215.csv.gz", try_parse_dates=True),
            on="timestamp",
        )
        .drop_nulls(["iv", "synthetic_forward", "bid", "ask"])
    )
    years = _years(table["timestamp"], "2025-12-30T15:30")
    rows = zip(table.iter_rows(named=True), years, strict=True)
    errors = np.array([_upstox_errors(row, left) for row, left in rows])
    assert len(errors) > 3_000
    assert abs(np.median(errors[:, 0])) < 0.0005
    assert np.quantile(np.abs(errors[:, 0]), 0.99) < 0.004
    assert np.abs(errors[:, 1]).max() < 0.012


def _upstox_errors(row: dict[str, Any], years: float) -> tuple[float, float]:
    forward, strike, call = row["synthetic_forward"], float(row["strike"]), row["option_type"] == "CE"
    mid = (row["bid"] + row["ask"]) / 2
    volatility = implied_volatility(mid, forward, strike, years, call)
    return volatility - row["iv"], greeks(forward, strike, years, row["iv"], call).delta - row["delta"]


def test_nse_volatility_and_the_recorders_delta_of_a_real_chain(shared_data: Path) -> None:
    """NIFTY, 18 Aug 2026 11:30, expiry 1 Sep: NSE's iv assumes 10 % interest; delta was made from it at 6.5 %.

    The traded forward lies below NSE's, so its call iv is low and its put iv high: 0.4 points in the median.
    """
    table = pl.read_csv(shared_data / "option_chain/NIFTY_chain_1min_20260818_21_nse.csv.gz").filter(
        (pl.col("timestamp") == "2026-08-18 11:30:00")
        & (pl.col("expiry") == "2026-09-01")
        & ((pl.col("strike") - pl.col("spot")).abs() < 400)
    )
    years = _years(pl.Series(["2026-08-18T11:30:00"]).str.to_datetime(), "2026-09-01T15:30")[0]
    spot, strikes = float(table["spot"][0]), table["strike"].to_numpy()
    calls, published = (table["option_type"] == "CE").to_numpy(), table["iv"].to_numpy() / 100
    forward = spot * math.exp(0.10 * years)
    found = implied_volatilities(table["ltp"].to_numpy(), forward, strikes, years, calls, 0.10)
    assert len(found) >= 30
    assert np.median(np.abs(found - published)) < 0.005
    growth = math.exp(0.065 * years)
    deltas = chain_greeks(spot * growth, strikes, years, published, calls, 0.065)[:, 0] * growth
    assert np.abs(deltas - table["delta"].to_numpy()).max() < 0.002
