"""A world without a market, and a vendor that says little: for tests of what goes on around the vendors."""

from __future__ import annotations

import http.client
import json
from datetime import date, time
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from sos_actors.market.calendar import Calendar
from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.fault_middleware import ERROR_BODY
from sos_actors.simulator.fault_socket import FaultySocket
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.view import MarketView
from sos_actors.simulator.world import World

DAY = date(2026, 1, 13)
OPEN = moment_of(DAY, time(9, 15))
ORDERS: web.AppKey[list[str]] = web.AppKey("ORDERS")
WORLD: web.AppKey[World] = web.AppKey("WORLD", World)


class QuietMarket:
    """Has a calendar and a name."""

    calendar = Calendar.default()
    description = "quiet"


def quiet_world(speed: float = 0.0) -> World:
    return World(cast(MarketView, QuietMarket()), SimulatedClock(OPEN, speed))


def make_app(world: World) -> web.Application:
    """Paths for each kind of answer, and `/socket`, which sends as many frames as it is asked for."""
    app = web.Application()
    app[WORLD], app[ORDERS] = world, []
    app[ERROR_BODY] = lambda status: (f'{{"code":{status}}}'.encode(), "application/json")

    async def price(_: web.Request) -> web.Response:
        return web.json_response({"ltp": 101.5, "at": world.clock.now()})

    async def order(request: web.Request) -> web.Response:
        request.app[ORDERS].append(await request.text())
        return web.json_response({"orders": len(request.app[ORDERS])})

    async def broken(_: web.Request) -> web.Response:
        raise web.HTTPBadRequest(text="no")

    async def bug(_: web.Request) -> web.Response:
        raise LookupError("a bug")

    async def frames(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        socket = FaultySocket(ws, world, "upstox", "feed")
        async for message in ws:
            try:
                for number in range(int(message.data)):
                    if message.type is WSMsgType.TEXT:
                        await socket.send_str(f"~m~frame {number}")
                    else:
                        await socket.send_bytes(b"\x08\x01 frame %d" % number)
            except ConnectionResetError:
                break
        return ws

    app.add_routes([web.get("/price", price), web.post("/order", order), web.get("/broken", broken)])
    app.add_routes([web.get("/item/{id}", price), web.get("/bug", bug)])
    app.router.add_get("/socket", frames)
    return app


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    content_type: str

    def json(self) -> Any:
        return json.loads(self.body)


def ask(address: str, method: str = "GET", document: object = None, timeout_s: float = 5.0) -> Answer:
    """One request on a connection of its own."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
    try:
        body = None if document is None else document if isinstance(document, str) else json.dumps(document)
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body)
        response = connection.getresponse()
        return Answer(response.status, response.read(), response.headers.get_content_type())
    finally:
        connection.close()
