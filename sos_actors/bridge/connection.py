"""One engine's WebSocket: what waits to be sent, the task that sends it, the task that reads.

The session decides what to answer (``EngineSocket`` of ports); one message of the engine is read, handed over and
answered before the next is read, so whoever floods waits for itself. Runs on the server's loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from aiohttp import WSMessage, WSMsgType, web

from sos_actors.bridge.contract import error
from sos_actors.bridge.hub import BridgeHub
from sos_actors.messages.engines import MOST_WORDS, EngineLeft, EngineSpoke
from sos_actors.runtime.clock import Clock

_log = logging.getLogger(__name__)
Tell = Callable[[object], bool]
"""How a session is told something; False when it is gone."""
MOST_BYTES = 32 * 1024 * 1024
"""Of messages that wait for one engine; they are shared with the others that wait for them."""
MESSAGES_PER_S = 20.0
BURST = 40
ANSWER_S = 30.0
"""How long a session may take to answer before its engine is told to come again."""
STUCK_S = 30.0
"""How long one message may take to leave."""
PING_S, SILENT_S = 20.0, 60.0
"""Pings go out so often; an engine that has shown no sign of life for so long is closed."""
FAREWELL_S = 2.0
"""How long an engine may take to answer a close."""
_FAIR_BYTES = 65_536
"""After so many bytes without a pause, other engines get their turn."""


class _Answer:
    """Messages that answer the engine; the next message is read when they have been sent."""

    __slots__ = ("frames",)

    def __init__(self, frames: Iterable[bytes]) -> None:
        self.frames = frames


class Connection:
    """Implements ``EngineSocket`` towards the session and ``Listening`` towards the hub.

    Args:
        name: unique while the server runs.
        socket: prepared.
        request: it came with; its transport is cut when a farewell is not answered.
        bars: whether today's closed minutes belong to the recovery sequence.
        queue: messages that may wait.
        counts: of the server.
    """

    def __init__(
        self, name: str, socket: web.WebSocketResponse, request: web.BaseRequest, hub: BridgeHub, clock: Clock,
        *, bars: bool, queue: int, counts: Counter[str],
    ) -> None:  # fmt: skip
        self._name, self._socket, self._request, self._hub, self._clock = name, socket, request, hub, clock
        self._bars, self._most, self._counts = bars, queue, counts
        self._loop = asyncio.get_running_loop()
        self._tell: Tell | None = None
        self._waiting: deque[bytes | _Answer] = deque()
        self._bytes, self._fair = 0, 0
        self._wake, self._queued, self._answered = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._ended: asyncio.Future[tuple[int, str]] = self._loop.create_future()
        now = self._loop.time()
        self._heard_at, self._pinged_at = now, now
        self._sending_since: float | None = None
        self._allowed, self._allowed_at = float(BURST), now

    @property
    def name(self) -> str:
        """For logs and for the name of the session."""
        return self._name

    def recover(self) -> None:
        """Any thread: send the recovery sequence, then everything from there on."""
        self._soon(self._recover)

    def refuse(self, code: str, message: str) -> None:
        """Any thread: answer with an ERROR."""
        self._soon(self._refuse, code, message)

    def close(self, code: int, reason: str) -> None:
        """Any thread: end the connection; the first reason counts."""
        self._soon(self.end, code, reason)

    def offer(self, frame: bytes) -> None:
        """Queue a message, or give the engine up when too many wait; on the loop."""
        if len(self._waiting) >= self._most or self._bytes + len(frame) > MOST_BYTES:
            self.fall_behind("too slow: connect again")
            return
        self._waiting.append(frame)
        self._bytes += len(frame)
        self._wake.set()

    def fall_behind(self, reason: str) -> None:
        """Close with 1013; the engine recovers by connecting again. On the loop."""
        if not self._ended.done():
            self._counts["too_slow"] += 1
        self.end(1013, reason)

    def end(self, code: int, reason: str) -> None:
        """Send nothing more and close; on the loop."""
        self._hub.leave(self)
        self._waiting.clear()
        self._bytes = 0
        if not self._ended.done():
            self._ended.set_result((code, reason))

    def look(self) -> None:
        """Whether the engine still takes and says something; on the loop, about every second."""
        now = self._loop.time()
        if self._sending_since is not None:
            if now - self._sending_since > STUCK_S:
                self.fall_behind(f"nothing was taken for {STUCK_S:g} s: connect again")
        elif now - self._heard_at > SILENT_S:
            self._counts["silent"] += 1
            self.end(1001, "no answer to pings")

    async def run(self, tell: Tell) -> None:
        """Send and read until somebody ends it; then take leave, and tell the session so."""
        self._tell = tell
        tasks = [asyncio.ensure_future(work) for work in (self._write(), self._read())]
        waits: list[asyncio.Future[object]] = [*tasks, self._ended]  # type: ignore[list-item]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.end(1000, "the engine left")
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            for wrong in ends:
                if isinstance(wrong, Exception) and not isinstance(wrong, OSError):
                    _log.error("%s failed", self._name, exc_info=wrong)
            code, reason = self._ended.result()
            try:
                await self._take_leave(code, reason)
            finally:
                _log.info("%s is gone: %s", self._name, reason)
                tell(EngineLeft(self._clock(), reason))

    async def _take_leave(self, code: int, reason: str) -> None:
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(FAREWELL_S):
                await self._socket.close(code=code, message=reason.encode())
        transport = self._request.transport
        if transport is not None and transport.get_write_buffer_size():  # it will never be taken
            transport.abort()

    # -------------------------------------------------------------------------------------------- sending

    def _recover(self) -> None:
        if not self._ended.done():
            self._reply(self._hub.join(self, self._bars))

    def _refuse(self, code: str, message: str) -> None:
        self._counts["refused"] += 1
        if not self._ended.done():
            self._reply((error(self._clock(), code, message),))

    def _reply(self, frames: Iterable[bytes]) -> None:
        self._waiting.append(_Answer(frames))
        self._queued.set()
        self._wake.set()

    async def _write(self) -> None:
        while True:
            while self._waiting:
                item = self._waiting.popleft()
                if isinstance(item, bytes):
                    self._bytes -= len(item)
                    await self._send(item)
                    continue
                for frame in item.frames:
                    await self._send(frame)
                    self._heard_at = self._loop.time()  # it cannot be heard while it takes its answer
                self._answered.set()
            self._wake.clear()
            await self._wake.wait()

    async def _send(self, frame: bytes) -> None:
        self._sending_since = self._loop.time()
        await self._socket.send_frame(frame, WSMsgType.TEXT)
        self._sending_since = None
        self._counts["sent"] += 1
        self._fair += len(frame)
        if self._fair > _FAIR_BYTES:
            self._fair = 0
            await asyncio.sleep(0)

    # -------------------------------------------------------------------------------------------- reading

    async def _read(self) -> None:
        """The session first sends the recovery sequence by itself, as though the engine had asked for it."""
        await self._until_answered()
        while True:
            try:
                async with asyncio.timeout_at(self._pinged_at + PING_S):
                    message = await self._socket.receive()
            except TimeoutError:
                self._pinged_at = self._loop.time()
                await self._socket.ping()
                continue
            self._heard_at = self._loop.time()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await self._hear(message)
            elif message.type is WSMsgType.PING:
                await self._socket.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                return
            await self._keep_pace()

    async def _hear(self, message: WSMessage) -> None:
        self._counts["heard"] += 1
        size, binary = len(message.data), message.type is WSMsgType.BINARY
        words = message.data if size <= MOST_WORDS else b""
        self._queued.clear()
        self._answered.clear()
        assert self._tell is not None
        if not self._tell(EngineSpoke(self._clock(), words, size, binary)):
            self.end(1011, "the session is gone: connect again")
            return
        await self._until_answered()

    async def _until_answered(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._queued.wait()
        except TimeoutError:
            self.end(1011, "the session does not answer: connect again")
            return
        await self._answered.wait()
        self._heard_at = self._loop.time()

    async def _keep_pace(self) -> None:
        """Wait until the engine may speak again: ``BURST`` at once, ``MESSAGES_PER_S`` for long."""
        now = self._loop.time()
        self._allowed = min(float(BURST), self._allowed + (now - self._allowed_at) * MESSAGES_PER_S) - 1
        self._allowed_at = now
        if self._allowed < 0:
            await asyncio.sleep(-self._allowed / MESSAGES_PER_S)

    def _soon(self, call: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed, and with it the connection
            self._loop.call_soon_threadsafe(call, *arguments)
