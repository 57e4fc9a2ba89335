"""A TCP server whose every connection is a function's: for handshakes and frames that no real server sends."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Door:
    """A port that counts who came; ``open_until`` tells a connection's function when the test is over."""

    def __init__(self, listening: socket.socket) -> None:
        self.port: int = listening.getsockname()[1]
        self.came = 0
        self.requests: list[bytes] = []
        self.over = threading.Event()

    def request(self, connection: socket.socket) -> bytes:
        """Read a handshake."""
        text = b""
        while b"\r\n\r\n" not in text and (more := connection.recv(4096)):
            text += more
        self.requests.append(text)
        return text

    def accept(self, connection: socket.socket) -> None:
        """Read a handshake and agree to it."""
        lines = self.request(connection).split(b"\r\n")
        key = next(line.split(b": ")[1] for line in lines if line.startswith(b"Sec-WebSocket-Key"))
        answer = base64.b64encode(hashlib.sha1(key + GUID).digest())
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + answer + b"\r\n\r\n"
        )


def binary(payload: bytes) -> bytes:
    """A short binary frame of a server."""
    return bytes([0x82, len(payload)]) + payload


@contextmanager
def door(serve: Callable[[Door, socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[Door]:
    """Serve every connection on a thread of its own; all have ended when the block ends."""
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = Door(listening)

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.settimeout(5.0)
                if tls is None:
                    serve(here, connection)
                else:
                    with tls.wrap_socket(connection, server_side=True) as secured:
                        serve(here, secured)

        def accepting() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                here.came += 1
                threads.append(threading.Thread(target=one, args=(connection,)))
                threads[-1].start()

        acceptor = threading.Thread(target=accepting)
        acceptor.start()
        try:
            yield here
        finally:
            here.over.set()
            listening.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()
