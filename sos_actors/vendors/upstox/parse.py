"""Upstox's orders, trades, positions and money as our messages. One row that cannot be read refuses the whole list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sos_actors.messages.broker import (
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Funds,
    OrderKind,
    OrderState,
)
from sos_actors.types import Side, UnixNanos
from sos_actors.vendors.upstox import fields
from sos_actors.vendors.upstox.fields import Row

STATES: Mapping[str, OrderState] = {
    "put order req received": OrderState.PENDING,
    "validation pending": OrderState.PENDING,
    "open pending": OrderState.PENDING,
    "open": OrderState.OPEN,
    "complete": OrderState.COMPLETE,
    "rejected": OrderState.REJECTED,
    "cancelled": OrderState.CANCELLED,
    "trigger pending": OrderState.TRIGGER_PENDING,
    "modify validation pending": OrderState.OPEN,
    "modify pending": OrderState.OPEN,
    "modified": OrderState.OPEN,
    "not modified": OrderState.OPEN,
    "cancel pending": OrderState.OPEN,
    "not cancelled": OrderState.OPEN,
    "after market order req received": OrderState.PENDING,
    "modify after market order req received": OrderState.PENDING,
    "cancelled after market order": OrderState.CANCELLED,
}
"""Upstox's 17 words, in the order of a life. Source: the appendix of Upstox's documentation, 2026."""
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_KINDS = {kind.value: kind for kind in OrderKind}
_AGE = {status: age for age, status in enumerate(STATES)}


def order_state(status: str) -> OrderState:
    """The state behind Upstox's word; UNKNOWN for a word it never told of."""
    return STATES.get(" ".join(status.lower().split()), OrderState.UNKNOWN)


def broker_order(document: Row, received: UnixNanos) -> BrokerOrder:
    """One order of the book, the history or the order stream.

    Args:
        document: its row.
        received: when it came; the order's time where Upstox gives none.

    Raises:
        VendorAnswerError: the row lacks what an order needs; the message names the order and the field.
    """
    what = f"The order {fields.text(document, 'order_id', 'An order')}"
    status = fields.text(document, "status", what)
    state = order_state(status)
    quantity = fields.whole(document, "quantity", what)
    filled = fields.whole(document, "filled_quantity", what)
    if document.get("pending_quantity") is not None:
        pending = fields.whole(document, "pending_quantity", what)
    else:  # the history leaves it out
        pending = 0 if state.terminal else quantity - filled
    return BrokerOrder(
        ts_event=fields.ist_moment(document, "order_timestamp")
        or fields.ist_moment(document, "exchange_timestamp")
        or received,
        order_id=fields.text(document, "order_id", what),
        tag=fields.words(document, "tag"),
        instrument_key=_instrument(document, what),
        side=_side(document, what),
        kind=_KINDS.get(fields.words(document, "order_type").upper()),
        state=state,
        status=status,
        quantity=quantity,
        filled=filled,
        pending=pending,
        price=fields.number_or_none(document, "price", what) or 0.0,
        trigger_price=fields.number_or_none(document, "trigger_price", what) or 0.0,
        average_price=_price(document, "average_price", what),
        exchange_order_id=fields.words(document, "exchange_order_id"),
        reason=fields.words(document, "status_message") or fields.words(document, "status_message_raw"),
    )


def broker_orders(data: object, received: UnixNanos) -> list[BrokerOrder]:
    """The order book, in the vendor's order.

    Raises:
        VendorAnswerError: no list, or a row that cannot be read.
    """
    return [broker_order(row, received) for row in fields.rows(data, "The order book")]


