"""The account at Upstox as a broker: orders of version 3, the book, trades, positions, money."""

from __future__ import annotations

import math
from typing import Any

import upstox_client
from upstox_client import OrderApi, OrderApiV3, PortfolioApi, UserApi

from sos_actors.errors import OrderRefusedError, VendorAnswerError, VendorError
from sos_actors.messages.broker import BrokerFill, BrokerOrder, BrokerPosition, Funds, OrderChange, OrderRequest
from sos_actors.vendors.upstox import fields, parse
from sos_actors.vendors.upstox.answers import NOTHING_TO_EXIT, UNKNOWN_ORDER, problems
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.rest_wire import VENDOR

MOST_TAG = 40
"""Characters a tag may have. Source: Upstox's error UDAPI1119."""
_VERSION = "2.0"


class UpstoxBroker:
    """A ``Broker``. Thread-safe. Nothing that changes an order is ever sent twice.

    An order is placed as one (``slice`` stays off): a quantity above the freeze quantity is the caller's to divide.
    ``X-Algo-Name`` is sent when the settings have a name.
    """

    def __init__(self, connection: UpstoxConnection) -> None:
        self._connection = connection
        self._v3, self._v2 = OrderApiV3(connection.sdk), OrderApi(connection.sdk)
        self._portfolio, self._user = PortfolioApi(connection.sdk), UserApi(connection.sdk)
        algo_name = connection.settings.algo_name
        self._named: dict[str, Any] = {"algo_name": algo_name} if algo_name else {}

    def place(self, order: OrderRequest) -> str:
        """Place one order, once; returns Upstox's order id.

        Raises:
            OrderRefusedError: Upstox says no, or the order could not be found again or written; nothing was placed.
            VendorRefusedError: not allowed to (token, static IP); nothing was placed.
            VendorError: anything else; the order may exist, look it up by its tag.
        """
        if not 0 < len(order.tag) <= MOST_TAG:
            raise OrderRefusedError(VENDOR, f"An order needs a tag of 1 to {MOST_TAG} characters: {order.tag!r}.")
        body = _model(
            "PlaceOrderV3Request",
            quantity=_units(order.quantity),
            product=order.product,
            validity=order.validity,
            price=_rupees(order.price),
            tag=order.tag,
            slice=False,
            instrument_token=order.instrument_key,
            order_type=order.kind.value,
            transaction_type=order.side.name,
            disclosed_quantity=0,
            trigger_price=_rupees(order.trigger_price),
            is_amo=False,
            market_protection=_percent(order.market_protection),
        )
        document = self._connection.call(self._v3.place_order, body, order=True, **self._named)
        what = f"The answer to the order {order.tag}"
        ids = fields.mapping(document["data"], what).get("order_ids")
        if not isinstance(ids, list) or len(ids) != 1:
            raise VendorAnswerError(VENDOR, f"{what} does not name one order id; look the order up by its tag.")
        return fields.text({"order_id": ids[0]}, "order_id", what)

    def modify(self, change: OrderChange) -> None:
        """Change an open order.

        Raises:
            OrderRefusedError: Upstox says no; the order stays as it is.
            VendorError: the outcome is unknown but for VendorRefusedError; look the order up.
        """
        body = _model(
            "ModifyOrderRequest",
            quantity=_units(change.quantity),
            validity=change.validity,
            price=_rupees(change.price),
            order_id=change.order_id,
            order_type=change.kind.value,
            disclosed_quantity=0,
            trigger_price=_rupees(change.trigger_price),
            market_protection=_percent(change.market_protection),
        )
        document = self._connection.call(self._v3.modify_order, body, order=True, **self._named)
        _same_order(document["data"], change.order_id)

    def cancel(self, order_id: str) -> None:
        """Take an open order back.

        Raises:
            OrderRefusedError: Upstox says no, for example because it has filled; the order stays as it is.
            VendorError: the outcome is unknown but for VendorRefusedError; look the order up.
        """
        document = self._connection.call(self._v3.cancel_order, order_id, order=True, **self._named)
        _same_order(document["data"], order_id)

    def orders(self) -> list[BrokerOrder]:
        """Every order of today.

        Raises:
            VendorError: no answer that is data; a single row that cannot be read is enough.
        """
        document = self._connection.call(self._v2.get_order_book, _VERSION)
        return parse.broker_orders(document["data"], self._connection.clock())

    def orders_by_tag(self, tag: str) -> list[BrokerOrder]:
        """Orders of today that carry the tag, each in its last state; empty when there is none.

        Raises:
            VendorError: no answer that is data, or an order with another tag came.
        """
        try:
            document = self._connection.call(self._v2.get_order_details, _VERSION, tag=tag)
        except VendorError as error:
            if error.code == UNKNOWN_ORDER:
                return []
            raise
        found = parse.last_states(document["data"], self._connection.clock())
        if any(order.tag not in ("", tag) for order in found):
            raise VendorAnswerError(VENDOR, f"Orders of the tag {tag} were asked for, others came: not used.")
        return found

    def fills(self) -> list[BrokerFill]:
        """Every trade of today.

        Raises:
            VendorError: no answer that is data; a single row that cannot be read is enough.
        """
        document = self._connection.call(self._v2.get_trade_history, _VERSION)
        return parse.broker_fills(document["data"], self._connection.clock())

    def positions(self) -> list[BrokerPosition]:
        """What is held of today's trading, closed positions (quantity 0) included.

        Raises:
            VendorError: no answer that is data; a single row that cannot be read is enough.
        """
        return parse.broker_positions(self._connection.call(self._portfolio.get_positions, _VERSION)["data"])

    def funds(self) -> Funds:
        """Money available for trading.

        Raises:
            VendorError: no answer that is data.
        """
        return parse.funds(self._connection.call(self._user.get_user_fund_margin_v3)["data"])

    def exit_all(self, tag: str | None = None) -> None:
        """Ask Upstox to close every open position, or those of a tag, at the market; nothing open is fine.

        Raises:
            OrderRefusedError: some or all were refused; those that were not are being closed. Look at the positions.
            VendorError: the outcome is unknown but for VendorRefusedError; look at the positions.
        """
        chosen: dict[str, Any] = {} if tag is None else {"tag": tag}
        try:
            document = self._connection.call(self._v2.exit_positions, order=True, **chosen, **self._named)
        except OrderRefusedError as error:
            if error.code != NOTHING_TO_EXIT:
                raise
            return
        refused = problems(document)
        if refused or document["status"] != "success":
            said = "; ".join(f"{problem.message} ({problem.code})" for problem in refused[:3]) or "no reason given"
            message = f"{len(refused) or 'Some'} positions could not be closed: {said}. Look at the positions."
            raise OrderRefusedError(VENDOR, message, refused[0].code if refused else "")


