"""Tokens: how one is got, how long it lives, and what ends it."""

from __future__ import annotations

import base64
import json
from datetime import date, time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN, Tokens, expiry_of
from sos_actors.simulator.world import Strictness
from tests.simulator.upstox.broker import Answer, Broker, broker
from tests.simulator.upstox.staged import NOON, staged_world

CLIENT = {"client_id": "app-1", "redirect_uri": "http://127.0.0.1:9/callback?kept=1"}
DIALOG, TOKEN, PROFILE = "/v2/login/authorization/dialog", "/v2/login/authorization/token", "/v2/user/profile"
FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "tests"}


def allow(upstox: Broker, state: str = "s t/1") -> dict[str, list[str]]:
    """Press the button of the login page; the query it leads back with."""
    body = urlencode({**CLIENT, "response_type": "code", "state": state})
    answer = upstox.ask(DIALOG, method="POST", body=body, token=None, headers=FORM)
    assert answer.status == 302
    target = urlsplit(answer.headers["Location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == "http://127.0.0.1:9/callback"
    return parse_qs(target.query)


def redeem(upstox: Broker, login_code: str, **changes: str) -> Answer:
    form = {**CLIENT, "client_secret": "hush", "grant_type": "authorization_code", "code": login_code} | changes
    return upstox.ask(TOKEN, method="POST", body=urlencode(form), token=None, headers=FORM)


def test_the_page_shows_a_form_that_carries_what_the_caller_gave() -> None:
    with broker(staged_world()) as upstox:
        page = upstox.ask(DIALOG, query={**CLIENT, "state": '"><script>'}, token=None)

    assert page.headers["Content-Type"].startswith("text/html")
    assert b'value="app-1"' in page.body
    assert b"<script>" not in page.body


def test_a_login_ends_in_a_token_that_works() -> None:
    with broker(staged_world()) as upstox:
        query = allow(upstox)
        answer = redeem(upstox, query["code"][0])
        profile = upstox.ask(PROFILE, token=answer.document["access_token"])

    assert query["state"] == ["s t/1"]
    assert query["kept"] == ["1"]
    assert "status" not in answer.document
    assert profile.data["user_id"] == answer.document["user_id"]


def test_a_code_works_once_even_if_it_was_refused() -> None:
    with broker(staged_world()) as upstox:
        code = allow(upstox)["code"][0]
        first = redeem(upstox, code, redirect_uri="http://127.0.0.1:9/elsewhere")
        second = redeem(upstox, code)

    assert (first.status, first.code) == (401, "UDAPI100068")
    assert (second.status, second.code) == (401, "UDAPI100069")


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ("client_id", "UDAPI1017"),
        ("redirect_uri", "UDAPI1018"),
        ("code", "UDAPI1022"),
        ("grant_type", "UDAPI1023"),
        ("client_secret", "UDAPI1024"),
    ],
)
def test_a_missing_field_is_named(missing: str, code: str) -> None:
    with broker(staged_world()) as upstox:
        assert redeem(upstox, "x", **{missing: ""}).code == code


def test_the_page_refuses_an_address_it_cannot_lead_back_to() -> None:
    with broker(staged_world()) as upstox:
        assert upstox.ask(DIALOG, query={"client_id": "a"}, token=None).code == "UDAPI1018"
        assert upstox.ask(DIALOG, query={"client_id": "a", "redirect_uri": "x"}, token=None).code == "UDAPI100068"


def test_a_token_says_when_it_dies() -> None:
    tokens = Tokens(staged_world())
    claims = tokens.issue().split(".")[1]
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))

    assert decoded["iss"] == "udapi-gateway-service"
    assert decoded["exp"] * 10**9 == moment_of(date(2026, 1, 14), time(3, 30))


@pytest.mark.parametrize(
    ("made", "day"),
    [(time(2, 30), 13), (time(3, 29, 59), 13), (time(3, 30), 14), (time(12), 14), (time(23, 59), 14)],
)
def test_a_token_dies_at_the_next_half_past_three(made: time, day: int) -> None:
    made_at = moment_of(date(2026, 1, 13), made)

    assert expiry_of(made_at) == moment_of(date(2026, 1, day), time(3, 30))


