"""Orders, trades, positions and money: every status, odd fields, and one bad row that refuses the list."""

from __future__ import annotations

from typing import Any

import pytest

from sos_actors.errors import VendorAnswerError
from sos_actors.messages.broker import BrokerPosition, Funds, OrderKind, OrderState
from sos_actors.types import Side, UnixNanos
from sos_actors.vendors.upstox import parse
from tests.vendors.upstox.connected import at

RECEIVED = UnixNanos(77)


def order(**changes: Any) -> dict[str, Any]:
    row = {
        "order_id": "251", "status": "open", "tag": "t1", "instrument_token": "NSE_FO|1", "order_type": "SL",
        "transaction_type": "BUY", "quantity": 130, "filled_quantity": 65, "pending_quantity": 65, "price": 100.5,
        "trigger_price": 100.0, "average_price": 100.45, "order_timestamp": "2026-01-13 10:00:05",
        "exchange_order_id": "13", "status_message": None, "status_message_raw": None,
    }  # fmt: skip
    return row | changes


def test_an_order_partly_filled_is_open_with_what_it_has() -> None:
    read = parse.broker_order(order(), RECEIVED)
    assert (read.state, read.filled, read.pending, read.average_price) == (OrderState.OPEN, 65, 65, 100.45)
    assert (read.side, read.kind, read.ts_event) == (Side.BUY, OrderKind.SL, at("2026-01-13 10:00:05"))


def test_all_17_words_of_upstox_have_a_state_and_only_final_ones_are_final() -> None:
    assert len(parse.STATES) == 17
    final = {word for word, state in parse.STATES.items() if state.terminal}
    assert final == {"complete", "rejected", "cancelled", "cancelled after market order"}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("complete", OrderState.COMPLETE),
        (" Trigger  Pending", OrderState.TRIGGER_PENDING),
        ("not cancelled", OrderState.OPEN),
        ("put order req received", OrderState.PENDING),
        ("sent to the moon", OrderState.UNKNOWN),
    ],
)
def test_a_status_is_read_in_any_case_and_a_new_word_is_unknown_and_alive(status: str, state: OrderState) -> None:
    read = parse.broker_order(order(status=status), RECEIVED)
    assert (read.state, read.status) == (state, status.strip())
    assert not OrderState.UNKNOWN.terminal


def test_absent_and_odd_fields_are_unknown_not_invented() -> None:
    row = order(average_price=None, order_type="ICEBERG", tag=None, order_timestamp=None, exchange_order_id=None)
    read = parse.broker_order(row | {"status_message_raw": "RMS: no"}, RECEIVED)
    assert (read.average_price, read.kind, read.tag, read.ts_event) == (None, None, "", RECEIVED)
    assert (read.exchange_order_id, read.reason) == ("", "RMS: no")
    assert parse.broker_order(order(average_price=0, quantity=130.0), RECEIVED).average_price is None
    del row["instrument_token"]
    assert parse.broker_order(row | {"instrument_key": "NSE_FO|2"}, RECEIVED).instrument_key == "NSE_FO|2"


@pytest.mark.parametrize(("status", "pending"), [("open", 65), ("complete", 0), ("rejected", 0)])
def test_what_is_pending_follows_from_the_rest_where_the_history_leaves_it_out(status: str, pending: int) -> None:
    row = order(status=status)
    del row["pending_quantity"]
    assert parse.broker_order(row, RECEIVED).pending == pending


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("order_id", ""),
        ("order_id", None),
        ("status", None),
        ("instrument_token", 5.5),
        ("transaction_type", "HOLD"),
        ("transaction_type", None),
        ("quantity", None),
        ("quantity", "130"),
        ("quantity", True),
        ("quantity", 65.5),
        ("quantity", float("inf")),
        ("filled_quantity", None),
        ("price", "1"),
        ("average_price", "x"),
    ],
)
def test_one_row_that_cannot_be_read_refuses_the_book_and_names_the_field(key: str, value: Any) -> None:
    with pytest.raises(VendorAnswerError, match=key):
        parse.broker_orders([order(), order(**{key: value})], RECEIVED)


def test_what_is_no_list_is_no_book() -> None:
    wrong: list[Any] = [None, {}, "x", [None], [[]]]
    for data in wrong:
        with pytest.raises(VendorAnswerError, match="order book"):
            parse.broker_orders(data, RECEIVED)


