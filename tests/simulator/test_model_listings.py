"""What is listed when, under which key and number: unique on a day, the same for life, given out again later."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.market.lots import largest_order, lot_size
from sos_actors.simulator.model_listings import made_up_isin
from sos_actors.simulator.view import Listing
from sos_actors.types import Segment
from tests.simulator.markets import model_market

MARKET = model_market()
DAYS = st.integers(0, 1_200).map(lambda number: date(2023, 6, 1) + timedelta(days=number))
TODAY = date(2026, 1, 13)


def contracts_of(day: date) -> list[Listing]:
    return [one for one in MARKET.listings(day) if one.segment is Segment.FO]


@given(DAYS)
@settings(max_examples=12, deadline=None, derandomize=True)
def test_keys_and_tokens_are_unique_among_what_is_listed_on_a_day(day: date) -> None:
    listings = MARKET.listings(day)

    for name in ("symbol", "key", "token", "trading_symbol"):
        assert len({getattr(one, name) for one in listings}) == len(listings), name
    for one in listings[:: len(listings) // 50]:
        assert MARKET.find(one.key, day) == one
        assert MARKET.named(one.symbol, day) == one
    for one in contracts_of(day):
        assert len(one.token) == 5
        assert one.key == f"NSE_FO|{one.token}"


@given(DAYS)
@settings(max_examples=10, deadline=None, derandomize=True)
def test_a_contract_keeps_its_number_for_life(day: date) -> None:
    later = {one.symbol: one.key for one in contracts_of(day + timedelta(days=1))}
    today = contracts_of(day)

    assert all(later[one.symbol] == one.key for one in today if one.expiry != day)
    assert not any(one.symbol in later for one in today if one.expiry == day)


def test_a_number_is_given_out_again_after_the_expiry() -> None:
    one = next(one for one in contracts_of(TODAY) if one.weekly and one.expiry == TODAY)
    later = [MARKET.find(one.key, TODAY + timedelta(days=days)) for days in range(1, 120)]
    again = [other for other in later if other is not None]

    assert again
    assert all(other.symbol != one.symbol and (other.expiry or TODAY) > TODAY for other in again)


def test_an_expired_contract_is_found_by_its_dated_key_and_its_name_but_no_longer_by_its_number() -> None:
    one = MARKET.contracts("NIFTY", TODAY)[100]
    after = TODAY + timedelta(days=10)

    assert MARKET.find(f"{one.key}|13-01-2026", after) == one
    assert MARKET.named(one.symbol, after) == one
    assert MARKET.find(one.key, after) is None
    assert MARKET.find(f"{one.key}|13-01-2026", TODAY - timedelta(days=1)) is None
    assert MARKET.find(f"{one.key}|31-02-2026", after) is None
    assert MARKET.named("NSE|FO|NIFTY 25000 CE 32 JAN 26", after) is None


def test_an_expired_future_is_found_by_its_dated_key() -> None:
    one = MARKET.named("NSE|FO|NIFTY FUT 27 JAN 26", TODAY)

    assert one is not None
    assert MARKET.find(f"{one.key}|27-01-2026", date(2026, 2, 5)) == one


def test_the_series_are_three_weeklies_two_monthlies_and_three_futures() -> None:
    listed = contracts_of(TODAY)
    options = {(one.underlying, one.expiry) for one in listed if one.option_type}
    futures = {(one.underlying, one.expiry) for one in listed if one.kind == "FUT"}

    assert options == {
        *(("NIFTY", date(2026, 1, day)) for day in (13, 20, 27)), ("NIFTY", date(2026, 2, 3)),
        ("NIFTY", date(2026, 2, 24)), ("BANKNIFTY", date(2026, 1, 27)), ("BANKNIFTY", date(2026, 2, 24)),
    }  # fmt: skip
    months = (date(2026, 1, 27), date(2026, 2, 24), date(2026, 3, 30))
    assert futures == {(name, month) for name in ("NIFTY", "BANKNIFTY") for month in months}


def test_the_front_future_rolls_the_day_after_its_expiry() -> None:
    days = [contracts_of(date(2026, 1, day)) for day in (27, 28)]
    fronts = [min(one.expiry or TODAY for one in listed if one.kind == "FUT") for listed in days]

    assert fronts == [date(2026, 1, 27), date(2026, 2, 24)]


@pytest.mark.parametrize("underlying", ["NIFTY", "BANKNIFTY"])
def test_the_strikes_of_a_series_hold_every_chain_of_its_life(underlying: str) -> None:
    calendar = MARKET.calendar
    for expiry in MARKET.expiries(underlying, date(2026, 1, 20), date(2026, 2, 5)):
        strikes = {one.strike for one in MARKET.contracts(underlying, expiry)}
        for day in calendar.sessions(expiry - timedelta(days=8), expiry):
            if any(one.expiry.day == expiry for one in MARKET.model.series.options(underlying, day)):
                shown = MARKET.model.session(day).option_market(underlying, expiry).series.strikes
                assert set(shown.tolist()) <= strikes


def test_the_terms_are_those_of_the_tables() -> None:
    for one in contracts_of(TODAY):
        assert one.expiry is not None
        assert one.lot == lot_size(one.underlying, one.expiry)
        assert one.freeze == largest_order(one.underlying, one.expiry, TODAY)
        assert one.freeze % one.lot == 0
        assert one.tick == (0.05 if one.option_type else {"NIFTY": 0.10, "BANKNIFTY": 0.20}[one.underlying])


def test_indices_and_shares_carry_the_built_in_masters_keys() -> None:
    for known in default_master():
        one = MARKET.named(known.symbol, TODAY)
        assert one is not None
        assert (one.key, one.token) == (known.instrument_key, known.exchange_token)


def test_made_up_isins_have_the_right_form_and_differ() -> None:
    shares = [one for one in MARKET.listings(TODAY) if one.segment is Segment.EQ]

    assert all(len(one.isin) == 12 and one.isin.startswith("INE") for one in shares)
    assert len({one.isin for one in shares}) == len(shares) >= 200
    assert all(_check_digit(one.isin[:11]) == one.isin[11] for one in shares)
    assert made_up_isin(20) != made_up_isin(21)


def _check_digit(body: str) -> str:
    """Luhn's, as of any ISIN: letters as two digits, every second digit from the right doubled."""
    digits = [int(digit) for letter in body for digit in str(int(letter, 36))][::-1]
    total = sum(sum(divmod(digit * 2, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    return str(-total % 10)


def test_a_holiday_lists_what_the_days_around_it_do() -> None:
    assert Calendar.default().is_session(date(2026, 1, 26)) is False
    assert len(contracts_of(date(2026, 1, 26))) == len(contracts_of(date(2026, 1, 25))) > 1_000
