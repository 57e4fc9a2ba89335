"""One websocket from dialling to its end, on websocket-client's low level, every wait with an end. No policy here."""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import certifi
import websocket

from sos_actors.errors import (
    TokenRefusedError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.types import Secret
from sos_actors.vendors.upstox.socket_bounds import LEAST_S, BoundSocket

_TEXT, _BINARY, _CLOSE = websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY, websocket.ABNF.OPCODE_CLOSE
_PORTS = {"ws": 80, "wss": 443}
_CLOSE_BOUND_S = 0.5
_PARTIAL_S = 0.25
"""How long the rest of a frame is waited for at a time; what has come is kept."""


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """Where to connect, once.

    Attributes:
        url: ``wss://...``; as a whole a secret, for its query opens the connection.
        headers: of the handshake; their values are secrets.
    """

    url: Secret
    headers: Mapping[str, Secret] = field(default_factory=dict)


class Frame(NamedTuple):
    """What came: ``kind`` is ``binary``, ``text``, ``close`` or ``sign`` (a ping or pong); ``code`` of a close."""

    kind: str
    payload: bytes = b""
    code: int = 0


class SocketWire:
    """A websocket used by one thread; only ``interrupt`` and ``wake`` may be called from others.

    Args:
        vendor: named in errors.
        tls: how certificates are verified; by the system's and certifi's authorities unless given.
    """

    def __init__(self, vendor: str, tls: ssl.SSLContext | None = None) -> None:
        self._vendor, self._tls = vendor, tls
        self._woken, self._bell = socket.socketpair()
        self._woken.setblocking(False)
        self._bell.setblocking(False)
        self._raw: socket.socket | None = None
        self._bound: BoundSocket | None = None
        self._ws: websocket.WebSocket | None = None
        self._interrupted = False

    def dial(self, address: SocketAddress, seconds: float) -> None:
        """Connect and shake hands.

        Raises:
            TokenRefusedError: 401 or 403 at the handshake.
            VendorBusyError: 429 or 5xx at the handshake.
            VendorUnreachableError: no connection within ``seconds``, or it was lost.
            VendorAnswerError: what answers is no websocket.
            VendorRefusedError: the address is not one we go to.
        """
        end = time.monotonic() + seconds
        parts = urlsplit(address.url.reveal())
        place = f"{parts.hostname}{parts.path}"
        if parts.scheme not in _PORTS or not parts.hostname:
            raise VendorRefusedError(self._vendor, f"The address {place} of a socket is neither ws:// nor wss://.")
        try:
            self._connect(parts.hostname, parts.port or _PORTS[parts.scheme], parts.scheme == "wss", end)
            self._handshake(address, end)
        except websocket.WebSocketBadStatusException as error:
            raise _refusal(self._vendor, place, error) from None
        except ssl.SSLCertVerificationError as error:
            raise VendorUnreachableError(
                self._vendor, f"The certificate of {place} is not trusted: {error.verify_message}."
            ) from None
        except (TimeoutError, websocket.WebSocketTimeoutException):
            raise VendorUnreachableError(
                self._vendor, f"{place} did not answer the connection within {seconds:g} s."
            ) from None
        except (OSError, websocket.WebSocketConnectionClosedException) as error:
            reason = getattr(error, "strerror", None) or "the connection was closed"
            raise VendorUnreachableError(self._vendor, f"No connection to {place}: {reason}.") from None
        except (websocket.WebSocketException, HTTPException, ValueError, IndexError):
            raise VendorAnswerError(
                self._vendor, f"{place} does not answer as a websocket does; the connection is tried again."
            ) from None

    def _connect(self, host: str, port: int, secure: bool, end: float) -> None:
        failure: OSError = TimeoutError("timed out")
        for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            if self._interrupted or time.monotonic() >= end:
                break
            raw = self._raw = socket.socket(family, kind, protocol)
            try:
                raw.settimeout(max(end - time.monotonic(), LEAST_S))
                raw.connect(place)
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                if secure:
                    raw.settimeout(max(end - time.monotonic(), LEAST_S))
                    raw = self._raw = (self._tls or _tls_context()).wrap_socket(raw, server_hostname=host)
            except OSError as error:
                failure = error
                raw.close()
                continue
            self._bound = BoundSocket(raw)
            return
        raise failure

    def _handshake(self, address: SocketAddress, end: float) -> None:
        if self._interrupted or self._bound is None:
            raise ConnectionAbortedError("interrupted")
        self._bound.within(end - time.monotonic())
        ws: Any = websocket.WebSocket()
        headers = [f"{name}: {secret.reveal()}" for name, secret in address.headers.items()]
        ws.connect(address.url.reveal(), socket=self._bound, header=headers, redirect_limit=0, suppress_origin=True)
        self._ws = ws

    def receive(self, seconds: float) -> Frame | None:
        """The next frame; None when there was none within ``seconds``, or somebody interrupted.

        Raises:
            VendorUnreachableError: the connection is lost.
        """
        bound, ws = self._bound, self._ws
        if bound is None or ws is None:
            raise VendorUnreachableError(self._vendor, "The socket is not connected.")
        try:
            if not bound.pending() and not self._readable(bound, seconds):
                return None
            bound.within(min(max(seconds, LEAST_S), _PARTIAL_S))
            opcode, frame = ws.recv_data_frame(control_frame=True)
        except (TimeoutError, websocket.WebSocketTimeoutException):
            return None
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise self._lost(error) from None
        if opcode == _BINARY:
            return Frame("binary", frame.data)
        if opcode == _TEXT:
            return Frame("text", frame.data)
        if opcode == _CLOSE:
            return Frame("close", b"", int.from_bytes(frame.data[:2], "big") if len(frame.data) >= 2 else 1005)
        return Frame("sign")

    def _readable(self, bound: BoundSocket, seconds: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(bound.fileno(), selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(max(seconds, 0.0))}
        if self._woken.fileno() in ready:
            while self._heard_bell():
                pass
        return bound.fileno() in ready

    def _heard_bell(self) -> bool:
        try:
            return bool(self._woken.recv(64))
        except BlockingIOError:
            return False

    def send(self, payload: bytes, seconds: float) -> None:
        """Send a binary frame.

        Raises:
            VendorUnreachableError: the connection is lost, or the peer did not take it within ``seconds``.
        """
        self._guarded(lambda ws: ws.send(payload, _BINARY), seconds)

    def ping(self, seconds: float) -> None:
        """Send a ping; errors as ``send``."""
        self._guarded(lambda ws: ws.ping(), seconds)

    def _guarded(self, action: Callable[[websocket.WebSocket], object], seconds: float) -> None:
        if self._bound is None or self._ws is None:
            raise VendorUnreachableError(self._vendor, "The socket is not connected.")
        self._bound.within(seconds)
        try:
            action(self._ws)
        except (OSError, websocket.WebSocketException) as error:
            raise self._lost(error) from None

    def _lost(self, error: Exception) -> VendorUnreachableError:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return VendorUnreachableError(self._vendor, f"The connection was lost: {reason}.")

    def interrupt(self) -> None:
        """End a dial or a ``receive`` of the other thread at once."""
        self._interrupted = True
        raw = self._raw
        self.wake()
        if self._ws is None and raw is not None:
            with suppress(OSError):  # when it is not connected yet, which ends by itself
                raw.shutdown(socket.SHUT_RDWR)

    def wake(self) -> None:
        """End a ``receive`` of the other thread at once; a dial goes on."""
        with suppress(OSError):  # when nothing waits any more
            self._bell.send(b"!")

    def close(self, polite: bool) -> None:
        """Give everything back; ``polite`` says goodbye with 1000 first."""
        if polite and self._ws is not None and self._bound is not None:
            self._bound.within(_CLOSE_BOUND_S)
            with suppress(OSError, websocket.WebSocketException):  # the peer may be gone already
                self._ws.send_close(1000)
        if self._raw is not None:
            self._raw.close()
        self._woken.close()
        self._bell.close()


def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _refusal(vendor: str, place: str, error: websocket.WebSocketBadStatusException) -> VendorError:
    """What a handshake's HTTP status means; neither headers nor body are repeated."""
    status = int(error.status_code)
    if status in (401, 403):
        return TokenRefusedError(
            vendor,
            f"{place} refused the connection with {status}: the token is expired or not entitled, or too many "
            "connections are open. Close other programs of this account, then run 'sos login'.",
            str(status),
        )
    if status == 429 or status >= 500:
        asked = str((error.resp_headers or {}).get("retry-after", ""))
        wait = float(asked) if asked.isdecimal() else 0.0
        return VendorBusyError(vendor, f"{place} answered {status}; it is tried again later.", str(status), wait)
    return VendorAnswerError(vendor, f"{place} answered {status} instead of opening a socket.", str(status))
