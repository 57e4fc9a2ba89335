"""Where Upstox's sockets are: the calls that authorise a one-time address. Feed V2 is redirected and not served."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from sos_actors.simulator.upstox.answers import UpstoxRefusal, success
from sos_actors.simulator.upstox.tokens import TOKENS

FEED_V2 = "feed/v2"
FEED_V3 = "feed/v3"
PORTFOLIO = "portfolio"
FEED_PATHS: Final = {
    FEED_V2: "/market-data-feeder/v2/upstox-developer-api/feeds",
    FEED_V3: "/market-data-feeder/v3/upstox-developer-api/feeds",
}
"""Where the market feed's one-time addresses lie, by purpose of their code."""
PORTFOLIO_PATH: Final = "/upstox-developer-api/order-updates/feed"
"""Where the portfolio stream's one-time addresses lie."""
_KINDS = frozenset(("order", "gtt_order", "position", "holding"))


def add_authorise_routes(app: web.Application) -> None:
    """Mount the calls that hand out one-time socket addresses, and the redirect of the retired feed V2."""
    app.router.add_get("/v2/feed/market-data-feed/authorize", _authorise_feed_v2)
    app.router.add_get("/v3/feed/market-data-feed/authorize", _authorise_feed_v3)
    app.router.add_get("/v2/feed/portfolio-stream-feed/authorize", _authorise_portfolio)
    app.router.add_get("/v2/feed/market-data-feed", _redirect_feed_v2)


def one_time_address(request: web.Request, purpose: str) -> str:
    """An address that opens one socket for the holder of the request's token.

    The host is the one the request was sent to, with TLS where the request came with TLS.

    Args:
        request: with ``Authorization``.
        purpose: ``FEED_V2``, ``FEED_V3`` or ``PORTFOLIO``.

    Raises:
        UpstoxRefusal: 401: no valid token; 400: update types that do not exist.
    """
    tokens = request.app[TOKENS]
    code = tokens.socket_code(tokens.check(request), purpose)
    query = {"requestId": code[:8], "code": code}
    if purpose == PORTFOLIO:
        query["update_types"] = _update_types(request)
    scheme = "wss" if request.secure else "ws"
    return f"{scheme}://{request.host}{FEED_PATHS.get(purpose, PORTFOLIO_PATH)}?{urlencode(query)}"


def _update_types(request: web.Request) -> str:
    wanted = request.query.get("update_types") or "order"
    if not _KINDS.issuperset(wanted.split(",")):
        raise UpstoxRefusal(400, "UDAPI100036", "Invalid Input", field="update_types", value=wanted)
    return wanted


def _answer(request: web.Request, purpose: str) -> web.Response:
    address = one_time_address(request, purpose)
    return success({"authorized_redirect_uri": address, "authorizedRedirectUri": address})


async def _authorise_feed_v2(request: web.Request) -> web.Response:
    return _answer(request, FEED_V2)


async def _authorise_feed_v3(request: web.Request) -> web.Response:
    return _answer(request, FEED_V3)


async def _authorise_portfolio(request: web.Request) -> web.Response:
    return _answer(request, PORTFOLIO)


async def _redirect_feed_v2(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": one_time_address(request, FEED_V2)})
