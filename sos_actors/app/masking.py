"""Takes out of a text whatever looks like a secret, before it is logged or shown: the last line of defence.

The first is `types.Secret`, which never shows itself. A text too much masked costs little, a token in a log a lot.
"""

from __future__ import annotations

import re

MASK = "***"
_NAMED = re.compile(
    r"(?i)((?:[\w-]{0,40}(?:token|secret|password|passwd|api[_-]?key|cookie|signature|mpin|totp|otp)|authorization|code)"
    r"[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic)\s+)?([^\s\"'&,;)}\]]{4,})"
)
"""``access_token=...``, ``"api_key": "..."``, ``code=...`` in an address, ``Authorization: Bearer ...``."""
_BEARER = re.compile(r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}")
_WEB_TOKEN = re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+){1,2}")
_USER_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)")
_LONG = re.compile(r"[\w+-]{32,}")
_KINDS = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"\d"))
_HARMLESS_CODE = re.compile(r"[\w.-]{1,12}")
"""An error's code (``code=UDAPI100050``) is worth reading; a login's is longer."""


def masked(text: str) -> str:
    """The text without what looks like a token, a password, or the value of something called so."""
    text = _WEB_TOKEN.sub(MASK, text)
    text = _NAMED.sub(_named, text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    text = _USER_IN_ADDRESS.sub(MASK, text)
    return _LONG.sub(_long, text)


def _named(found: re.Match[str]) -> str:
    name, value = found[1], found[2]
    if re.match(r"(?i)[\"']?code\b", name) and _HARMLESS_CODE.fullmatch(value):
        return found[0]
    return name + MASK


def _long(found: re.Match[str]) -> str:
    """Random text has small and large letters and digits; a fingerprint in hexadecimal or a name has not."""
    return MASK if all(kind.search(found[0]) for kind in _KINDS) else found[0]
