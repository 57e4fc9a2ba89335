"""Who is let in, how the server starts and stops, and what it leaves behind."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest
import websocket

from sos_actors.bridge import connection, listening
from sos_actors.bridge.hub import BridgeHub
from sos_actors.bridge.server import BridgeServer
from sos_actors.config.running import Bridge
from sos_actors.errors import ConfigError
from sos_actors.types import NO_SECRET, Secret
from tests.bridge.bridges import Running, at, bar, check, eventually, greet, new_state, running
from tests.bridge.contract_engine import Engine
from tests.loopback import free_port

TOKEN = Secret("a-token-of-the-trader")
OPEN = Bridge(host="0.0.0.0", port=0, heartbeat_s=60.0)


def server(settings: Bridge, token: Secret = NO_SECRET) -> BridgeServer:
    return BridgeServer(settings, token, BridgeHub(new_state(), lambda: at(0)), lambda: at(0), greet)


def status_of(bridge: Running, path: str = "/", **options: Any) -> int:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        bridge.engine(path, **options)
    return int(refused.value.status_code)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.10", "::", "trader.example.com"])
def test_another_address_than_loopback_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigError, match="SOS_BRIDGE_TOKEN"):
        server(Bridge(host=host))
    server(Bridge(host=host), TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_none(host: str) -> None:
    server(Bridge(host=host))


def test_the_token_is_taken_as_header_and_in_the_address() -> None:
    with running(OPEN, TOKEN) as bridge:
        bridge.engine(header=[f"Authorization: Bearer {TOKEN.reveal()}"]).hear_until("INSTRUMENT_SYNC")
        bridge.engine(f"/?token={TOKEN.reveal()}").hear_until("INSTRUMENT_SYNC")


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=a-token", "/?token=%ff%00"])
def test_a_wrong_token_is_refused_and_counted(path: str, caplog: pytest.LogCaptureFixture) -> None:
    with running(OPEN, TOKEN) as bridge:
        assert status_of(bridge, path) == 401
        assert status_of(bridge, path, header=["Authorization: Bearer wrong"]) == 401
        assert bridge.server.seen().counts["http_401"] == 2
    assert TOKEN.reveal() not in caplog.text


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8765", "null", "https://news.example.com"])
def test_a_web_page_cannot_connect_not_even_one_of_this_machine(origin: str) -> None:
    with running() as bridge:
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            websocket.create_connection(f"ws://127.0.0.1:{bridge.port}/", origin=origin, timeout=5)
        assert refused.value.status_code == 403


def test_whoever_is_no_websocket_is_told_so() -> None:
    with running() as bridge:
        client = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=5)
        for path, status in (("/", 426), ("/elsewhere", 404)):
            client.request("GET", path)
            answer = client.getresponse()
            answer.read()
            assert answer.status == status
        client.close()


def test_no_more_engines_than_there_are_places_and_a_place_is_free_again() -> None:
    with running(most_engines=2) as bridge:
        first, _second = bridge.engine(), bridge.engine()
        first.hear_until("INSTRUMENT_SYNC")
        assert status_of(bridge) == 503
        first.leave()
        eventually(lambda: len(bridge.server.seen().engines) == 1)
        bridge.engine().hear_until("INSTRUMENT_SYNC")


def test_a_handshake_that_is_not_finished_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_S", 0.05)
    with running() as bridge, socket.create_connection(("127.0.0.1", bridge.port), timeout=5) as half:
        half.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        with suppress(ConnectionResetError):
            assert half.recv(1) == b""
        bridge.wait("no_handshake")


def test_a_port_in_use_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sos_actors.bridge.server.RETRY_S", 0.02)
    port = free_port()
    taken = socket.create_server(("127.0.0.1", port))
    with taken, running(port=port) as bridge:
        bridge.hub.bar(bar(0))  # the rest goes on
        seen = bridge.server.seen()
        assert seen.port == 0
        assert f"Port {port} on 127.0.0.1 (the bridge) is in use" in seen.problem
        taken.close()
        eventually(lambda: bridge.server.port == port)
        assert bridge.server.seen().problem == ""
        engine = bridge.engine("/?bars=today")
        engine.hear_until("MARKET_UPDATE")
        engine.leave()
    assert caplog.text.count("in use") == 1


def test_engines_are_told_when_the_bridge_stops() -> None:
    with running() as bridge:
        engines = [bridge.engine() for _ in range(3)]
        for engine in engines:
            engine.hear_until("INSTRUMENT_SYNC")
        codes: list[int] = []
        readers = [threading.Thread(target=lambda one=one: codes.append(one.closing())) for one in engines]
        for reader in readers:
            reader.start()
        assert bridge.server.stop(5.0)
        for reader in readers:
            reader.join(5)
        assert codes == [1001] * 3
        assert not bridge.server.is_alive


def test_an_engine_that_does_not_answer_the_farewell_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FAREWELL_S", 0.05)
    with running() as bridge:
        bridge.engine().hear_until("INSTRUMENT_SYNC")
        assert bridge.server.stop(2.0)


def test_heartbeats_go_out() -> None:
    with running(heartbeat_s=0.1) as bridge:
        engine = bridge.engine()
        engine.hear_until("HEARTBEAT")
        engine.hear_until("HEARTBEAT")
        check(engine.heard)


def test_an_engine_that_gives_no_sign_of_life_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PING_S", 0.02)
    monkeypatch.setattr(connection, "FAREWELL_S", 0.05)
    monkeypatch.setattr(connection, "SILENT_S", 0.1)
    monkeypatch.setattr("sos_actors.bridge.server._LOOK_S", 0.02)
    with running() as bridge:
        lively, _dead = bridge.engine(), bridge.engine()

        def read() -> None:  # reading answers pings
            lively.hear_until("MARKET_UPDATE")

        reader = threading.Thread(target=read)
        reader.start()
        bridge.wait("silent")
        eventually(lambda: bridge.server.seen().engines == ("engine-1",))
        bridge.hub.bar(bar(0))
        reader.join(5)
        assert lively.heard[-1]["type"] == "MARKET_UPDATE"


def test_a_session_that_cannot_be_started_sends_its_engine_away(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_socket: object) -> connection.Tell:
        raise ValueError("no actors today")

    ours = BridgeServer(Bridge(port=0), NO_SECRET, BridgeHub(new_state(), lambda: at(0)), lambda: at(0), fails)
    ours.start()
    try:
        engine = Engine(ours.port)
        assert engine.closing() == 1013
        engine.kill()
    finally:
        assert ours.stop()
    assert "no actors today" in caplog.text


def test_a_session_that_does_not_answer_sends_its_engine_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_S", 0.05)
    hub = BridgeHub(new_state(), lambda: at(0))
    ours = BridgeServer(Bridge(port=0), NO_SECRET, hub, lambda: at(0), lambda _socket: lambda _message: True)
    ours.start()
    try:
        engine = Engine(ours.port)
        assert engine.closing() == 1011
        engine.kill()
    finally:
        assert ours.stop()
