"""The WebSocket server for external engines, on a thread and a loop of its own; the wiring starts and stops it.

It decides who comes in and how many, and gives each connection to a session (``Greet``). What engines are sent is the
hub's business, what they are answered the session's. A port in use is told, and tried again; nothing else waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread

from aiohttp import web

from sos_actors.bridge.admission import Admission
from sos_actors.bridge.connection import Connection, Tell
from sos_actors.bridge.hub import BridgeHub
from sos_actors.bridge.listening import HANDSHAKE_S, Listening
from sos_actors.config.running import Bridge
from sos_actors.messages.engines import EngineLeft
from sos_actors.ports import EngineSocket
from sos_actors.runtime.clock import Clock
from sos_actors.types import Secret

_log = logging.getLogger(__name__)
Greet = Callable[[EngineSocket], Tell]
"""Starts a session for a connection and returns how to tell it something; called on a thread of its own."""
RETRY_S = 5.0
"""Between two tries to open the port."""
_LOOK_S = 1.0
_GREET_S = 10.0
_MOST_MESSAGE = 1_048_576
"""Bytes of a message that can be read over and refused; a longer one ends the connection (1009), unread."""


@dataclass(frozen=True, slots=True)
class BridgeSeen:
    """The bridge at one moment, for the status.

    Attributes:
        port: 0 while it does not listen; ``problem`` then says why.
        engines: names of those connected.
        counts: what happened since the start: ``connected``, ``sent``, ``heard``, ``refused`` (answered ERROR),
            ``too_slow``, ``silent``, ``full``, ``too_many``, ``no_handshake``, and ``http_403`` and the like.
    """

    port: int
    problem: str
    engines: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)


class BridgeServer:
    """Serves one hub.

    Args:
        settings: the ``[bridge]`` section.
        token: asked for off loopback; false for none.
        greet: starts the session of an engine.

    Raises:
        ConfigError: an address off loopback without a token.
    """

    def __init__(self, settings: Bridge, token: Secret, hub: BridgeHub, clock: Clock, greet: Greet) -> None:
        self._settings, self._hub, self._clock, self._greet = settings, hub, clock, greet
        self._admission = Admission(settings.host, token)
        self._counts: Counter[str] = Counter()
        self._connections: set[Connection] = set()
        self._places = settings.most_engines
        self._number = 0
        self._listening: Listening | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._tried = Event()
        self._thread = Thread(target=self._run, name="bridge", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return self._listening.port if self._listening is not None else 0

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def seen(self) -> BridgeSeen:
        """What there is to see now; any thread."""
        problem = self._listening.problem if self._listening is not None else "The bridge does not run."
        names = tuple(sorted(one.name for one in self._connections.copy()))
        return BridgeSeen(self.port, problem, names, dict(self._counts.copy()))

    def start(self, timeout_s: float = 5.0) -> None:
        """Start the thread and wait until the port was opened or refused (``seen().problem`` then says why)."""
        self._thread.start()
        self._tried.wait(timeout_s)

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Close all engines (1001) and end the thread; whether it ended in time."""
        if self._loop is not None and self._stopping is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # ------------------------------------------------------------------------------------- on the loop

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception:  # the end of the thread: nobody else would say so
            _log.exception("The bridge failed")
        finally:
            self._tried.set()

    async def _serve(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = web.Server(self._handle, access_log=None, keepalive_timeout=1.0, lingering_time=0.0)
        listening = self._listening = Listening(
            server, self._settings.host, self._settings.port, self._places, self._counts
        )
        self._hub.bind(lambda: _call_soon(loop, self._hub.read))
        work = [asyncio.ensure_future(one) for one in (self._beat(), self._look(), self._keep_open(listening))]
        try:
            await self._stopping.wait()
        finally:
            self._hub.bind(None)
            listening.close()
            for task in work:
                task.cancel()
            for connection in list(self._connections):
                connection.end(1001, "the bridge stops")
            ends = await asyncio.gather(*work, return_exceptions=True)
            _log_failures(ends)
            while self._connections:  # each takes leave in bounded time
                await asyncio.sleep(0.01)
            await server.shutdown(0.1)

    async def _keep_open(self, listening: Listening) -> None:
        while True:
            await listening.open()
            self._tried.set()
            if not listening.problem:
                return
            await asyncio.sleep(RETRY_S)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_s)
            self._hub.beat()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            for connection in list(self._connections):
                connection.look()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        refusal = self._admission.refusal(request)
        if refusal is None and self._places == 0:
            refusal = (503, f"{self._settings.most_engines} engines are connected, no more may")
        if refusal is not None:
            status, reason = refusal
            self._counts["full" if status == 503 else f"http_{status}"] += 1
            response = web.Response(status=status, text=f"{reason}\n")
            response.force_close()
            return response
        self._places -= 1
        try:
            return await self._welcome(request)
        finally:
            self._places += 1

    async def _welcome(self, request: web.BaseRequest) -> web.StreamResponse:
        """Make it a WebSocket, have a session started for it, and stay with it to the end."""
        socket = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=_MOST_MESSAGE, decode_text=False, timeout=HANDSHAKE_S
        )
        await socket.prepare(request)
        assert self._listening is not None
        self._listening.shaken(request.protocol)
        self._number += 1
        self._counts["connected"] += 1
        connection = Connection(
            f"engine-{self._number}", socket, request, self._hub, self._clock,
            bars=request.query.get("bars") == "today", queue=self._settings.queue, counts=self._counts,
        )  # fmt: skip
        self._connections.add(connection)
        try:
            _log.info("%s has connected from %s", connection.name, request.remote)
            tell = await self._session(connection)
            if tell is None:
                connection.end(1013, "no session could be started: connect again")
            await connection.run(tell or (lambda _: False))
        finally:
            self._connections.discard(connection)
            self._listening.gone(request.protocol)
        return socket

    async def _session(self, connection: Connection) -> Tell | None:
        """Start the session on a thread of its own: a supervisor that is busy must not hold up the stream."""
        loop = asyncio.get_running_loop()
        started: asyncio.Future[Tell] = loop.create_future()

        def greet() -> None:
            try:
                tell = self._greet(connection)
            except Exception as error:  # whatever the wiring raises, the engine is told to come again
                _log.exception("No session for %s", connection.name)
                _call_soon(loop, _fail, started, error)
            else:
                _call_soon(loop, self._settle, started, tell)

        Thread(target=greet, name=f"greet-{connection.name}", daemon=True).start()
        try:
            async with asyncio.timeout(_GREET_S):
                return await started
        except Exception:  # told above, or it took too long
            return None

    def _settle(self, started: asyncio.Future[Tell], tell: Tell) -> None:
        if started.done():  # too late: its engine has been sent away
            tell(EngineLeft(self._clock(), "its session came too late"))
        else:
            started.set_result(tell)


def _fail(future: asyncio.Future[Tell], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *arguments: object) -> None:
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(call, *arguments)


def _log_failures(ends: Sequence[object]) -> None:
    for wrong in ends:
        if isinstance(wrong, Exception):
            _log.error("A task of the bridge failed", exc_info=wrong)
