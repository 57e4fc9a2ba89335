"""NSE's website as programs meet it: pages that give cookies, JSON behind them, and HTML for whatever it refuses.

Source: captured answers of 2025 and 2026, the site's own scripts and reports of users.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sos_actors.simulator.fault_middleware import ERROR_BODY
from sos_actors.simulator.servers.answers import as_json, as_page
from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.servers.nse_chain import ChainDesk
from sos_actors.simulator.servers.nse_gate import (
    ACCESS_DENIED,
    ACCESS_RESTRICTED,
    NO_AUTHORIZATION,
    NOT_FOUND,
    Gate,
)
from sos_actors.simulator.servers.nse_holidays import holiday_master
from sos_actors.simulator.servers.nse_market import MarketDesk
from sos_actors.simulator.servers.times import Shown, indian, shown
from sos_actors.simulator.world import World

PAGES = ("/", "/option-chain", "/get-quotes/equity", "/get-quotes/derivatives", "/market-data/live-equity-market")
"""Pages whose visit opens the interface."""


def make_app(
    world: World,
    *,
    cookie_life_s: float = 300.0,
    most_a_second: int = 10,
    block_s: float = 600.0,
    monotonic: Callable[[], float] = time.monotonic,
) -> web.Application:
    """The application of NSE's website.

    Args:
        world: the market and what goes wrong.
        cookie_life_s: how long a visited page opens the interface, real seconds.
        most_a_second: requests answered within any second; the site publishes no limit, libraries keep to three.
        block_s: how long more than that blocks, real seconds; the site's own page says ten minutes.
        monotonic: real seconds.
    """
    site = _Site(world, Gate(world, cookie_life_s, most_a_second, block_s, monotonic))
    app = web.Application()
    app[ERROR_BODY] = _error_body
    for page in PAGES:
        app.router.add_get(page, site.page)
    for path, handler in (
        ("/api/option-chain-contract-info", site.contract_info),
        ("/api/option-chain-v3", site.chain),
        ("/api/live-analysis-{sister:advance|decline|unchanged}", site.movers),
        ("/api/allIndices", site.all_indices),
        ("/api/marketStatus", site.status),
        ("/api/holiday-master", site.holidays),
    ):
        app.router.add_get(path, handler)
    # Routes retired since December 2025 are as unknown as any other.
    app.router.add_route("*", "/{anything:.*}", site.retired)
    return app


class _Site:
    def __init__(self, world: World, gate: Gate) -> None:
        board = Board(world.market)
        self._world, self._gate = world, gate
        self._chains = ChainDesk(world.market, board)
        self._market = MarketDesk(world.market, board)

    async def page(self, request: web.Request) -> web.Response:
        return self._gate.refusal(request) or self._gate.visit(request)

    async def contract_info(self, request: web.Request) -> web.Response:
        symbol = request.query.get("symbol", "").upper()
        return self._data(request, lambda at: self._chains.contract_info(symbol, at))

    async def chain(self, request: web.Request) -> web.Response:
        kind, symbol, expiry, strike = (request.query.get(name, "") for name in ("type", "symbol", "expiry", "strike"))
        return self._data(request, lambda at: self._chains.chain(kind, symbol.upper(), expiry, strike, at))

    async def movers(self, request: web.Request) -> web.Response:
        await self._market.look_at_shares(shown(self._world, "nse", request.path))
        return self._data(request, lambda at: self._market.movers(request.match_info["sister"], at))

    async def all_indices(self, request: web.Request) -> web.Response:
        at = shown(self._world, "nse", request.path)
        await self._market.remember(at)
        await self._market.look_at_shares(at)
        return self._data(request, self._market.all_indices)

    async def status(self, request: web.Request) -> web.Response:
        return self._data(request, self._market.status)

    async def holidays(self, request: web.Request) -> web.Response:
        if request.query.get("type") != "trading":
            return self._data(request, lambda _: {})
        calendar = self._world.market.calendar
        return self._data(request, lambda at: holiday_master(calendar, indian(at.ts).year))

    async def retired(self, request: web.Request) -> web.Response:
        return self._gate.refusal(request) or as_page(request, NOT_FOUND, 404)

    def _data(self, request: web.Request, make: Callable[[Shown], dict[str, Any]]) -> web.Response:
        refusal = self._gate.refusal(request)
        return refusal or as_json(request, make(shown(self._world, "nse", request.path)))


def _error_body(status: int) -> tuple[bytes, str]:
    page = {401: NO_AUTHORIZATION, 403: ACCESS_DENIED, 404: NOT_FOUND, 429: ACCESS_RESTRICTED}.get(status)
    return (page or f"<html><body><h1>{status}</h1></body></html>").encode(), "text/html; charset=utf-8"
