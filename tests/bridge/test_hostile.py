"""What engines do wrong or on purpose: each is answered or sent away, and changes nothing for a well-behaved one."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
import websocket

from sos_actors.bridge import connection, listening
from sos_actors.config.running import Bridge
from sos_actors.types import Secret
from tests.bridge.bridges import NIFTY, Running, check, eventually, option_chain, running
from tests.bridge.contract_engine import Engine
from tests.bridge.witnesses import witness

REQUEST = '{"type": "REQUEST_HISTORY_SYNC"}'
TEXT, BINARY = websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY
WRONG: list[tuple[str, int, bytes, str]] = [
    ("cut off", TEXT, b'{"type": ', "malformed"),
    ("empty", TEXT, b"", "malformed"),
    ("a list", TEXT, b"[]", "malformed"),
    ("a text", TEXT, b'"REQUEST_HISTORY_SYNC"', "malformed"),
    ("null", TEXT, b"null", "malformed"),
    ("no type", TEXT, b"{}", "malformed"),
    ("a type that is a number", TEXT, b'{"type": 5}', "malformed"),
    ("no number", TEXT, b'{"type": "X", "a": NaN}', "malformed"),
    ("nested", TEXT, b"[" * 60_000, "malformed"),
    ("nested beside a type", TEXT, b'{"type": "X", "a": ' + b'{"a":' * 12_000, "malformed"),
    ("no UTF-8", TEXT, b'{"type": "\xff\xfe"}', "malformed"),
    ("half a surrogate", TEXT, b'{"type": "\\ud800"}', "malformed"),
    ("an unknown type", TEXT, b'{"type": "PLACE_ORDER"}', "unknown_type"),
    ("a long unknown type", TEXT, b'{"type": "' + b"X" * 60_000 + b'"}', "unknown_type"),
    ("another case", TEXT, b'{"type": "request_history_sync"}', "unknown_type"),
    ("binary", BINARY, REQUEST.encode(), "binary"),
    ("too big", TEXT, b" " * 65_500 + REQUEST.encode() + b" " * 10, "too_big"),
    ("much too big", TEXT, b"x" * 900_000, "too_big"),
]


@pytest.mark.parametrize(("opcode", "words", "code"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_message_is_answered_and_the_session_goes_on(opcode: int, words: bytes, code: str) -> None:
    with running() as bridge:
        engine = bridge.engine()
        engine.hear_until("INSTRUMENT_SYNC")
        engine.send(words, opcode)
        answer = engine.hear()
        assert (answer["type"], answer["data"]["code"]) == ("ERROR", code)
        engine.request_history()
        assert engine.hear()["type"] == "INSTRUMENT_SYNC"
        check(engine.heard)


def test_a_request_with_more_fields_is_a_request() -> None:
    with running() as bridge:
        engine = bridge.engine()
        engine.say('{"type": "REQUEST_HISTORY_SYNC", "timestamp": 1, "data": {"since": 0}}')
        engine.hear_until("INSTRUMENT_SYNC")
        engine.hear_until("INSTRUMENT_SYNC")


def claims_exabytes(bridge: Running) -> None:
    """A frame whose header promises more than any memory holds."""
    engine = bridge.engine()
    engine.hear_until("INSTRUMENT_SYNC")
    engine.raw.sendall(struct.pack("!BBQ4s", 0x81, 0xFF, 2**62, b"mask") + b"x" * 1000)
    assert engine.closing() == 1009


def never_ends_a_message(bridge: Running) -> None:
    """Fragments, one after the other, of a message without an end."""
    engine = bridge.engine()
    engine.hear_until("INSTRUMENT_SYNC")
    with suppress(OSError):
        for number in range(1000):
            engine.raw.sendall(struct.pack("!BBH4s", 0 if number else 1, 0xFE, 60_000, b"\0" * 4) + b"x" * 60_000)
    eventually(lambda: len(bridge.server.seen().engines) == 1)


def sends_noise(bridge: Running) -> None:
    """Bytes that are no frames, and frames no client may send."""
    for words in (b"\xff" * 200, b"GET / HTTP/1.1\r\n\r\n", b"\x8f\x80mask"):
        engine = bridge.engine()
        engine.hear_until("INSTRUMENT_SYNC")
        engine.raw.sendall(words)
        assert engine.closing() == 1002


def floods(bridge: Running) -> None:
    """Ten thousand messages and as many pings, no answer read."""
    engine = bridge.engine()
    engine.raw.settimeout(0.3)
    with suppress(OSError):  # nobody reads that much: it gets stuck
        for _ in range(10_000):
            engine.say("{")
            engine.say(REQUEST)
            engine.raw.sendall(b"\x89\x80mask")
    assert bridge.server.seen().counts["heard"] <= connection.BURST + connection.MESSAGES_PER_S * 10
    engine.kill()


def knocks_200_times(bridge: Running) -> None:
    """Two hundred engines at once."""
    refused = []
    for _ in range(200):
        try:
            bridge.engine()
        except (websocket.WebSocketBadStatusException, OSError) as error:
            refused.append(getattr(error, "status_code", 0))
    assert len(refused) == 200 - 15
    assert set(refused) == {503}


def begins_200_handshakes(bridge: Running) -> None:
    """Two hundred connections that say nothing, or not enough."""
    halves = [socket.create_connection(("127.0.0.1", bridge.port), timeout=5) for _ in range(200)]
    for half in halves[::2]:
        with suppress(OSError):
            half.sendall(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n")
    eventually(lambda: sum(bridge.server.seen().counts.get(name, 0) for name in ("no_handshake", "too_many")) >= 200)
    for half in halves:
        half.close()
    bridge.engine().hear_until("INSTRUMENT_SYNC")


def comes_and_goes(bridge: Running) -> None:
    """Fifty engines that are gone before they are greeted."""
    for _ in range(50):
        with suppress(OSError, websocket.WebSocketException):
            bridge.engine().kill()


@pytest.mark.parametrize(
    "attack",
    [
        claims_exabytes,
        never_ends_a_message,
        sends_noise,
        floods,
        knocks_200_times,
        begins_200_handshakes,
        comes_and_goes,
    ],
)
def test_a_well_behaved_engine_notices_nothing_of(
    attack: Callable[[Running], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_S", 0.3)
    monkeypatch.setattr(connection, "FAREWELL_S", 0.2)
    with running() as bridge, witness(bridge):
        attack(bridge)


def test_wrong_tokens_by_the_hundred_change_nothing_for_the_right_one() -> None:
    settings = Bridge(host="0.0.0.0", port=0, heartbeat_s=60.0)
    with running(settings, Secret("right")) as bridge, witness(bridge, "/?token=right"):
        for number in range(100):
            with pytest.raises(websocket.WebSocketBadStatusException):
                bridge.engine(f"/?token=wrong{number}")
        assert bridge.server.seen().counts["http_401"] == 100


def hears_chains(engine: Engine, least: int) -> bool:
    return engine.kinds["OPTION_CHAIN_UPDATE"] >= least


def test_an_engine_that_does_not_keep_up_is_closed_and_the_others_notice_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "FAREWELL_S", 10.0)
    strikes = [float(strike) for strike in range(2000)]
    with running(queue=100) as bridge, witness(bridge) as lively:
        slow = bridge.engine()
        slow.hear_until("INSTRUMENT_SYNC")
        for minute in range(800):
            bridge.hub.chain(option_chain(minute, NIFTY, strikes))
            eventually(partial(hears_chains, lively, minute + 1))
            if bridge.server.seen().counts.get("too_slow"):
                break
        bridge.wait("too_slow")
        assert slow.closing() == 1013
        assert bridge.server.seen().counts["too_slow"] == 1
        again = bridge.engine()
        assert again.hear_until("BACKFILL_DATA")["history"][-1]["strike"] == 1999


def test_a_message_nobody_takes_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STUCK_S", 0.1)
    monkeypatch.setattr(connection, "FAREWELL_S", 0.05)
    monkeypatch.setattr("sos_actors.bridge.server._LOOK_S", 0.02)
    with running() as bridge:
        for minute in range(100):
            bridge.hub.chain(option_chain(minute, NIFTY, [float(strike) for strike in range(2000)]))
        stuck = Engine(bridge.port, sockopt=((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),))
        bridge.wait("too_slow")
        eventually(lambda: bridge.server.seen().engines == ())
        stuck.kill()
