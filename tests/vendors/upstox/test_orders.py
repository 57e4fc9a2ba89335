"""The broker: what is sent byte for byte, what comes back, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sos_actors.errors import (
    OrderRefusedError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorUnreachableError,
)
from sos_actors.messages.broker import OrderChange, OrderKind, OrderRequest, OrderState
from sos_actors.ports import Broker
from sos_actors.types import Side
from sos_actors.vendors.upstox.orders import UpstoxBroker
from tests.vendors.scripted import Step, page, reply, reset
from tests.vendors.upstox.connected import connected, good, refused
from tests.vendors.upstox.test_parse import order as row

REQUEST = OrderRequest("scalp-1", "NSE_FO|45450", Side.BUY, 65, OrderKind.LIMIT, 100.05)
CHANGE = OrderChange("251", 65, OrderKind.LIMIT, 99.95)
PLACED = good({"order_ids": ["251"]}, metadata={"latency": 30})


def test_an_order_is_written_as_version_3_wants_it() -> None:
    with connected([PLACED]) as rig:
        broker: Broker = UpstoxBroker(rig.connection)
        assert broker.place(REQUEST) == "251"
    [request] = rig.site.requests
    assert (request.method, request.path) == ("POST", "/v3/order/place")
    assert "x-algo-name" not in request.headers
    assert json.loads(request.body) == {
        "quantity": 65, "product": "I", "validity": "DAY", "price": 100.05, "tag": "scalp-1", "slice": False,
        "instrument_token": "NSE_FO|45450", "order_type": "LIMIT", "transaction_type": "BUY",
        "disclosed_quantity": 0, "trigger_price": 0.0, "is_amo": False,
    }  # fmt: skip


def test_a_protected_market_order_a_float_price_and_a_registered_algo() -> None:
    with connected([PLACED], algo_name="sos") as rig:
        order = replace(REQUEST, kind=OrderKind.SL_M, price=0.0, trigger_price=0.1 + 0.2, market_protection=-1.0)
        UpstoxBroker(rig.connection).place(order)
    [request] = rig.site.requests
    body = json.loads(request.body)
    assert (body["market_protection"], body["trigger_price"], body["order_type"]) == (-1, 0.3, "SL-M")
    assert request.headers["x-algo-name"] == "sos"


@pytest.mark.parametrize(
    "changes",
    [
        {"tag": ""},
        {"tag": "x" * 41},
        {"price": float("nan")},
        {"price": -1.0},
        {"price": 0.004},
        {"price": 100.055},
        {"quantity": 0},
        {"quantity": -65},
        {"quantity": 64.9},
        {"trigger_price": float("inf")},
        {"product": "Z"},
        {"validity": "GTC"},
    ],
)
def test_an_order_that_cannot_be_right_is_not_sent(changes: dict[str, Any]) -> None:
    with connected([PLACED]) as rig, pytest.raises(OrderRefusedError):
        UpstoxBroker(rig.connection).place(replace(REQUEST, **changes))
    assert rig.site.requests == []


@pytest.mark.parametrize(
    ("step", "kind", "code"),
    [
        (refused("UDAPI1104", "Quantity is not a multiple of the lot"), OrderRefusedError, "UDAPI1104"),
        (refused("UDAPI1158", "Market orders are not allowed"), OrderRefusedError, "UDAPI1158"),
        (refused("UDAPI100074", "Closed"), OrderRefusedError, "UDAPI100074"),
        (reset, VendorUnreachableError, ""),
        (page(status=504), VendorBusyError, "504"),
        (reply(b"", 408), VendorBusyError, "408"),
        (page(), VendorAnswerError, ""),
        (reply({}), VendorAnswerError, ""),
        (good({"order_ids": []}), VendorAnswerError, ""),
        (good({"order_ids": ["1", "2"]}), VendorAnswerError, ""),
        (good({"order_ids": [None]}), VendorAnswerError, ""),
        (good(None), VendorAnswerError, ""),
    ],
)
def test_an_order_is_sent_once_and_its_outcome_is_told_honestly(
    step: Step, kind: type[VendorError], code: str
) -> None:
    with connected([step]) as rig, pytest.raises(kind) as caught:
        UpstoxBroker(rig.connection).place(REQUEST)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert len(rig.site.requests) == 1


def test_modify_and_cancel_name_the_order_and_believe_only_its_own_answer() -> None:
    with connected([good({"order_id": "251"})]) as rig:
        broker = UpstoxBroker(rig.connection)
        broker.modify(CHANGE)
        broker.cancel("251")
        with pytest.raises(VendorAnswerError, match="another order"):
            broker.cancel("252")
    modify, cancel, _ = rig.site.requests
    assert (modify.method, modify.path) == ("PUT", "/v3/order/modify")
    assert json.loads(modify.body) == {
        "quantity": 65, "validity": "DAY", "price": 99.95, "order_id": "251", "order_type": "LIMIT",
        "disclosed_quantity": 0, "trigger_price": 0.0,
    }  # fmt: skip
    assert (cancel.method, cancel.path, cancel.query) == ("DELETE", "/v3/order/cancel", {"order_id": "251"})


@pytest.mark.parametrize(
    "change", [lambda broker: broker.modify(CHANGE), lambda broker: broker.cancel("251")], ids=["modify", "cancel"]
)
def test_a_change_that_is_lost_on_the_way_is_not_repeated(change: Callable[[UpstoxBroker], None]) -> None:
    with connected([reset]) as rig, pytest.raises(VendorUnreachableError):
        change(UpstoxBroker(rig.connection))
    assert len(rig.site.requests) == 1


def test_an_order_is_found_again_by_its_tag() -> None:
    rows = [row(status="put order req received", filled_quantity=0), row(status="open")]
    with connected([good(rows)]) as rig:
        [found] = UpstoxBroker(rig.connection).orders_by_tag("t1")
    assert (found.state, found.order_id) == (OrderState.OPEN, "251")
    assert (rig.site.paths, rig.site.requests[0].query) == (["/v2/order/history"], {"tag": "t1"})


def test_a_tag_nobody_used_finds_nothing_and_a_wrong_answer_is_no_answer() -> None:
    for step in (refused("UDAPI100010", "Unknown order id"), good([])):
        with connected([step]) as rig:
            assert UpstoxBroker(rig.connection).orders_by_tag("t1") == []
    for step in (good([row(tag="t2")]), good(None), refused("UDAPI1023")):
        with connected([step]) as rig, pytest.raises(VendorAnswerError):
            UpstoxBroker(rig.connection).orders_by_tag("t1")


def test_the_lists_are_asked_where_upstox_has_them() -> None:
    with connected([good([])]) as rig:
        broker = UpstoxBroker(rig.connection)
        assert (broker.orders(), broker.fills(), broker.positions()) == ([], [], [])
    assert rig.site.paths == [
        "/v2/order/retrieve-all",
        "/v2/order/trades/get-trades-for-day",
        "/v2/portfolio/short-term-positions",
    ]
    with connected([good({"equity": {"available_margin": 5.0, "used_margin": 1.0}})]) as rig:
        assert UpstoxBroker(rig.connection).funds().available == 5.0
    assert rig.site.paths == ["/v3/user/get-funds-and-margin"]


def test_everything_is_exited_and_having_nothing_to_exit_is_fine() -> None:
    with connected([good({"order_ids": ["1"]}, errors=None), refused("UDAPI1108", "No open position")]) as rig:
        UpstoxBroker(rig.connection).exit_all()
        UpstoxBroker(rig.connection).exit_all("scalp-1")
    plain, tagged = rig.site.requests
    assert (plain.method, plain.path, plain.query) == ("POST", "/v2/order/positions/exit", {})
    assert tagged.query == {"tag": "scalp-1"}


def test_a_position_that_could_not_be_exited_is_told() -> None:
    errors = [{"error_code": "UDAPI1113", "message": "Market hours only.", "instrument_key": "NSE_FO|1"}]
    partly = reply({"status": "partial_success", "data": {"order_ids": ["1"]}, "errors": errors}, 207)
    with connected([partly]) as rig, pytest.raises(OrderRefusedError, match="1 positions could not be closed") as told:
        UpstoxBroker(rig.connection).exit_all()
    assert told.value.code == "UDAPI1113"
    untold = reply({"status": "partial_success", "data": {"order_ids": ["1"]}}, 207)
    with connected([untold]) as rig, pytest.raises(OrderRefusedError, match="no reason given"):
        UpstoxBroker(rig.connection).exit_all()
    with connected([refused("UDAPI1109", "Too many")]) as rig, pytest.raises(OrderRefusedError):
        UpstoxBroker(rig.connection).exit_all()
    assert len(rig.site.requests) == 1
