"""Chains and option candles: parity, agreement with each other and with the spot, open interest, put/call ratio."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sos_actors.market.calendar import Calendar
from sos_actors.market.lots import lot_size
from sos_actors.market.pricing import NANOS_PER_YEAR, implied_volatility
from sos_actors.market.symbols import contract_symbol, parse_contract_symbol
from sos_actors.simulator.model import MarketModel
from sos_actors.simulator.model_options import CANDLE_STEPS, CHAIN_STEPS, ChainPath, smile
from sos_actors.types import NANOS_PER_MINUTE, OptionType, Segment

CALENDAR = Calendar.default()
MODEL = MarketModel(7, CALENDAR)
STEP = {"NIFTY": 50.0, "BANKNIFTY": 100.0}
DAYS = CALENDAR.sessions(date(2024, 1, 1), date(2026, 8, 31))
WEEK = date(2026, 1, 14)
underlyings = st.sampled_from(["NIFTY", "BANKNIFTY"])


def grid(chain: ChainPath, column: NDArray[np.float64]) -> NDArray[np.float64]:
    return column.reshape(len(np.unique(chain.ts)), -1)


def put_call_ratios(chain: ChainPath) -> NDArray[np.float64]:
    ratios: NDArray[np.float64] = grid(chain, chain.pe_oi).sum(axis=1) / grid(chain, chain.ce_oi).sum(axis=1)
    return ratios


@given(st.sampled_from(DAYS), underlyings)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_chain_is_sorted_complete_and_known(day: date, underlying: str) -> None:
    chain = MODEL.session(day).chain(underlying)
    strikes, times = grid(chain, chain.strike), chain.ts.reshape(len(np.unique(chain.ts)), -1)
    lot = lot_size(underlying, chain.expiry)

    assert np.array_equal(times[:, 0], CALENDAR.session(day, Segment.FO).bar_opens() + NANOS_PER_MINUTE)
    assert (times == times[:, :1]).all()
    assert (np.diff(strikes, axis=1) == STEP[underlying]).all()
    spot = grid(chain, chain.spot)[:, 0]
    assert (strikes[:, 0] <= spot - (CHAIN_STEPS - 1) * STEP[underlying]).all()
    assert (strikes[:, -1] >= spot + (CHAIN_STEPS - 1) * STEP[underlying]).all()
    for ltp in (chain.ce_ltp, chain.pe_ltp):
        assert (ltp >= 0.05).all()
        assert np.array_equal(ltp, np.round(ltp * 20) / 20)
    for interest, volume in ((chain.ce_oi, chain.ce_volume), (chain.pe_oi, chain.pe_volume)):
        assert (interest > 0).all()
        assert (interest % lot == 0).all()
        assert (volume % lot == 0).all()
        assert (np.diff(grid(chain, volume), axis=0) >= 0).all()


@given(st.sampled_from(DAYS), underlyings)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_put_call_parity_holds_to_the_tick_at_the_money(day: date, underlying: str) -> None:
    simulated = MODEL.session(day)
    chain = simulated.chain(underlying)
    strikes, spot = grid(chain, chain.strike), grid(chain, chain.spot)
    computed = len(simulated.candles(f"NSE|INDEX|{underlying}"))
    rows = np.arange(5, computed)
    near = np.argmin(np.abs(strikes - spot), axis=1)[rows]
    left = CALENDAR.session(chain.expiry, Segment.FO).close_ns - np.unique(chain.ts)[rows]
    forward = spot[rows, 0] * np.exp(0.065 * left / NANOS_PER_YEAR)
    parity = grid(chain, chain.ce_ltp)[rows, near] - grid(chain, chain.pe_ltp)[rows, near]

    assert np.abs(parity - (forward - strikes[rows, near])).max() <= 0.1 + 1e-6


@given(st.sampled_from(DAYS), underlyings)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_the_chain_known_at_t_shows_the_close_volume_and_interest_of_bar_t_minus_1(day: date, underlying: str) -> None:
    simulated = MODEL.session(day)
    chain = simulated.chain(underlying)
    times = np.unique(chain.ts)
    for symbol, bars in simulated.option_candles(underlying).items():
        spec = parse_contract_symbol(symbol)
        assert spec.strike is not None
        column = int(np.flatnonzero(chain.strike[: len(chain) // len(times)] == spec.strike)[0])
        side = "ce" if spec.option_type is OptionType.CE else "pe"
        rows = np.searchsorted(times, bars.ts + NANOS_PER_MINUTE)
        assert np.array_equal(grid(chain, getattr(chain, f"{side}_ltp"))[rows, column], bars.close)
        assert np.array_equal(grid(chain, getattr(chain, f"{side}_oi"))[rows, column], bars.oi)
        assert np.array_equal(grid(chain, getattr(chain, f"{side}_volume"))[rows, column], np.cumsum(bars.volume))


@given(st.sampled_from(DAYS), underlyings)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_option_candles_are_consistent_and_cover_the_day(day: date, underlying: str) -> None:
    simulated = MODEL.session(day)
    candles = simulated.option_candles(underlying)
    index = simulated.candles(f"NSE|INDEX|{underlying}")
    reach = (CANDLE_STEPS - 1) * STEP[underlying]
    strikes = {parse_contract_symbol(symbol).strike or 0.0 for symbol in candles}

    assert min(strikes) <= index.low.min() - reach
    assert max(strikes) >= index.high.max() + reach
    assert len(candles) == 2 * len(strikes)
    for bars in candles.values():
        assert (np.diff(bars.ts) > 0).all()
        assert (bars.low <= np.minimum(bars.open, bars.close)).all()
        assert (bars.high >= np.maximum(bars.open, bars.close)).all()
        assert (bars.low >= 0.05).all()
        assert (bars.volume > 0).all()
        assert not np.isnan(bars.oi).any()


def test_a_last_price_stands_still_in_a_minute_without_a_trade() -> None:
    chain = MODEL.session(WEEK).chain("BANKNIFTY")
    for ltp, volume in ((chain.ce_ltp, chain.ce_volume), (chain.pe_ltp, chain.pe_volume)):
        idle = np.diff(grid(chain, volume), axis=0) == 0
        changed = np.diff(grid(chain, ltp), axis=0) != 0
        assert idle.sum() > 1_000
        assert not (idle & changed).any()


def test_far_contracts_have_minutes_without_a_trade_and_near_ones_none() -> None:
    candles = MODEL.session(WEEK).option_candles("BANKNIFTY")
    counts = sorted(len(bars) for bars in candles.values())

    assert counts[0] < 350
    assert counts[-1] == 375


def test_a_call_rises_with_the_index_within_its_bars() -> None:
    simulated = MODEL.session(WEEK)
    index = simulated.candles("NSE|INDEX|NIFTY")
    expiry = simulated.chain("NIFTY").expiry
    strike = round(index.close[0] / 50) * 50
    candles = simulated.option_candles("NIFTY")
    call = candles[contract_symbol("NIFTY", strike, OptionType.CE, expiry)]
    put = candles[contract_symbol("NIFTY", strike, OptionType.PE, expiry)]

    assert np.corrcoef(call.close, index.close)[0, 1] > 0.9
    assert np.corrcoef(put.close, index.close)[0, 1] < -0.9


def test_the_nearest_expiry_is_weekly_for_nifty_and_monthly_for_banknifty() -> None:
    day = MODEL.session(WEEK)

    assert day.chain("NIFTY").expiry == date(2026, 1, 20)
    assert day.chain("BANKNIFTY").expiry == date(2026, 1, 27)
    assert MODEL.session(date(2026, 1, 20)).chain("NIFTY").expiry == date(2026, 1, 20)


def test_options_expire_at_their_intrinsic_value() -> None:
    chain = MODEL.session(date(2026, 1, 20)).chain("NIFTY")
    last = chain.ts == chain.ts[-1]
    near = last & (np.abs(chain.strike - chain.spot) < 200)
    intrinsic = np.maximum(chain.spot - chain.strike, 0.0)

    assert np.abs(chain.ce_ltp - np.maximum(intrinsic, 0.05))[near].max() <= 0.05 + 1e-9


def test_implied_volatility_is_that_of_an_index_with_a_skew_to_the_puts() -> None:
    chain = MODEL.session(WEEK).chain("NIFTY")
    row = np.flatnonzero(chain.ts == np.unique(chain.ts)[100])
    years = (CALENDAR.session(chain.expiry, Segment.FO).close_ns - int(chain.ts[row[0]])) / NANOS_PER_YEAR
    forward = float(chain.spot[row[0]] * np.exp(0.065 * years))
    call = {
        distance: implied_volatility(float(chain.ce_ltp[i]), forward, float(chain.strike[i]), years, True)
        for i in row
        if (distance := round((chain.strike[i] - forward) / 50)) in (0, 10)
    }
    put = [
        implied_volatility(float(chain.pe_ltp[i]), forward, float(chain.strike[i]), years, False)
        for i in row
        if round((chain.strike[i] - forward) / 50) == -10
    ]

    assert 0.08 < call[0] < 0.25
    assert put[0] > call[10] > 0.9 * call[0]


def test_the_smile_is_one_at_the_money_and_higher_on_both_wings() -> None:
    values = smile(np.array([-3.0, 0.0, 3.0]))

    assert values[1] == 1.0
    assert values[0] > values[2] > 1.1


@given(st.integers(0, 40), underlyings)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_open_interest_carries_on_overnight(offset: int, underlying: str) -> None:
    days = CALENDAR.sessions(date(2026, 1, 21), date(2026, 3, 31))
    evening, morning = MODEL.session(days[offset]), MODEL.session(days[offset + 1])
    before, after = evening.chain(underlying), morning.chain(underlying)
    if before.expiry != after.expiry:
        return
    first = after.ts == after.ts[0]
    opening = dict(zip(after.strike[first], (after.ce_oi - after.ce_oi_change)[first], strict=True))
    last = before.ts == before.ts[-1]
    closing = dict(zip(before.strike[last], before.ce_oi[last], strict=True))
    shared = opening.keys() & closing.keys()

    assert len(shared) > 20
    assert all(opening[strike] == closing[strike] for strike in shared)


def test_put_call_ratio_roams_within_a_real_band_over_sixty_sessions() -> None:
    days = CALENDAR.sessions(date(2026, 1, 1), date(2026, 4, 8))[:60]
    for underlying in ("NIFTY", "BANKNIFTY"):
        ratios = [put_call_ratios(MODEL.session(day).chain(underlying)) for day in days]
        everything = np.concatenate(ratios)
        assert everything.min() > 0.4
        assert everything.max() < 2.0
        assert np.quantile(everything, 0.05) < 0.8
        assert np.quantile(everything, 0.95) > 1.1
        assert float(np.median([np.ptp(ratio) for ratio in ratios])) > 0.08


def test_the_put_call_ratio_rises_when_the_market_does() -> None:
    changes, moves = [], []
    for day in CALENDAR.sessions(date(2026, 1, 1), date(2026, 4, 8)):
        simulated = MODEL.session(day)
        ratio = put_call_ratios(simulated.chain("NIFTY"))
        plan = simulated.plan("NSE|INDEX|NIFTY")
        changes.append(np.log(ratio[-1] / ratio[0]))
        moves.append(np.log(plan.close / plan.previous_close))

    assert np.corrcoef(changes, moves)[0, 1] > 0.6


def test_the_largest_open_interest_stands_at_round_strikes_calls_above_puts_below() -> None:
    chain = MODEL.session(WEEK).chain("NIFTY")
    row = np.flatnonzero(chain.ts == np.unique(chain.ts)[100])
    call_wall, put_wall = chain.strike[row][chain.ce_oi[row].argmax()], chain.strike[row][chain.pe_oi[row].argmax()]

    assert call_wall > chain.spot[row[0]] > put_wall
    assert call_wall % 100 == 0
    assert put_wall % 100 == 0


def test_volume_sits_near_the_money_and_swells_on_expiry_day() -> None:
    ordinary, expiring = MODEL.session(WEEK).chain("NIFTY"), MODEL.session(date(2026, 1, 20)).chain("NIFTY")
    final = ordinary.ts == ordinary.ts[-1]
    volume = (ordinary.ce_volume + ordinary.pe_volume)[final]
    distance = np.abs(ordinary.strike - ordinary.spot)[final]

    assert distance[volume.argmax()] <= 200
    assert grid(expiring, expiring.ce_volume)[-1].sum() > 3 * grid(ordinary, ordinary.ce_volume)[-1].sum()


@pytest.mark.parametrize("underlying", ["NIFTY", "BANKNIFTY"])
def test_every_session_the_calendar_knows_the_times_of_has_a_chain(underlying: str) -> None:
    lacking = []
    for day in CALENDAR.sessions(date(2023, 1, 1), date(2026, 12, 24))[::23]:
        chain = MODEL.session(day).chain(underlying)
        if not len(chain) or np.isnan(chain.ce_ltp).any() or np.isnan(chain.pe_oi).any():
            lacking.append(day)

    assert lacking == []