def _model(name: str, **values: object) -> object:
    """A request of the SDK, which checks some values itself.

    Raises:
        OrderRefusedError: it does not accept one; nothing was sent.
    """
    try:
        return getattr(upstox_client, name)(**values)
    except ValueError as error:
        raise OrderRefusedError(VENDOR, f"The order cannot be written: {error}. Nothing was sent.") from error


def _units(quantity: int) -> int:
    """A quantity as it is sent.

    Raises:
        OrderRefusedError: not a whole number of units, or none.
    """
    if quantity != int(quantity) or quantity < 1:
        raise OrderRefusedError(VENDOR, f"{quantity} is no quantity. Nothing was sent.")
    return int(quantity)


def _rupees(price: float) -> float:
    """A price to the paisa, so that no rounding of floats reaches the tick check.

    Raises:
        OrderRefusedError: no price, or one between two paise, which would be sent as another.
    """
    if not math.isfinite(price) or price < 0 or abs(round(price, 2) - price) > 1e-6:
        raise OrderRefusedError(VENDOR, f"{price} is no price. Nothing was sent.")
    return round(float(price), 2)


def _percent(protection: float | None) -> float | None:
    """Whole numbers as Upstox's pages write them: -1, 5."""
    return int(protection) if protection is not None and float(protection).is_integer() else protection


def _same_order(data: object, order_id: str) -> None:
    """The answer must be about the order that was asked about."""
    what = f"The answer about the order {order_id}"
    if fields.text(fields.mapping(data, what), "order_id", what) != order_id:
        raise VendorAnswerError(VENDOR, f"{what} is about another order; look the order up.")
