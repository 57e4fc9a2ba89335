"""`sos login` against the simulated Upstox and worse ones; the desk looks that no secret is ever told."""

from __future__ import annotations

import json
import stat
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import replace

import pytest

from sos_actors.app.credentials import account_of
from sos_actors.cli import login as command
from sos_actors.simulator.server import RunningSimulator
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN
from sos_actors.types import Secret
from tests.cli.desk import CODE, HUSH, NOW, STORED_TOKEN, Desk, redirect, trader
from tests.loopback import free_port
from tests.simulator.markets import moment
from tests.vendors.scripted import Request, Step, reply, serving
from tests.vendors.upstox.connected import good, refused

NOBODY = "http://127.0.0.1:1"
PROFILE = {"user_id": "AB\x1b[31m1", "is_active": True, "exchanges": ["NSE"], "products": ["I"]}


def test_a_login_through_the_browser(simulated_upstox: RunningSimulator, desk: Desk) -> None:
    desk.typed = ["my-key", HUSH]
    desk.browse(trader)
    address = redirect()
    assert desk.run(simulated_upstox.addresses["upstox"], "--redirect", address) == 0
    assert desk.out == f"Logged in as SIM001; the token ends 14 Jan 2026 03:30 IST. Kept in {desk.secrets}.\n"
    assert "Upstox is SIMULATED here" in desk.err
    assert desk.shown[0] in desk.err
    login = desk.kept()
    assert (login.user, login.api_key, login.api_secret.reveal()) == ("SIM001", "my-key", HUSH)
    assert (login.redirect_url, login.expires) == (address, moment("2026-01-14 03:30"))
    assert [stat.S_IMODE(path.stat().st_mode) for path in (desk.secrets, desk.secrets.parent)] == [0o600, 0o700]
    first = login.token.reveal()
    assert HUSH not in desk.shown[0]

    assert desk.run(simulated_upstox.addresses["upstox"]) == 0  # the next morning nothing is asked
    assert desk.prompts == ["API key of your Upstox app: ", "API secret: "]
    again = desk.kept()
    assert again.token.reveal() != first
    assert replace(again, token=login.token, api_secret=login.api_secret) == login


