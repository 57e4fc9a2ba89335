"""Upstox's portfolio stream as the ``OrderStream`` port: JSON text frames turned into orders.

It never repeats what it did not deliver. Whoever listens asks the order book at every UP: that state is told at each
connection, and again when an update could not be read.
"""

from __future__ import annotations

import logging
import random
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sos_actors.config.vendors import Upstox
from sos_actors.errors import VendorAnswerError
from sos_actors.messages.broker import BrokerOrder
from sos_actors.messages.feed import FeedState
from sos_actors.runtime.clock import Clock, wall_time
from sos_actors.types import UnixNanos
from sos_actors.vendors.upstox.parse import broker_order
from sos_actors.vendors.upstox.socket import ReconnectingSocket, SocketAddress, SocketCounts, SocketPolicy

_log = logging.getLogger(__name__)

OnOrder = Callable[[UnixNanos, BrokerOrder], None]
OnState = Callable[[UnixNanos, FeedState, str], None]


@dataclass(slots=True)
class StreamCounts:
    """What came over the stream since it was made. Written by its thread, readable from any.

    Attributes:
        orders: passed on.
        corrupt: frames that are no JSON object or have no ``update_type``, or orders that cannot be read.
        others: updates that are no orders, by ``update_type``.
    """

    orders: int = 0
    corrupt: int = 0
    others: Counter[str] = field(default_factory=Counter)


class UpstoxOrderStream:
    """The order updates of the account.

    Args:
        config: bounds.
        address: gives a one-use address, with a fresh token each time; raises VendorError when it cannot.
        clock: the receive time of frames.
        policy: bounds and waits; the configuration's unless given.
        most_corrupt: so many unreadable frames in a row and the connection is made anew.
        tls: another trust than the system's, for tests.
        rng: of the waits' jitter.
    """

    def __init__(
        self,
        config: Upstox,
        address: Callable[[], SocketAddress],
        *,
        clock: Clock = wall_time,
        policy: SocketPolicy | None = None,
        most_corrupt: int = 5,
        tls: ssl.SSLContext | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._most_corrupt, self._corrupt_in_a_row = most_corrupt, 0
        self._on_order: OnOrder | None = None
        self._on_state: OnState | None = None
        self.counts = StreamCounts()
        policy = policy or SocketPolicy.of(config)
        self._socket = ReconnectingSocket("upstox orders", address, self, policy, clock=clock, tls=tls, rng=rng)

    @property
    def socket_counts(self) -> SocketCounts:
        """Frames, bytes and connections."""
        return self._socket.counts

    def start(self, on_order: OnOrder, on_state: OnState) -> None:
        """Connect and keep connected, on a thread of its own, on which both are called."""
        self._on_order, self._on_state = on_order, on_state
        self._socket.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Disconnect and end the thread; whether it ended in time."""
        return self._socket.stop(timeout_s)

    def retry_now(self) -> None:
        """There is a new token: do not wait out the pause after a refusal."""
        self._socket.retry_now()

    def on_open(self) -> Sequence[bytes]:
        """Nothing has to be asked for: updates of all orders come by themselves."""
        self._corrupt_in_a_row = 0
        return ()

    def on_frame(self, received: UnixNanos, payload: bytes, is_text: bool) -> None:  # noqa: ARG002 - JSON either way
        """Read an update and pass it on.

        Raises:
            VendorAnswerError: too many frames in a row cannot be read.
        """
        try:
            document: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, Any])
            kind = document.get("update_type")
            if not isinstance(kind, str):
                raise VendorAnswerError("upstox", "an update does not say what it is of")
            order = broker_order(document, received) if kind == "order" else None
        except (msgspec.DecodeError, UnicodeDecodeError, VendorAnswerError) as error:
            self._unreadable(error, len(payload), received)
            return
        self._corrupt_in_a_row = 0
        if order is None:
            self.counts.others[kind] += 1
        elif self._on_order is not None:
            self.counts.orders += 1
            self._on_order(received, order)

    def on_state(self, at: UnixNanos, state: FeedState, reason: str) -> None:
        """Pass the connection's state on."""
        if self._on_state is not None:
            self._on_state(at, state, reason)

    def _unreadable(self, error: Exception, size: int, received: UnixNanos) -> None:
        """What cannot be read may have been a fill: the listener is told; several in a row end the connection."""
        self.counts.corrupt += 1
        self._corrupt_in_a_row += 1
        said = str(error) if isinstance(error, VendorAnswerError) else "it is no JSON object"
        _log.warning("An update of the order stream (%d bytes) was left out: %s.", size, said)
        if self._corrupt_in_a_row >= self._most_corrupt:
            count = self._corrupt_in_a_row
            raise VendorAnswerError("upstox", f"{count} order updates in a row cannot be read; connecting anew.")
        self.on_state(received, FeedState.UP, "An order update could not be read; ask the order book.")
