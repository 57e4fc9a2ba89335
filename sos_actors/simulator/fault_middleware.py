"""Faults of HTTP answers, and of the handshake of a socket, around every handler of a simulated vendor.

``server`` puts it outermost. Refused ports are the server's, frames are ``fault_socket``'s, and expired tokens, skewed
clocks and stale answers are the vendors' own.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from email.utils import formatdate
from zlib import crc32

import numpy as np
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.request_log import AnsweredRequest
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_SECOND

ERROR_BODY: web.AppKey[Callable[[int], tuple[bytes, str]]] = web.AppKey("ERROR_BODY")
"""Body and content type a vendor sends with an HTTP status; an application may set it."""

HTML_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>"
    "<body><h1>Please wait while we check your browser</h1></body></html>\n"
)
WRONG_JSON = '{"status":"success","data":["unexpected"],"head":[],"body":[],"records":null}'
"""Looks like success at every vendor, holds no vendor's data."""

_INSTEAD = (
    FaultKind.DROP,
    FaultKind.MUTE,
    FaultKind.STATUS,
    FaultKind.EMPTY,
    FaultKind.HTML,
    FaultKind.WRONG_JSON,
)
_PAGES = {
    FaultKind.EMPTY: ("{}", "application/json"),
    FaultKind.HTML: (HTML_PAGE, "text/html"),
    FaultKind.WRONG_JSON: (WRONG_JSON, "application/json"),
}
_GONE_CHECK_S = 0.02


def fault_middleware(world: World, vendor: str) -> Middleware:
    """The middleware of a vendor's application; also tells the vendor's time as ``Date``, and notes every request."""

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        status = 500  # what aiohttp answers when the handler fails
        try:
            response, withheld = await _with_faults(world, vendor, request, handler)
            status = 0 if withheld else response.status
            if not response.prepared:  # a socket's head has gone out long ago
                response.headers["Date"] = formatdate(world.now(vendor) // NANOS_PER_SECOND, usegmt=True)
        finally:
            asked = AnsweredRequest(world.clock.now(), vendor, request.method, request.path, status)
            world.requests.add(asked, _route(request))
        return response

    return around


async def _with_faults(
    world: World, vendor: str, request: web.Request, handler: Handler
) -> tuple[web.StreamResponse, bool]:
    """The answer, and whether the client never gets it."""
    book, path = world.faults, request.path
    upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    instead = book.take(vendor, path, _INSTEAD)
    if upgrade:
        await _delay(book.take(vendor, path, [FaultKind.DELAY]))
    if instead is not None:
        return await _instead(request, instead)
    if upgrade:
        return await _socket(request, handler), False
    response = await _answer(request, handler)
    await _delay(book.take(vendor, path, [FaultKind.DELAY]))
    if book.take(vendor, path, [FaultKind.LOST_ACK]) is not None:
        reset_connection(request.transport)
        return response, True
    if isinstance(response, web.Response) and isinstance(response.body, bytes | bytearray):
        fault = book.take(vendor, path, [FaultKind.CORRUPT])
        if fault is not None:
            response.body = corrupted(bytes(response.body), world.seed, vendor, fault)
    return response, False


async def _socket(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The life of a socket; that its connection is gone when a frame is sent is an ordinary end of it."""
    try:
        return await _answer(request, handler)
    except ConnectionResetError:
        return web.Response()


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The handler's answer, also where it raised it."""
    try:
        return await handler(request)
    except web.HTTPException as raised:
        headers = {name: value for name, value in raised.headers.items() if name != "Content-Length"}
        return web.Response(status=raised.status, reason=raised.reason, body=raised.body, headers=headers)


async def _instead(request: web.Request, fault: Fault) -> tuple[web.StreamResponse, bool]:
    """The answer a fault puts in the place of the vendor's; the request is not carried out."""
    if fault.kind is FaultKind.DROP:
        reset_connection(request.transport)
        return web.Response(), True
    if fault.kind is FaultKind.MUTE:
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(_GONE_CHECK_S)
        return web.Response(), True
    if fault.kind is FaultKind.STATUS:
        body_of = request.app.get(ERROR_BODY, _plain_error)
        body, content_type = body_of(fault.status)
        return web.Response(status=fault.status, body=body, headers={"Content-Type": content_type}), False
    text, content_type = _PAGES[fault.kind]
    return web.Response(text=text, content_type=content_type), False


async def _delay(fault: Fault | None) -> None:
    if fault is not None:
        await asyncio.sleep(max(fault.seconds, 0.0))


def _plain_error(status: int) -> tuple[bytes, str]:
    return f"{status}\n".encode(), "text/plain; charset=utf-8"


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "(no such path)"


def reset_connection(transport: asyncio.BaseTransport | None) -> None:
    """End a connection with a TCP reset instead of an orderly close; what was not sent yet is lost."""
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()


def corrupted(content: bytes, seed: int, vendor: str, fault: Fault) -> bytes:
    """The bytes with the first and some others inverted, the same ones for the same content, seed and fault.

    The first byte makes it evident: no JSON, gzip stream, page or protobuf frame of these vendors begins like that. A
    flip that leaves a well-formed number behind is none a client could ever notice, nor one that TCP lets through.
    """
    damaged = bytearray(content)
    for place in corrupt_places(len(content), seed, vendor, fault, crc32(content)):
        damaged[place] ^= 0xFF
    return bytes(damaged)


def corrupt_places(length: int, seed: int, vendor: str, fault: Fault, key: int) -> list[int]:
    """Which bytes are flipped: the first, and one in a hundred of the others."""
    if length == 0:
        return []
    root = np.random.SeedSequence([seed, crc32(vendor.encode()), fault.id, key])
    numbers = np.random.Generator(np.random.PCG64(root))
    others = numbers.integers(1, length, size=length // 100 + 1) if length > 1 else ()
    return sorted({0, *(int(place) for place in others)})
