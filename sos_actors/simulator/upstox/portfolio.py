"""The portfolio stream: every change of an order, position or good-till-triggered order as a JSON text frame.

Nothing is repeated after a reconnect: who missed something must ask for the book.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from sos_actors.simulator.fault_socket import FaultySocket
from sos_actors.simulator.upstox.account_documents import position_update
from sos_actors.simulator.upstox.answers import VENDOR
from sos_actors.simulator.upstox.exchange import Exchange, Update
from sos_actors.simulator.upstox.exchange_orders import OrderRow
from sos_actors.simulator.upstox.gtt_rules import GttOrder
from sos_actors.simulator.upstox.order_documents import gtt_update, order_update
from sos_actors.simulator.upstox.request_fields import refused
from sos_actors.simulator.upstox.sockets import PORTFOLIO, PORTFOLIO_PATH
from sos_actors.simulator.upstox.tokens import TOKENS
from sos_actors.simulator.upstox.user import USER_ID
from sos_actors.simulator.world import World

CHANNEL = "portfolio"
"""What fault patterns are matched against."""
KINDS = frozenset(("order", "gtt_order", "position", "holding"))
_PATH = "/v2/feed/portfolio-stream-feed"
_MOST_WAITING = 20_000
_PING_S = 5.0
_DRAIN_S = 1.0
_CLOSE_S = 1.0


class PortfolioStream:
    """Every open portfolio socket.

    Args:
        world: clock and faults.
        exchange: whose updates are told.
    """

    def __init__(self, world: World, exchange: Exchange) -> None:
        self._world = world
        self._listeners: set[_Listener] = set()
        exchange.listen(self._on_update)

    @property
    def open_sockets(self) -> int:
        """How many there are."""
        return len(self._listeners)

    async def drain(self) -> None:
        """Wait until everything told so far has been sent; a peer that does not read is not waited for."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._drained(), _DRAIN_S)

    async def _drained(self) -> None:
        for listener in list(self._listeners):
            await listener.waiting.join()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One socket, from its handshake to its end.

        Raises:
            UpstoxRefusal: 401 or 403: no token or code; 400: update types that do not exist.
        """
        request.app[TOKENS].check_socket(request, PORTFOLIO)
        kinds = frozenset((request.query.get("update_types") or "order").split(","))
        if not kinds <= KINDS:
            raise refused("UDAPI100036", "Invalid Input", "update_types", request.query.get("update_types"))
        ws = web.WebSocketResponse(timeout=_CLOSE_S)
        await ws.prepare(request)
        listener = _Listener(kinds)
        self._listeners.add(listener)
        sender = asyncio.create_task(listener.send_all(FaultySocket(ws, self._world, VENDOR, CHANNEL)))
        sender.add_done_callback(lambda _: self._listeners.discard(listener))
        reader = asyncio.create_task(_read_until_closed(ws))
        try:
            await asyncio.wait((sender, reader), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(sender, reader)
            await ws.close()
        return ws

    async def shut(self, _: web.Application) -> None:
        """End every socket, when the server stops."""
        for listener in list(self._listeners):
            listener.waiting.put_nowait(None)

    def _on_update(self, update: Update) -> None:
        if not self._listeners:
            return
        document = _document(update)
        frame = msgspec.json.encode(document).decode()
        for listener in list(self._listeners):
            if document["update_type"] in listener.kinds:
                listener.tell(frame)


class _Listener:
    """One socket's updates, waiting to be sent.

    Args:
        kinds: of updates it wants.
    """

    def __init__(self, kinds: frozenset[str]) -> None:
        self.kinds = kinds
        self.waiting: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(self, frame: str) -> None:
        """Queue a frame; a peer that is hopelessly behind is cut off."""
        self.waiting.put_nowait(frame if self.waiting.qsize() < _MOST_WAITING else None)

    async def send_all(self, socket: FaultySocket) -> None:
        """Send what is queued, and a ping now and then, until the socket ends or None is queued."""
        try:
            while True:
                try:
                    frame = await asyncio.wait_for(self.waiting.get(), _PING_S)
                except TimeoutError:
                    await socket.ping()
                    continue
                if frame is None:
                    return
                await socket.send_str(frame)
                self.waiting.task_done()
        except ConnectionResetError:
            return
        finally:
            self._forget()

    def _forget(self) -> None:
        """Nobody waits for frames of a socket that is gone."""
        with suppress(ValueError):  # more than were ever queued
            while True:
                self.waiting.task_done()


PORTFOLIO_STREAM: web.AppKey[PortfolioStream] = web.AppKey("upstox_portfolio_stream", PortfolioStream)
"""Where the app keeps it."""


def add_portfolio_stream(app: web.Application, world: World, exchange: Exchange) -> None:
    """Mount the stream: at its public path with a token, and at the one-time address with a code.

    Args:
        app: the simulated Upstox.
        world: clock and faults.
        exchange: whose updates are told.
    """
    stream = app[PORTFOLIO_STREAM] = PortfolioStream(world, exchange)
    app.router.add_get(_PATH, stream.serve)
    app.router.add_get(PORTFOLIO_PATH, stream.serve)
    app.on_shutdown.append(stream.shut)


def _document(update: Update) -> dict[str, Any]:
    if isinstance(update, OrderRow):
        return order_update(update, USER_ID)
    return gtt_update(update) if isinstance(update, GttOrder) else position_update(update)


async def _read_until_closed(ws: web.WebSocketResponse) -> None:
    """Whatever the peer says is ignored: the stream takes no requests."""
    async for _ in ws:
        pass


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