def test_after_half_past_three_a_token_is_refused() -> None:
    with broker(staged_world()) as upstox:
        upstox.world.clock.set(moment_of(date(2026, 1, 14), time(3, 29, 59)))
        before = upstox.ask(PROFILE)
        upstox.world.clock.step(1.0)
        after = upstox.ask(PROFILE)
        fresh = redeem(upstox, allow(upstox)["code"][0]).document["access_token"]
        again = upstox.ask(PROFILE, token=fresh)

    assert (before.status, again.status) == (200, 200)
    assert (after.status, after.code) == (401, "UDAPI100050")


def test_tokens_live_on_where_expiry_is_not_held() -> None:
    tokens = Tokens(world := staged_world(strictness=Strictness(token_expiry=False)))
    world.clock.set(NOON + 10 * 86_400 * 10**9)

    assert tokens.is_valid(FIRST_TOKEN)


def test_a_fault_kills_the_tokens_there_are_and_spares_those_made_after_it() -> None:
    tokens = Tokens(world := staged_world())
    old = tokens.issue()
    fault = world.faults.add(Fault("upstox", FaultKind.TOKEN_EXPIRED), world.clock.now())
    new = tokens.issue()

    assert [tokens.is_valid(token) for token in (FIRST_TOKEN, old, new)] == [False, False, True]
    world.faults.add(Fault("upstox", FaultKind.TOKEN_EXPIRED), world.clock.now())
    assert not tokens.is_valid(new)
    assert tokens.is_valid(tokens.issue())
    assert fault.id


def test_a_skewed_clock_expires_tokens_early() -> None:
    tokens = Tokens(world := staged_world())
    world.faults.add(Fault("upstox", FaultKind.CLOCK_SKEW, seconds=86_400.0))

    assert not tokens.is_valid(FIRST_TOKEN)


def test_logging_out_ends_the_token_and_no_other() -> None:
    with broker(staged_world()) as upstox:
        token = redeem(upstox, allow(upstox)["code"][0]).document["access_token"]
        out = upstox.ask("/v2/logout", method="DELETE", body="{}", token=token)
        after, other = upstox.ask(PROFILE, token=token), upstox.ask(PROFILE)

    assert out.data is True
    assert (after.status, other.status) == (401, 200)


@pytest.mark.parametrize("header", [None, "Basic eA==", "Bearer nonsense", "Bearer"])
def test_without_a_valid_token_nothing_is_told(header: str | None) -> None:
    headers = {"User-Agent": "tests"} | ({"Authorization": header} if header else {})
    with broker(staged_world()) as upstox:
        answer = upstox.ask(PROFILE, token=None, headers=headers)

    assert (answer.status, answer.code) == (401, "UDAPI100050")
    assert answer.document["status"] == "error"
    assert answer.document["errors"][0]["error_code"] == "UDAPI100050"


def test_an_unknown_path_and_a_wrong_method_get_the_envelope_too() -> None:
    with broker(staged_world()) as upstox:
        nowhere, wrong = upstox.ask("/v2/nowhere"), upstox.ask(PROFILE, method="POST", body="{}")

    assert (nowhere.status, nowhere.code) == (404, "UDAPI100060")
    assert (wrong.status, wrong.code) == (405, "UDAPI10000")


def test_asking_for_approval_says_until_when_it_can_be_given() -> None:
    with broker(staged_world()) as upstox:
        answer = upstox.post("/v3/login/auth/token/request/app-1", {"client_secret": "hush"}, token=None)
        without = upstox.post("/v3/login/auth/token/request/app-1", {}, token=None)

    assert answer.data["authorization_expiry"] == str(moment_of(date(2026, 1, 14), time(3, 30)) // 10**6)
    assert without.code == "UDAPI1024"
