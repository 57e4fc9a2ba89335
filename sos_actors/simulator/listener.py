"""One simulated vendor's ports: opened, refusing connections for a while, opened again under the same numbers."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

from aiohttp import web

from sos_actors.errors import UsageError
from sos_actors.simulator.fault_middleware import reset_connection

SHUTDOWN_S = 0.1
"""How long requests under way may take when the simulator stops."""


class Listener:
    """Serves an application on a port, and with TLS on a second one where a tunnel leads to it.

    Args:
        name: for messages.
        app: not used anywhere else.
        port: 0 takes any.
        tls: context of the second port; None for none.
    """

    def __init__(
        self, name: str, app: web.Application, host: str, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        self._doors = [_Door(name, host, port, None)]
        if tls is not None:
            self._doors.append(_Door(f"{name} with TLS", host, 0, tls))
        self._open = False

    @property
    def port(self) -> int:
        """The number of the plain port."""
        return self._doors[0].port

    @property
    def tls_port(self) -> int:
        """The number of the port with TLS; 0 when there is none."""
        return self._doors[1].port if len(self._doors) > 1 else 0

    @property
    def is_open(self) -> bool:
        """Whether connections are taken."""
        return self._open

    async def start(self) -> None:
        """Start the application and take connections.

        Raises:
            UsageError: a port is taken by somebody else.
        """
        for door in self._doors:
            door.reserve()
        await self._runner.setup()
        await self.open()

    async def open(self) -> None:
        """Take connections, again after ``refuse``."""
        assert self._runner.server is not None
        for door in self._doors:
            await door.open(self._runner.server)
        self._open = True

    def refuse(self) -> None:
        """Refuse connections from now on and reset those there are; nobody else can take the port meanwhile."""
        self._open = False
        for door in self._doors:
            door.close()
            door.reserve()
        if self._runner.server is not None:
            for connection in self._runner.server.connections:
                reset_connection(connection.transport)

    async def stop(self) -> None:
        """Take no more connections, let the requests under way end for ``SHUTDOWN_S``, and end the application."""
        self._open = False
        for door in self._doors:
            door.close()
        await self._runner.cleanup()


class _Door:
    """One listening port."""

    def __init__(self, name: str, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._name, self._host, self._tls = name, host, tls
        self.port = port
        self._reserved: socket.socket | None = None
        self._server: asyncio.Server | None = None

    def reserve(self) -> None:
        """Bind the port without listening: connections are refused, and the number stays ours."""
        reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if self.port:  # connections of before, now closing, must not keep the port from us
                reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            reserved.bind((self._host, self.port))
            reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        except OSError as error:
            reserved.close()
            raise self._refusal(error) from error
        self._reserved, self.port = reserved, reserved.getsockname()[1]

    async def open(self, server: web.Server) -> None:
        assert self._reserved is not None
        try:
            self._reserved.listen(128)
        except OSError as error:
            raise self._refusal(error) from error
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(server, sock=self._reserved, ssl=self._tls)
        self._reserved = None

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._reserved is not None:
            self._reserved.close()
        self._server = self._reserved = None

    def _refusal(self, error: OSError) -> UsageError:
        if error.errno == errno.EADDRINUSE:
            return UsageError(f"Port {self.port} ({self._name}) is in use: choose another --port, or 0 for any.")
        return UsageError(f"Port {self.port} on {self._host} ({self._name}) cannot be opened: {error.strerror}.")
