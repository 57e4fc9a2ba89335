"""Answers of the simulated vendors, each written in one go, gzipped where the client says it understands that."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

_ENCODER = msgspec.json.Encoder()


def as_json(
    request: web.Request, content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON answer; equal contents give equal bytes."""
    return answer(request, _ENCODER.encode(content), "application/json; charset=utf-8", status, headers)


def as_page(request: web.Request, page: str, status: int = 200) -> web.Response:
    """An HTML answer."""
    return answer(request, page.encode(), "text/html; charset=utf-8", status)


def answer(
    request: web.Request, body: bytes, content_type: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """An answer of these bytes; never brotli, which not every client can undo."""
    every = {"Content-Type": content_type, "Vary": "Accept-Encoding", **(headers or {})}
    offered = request.headers.get("Accept-Encoding", "").lower()
    if "gzip" in offered and len(body) > 200:
        every["Content-Encoding"] = "gzip"
        body = gzip.compress(body, compresslevel=5, mtime=0)
    return web.Response(body=body, status=status, headers=every)
