"""One connection to the chart socket with one chart session; its events turned into series or typed errors."""

from __future__ import annotations

import contextlib
import secrets
import socket
import string
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import websocket

from sos_actors.config import is_loopback
from sos_actors.errors import (
    UnknownSymbolError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.vendors.tradingview.frames import VENDOR, Bar, bars_in, command, event_of, framed, payloads
from sos_actors.vendors.web import place

ORIGIN = "https://www.tradingview.com"
ANONYMOUS = "unauthorized_user_token"
"""What a browser without login sends as its token."""
_GARBLED = (websocket.WebSocketPayloadException, websocket.WebSocketProtocolException, ValueError)
_FAILURES = (OSError, websocket.WebSocketException, ValueError)
"""What the library raises; ValueError where it cannot read a handshake or a text."""


@dataclass(slots=True)
class Series:
    """One-minute bars of a ticker as far as they have come.

    Attributes:
        bars: by open time, epoch seconds.
        is_exhausted: whether the vendor said there are no older ones.
        is_streaming: whether the newest bar is as new as the market; False where data is delayed.
    """

    ticker: str
    id: str
    turn: str
    symbol_id: str
    bars: dict[int, Bar] = field(default_factory=dict)
    is_exhausted: bool = False
    is_streaming: bool = False


class ChartSession:
    """A connection. Used by one thread at a time; ``drop`` may be called from any.

    Args:
        url: of the socket.
        timeout_s: of the handshake, and of each step until its answer is complete.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url, self._timeout_s, self._where = url, timeout_s, place(url)
        self._socket: Any = websocket.WebSocket(enable_multithread=False)
        self._id = "cs_" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(12))
        self._count = 0
        self._heard = time.monotonic()
        self._is_dropped = False

    @property
    def is_open(self) -> bool:
        """Whether the handshake succeeded and nobody has ended the connection since."""
        return bool(self._socket.connected)

    @property
    def idle_s(self) -> float:
        """Seconds since anything was read."""
        return time.monotonic() - self._heard

    def connect(self) -> None:
        """Shake hands and open the chart session.

        Raises:
            VendorError: refused, unreachable, or too many connections (VendorBusyError).
        """
        proxies = {"http_no_proxy": ["*"]} if is_loopback(self._url) else {}
        try:
            self._socket.connect(self._url, origin=ORIGIN, timeout=self._timeout_s, redirect_limit=0, **proxies)
        except websocket.WebSocketBadStatusException as error:
            raise self._refusal(error.status_code) from None
        except _FAILURES as error:
            shaken = self._socket.handshake_response  # there only when it was a redirect, which is not followed
            raise (self._failure(error) if shaken is None else self._refusal(shaken.status)) from None
        if self._is_dropped:  # while it was being made, when there was nothing yet to end
            self.drop()
            raise VendorUnreachableError(VENDOR, f"{self._where} was given up.")
        self._send("set_auth_token", [ANONYMOUS])
        self._send("chart_create_session", [self._id, ""])

    def drop(self) -> None:
        """End the connection at once; a thread that reads from it wakes up."""
        self._is_dropped = True
        raw = self._socket.sock
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, websocket.WebSocketException):
            self._socket.shutdown()

    def open_series(self, ticker: str, count: int) -> Series:
        """Ask for the newest ``count`` minutes of a ticker and wait for them.

        Raises:
            UnknownSymbolError: TradingView does not list the ticker.
            VendorError: no answer that is data.
        """
        self._count += 1
        number = self._count
        series = Series(ticker, f"sds_{number}", f"s{number}", f"sym_{number}")
        spec = msgspec.json.encode({"symbol": ticker, "adjustment": "splits", "session": "regular"}).decode()
        self._send("resolve_symbol", [self._id, series.symbol_id, f"={spec}"])
        self._send("create_series", [self._id, series.id, series.turn, series.symbol_id, "1", count, ""])
        self._complete(series)
        return series

    def extend(self, series: Series, count: int) -> None:
        """Ask for ``count`` older minutes and wait for them.

        Raises:
            VendorError: as ``open_series``.
        """
        self._send("request_more_data", [self._id, series.id, count])
        self._complete(series)

    def close_series(self, series: Series) -> None:
        """Say that no more is wanted.

        Raises:
            VendorUnreachableError: the connection has gone.
        """
        self._send("remove_series", [self._id, series.id])

    def _complete(self, series: Series) -> None:
        """Read until the series is complete."""
        for name, parameters in self._events():
            if name in ("protocol_error", "critical_error"):
                raise VendorAnswerError(VENDOR, f"{self._where} ends the session: {_told(name, parameters)}.")
            if len(parameters) < 2 or parameters[0] != self._id:
                continue
            about = parameters[1]
            if name in ("timescale_update", "du") and isinstance(about, dict) and series.id in about:
                series.bars.update(bars_in(about[series.id]))
            elif name == "symbol_error" and about == series.symbol_id:
                raise self._symbol_error(series.ticker, parameters[2:])
            elif name == "series_error" and about == series.id:
                raise VendorAnswerError(VENDOR, f"{series.ticker} has no minutes: {_told(name, parameters[3:])}.")
            elif name == "series_completed" and about == series.id:
                series.is_streaming = parameters[2:3] == ["streaming"]
                ended = (part for part in parameters[3:] if isinstance(part, dict))
                series.is_exhausted = any("data_completed" in part for part in ended)
                return

    def _symbol_error(self, ticker: str, told: list[Any]) -> Exception:
        if told[:1] == ["invalid symbol"]:
            return UnknownSymbolError(f"TradingView lists no {ticker}.")
        return VendorRefusedError(VENDOR, f"{ticker} is not given to us: {_told('symbol_error', told)}.")

    def _events(self) -> Iterator[tuple[str, list[Any]]]:
        """Events until the step's time is over; heartbeats are answered on the way."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            for payload in payloads(self._receive(deadline)):
                if payload.startswith("~h~"):
                    self._send_text(framed(payload))
                elif (event := event_of(payload)) is not None:
                    yield event

    def _receive(self, deadline: float) -> str:
        left = deadline - time.monotonic()
        if left <= 0:
            raise VendorUnreachableError(VENDOR, f"{self._where} gave no complete answer within {self._timeout_s:g} s.")
        try:
            self._socket.settimeout(left)
            message = self._socket.recv()
        except _FAILURES as error:
            raise self._failure(error) from None
        if not isinstance(message, str):
            raise VendorAnswerError(VENDOR, f"{self._where} sends bytes where text belongs.")
        if not message:
            raise VendorUnreachableError(VENDOR, f"{self._where} has ended the connection.")
        self._heard = time.monotonic()
        return message

    def _send(self, name: str, parameters: list[Any]) -> None:
        self._send_text(command(name, parameters))

    def _send_text(self, text: str) -> None:
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.send(text)
        except _FAILURES as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> VendorError:
        if isinstance(error, _GARBLED):
            return VendorAnswerError(VENDOR, f"{self._where} sends no WebSocket frame ({type(error).__name__}).")
        if isinstance(error, websocket.WebSocketTimeoutException | TimeoutError):
            return VendorUnreachableError(VENDOR, f"{self._where} did not answer within {self._timeout_s:g} s.")
        return VendorUnreachableError(VENDOR, f"{self._where} cannot be reached: {_reason(error)}")

    def _refusal(self, status: int) -> VendorError:
        code = str(status)
        if status == 429 or status >= 500:
            return VendorBusyError(VENDOR, f"{self._where} takes no more connections (HTTP {code}). Ask later.", code)
        if status in (401, 403):
            return VendorRefusedError(VENDOR, f"{self._where} refuses the connection (HTTP {code}).", code)
        return VendorAnswerError(VENDOR, f"{self._where} answers the handshake with HTTP {code}.", code)


def _reason(error: Exception) -> str:
    """Why there is no connection, in plain words."""
    if isinstance(error, websocket.WebSocketAddressException | socket.gaierror):
        return "the name is not known here. Check the network."
    if isinstance(error, websocket.WebSocketProxyException):
        return "the proxy cannot be used. Check http_proxy and https_proxy."
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused. Check the address and the network."
    return "the connection broke. Check the network."


def _told(name: str, parameters: list[Any]) -> str:
    """What an error event says, as one line of bounded length."""
    words = " ".join(str(part) for part in parameters if isinstance(part, str | int | dict))
    return f"{name} {words}"[:160].strip()
