"""Where Upstox's sockets are: a one-time address for every connection, from the REST API with the token of then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from upstox_client import WebsocketApi

from sos_actors.config import is_loopback
from sos_actors.errors import VendorAnswerError
from sos_actors.types import Secret
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.socket_wire import SocketAddress


def feed_address(connection: UpstoxConnection) -> Callable[[], SocketAddress]:
    """What ``UpstoxFeed`` asks before every connection; raises VendorError when it gets none."""
    api = WebsocketApi(connection.sdk)
    return lambda: _address(connection.call(api.get_market_data_feed_authorize_v3))


def order_stream_address(connection: UpstoxConnection) -> Callable[[], SocketAddress]:
    """What ``UpstoxOrderStream`` asks before every connection: order updates only."""
    api = WebsocketApi(connection.sdk)
    return lambda: _address(connection.call(api.get_portfolio_stream_feed_authorize, "2.0", order_update=True))


def _address(document: dict[str, Any]) -> SocketAddress:
    """The address of an answer. Both spellings occur, and the SDK knows only the deprecated one.

    Raises:
        VendorAnswerError: there is none, or it is not encrypted although it leaves this machine.
    """
    data = document.get("data")
    told = data if isinstance(data, dict) else {}
    found = told.get("authorized_redirect_uri") or told.get("authorizedRedirectUri")
    if not isinstance(found, str):
        raise VendorAnswerError("upstox", "The authorisation of a socket holds no address.")
    try:
        parts = urlsplit(found)
    except ValueError:
        raise VendorAnswerError("upstox", "The authorisation of a socket holds a malformed address.") from None
    if parts.scheme != "wss" and not (parts.scheme == "ws" and is_loopback(found)):
        raise VendorAnswerError(
            "upstox", f"The authorisation of a socket leads to {parts.hostname}, which is not encrypted."
        )
    return SocketAddress(Secret(found))
