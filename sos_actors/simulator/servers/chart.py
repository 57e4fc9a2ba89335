"""TradingView's chart socket: ``/socket.io/websocket``, one connection with many chart and quote sessions.

Source: captured frames of August 2026 and three independent clients.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from aiohttp import WSMsgType, web

from sos_actors.simulator.fault_socket import FaultySocket
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.servers.chart_bars import ChartBars
from sos_actors.simulator.servers.chart_quotes import QuoteSession
from sos_actors.simulator.servers.chart_series import ChartSession, Source, WrongDataError
from sos_actors.simulator.servers.chart_words import framed, hello, message, unframed
from sos_actors.simulator.world import World

_log = logging.getLogger(__name__)

PATH = "/socket.io/websocket"
_CLOSE_TIMEOUT_S = 1.0
_UNANSWERED = frozenset(
    {
        "set_locale",
        "set_data_quality",
        "switch_timezone",
        "quote_fast_symbols",
        "quote_hibernate_all",
        "set_broker",
        "create_study",
        "modify_study",
        "remove_study",
        "request_studies_metadata",
        "set_future_tickmarks_mode",
    }
)
"""Known to the real server; here they change nothing and are not answered."""


@dataclass(frozen=True, slots=True)
class ChartOptions:
    """How the chart socket behaves.

    Attributes:
        heartbeat_s: between two heartbeats, real seconds; one without a reply ends the connection.
        update_s: how often changes are looked for, real seconds.
        heartbeat_ahead: whether the first answer with bars has a heartbeat batched ahead of it.
        index_volume: whether an index has volume; no capture says so.
        most_sockets: connections at a time from one address; more get 429 where rate limits are held.
    """

    heartbeat_s: float = 10.0
    update_s: float = 1.0
    heartbeat_ahead: bool = True
    index_volume: bool = False
    most_sockets: int = 8


def add_chart_routes(app: web.Application, world: World, options: ChartOptions) -> None:
    """Add the chart socket to an application."""
    server = _Server(world, options)
    app.router.add_get(PATH, server.connect)
    app.on_shutdown.append(server.close)


class _Server:
    def __init__(self, world: World, options: ChartOptions) -> None:
        self._world, self._options = world, options
        self._source = Source(world, Board(world.market), ChartBars(world.market, options.index_volume))
        self._count = 0
        self._sockets: set[web.WebSocketResponse] = set()

    async def connect(self, request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        if not (origin.startswith("https://") and origin.endswith("tradingview.com")):
            return web.Response(status=403, text="403 Forbidden")
        if self._world.strictness.rate_limits and len(self._sockets) >= self._options.most_sockets:
            return web.Response(status=429, text="429 Too Many Requests")
        ws = web.WebSocketResponse(timeout=_CLOSE_TIMEOUT_S)
        await ws.prepare(request)
        self._count += 1
        number = sha256(f"chart/{self._world.seed}/{self._count}".encode()).hexdigest()
        name = f"0.{int(number[:7], 16)}.0_sim1-charts-free-1-tvbs-{number[7:12]}-1"
        self._sockets.add(ws)
        try:
            socket = FaultySocket(ws, self._world, "tradingview", "chart")
            with suppress(ConnectionResetError):
                await _Connection(ws, socket, self._source, self._options, name).run()
        finally:
            self._sockets.discard(ws)
        return ws

    async def close(self, _: web.Application) -> None:
        for ws in list(self._sockets):
            await ws.close(code=1001)


class _Connection:
    def __init__(
        self, ws: web.WebSocketResponse, socket: FaultySocket, source: Source, options: ChartOptions, name: str
    ) -> None:
        self._ws, self._socket, self._source, self._options, self._name = ws, socket, source, options, name
        self._charts: dict[str, ChartSession] = {}
        self._quotes: dict[str, QuoteSession] = {}
        self._beat = 0
        self._answered = asyncio.Event()
        self._ahead = options.heartbeat_ahead
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Serve the connection until it ends."""
        await self._socket.send_str(hello(self._name, self._source.stamp()))
        tasks = [asyncio.create_task(self._heartbeats()), asyncio.create_task(self._updates())]
        try:
            await self._read()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        async for received in self._ws:
            if received.type is not WSMsgType.TEXT:
                continue
            try:
                for payload in unframed(received.data):
                    await self._handle(payload)
            except (WrongDataError, ValueError, TypeError, KeyError, IndexError) as error:
                _log.info("A message on the chart socket was refused: %s", type(error).__name__)
                await self._socket.send_str(message("protocol_error", ["wrong data"], self._source.stamp()))
                await self._ws.close()
                return

    async def _handle(self, payload: str) -> None:
        if payload.startswith("~h~"):
            self._answered.set()
            return
        said = json.loads(payload)
        name, parameters = str(said["m"]), list(said["p"])
        async with self._turn:
            answers = await self._answer(name, parameters)
            if answers:
                has_bars = any('"timescale_update"' in answer for answer in answers)
                ahead = self._take_ahead() if has_bars else ""
                await self._socket.send_str(ahead + "".join(answers))

    async def _answer(self, name: str, parameters: list[Any]) -> list[str]:
        if name == "set_auth_token" or name in _UNANSWERED:
            return []
        session = str(parameters[0])
        if name == "chart_create_session":
            self._charts[session] = ChartSession(self._source, session, self._name)
            return []
        if name == "quote_create_session":
            self._quotes[session] = QuoteSession(self._source, session)
            return []
        if name in ("chart_delete_session", "quote_delete_session"):
            (self._charts if name.startswith("chart") else self._quotes).pop(session, None)
            return []
        if name.startswith("quote_"):
            return self._of_quotes(name, session, parameters[1:])
        return await self._of_chart(name, session, parameters[1:])

    async def _of_chart(self, name: str, session: str, parameters: list[Any]) -> list[str]:
        chart = self._charts.get(session)
        if chart is None:
            return [message("critical_error", [session, name, "no such session"], self._source.stamp())]
        calls: dict[str, Callable[[], Awaitable[list[str]]]] = {
            "create_series": lambda: chart.create_series(parameters),
            "modify_series": lambda: chart.modify_series(parameters),
            "request_more_data": lambda: chart.more(str(parameters[0]), int(parameters[1])),
        }
        if name in calls:
            return await calls[name]()
        if name == "resolve_symbol":
            return chart.resolve_symbol(str(parameters[0]), str(parameters[1]))
        if name == "remove_series":
            return chart.remove_series(str(parameters[0]))
        raise WrongDataError

    def _of_quotes(self, name: str, session: str, parameters: list[Any]) -> list[str]:
        quotes = self._quotes.get(session)
        if quotes is None:
            return [message("critical_error", [session, name, "no such session"], self._source.stamp())]
        if name == "quote_add_symbols":
            return quotes.add(parameters)
        if name == "quote_set_fields":
            quotes.set_fields(parameters)
        elif name == "quote_remove_symbols":
            quotes.remove(parameters)
        else:
            raise WrongDataError
        return []

    def _take_ahead(self) -> str:
        """The heartbeat to batch ahead of an answer, once."""
        if not self._ahead:
            return ""
        self._ahead = False
        self._beat += 1
        return framed(f"~h~{self._beat}")

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self._options.heartbeat_s)
            self._beat += 1
            self._answered.clear()
            await self._socket.send_str(framed(f"~h~{self._beat}"))
            try:
                await asyncio.wait_for(self._answered.wait(), self._options.heartbeat_s)
            except TimeoutError:
                # A muted server has sent no heartbeat, so that it cannot miss the reply.
                if self._source.world.faults.standing("tradingview", FaultKind.MUTE, "chart") is None:
                    await self._ws.close()
                    return

    async def _updates(self) -> None:
        seen = self._source.at()
        while True:
            await asyncio.sleep(self._options.update_s)
            at = self._source.at()
            if at == seen:
                continue
            seen = at
            async with self._turn:
                said = [part for chart in list(self._charts.values()) for part in await chart.updates()]
                said += [part for quotes in list(self._quotes.values()) for part in quotes.updates()]
                for part in said:
                    await self._socket.send_str(part)
