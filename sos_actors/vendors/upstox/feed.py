"""Upstox's market feed V3 as the ``MarketFeed`` port: subscriptions that survive reconnects, frames turned into quotes.

Duplicates and steps back are passed on as they come; whoever listens decides about them.
"""

from __future__ import annotations

import logging
import random
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from sos_actors.config.vendors import Upstox
from sos_actors.errors import VendorAnswerError
from sos_actors.messages.feed import FeedMode, FeedState
from sos_actors.ports import FeedListener
from sos_actors.runtime.clock import Clock, wall_time
from sos_actors.types import UnixNanos
from sos_actors.vendors.upstox.feed_decode import FeedDecoder
from sos_actors.vendors.upstox.feed_subscriptions import Subscriptions
from sos_actors.vendors.upstox.socket import ReconnectingSocket, SocketAddress, SocketCounts, SocketPolicy

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class FeedCounts:
    """What came over the feed since it was made. Written by its thread, readable from any.

    Attributes:
        quotes: passed on.
        unasked: quotes of instruments that are not subscribed (any more), which are not passed on.
        corrupt: frames that could not be read.
        refusals: requests the vendor said no to.
        left_out: what readable frames said that we do not understand, by reason.
    """

    quotes: int = 0
    unasked: int = 0
    corrupt: int = 0
    refusals: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


class UpstoxFeed:
    """The market feed of one connection.

    Args:
        config: bounds.
        address: gives a one-use address, with a fresh token each time; raises VendorError when it cannot.
        listener: hears quotes, segment states and how the connection is, on the feed's thread.
        clock: the receive time of frames.
        policy: bounds and waits; the configuration's unless given.
        chunk: most instruments in one request.
        most_corrupt: so many unreadable frames in a row and the connection is made anew.
        levels: how much of the depth is decoded.
        tls: another trust than the system's, for tests.
        rng: of the waits' jitter.
    """

    def __init__(
        self,
        config: Upstox,
        address: Callable[[], SocketAddress],
        listener: FeedListener,
        *,
        clock: Clock = wall_time,
        policy: SocketPolicy | None = None,
        chunk: int = 500,
        most_corrupt: int = 5,
        levels: int = 30,
        tls: ssl.SSLContext | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._listener, self._most_corrupt = listener, most_corrupt
        self._wanted, self._lock = Subscriptions(chunk), threading.Lock()
        self._decoder = FeedDecoder(levels)
        self._corrupt_in_a_row = 0
        self.counts = FeedCounts(left_out=self._decoder.left_out)
        policy = policy or SocketPolicy.of(config)
        self._socket = ReconnectingSocket("upstox feed", address, self, policy, clock=clock, tls=tls, rng=rng)

    @property
    def socket_counts(self) -> SocketCounts:
        """Frames, bytes and connections."""
        return self._socket.counts

    def start(self) -> None:
        """Connect and keep connected, on a thread of its own."""
        self._socket.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Disconnect and end the thread; whether it ended in time."""
        return self._socket.stop(timeout_s)

    def retry_now(self) -> None:
        """There is a new token: do not wait out the pause after a refusal."""
        self._socket.retry_now()

    def subscribe(self, instrument_keys: Collection[str], mode: FeedMode) -> None:
        """Add instruments, or change their mode; also before ``start`` and while the connection is down.

        Raises:
            VendorRefusedError: more than the vendor's limit; nothing was added.
        """
        with self._lock:
            self._socket.send(*self._wanted.add(instrument_keys, mode))

    def unsubscribe(self, instrument_keys: Collection[str]) -> None:
        """Remove instruments; unknown ones are ignored."""
        with self._lock:
            self._socket.send(*self._wanted.remove(instrument_keys))

    def on_open(self) -> Sequence[bytes]:
        """The requests a new connection begins with."""
        self._corrupt_in_a_row = 0
        with self._lock:
            return self._wanted.renewal()

    def on_frame(self, received: UnixNanos, payload: bytes, is_text: bool) -> None:
        """Decode a frame and pass it on.

        Raises:
            VendorAnswerError: too many frames in a row cannot be read.
        """
        if is_text:
            self._said(payload)
            return
        try:
            frame = self._decoder.decode(payload)
        except VendorAnswerError as error:
            self._unreadable(str(error))
            return
        self._corrupt_in_a_row = 0
        if frame.statuses:
            self._listener.on_market_status(received, frame.statuses)
        quotes = [quote for quote in frame.quotes if quote.instrument_key in self._wanted]
        self.counts.unasked += len(frame.quotes) - len(quotes)
        if quotes:
            self.counts.quotes += len(quotes)
            self._listener.on_quotes(received, quotes)

    def on_state(self, at: UnixNanos, state: FeedState, reason: str) -> None:
        """Pass the connection's state on."""
        self._listener.on_feed_state(at, state, reason)

    def _said(self, payload: bytes) -> None:
        """A text frame: the vendor's refusal of a request, or no word of this feed."""
        try:
            told = msgspec.json.decode(payload, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError):
            told = {}
        if told.get("status") == "failed":
            self.counts.refusals += 1
            _log.warning("Upstox refused a feed request (%s): %s", told.get("method"), told.get("error"))
        else:
            self._unreadable(f"A text frame came over the market feed ({len(payload)} bytes); it was left out.")

    def _unreadable(self, what: str) -> None:
        self.counts.corrupt += 1
        self._corrupt_in_a_row += 1
        if self._corrupt_in_a_row == 1:
            _log.warning("%s", what)
        if self._corrupt_in_a_row >= self._most_corrupt:
            count = self._corrupt_in_a_row
            raise VendorAnswerError("upstox", f"{count} feed frames in a row cannot be read; connecting anew.")
