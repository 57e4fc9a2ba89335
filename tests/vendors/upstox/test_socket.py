from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from sos_actors.errors import TokenRefusedError, VendorBusyError
from sos_actors.messages.feed import FeedState
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.simulator.tunnel import server_context
from sos_actors.types import Secret, UnixNanos
from sos_actors.vendors.upstox.socket import ReconnectingSocket, SocketAddress, SocketPolicy
from tests.vendors.upstox.doors import Door, binary, door
from tests.vendors.upstox.sockets import QUICK, Heard

PLANTED = "planted-secret-0815"


class Frames(Heard):
    """A handler that remembers frames too."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[bytes] = []
        self.first: Sequence[bytes] = ()

    def on_open(self) -> Sequence[bytes]:
        return self.first

    def on_frame(self, received: UnixNanos, payload: bytes, is_text: bool) -> None:
        assert received > 0
        with self.changed:
            self.frames.append(b"text:" + payload if is_text else payload)
            self.changed.notify_all()

    def on_state(self, at: UnixNanos, state: FeedState, reason: str) -> None:
        self.on_feed_state(at, state, reason)


def to(port: int, scheme: str = "ws") -> Callable[[], SocketAddress]:
    url = Secret(f"{scheme}://127.0.0.1:{port}/feeds?code={PLANTED}")
    return lambda: SocketAddress(url, {"Authorization": Secret(f"Bearer {PLANTED}")})


def connecting(port: int, heard: Frames, policy: SocketPolicy = QUICK, scheme: str = "ws") -> ReconnectingSocket:
    return ReconnectingSocket("test socket", to(port, scheme), heard, policy, clock=lambda: UnixNanos(monotonic_ns()))


def hold(here: Door, connection: socket.socket) -> None:
    """Accept, and stay without a word."""
    here.accept(connection)
    here.over.wait(5.0)


def say_nothing(here: Door, _: socket.socket) -> None:
    here.over.wait(5.0)


def test_frames_go_both_ways_and_stop_says_goodbye() -> None:
    last: list[bytes] = []

    def echo(here: Door, connection: socket.socket) -> None:
        here.accept(connection)
        connection.sendall(binary(b"hello") + b"\x81\x02hi" + b"\x89\x00")
        while data := connection.recv(4096):
            last.append(data)

    heard = Frames()
    heard.first = (b"first",)
    with door(echo) as here:
        line = connecting(here.port, heard)
        line.start()
        heard.until(lambda: heard.frames == [b"hello", b"text:hi"], "two frames")
        line.send(b"more")
        assert line.stop()
    assert heard.states == [FeedState.UP, FeedState.STOPPED]
    assert f"Authorization: Bearer {PLANTED}".encode() in here.requests[0]
    assert line.counts.frames == 2
    assert line.counts.bytes == 7
    assert b"".join(last)[-8] == 0x88, "a close frame: two bytes of head, four of mask, two of code"


def test_a_server_that_accepts_and_closes_is_tried_at_growing_intervals() -> None:
    def slam(here: Door, connection: socket.socket) -> None:
        here.accept(connection)
        connection.sendall(b"\x88\x02\x03\xf4")  # 1012

    heard = Frames()
    policy = replace(QUICK, first_s=0.01, most_s=5.0)
    with door(slam) as here:
        line = connecting(here.port, heard, policy)
        line.start()
        heard.until_state(FeedState.UP, 6)
        assert line.stop()
    ups = [at for at, state in zip(heard.times, heard.states, strict=True) if state is FeedState.UP]
    gaps = [(after - before) / 1e9 for before, after in pairwise(ups)]
    assert all(gap >= 0.01 * 2**number for number, gap in enumerate(gaps))
    assert "1012" in heard.reasons[1]


def test_waits_begin_anew_when_a_connection_has_proven_itself() -> None:
    def last_a_little(here: Door, connection: socket.socket) -> None:
        here.accept(connection)
        connection.sendall(binary(b"x"))
        if here.came > 5:
            for _ in range(10):
                time.sleep(0.02)
                connection.sendall(binary(b"y"))

    heard = Frames()
    with door(last_a_little) as here:
        line = connecting(here.port, heard, replace(QUICK, proven_after_s=0.1, first_s=0.01, most_s=60.0))
        line.start()
        heard.until_state(FeedState.UP, 10)  # 0.01 doubled ten times would be more than the bound of this wait
        assert line.stop()
    assert here.came >= 10


@pytest.mark.parametrize("bound", [0.2, 1.0])
def test_a_handshake_that_is_not_answered_ends_within_its_bound_and_stop_does_not_wait_for_it(bound: float) -> None:
    heard = Frames()
    with door(say_nothing) as here:
        line = connecting(here.port, heard, replace(QUICK, connect_s=bound if bound < 1 else 60.0))
        line.start()
        if bound < 1:
            heard.until_state(FeedState.DOWN)
            assert "did not answer" in heard.reasons[0]
        else:
            while here.came == 0:
                time.sleep(0.005)
        assert line.stop(3.0)


def test_a_handshake_that_trickles_ends_within_its_bound() -> None:
    def trickle(here: Door, connection: socket.socket) -> None:
        here.request(connection)
        while not here.over.wait(0.02):
            connection.sendall(b"H")

    heard = Frames()
    with door(trickle) as here:
        line = connecting(here.port, heard, replace(QUICK, connect_s=0.2))
        line.start()
        heard.until_state(FeedState.DOWN)
        assert line.stop()


def test_a_frame_that_trickles_is_silence() -> None:
    def trickle(here: Door, connection: socket.socket) -> None:
        here.accept(connection)
        connection.sendall(bytes([0x82, 126, 0xFF, 0xFF]))
        while not here.over.wait(0.02):
            connection.sendall(b"x")

    heard = Frames()
    with door(trickle) as here:
        line = connecting(here.port, heard, replace(QUICK, silent_after_s=0.3))
        line.start()
        heard.until_state(FeedState.SILENT)
        assert line.stop()
    assert heard.frames == []


def test_pongs_alone_keep_a_connection_alive() -> None:
    def pong(here: Door, connection: socket.socket) -> None:
        here.accept(connection)
        while data := connection.recv(4096):
            if data[0] == 0x89:
                connection.sendall(b"\x8a\x00")

    heard = Frames()
    with door(pong) as here:
        line = connecting(here.port, heard, replace(QUICK, silent_after_s=0.3))
        line.start()
        heard.until_state(FeedState.UP)
        while line.counts.signs < 12:
            time.sleep(0.01)
        assert line.stop()
    assert heard.states == [FeedState.UP, FeedState.STOPPED]


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/?code=planted-secret-0815\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"\xff\xfe\x00\x01\r\n\r\n",
    b"",
])  # fmt: skip
def test_what_is_no_websocket_is_told_without_a_secret(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    def serve(here: Door, connection: socket.socket) -> None:
        here.request(connection)
        connection.sendall(answer)

    heard = Frames()
    with door(serve) as here, caplog.at_level(logging.DEBUG):
        line = connecting(here.port, heard)
        line.start()
        heard.until_state(FeedState.DOWN, 2)
        assert line.stop()
    assert "127.0.0.1/feeds" in heard.reasons[0]
    assert PLANTED not in caplog.text + "".join(heard.reasons)
    assert line.counts.failures == 0


def test_a_certificate_nobody_vouches_for_is_refused_unless_it_is_trusted_on_purpose() -> None:
    def greet(here: Door, connection: socket.socket) -> None:
        here.accept(connection)
        connection.sendall(binary(b"secret"))
        here.over.wait(5.0)

    heard, trusting = Frames(), Frames()
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with door(greet, server_context()) as here:
        line = connecting(here.port, heard, scheme="wss")
        line.start()
        heard.until_state(FeedState.DOWN)
        assert line.stop()
        own = ReconnectingSocket("own", to(here.port, "wss"), trusting, QUICK, tls=trust)
        own.start()
        trusting.until(lambda: trusting.frames == [b"secret"], "a frame over TLS")
        assert own.stop()
    assert "certificate" in heard.reasons[0]


def test_a_port_nobody_listens_on_and_a_scheme_nobody_speaks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    heard, odd = Frames(), Frames()
    line, other = connecting(port, heard), connecting(port, odd, scheme="ftp")
    line.start()
    other.start()
    heard.until_state(FeedState.DOWN, 2)
    odd.until_state(FeedState.REFUSED)
    assert line.stop()
    assert other.stop()
    assert "No connection to 127.0.0.1/feeds" in heard.reasons[0]


def test_what_the_authorisation_says_is_obeyed(caplog: pytest.LogCaptureFixture) -> None:
    busy, ours = VendorBusyError("upstox", "Later.", "429", 0.15), ValueError(PLANTED)
    answers = iter([TokenRefusedError("upstox", "No."), busy, ours])
    asked: list[int] = []

    def address() -> SocketAddress:
        asked.append(monotonic_ns())
        raise next(answers, VendorBusyError("upstox", "Later still.", "503", 60.0))

    heard = Frames()
    line = ReconnectingSocket("test socket", address, heard, replace(QUICK, refused_most_s=60.0))
    with caplog.at_level(logging.ERROR):
        line.start()
        heard.until_state(FeedState.DOWN, 3)
        assert line.stop()
    assert "ValueError" in caplog.text
    assert PLANTED not in caplog.text
    assert heard.states == [FeedState.REFUSED, FeedState.DOWN, FeedState.DOWN, FeedState.DOWN, FeedState.STOPPED]
    assert (asked[2] - asked[1]) / 1e9 >= 0.15
    assert len(asked) == 4


def test_it_can_be_started_again_and_stopped_before_it_was_started() -> None:
    heard = Frames()
    with door(hold) as here:
        line = connecting(here.port, heard)
        assert line.stop()
        for times in (1, 2):
            line.start()
            line.start()
            heard.until_state(FeedState.UP, times)
            assert line.stop()
    assert here.came == 2
