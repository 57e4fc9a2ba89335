"""The wire under Upstox's SDK: one request, one answer, every wait and every body bounded, nothing repeated.

It stands where the SDK's own ``rest_client`` would, which repeats requests silently and waits without end.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from sos_actors.config import is_loopback_host
from sos_actors.errors import VendorAnswerError, VendorUnreachableError

VENDOR = "upstox"
MOST_BYTES = 64 * 1024 * 1024
"""The largest answer that is read, unpacked; the instrument file of all of NSE comes packed and has 2 MB."""
WHOLE_ANSWER = 3
"""An answer must be complete within so many read time-outs; a peer that trickles is given up then."""
_CHUNK = 65_536
_POOL = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status.

    Attributes:
        place: ``GET api.upstox.com/v2/user/profile``, without the query: what messages name.
        headers: by lower-case name.
    """

    place: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class _TimedReader(io.RawIOBase):
    """A socket's reading side that ends at a moment, however slowly the peer trickles."""

    def __init__(self, sock: socket.socket, read_s: float) -> None:
        self._sock, self._read_s = sock, read_s
        self._raw = sock.makefile("rb", buffering=0)
        self._until = time.monotonic() + WHOLE_ANSWER * read_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer came too slowly")
        self._sock.settimeout(min(self._read_s, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """Gives ``http.client`` the reading side it asks a socket for."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._sock.gettimeout() or 1.0))


class _TimedResponse(http.client.HTTPResponse):
    """A response, headers and body, that ends at a moment."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_TimedSocket(sock), *args, **kwargs)  # type: ignore[arg-type]


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Wire:
    """Sends what the SDK made of a call. Thread-safe. The method names are those the SDK calls.

    Certificates are checked against the machine's store and certifi's; a proxy of the environment serves https.
    """

    def __init__(self) -> None:
        self._plain = _paired(urllib3.PoolManager(maxsize=_POOL))
        self._lock = Lock()
        self._secure: tuple[urllib3.PoolManager, urllib3.PoolManager | None] | None = None

    def GET(self, url: str, **kwargs: Any) -> Answer:  # noqa: N802
        """Ask; the SDK's name."""
        return self.request("GET", url, **kwargs)

    def POST(self, url: str, **kwargs: Any) -> Answer:  # noqa: N802
        """Send, once; the SDK's name."""
        return self.request("POST", url, **kwargs)

    def PUT(self, url: str, **kwargs: Any) -> Answer:  # noqa: N802
        """Change, once; the SDK's name."""
        return self.request("PUT", url, **kwargs)

    def DELETE(self, url: str, **kwargs: Any) -> Answer:  # noqa: N802
        """Take back, once; the SDK's name."""
        return self.request("DELETE", url, **kwargs)

    def request(
        self,
        method: str,
        url: str,
        *,
        query_params: Sequence[tuple[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        post_params: Sequence[tuple[str, Any]] | None = None,
        _preload_content: bool = False,
        _request_timeout: tuple[float, float],
    ) -> Answer:
        """Send one request and read its answer whole.

        Args:
            method: of HTTP.
            url: without a query.
            query_params: as the SDK has them.
            headers: as the SDK has them.
            body: sent as JSON, ``{}`` when there is none.
            post_params: sent as a form, instead of the body.
            _request_timeout: seconds for the connection, seconds for an answer.

        Raises:
            VendorUnreachableError: refused, reset, not found, timed out.
            VendorAnswerError: larger than ``MOST_BYTES``, or packed in a way that cannot be unpacked.
        """
        parts = urlsplit(url)
        place = f"{method} {parts.hostname}{unquote(parts.path)}"
        sent: bytes | None = None
        if method != "GET":
            sent = urlencode(post_params).encode() if post_params else json.dumps(body or {}, allow_nan=False).encode()
        connect_s, read_s = _request_timeout
        try:
            response = self._manager(parts.scheme, parts.hostname or "").request(
                method,
                f"{url}?{urlencode(query_params)}" if query_params else url,
                body=sent,
                headers={"Accept-Encoding": "gzip", **(headers or {})},
                timeout=urllib3.Timeout(connect=connect_s, read=read_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            content = _whole(response, place)
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            raise _translated(error, place, connect_s, read_s) from error
        return Answer(place, response.status, {k.lower(): v for k, v in response.headers.items()}, content)

    def close(self) -> None:
        """Close every connection."""
        for manager in filter(None, (self._plain, *(self._secure or ()))):
            _close(manager)

    def _manager(self, scheme: str, host: str) -> urllib3.PoolManager:
        if scheme != "https":
            return self._plain
        with self._lock:
            self._secure = self._secure or _secure_managers()
        direct, proxied = self._secure
        return direct if proxied is None or is_loopback_host(host) or proxy_bypass(host) else proxied


def _secure_managers() -> tuple[urllib3.PoolManager, urllib3.PoolManager | None]:
    """For https: straight, and through the environment's proxy if it names one. Reading certificates takes a while."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    proxy = getproxies().get("https")
    direct = urllib3.PoolManager(maxsize=_POOL, ssl_context=context)
    through = urllib3.ProxyManager(proxy, maxsize=_POOL, ssl_context=context) if proxy else None
    return _paired(direct), _paired(through) if through else None


def _close(manager: urllib3.PoolManager) -> None:
    """Close a manager's pools; only forgotten, one stays open for as long as an error that leads to it is kept."""
    keys = manager.pools.keys()
    for pool in filter(None, [manager.pools.get(key) for key in keys]):
        pool.close()
    manager.clear()


def _paired(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """The manager with our pools, whose answers end at a moment."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def _whole(response: urllib3.BaseHTTPResponse, place: str) -> bytes:
    """The body; the connection goes back to its pool when the body has ended, and is closed when it has not."""
    content = bytearray()
    try:
        while chunk := response.read1(_CHUNK):
            content += chunk
            if len(content) > MOST_BYTES:
                raise VendorAnswerError(VENDOR, f"{place} sent more than {MOST_BYTES >> 20} MB; that is no answer.")
    except BaseException:
        response.close()
        raise
    response.release_conn()
    return bytes(content)


def _translated(
    error: Exception, place: str, connect_s: float, read_s: float
) -> VendorUnreachableError | VendorAnswerError:
    """Our error for one of urllib3, http.client or the socket."""
    kinds = urllib3.exceptions
    if isinstance(error, kinds.DecodeError):
        return VendorAnswerError(VENDOR, f"The answer to {place} is damaged: it cannot be unpacked.")
    if isinstance(error, kinds.NameResolutionError):
        why = "the name is not known here. Check the network."
    elif isinstance(error, kinds.NewConnectionError):
        why = "the connection was refused. Check the address and the network."
    elif isinstance(error, kinds.ConnectTimeoutError):
        why = f"no connection within {connect_s:g} s. Check the network."
    elif isinstance(error, (kinds.ReadTimeoutError, TimeoutError)):
        why = f"no whole answer within {read_s:g} to {WHOLE_ANSWER * read_s:g} s."
    elif isinstance(error, (kinds.SSLError, ssl.SSLError)):
        why = "its certificate was not accepted, or the encryption broke. Check the clock, proxies and the network."
    elif isinstance(error, (kinds.ProxyError, kinds.ProxySchemeUnknown, kinds.ProxySchemeUnsupported)):
        why = "the proxy did not connect. Check https_proxy."
    else:
        why = "the connection broke. Check the network."
    return VendorUnreachableError(VENDOR, f"{place}: {why}")
