"""How Upstox says yes and no: the success and error envelopes, and which moment an answer is about."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.world import World
from sos_actors.types import UnixNanos

VENDOR = "upstox"
JSON = "application/json"
_encode = msgspec.json.Encoder().encode
_STATUS_CODES = {
    400: ("UDAPI100036", "Invalid Input"),
    401: ("UDAPI100050", "Invalid token used to access API"),
    403: ("UDAPI100067", "The API you are trying to access is not permitted with this token"),
    404: ("UDAPI100060", "Resource not Found."),
    405: ("UDAPI10000", "This request is not supported by Upstox API"),
    429: ("UDAPI10005", "Too Many Request Sent"),
}
"""Code and text Upstox's gateway sends with a status. Source: the appendix of its documentation, 2026."""
_OTHERWISE = ("UDAPI100500", "Something went wrong... please contact us")


class UpstoxRefusal(Exception):  # noqa: N818 - a refusal, as the vendor sees it
    """Upstox refuses a request; the app turns it into the error envelope.

    Args:
        status: HTTP status.
        code: ``UDAPI...``.
        message: as the vendor words it.
        field: the parameter it is about.
        value: what was wrong with it.
    """

    def __init__(self, status: int, code: str, message: str, *, field: str | None = None, value: object = None) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status, self.code, self.message = status, code, message
        self.field, self.value = field, value


def error_entry(code: str, message: str, field: str | None = None, value: object = None) -> dict[str, Any]:
    """One entry of ``errors``, in the deprecated camel case and in snake case, as the vendor sends both."""
    return {
        "errorCode": code,
        "message": message,
        "propertyPath": field,
        "invalidValue": value,
        "error_code": code,
        "property_path": field,
        "invalid_value": value,
    }


def json_response(document: object, status: int = 200) -> web.Response:
    """Any document as JSON; what is not a number becomes null."""
    return bytes_response(_encode(document), status)


def bytes_response(body: bytes, status: int = 200) -> web.Response:
    """JSON that is encoded already."""
    return web.Response(body=body, status=status, content_type=JSON)


def success(data: object, **more: object) -> web.Response:
    """The success envelope around ``data``, with further keys beside it, such as ``metadata``."""
    return json_response({"status": "success", "data": data, **more})


def refusal_response(refusal: UpstoxRefusal) -> web.Response:
    """The error envelope of a refusal."""
    entry = error_entry(refusal.code, refusal.message, refusal.field, refusal.value)
    return json_response({"status": "error", "errors": [entry]}, refusal.status)


def error_body(status: int) -> tuple[bytes, str]:
    """Body and content type of a bare HTTP status, for faults."""
    entry = error_entry(*_STATUS_CODES.get(status, _OTHERWISE))
    return _encode({"status": "error", "errors": [entry]}), JSON


def gateway_refusal(status: int) -> UpstoxRefusal:
    """What the gateway says when no API is concerned, such as an unknown path."""
    return UpstoxRefusal(status, *_STATUS_CODES.get(status, _OTHERWISE))


def moment(world: World, path: str) -> UnixNanos:
    """The moment an answer on ``path`` describes: now, or when its staleness began."""
    stale = world.faults.standing(VENDOR, FaultKind.STALE, path)
    return UnixNanos(stale.begun) if stale else world.now(VENDOR)
