"""Every fault, over real sockets on loopback, at answers and at the frames of a socket."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
import websocket
from aiohttp import web

from sos_actors.simulator.fault_middleware import HTML_PAGE
from sos_actors.simulator.faults import Fault, FaultBook, FaultKind
from sos_actors.simulator.server import RunningSimulator, running
from tests.simulator.quiet import OPEN, ORDERS, WORLD, ask, make_app, quiet_world


@pytest.fixture
def app() -> web.Application:
    return make_app(quiet_world())


@pytest.fixture
def simulator(app: web.Application) -> Iterator[RunningSimulator]:
    with running(app[WORLD], apps=lambda: {"upstox": app}) as simulator:
        yield simulator


def strike(simulator: RunningSimulator, kind: FaultKind, path: str = "*", **how: object) -> Fault:
    fault = Fault("upstox", kind, path, **how)  # type: ignore[arg-type]
    return simulator.call(lambda: simulator.world.faults.add(fault))


def url(simulator: RunningSimulator, path: str = "/price") -> str:
    return simulator.addresses["upstox"] + path


def test_a_fault_passes_some_strikes_some_and_is_gone() -> None:
    book = FaultBook()
    book.add(Fault("nse", FaultKind.DROP, "/api/*", skip=1, times=2), now=5)
    struck = [book.take("nse", "/api/x", [FaultKind.DROP]) is not None for _ in range(5)]
    assert struck == [False, True, True, False, False]
    assert book.active() == []


def test_a_fault_strikes_only_its_vendor_path_and_kind() -> None:
    book = FaultBook()
    fault = book.add(Fault("nse", FaultKind.DROP, "/api/*"))
    assert book.take("upstox", "/api/x", [FaultKind.DROP]) is None
    assert book.take("nse", "/home", [FaultKind.DROP]) is None
    assert book.take("nse", "/api/x", [FaultKind.MUTE]) is None
    assert book.standing("nse", FaultKind.DROP, "/api/x") == fault
    assert book.active() == [(fault, 0)]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"kind": "drop"}, "needs a 'vendor'"),
        ({"vendor": "bse", "kind": "drop"}, "No vendor is called 'bse'"),
        ({"vendor": "nse", "kind": "explode"}, "No fault is called 'explode'"),
        ({"vendor": "nse", "kind": "drop", "path": 1}, "must be text"),
        ({"vendor": "nse", "kind": "drop", "times": True}, "must be a number"),
        ({"vendor": "nse", "kind": "drop", "times": 0}, "strikes once or more"),
        ({"vendor": "nse", "kind": "status", "status": 99}, "no HTTP status"),
        ({"vendor": "nse", "kind": "delay", "seconds": -1}, "not allowed"),
        ({"vendor": "nse", "kind": "drop", "when": "now"}, "no key 'when'"),
    ],
)
def test_a_fault_that_cannot_be_meant_is_refused(document: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Fault.from_document(document)


def test_a_fault_reads_what_it_writes() -> None:
    document = {"vendor": "nse", "kind": "status", "status": 403, "path": "/x", "skip": 2, "times": 1, "seconds": 0.5}
    assert Fault.from_document(document).as_document() == document | {"begun": 0, "id": 0}


def test_drop_resets_the_connection_and_carries_nothing_out(simulator: RunningSimulator) -> None:
    strike(simulator, FaultKind.DROP, times=1)
    with pytest.raises(ConnectionResetError):
        ask(url(simulator, "/order"), "POST", "one")
    assert ask(url(simulator, "/order"), "POST", "two").json() == {"orders": 1}


def test_a_lost_acknowledgement_leaves_the_order_placed(simulator: RunningSimulator, app: web.Application) -> None:
    strike(simulator, FaultKind.LOST_ACK, "/order", times=1)
    with pytest.raises(ConnectionResetError):
        ask(url(simulator, "/order"), "POST", "one")
    assert app[ORDERS] == ["one"]
    assert [asked.status for asked in simulator.call(simulator.world.requests.last)] == [0]


def test_mute_holds_the_request_until_the_client_goes(simulator: RunningSimulator) -> None:
    strike(simulator, FaultKind.MUTE, times=1)
    with pytest.raises(TimeoutError):
        ask(url(simulator), timeout_s=0.05)
    assert ask(url(simulator)).status == 200


def test_delay_carries_the_request_out_at_once_and_answers_late(
    simulator: RunningSimulator, app: web.Application
) -> None:
    strike(simulator, FaultKind.DELAY, times=1, seconds=5.0)
    with pytest.raises(TimeoutError):
        ask(url(simulator, "/order"), "POST", "one", timeout_s=0.05)
    assert app[ORDERS] == ["one"]
    strike(simulator, FaultKind.DELAY, times=1, seconds=0.05)
    begun = time.monotonic()
    assert ask(url(simulator)).status == 200
    assert time.monotonic() - begun >= 0.05


@pytest.mark.parametrize(
    ("kind", "content_type", "body"),
    [(FaultKind.EMPTY, "application/json", b"{}"), (FaultKind.HTML, "text/html", HTML_PAGE.encode())],
)
def test_other_pages_come_with_status_200(
    simulator: RunningSimulator, kind: FaultKind, content_type: str, body: bytes
) -> None:
    strike(simulator, kind)
    assert ask(url(simulator)) == (200, body, content_type)


def test_wrong_json_is_json_of_another_shape(simulator: RunningSimulator) -> None:
    strike(simulator, FaultKind.WRONG_JSON)
    assert "ltp" not in ask(url(simulator)).json()


def test_a_status_comes_with_the_body_of_the_vendor(simulator: RunningSimulator) -> None:
    strike(simulator, FaultKind.STATUS, status=429, times=1)
    assert ask(url(simulator)) == (429, b'{"code":429}', "application/json")
    assert ask(url(simulator)).status == 200


def test_corruption_is_evident_and_the_same_twice() -> None:
    def once() -> bytes:
        world = quiet_world()
        with running(world, apps=lambda: {"upstox": make_app(world)}) as simulator:
            strike(simulator, FaultKind.CORRUPT)
            return ask(url(simulator)).body

    first, second = once(), once()
    assert first == second
    with pytest.raises(UnicodeDecodeError):
        json.loads(first)


def test_an_answer_the_handler_raised_suffers_like_any_other(simulator: RunningSimulator) -> None:
    assert ask(url(simulator, "/broken")) == (400, b"no", "text/plain")
    strike(simulator, FaultKind.LOST_ACK, times=1)
    with pytest.raises(ConnectionResetError):
        ask(url(simulator, "/broken"))


def test_a_refused_port_comes_back_under_the_same_number(simulator: RunningSimulator) -> None:
    socket = connect(simulator)
    fault = strike(simulator, FaultKind.REFUSE)
    with pytest.raises(ConnectionRefusedError):
        ask(url(simulator))
    with pytest.raises(ConnectionError):
        frames(socket, 1)
    socket.close()
    simulator.call(lambda: simulator.world.faults.remove(fault.id))
    assert ask(url(simulator)).status == 200


def connect(simulator: RunningSimulator) -> websocket.WebSocket:
    return websocket.create_connection(url(simulator, "/socket").replace("http", "ws"), timeout=2)


def frames(socket: websocket.WebSocket, wanted: int, sent: int | None = None, text: bool = False) -> list[object]:
    """Ask for `sent` frames (default as many as wanted) and read the wanted ones."""
    number = str(wanted if sent is None else sent)
    socket.send(number) if text else socket.send_binary(number.encode())
    return [socket.recv() for _ in range(wanted)]


def frame(number: int) -> bytes:
    return b"\x08\x01 frame %d" % number


def test_frames_come_twice(simulator: RunningSimulator) -> None:
    socket = connect(simulator)
    strike(simulator, FaultKind.DUPLICATE, "feed", times=1)
    assert frames(socket, 3, sent=2) == [frame(0), frame(0), frame(1)]
    socket.close()


def test_each_two_frames_swap_places(simulator: RunningSimulator) -> None:
    socket = connect(simulator)
    strike(simulator, FaultKind.REORDER, "feed")
    assert frames(socket, 4) == [frame(1), frame(0), frame(3), frame(2)]
    socket.close()


def test_a_mute_socket_stays_connected_and_silent(simulator: RunningSimulator) -> None:
    socket = connect(simulator)
    strike(simulator, FaultKind.MUTE, "feed", times=3)
    assert frames(socket, 1, sent=4) == [frame(3)]
    socket.close()


def test_late_frames_keep_their_order(simulator: RunningSimulator) -> None:
    socket = connect(simulator)
    strike(simulator, FaultKind.DELAY, "feed", seconds=0.05, times=1)
    begun = time.monotonic()
    assert frames(socket, 3) == [frame(0), frame(1), frame(2)]
    assert time.monotonic() - begun >= 0.05
    socket.close()


def test_corrupt_frames_are_no_frames_of_the_vendor(simulator: RunningSimulator) -> None:
    socket = connect(simulator)
    strike(simulator, FaultKind.CORRUPT, "feed")
    damaged = frames(socket, 1)[0]
    assert isinstance(damaged, bytes)
    assert damaged[0] == 0x08 ^ 0xFF
    assert len(damaged) == len(frame(0))
    assert not str(frames(socket, 1, text=True)[0]).startswith("~m~")
    socket.close()


def test_a_page_on_a_socket_is_a_text_frame(simulator: RunningSimulator) -> None:
    socket = connect(simulator)
    strike(simulator, FaultKind.HTML, "feed", times=1)
    assert frames(socket, 2) == [HTML_PAGE, frame(1)]
    socket.close()


def test_a_socket_is_reset_in_the_middle(simulator: RunningSimulator) -> None:
    socket = connect(simulator)
    strike(simulator, FaultKind.DROP, "feed", skip=1)
    with pytest.raises(ConnectionResetError):
        frames(socket, 2)
    socket.close()


@pytest.mark.parametrize(("status", "code"), [(1012, 1012), (500, 1001)])
def test_a_socket_is_closed_with_the_code_asked_for(simulator: RunningSimulator, status: int, code: int) -> None:
    socket = connect(simulator)
    strike(simulator, FaultKind.CLOSE, "feed", status=status)
    socket.send_binary(b"1")
    opcode, data = socket.recv_data()
    assert (opcode, int.from_bytes(data[:2], "big")) == (websocket.ABNF.OPCODE_CLOSE, code)
    assert socket.sock is not None
    socket.sock.close()  # once it has seen a close, its close() leaves the connection open


def test_a_status_refuses_the_handshake(simulator: RunningSimulator) -> None:
    strike(simulator, FaultKind.STATUS, "/socket", status=403, times=1)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(simulator)
    assert refused.value.status_code == 403
    connect(simulator).close()


def test_a_skewed_clock_is_the_vendors_alone() -> None:
    world = quiet_world()
    world.faults.add(Fault("nse", FaultKind.CLOCK_SKEW, seconds=-90))
    assert world.now("nse") == OPEN - 90_000_000_000
    assert world.now("upstox") == OPEN


def test_the_date_header_is_the_vendors_own_time(simulator: RunningSimulator) -> None:
    def date_told(path: str) -> str:
        with urlopen(url(simulator, path), timeout=5) as answer:
            return str(answer.headers["Date"])

    assert date_told("/price") == "Tue, 13 Jan 2026 03:45:00 GMT"
    strike(simulator, FaultKind.CLOCK_SKEW, seconds=-90)
    assert date_told("/price") == "Tue, 13 Jan 2026 03:43:30 GMT"
    strike(simulator, FaultKind.HTML)
    assert date_told("/price") == "Tue, 13 Jan 2026 03:43:30 GMT"
