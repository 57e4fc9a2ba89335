"""Upstox's login: the address of its dialog, the exchange of its code for a token, when a token ends, logging out."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec
from upstox_client import LoginApi

from sos_actors.errors import TokenRefusedError, VendorAnswerError, VendorBusyError, VendorError, VendorUnreachableError
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, Secret, UnixNanos
from sos_actors.vendors.upstox import fields
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.rest_wire import VENDOR

_ROLL_S = 3 * 3600 + 1800
"""Tokens end at 03:30 in India. Source: Upstox's login page, 2026."""
_DAY_S = 86_400
_LATEST_S = 4_102_444_800


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A token, when it ends, and whose it is."""

    token: Secret
    expires: UnixNanos
    user: str


class _Claims(msgspec.Struct):
    exp: float


def dialog_url(rest_url: str, client_id: str, redirect_uri: str, state: str) -> str:
    """Where the trader logs in, in a browser.

    Args:
        rest_url: of the settings.
        client_id: the app's API key.
        redirect_uri: exactly as registered.
        state: random; it must come back with the code.
    """
    query = {"response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "state": state}
    return f"{rest_url.rstrip('/')}/v2/login/authorization/dialog?{urlencode(query)}"


def exchange_code(
    connection: UpstoxConnection, code: Secret, client_id: str, client_secret: Secret, redirect_uri: str
) -> TokenGrant:
    """Exchange the code of the redirect for a token. A code works once, even when this fails.

    Raises:
        TokenRefusedError: the code, the key, the secret or the redirect address is not accepted.
        VendorError: no answer that is data.
    """
    try:
        document = connection.call(
            LoginApi(connection.sdk).token,
            "2.0",
            code=code.reveal(),
            client_id=client_id,
            client_secret=client_secret.reveal(),
            redirect_uri=redirect_uri,
            grant_type="authorization_code",
            anonymous=True,
            flat=True,
            secrets=(code, client_secret),
        )
    except (VendorUnreachableError, VendorBusyError):
        raise
    except VendorError as error:
        if not error.code:
            raise
        advice = "Compare API key, secret and redirect address with the app, then run 'sos login' again."
        raise TokenRefusedError(VENDOR, f"Upstox gave no token. {error} {advice}", error.code) from error
    if not isinstance(document.get("access_token"), str) or not document["access_token"]:
        raise VendorAnswerError(VENDOR, "Upstox's answer to the login holds no token. Run 'sos login' again.")
    token = Secret(document["access_token"])
    return TokenGrant(token, token_end(token, connection.clock()), fields.words(document, "user_id"))


def token_end(token: Secret, now: UnixNanos) -> UnixNanos:
    """When a token ends: what it says itself if it is a JWT, else the next 03:30 in India after ``now``."""
    return _claimed_end(token) or UnixNanos(_next_roll_s(now // NANOS_PER_SECOND) * NANOS_PER_SECOND)


def logout(connection: UpstoxConnection) -> None:
    """End the token at Upstox.

    Raises:
        VendorError: it may still be good.
    """
    document = connection.call(LoginApi(connection.sdk).logout, "2.0")
    if document["data"] is not True:
        raise VendorAnswerError(VENDOR, "Upstox did not say that the token has ended.")


def _claimed_end(token: Secret) -> UnixNanos | None:
    """The ``exp`` of a JWT; None when it cannot be read."""
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return None
    try:
        packed = parts[1] + "=" * (-len(parts[1]) % 4)
        end = msgspec.json.decode(base64.urlsafe_b64decode(packed), type=_Claims).exp
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        return None
    return UnixNanos(int(end) * NANOS_PER_SECOND) if 0 < end < _LATEST_S else None


def _next_roll_s(now_s: int) -> int:
    """Epoch seconds of the next 03:30 in India."""
    since_roll = (now_s + IST_OFFSET_S - _ROLL_S) % _DAY_S
    return now_s - since_roll + _DAY_S
