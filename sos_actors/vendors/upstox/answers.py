"""What an answer of Upstox means: its document, or the error of ours that says what to do about it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from sos_actors.errors import (
    OrderRefusedError,
    TokenRefusedError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
)
from sos_actors.vendors.upstox.rest_wire import VENDOR, Answer

UNKNOWN_KEY = "UDAPI100011"
"""Upstox lists no such instrument."""
UNKNOWN_ORDER = "UDAPI100010"
NOTHING_TO_EXIT = "UDAPI1108"
PLUS_PLAN = "UDAPI1149"
LOG_IN = "Run 'sos login'."
_TOKEN_CODES = frozenset({"UDAPI100050"})
_TOO_MANY, _IN_TROUBLE = "UDAPI10005", "UDAPI100500"
_NOT_FOR_US = {
    PLUS_PLAN: "Expired contracts need the Upstox Plus plan.",
    "UDAPI1154": "Orders are taken from the registered static IP only: compare it with this machine's address (IPv4 "
    "and IPv6 differ) in Upstox's developer portal; after a change of address, run 'sos login'.",
    "UDAPI1156": "The name in [upstox] algo_name is not the registered one.",
    "UDAPI1161": "MCX is closed to the API.",
    "UDAPI1179": "The static IP was not accepted.",
    "UDAPI1180": "The static IP was not accepted.",
    "UDAPI1181": "No such segment or static IP.",
    "UDAPI1184": "Close the segment's open positions first.",
    "UDAPI1185": "The segment may be enabled again 12 hours after it was disabled.",
    "UDAPI1186": "No such segment.",
    "UDAPI1187": "The segment's open orders could not be cancelled.",
    "UDAPI1188": "Only ENABLE and DISABLE are known.",
    "UDAPI100049": "This app may not place orders.",
    "UDAPI100067": "This kind of token may not ask for it. Run 'sos login'.",
    "UDAPI100072": "Upstox serves this in its service hours only.",
    "UDAPI100073": "The app is inactive: see Upstox's developer portal.",
    "UDAPI100074": "Upstox serves this from 05:30 to 24:00 in India only.",
}
"""Codes after which asking again changes nothing, with what to do. Source: Upstox's error pages, 2026."""


class _Problem(NamedTuple):
    code: str
    message: str


def document_of(answer: Answer, *, order: bool = False, flat: bool = False) -> dict[str, Any]:
    """The document of a good answer, ``status`` success or partial_success.

    Args:
        answer: whatever came back.
        order: whether the call would place, change or cancel orders: a refusal is then an OrderRefusedError.
        flat: the document has no envelope (the login's).

    Raises:
        VendorError: see ``errors``: token, refusal, too many requests, trouble, no data.
    """
    document = _decoded(answer.body)
    if not 200 <= answer.status < 300:
        raise refusal(answer, document, order=order)
    if not isinstance(document, dict) or not document:
        raise VendorAnswerError(VENDOR, f"The answer to {answer.place} is no data: {_shape(answer, document)}.")
    status = document.get("status")
    if status == "error":
        raise refusal(answer, document, order=order)
    if not flat and (status not in ("success", "partial_success") or "data" not in document):
        raise VendorAnswerError(VENDOR, f"The answer to {answer.place} has not the form Upstox's answers have.")
    return document


def problems(document: Any) -> list[_Problem]:
    """Code and message of every error an envelope carries, in either spelling of the keys."""
    listed = document.get("errors") if isinstance(document, dict) else None
    return [
        _Problem(str(item.get("error_code") or item.get("errorCode") or ""), _plain(item.get("message")))
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict)
    ]


def _decoded(body: bytes) -> Any:
    """The JSON of a body; None when it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def refusal(answer: Answer, document: Any = None, *, order: bool = False) -> VendorError:
    """The error for an answer that says no; ``document`` is its body if that is JSON."""
    told = problems(document)
    code = told[0].code if told else ""
    said = "; ".join(f"{p.message or 'no reason given'} ({p.code or answer.status})" for p in told[:3])
    said = said or f"HTTP status {answer.status}"
    code = code or str(answer.status)
    if code in _TOKEN_CODES or answer.status == 401:
        message = f"{answer.place}: the token is missing, wrong or expired: {said}. {LOG_IN}"
        return TokenRefusedError(VENDOR, message, code)
    if answer.status == 429 or code == _TOO_MANY:
        return VendorBusyError(VENDOR, f"{answer.place}: too many requests: {said}.", "429", _retry_after(answer))
    if answer.status >= 500 or answer.status == 408 or code == _IN_TROUBLE:
        return VendorBusyError(VENDOR, f"{answer.place}: Upstox is in trouble: {said}.", code, _retry_after(answer))
    if answer.status == 403 or (code in _NOT_FOR_US and not (order and answer.status == 400)):
        advice = _NOT_FOR_US.get(code, "Look into the account and the app in Upstox's developer portal.")
        return VendorRefusedError(VENDOR, f"{answer.place} is not allowed: {said}. {advice}", code)
    if order and told:
        return OrderRefusedError(VENDOR, f"The order was refused: {said}. {_NOT_FOR_US.get(code, '')}".rstrip(), code)
    if 300 <= answer.status < 400:
        return VendorAnswerError(VENDOR, f"{answer.place} points elsewhere, which is not followed: {said}.", code)
    return VendorAnswerError(VENDOR, f"{answer.place} gave no data: {said}.", code)


def _shape(answer: Answer, document: Any) -> str:
    """In words what came instead of data."""
    if document is not None:
        return "an empty object" if document == {} else "JSON of another shape"
    start = answer.body[:200].lstrip().lower()
    if not start:
        return "nothing at all"
    return "a web page" if start.startswith(b"<") else "no JSON, or cut off"


def _retry_after(answer: Answer) -> float:
    """Seconds the vendor asks to wait; 0.0 when it does not say."""
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 0.0


def _plain(message: object) -> str:
    """A vendor's message as one short line."""
    return " ".join(str(message or "").split())[:300].rstrip(". ")
