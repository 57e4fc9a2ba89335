"""A web server of a few lines that answers what a test tells it to, byte for byte, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

REASONS = {200: "OK", 302: "Found"}


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


def reply(
    body: bytes | str | dict[str, Any] | list[Any] = b"",
    status: int = 200,
    content_type: str = "application/json",
    **headers: str,
) -> bytes:
    """A whole HTTP answer; underscores of header names become hyphens."""
    raw = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    named = {"Content-Type": content_type, "Content-Length": str(len(raw)), "Connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} {REASONS.get(status, 'No')}\r\n{head}\r\n".encode() + raw


def page(title: str = "Access Denied", status: int = 200) -> bytes:
    return reply(f"<html><head><title>{title}</title></head></html>", status, "text/html")


Step = bytes | Callable[["Site", socket.socket], None]
"""What follows a request: bytes, or something that does as it likes with the connection."""


def reset(_: Site, connection: socket.socket) -> None:
    """Tear the connection down."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def mute(site: Site, _: socket.socket) -> None:
    """Stay connected and say nothing until the test is over."""
    site.over.wait(10)


def trickle(start: bytes) -> Step:
    """One byte every 20 ms for as long as the other side listens."""

    def send(site: Site, connection: socket.socket) -> None:
        connection.sendall(start)
        while not site.over.wait(0.02):
            connection.sendall(b"x")

    return send


@dataclass(slots=True)
class Site:
    """The running server.

    Attributes:
        answer: called with each request.
    """

    url: str
    answer: Callable[[Request], Step]
    requests: list[Request] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextmanager
def serving(answer: Callable[[Request], Step] | list[Step]) -> Iterator[Site]:
    """Serve on a free port; a list is answered in its order, its last entry for ever."""
    if isinstance(answer, list):
        steps = list(answer)
        respond: Callable[[Request], Step] = lambda _: steps.pop(0) if len(steps) > 1 else steps[0]  # noqa: E731
    else:
        respond = answer
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site = Site(f"http://127.0.0.1:{listener.getsockname()[1]}", respond)
        threads = [Thread(target=_accept, args=(site, listener), daemon=True)]
        threads[0].start()
        try:
            yield site
        finally:
            site.over.set()
            with socket.create_connection(listener.getsockname()):
                threads[0].join(5)


def _accept(site: Site, listener: socket.socket) -> None:
    handlers = []
    while True:
        connection, _ = listener.accept()
        if site.over.is_set():
            connection.close()
            break
        handlers.append(Thread(target=_handle, args=(site, connection), daemon=True))
        handlers[-1].start()
    for handler in handlers:
        handler.join(5)


def _handle(site: Site, connection: socket.socket) -> None:
    connection.settimeout(5)
    try:
        with connection, connection.makefile("rb") as stream:
            words = stream.readline().decode().split()
            if len(words) < 3:
                return
            headers = {}
            while line := stream.readline().strip():
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", 0)))
            parts = urlsplit(words[1])
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            site.requests.append(Request(words[0], parts.path, query, headers, body))
            step = site.answer(site.requests[-1])
            if isinstance(step, bytes):
                connection.sendall(step)
            else:
                step(site, connection)
    except OSError:
        pass  # the client has gone
