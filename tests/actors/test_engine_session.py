"""A session starts its stream, answers every message exactly once, and closes its connection however it ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pykka
import pytest

from sos_actors.actors.engine_session import EngineSession
from sos_actors.messages.engines import MOST_WORDS, EngineLeft, EngineSpoke
from sos_actors.types import UnixNanos

TS = UnixNanos(0)


class Socket:
    """Writes down what it is told to do."""

    name = "engine-7"

    def __init__(self) -> None:
        self.told: SimpleQueue[tuple[object, ...]] = SimpleQueue()
        self.fails = False

    def recover(self) -> None:
        if self.fails:
            raise RuntimeError("a bug")
        self.told.put(("recover",))

    def refuse(self, code: str, message: str) -> None:
        self.told.put(("refuse", code, message))

    def close(self, code: int, reason: str) -> None:
        self.told.put(("close", code, reason))

    def next(self) -> tuple[object, ...]:
        return self.told.get(timeout=5)


@pytest.fixture
def socket() -> Socket:
    return Socket()


@pytest.fixture
def session(socket: Socket) -> Iterator[pykka.ActorRef[Any]]:
    reference = EngineSession.start(socket)
    assert socket.next() == ("recover",)
    yield reference
    if reference.is_alive():
        reference.stop()


def spoken(words: bytes, binary: bool = False) -> EngineSpoke:
    return EngineSpoke(TS, words, len(words), binary)


def test_a_session_begins_with_the_recovery_sequence_and_closes_when_it_is_stopped(
    socket: Socket, session: pykka.ActorRef[Any]
) -> None:
    session.stop()
    assert socket.next()[:2] == ("close", 1001)
    assert socket.told.empty()


def test_a_request_is_answered_with_the_recovery_sequence(socket: Socket, session: pykka.ActorRef[Any]) -> None:
    session.tell(spoken(b'{"type": "REQUEST_HISTORY_SYNC"}'))
    assert socket.next() == ("recover",)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (spoken(b"{"), "malformed"),
        (spoken(b"[" * 60_000), "malformed"),
        (spoken(b'{"type": "X", "a": ' + b"[" * 60_000), "malformed"),
        (spoken(b"\xff"), "malformed"),
        (spoken(b'{"type": "BUY"}'), "unknown_type"),
        (spoken(b'{"type": "REQUEST_HISTORY_SYNC"}', binary=True), "binary"),
        (EngineSpoke(TS, b"", MOST_WORDS + 1), "too_big"),
    ],
)
def test_anything_else_is_refused_and_the_session_goes_on(
    socket: Socket, session: pykka.ActorRef[Any], message: EngineSpoke, code: str
) -> None:
    session.tell(message)
    refused = socket.next()
    assert refused[:2] == ("refuse", code)
    assert len(str(refused[2])) < 300
    session.tell(spoken(b'{"type": "REQUEST_HISTORY_SYNC"}'))
    assert socket.next() == ("recover",)


def test_a_session_ends_with_its_connection(socket: Socket, session: pykka.ActorRef[Any]) -> None:
    session.tell(EngineLeft(TS, "the engine left"))
    assert socket.next()[0] == "close"
    assert not session.is_alive()


def test_a_session_that_fails_closes_its_connection(
    socket: Socket, session: pykka.ActorRef[Any], caplog: pytest.LogCaptureFixture
) -> None:
    socket.fails = True
    with caplog.at_level(logging.CRITICAL):
        session.tell(spoken(b'{"type": "REQUEST_HISTORY_SYNC"}'))
        assert socket.next()[:2] == ("close", 1011)