def test_key_and_secret_of_the_environment_are_used_and_not_written_down(
    simulated_upstox: RunningSimulator, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(command.KEY, "my-key")
    monkeypatch.setenv(command.HUSH, HUSH)
    desk.browse(trader)
    assert desk.run(simulated_upstox.addresses["upstox"], "--redirect", redirect()) == 0
    assert "client_id=my-key" in desk.shown[0]
    stored = desk.secrets.read_text(encoding="utf-8")
    assert HUSH not in stored
    assert "my-key" not in stored
    assert desk.prompts == []


def test_a_kept_secret_is_not_used_with_another_key(
    simulated_upstox: RunningSimulator, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.keep(simulated_upstox.addresses["upstox"])
    monkeypatch.setenv(command.KEY, "another-key")
    desk.typed = ["another-hush"]
    desk.browse(trader)
    assert desk.run(simulated_upstox.addresses["upstox"], "--redirect", redirect()) == 0
    assert desk.prompts == ["API secret: "]
    login = desk.kept()
    assert (login.api_key, login.api_secret.reveal()) == ("kept-key", HUSH)


def code_in(address: str) -> str:
    return address.partition("code=")[2].partition("&")[0]


@pytest.mark.parametrize("change", [str, code_in, lambda address: f"  {address}\n"])
def test_the_address_the_browser_ended_at_or_the_code_alone_is_pasted(
    simulated_upstox: RunningSimulator, desk: Desk, change: Callable[[str], str]
) -> None:
    desk.keep(simulated_upstox.addresses["upstox"])
    desk.typed = [lambda: change(desk.ended_at())]
    assert desk.run(simulated_upstox.addresses["upstox"], "--paste") == 0
    assert desk.kept().user == "SIM001"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda address: address.replace("state=", "state=x"), "belongs to another login"),
        (lambda _: "http://127.0.0.1:8787/?error=access_denied", "without a code: access_denied"),
        (lambda _: CODE, "Upstox gave no token."),
        (lambda _: "", "Paste the address the browser ended at: nothing was given."),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--debug",)])
def test_a_login_that_fails_changes_nothing_and_says_why(
    simulated_upstox: RunningSimulator, desk: Desk, change: Callable[[str], str], said: str, flags: tuple[str, ...]
) -> None:
    desk.keep(simulated_upstox.addresses["upstox"])
    desk.typed = [lambda: change(desk.ended_at())]
    assert desk.run(simulated_upstox.addresses["upstox"], "--paste", *flags) in (1, 2)
    assert said in desk.err
    assert ("Traceback" in desk.err) == bool(flags)
    assert desk.kept().token.reveal() == STORED_TOKEN
    assert list(desk.secrets.parent.iterdir()) == [desk.secrets]


def test_a_code_is_good_once(simulated_upstox: RunningSimulator, desk: Desk) -> None:
    desk.keep(simulated_upstox.addresses["upstox"])
    desk.typed = [CODE]
    assert desk.run(simulated_upstox.addresses["upstox"], "--paste") == 1
    said = desk.err
    assert "UDAPI100069" in said
    assert "'sos login --forget' lets you give others" in said


def test_a_wrong_secret_is_told_without_it(desk: Desk) -> None:
    desk.typed = [CODE]
    no = refused("UDAPI100068", f"Check your 'client_id': {HUSH} and {CODE} are wrong", 401)
    with serving([no]) as site:
        desk.keep(site.url)
        assert desk.run(site.url, "--paste", "--debug") == 1
    assert "Compare API key, secret and redirect address" in desk.err
    assert desk.kept().token.reveal() == STORED_TOKEN


@pytest.mark.parametrize(
    "answer",
    [
        refused("UDAPI100050", "Invalid token used to access API", 401), reply({}), reply("<html>", 200, "text/html"),
        good({"user_id": None}), reply("", 500),
    ],
)  # fmt: skip
def test_a_token_that_does_not_work_is_not_kept(desk: Desk, answer: bytes) -> None:

    def respond(request: Request) -> Step:
        if request.path.endswith("/token"):
            return reply({"access_token": "planted-token-9999", "user_id": "AB1"})
        return answer

    desk.typed = [CODE]
    with serving(respond) as site:
        desk.keep(site.url)
        assert desk.run(site.url, "--paste", "--debug") == 1
    assert desk.kept().token.reveal() == STORED_TOKEN


def test_a_token_is_pasted(simulated_upstox: RunningSimulator, desk: Desk) -> None:
    desk.typed = [FIRST_TOKEN]
    assert desk.run(simulated_upstox.addresses["upstox"], "--token") == 0
    login = desk.kept()
    assert (login.user, login.api_key, login.expires) == ("SIM001", "", moment("2026-01-14 03:30"))


def test_a_token_is_piped_in_and_what_is_kept_of_the_app_stays(simulated_upstox: RunningSimulator, desk: Desk) -> None:
    desk.keep(simulated_upstox.addresses["upstox"])
    desk.pipe(f"{FIRST_TOKEN}\n")
    assert desk.run(simulated_upstox.addresses["upstox"], "--token") == 0
    login = desk.kept()
    assert (login.token.reveal(), login.api_key, login.api_secret.reveal()) == (FIRST_TOKEN, "kept-key", HUSH)


def test_what_upstox_calls_the_user_does_not_steer_the_terminal(desk: Desk) -> None:
    desk.pipe(STORED_TOKEN)
    with serving([good(PROFILE)]) as site:
        assert desk.run(site.url, "--token") == 0
    assert "Logged in as AB?[31m1;" in desk.out


@pytest.mark.parametrize("token", ["", "two words", "tökén", "line\nother", "tok\udcffen", "tok\0en"])
def test_what_can_be_no_token_is_refused(simulated_upstox: RunningSimulator, desk: Desk, token: str) -> None:
    desk.pipe(token)
    assert desk.run(simulated_upstox.addresses["upstox"], "--token", "--debug") in (1, 2)
    assert not desk.secrets.exists()


def test_nobody_comes(
    simulated_upstox: RunningSimulator, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.keep(simulated_upstox.addresses["upstox"])
    monkeypatch.setattr(command, "PATIENCE_S", 0.01)
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("there is no screen"))
    assert desk.run(simulated_upstox.addresses["upstox"], "--redirect", redirect()) == 1
    said = desk.err
    assert "Nobody logged in within 0.01 s" in said
    assert "Open in a browser on this machine" in said


def test_a_port_in_use_names_another_way(simulated_upstox: RunningSimulator, desk: Desk) -> None:
    desk.keep(simulated_upstox.addresses["upstox"])
    assert desk.run(simulated_upstox.addresses["upstox"], "--redirect", simulated_upstox.addresses["upstox"]) == 2
    assert "--paste" in desk.err


def test_ctrl_c_while_waiting_says_what_was_kept(
    simulated_upstox: RunningSimulator, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.keep(simulated_upstox.addresses["upstox"])

    def interrupted(_: str) -> bool:
        raise KeyboardInterrupt

    desk.browse(trader)
    monkeypatch.setattr(webbrowser, "open", interrupted)
    before = {thread.name for thread in threading.enumerate()}
    assert desk.run(simulated_upstox.addresses["upstox"], "--redirect", redirect()) == 130
    assert desk.err.endswith("sos: Stopped; nobody was logged in, and what was stored is unchanged.\n")
    assert {thread.name for thread in threading.enumerate()} <= before
    assert desk.kept().token.reveal() == STORED_TOKEN


def test_a_file_others_can_read_is_refused_before_anything_is_sent(desk: Desk) -> None:
    with serving([reply({})]) as site:
        desk.keep(site.url)
        desk.secrets.chmod(0o644)
        for flags in (["--token"], ["--paste"], [], ["--status"]):
            assert desk.run(site.url, *flags) == 2
        assert site.requests == []
    desk.secrets.chmod(0o600)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({}, 0, "Logged in as OLD1; the token ends 13 Jan 2026 10:30 IST."),
        ({"expires": 0, "user": ""}, 0, "Logged in as an unknown user; the token ends at an unknown time."),
        ({"expires": NOW}, 1, "The token ended 13 Jan 2026 10:30 IST. Run 'sos login'."),
        ({"token": Secret("")}, 1, "Nobody is logged in. Run 'sos login'."),
    ],
)
def test_the_status_is_told_and_asked_of_nobody(
    desk: Desk, changes: dict[str, object], status: int, said: str
) -> None:
    desk.keep(NOBODY, **changes)
    assert desk.run(NOBODY, "--status") == status
    assert desk.out == f"SIMULATED, at {NOBODY}: {said}\n"


