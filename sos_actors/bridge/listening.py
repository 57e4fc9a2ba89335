"""The bridge's port: opened, and tried again while it is taken; connections that never become a WebSocket are cut."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import Counter

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

_log = logging.getLogger(__name__)
HANDSHAKE_S = 5.0
"""How long a connection may take to become a WebSocket."""
_MORE_CONNECTIONS = 64
"""Connections there may be beside those of the engines: handshakes under way."""


class Listening:
    """Listens on one address for one ``web.Server``; on the bridge's loop.

    Args:
        most: engines there may be at once.
        counts: of the server.
    """

    def __init__(self, server: web.Server, host: str, port: int, most: int, counts: Counter[str]) -> None:
        self._server, self._host, self._wanted, self._counts = server, host, port, counts
        self._most = most + _MORE_CONNECTIONS
        self._shaken: set[RequestHandler] = set()
        self._listener: asyncio.Server | None = None
        self.port = 0
        """The number of the port; 0 while it is not open."""
        self.problem = ""
        """Why it is not open, and what to do; empty when it is."""

    async def open(self) -> None:
        """Take connections; when that is not possible ``problem`` says why."""
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(self._connection, self._host, self._wanted, backlog=128)
        except OSError as error:
            self._tell(error)
            return
        self.port = self._listener.sockets[0].getsockname()[1]
        self.problem = ""
        _log.info("The bridge listens on ws://%s:%s/", self._host, self.port)

    def close(self) -> None:
        """Take no more connections."""
        if self._listener is not None:
            self._listener.close()
        self._listener, self.port = None, 0

    def shaken(self, protocol: RequestHandler) -> None:
        """The handshake of a connection is done: it may stay."""
        self._shaken.add(protocol)

    def gone(self, protocol: RequestHandler) -> None:
        """A connection that stayed is over."""
        self._shaken.discard(protocol)

    def _connection(self) -> asyncio.Protocol:
        if len(self._server.connections) >= self._most:
            self._counts["too_many"] += 1
            return _Refusal()
        protocol = self._server()
        asyncio.get_running_loop().call_later(HANDSHAKE_S, self._cut, protocol)
        return protocol

    def _cut(self, protocol: RequestHandler) -> None:
        if protocol not in self._shaken and protocol.transport is not None:
            self._counts["no_handshake"] += 1
            protocol.transport.abort()

    def _tell(self, error: OSError) -> None:
        where = f"Port {self._wanted} on {self._host}"
        if error.errno == errno.EADDRINUSE:
            problem = f"{where} (the bridge) is in use: end what uses it, or set [bridge] port. It is tried again."
        else:
            problem = f"{where} (the bridge) cannot be opened: {error.strerror}. Set [bridge] host and port."
        if problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem


class _Refusal(asyncio.Protocol):
    """A connection there is no place for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
