"""What the broker refuses at once, with its own codes: requests that are malformed, or that no session could accept.

Source: the error tables of Upstox's documentation of orders, 2026; where they give no text, the text is ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.exchange_orders import OrderChange, OrderTerms
from sos_actors.simulator.upstox.request_fields import fields_of, number, refused, text, whole, word
from sos_actors.simulator.view import Listing
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, Segment, Side

MOST_SLICES = 25
MOST_TAG_LETTERS = 40
MOST_PROTECTION = 25.0
ORDER_ID: Final = re.compile(r"[-a-zA-Z0-9]+")
_KEY: Final = re.compile(r"(NSE_EQ|NSE_FO|NCD_FO|BSE_EQ|BSE_FO|BCD_FO|MCX_FO|NSE_COM|[A-Z]+_INDEX)\|[\w ^]+")
_SERVICE_STARTS_S: Final = 5 * 3600 + 1800
_MARKET: Final = ("MARKET", "SL-M")
_STOP: Final = ("SL", "SL-M")


def check_hours(now: int, code: str, service: str) -> None:
    """Whether a service answers at this time of day: from 05:30 to midnight in India.

    Args:
        now: by the broker's clock, UnixNanos.
        code: ``UDAPI...`` of the refusal.
        service: its name in the message.

    Raises:
        UpstoxRefusal: 423: it does not.
    """
    if (now // NANOS_PER_SECOND + IST_OFFSET_S) % 86_400 < _SERVICE_STARTS_S:
        raise UpstoxRefusal(423, code, f"The {service} is accessible from 5:30 AM to 12:00 AM IST daily.")


def read_terms(body: Any) -> OrderTerms:
    """The order a request body asks for.

    Raises:
        UpstoxRefusal: 400 with the code of the first thing that is wrong with it.
    """
    fields = fields_of(body)
    key = text(fields, "instrument_token", "UDAPI1026", "Instrument key is required")
    if key.startswith("MCX_"):
        raise refused("UDAPI1161", "Order placement for the MCX segment is temporarily disabled through the API")
    if _KEY.fullmatch(key) is None:
        raise refused("UDAPI100011", "Invalid Instrument key", "instrument_token", key)
    quantity = whole(fields, "quantity")
    product = word(fields, "product", ("I", "D", "MTF"), "UDAPI1006", "UDAPI1054")
    validity, order_type = _validity(fields), _order_type(fields)
    side = Side[word(fields, "transaction_type", ("BUY", "SELL"), "UDAPI1005", "UDAPI1057")]
    price, trigger = _prices(fields, order_type, side)
    return OrderTerms(
        instrument_key=key,
        quantity=quantity,
        side=side,
        order_type=order_type,
        product=product,
        validity=validity,
        price=price,
        trigger_price=trigger,
        disclosed_quantity=_disclosed(fields, quantity),
        tag=_tag(fields),
        market_protection=_protection(fields, order_type),
        slice=fields.get("slice") is True,
    )


def read_change(body: Any) -> OrderChange:
    """The change a request body asks for.

    Raises:
        UpstoxRefusal: 400 with the code of the first thing that is wrong with it.
    """
    fields = fields_of(body)
    order_id = check_order_id(fields.get("order_id"))
    validity, order_type = _validity(fields), _order_type(fields)
    quantity = None if fields.get("quantity") is None else whole(fields, "quantity")
    price, trigger = _prices(fields, order_type, None)
    disclosed = _disclosed(fields, quantity) if fields.get("disclosed_quantity") else None
    protection = _protection(fields, order_type)
    return OrderChange(order_id, order_type, validity, price, trigger, quantity, disclosed, protection)


def check_order_id(order_id: object) -> str:
    """An order id as it stands in a request.

    Raises:
        UpstoxRefusal: 400: missing, or with characters no id has.
    """
    if order_id is None or order_id == "":
        raise refused("UDAPI1023", "Order id is required", "order_id")
    if ORDER_ID.fullmatch(str(order_id)) is None:
        raise refused("UDAPI1010", "Order id accepts only alphanumeric characters and '-'.", "order_id", order_id)
    return str(order_id)


def check_stop(order_type: str, side: Side, price: float, trigger: float) -> None:
    """Whether a stop order's limit lies beyond its trigger.

    Raises:
        UpstoxRefusal: 400: it does not.
    """
    if order_type == "SL" and side is Side.BUY and trigger > price:
        raise refused("UDAPI1037", "Trigger price should not be greater than the limit price for BUY order")
    if order_type == "SL" and side is Side.SELL and trigger < price:
        raise refused("UDAPI1038", "Trigger price should not be less than the limit price for SELL order")


def sliced(terms: OrderTerms, listing: Listing) -> list[int]:
    """The quantities of the orders that are sent for a request: one, or several where it may be split.

    Raises:
        UpstoxRefusal: 400: no whole number of lots, or more orders than the broker splits into.
    """
    if terms.quantity % max(listing.lot, 1):
        raise refused("UDAPI1104", "Quantity should be multiple of lot size", "quantity", terms.quantity)
    if not terms.slice or not 0 < listing.freeze < terms.quantity:
        return [terms.quantity]
    most = max(listing.freeze // listing.lot * listing.lot, listing.lot)
    whole, rest = divmod(terms.quantity, most)
    quantities = [most] * whole + ([rest] if rest else [])
    if len(quantities) > MOST_SLICES:
        raise refused("UDAPI1118", f"Maximum order limit of {MOST_SLICES} exceeded with slicing", "quantity")
    return quantities


def check_listing(listing: Listing | None, key: str) -> Listing:
    """An instrument that can be traded.

    Raises:
        UpstoxRefusal: 400 UDAPI100011: not listed, or an index.
    """
    if listing is None or listing.segment is Segment.INDEX:
        raise refused("UDAPI100011", "Invalid Instrument key", "instrument_token", key)
    return listing


def _validity(fields: Mapping[str, Any]) -> str:
    return word(fields, "validity", ("DAY", "IOC"), "UDAPI1007", "UDAPI1055")


def _order_type(fields: Mapping[str, Any]) -> str:
    return word(fields, "order_type", ("MARKET", "LIMIT", "SL", "SL-M"), "UDAPI1004", "UDAPI1056")


def _prices(fields: Mapping[str, Any], order_type: str, side: Side | None) -> tuple[float, float]:
    price, trigger = number(fields, "price"), number(fields, "trigger_price") or 0.0
    if order_type not in _MARKET and (price is None or price <= 0):
        raise refused("UDAPI1043", "Price is required", "price", price)
    if order_type in _MARKET and price:
        raise refused("UDAPI1040", "Price not required", "price", price)
    if order_type in _STOP and trigger <= 0:
        raise refused("UDAPI100036", "Trigger price is required", "trigger_price", trigger)
    if order_type not in _STOP:
        trigger = 0.0
    if side is not None:
        check_stop(order_type, side, price or 0.0, trigger)
    return price or 0.0, trigger


def _disclosed(fields: Mapping[str, Any], quantity: int | None) -> int:
    value = fields.get("disclosed_quantity") or 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0 or (quantity and value > quantity):
        raise refused("UDAPI100036", "Invalid Input", "disclosed_quantity")
    return value


def _tag(fields: Mapping[str, Any]) -> str | None:
    tag = fields.get("tag")
    if tag is not None and not isinstance(tag, str):
        raise refused("UDAPI100036", "Invalid Input", "tag")
    if tag and len(tag) > MOST_TAG_LETTERS:
        raise refused("UDAPI1119", f"The tag should not exceed {MOST_TAG_LETTERS} characters", "tag", tag)
    return tag or None


def _protection(fields: Mapping[str, Any], order_type: str) -> float | None:
    """Percent of protection, -1 for automatic; None for orders that have a price of their own."""
    value = number(fields, "market_protection") or 0.0
    if value > MOST_PROTECTION:
        raise refused("UDAPI1176", "Market protection cannot be greater than 25%", "market_protection", value)
    if value not in (-1.0, 0.0) and value < 1.0:
        raise refused("UDAPI1177", "The market protection is invalid", "market_protection", value)
    if order_type not in _MARKET:
        if value:
            raise refused("UDAPI1177", "The market protection is invalid", "market_protection", value)
        return None
    if not value:
        message = "Market orders are not allowed. Try placing an order with market protection"
        raise refused("UDAPI1158", message, "market_protection", value)
    return value
