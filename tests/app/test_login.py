"""Waiting for the browser to come back: which requests count, what it is shown, and that nothing tells the code."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Iterator

import pytest
import requests

from sos_actors.app.login import AnotherLoginError, RedirectListener, code_of, new_state
from sos_actors.errors import TokenRefusedError, UsageError
from tests.loopback import free_port

STATE, CODE = "state-of-this-login", "planted-code-5150"
BOUND_S = 5.0


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}/"


@pytest.fixture
def listener(url: str) -> Iterator[RedirectListener]:
    with RedirectListener(url, STATE) as listener:
        yield listener


def visit(address: str, method: str = "GET") -> requests.Response:
    return requests.request(method, address, timeout=BOUND_S, allow_redirects=False)


def test_states_are_never_the_same() -> None:
    assert len({new_state() for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "text",
    [
        CODE, f"  {CODE}\n", f"http://127.0.0.1:8787/?code={CODE}&state={STATE}", f"code={CODE}&state={STATE}",
        f"?state={STATE}&code={CODE}", f"https://example.com/back?a=1&code={CODE}&state={STATE}#end",
    ],
)  # fmt: skip
def test_a_code_is_found_in_what_was_pasted(text: str) -> None:
    assert code_of(text, STATE).reveal() == CODE


@pytest.mark.parametrize("told", ["", "&state=", "&state=another", "&state=st%C3%A4te", "&state=%ff"])
def test_a_code_of_another_login_is_refused_and_not_quoted(told: str) -> None:
    with pytest.raises(AnotherLoginError, match="belongs to another login") as caught:
        code_of(f"http://127.0.0.1/?code={CODE}{told}", STATE)
    assert CODE not in "".join(traceback.format_exception(caught.value))


def test_a_state_that_nobody_asked_for_is_not_looked_at() -> None:
    assert code_of(f"?code={CODE}&state=another", None).reveal() == CODE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "there is none in it"),
        ("http://127.0.0.1:8787/", "there is none in it"),
        ("http://127.0.0.1:8787/?code=&state=", "there is none in it"),
        ("http://[/?code=a", "there is none in it"),
        ("?error=access_denied", "access_denied"),
        ("?error=e&error_description=The%20user%20said%20no.", "The user said no"),
        ("?error=%1b[31mred%0anext", r"\?\[31mred next"),
        (f"?error={'long' * 100}", f"{'long' * 40}"),
    ],
)
def test_an_answer_without_a_code_is_refused_with_a_harmless_reason(text: str, reason: str) -> None:
    with pytest.raises(TokenRefusedError, match=rf"without a code: {reason}\.$"):
        code_of(text, STATE)


def test_the_redirect_gives_the_code(listener: RedirectListener, url: str) -> None:
    answer = visit(f"{url}?code={CODE}&state={STATE}")
    assert listener.wait(BOUND_S).reveal() == CODE
    assert answer.status_code == 200
    assert "The answer has arrived" in answer.text
    assert CODE not in answer.text
    assert (answer.headers["Cache-Control"], answer.headers["Connection"]) == ("no-store", "close")


def test_what_a_browser_asks_for_besides_does_no_harm(listener: RedirectListener, url: str) -> None:
    page = f"{url}?code={CODE}&state={STATE}"
    assert visit(f"{url}favicon.ico").status_code == 404
    assert visit(f"{url}favicon.ico?code={CODE}&state={STATE}").status_code == 404
    assert visit(url).status_code == 200
    assert visit(f"{url}?utm=1").status_code == 200
    assert visit(page, "HEAD").text == ""
    assert visit(page, "POST").status_code == 501
    with pytest.raises(TokenRefusedError):
        listener.wait(0.0)
    assert "has arrived" in visit(page).text
    for again in (page, f"{url}?code=later&state={STATE}", f"{url}?error=no&state={STATE}", f"{url}?code=x&state=y"):
        assert "has arrived before this one" in visit(again).text
    assert listener.wait(BOUND_S).reveal() == CODE


def test_connections_opened_ahead_and_never_used_do_not_hold_it_up(listener: RedirectListener, url: str) -> None:
    ahead = [socket.create_connection(("127.0.0.1", int(url.rsplit(":")[-1].strip("/")))) for _ in range(3)]
    try:
        assert visit(f"{url}?code={CODE}&state={STATE}").status_code == 200
        assert listener.wait(BOUND_S).reveal() == CODE
    finally:
        for connection in ahead:
            connection.close()


def test_an_answer_of_another_login_is_told_in_the_browser_and_waiting_goes_on(
    listener: RedirectListener, url: str
) -> None:
    answer = visit(f"{url}?code=evil&state=another")
    assert answer.status_code == 400
    assert "belongs to another login" in answer.text
    assert visit(f"{url}?error=evil&state=another").status_code == 400
    with pytest.raises(TokenRefusedError, match="An answer came, of another login"):
        listener.wait(0.0)
    visit(f"{url}?code={CODE}&state={STATE}")
    assert listener.wait(BOUND_S).reveal() == CODE


@pytest.mark.parametrize("state", ["", f"&state={STATE}"])
def test_a_refusal_ends_the_wait_and_its_words_are_no_html(listener: RedirectListener, url: str, state: str) -> None:
    answer = visit(f"{url}?error=%3Cscript%3Ealert(1)%3C/script%3E%22%27%26{state}")
    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;" in answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    with pytest.raises(TokenRefusedError, match="without a code: <script>"):
        listener.wait(BOUND_S)


@pytest.mark.usefixtures("listener")
def test_nothing_is_logged(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    visit(f"{url}?code={CODE}&state={STATE}")
    visit(f"{url}{CODE}?{CODE}", "OPTIONS")
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":")[-1].strip("/")))) as broken:
        broken.sendall(f"NONSENSE {CODE}\r\n\r\n".encode())
        broken.recv(65_536)
    assert capfd.readouterr() == ("", "")


def test_nobody_comes_in_time(listener: RedirectListener) -> None:
    with pytest.raises(TokenRefusedError, match=r"Nobody logged in within 0.01 s. Run 'sos login' again"):
        listener.wait(0.01)


def test_a_port_in_use_is_told_with_another_way(url: str) -> None:
    with RedirectListener(url, STATE), pytest.raises(UsageError, match=r"cannot be used: .*--paste"):
        RedirectListener(url, STATE)


@pytest.mark.parametrize(
    ("redirect", "said"),
    [
        ("https://127.0.0.1:8787/", "is not an address of this machine"),
        ("http://example.com/back", "is not an address of this machine"),
        ("http://192.168.1.2:8787/", "is not an address of this machine"),
        ("127.0.0.1:8787", "is not an address of this machine"),
        ("http://127.0.0.1:99999/", "is not an address. Write it like"),
        ("http://[::1/", "is not an address. Write it like"),
    ],
)
def test_only_an_address_of_this_machine_can_be_waited_for(redirect: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        RedirectListener(redirect, STATE)


def test_a_path_and_localhost_are_fine() -> None:
    port = free_port()
    with RedirectListener(f"http://localhost:{port}/back", STATE) as listener:
        assert visit(f"http://127.0.0.1:{port}/?code={CODE}&state={STATE}").status_code == 404
        assert visit(f"http://127.0.0.1:{port}/back?code={CODE}&state={STATE}").status_code == 200
        assert listener.wait(BOUND_S).reveal() == CODE


def test_an_interrupted_wait_leaves_no_thread_and_no_port(url: str) -> None:
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), RedirectListener(url, STATE):
        raise KeyboardInterrupt
    assert threading.active_count() == before
    with RedirectListener(url, STATE):
        pass
