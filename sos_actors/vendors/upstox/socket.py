"""A websocket that is kept connected under our own policy, on one thread: what Upstox's SDK does not do.

The market feed and the portfolio stream give it their address and hear its frames; it knows neither's content.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from traceback import format_tb
from typing import Protocol

from sos_actors.config.vendors import Upstox
from sos_actors.errors import VendorBusyError, VendorError, VendorRefusedError, VendorUnreachableError
from sos_actors.messages.feed import FeedState
from sos_actors.runtime.clock import Clock, wall_time
from sos_actors.types import UnixNanos
from sos_actors.vendors.pacing import Backoff
from sos_actors.vendors.upstox.socket_wire import Frame, SocketAddress, SocketWire

__all__ = ["ReconnectingSocket", "SocketAddress", "SocketCounts", "SocketHandler", "SocketPolicy"]

_log = logging.getLogger(__name__)
_VENDOR = "upstox"


@dataclass(frozen=True, slots=True)
class SocketPolicy:
    """How a connection is kept, all in seconds.

    Attributes:
        connect_s: bound of connecting and the handshake together.
        send_s: bound of sending one frame.
        ping_every_s: between two pings of ours.
        silent_after_s: neither frame, ping nor pong for so long: the connection is given up.
        proven_after_s: a connection that lasted so long has proven itself: waits begin again with the shortest.
        first_s, most_s: shortest and longest wait before the next try.
        refused_first_s, refused_most_s: the same after a refusal, which only a new token or a closed program ends.
        jitter: by what fraction of it a wait is shortened at most.
    """

    connect_s: float = 10.0
    send_s: float = 3.0
    ping_every_s: float = 15.0
    silent_after_s: float = 60.0
    proven_after_s: float = 10.0
    first_s: float = 0.5
    most_s: float = 60.0
    refused_first_s: float = 15.0
    refused_most_s: float = 300.0
    jitter: float = 0.3

    @classmethod
    def of(cls, config: Upstox) -> SocketPolicy:
        """The policy of the configuration's section."""
        silent = config.feed_silent_after_s
        connect = config.connect_timeout_s + config.read_timeout_s
        return cls(connect_s=connect, ping_every_s=min(15.0, silent / 3), silent_after_s=silent)


class SocketHandler(Protocol):
    """Who a socket belongs to. Called on the socket's thread, one call at a time."""

    def on_open(self) -> Sequence[bytes]:
        """A new connection is there; the binary frames it begins with."""
        ...

    def on_frame(self, received: UnixNanos, payload: bytes, is_text: bool) -> None:
        """A frame came.

        Raises:
            VendorError: the connection is of no use and is to be made anew.
        """
        ...

    def on_state(self, at: UnixNanos, state: FeedState, reason: str) -> None:
        """The connection changed; ``reason`` is empty or a sentence."""
        ...


@dataclass(slots=True)
class SocketCounts:
    """What a socket has done since it was made. Written by its thread, readable from any.

    Attributes:
        frames, bytes: data frames and their content.
        signs: pings and pongs heard.
        connections: handshakes that succeeded; ``attempts``: that were tried.
        failures: errors in the handler, which are logged and survived.
    """

    frames: int = 0
    bytes: int = 0
    signs: int = 0
    attempts: int = 0
    connections: int = 0
    failures: int = 0


