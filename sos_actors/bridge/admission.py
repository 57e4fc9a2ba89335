"""Who may connect to the bridge: off this machine whoever has the token, and no web page ever."""

from __future__ import annotations

import hmac

from aiohttp import web

from sos_actors.config.section import is_loopback_host
from sos_actors.errors import ConfigError
from sos_actors.types import Secret


class Admission:
    """Decides on a handshake.

    A browser sends ``Origin`` with every WebSocket, whatever page asks for it, and the engine is no browser: whoever
    has an Origin is refused, also on loopback, so that no web page can read the stream.

    Args:
        host: the address the server listens on; off loopback the token is asked for.
        token: false for none; on loopback it is not asked for.

    Raises:
        ConfigError: another address than loopback, and no token.
    """

    def __init__(self, host: str, token: Secret) -> None:
        self._token = token
        self._asks = not is_loopback_host(host)
        if self._asks and not token:
            raise ConfigError(
                f"[bridge] host = {host!r} can be reached from other machines, and there is no token: "
                "set SOS_BRIDGE_TOKEN, or listen on 127.0.0.1."
            )

    def refusal(self, request: web.BaseRequest) -> tuple[int, str] | None:
        """HTTP status and why; None when it may come in."""
        if "Origin" in request.headers:
            return 403, "web pages may not connect"
        if self._asks and not self._knows(request):
            return 401, "the token is missing or wrong"
        if request.path != "/":
            return 404, "the bridge is at /"
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return 426, "this is a WebSocket server"
        return None

    def _knows(self, request: web.BaseRequest) -> bool:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            given = request.query.get("token", "")
        expected = self._token.reveal().encode()
        return hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), expected)
