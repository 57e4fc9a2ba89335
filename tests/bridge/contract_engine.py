"""An external engine as the contract describes it, and nothing else: imports nothing of the program it talks to.

It keeps what it is told. A kill drops the connection without a word. What is still unread then is lost to it.
"""

from __future__ import annotations

import json
import socket
import struct
from collections import Counter
from contextlib import suppress
from typing import Any

import websocket

Message = dict[str, Any]


class Engine:
    """Connects at once."""

    def __init__(self, port: int, path: str = "/", timeout_s: float = 10.0, **options: Any) -> None:
        self.heard: list[Message] = []
        self.kinds: Counter[str] = Counter()
        self._socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}{path}",
            timeout=timeout_s,
            suppress_origin=True,
            skip_utf8_validation=True,
            **options,  # it takes seconds for a day's history; json reads it strictly anyway
        )

    def hear(self) -> Message:
        """The next message."""
        text = self._socket.recv()
        assert isinstance(text, str), f"not a text frame: {text!r}"
        message: Message = json.loads(text)
        self.heard.append(message)
        self.kinds[message["type"]] += 1
        return message

    def hear_until(self, kind: str, **wanted: Any) -> Message:
        """Read on to a message of a type, with the given top-level fields."""
        while True:
            message = self.hear()
            if message["type"] == kind and wanted.items() <= message.items():
                return message

    def say(self, text: str) -> None:
        self._socket.send(text)

    def send(self, words: bytes, opcode: int) -> None:
        """A frame as it should not be: any bytes under any opcode."""
        self._socket.send_frame(websocket.ABNF(fin=1, opcode=opcode, data=words))

    def request_history(self) -> None:
        self.say('{"type": "REQUEST_HISTORY_SYNC"}')

    def closing(self) -> int:
        """Read on to the end: the code the server closes with."""
        while True:
            opcode, words = self._socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int(struct.unpack("!H", words[:2])[0])
            if opcode == websocket.ABNF.OPCODE_TEXT:
                self.heard.append(json.loads(words))

    def kill(self) -> None:
        """Gone, as when the process is shot: reset, no farewell."""
        with suppress(OSError, AssertionError):  # it may have ended already
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.shutdown()  # type: ignore[no-untyped-call]

    def leave(self) -> None:
        """Gone with a close frame."""
        self._socket.close(timeout=5)

    @property
    def raw(self) -> socket.socket:
        """The connection under it."""
        connection = self._socket.sock
        assert connection is not None
        return connection


def recovered(heard: list[Message]) -> list[Message]:
    """The messages since the last recovery sequence began: INSTRUMENT_SYNC begins each."""
    starts = [place for place, message in enumerate(heard) if message["type"] == "INSTRUMENT_SYNC"]
    return heard[starts[-1] :]


def oi_minutes(messages: list[Message], symbol: str) -> Counter[int]:
    """How often each minute's OI snapshot was told, by history or as an update: epoch seconds to times."""
    told: Counter[int] = Counter()
    for message in messages:
        if message["type"] == "BACKFILL_DATA" and message["symbol"] == symbol:
            told.update(sorted({row["ts"] for row in message["history"]}))
        if message["type"] == "OPTION_CHAIN_UPDATE" and message["data"]["symbol"] == symbol:
            told[message["timestamp"] // 60_000 * 60] += 1
    return told


def candle_closes(messages: list[Message], symbol: str) -> list[int]:
    """When the one-minute candles of a symbol closed, in the order told, epoch milliseconds."""
    updates = [message for message in messages if message["type"] == "MARKET_UPDATE"]
    return [message["timestamp"] for message in updates if message["data"]["symbol"] == symbol]
