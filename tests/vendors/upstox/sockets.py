"""What the tests of our sockets share: the simulated Upstox, quick policies, and listeners that remember."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from aiohttp import web

from sos_actors.config.vendors import Upstox
from sos_actors.messages.feed import FeedState, MarketStatus, Quote
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.server import RunningSimulator, running
from sos_actors.simulator.upstox.app import make_app
from sos_actors.simulator.upstox.sockets import FEED_PATHS, FEED_V3
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN, TOKENS
from sos_actors.simulator.world import World
from sos_actors.types import Secret, UnixNanos
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.feed import UpstoxFeed
from sos_actors.vendors.upstox.feed_addresses import feed_address
from sos_actors.vendors.upstox.socket import SocketPolicy

NIFTY, RELIANCE = "NSE_INDEX|Nifty 50", "NSE_EQ|INE002A01018"
FEED_PATH = FEED_PATHS[FEED_V3]
BOUND_S = 10.0
QUICK = SocketPolicy(
    connect_s=2.0, send_s=1.0, ping_every_s=0.05, silent_after_s=0.5, proven_after_s=5.0,
    first_s=0.01, most_s=0.05, refused_first_s=0.02, refused_most_s=0.05, jitter=0.0,
)  # fmt: skip


@dataclass(slots=True)
class Heard:
    """A listener that remembers, and can be waited for."""

    quotes: list[Quote] = field(default_factory=list)
    statuses: list[MarketStatus] = field(default_factory=list)
    states: list[FeedState] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    times: list[UnixNanos] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    failing: bool = False

    def on_quotes(self, received: UnixNanos, quotes: Sequence[Quote]) -> None:
        with self.changed:
            self.quotes += quotes
            self.times.append(received)
            self.changed.notify_all()
        if self.failing:
            raise ValueError("a listener's own fault")

    def on_market_status(self, received: UnixNanos, statuses: Sequence[MarketStatus]) -> None:
        with self.changed:
            self.statuses += statuses
            self.times.append(received)
            self.changed.notify_all()

    def on_feed_state(self, at: UnixNanos, state: FeedState, reason: str) -> None:
        with self.changed:
            self.states.append(state)
            self.reasons.append(reason)
            self.times.append(at)
            self.changed.notify_all()

    def until(self, condition: Callable[[], bool], what: str = "what was waited for") -> None:
        """Wait for it, bounded."""
        with self.changed:
            assert self.changed.wait_for(condition, BOUND_S), f"{what} never came: {self.states} {self.reasons}"

    def until_state(self, state: FeedState, times: int = 1) -> None:
        self.until(lambda: self.states.count(state) >= times, f"{state} x {times}")

    def until_quotes(self, count: int) -> None:
        self.until(lambda: len(self.quotes) >= count, f"{count} quotes")

    def until_steady(self) -> None:
        """Wait for the first quote after the last time the connection came up."""
        before = len(self.quotes)
        self.until(lambda: len(self.quotes) > before, "another quote")

    def keys(self) -> set[str]:
        with self.changed:
            return {quote.instrument_key for quote in self.quotes}

    def steps_back(self, key: str) -> int:
        with self.changed:
            times = [quote.ltt for quote in self.quotes if quote.instrument_key == key]
        return sum(after < before for before, after in pairwise(times))


@dataclass(slots=True)
class Rig:
    """The simulated broker and one connection to its REST API."""

    simulator: RunningSimulator
    connection: UpstoxConnection
    config: Upstox
    app: web.Application

    @property
    def world(self) -> World:
        return self.simulator.world

    def fault(self, kind: FaultKind, path: str = "feed", **more: Any) -> Fault:
        """Put a fault in force."""
        return self.simulator.call(
            lambda: self.world.faults.add(Fault("upstox", kind, path, **more), self.world.clock.now())
        )

    def heal(self) -> None:
        self.simulator.call(self.world.faults.clear)

    def feed(self, heard: Heard, **more: Any) -> UpstoxFeed:
        return UpstoxFeed(self.config, feed_address(self.connection), heard, **{"policy": QUICK, **more})

    def new_token(self) -> None:
        """Log in again."""
        self.connection.set_token(Secret(self.simulator.call(self.app[TOKENS].issue)))


@contextmanager
def rigged(world: World, make: Callable[[World], web.Application] = make_app) -> Iterator[Rig]:
    """The simulated Upstox on a port, and a connection to it."""
    now = world.clock.now()
    for key in (NIFTY, RELIANCE):  # a session is computed when first looked at, which a test's bounds do not allow for
        listing = world.market.find(key, indian_day(now))
        assert listing is not None
        world.market.state(listing, now)
    app = make(world)
    with running(world, apps=lambda: {"upstox": app}) as simulator:
        url = simulator.addresses["upstox"]
        config = Upstox(rest_url=url, order_url=url)
        with UpstoxConnection(config, Secret(FIRST_TOKEN)) as connection:
            yield Rig(simulator, connection, config, app)


@contextmanager
def started(feed: UpstoxFeed) -> Iterator[UpstoxFeed]:
    """The feed, running; it must stop in time."""
    feed.start()
    try:
        yield feed
    finally:
        assert feed.stop()