class ReconnectingSocket:
    """One websocket, connected anew whenever it ends, until ``stop``. Close code 1000 is an end like any other.

    Args:
        name: of the thread and in logs.
        address: gives a fresh address and token for every connection; raises VendorError when it cannot.
        handler: hears what happens.
        policy: bounds and waits.
        clock: the receive time of frames.
        tls: another trust than the system's, for tests.
        rng: of the jitter.
    """

    def __init__(
        self,
        name: str,
        address: Callable[[], SocketAddress],
        handler: SocketHandler,
        policy: SocketPolicy,
        *,
        clock: Clock = wall_time,
        tls: ssl.SSLContext | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._name, self._address, self._handler, self._policy = name, address, handler, policy
        self._clock, self._tls = clock, tls
        rng = rng or random.Random()
        self._backoff = Backoff(policy.first_s, policy.most_s, policy.jitter, rng)
        self._slow_backoff = Backoff(policy.refused_first_s, policy.refused_most_s, policy.jitter, rng)
        self._outgoing: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._stopping, self._hurry = threading.Event(), threading.Event()
        self._wire: SocketWire | None = None
        self._connected = False
        self._thread: threading.Thread | None = None
        self.counts = SocketCounts()

    def start(self) -> None:
        """Connect and keep connected; nothing happens when it is running already.

        Raises:
            RuntimeError: a stop has been asked for and has not ended yet.
        """
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                if self._stopping.is_set():
                    raise RuntimeError(f"{self._name} is still stopping")
                return
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=False)
            self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Disconnect with 1000 and wait for the thread; whether it ended in time. It ends by itself otherwise."""
        self._stopping.set()
        self._hurry.set()
        with self._lock:
            thread, wire = self._thread, self._wire
            if wire is not None:
                wire.interrupt()
        if thread is None or thread is threading.current_thread():
            return thread is None
        thread.join(max(timeout_s, 0.0))
        return not thread.is_alive()

    def send(self, *frames: bytes) -> None:
        """Send binary frames on the connection there is; without one they are forgotten. Never waits."""
        with self._lock:
            if self._wire is not None and self._connected and frames:
                self._outgoing.extend(frames)
                self._wire.wake()

    def retry_now(self) -> None:
        """Do not wait out the pause after a refusal: there is a new token."""
        self._hurry.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = self._attempt()
            if not self._stopping.is_set():
                self._hurry.wait(pause)
                if not self._stopping.is_set():
                    self._hurry.clear()
        self._hurry.clear()
        self._tell(FeedState.STOPPED, "")

    def _attempt(self) -> float:
        """One connection from address to end; returns how long to wait before the next."""
        try:
            self._connection()
        except VendorRefusedError as error:
            self._tell(FeedState.REFUSED, str(error))
            return self._slow_backoff.next()
        except _SilentError as error:
            self._tell(FeedState.SILENT, str(error))
        except VendorError as error:
            if not self._stopping.is_set():
                self._tell(FeedState.DOWN, str(error))
            asked = error.retry_after_s if isinstance(error, VendorBusyError) else 0.0
            return max(self._backoff.next(), min(asked, self._policy.refused_most_s))
        except Exception as error:  # a fault of our own must not end the thread unheard; its text may hold an address
            where = "".join(format_tb(error.__traceback__))
            _log.error("%s: unexpected %s; the connection is made anew.\n%s", self._name, type(error).__name__, where)
            self.counts.failures += 1
            self._tell(FeedState.DOWN, "An unexpected failure of the program; see the log.")
        return self._backoff.next()

    def _connection(self) -> None:
        self.counts.attempts += 1
        address = self._address()
        wire = SocketWire(_VENDOR, self._tls)
        with self._lock:
            self._wire = wire
        polite = False
        try:
            if self._stopping.is_set():
                return
            wire.dial(address, self._policy.connect_s)
            self.counts.connections += 1
            self._slow_backoff.reset()
            self._begin(wire)
            self._listen(wire)
            polite = True
        finally:
            with self._lock:
                self._wire, self._connected = None, False
                self._outgoing.clear()
            wire.close(polite)

    def _begin(self, wire: SocketWire) -> None:
        with self._lock:
            self._connected = True  # before the handler is asked: what it is told meanwhile is queued, never lost
        for frame in self._handler.on_open():
            wire.send(frame, self._policy.send_s)
        self._tell(FeedState.UP, "")

    def _listen(self, wire: SocketWire) -> None:
        """Hear frames until told to stop; every other end is an error."""
        policy = self._policy
        opened = heard = time.monotonic()
        next_ping, proven = opened + policy.ping_every_s, False
        while not self._stopping.is_set():
            self._flush(wire)
            now = time.monotonic()
            if not proven and now - opened >= policy.proven_after_s:
                self._backoff.reset()
                proven = True
            if now - heard >= policy.silent_after_s:
                raise _SilentError(_VENDOR, f"Neither frame nor ping for {policy.silent_after_s:g} s; connecting anew.")
            if now >= next_ping:
                wire.ping(policy.send_s)
                next_ping = now + policy.ping_every_s
            frame = wire.receive(min(next_ping, heard + policy.silent_after_s) - now)
            if frame is not None:
                heard = time.monotonic()
                self._take(frame)

    def _flush(self, wire: SocketWire) -> None:
        while True:
            with self._lock:
                if not self._outgoing:
                    return
                frame = self._outgoing.popleft()
            wire.send(frame, self._policy.send_s)

    def _take(self, frame: Frame) -> None:
        if frame.kind == "close":
            raise VendorUnreachableError(_VENDOR, f"The connection was closed with code {frame.code}.", str(frame.code))
        if frame.kind == "sign":
            self.counts.signs += 1
            return
        self.counts.frames += 1
        self.counts.bytes += len(frame.payload)
        received, is_text = self._clock(), frame.kind == "text"
        self._survive(lambda: self._handler.on_frame(received, frame.payload, is_text))

    def _tell(self, state: FeedState, reason: str) -> None:
        level = logging.INFO if state in (FeedState.UP, FeedState.STOPPED) else logging.WARNING
        _log.log(level, "%s: %s.%s", self._name, state.value, f" {reason}" if reason else "")
        self._survive(lambda: self._handler.on_state(self._clock(), state, reason))

    def _survive(self, call: Callable[[], None]) -> None:
        """A fault of whoever listens costs neither the connection nor the thread."""
        try:
            call()
        except VendorError:
            raise
        except Exception:
            self.counts.failures += 1
            if self.counts.failures.bit_count() == 1:  # the 1st, 2nd, 4th, 8th: it may happen with every frame
                _log.exception("%s: failure %d of whoever listens to it.", self._name, self.counts.failures)


class _SilentError(VendorUnreachableError):
    """Connected, but nothing was heard for too long."""
