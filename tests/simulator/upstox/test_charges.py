"""Brokerage and margin of an order before it is placed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sos_actors.market.charges import ChargeKind, ChargeTable
from sos_actors.simulator.world import Strictness
from tests.simulator.upstox.broker import Answer, Broker, broker
from tests.simulator.upstox.staged import CALL, FUTURE, RELIANCE, TODAY, staged_world

BROKERAGE, MARGIN = "/v2/charges/brokerage", "/v2/charges/margin"
ORDER = {"instrument_token": CALL, "quantity": 65, "product": "I", "transaction_type": "SELL", "price": 100.05}
MARGIN_ORDER = {"instrument_key": CALL, "quantity": 65, "product": "I", "transaction_type": "BUY", "price": 100.0}


@pytest.fixture(scope="module")
def upstox() -> Iterator[Broker]:
    with broker(staged_world(strictness=Strictness(rate_limits=False))) as running:
        yield running


def test_brokerage_and_taxes_are_those_of_the_rates_of_the_day(upstox: Broker) -> None:
    charges = upstox.ask(BROKERAGE, query=ORDER).data["charges"]
    expected = ChargeTable.default().itemise(TODAY, ChargeKind.OPTION, 100.05, 0, 100.05, 65).in_rupees()

    assert charges["total"] == expected["total"]
    assert charges["brokerage"] == 20.0
    assert charges["taxes"] == {"gst": expected["gst"], "stt": expected["stt"], "stamp_duty": 0.0}
    assert charges["other_charges"] == charges["otherTaxes"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": ""}, "UDAPI100036"),
        ({"quantity": 0}, "UDAPI1064"),
        ({"price": 0}, "UDAPI1065"),
        ({"price": "nan"}, "UDAPI1065"),
        ({"transaction_type": ""}, "UDAPI1062"),
        ({"product": ""}, "UDAPI1063"),
        ({"instrument_token": "RELIANCE"}, "UDAPI1059"),
        ({"instrument_token": "NSE_FO|1"}, "UDAPI100011"),
    ],
)
def test_an_incomplete_order_has_no_brokerage(upstox: Broker, changes: dict[str, object], code: str) -> None:
    assert upstox.ask(BROKERAGE, query={**ORDER, **changes}).code == code


def test_a_missing_price_is_named(upstox: Broker) -> None:
    query = {name: value for name, value in ORDER.items() if name != "price"}

    assert upstox.ask(BROKERAGE, query=query).code == "UDAPI1061"


def margin(upstox: Broker, **changes: object) -> Answer:
    return upstox.post(MARGIN, {"instruments": [{**MARGIN_ORDER, **changes}]})


def test_a_bought_option_blocks_its_premium(upstox: Broker) -> None:
    data = margin(upstox).data

    assert data["required_margin"] == data["final_margin"] == 6_500.0
    assert data["margins"][0]["net_buy_premium"] == 6_500.0


def test_a_sold_option_and_a_future_block_a_share_of_the_underlying(upstox: Broker) -> None:
    short: dict[str, Any] = margin(upstox, transaction_type="SELL").data["margins"][0]
    future: dict[str, Any] = margin(upstox, instrument_key=FUTURE).data["margins"][0]

    assert short["span_margin"] == future["span_margin"] == round(0.10 * 264.0 * 65, 2)
    assert short["exposure_margin"] > 0
    assert short["net_buy_premium"] == 0.0


def test_a_share_blocks_its_value_or_a_part_of_it_within_the_day(upstox: Broker) -> None:
    delivery = margin(upstox, instrument_key=RELIANCE, product="D", quantity=10).data["margins"][0]
    intraday = margin(upstox, instrument_key=RELIANCE, product="I", quantity=10).data["margins"][0]

    assert delivery["equity_margin"] == 1_000.0
    assert 0 < intraday["equity_margin"] < 1_000.0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": None}, "UDAPI1097"),
        ({"quantity": 0}, "UDAPI1096"),
        ({"quantity": 66}, "UDAPI1104"),
        ({"product": ""}, "UDAPI1100"),
        ({"transaction_type": "HOLD"}, "UDAPI1101"),
        ({"instrument_key": "x"}, "UDAPI1098"),
    ],
)
def test_a_margin_needs_a_complete_order(upstox: Broker, changes: dict[str, object], code: str) -> None:
    assert margin(upstox, **changes).code == code


def test_margins_are_asked_for_in_groups_of_twenty_each_instrument_once(upstox: Broker) -> None:
    many = [{**MARGIN_ORDER, "instrument_key": f"NSE_FO|{number}"} for number in range(21)]

    assert upstox.post(MARGIN, {"instruments": many}).code == "UDAPI1102"
    assert upstox.post(MARGIN, {"instruments": [MARGIN_ORDER, MARGIN_ORDER]}).code == "UDAPI1103"
    assert upstox.post(MARGIN, {}).code == "UDAPI1099"
    assert upstox.ask(MARGIN, method="POST", body="no json").code == "UDAPI100036"
