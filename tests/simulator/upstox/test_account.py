from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sos_actors.simulator.upstox.account_documents import funds_v2, funds_v3, holding_row, position_row
from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.exchange_orders import Conduct, Status
from sos_actors.simulator.upstox.kill_switch import COOLING_NS
from sos_actors.simulator.upstox.positions import Position
from sos_actors.types import NANOS_PER_SECOND, Side
from tests.simulator.upstox.scripted import CALL, FUTURE, LATER, NIFTY, PUT, RELIANCE, Floor, at, floor

PATIENT = Conduct(square_off_s=0)


def position(here: Floor, key: str = CALL, product: str = "I") -> Position:
    return here.exchange.account.positions[key, product]


def document(here: Floor, key: str = CALL, product: str = "I") -> dict[str, Any]:
    state = here.exchange.state(position(here, key, product).listing)
    return position_row(position(here, key, product), state.ltp, state.previous_close)


def test_a_bought_option_blocks_its_premium() -> None:
    here = floor()
    here.fill(quantity=130)
    money = here.exchange.money()
    assert money.blocked.premium == pytest.approx(130 * 100.05)
    assert money.available == pytest.approx(1_000_000 - 130 * 100.05)


def test_a_resting_order_blocks_what_it_may_cost_until_it_is_cancelled() -> None:
    here = floor()
    order_id = here.place(price=95.0)
    here.wait(1)
    assert here.exchange.money().available == pytest.approx(1_000_000 - 65 * 95)
    here.exchange.cancel(order_id)
    here.wait(1)
    assert here.exchange.money().available == 1_000_000


def test_profit_can_be_traded_with_tomorrow_and_a_loss_is_gone_today() -> None:
    here = floor()
    here.fill()
    here.market.set(CALL, at("10:31"), 110.0)
    here.wait(60)
    here.fill(side=Side.SELL)
    money = here.exchange.money()
    assert money.profit == pytest.approx(65 * (109.95 - 100.05))
    assert money.available == 1_000_000
    here.fill(PUT)
    here.wait(3)
    here.fill(PUT, side=Side.SELL)
    assert here.exchange.money().profit == pytest.approx(65 * (109.95 - 100.05) - 65 * 0.1)
    here.wait_until(at("00:01", LATER))
    assert here.exchange.money().available == pytest.approx(1_000_000 + 65 * (9.9 - 0.1))


def test_an_order_that_costs_more_than_there_is_is_rejected_in_the_documentation_s_words() -> None:
    here = floor(funds=5_000)
    order_id = here.place(price=100.0)
    here.wait(1)
    row = here.row(order_id)
    assert row.status is Status.REJECTED
    assert row.message == "You need to add Rs. 1500.00 in your account to place this trade."
    assert str(row.raw_message).startswith("RMS:Margin Exceeds,Required:6500.00, Available:5000.00 for entity account-")
    assert row.exchange_order_id == ""


def test_selling_an_option_short_needs_margin_and_closing_needs_none() -> None:
    here = floor(funds=300_000)
    order_id = here.fill(side=Side.SELL)
    blocked = here.exchange.money().blocked
    assert (blocked.span, blocked.exposure) == pytest.approx((0.10 * 25_600 * 65, 0.02 * 25_600 * 65))
    second = here.place(quantity=130, side=Side.SELL)
    here.wait(1)
    assert here.row(second).status is Status.REJECTED
    assert here.row(order_id).status is Status.COMPLETE
    here.fill(side=Side.BUY)
    assert here.exchange.money().blocked.total == 0


def test_the_loss_of_a_short_position_is_not_available() -> None:
    here = floor()
    here.fill(side=Side.SELL)
    before = here.exchange.money().available
    here.market.set(CALL, at("10:31"), 120.0)
    here.wait(60)
    money = here.exchange.money()
    assert money.unrealised_loss == pytest.approx(65 * (120 - 99.95))
    assert money.available == pytest.approx(before - money.unrealised_loss + 65 * 0.05, abs=5)


def test_a_position_is_counted_as_upstox_counts_it() -> None:
    here = floor()
    here.fill(quantity=130)
    here.wait(3)
    here.fill(quantity=65, side=Side.SELL)
    row = document(here)
    assert row["quantity"] == 65
    assert row["day_buy_quantity"] == 130
    assert row["day_sell_quantity"] == 65
    assert row["buy_price"] == row["day_buy_price"] == 100.05
    assert row["sell_price"] == 99.95
    assert row["realised"] == pytest.approx(-6.5)
    assert row["unrealised"] == pytest.approx(-3.25)
    assert row["pnl"] == pytest.approx(row["realised"] + row["unrealised"])
    assert row["average_price"] is None
    assert row["overnight_quantity"] == 0
    assert row["close_price"] == 90.0


def test_a_position_that_is_carried_over_has_an_average_price() -> None:
    here = floor(conduct=PATIENT)
    here.fill(FUTURE, product="D")
    here.wait_until(at("10:00", LATER))
    row = document(here, FUTURE, "D")
    assert row["average_price"] == row["buy_price"] == 25_650.1
    assert (row["overnight_quantity"], row["overnight_buy_quantity"], row["day_buy_quantity"]) == (65, 65, 0)
    assert row["overnight_buy_amount"] == pytest.approx(65 * 25_650.1)


