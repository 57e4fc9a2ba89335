from __future__ import annotations

import json
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import websocket

from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.server import running
from sos_actors.simulator.upstox.app import make_app
from sos_actors.simulator.upstox.exchange_orders import Conduct
from sos_actors.simulator.upstox.order_access import EXCHANGE
from tests.simulator.upstox.broker import Broker, broker
from tests.simulator.upstox.scripted import CALL, scripted_world

PATH = "/v2/feed/portfolio-stream-feed"
LIFE = ["put order req received", "validation pending", "open pending", "open", "open", "complete"]


@pytest.fixture
def upstox() -> Iterator[Broker]:
    with broker(scripted_world(rate_limits=False)) as running:
        yield running


@contextmanager
def stream(upstox: Broker, query: str = "", token: str | None = "sim-token") -> Iterator[websocket.WebSocket]:
    address = upstox.address.replace("http", "ws") + PATH + query
    header = [f"Authorization: Bearer {token}"] if token else []
    yield from connected(address, header)


def connected(address: str, header: list[str]) -> Iterator[websocket.WebSocket]:
    socket = websocket.create_connection(address, header=header, timeout=5)
    try:
        yield socket
    finally:
        socket.close()
        if socket.sock is not None:  # the peer has closed it
            socket.sock.close()


def heard(socket: websocket.WebSocket, frames: int) -> list[dict[str, Any]]:
    told = []
    for _ in range(frames):
        opcode, data = socket.recv_data()
        assert opcode == websocket.ABNF.OPCODE_TEXT
        told.append(json.loads(data))
    return told


def place(upstox: Broker, **changes: object) -> str:
    body = {
        "quantity": 65, "product": "I", "validity": "DAY", "price": 100.05, "tag": "t1", "instrument_token": CALL,
        "order_type": "LIMIT", "transaction_type": "BUY", "disclosed_quantity": 0, "trigger_price": 0, "is_amo": False,
    }  # fmt: skip
    return str(upstox.post("/v3/order/place", body | changes).data["order_ids"][0])


def test_every_step_of_an_order_is_told_in_order(upstox: Broker) -> None:
    with stream(upstox) as socket:
        order_id = place(upstox)
        upstox.world.clock.step(1)
        told = heard(socket, 6)
    assert [frame["status"] for frame in told] == LIFE
    assert {frame["order_id"] for frame in told} == {order_id}
    assert {frame["update_type"] for frame in told} == {"order"}
    assert (told[-1]["filled_quantity"], told[-1]["average_price"], told[0]["exchange_order_id"]) == (65, 100.05, "")
    assert told[0]["instrument_key"] == CALL


def test_orders_move_on_by_themselves_while_the_clock_runs(upstox: Broker) -> None:
    with stream(upstox) as socket:
        place(upstox)
        upstox.world.clock.set(speed=10.0)
        assert [frame["status"] for frame in heard(socket, 6)] == LIFE


def test_positions_are_told_to_those_who_asked_for_them(upstox: Broker) -> None:
    with stream(upstox, "?update_types=position") as socket:
        place(upstox)
        upstox.world.clock.step(1)
        [told] = heard(socket, 1)
    assert (told["update_type"], told["quantity"], told["day_buy_price"]) == ("position", 65, 100.05)
    assert told["exchange"] == "NSE_FO"


def test_good_till_triggered_orders_are_told(upstox: Broker) -> None:
    rules = [{"strategy": "ENTRY", "trigger_type": "ABOVE", "trigger_price": 200.0}]
    wish = {"type": "SINGLE", "quantity": 65, "product": "D", "instrument_token": CALL, "transaction_type": "BUY"}
    with stream(upstox, "?update_types=order%2Cgtt_order") as socket:
        upstox.post("/v3/order/gtt/place", wish | {"rules": rules})
        [told] = heard(socket, 1)
    assert (told["update_type"], told["rules"][0]["status"]) == ("gtt_order", "SCHEDULED")
    assert told["rules"][0]["trailing_gap"] is None


