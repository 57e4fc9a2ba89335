"""Nothing that looks like a secret gets through, and what a trader needs to read does."""

from __future__ import annotations

import secrets

import pytest

from sos_actors.app.masking import MASK, masked
from sos_actors.types import Secret

HIDDEN = "s3cr3tV4lueXYZ"


@pytest.mark.parametrize(
    "text",
    [
        f"access_token={HIDDEN}",
        f"GET https://api.upstox.com/v2/feed?requestId=1&code={HIDDEN}abcdefgh&x=1",
        f'{{"api_key": "{HIDDEN}", "a": 1}}',
        f"{{'Authorization': 'Bearer {HIDDEN}'}}",
        f"Authorization: Bearer {HIDDEN}",
        f"bearer {HIDDEN}",
        f"Authorization: Basic {HIDDEN}",
        f"SOS_BRIDGE_TOKEN={HIDDEN}",
        f"UPSTOX_API_SECRET: {HIDDEN}",
        f"password = {HIDDEN}",
        f"wss://user:{HIDDEN}@host/feed",
        f"Set-Cookie: {HIDDEN}; path=/",
    ],
)
def test_what_is_called_a_secret_is_masked_wherever_it_stands(text: str) -> None:
    assert HIDDEN not in masked(text)
    assert MASK in masked(text)


def test_a_web_token_and_random_text_are_masked_without_a_name() -> None:
    web = "eyJ0eXAiOiJKV1QiLCJrZXlfaWQi.eyJzdWIiOiI0QUIzQ0QiLCJqdGkiOi.sIgNaTuRe-x_1"
    random = "aB3" + secrets.token_urlsafe(32)
    assert masked(f"sent {web} to them") == f"sent {MASK} to them"
    assert masked(f"sent {random} to them") == f"sent {MASK} to them"
    assert masked(f"{Secret(random)}") == "Secret(***)"


@pytest.mark.parametrize(
    "text",
    [
        "order SOSx7f2-123-1-1 of NSE|FO|NIFTY 25600 CE 13 JAN 26 was rejected, code=UDAPI100050",
        "fingerprint 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "The token is expired: 'sos login'.",
        "/home/trader/sos/var/sos_timeseries_2026_01.db: database is locked",
        "NSE_EQ|INE002A01018 has no price; the tokens of 12 instruments are unknown",
        "exit code 1; status code: 429",
    ],
)
def test_what_a_trader_needs_stays(text: str) -> None:
    assert masked(text) == text