def last_states(data: object, received: UnixNanos) -> list[BrokerOrder]:
    """A history, which has a row for every state of every order, as one row an order: its last state.

    A final state is the last whatever the order of the rows; before it, more filled is later, then the time, then the
    place in an order's life, then the place in the list.

    Raises:
        VendorAnswerError: no list, or a row that cannot be read.
    """
    last: dict[str, tuple[tuple[bool, int, int, int, int], BrokerOrder]] = {}
    for place, row in enumerate(fields.rows(data, "The order history")):
        order = broker_order(row, received)
        early = min(_AGE.get(order.status.lower(), 3), 3) if order.state is not OrderState.UNKNOWN else 3
        rank = (order.state.terminal, order.filled, int(order.ts_event), early, place)
        held = last.get(order.order_id)
        if held is None or rank > held[0]:
            last[order.order_id] = (rank, order)
    return [order for _, order in last.values()]


def broker_fill(document: Row, received: UnixNanos) -> BrokerFill:
    """One trade of the day.

    Raises:
        VendorAnswerError: the row lacks what a trade needs.
    """
    what = f"The trade {fields.text(document, 'trade_id', 'A trade')}"
    return BrokerFill(
        ts_event=fields.ist_moment(document, "exchange_timestamp")
        or fields.ist_moment(document, "order_timestamp")
        or received,
        trade_id=fields.text(document, "trade_id", what),
        order_id=fields.text(document, "order_id", what),
        instrument_key=_instrument(document, what),
        side=_side(document, what),
        quantity=fields.whole(document, "quantity", what),
        price=fields.number(document, "average_price", what),
    )


def broker_fills(data: object, received: UnixNanos) -> list[BrokerFill]:
    """The day's trades.

    Raises:
        VendorAnswerError: no list, or a row that cannot be read.
    """
    return [broker_fill(row, received) for row in fields.rows(data, "The trades")]


def broker_position(document: Row) -> BrokerPosition:
    """One position of the day; a price of 0 or null is unknown.

    Raises:
        VendorAnswerError: the row lacks what a position needs.
    """
    key = _instrument(document, "A position")
    what = f"The position in {key}"
    return BrokerPosition(
        instrument_key=key,
        product=fields.text(document, "product", what),
        quantity=fields.whole(document, "quantity", what),
        average_price=_price(document, "average_price", what),
        last_price=_price(document, "last_price", what),
        realised=fields.number_or_none(document, "realised", what),
        unrealised=fields.number_or_none(document, "unrealised", what),
    )


def broker_positions(data: object) -> list[BrokerPosition]:
    """The day's positions.

    Raises:
        VendorAnswerError: no list, or a row that cannot be read.
    """
    return [broker_position(row) for row in fields.rows(data, "The positions")]


def funds(data: object) -> Funds:
    """Money to trade with, of version 3 (cash and pledge) or 2 (``equity``).

    Raises:
        VendorAnswerError: of neither form.
    """
    what = "The funds"
    document = fields.mapping(data, what)
    if "available_to_trade" not in document:
        equity = fields.mapping(document.get("equity"), what)
        return Funds(fields.number(equity, "available_margin", what), fields.number(equity, "used_margin", what))
    available = fields.mapping(document["available_to_trade"], what)
    used = _margin_used(available.get("cash_available_to_trade"), what)
    if available.get("pledge_available_to_trade") is not None:  # null for an account that has pledged nothing
        used += _margin_used(available["pledge_available_to_trade"], what)
    return Funds(fields.number(available, "total", what), used)


def _margin_used(part: Any, what: str) -> float:
    return fields.number(fields.mapping(fields.mapping(part, what).get("margin_used"), what), "total", what)


def _instrument(document: Row, what: str) -> str:
    """The stream has both keys, the lists only the first."""
    only_key = document.get("instrument_token") is None and document.get("instrument_key") is not None
    return fields.text(document, "instrument_key" if only_key else "instrument_token", what)


def _side(document: Row, what: str) -> Side:
    side = _SIDES.get(fields.text(document, "transaction_type", what).upper())
    if side is None:
        raise fields.bad(what, "transaction_type", document)
    return side


def _price(document: Row, key: str, what: str) -> float | None:
    """A price; None where it is missing, null or 0."""
    return fields.number_or_none(document, key, what) or None
