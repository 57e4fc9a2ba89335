"""Upstox's REST API and sockets as one application: who may come in, how often, and where each path goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sos_actors.simulator.fault_middleware import ERROR_BODY
from sos_actors.simulator.upstox.answers import UpstoxRefusal, error_body, gateway_refusal, refusal_response
from sos_actors.simulator.upstox.asked import DayList
from sos_actors.simulator.upstox.charges import ChargeCalls
from sos_actors.simulator.upstox.exchange import Exchange
from sos_actors.simulator.upstox.feed import add_feed
from sos_actors.simulator.upstox.history import History
from sos_actors.simulator.upstox.instruments_file import InstrumentFiles
from sos_actors.simulator.upstox.limits import Limits
from sos_actors.simulator.upstox.login import Login
from sos_actors.simulator.upstox.options import Options
from sos_actors.simulator.upstox.orders import add_order_routes
from sos_actors.simulator.upstox.portfolio import add_portfolio_stream
from sos_actors.simulator.upstox.quotes import Quotes
from sos_actors.simulator.upstox.sockets import add_authorise_routes
from sos_actors.simulator.upstox.timings import Timings
from sos_actors.simulator.upstox.tokens import TOKENS, Tokens
from sos_actors.simulator.upstox.user import User
from sos_actors.simulator.world import World

LIMITS: web.AppKey[Limits] = web.AppKey("upstox_limits", Limits)
"""Where the app keeps what it has counted."""
_OPEN: Final = (
    "/v2/login/",
    "/v3/login/",
    "/market-quote/instruments/",
    "/v2/historical-candle/",
    "/v3/historical-candle/",
    "/v2/market/holidays",
    "/v2/market/timings/",
    "/market-data-feeder/",
    "/upstox-developer-api/",
)
"""Paths that ask for no token, or, the last two, whose handlers take a code instead.

Source: the documentation's examples of these calls carry no ``Authorization``.
"""


def make_app(world: World, real_time: Callable[[], float] = time.monotonic) -> web.Application:
    """The simulated Upstox: REST, both sockets, instrument file, with an exchange of its own.

    Args:
        world: the market, clock, faults and account.
        real_time: seconds that only grow, for rate limits.
    """
    app = web.Application(middlewares=[_gate(world)])
    app[TOKENS] = Tokens(world)
    app[LIMITS] = Limits(clock=real_time)
    app[ERROR_BODY] = error_body
    listed = DayList(world.market)
    for part in (Login(world), User(world), Timings(world)):
        part.add_routes(app)
    for serving in (History, Options, Quotes, ChargeCalls, InstrumentFiles):
        serving(world, listed).add_routes(app)
    add_authorise_routes(app)
    exchange = Exchange(world)
    add_order_routes(app, world, exchange)
    add_portfolio_stream(app, world, exchange)
    add_feed(app, world)
    return app


def _gate(world: World) -> Middleware:
    """Rate limits and tokens before every handler; refusals become the error envelope."""

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if not request.path.startswith(_OPEN):
                request.app[TOKENS].check(request)
            if world.strictness.rate_limits:
                request.app[LIMITS].count(request)
            return await handler(request)
        except UpstoxRefusal as refusal:
            return refusal_response(refusal)
        except web.HTTPClientError as error:
            return refusal_response(gateway_refusal(error.status))

    return gate
