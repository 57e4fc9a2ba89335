"""Many orders in one request, the kill switch and conversions, through the unmodified SDK where it has a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.upstox.broker import Broker, broker, refusal, sdk
from tests.simulator.upstox.scripted import CALL, PUT, RELIANCE, at, scripted_world

upstox_client = pytest.importorskip("upstox_client")
V2 = "2.0"


@pytest.fixture
def upstox() -> Iterator[Broker]:
    with broker(scripted_world(rate_limits=False)) as running:
        yield running


@pytest.fixture
def client(upstox: Broker) -> Iterator[Any]:
    with sdk(upstox.address) as made:
        yield made


def line(name: str, **changes: Any) -> dict[str, Any]:
    usual = {
        "correlation_id": name, "quantity": 65, "product": "I", "validity": "DAY", "price": 95.0, "tag": "many",
        "slice": False, "instrument_token": CALL, "order_type": "LIMIT", "transaction_type": "BUY",
        "disclosed_quantity": 0, "trigger_price": 0.0, "is_amo": False,
    }  # fmt: skip
    return usual | changes


def place(client: Any, *lines: dict[str, Any]) -> Any:
    return upstox_client.OrderApi(client).place_multi_order([upstox_client.MultiOrderRequest(**each) for each in lines])


def market(name: str, **changes: Any) -> dict[str, Any]:
    return line(name, order_type="MARKET", price=0.0, market_protection=-1.0, **changes)


def book(client: Any) -> list[Any]:
    return list(upstox_client.OrderApi(client).get_order_book(V2).data)


def test_a_list_is_placed_buys_before_sells(client: Any) -> None:
    answer = place(client, line("s", transaction_type="SELL", price=110.0), line("b"))
    assert answer.status == "success"
    assert [each.correlation_id for each in answer.data] == ["b", "s"]
    assert (answer.summary.total, answer.summary.success, answer.summary.error) == (2, 2, 0)
    assert [row.transaction_type for row in book(client)] == ["BUY", "SELL"]


def test_a_split_line_gets_a_name_for_each_part(client: Any) -> None:
    answer = place(client, line("big", quantity=1755 + 65, slice=True))
    assert [each.correlation_id for each in answer.data] == ["big_1", "big_2"]


def test_what_goes_through_although_another_line_does_not_is_a_partial_success(upstox: Broker, client: Any) -> None:
    lines = [line("good"), line("odd", quantity=64)]
    raw = upstox.post("/v2/order/multi/place", lines)
    assert raw.status == 207
    answer = place(client, *lines)
    assert answer.status == "partial_success"
    assert [(each.correlation_id, each.error_code) for each in answer.errors] == [("odd", "UDAPI1104")]
    assert len(book(client)) == 2


def test_nothing_is_placed_when_a_line_is_malformed(upstox: Broker, client: Any) -> None:
    answer = upstox.post("/v2/order/multi/place", [line("good"), line("bad", product="X"), line("good")])
    assert answer.status == 400
    errors = [(each["correlation_id"], each["error_code"]) for each in answer.document["errors"]]
    assert errors == [("bad", "UDAPI1054"), ("good", "UDAPI1117")]
    assert answer.document["summary"] == {"total": 3, "payload_error": 2, "success": 0, "error": 0}
    assert "data" not in answer.document
    assert book(client) == []
    for wrong, code in (([], "UDAPI1114"), ([line(str(n)) for n in range(26)], "UDAPI1118"), ([{}], "UDAPI1115")):
        assert upstox.post("/v2/order/multi/place", wrong).code == code


def test_open_orders_are_cancelled_by_tag_and_segment(upstox: Broker, client: Any) -> None:
    place(client, line("1"), line("2", tag="other"), line("3", instrument_token=RELIANCE, quantity=1, price=1390.0))
    upstox.world.clock.step(1)
    api = upstox_client.OrderApi(client)
    answer = api.cancel_multi_order(tag="many", segment="NSE_FO")
    assert (answer.status, answer.summary.total, len(answer.data.order_ids)) == ("success", 1, 1)
    upstox.world.clock.step(1)
    assert [row.status for row in book(client)] == ["cancelled", "open", "open"]
    assert len(api.cancel_multi_order().data.order_ids) == 2
    upstox.world.clock.step(1)
    assert refusal(api.cancel_multi_order) == (400, "UDAPI1108")
    assert refusal(lambda: api.cancel_multi_order(segment="NSE")) == (400, "UDAPI1105")


def test_too_many_orders_are_not_cancelled_at_once(upstox: Broker) -> None:
    for first in (0, 25, 50):
        upstox.post("/v2/order/multi/place", [line(str(first + n)) for n in range(25)])
    assert upstox.ask("/v2/order/multi/cancel", method="DELETE", body="{}").code == "UDAPI1109"


def test_every_position_is_exited_and_buys_come_first(upstox: Broker, client: Any) -> None:
    place(client, market("1"), market("2", instrument_token=PUT, transaction_type="SELL"))
    place(client, market("3", instrument_token=RELIANCE, quantity=5, product="D"))
    upstox.world.clock.step(3)
    api = upstox_client.OrderApi(client)
    answer = api.exit_positions()
    assert (answer.status, answer.summary.total) == ("success", 2)
    upstox.world.clock.step(1)
    exits = [row for row in book(client) if row.order_id in answer.data.order_ids]
    assert [(row.transaction_type, row.instrument_token) for row in exits] == [("BUY", PUT), ("SELL", CALL)]
    held = {row.instrument_token: row.quantity for row in upstox_client.PortfolioApi(client).get_positions(V2).data}
    assert held == {CALL: 0, PUT: 0, RELIANCE: 5}
    assert refusal(api.exit_positions) == (400, "UDAPI1108")


def test_positions_are_exited_by_the_tag_that_opened_them(upstox: Broker, client: Any) -> None:
    place(client, market("1", tag="a"), market("2", tag="b", quantity=130))
    upstox.world.clock.step(3)
    upstox_client.OrderApi(client).exit_positions(tag="b", segment="NSE_FO")
    upstox.world.clock.step(3)
    [position] = upstox_client.PortfolioApi(client).get_positions(V2).data
    assert position.quantity == 65


def test_positions_cannot_be_exited_when_the_market_is_closed(upstox: Broker, client: Any) -> None:
    place(client, market("1", instrument_token="NSE_FO|60001", product="D"))
    upstox.world.clock.step(3)
    upstox.world.clock.set(at=at("16:00"))
    assert refusal(upstox_client.OrderApi(client).exit_positions) == (400, "UDAPI1113")


def test_the_kill_switch_is_read_and_set(client: Any) -> None:
    api = upstox_client.UserApi(client)
    rows = {row["segment"]: row for row in api.get_kill_switch().data}
    assert len(rows) == 8
    assert rows["NSE_FO"] == {"segment": "NSE_FO", "segment_status": "ACTIVE", "kill_switch_enabled": False}
    update = [upstox_client.KillSwitchSegmentUpdateRequest(segment="NSE_FO", action="DISABLE")]
    rows = {row["segment"]: row for row in api.update_kill_switch(update).data}
    assert rows["NSE_FO"]["kill_switch_enabled"] is True
    back = [upstox_client.KillSwitchSegmentUpdateRequest(segment="NSE_FO", action="ENABLE")]
    assert refusal(lambda: api.update_kill_switch(back)) == (400, "UDAPI1185")


def test_a_position_is_converted_to_another_product(upstox: Broker, client: Any) -> None:
    place(client, market("1"))
    upstox.world.clock.step(3)
    api = upstox_client.PortfolioApi(client)
    terms = {"instrument_token": CALL, "old_product": "I", "transaction_type": "BUY", "quantity": 65}
    wish = upstox_client.ConvertPositionRequest(new_product="D", **terms)
    assert api.convert_positions(wish, V2).data.status == "complete"
    assert {row.product: row.quantity for row in api.get_positions(V2).data} == {"I": 0, "D": 65}
    assert refusal(lambda: api.convert_positions(wish, V2))[0] == 400
