"""The login: its address, the exchange of the code, when a token ends, and no secret in any message."""

from __future__ import annotations

import base64
import json
import traceback
from urllib.parse import parse_qs, urlsplit

import pytest

from sos_actors.errors import TokenRefusedError, VendorAnswerError, VendorBusyError, VendorError, VendorUnreachableError
from sos_actors.types import NANOS_PER_SECOND, Secret, UnixNanos
from sos_actors.vendors.upstox.login import TokenGrant, dialog_url, exchange_code, logout, token_end
from tests.vendors.scripted import Step, page, reply, reset
from tests.vendors.upstox.connected import Rig, at, connected, good, refused

CODE, HUSH = "the-code-31415", "the-secret-27182"
GRANTED = reply({"user_id": "AB1", "access_token": "fresh-token", "extended_token": None, "is_active": True})


def jwt(claims: object) -> str:
    packed = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{packed}.sig"


def exchange(rig: Rig) -> TokenGrant:
    return exchange_code(rig.connection, Secret(CODE), "my-key", Secret(HUSH), "http://127.0.0.1:8000/")


def test_the_dialogs_address_carries_what_upstox_wants() -> None:
    url = urlsplit(dialog_url("https://api.upstox.com/", "my key", "http://127.0.0.1:8000/", "r4nd"))
    assert (url.netloc, url.path) == ("api.upstox.com", "/v2/login/authorization/dialog")
    assert {name: values[0] for name, values in parse_qs(url.query).items()} == {
        "response_type": "code", "client_id": "my key", "redirect_uri": "http://127.0.0.1:8000/", "state": "r4nd",
    }  # fmt: skip


def test_a_code_is_exchanged_for_a_token_that_ends_at_half_past_three() -> None:
    with connected([GRANTED], token=None, now="2026-01-13 08:00:00") as rig:
        grant = exchange(rig)
    assert (grant.token.reveal(), grant.user, grant.expires) == ("fresh-token", "AB1", at("2026-01-14 03:30:00"))
    assert "fresh-token" not in repr(grant)
    [request] = rig.site.requests
    assert (request.method, request.path) == ("POST", "/v2/login/authorization/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert {name: values[0] for name, values in parse_qs(request.body.decode()).items()} == {
        "code": CODE, "client_id": "my-key", "client_secret": HUSH, "redirect_uri": "http://127.0.0.1:8000/",
        "grant_type": "authorization_code",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (refused("UDAPI100057", f"Invalid auth code {CODE} for {HUSH}", 401), TokenRefusedError),
        (refused("UDAPI100016", "Invalid credentials", 400), TokenRefusedError),
        (refused("UDAPI10005", "Too many", 429), VendorBusyError),
        (page(status=500), VendorBusyError),
        (page(), VendorAnswerError),
        (reply({}), VendorAnswerError),
        (reply({"user_id": "AB1"}), VendorAnswerError),
        (reply({"access_token": None}), VendorAnswerError),
        (reset, VendorUnreachableError),
    ],
)
def test_a_login_that_fails_is_sent_once_and_tells_no_secret(step: Step, kind: type[VendorError]) -> None:
    with connected([step], token=None) as rig, pytest.raises(kind) as caught:
        exchange(rig)
    assert type(caught.value) is kind
    assert len(rig.site.requests) == 1
    shown = "".join(traceback.format_exception(caught.value))
    assert CODE not in shown
    assert HUSH not in shown
    if kind is TokenRefusedError:
        assert "'sos login'" in str(caught.value)


@pytest.mark.parametrize(
    ("token", "now", "end"),
    [
        ("opaque", "2026-01-13 02:30:00", "2026-01-13 03:30:00"),
        ("opaque", "2026-01-13 03:30:00", "2026-01-14 03:30:00"),
        ("opaque", "2026-12-31 23:59:59", "2027-01-01 03:30:00"),
        (jwt({"exp": at("2026-01-20 12:00:00") // NANOS_PER_SECOND}), "2026-01-13 02:30:00", "2026-01-20 12:00:00"),
        (jwt({"exp": "soon"}), "2026-01-13 08:00:00", "2026-01-14 03:30:00"),
        (jwt({"exp": -5}), "2026-01-13 08:00:00", "2026-01-14 03:30:00"),
        (jwt({"exp": 1e300}), "2026-01-13 08:00:00", "2026-01-14 03:30:00"),
        (jwt([]), "2026-01-13 08:00:00", "2026-01-14 03:30:00"),
        ("a.!!!.c", "2026-01-13 08:00:00", "2026-01-14 03:30:00"),
        ("a.\u20ac.c", "2026-01-13 08:00:00", "2026-01-14 03:30:00"),
        ("..", "2026-01-13 08:00:00", "2026-01-14 03:30:00"),
    ],
)
def test_a_token_ends_when_it_says_or_else_at_half_past_three(token: str, now: str, end: str) -> None:
    assert token_end(Secret(token), UnixNanos(at(now))) == at(end)


def test_logging_out_ends_the_token_at_upstox() -> None:
    with connected([good(True), good(False)]) as rig:
        logout(rig.connection)
        with pytest.raises(VendorAnswerError, match="ended"):
            logout(rig.connection)
    assert (rig.site.requests[0].method, rig.site.requests[0].path) == ("DELETE", "/v2/logout")
