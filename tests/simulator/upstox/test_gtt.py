from __future__ import annotations

from typing import Any

import pytest

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.exchange_orders import Conduct
from sos_actors.simulator.upstox.gtt_rules import GttOrder
from tests.simulator.upstox.broker import broker, refusal, sdk
from tests.simulator.upstox.scripted import CALL, Floor, at, floor, scripted_world

upstox_client = pytest.importorskip("upstox_client")
BRACKET = (("ENTRY", "ABOVE", 101.0), ("TARGET", "IMMEDIATE", 110.0), ("STOPLOSS", "IMMEDIATE", 95.0))


def body(*rules: tuple[str, str, float], **changes: Any) -> dict[str, Any]:
    wanted = [{"strategy": s, "trigger_type": t, "trigger_price": p} for s, t, p in rules or BRACKET]
    kind = "SINGLE" if len(wanted) == 1 else "MULTIPLE"
    usual = {"type": kind, "quantity": 65, "product": "D", "instrument_token": CALL, "transaction_type": "BUY"}
    return usual | {"rules": wanted} | changes


def statuses(here: Floor, order_id: str) -> list[str]:
    return [rule.status for rule in here.exchange.gtt.orders[order_id].rules]


def price(here: Floor, when: str, last: float) -> None:
    here.market.set(CALL, at(when), last)
    here.wait_until(at(when) + 2_000_000_000)


def test_an_entry_fires_at_its_price_as_a_limit_order() -> None:
    here = floor()
    order_id = here.exchange.gtt.place(body(("ENTRY", "ABOVE", 101.0)))
    here.wait(5)
    assert statuses(here, order_id) == ["SCHEDULED"]
    price(here, "10:31", 101.0)
    assert statuses(here, order_id) == ["COMPLETED"]
    [row] = [order.row for order in here.exchange.orders()]
    assert (row.order_type, row.reference, row.average_price) == ("LIMIT", order_id, 101.05)


def test_a_bracket_waits_for_its_entry_and_one_exit_ends_the_other() -> None:
    here = floor()
    order_id = here.exchange.gtt.place(body())
    assert statuses(here, order_id) == ["SCHEDULED", "INACTIVE", "INACTIVE"]
    price(here, "10:31", 101.0)
    assert statuses(here, order_id) == ["COMPLETED", "SCHEDULED", "SCHEDULED"]
    price(here, "10:32", 110.5)
    assert statuses(here, order_id) == ["COMPLETED", "COMPLETED", "CANCELLED"]
    assert here.exchange.account.quantity(CALL, "D") == 0
    told = next(update for update in here.told if isinstance(update, GttOrder))
    assert [rule.status for rule in told.rules] == ["SCHEDULED", "INACTIVE", "INACTIVE"]


def test_a_trailing_stop_follows_the_price_and_never_goes_back() -> None:
    here = floor()
    rules = body(("ENTRY", "IMMEDIATE", 100.0), ("STOPLOSS", "IMMEDIATE", 95.0))
    rules["rules"][1]["trailing_gap"] = 2.0
    order_id = here.exchange.gtt.place(rules)
    here.wait(2)
    price(here, "10:31", 106.0)
    stop = here.exchange.gtt.orders[order_id].rules[1]
    assert stop.trigger_price == 104.0
    price(here, "10:32", 104.5)
    assert (stop.status, stop.trigger_price) == ("SCHEDULED", 104.0)
    price(here, "10:33", 103.9)
    assert stop.status == "COMPLETED"


def test_a_rejected_entry_fails_and_ends_the_rest() -> None:
    here = floor(funds=1_000)
    order_id = here.exchange.gtt.place(body(("ENTRY", "IMMEDIATE", 100.0), ("TARGET", "IMMEDIATE", 110.0)))
    here.wait(2)
    assert statuses(here, order_id) == ["FAILED", "CANCELLED"]
    assert "You need to add" in str(here.exchange.gtt.orders[order_id].rules[0].message)


def test_taking_it_back_takes_its_open_order_back() -> None:
    here = floor()
    here.market.set(CALL, at("10:00"), 100.0, 0, asks=[(120.0, 65)])
    order_id = here.exchange.gtt.place(body(("ENTRY", "IMMEDIATE", 100.0)))
    here.wait(2)
    assert statuses(here, order_id) == ["OPEN"]
    here.exchange.gtt.cancel(order_id)
    here.wait(2)
    assert statuses(here, order_id) == ["CANCELLED"]
    assert here.exchange.orders()[0].row.status == "cancelled"


def test_an_intraday_one_ends_with_the_day_and_another_after_a_year() -> None:
    here = floor(conduct=Conduct(square_off_s=0))
    today, year = (here.exchange.gtt.place(body(product=product)) for product in ("I", "D"))
    here.wait_until(at("23:59:59"))
    assert statuses(here, today) == ["CANCELLED"] * 3
    assert statuses(here, year)[0] == "SCHEDULED"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (body(type="DOUBLE"), "UDAPI1126"),
        (body(type="SINGLE"), "UDAPI1136"),
        (body(("ENTRY", "ABOVE", 101.0), type="MULTIPLE"), "UDAPI1137"),
        (body(("TARGET", "IMMEDIATE", 101.0)), "UDAPI1141"),
        (body(("ENTRY", "ABOVE", 101.0), ("TARGET", "ABOVE", 110.0)), "UDAPI1143"),
        (body(("ENTRY", "ABOVE", 101.0), ("ENTRY", "ABOVE", 110.0)), "UDAPI100036"),
        (body(("ENTRY", "ABOVE", 0.0)), "UDAPI100036"),
        (body(quantity=64), "UDAPI1104"),
        (body(instrument_token="NSE_FO|99999"), "UDAPI100011"),
    ],
)
def test_rules_that_are_none_are_refused(wrong: dict[str, Any], code: str) -> None:
    with pytest.raises(UpstoxRefusal, match=code):
        floor().exchange.gtt.place(wrong)


def test_the_sdk_places_changes_lists_and_cancels() -> None:
    with broker(scripted_world()) as upstox, sdk(upstox.address) as client:
        api = upstox_client.OrderApiV3(client)
        rules = [upstox_client.GttRule(strategy=s, trigger_type=t, trigger_price=p) for s, t, p in BRACKET]
        terms = {key: value for key, value in body().items() if key != "rules"}
        [order_id] = api.place_gtt_order(upstox_client.GttPlaceOrderRequest(**terms, rules=rules)).data.gtt_order_ids
        assert order_id.startswith("GTT-")
        rules[0].trigger_price = 102.0
        change = upstox_client.GttModifyOrderRequest(
            type="MULTIPLE", quantity=130, rules=rules, gtt_order_id=order_id
        )  # fmt: skip
        assert api.modify_gtt_order(change).data.gtt_order_ids == [order_id]
        [order] = api.get_gtt_order_details(gtt_order_id=order_id).data
        assert (order.quantity, order.rules[0].trigger_price, order.exchange) == (130, 102.0, "NSE_FO")
        wish = upstox_client.GttCancelOrderRequest(order_id)
        assert api.cancel_gtt_order(wish).data.gtt_order_ids == [order_id]
        assert refusal(lambda: api.cancel_gtt_order(wish)) == (400, "UDAPI100040")
        assert [each.gtt_order_id for each in api.get_gtt_order_details().data] == [order_id]
