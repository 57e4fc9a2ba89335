"""What websocket-client takes for a socket, with an end to every wait. Used by ``socket_wire`` alone."""

from __future__ import annotations

import socket
import ssl
import time

LEAST_S = 0.001
"""The shortest time-out; zero would mean that the socket does not block."""


class BoundSocket:
    """What websocket-client takes for a socket; all that one operation waits ends at a moment set before it.

    The library itself bounds single reads only: a peer that trickles could hold it for ever.
    """

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._closed = False  # looked at by the library
        self._until = time.monotonic()

    def within(self, seconds: float) -> None:
        """The next operation may take so long."""
        self._until = time.monotonic() + seconds

    def gettimeout(self) -> float:
        """Seconds left for the operation."""
        return max(self._until - time.monotonic(), LEAST_S)

    def settimeout(self, _: float | None) -> None:
        """The library's own time-outs are not wanted."""

    def recv(self, size: int) -> bytes:
        """Some bytes, as of a socket."""
        self._raw.settimeout(self._left())
        return self._raw.recv(size)

    def send(self, data: bytes) -> int:
        """As of a socket."""
        self._raw.settimeout(self._left())
        return self._raw.send(data)

    def _left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return max(left, LEAST_S)

    def pending(self) -> int:
        """Bytes that TLS has decrypted already."""
        return self._raw.pending() if isinstance(self._raw, ssl.SSLSocket) else 0

    def fileno(self) -> int:
        """As of a socket."""
        return self._raw.fileno()

    def shutdown(self, how: int) -> None:
        """As of a socket."""
        self._raw.shutdown(how)

    def close(self) -> None:
        """As of a socket."""
        self._closed = True
        self._raw.close()
