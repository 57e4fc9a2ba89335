"""Faults of the frames a simulated vendor sends over a websocket. Only what is sent is touched, never what is read."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from zlib import crc32

from aiohttp import web

from sos_actors.simulator.fault_middleware import (
    HTML_PAGE,
    WRONG_JSON,
    corrupt_places,
    corrupted,
    reset_connection,
)
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.world import World

_CLOSE_TIMEOUT_S = 1.0
_GOING_AWAY = 1001
_TEXTS = {FaultKind.HTML: HTML_PAGE, FaultKind.WRONG_JSON: WRONG_JSON, FaultKind.EMPTY: "{}"}

Frame = bytes | str | None
"""What goes out: a binary frame, a text frame, or (None) a ping."""


class FaultySocket:
    """A websocket whose outgoing frames suffer the faults of its channel.

    All methods raise ``ConnectionResetError`` when the socket is closed, or a fault has just ended it.

    Args:
        ws: prepared.
        vendor: whose faults strike.
        channel: what fault patterns are matched against: ``feed``, ``portfolio`` or ``chart``.
    """

    def __init__(self, ws: web.WebSocketResponse, world: World, vendor: str, channel: str) -> None:
        self._ws, self._world, self._vendor, self._channel = ws, world, vendor, channel
        self._held: Frame = None
        self._late: deque[tuple[float, Frame]] = deque()
        self._sender: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._ws.closed or self._transport() is None

    async def send_bytes(self, frame: bytes) -> None:
        """Send a binary frame."""
        await self._send(frame)

    async def send_str(self, frame: str) -> None:
        """Send a text frame."""
        await self._send(frame)

    async def ping(self) -> None:
        """Send a ping; it is late, missing or the last thing heard like any other frame, but never altered."""
        await self._send(None)

    def _strikes(self, *kinds: FaultKind) -> Fault | None:
        return self._world.faults.take(self._vendor, self._channel, kinds)

    async def _send(self, frame: Frame) -> None:
        if self.closed:
            raise ConnectionResetError("the socket is closed")
        await self._maybe_end()
        if self._strikes(FaultKind.MUTE) is not None:
            return
        for altered in self._in_order(frame):
            await self._post(altered)

    async def _maybe_end(self) -> None:
        fault = self._strikes(FaultKind.DROP, FaultKind.CLOSE)
        if fault is None:
            return
        if fault.kind is FaultKind.DROP:
            reset_connection(self._transport())
        else:
            code = fault.status if fault.status >= 1000 else _GOING_AWAY
            with suppress(TimeoutError):  # a peer that does not answer the close: the transport is closed all the same
                await asyncio.wait_for(self._ws.close(code=code), _CLOSE_TIMEOUT_S)
        raise ConnectionResetError(f"ended by a fault: {fault.kind}")

    def _in_order(self, frame: Frame) -> list[Frame]:
        """The frames to send now in the place of this one: none, one, or two."""
        if frame is None:
            return [None]
        altered = self._altered(frame)
        if self._held is not None:
            held, self._held = self._held, None
            return [altered, held]
        if self._strikes(FaultKind.REORDER) is not None:
            self._held = altered
            return []
        return [altered, altered] if self._strikes(FaultKind.DUPLICATE) is not None else [altered]

    def _altered(self, frame: bytes | str) -> bytes | str:
        fault = self._strikes(FaultKind.CORRUPT, *_TEXTS)
        if fault is None:
            return frame
        if fault.kind is not FaultKind.CORRUPT:
            return _TEXTS[fault.kind]
        if isinstance(frame, bytes):
            return corrupted(frame, self._world.seed, self._vendor, fault)
        letters = list(frame)
        key = crc32(frame.encode())
        for place in corrupt_places(len(frame), self._world.seed, self._vendor, fault, key):
            letters[place] = chr(ord(letters[place]) ^ 0x1F)  # stays text: a peer must not tell it by UTF-8 alone
        return "".join(letters)

    async def _post(self, frame: Frame) -> None:
        """Send now, or late and still in order."""
        fault = self._strikes(FaultKind.DELAY)
        if fault is None and not self._late:
            await self._write(frame)
            return
        due = asyncio.get_running_loop().time() + (max(fault.seconds, 0.0) if fault else 0.0)
        self._late.append((max(due, self._late[-1][0]) if self._late else due, frame))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_late())

    async def _send_late(self) -> None:
        loop = asyncio.get_running_loop()
        while self._late and not self.closed:
            due, frame = self._late[0]
            await asyncio.sleep(min(max(due - loop.time(), 0.0), 0.1))  # looks up now and then: the peer may have gone
            if loop.time() < due:
                continue
            try:
                await self._write(frame)
            except ConnectionResetError:
                break
            self._late.popleft()
        self._late.clear()

    async def _write(self, frame: Frame) -> None:
        if frame is None:
            await self._ws.ping()
        elif isinstance(frame, bytes):
            await self._ws.send_bytes(frame)
        else:
            await self._ws.send_str(frame)

    def _transport(self) -> asyncio.BaseTransport | None:
        """The connection itself; aiohttp names no public way from a socket to it."""
        request = self._ws._req
        return request.transport if request is not None else None