def test_a_one_time_address_opens_one_socket(upstox: Broker) -> None:
    address = upstox.ask(PATH + "/authorize", query={"update_types": "order"}).data["authorized_redirect_uri"]
    for socket in connected(address, []):
        place(upstox)
        assert heard(socket, 1)[0]["status"] == LIFE[0]
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(address, timeout=5)
    assert refused.value.status_code == 403


@pytest.mark.parametrize(
    ("query", "token", "status"),
    [("", None, 401), ("", "another", 401), ("?code=made-up", "sim-token", 403), ("?update_types=x", "sim-token", 400)],
)
def test_strangers_do_not_get_in(upstox: Broker, query: str, token: str | None, status: int) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused, stream(upstox, query, token):
        pass
    assert refused.value.status_code == status


def test_nothing_is_repeated_after_a_reconnect(upstox: Broker) -> None:
    place(upstox)
    with stream(upstox) as socket:
        upstox.world.clock.step(1)
        upstox.ask("/v2/order/retrieve-all")
        second = place(upstox, price=95.0)
        told = heard(socket, 6)
    assert told[-1]["order_id"] == second
    assert "put order req received" not in [frame["status"] for frame in told[:-1]]


def test_frames_suffer_the_faults_of_the_portfolio_channel(upstox: Broker) -> None:
    def add(kind: FaultKind, **more: Any) -> None:
        upstox.simulator.call(lambda: upstox.world.faults.add(Fault("upstox", kind, "portfolio", **more)))

    with stream(upstox) as socket:
        add(FaultKind.DUPLICATE, times=1)
        place(upstox)
        assert [frame["status"] for frame in heard(socket, 2)] == LIFE[:1] * 2
        add(FaultKind.CLOSE, status=1012, times=1)
        upstox.world.clock.step(1)
        opcode, data = socket.recv_data()
        assert (opcode, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, 1012)


def test_an_order_may_be_told_of_before_its_request_is_answered(upstox: Broker) -> None:
    upstox.app[EXCHANGE].conduct = Conduct(early_share=1.0)
    with stream(upstox) as socket:
        assert socket.sock is not None
        descriptor = socket.sock.fileno()
        place(upstox)
        there, _, _ = select.select([descriptor], [], [], 0)
        assert there, "the answer came first"
        assert heard(socket, 1)[0]["status"] == LIFE[0]


def test_a_peer_that_does_not_read_delays_no_order(upstox: Broker) -> None:
    upstox.app[EXCHANGE].conduct = Conduct(early_share=1.0)
    upstox.simulator.call(lambda: upstox.world.faults.add(Fault("upstox", FaultKind.MUTE, "portfolio")))
    with stream(upstox):
        assert place(upstox)


def test_the_unmodified_streamer_hears_of_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    import upstox_client

    world = scripted_world()
    app = make_app(world)
    with running(world, apps=lambda: {"upstox": app}, tunnel=True) as simulator:
        monkeypatch.setenv("https_proxy", simulator.addresses["tunnel"])
        upstox_client.Configuration.set_default(None)
        configuration = upstox_client.Configuration()
        configuration.access_token = "sim-token"
        client = upstox_client.ApiClient(configuration)
        streamer = upstox_client.PortfolioDataStreamer(client, order_update=True, position_update=True)
        streamer.auto_reconnect(False)
        opened, heard_of, closed = threading.Event(), threading.Event(), threading.Event()
        messages: list[str] = []
        streamer.on("open", opened.set)
        streamer.on("message", messages.append)
        streamer.on("message", lambda text: heard_of.set() if "position" in text else None)
        streamer.on("close", lambda *_: closed.set())
        streamer.connect()
        try:
            assert opened.wait(5)
            place(Broker(simulator, app))
            simulator.world.clock.step(1)
            assert heard_of.wait(5)
        finally:
            simulator.call(lambda: simulator.world.faults.add(Fault("upstox", FaultKind.REFUSE)))
            assert closed.wait(5)
            client.pool.close()
            client.pool.join()
    told = [json.loads(message) for message in messages]
    assert [frame["status"] for frame in told if frame["update_type"] == "order"] == LIFE
    assert [frame["quantity"] for frame in told if frame["update_type"] == "position"] == [65]
