"""Option chain and contract lists, of what is listed and of what has expired."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sos_actors.simulator.world import Strictness
from tests.simulator.upstox.broker import Broker, broker
from tests.simulator.upstox.staged import CALL, NIFTY, PUT, RELIANCE, STRIKES, staged_world

CHAIN, CONTRACTS = "/v2/option/chain", "/v2/option/contract"
EXPIRIES, EXPIRED = "/v2/expired-instruments/expiries", "/v2/expired-instruments/option/contract"
FUTURES = "/v2/expired-instruments/future/contract"


@pytest.fixture(scope="module")
def upstox() -> Iterator[Broker]:
    with broker(staged_world(strictness=Strictness(rate_limits=False))) as running:
        yield running


def test_a_chain_has_a_row_a_strike_with_both_sides(upstox: Broker) -> None:
    rows = upstox.ask(CHAIN, query={"instrument_key": NIFTY, "expiry_date": "2026-01-13"}).data

    assert [row["strike_price"] for row in rows] == list(STRIKES)
    assert rows[0]["call_options"]["instrument_key"] == CALL
    assert rows[0]["put_options"]["instrument_key"] == PUT
    assert {row["underlying_spot_price"] for row in rows} == {264.0}


def test_in_a_chain_volatility_is_in_percent_and_open_interest_in_units(upstox: Broker) -> None:
    row = upstox.ask(CHAIN, query={"instrument_key": NIFTY, "expiry_date": "2026-01-27"}).data[0]
    call = row["call_options"]

    assert call["option_greeks"]["iv"] == 12.77
    assert call["option_greeks"]["delta"] == 0.5123
    assert call["market_data"]["oi"] == 6_500.0
    assert call["market_data"]["prev_oi"] == 5_200.0
    assert (call["market_data"]["bid_price"], call["market_data"]["ask_price"]) == (219.0, 220.0)
    assert row["pcr"] == 1.0


def test_nothing_in_a_chain_says_when(upstox: Broker) -> None:
    answer = upstox.ask(CHAIN, query={"instrument_key": NIFTY, "expiry_date": "2026-01-13"})

    assert set(answer.document) == {"status", "data"}
    assert b"time" not in answer.body


def test_an_expiry_that_is_not_listed_has_an_empty_chain(upstox: Broker) -> None:
    assert upstox.ask(CHAIN, query={"instrument_key": NIFTY, "expiry_date": "2026-01-06"}).data == []
    assert upstox.ask(CHAIN, query={"instrument_key": RELIANCE, "expiry_date": "2026-01-27"}).data == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"expiry_date": "2026-01-13"}, "UDAPI1009"),
        ({"instrument_key": "Nifty 50", "expiry_date": "2026-01-13"}, "UDAPI1011"),
        ({"instrument_key": "NSE_INDEX|Nifty 51", "expiry_date": "2026-01-13"}, "UDAPI100011"),
        ({"instrument_key": NIFTY}, "UDAPI100038"),
        ({"instrument_key": NIFTY, "expiry_date": "13-01-2026"}, "UDAPI100038"),
    ],
)
def test_a_chain_needs_a_listed_underlying_and_a_date(upstox: Broker, query: dict[str, str], code: str) -> None:
    assert upstox.ask(CHAIN, query=query).code == code


def test_contracts_are_those_listed_today_of_all_expiries_or_of_one(upstox: Broker) -> None:
    both = upstox.ask(CONTRACTS, query={"instrument_key": NIFTY}).data
    one = upstox.ask(CONTRACTS, query={"instrument_key": NIFTY, "expiry_date": "2026-01-27"}).data

    assert [row["expiry"] for row in both] == ["2026-01-13"] * 6 + ["2026-01-27"] * 6
    assert [row["weekly"] for row in one] == [False] * 6
    assert one[0]["tick_size"] == 5.0
    assert one[0]["lot_size"] == one[0]["minimum_lot"] == 65
    assert {row["instrument_type"] for row in both} == {"CE", "PE"}


def test_expired_expiries_reach_back_about_half_a_year_and_end_yesterday(upstox: Broker) -> None:
    assert upstox.ask(EXPIRIES, query={"instrument_key": NIFTY}).data == ["2025-12-30", "2026-01-06"]
    assert upstox.ask(EXPIRIES, query={"instrument_key": RELIANCE}).data == []


def test_the_reach_of_expired_contracts_can_be_endless() -> None:
    with broker(staged_world(strictness=Strictness(expired_reach_days=None))) as upstox:
        days = upstox.ask(EXPIRIES, query={"instrument_key": NIFTY}).data

    assert days == ["2025-07-01", "2025-12-30", "2026-01-06"]


def test_expired_contracts_carry_their_expiry_in_the_key(upstox: Broker) -> None:
    rows = upstox.ask(EXPIRED, query={"instrument_key": NIFTY, "expiry_date": "2026-01-06"}).data

    assert rows[0]["instrument_key"] == "NSE_FO|50001|06-01-2026"
    assert rows[0]["exchange_token"] == "50001"
    assert len(rows) == 6


def test_what_has_not_expired_is_not_among_the_expired(upstox: Broker) -> None:
    assert upstox.ask(EXPIRED, query={"instrument_key": NIFTY, "expiry_date": "2026-01-13"}).data == []
    assert upstox.ask(EXPIRED, query={"instrument_key": NIFTY, "expiry_date": "2025-07-01"}).data == []


def test_an_expired_future_is_found_too(upstox: Broker) -> None:
    rows = upstox.ask(FUTURES, query={"instrument_key": NIFTY, "expiry_date": "2025-12-30"}).data

    assert [row["instrument_key"] for row in rows] == ["NSE_FO|60001|30-12-2025"]
    assert "strike_price" not in rows[0]


@pytest.mark.parametrize("path", [EXPIRIES, EXPIRED, FUTURES])
def test_without_the_plus_plan_nothing_expired_is_served(path: str) -> None:
    with broker(staged_world(strictness=Strictness(plus_plan=False))) as upstox:
        answer = upstox.ask(path, query={"instrument_key": NIFTY, "expiry_date": "2026-01-06"})

    assert answer.code == "UDAPI1149"