def test_nobody_is_logged_in_on_a_fresh_machine(desk: Desk) -> None:
    assert desk.run(NOBODY, "--status") == 1
    assert desk.run(NOBODY, "--forget") == 0
    assert "There was nothing to forget." in desk.out


def test_forgetting_ends_the_token_and_deletes_everything(simulated_upstox: RunningSimulator, desk: Desk) -> None:
    desk.typed = ["my-key", HUSH]
    desk.browse(trader)
    assert desk.run(simulated_upstox.addresses["upstox"], "--redirect", redirect()) == 0
    token = desk.kept().token
    assert desk.run(simulated_upstox.addresses["upstox"], "--forget") == 0
    assert not desk.secrets.exists()
    desk.pipe(token.reveal())
    assert desk.run(simulated_upstox.addresses["upstox"], "--token") == 1


@pytest.mark.parametrize("content", ["{", json.dumps({"upstox": {"token": STORED_TOKEN, "expires": 1 << 61}})])
def test_what_is_damaged_or_cannot_be_ended_is_forgotten_all_the_same(
    desk: Desk, content: str
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    desk.keep(url)
    content = content.replace("upstox", account_of(url))
    desk.secrets.write_text(content, encoding="utf-8")
    assert desk.run(url, "--forget") == 0
    assert "damaged" in desk.err or content != "{"
    assert not desk.secrets.exists()


@pytest.mark.parametrize("flag", ["--token", "--status", "--forget"])
def test_a_redirect_is_for_browsers_only(desk: Desk, flag: str) -> None:
    assert desk.run(NOBODY, flag, "--redirect", "http://127.0.0.1:1/") == 2


def test_a_window_is_opened_only_where_there_is_a_screen() -> None:
    assert not command._can_open({}, "linux")
    assert command._can_open({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert command._can_open({}, "darwin")


def test_no_flag_takes_a_secret(desk: Desk) -> None:
    assert desk.run(NOBODY, "--help") == 0
    flags = [line.split() for line in desk.out.splitlines() if line.startswith("  --")]
    valued = {words[0] for words in flags if words[1].isupper()}
    assert valued == {"--redirect", "--config"}
