"""The tunnel: Upstox's own streamer, unmodified, meets the simulator under Upstox's real name."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import websocket
from aiohttp import WSMsgType, web

from sos_actors.simulator.fault_socket import FaultySocket
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.server import RunningSimulator, SimulatorServer, running
from sos_actors.simulator.tunnel import server_context
from sos_actors.simulator.world import World
from tests.simulator.quiet import ask, make_app, quiet_world

FEED = "/v3/feed/market-data-feed"


def add_feed(app: web.Application, world: World) -> web.Application:
    """A socket at the feed's path that answers each subscription with one frame that names its instruments."""

    async def feed(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        frames = FaultySocket(ws, world, "upstox", "feed")
        async for message in ws:
            asked = json.loads(message.data)
            assert message.type is WSMsgType.BINARY
            assert request.headers["Authorization"] == "Bearer sim-token"
            await frames.send_bytes(quote(asked["data"]["instrumentKeys"]))
        return ws

    app.router.add_get(FEED, feed)
    return app


def quote(keys: list[str]) -> bytes:
    from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as proto

    response = proto.FeedResponse(currentTs=1_768_275_900_000)
    for key in keys:
        response.feeds[key].ltpc.ltp = 101.5
    return bytes(response.SerializeToString())


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    world = quiet_world()
    with running(world, apps=lambda: {"upstox": add_feed(make_app(world), world)}, tunnel=True) as simulator:
        yield simulator


def proxy(simulator: RunningSimulator) -> tuple[str, int]:
    parts = urlsplit(simulator.addresses["tunnel"])
    return str(parts.hostname), int(parts.port or 0)


def connect(simulator: RunningSimulator) -> websocket.WebSocket:
    host, port = proxy(simulator)
    return websocket.create_connection(
        f"wss://api.upstox.com{FEED}",
        header=["Authorization: Bearer sim-token"],
        http_proxy_host=host,
        http_proxy_port=port,
        proxy_type="http",
        sslopt={"cert_reqs": ssl.CERT_NONE, "check_hostname": False},
        timeout=2,
    )


def connect_line(simulator: RunningSimulator, line: bytes) -> bytes:
    with socket.create_connection(proxy(simulator), timeout=2) as connection:
        connection.sendall(line + b"\r\n\r\n")
        return connection.recv(4096).split(b"\r\n")[0]


def test_the_unmodified_streamer_meets_the_simulator(
    simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    import upstox_client

    monkeypatch.setenv("https_proxy", simulator.addresses["tunnel"])
    configuration = upstox_client.Configuration()
    configuration.access_token = "sim-token"
    client = upstox_client.ApiClient(configuration)
    streamer = upstox_client.MarketDataStreamerV3(client, ["NSE_INDEX|Nifty 50"], "ltpc")
    streamer.auto_reconnect(False)
    heard, closed, messages = threading.Event(), threading.Event(), list[dict[str, object]]()
    streamer.on("message", messages.append)
    streamer.on("message", lambda _: heard.set())
    streamer.on("close", lambda *_: closed.set())
    streamer.connect()
    try:
        assert heard.wait(5)
    finally:
        # Its own disconnect() now and then leaves its thread waiting for ten seconds on a socket that is closed.
        simulator.call(lambda: simulator.world.faults.add(Fault("upstox", FaultKind.REFUSE)))
        assert closed.wait(5)
        client.pool.close()
        client.pool.join()
    assert messages[0]["feeds"] == {"NSE_INDEX|Nifty 50": {"ltpc": {"ltp": 101.5}}}


def test_faults_reach_through_the_tunnel(simulator: RunningSimulator) -> None:
    connection = connect(simulator)
    connection.send_binary(b'{"data": {"instrumentKeys": ["a"]}}')
    assert connection.recv() == quote(["a"])
    simulator.call(lambda: simulator.world.faults.add(Fault("upstox", FaultKind.DROP, "feed", times=1)))
    connection.send_binary(b'{"data": {"instrumentKeys": ["a"]}}')
    with pytest.raises((ConnectionResetError, websocket.WebSocketConnectionClosedException)):  # TLS hides a reset
        connection.recv()
    connection.close()


def test_a_refusing_vendor_refuses_through_the_tunnel(simulator: RunningSimulator) -> None:
    simulator.call(lambda: simulator.world.faults.add(Fault("upstox", FaultKind.REFUSE)))
    assert connect_line(simulator, b"CONNECT api.upstox.com:443 HTTP/1.1") == b"HTTP/1.1 502 Bad Gateway"
    simulator.call(simulator.world.faults.clear)
    assert connect_line(simulator, b"CONNECT api.upstox.com:443 HTTP/1.1").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"CONNECT example.com:443 HTTP/1.1", b"HTTP/1.1 403 Forbidden"),
        (b"CONNECT api.upstox.com:22 HTTP/1.1", b"HTTP/1.1 403 Forbidden"),
        (b"CONNECT www.nseindia.com:443 HTTP/1.1", b"HTTP/1.1 403 Forbidden"),
        (b"GET http://api.upstox.com/ HTTP/1.1", b"HTTP/1.1 405 Method Not Allowed"),
        (b"nonsense", b"HTTP/1.1 405 Method Not Allowed"),
    ],
)
def test_the_tunnel_leads_nowhere_else(simulator: RunningSimulator, line: bytes, status: bytes) -> None:
    assert connect_line(simulator, line) == status


def test_a_head_without_end_is_cut_off(simulator: RunningSimulator) -> None:
    with socket.create_connection(proxy(simulator), timeout=2) as connection:
        connection.sendall(b"x" * 20_000)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert ask(f"{simulator.addresses['upstox']}/price").status == 200


def test_the_key_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server_context()
    assert list(tmp_path.iterdir()) == []


def test_an_end_cuts_what_is_connected() -> None:
    async def run() -> None:
        world = quiet_world()
        server = SimulatorServer(world, {"upstox": make_app(world)}, tunnel=True)
        await server.start()
        parts = urlsplit(server.addresses()["tunnel"])
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"CONNECT api.upstox.com:443 HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await server.stop()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(reader.readexactly(1), 2)
        writer.close()

    asyncio.run(run())
