"""A chart socket of a few lines: it answers each command with what a test says, frame for frame."""

from __future__ import annotations

import json
import socket
import struct
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from threading import Event, Thread
from typing import Any

from sos_actors.vendors.tradingview.frames import payloads

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HELLO = '{"session_id":"0.1.0_sim","timestamp":1787292487,"release":"release_209-23","protocol":"json"}'

Answer = Callable[[str, list[Any]], Sequence[str | bytes]]
"""Called with a command's name and parameters; the messages to send, text, bytes, or ``b""`` to hang up."""


def frame(payload: Any) -> str:
    """One frame; its length in UTF-16 units."""
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return f"~m~{len(text.encode('utf-16-le')) // 2}~m~{text}"


def event(name: str, *parameters: Any) -> str:
    return frame({"m": name, "p": list(parameters), "t": 1, "t_ms": 1000})


def bars(series: str, rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    return {series: {"node": "n", "s": [{"i": place, "v": list(row)} for place, row in enumerate(rows)], "t": "s1"}}


@dataclass(slots=True)
class Chart:
    url: str
    answer: Answer
    status: int = 101
    said: list[tuple[str, list[Any]]] = field(default_factory=list)
    beats: list[str] = field(default_factory=list)
    connections: int = 0
    origins: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    def asked(self, name: str) -> list[list[Any]]:
        return [parameters for said, parameters in self.said if said == name]


@contextmanager
def charting(answer: Answer, status: int = 101) -> Iterator[Chart]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        chart = Chart(f"ws://127.0.0.1:{listener.getsockname()[1]}/socket.io/websocket", answer, status)
        thread = Thread(target=_accept, args=(chart, listener), daemon=True)
        thread.start()
        try:
            yield chart
        finally:
            chart.over.set()
            with socket.create_connection(listener.getsockname()):
                thread.join(5)


def _accept(chart: Chart, listener: socket.socket) -> None:
    handlers = []
    while True:
        connection, _ = listener.accept()
        if chart.over.is_set():
            connection.close()
            break
        handlers.append(Thread(target=_serve, args=(chart, connection), daemon=True))
        handlers[-1].start()
    for handler in handlers:
        handler.join(5)


def _serve(chart: Chart, connection: socket.socket) -> None:
    connection.settimeout(5)
    try:
        with connection, connection.makefile("rb") as stream:
            headers = {}
            stream.readline()
            while line := stream.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            chart.connections += 1
            chart.origins.append(headers["origin"])
            if chart.status != 101:
                away = f"Content-Length: 0\r\nLocation: {chart.url}\r\n\r\n"
                connection.sendall(f"HTTP/1.1 {chart.status} No\r\n{away}".encode())
                return
            accept = b64encode(sha1((headers["sec-websocket-key"] + _GUID).encode()).digest()).decode()
            upgrade = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            connection.sendall(f"{upgrade}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            _send(connection, frame(HELLO))
            while (text := _read(stream)) is not None:
                for payload in payloads(text):
                    _respond(chart, connection, payload)
    except OSError:
        pass  # the client has gone


def _respond(chart: Chart, connection: socket.socket, payload: str) -> None:
    if payload.startswith("~h~"):
        chart.beats.append(payload)
        return
    command = json.loads(payload)
    chart.said.append((command["m"], command["p"]))
    for message in chart.answer(command["m"], command["p"]):
        if message == b"":
            raise OSError("hang up")
        _send(connection, message)


def _send(connection: socket.socket, message: str | bytes) -> None:
    body = message.encode() if isinstance(message, str) else message
    head = bytes([0x81 if isinstance(message, str) else 0x82])
    if len(body) < 126:
        head += bytes([len(body)])
    elif len(body) < 1 << 16:
        head += bytes([126]) + struct.pack(">H", len(body))
    else:
        head += bytes([127]) + struct.pack(">Q", len(body))
    connection.sendall(head + body)


def _read(stream: Any) -> str | None:
    """The next text frame of the client; None at the end."""
    start = stream.read(2)
    if len(start) < 2 or start[0] & 15 == 8:
        return None
    length = start[1] & 127
    if length == 126:
        (length,) = struct.unpack(">H", stream.read(2))
    mask, body = stream.read(4), stream.read(length)
    return bytes(byte ^ mask[place % 4] for place, byte in enumerate(body)).decode()