def test_turning_a_position_around_closes_it_first() -> None:
    here = floor()
    here.fill(quantity=65)
    here.fill(quantity=195, side=Side.SELL)
    held = position(here)
    assert held.quantity == -130
    assert held.average == 99.95
    assert held.realised == pytest.approx(-6.5)


def test_shares_bought_for_delivery_become_holdings_and_can_be_sold_then() -> None:
    here = floor()
    order_id = here.place(RELIANCE, 5, Side.SELL, "MARKET", product="D")
    here.wait(1)
    assert here.row(order_id).status is Status.REJECTED
    assert "0 shares" in str(here.row(order_id).message)
    here.fill(RELIANCE, 10, product="D")
    here.wait_until(at("09:30", LATER))
    assert here.exchange.account.positions == {}
    [holding] = here.exchange.account.holdings.values()
    assert (holding.quantity, holding.average) == (10, 1_400.1)
    assert here.exchange.money().opening == pytest.approx(1_000_000 - 14_001)
    assert holding_row(holding, 1_410.0, 1_400.0)["pnl"] == pytest.approx(99.0)
    here.fill(RELIANCE, 4, Side.SELL, product="D")
    too_many = here.place(RELIANCE, 7, Side.SELL, "MARKET", product="D")
    here.wait(1)
    assert here.row(too_many).status is Status.REJECTED
    assert here.exchange.money().stock_sale == pytest.approx(4 * 1_399.9)
    here.wait_until(at("09:30", date(2026, 1, 16)))  # the 15th is a holiday
    assert here.exchange.account.holdings[RELIANCE].quantity == 6
    assert here.exchange.money().opening == pytest.approx(1_000_000 - 14_001 + 4 * 1_399.9)


def test_intraday_positions_are_squared_off_before_the_close_and_no_new_ones_are_taken() -> None:
    here = floor()
    bought, resting = here.fill(), here.place(PUT, price=40.0)
    here.wait_until(at("15:25:01"))
    assert here.row(resting).status is Status.CANCELLED
    closing = here.exchange.orders()[-1].row
    assert (closing.status, closing.terms.side, closing.terms.placed_by) == (Status.COMPLETE, Side.SELL, "RMS")
    assert position(here).quantity == 0
    assert here.row(bought).terms.placed_by == ""
    late = here.place()
    here.wait(1)
    assert here.row(late).message == "Intraday orders are closed for today."


def test_an_expired_contract_is_paid_out_at_what_it_is_worth() -> None:
    here = floor(conduct=PATIENT)
    here.fill(CALL, product="D")
    here.fill(PUT, side=Side.SELL, product="D")
    here.market.set(NIFTY, at("15:00"), 25_580.0)
    here.wait_until(at("15:30"))
    call, put = position(here, CALL, "D"), position(here, PUT, "D")
    assert call.quantity == put.quantity == 0
    assert (call.realised, put.realised) == pytest.approx((65 * (80.0 - 100.05), 65 * 49.95))
    here.wait_until(at("10:00", LATER))
    assert here.exchange.account.positions == {}
    assert here.exchange.money().available == pytest.approx(1_000_000 + call.realised + put.realised)


def test_funds_say_the_same_in_both_versions() -> None:
    here = floor()
    here.fill()
    here.fill(PUT, side=Side.SELL)
    money = here.exchange.money()
    equity, full = funds_v2(money, None)["equity"], funds_v3(money)["available_to_trade"]
    assert equity["available_margin"] == full["total"] == full["cash_available_to_trade"]["total"]
    assert equity["used_margin"] == full["cash_available_to_trade"]["margin_used"]["total"]
    assert equity["available_margin"] + equity["used_margin"] == pytest.approx(1_000_000)
    assert list(funds_v2(money, "SEC")) == ["equity"]
    assert list(funds_v2(money, "COM")) == ["commodity"]


def switch(here: Floor, action: str, segment: str = "NSE_FO") -> str | None:
    try:
        here.exchange.kill_switch.update([{"segment": segment, "action": action}], here.exchange.now)
    except UpstoxRefusal as refusal:
        return refusal.code
    return None


def test_the_kill_switch_cancels_orders_refuses_new_ones_and_stays_for_twelve_hours() -> None:
    here = floor()
    order_id = here.place(price=95.0)
    here.wait(1)
    assert switch(here, "DISABLE") is None
    new = here.place(price=95.0)
    here.wait(1)
    assert here.row(order_id).status is Status.CANCELLED
    assert here.row(new).message == "Trading in this segment is disabled."
    assert switch(here, "ENABLE") == "UDAPI1185"
    here.wait(COOLING_NS / NANOS_PER_SECOND)
    assert switch(here, "ENABLE") is None
    assert not here.exchange.kill_switch.is_disabled("NSE_FO")


def test_the_kill_switch_wants_no_open_positions_and_does_all_or_nothing() -> None:
    here = floor()
    here.fill()
    assert switch(here, "DISABLE") == "UDAPI1184"
    both = [{"segment": "NSE_EQ", "action": "DISABLE"}, {"segment": "NSE_FO", "action": "DISABLE"}]
    with pytest.raises(UpstoxRefusal, match="UDAPI1184"):
        here.exchange.kill_switch.update(both, here.exchange.now)
    assert not any(row["kill_switch_enabled"] for row in here.exchange.kill_switch.rows())
    assert switch(here, "STOP") == "UDAPI1188"
    assert switch(here, "DISABLE", "NSE_XX") == "UDAPI1186"
