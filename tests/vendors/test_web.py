from __future__ import annotations

import gzip
import socket
import traceback
from collections.abc import Iterator
from threading import Event, Thread

import pytest
import requests
from urllib3 import exceptions as kinds

from sos_actors.config import is_loopback
from sos_actors.errors import (
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.vendors.answers import MOST_WAIT_S, Answer, json_of, retry_after, status_error, title_of
from sos_actors.vendors.web import OneAtATime, WebSession, place, translated
from tests.vendors.scripted import Step, mute, page, reply, reset, serving, trickle

PLANTED = "".join(("hu", "sh"))
"""Must not come out again; written so that a traceback's source line does not hold it."""


def session(url: str, timeout_s: float = 1.0, **more: float) -> WebSession:
    return WebSession("nse", url, timeout_s=timeout_s, **more)  # type: ignore[arg-type]


def failure(step: Step, timeout_s: float = 0.15, **more: float) -> VendorError:
    with serving([step]) as site, session(site.url, timeout_s, **more) as web, pytest.raises(VendorError) as caught:
        web.get("/api/x", {"token": PLANTED})
    assert PLANTED not in "".join(traceback.format_exception(caught.value))
    assert "/api/x" in str(caught.value)
    return caught.value


def test_an_answer_has_status_type_and_body_and_a_query_and_headers_are_sent() -> None:
    with serving([reply({"a": 1}, 418, "Application/JSON; charset=utf-8")]) as site, session(site.url) as web:
        answer = web.get("/api/x", {"symbol": "M&M"}, {"Referer": "https://a.b/c"})
    assert answer == Answer(418, "application/json", b'{"a": 1}')
    asked = site.requests[0]
    assert (asked.path, asked.query, asked.headers["referer"]) == ("/api/x", {"symbol": "M&M"}, "https://a.b/c")
    assert asked.headers["accept-encoding"] == "gzip, deflate"
    assert asked.headers["user-agent"].startswith("Mozilla/5.0")


def test_a_packed_body_is_unpacked_and_a_packing_nobody_asked_for_is_told() -> None:
    packed = gzip.compress(b'{"a": 1}')
    with (
        serving([reply(packed, content_encoding="gzip"), reply(b"\x8b\x03", content_encoding="br")]) as site,
        session(site.url) as web,
    ):
        assert web.get("/").body == b'{"a": 1}'
        answer = web.get("/")
    with pytest.raises(VendorAnswerError, match="'br', which was not asked for"):
        json_of("nse", "host/path", answer)


def test_a_chunked_body_is_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with serving([head + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"]) as site, session(site.url) as web:
        assert web.get("/").body == b"abcdefg"


def test_cookies_are_kept_until_they_are_forgotten() -> None:
    with serving([reply(set_cookie="nsit=1; Path=/")]) as site, session(site.url) as web:
        web.get("/")
        web.get("/")
        web.forget()
        web.get("/")
    assert [request.headers.get("cookie") for request in site.requests] == [None, "nsit=1", None]


def test_a_closed_port_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with session(f"http://127.0.0.1:{port}") as web, pytest.raises(VendorUnreachableError, match="cannot be reached"):
        web.get("/api/x")


@pytest.mark.parametrize(
    "step",
    [reset, mute, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", b"no HTTP at all\r\n\r\n"],
    ids=["reset", "mute", "closed", "cut off", "no HTTP"],
)
def test_no_whole_answer_is_unreachable(step: Step) -> None:
    assert isinstance(failure(step), VendorUnreachableError)


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"],
    ids=["headers", "body"],
)  # fmt: skip
def test_a_peer_that_trickles_is_given_up_at_the_deadline(start: bytes) -> None:
    with serving([trickle(start)]) as site, session(site.url, 0.1) as web:
        with pytest.raises(VendorUnreachableError, match=r"no complete answer within 0\.2 s"):
            web.get("/api/x")
        with pytest.raises(VendorUnreachableError, match="the request before it has not ended"):
            web.get("/api/x")


def test_a_body_that_is_too_large_or_cannot_be_unpacked_is_no_answer() -> None:
    assert "more than 1,000 bytes" in str(failure(reply(b"x" * 1001), most_bytes=1000))
    bomb = reply(gzip.compress(b"0" * 10_000_000), content_encoding="gzip")
    assert "more than 1,000 bytes" in str(failure(bomb, most_bytes=1000))
    assert "cannot be unpacked" in str(failure(reply(b"garbage", content_encoding="gzip")))


def test_redirects_are_followed_on_the_same_host_only() -> None:
    with serving([reply(status=302, location="/there"), reply({"a": 1})]) as site, session(site.url) as web:
        assert web.get("/api/x", {"q": "1"}).body == b'{"a": 1}'
        assert site.paths == ["/api/x", "/there"]
    refused = failure(reply(status=302, location="http://evil.example/login?next=hush"))
    assert isinstance(refused, VendorRefusedError)
    assert "redirects to evil.example/login" in str(refused)
    assert "more than 3 times" in str(failure(reply(status=302, location="/api/x")))


@pytest.mark.parametrize("location", ["http://[bad", "http://x:99999/", "http://x:abc/"])
def test_a_location_that_is_no_address_is_no_answer(location: str) -> None:
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    error = failure(answer)
    assert type(error) is VendorAnswerError
    assert "a header that cannot be read" in str(error)


def test_the_body_of_a_redirect_is_not_read() -> None:
    endless = trickle(b"HTTP/1.1 302 Found\r\nLocation: /y\r\n\r\n")
    with serving([endless, reply({})]) as site, session(site.url) as web:
        assert web.get("/x").body == b"{}"


def test_requests_keep_their_distance() -> None:
    waits: list[float] = []
    with (
        serving([reply()]) as site,
        WebSession(
            "nse", site.url, timeout_s=1, min_gap_s=5, clock=lambda: 10.0 + sum(waits), sleep=waits.append
        ) as web,
    ):
        for _ in range(3):
            web.get("/")
    assert waits == [5.0, 5.0]


def test_the_surroundings_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with serving([reply({})]) as site, session(site.url) as web:
        assert web.get("/").status == 200


@pytest.fixture
def gate() -> Iterator[Event]:
    opened = Event()
    yield opened
    opened.set()


def test_one_call_runs_at_a_time_and_its_error_is_the_callers() -> None:
    line = OneAtATime("nse")
    assert line.run(lambda: 7, 1, "there") == 7
    with pytest.raises(ZeroDivisionError):
        line.run(lambda: 1 // 0, 1, "there")
    with pytest.raises(TimeoutError, match="its own"):
        line.run(_raise_a_timeout, 1, "there")
    assert line.run(lambda: 8, 1, "there") == 8


def _raise_a_timeout() -> None:
    raise TimeoutError("its own")


def test_a_line_is_free_again_when_a_call_given_up_has_ended(gate: Event) -> None:
    line = OneAtATime("nse")
    with pytest.raises(VendorUnreachableError, match=r"within 0\.02 s"):
        line.run(gate.wait, 0.02, "there")
    with pytest.raises(VendorUnreachableError, match="has not ended"):
        line.run(lambda: 1, 0.02, "there")
    gate.set()
    assert line.run(lambda: 2, 2, "there") == 2


def test_a_machine_without_threads_is_told_and_the_line_stays_free(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    line = OneAtATime("nse")
    with monkeypatch.context() as patched:
        patched.setattr(Thread, "start", no_thread)
        with pytest.raises(VendorUnreachableError, match="gives no thread"):
            line.run(lambda: 1, 0.02, "there")
    assert line.run(lambda: 2, 2, "there") == 2


def answer(body: bytes, content_type: str = "application/json", status: int = 200) -> Answer:
    return Answer(status, content_type, body)


@pytest.mark.parametrize("body", [b"", b"{", b'"\xff"', b"NaN", b"[" * 100_000, b'{"a":1}garbage'])
def test_what_is_no_json_is_no_answer(body: bytes) -> None:
    with pytest.raises(VendorAnswerError, match="no JSON"):
        json_of("nse", "host/path", answer(body))


@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
def test_a_page_instead_of_data_is_named_by_its_title(content_type: str) -> None:
    body = b"\n<!DOCTYPE html><html><title>Access\n Denied</title></html>"
    with pytest.raises(VendorAnswerError, match="a page instead of data: 'Access Denied'"):
        json_of("nse", "host/path", answer(body, content_type))


def test_json_is_read() -> None:
    assert json_of("nse", "host/path", answer(b'{"a":[1,2.5,null]}', "text/plain")) == {"a": [1, 2.5, None]}


def test_a_status_becomes_the_error_that_says_what_to_do() -> None:
    kinds = {401: VendorRefusedError, 403: VendorRefusedError, 404: VendorAnswerError, 421: VendorAnswerError,
             429: VendorBusyError, 500: VendorBusyError, 503: VendorBusyError}  # fmt: skip
    assert status_error("nse", "host/path", answer(b"")) is None
    for status, kind in kinds.items():
        error = status_error("nse", "host/path", answer(b"", status=status))
        assert type(error) is kind
        assert error.code == str(status)
    busy = status_error("nse", "host/path", Answer(429, "text/html", b"<h1>Slow down</h1>", "", 30.0))
    assert isinstance(busy, VendorBusyError)
    assert busy.retry_after_s == 30.0
    assert "'Slow down'" in str(busy)


def test_what_to_wait_is_read_in_seconds() -> None:
    assert [retry_after(text) for text in ("30", " 5 ", "", "Wed, 21 Oct 2026 07:28:00 GMT", "-1")] == [30, 5, 0, 0, 0]
    assert retry_after("9" * 400) == retry_after("86400") == MOST_WAIT_S


def test_a_page_without_title_is_named_by_its_first_words() -> None:
    assert title_of(b"Resource not found") == "'Resource not found'"
    assert title_of(page("A title").split(b"\r\n\r\n")[1]) == "'A title'"


def test_addresses() -> None:
    assert all(map(is_loopback, ("http://127.0.0.1:80", "http://localhost/x", "ws://[::1]:9")))
    assert not any(map(is_loopback, ("https://nseindia.com", "http://10.0.0.1", "http://127.0.0.1.evil.com", "")))
    assert place("https://user:pw@host:81/a/b?token=1#x") == "host:81/a/b"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (kinds.NameResolutionError("h", None, socket.gaierror()), "the name is not known here."),  # type: ignore[arg-type]
        (kinds.NewConnectionError(None, "no"), "the connection was refused."),  # type: ignore[arg-type]
        (kinds.ProxySchemeUnknown("odd"), "the proxy cannot be used."),
        (OSError("reset"), "the connection broke."),
    ],
)
def test_why_a_host_cannot_be_reached_is_told_in_plain_words(error: Exception, said: str) -> None:
    wrapped = requests.ConnectionError(kinds.MaxRetryError(None, "/?secret", error))  # type: ignore[arg-type]
    assert str(translated("nse", "h/p", wrapped)).startswith(f"nse: h/p cannot be reached: {said}")
