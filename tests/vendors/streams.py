"""The sockets of the fault matrix: kept connected, listened to, and compared with the market and the order book."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from sos_actors.errors import VendorError
from sos_actors.messages.broker import BrokerOrder
from sos_actors.messages.feed import FeedMode, FeedState, Quote
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.upstox.sockets import FEED_PATHS, FEED_V3, PORTFOLIO_PATH
from sos_actors.types import Secret, UnixNanos
from sos_actors.vendors.upstox.client import UpstoxClient
from sos_actors.vendors.upstox.feed import UpstoxFeed
from sos_actors.vendors.upstox.feed_addresses import feed_address, order_stream_address
from sos_actors.vendors.upstox.portfolio import UpstoxOrderStream
from sos_actors.vendors.upstox.socket import SocketPolicy
from tests.vendors.bench import Bench
from tests.vendors.readings import LOW, RELIANCE, upstox, waiting_order
from tests.vendors.upstox.connected import NIFTY_KEY
from tests.vendors.upstox.sockets import Heard

DOORS = {"feed": FEED_PATHS[FEED_V3], "portfolio": PORTFOLIO_PATH}
"""Path of the handshake by channel."""
POLICY = SocketPolicy(
    connect_s=1.0, send_s=1.0, ping_every_s=0.1, silent_after_s=2.0, proven_after_s=5.0,
    first_s=0.01, most_s=0.05, refused_first_s=0.02, refused_most_s=0.05, jitter=0.0,
)  # fmt: skip
BOUND_S = 20.0
"""Ten times what silence and a new connection may take by this policy."""
_STEP_S, _PAUSE_S, _STIR_EVERY = 0.15, 0.005, 15
_numbers = count(1)


class Watch(Protocol):
    """A running stream and what came over it.

    Attributes:
        states, reasons: told so far.
    """

    states: list[FeedState]
    reasons: list[str]

    @property
    def heard(self) -> int:
        """How many quotes or order updates have come."""
        ...

    def stir(self) -> None:
        """Have something happen that the stream tells of."""
        ...

    def assert_true(self) -> None:
        """All that came was so."""
        ...

    def log_in(self, token: Secret) -> None:
        """Go on with a new token."""
        ...


@dataclass(slots=True)
class FeedWatch:
    """The market feed of a share and an index."""

    bench: Bench
    client: UpstoxClient
    listener: Heard = field(default_factory=Heard)
    feed: UpstoxFeed = field(init=False)
    states: list[FeedState] = field(init=False)
    reasons: list[str] = field(init=False)

    def __post_init__(self) -> None:
        connection = self.client.connection
        clock = self.bench.world.clock.now
        self.states, self.reasons = self.listener.states, self.listener.reasons
        self.feed = UpstoxFeed(
            connection.settings, feed_address(connection), self.listener, clock=clock, policy=POLICY
        )  # fmt: skip
        self.feed.subscribe([NIFTY_KEY, RELIANCE], FeedMode.FULL)
        self.feed.start()

    @property
    def heard(self) -> int:
        return len(self.listener.quotes)

    def stir(self) -> None:
        """A market moves by itself."""

    def log_in(self, token: Secret) -> None:
        self.client.connection.set_token(token)
        self.feed.retry_now()

    def assert_true(self) -> None:
        for quote in self.listener.quotes:
            assert self._is_true(quote), quote

    def _is_true(self, quote: Quote) -> bool:
        """Whether price and volume are the market's at the trade they are dated by."""
        market = self.bench.world.market
        listing = market.find(quote.instrument_key, indian_day(UnixNanos(quote.ltt)))
        assert listing is not None
        if quote.instrument_key == NIFTY_KEY:  # dated by the second
            moments = (quote.ltt + step * 50_000_000 for step in range(21))
            return any(abs(market.state(listing, at).ltp - quote.ltp) < 0.005 for at in moments)
        state = market.state(listing, quote.ltt + 999_999)  # dated by the millisecond
        return (quote.ltp, quote.volume, quote.previous_close) == (state.ltp, state.volume, state.previous_close)


@dataclass(slots=True)
class OrderWatch:
    """The portfolio stream of an account that places an order now and then."""

    bench: Bench
    client: UpstoxClient
    orders: list[BrokerOrder] = field(default_factory=list)
    states: list[FeedState] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    stream: UpstoxOrderStream = field(init=False)

    def __post_init__(self) -> None:
        connection = self.client.connection
        clock = self.bench.world.clock.now
        self.stream = UpstoxOrderStream(
            connection.settings, order_stream_address(connection), clock=clock, policy=POLICY
        )  # fmt: skip
        self.stream.start(lambda _, order: self.orders.append(order), self._told)

    def _told(self, _: UnixNanos, state: FeedState, reason: str) -> None:
        self.reasons.append(reason)
        self.states.append(state)

    @property
    def heard(self) -> int:
        return len(self.orders)

    def stir(self) -> None:
        with suppress(VendorError):  # the broker may be out of reach as a whole
            self.client.broker.place(waiting_order(f"stirred-{next(_numbers)}"))

    def log_in(self, token: Secret) -> None:
        self.client.connection.set_token(token)
        self.stream.retry_now()

    def assert_true(self) -> None:
        book = {order.order_id: order for order in self.client.broker.orders()}
        for told in self.orders:
            known = book[told.order_id]
            assert (told.instrument_key, told.side, told.kind, told.quantity, told.price, told.filled, told.tag) == (
                RELIANCE, known.side, known.kind, 1, LOW, 0, known.tag,
            )  # fmt: skip
            assert told.status in STATUSES, told.status


STATUSES = frozenset(("put order req received", "validation pending", "open pending", "open"))
"""What a waiting order goes through. Source: Upstox's appendix on order status."""


@contextmanager
def watching(bench: Bench, channel: str) -> Iterator[Watch]:
    """A running stream; it ends in time."""
    with upstox(bench, POLICY.connect_s) as client:
        watch: FeedWatch | OrderWatch
        watch = FeedWatch(bench, client) if channel == "feed" else OrderWatch(bench, client)
        try:
            yield watch
        finally:
            stop = watch.feed.stop if isinstance(watch, FeedWatch) else watch.stream.stop
            assert stop(BOUND_S)


def until(bench: Bench, watch: Watch, condition: Callable[[], bool], what: str) -> None:
    """Let simulated time pass, and things happen, until something is so."""
    end = time.monotonic() + BOUND_S
    for step in count():
        if condition():
            return
        assert time.monotonic() < end, f"{what} never came: {watch.states[-5:]} {watch.reasons[-2:]}"
        if step % _STIR_EVERY == 0:
            watch.stir()
        bench.world.clock.step(_STEP_S)
        time.sleep(_PAUSE_S)
