"""This machine's clock beside a web server's, which tells whole seconds only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest

from sos_actors.app.checks.clock import Skew, ask_skew, check_clock, skew_finding
from sos_actors.app.checks.finding import Status
from sos_actors.types import NANOS_PER_SECOND, UnixNanos
from tests.loopback import free_port
from tests.simulator.markets import moment
from tests.vendors.scripted import mute, reply, serving

NOW = moment("2026-01-13 10:30")


def dated(seconds: float = 0.0) -> bytes:
    return reply("", 404, Date=formatdate(NOW / NANOS_PER_SECOND + seconds, usegmt=True))


def ticking(*seconds: float) -> Callable[[], UnixNanos]:
    moments = iter(seconds)
    return lambda: UnixNanos(NOW + int(next(moments) * NANOS_PER_SECOND))


def test_the_skew_is_known_to_the_second_and_the_question() -> None:
    with serving([dated(0)]) as site:
        assert ask_skew(site.url, ticking(0.25, 0.75), 5.0) == Skew(-0.75, 0.75)
        assert ask_skew(site.url, ticking(4.0, 4.5), 5.0) == Skew(3.0, 4.5)
        assert [request.method for request in site.requests] == ["HEAD", "HEAD"]


@pytest.mark.parametrize("answer", [reply("", Date="yesterday"), reply("", Date=""), reply(""), b"SSH-2.0\r\n", mute])
def test_a_server_that_tells_no_time_is_none(answer: bytes) -> None:
    with serving([answer]) as site:
        assert ask_skew(site.url, ticking(0, 0), 0.3) is None


def test_the_next_server_is_asked_and_simulated_ones_are_not() -> None:
    def ask(*urls: str, simulated: str = "") -> Iterator[Status]:
        found = check_clock(urls, lambda: UnixNanos(NOW), 5.0, lambda url: url == simulated)
        return (one.status for one in found)

    nobody = f"http://127.0.0.1:{free_port()}"
    with serving([dated()]) as site:
        assert list(ask(nobody, site.url)) == [Status.OK]
        assert list(ask(nobody)) == [Status.WARN]
        assert list(ask(nobody, simulated=nobody)) == [Status.SKIPPED]
        assert len(site.requests) == 1


@pytest.mark.parametrize(
    ("skew", "status", "said"),
    [
        (Skew(-0.9, 0.2), Status.OK, "agrees with api.upstox.com"),
        (Skew(-2.9, -1.9), Status.OK, "agrees"),
        (Skew(2.1, 3.2), Status.WARN, "2.1 s or more ahead of api.upstox.com"),
        (Skew(-4.5, -3.4), Status.WARN, "3.4 s or more behind api.upstox.com"),
        (Skew(10.5, 11.6), Status.FAIL, "10.5 s or more ahead"),
        (Skew(-90_000, -89_999), Status.FAIL, "25 h 0 min or more behind"),
    ],
)
def test_only_what_is_certain_counts(skew: Skew, status: Status, said: str) -> None:
    finding = skew_finding(skew, "api.upstox.com")
    assert finding.status is status
    assert said in finding.text