HISTORY = [
    order(status=status, filled_quantity=filled, order_id=number, order_timestamp=f"2026-01-13 10:00:{second:02d}")
    for status, filled, number, second in [
        ("put order req received", 0, "251", 1),
        ("validation pending", 0, "251", 1),
        ("put order req received", 0, "252", 1),
        ("open", 0, "251", 1),
        ("open", 65, "251", 1),
        ("cancel pending", 65, "251", 2),
        ("cancelled", 65, "251", 2),
        ("open pending", 0, "252", 1),
        ("open", 0, "252", 1),
    ]
]


@pytest.mark.parametrize("rows", [HISTORY, HISTORY[::-1]], ids=["oldest first", "newest first"])
def test_a_history_ends_in_the_last_state_of_each_order_whatever_the_order_of_its_rows(rows: list[Any]) -> None:
    last = {read.order_id: (read.state, read.filled) for read in parse.last_states(rows, RECEIVED)}
    assert last == {"251": (OrderState.CANCELLED, 65), "252": (OrderState.OPEN, 0)}


def test_of_two_states_that_are_not_the_last_the_one_with_more_filled_is_later_whatever_its_time() -> None:
    part = order(status="open", filled_quantity=65, order_timestamp="2026-01-13 10:00:00")
    late = order(status="modified", filled_quantity=0, order_timestamp="2026-01-13 10:00:09")
    for rows in ([part, late], [late, part]):
        assert [read.filled for read in parse.last_states(rows, RECEIVED)] == [65]


def trade(**changes: Any) -> dict[str, Any]:
    row = {
        "trade_id": "9", "order_id": "251", "instrument_token": "NSE_FO|1", "transaction_type": "SELL",
        "quantity": 65, "average_price": 101.0, "exchange_timestamp": "13-Jan-2026 10:00:06",
    }  # fmt: skip
    return row | changes


def test_a_trade_is_read_with_the_exchanges_time() -> None:
    [fill] = parse.broker_fills([trade()], RECEIVED)
    assert (fill.ts_event, fill.side, fill.price) == (at("2026-01-13 10:00:06"), Side.SELL, 101.0)
    assert parse.broker_fill(trade(exchange_timestamp="soon"), RECEIVED).ts_event == RECEIVED


@pytest.mark.parametrize("key", ["trade_id", "order_id", "average_price", "quantity", "instrument_token"])
def test_a_trade_that_lacks_something_refuses_the_list(key: str) -> None:
    with pytest.raises(VendorAnswerError, match=key):
        parse.broker_fills([trade(), trade(**{key: None})], RECEIVED)


def test_a_position_may_be_short_and_may_lack_prices() -> None:
    row = {"instrument_token": "NSE_FO|1", "product": "I", "quantity": -65, "average_price": None, "last_price": 99.0}
    assert parse.broker_positions([row]) == [BrokerPosition("NSE_FO|1", "I", -65, None, 99.0, None, None)]
    with pytest.raises(VendorAnswerError, match="quantity"):
        parse.broker_positions([row, row | {"quantity": None}])


def test_funds_are_read_in_both_versions() -> None:
    cash = {"total": 900.0, "margin_used": {"total": 100.0}}
    pledge = {"margin_from_pledge": {"total": 50.0}, "margin_used": {"total": 7.5}}
    available = {"total": 950.0, "cash_available_to_trade": cash, "pledge_available_to_trade": pledge}
    assert parse.funds({"available_to_trade": available}) == Funds(950.0, 107.5)
    without = available | {"pledge_available_to_trade": None}
    assert parse.funds({"available_to_trade": without}) == Funds(950.0, 100.0)
    assert parse.funds({"equity": {"available_margin": 5.0, "used_margin": 1.0}}) == Funds(5.0, 1.0)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"equity": None},
        {"equity": {"available_margin": None, "used_margin": 0}},
        {"available_to_trade": {"total": 1.0}},
        {"available_to_trade": {"cash_available_to_trade": {"margin_used": {"total": 1.0}}}},
    ],
)
def test_funds_that_cannot_be_read_are_not_zero(data: Any) -> None:
    with pytest.raises(VendorAnswerError, match="funds"):
        parse.funds(data)
