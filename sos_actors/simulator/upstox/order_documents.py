"""Orders, trades and good-till-triggered orders as Upstox writes them down, in REST answers and in stream updates.

Times are ``YYYY-MM-DD HH:MM:SS`` in India, without a zone. Source: the samples of the documentation, 2026; where two of
them disagree about a field, each document follows its own.
"""

from __future__ import annotations

from typing import Any, Final

from sos_actors.simulator.moments import spoken
from sos_actors.simulator.upstox.exchange_orders import OrderRow, Status, Trade
from sos_actors.simulator.upstox.gtt_rules import GttOrder, GttRule
from sos_actors.simulator.upstox.rows import exchange_symbol
from sos_actors.simulator.view import Listing
from sos_actors.types import Segment

HIDDEN: Final = "******"
"""What stands in the place of the user's id."""


def exchange_of(listing: Listing) -> str:
    """``NSE`` or ``NFO``: the exchange, not the segment."""
    return "NFO" if listing.segment is Segment.FO else "NSE"


def series_symbol(listing: Listing) -> str:
    """The exchange's name, a share's with its series: ``RELIANCE-EQ``."""
    symbol = exchange_symbol(listing)
    return f"{symbol}-EQ" if listing.segment is Segment.EQ else symbol


def book_row(row: OrderRow) -> dict[str, Any]:
    """An order of the order book."""
    return {
        "exchange": exchange_of(row.listing),
        "product": row.terms.product,
        "price": row.price,
        "quantity": row.quantity,
        "status": str(row.status),
        "guid": None,
        "tag": row.terms.tag,
        "instrument_token": row.listing.key,
        "placed_by": row.terms.placed_by or HIDDEN,
        "trading_symbol": exchange_symbol(row.listing),
        "tradingsymbol": exchange_symbol(row.listing),
        "order_type": row.order_type,
        "validity": row.validity,
        "trigger_price": row.trigger_price,
        "disclosed_quantity": row.terms.disclosed_quantity,
        "transaction_type": row.terms.side.name,
        "average_price": row.average_price,
        "filled_quantity": row.filled,
        "pending_quantity": _pending(row),
        "status_message": row.message,
        "status_message_raw": row.raw_message,
        "exchange_order_id": row.exchange_order_id,
        "parent_order_id": None,
        "order_id": row.order_id,
        "variety": "SIMPLE",
        "order_timestamp": spoken(row.placed),
        "exchange_timestamp": _spoken(row.exchange_ts),
        "is_amo": row.is_amo,
        "order_request_id": str(row.request_id),
        "order_ref_id": row.reference,
    }


def detail(row: OrderRow) -> dict[str, Any]:
    """One order by its id: as in the book, without ``guid`` and with a share's series."""
    document = book_row(row)
    del document["guid"]
    symbol = series_symbol(row.listing)
    return document | {"trading_symbol": symbol, "tradingsymbol": symbol}


def history_row(row: OrderRow) -> dict[str, Any]:
    """One step of an order's history; it knows fewer fields than the book, and another parent."""
    document = book_row(row)
    for name in ("guid", "pending_quantity", "status_message_raw", "order_ref_id"):
        del document[name]
    return document | {"exchange_order_id": row.exchange_order_id or None, "parent_order_id": "NA"}


def order_update(row: OrderRow, user_id: str) -> dict[str, Any]:
    """An order as the portfolio stream tells of it."""
    symbol = series_symbol(row.listing)
    told = {
        "update_type": "order",
        "user_id": user_id,
        "userId": user_id,
        "instrument_key": row.listing.key,
        "trading_symbol": symbol,
        "tradingsymbol": symbol,
        "status_message": row.message or "",
    }
    return book_row(row) | told


def trade_row(trade: Trade) -> dict[str, Any]:
    """One trade; ``average_price`` is its price."""
    row = trade.order
    symbol = series_symbol(row.listing)
    return {
        "exchange": exchange_of(row.listing),
        "product": row.terms.product,
        "trading_symbol": symbol,
        "tradingsymbol": symbol,
        "instrument_token": row.listing.key,
        "order_type": row.order_type,
        "transaction_type": row.terms.side.name,
        "quantity": trade.quantity,
        "exchange_order_id": row.exchange_order_id,
        "order_id": row.order_id,
        "exchange_timestamp": spoken(trade.ts),
        "average_price": trade.price,
        "trade_id": trade.trade_id,
        "order_ref_id": row.reference,
        "order_timestamp": spoken(row.placed),
    }


def gtt_row(order: GttOrder) -> dict[str, Any]:
    """A good-till-triggered order; ``exchange`` is the segment here, and times are epoch microseconds."""
    return {
        "type": order.type,
        "exchange": order.listing.upstox_segment,
        "quantity": order.quantity,
        "product": order.product,
        "rules": [_rule_row(rule) for rule in order.rules],
        "trading_symbol": exchange_symbol(order.listing),
        "instrument_token": order.listing.key,
        "gtt_order_id": order.id,
        "expires_at": order.expires // 1_000,
        "created_at": order.created // 1_000,
    }


def gtt_update(order: GttOrder) -> dict[str, Any]:
    """The same as the portfolio stream tells of it: without the symbol, every rule with its gap."""
    document = {"update_type": "gtt_order"} | gtt_row(order)
    del document["trading_symbol"]
    return document | {"rules": [_rule_row(rule) | {"trailing_gap": rule.trailing_gap} for rule in order.rules]}


def _rule_row(rule: GttRule) -> dict[str, Any]:
    row = {
        "strategy": rule.strategy,
        "status": rule.status,
        "message": rule.message,
        "trigger_type": rule.trigger_type,
        "trigger_price": rule.trigger_price,
        "transaction_type": rule.side.name,
        "order_id": rule.order_id,
    }
    return row if rule.trailing_gap is None else row | {"trailing_gap": rule.trailing_gap}


def _pending(row: OrderRow) -> int:
    """What has not filled; a cancelled order keeps it, a rejected one does not."""
    return 0 if row.status is Status.REJECTED else row.unfilled


def _spoken(ts: int | None) -> str | None:
    return None if ts is None else spoken(ts)
