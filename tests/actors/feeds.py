"""A feed that says what a test says, a sink that remembers, and a feed's actor between them on a clock set by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pykka

from sos_actors.actors.feed import FeedActor, Look
from sos_actors.actors.feed_health import FeedHealth
from sos_actors.actors.feed_intake import FeedIntake
from sos_actors.actors.feed_roster import FeedRoster
from sos_actors.engine.minutes import MinuteBuilder
from sos_actors.engine.strikes import StrikeWindow
from sos_actors.errors import VendorRefusedError
from sos_actors.market.calendar import Calendar
from sos_actors.market.symbols import contract_symbol
from sos_actors.messages.feed import FeedMode, FeedState, MinuteBar, Quote
from sos_actors.messages.market import BarClosed
from sos_actors.ports import FeedListener, MarketFeed
from sos_actors.runtime.clock import ManualClock
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import TradingGate
from sos_actors.types import NANOS_PER_SECOND, OptionType, UnixNanos
from tests.simulator.markets import moment

NIFTY, BANKNIFTY, RELIANCE, TCS = "NSE|INDEX|NIFTY", "NSE|INDEX|BANKNIFTY", "NSE|EQ|RELIANCE", "NSE|EQ|TCS"
EXPIRY = date(2026, 1, 13)
ASK_S = 5.0
GRACE_S, STILL_S = 2.0, 10.0


def call(strike: int) -> str:
    return contract_symbol("NIFTY", strike, OptionType.CE, EXPIRY)


def at(clock: str) -> UnixNanos:
    return UnixNanos(moment(f"2026-01-13 {clock}"))


def key_of(symbol: str) -> str | None:
    """Everything is listed but what is called so."""
    return None if symbol.endswith("UNLISTED") else f"key of {symbol}"


def quote(symbol: str, ltt: int, price: float, minute: int = 0, volume: int | None = 0) -> Quote:
    candle = MinuteBar(minute, price, price, price, price, 10) if minute else None
    return Quote(f"key of {symbol}", price, ltt, 1, 99.0, volume, None, minute=candle)


@dataclass(slots=True)
class FakeFeed:
    """Implements ``MarketFeed``; says what ``listener`` is told to hear."""

    listener: FeedListener
    most: int = 2_000
    carried: set[str] = field(default_factory=set)
    is_started: bool = False
    stops: int = 0
    retries: int = 0

    def start(self) -> None:
        self.is_started = True

    def stop(self, timeout_s: float = 5.0) -> bool:  # noqa: ARG002 - nothing takes time here
        self.stops += 1
        self.listener.on_feed_state(UnixNanos(0), FeedState.STOPPED, "")
        return True

    def subscribe(self, instrument_keys: Collection[str], mode: FeedMode) -> None:
        assert mode is FeedMode.FULL
        if len(self.carried.union(instrument_keys)) > self.most:
            raise VendorRefusedError("upstox", "Too many.")
        self.carried.update(instrument_keys)

    def unsubscribe(self, instrument_keys: Collection[str]) -> None:
        self.carried.difference_update(instrument_keys)

    def retry_now(self) -> None:
        self.retries += 1


@dataclass(slots=True)
class Sink:
    """An ``EventSink`` that remembers."""

    bars: list[BarClosed] = field(default_factory=list)
    ticks: list[tuple[str, int, float]] = field(default_factory=list)
    received: list[int] = field(default_factory=list)

    def publish(self, event: object, received_ns: int = 0) -> None:
        assert isinstance(event, BarClosed)
        self.bars.append(event)
        self.received.append(received_ns)

    def publish_ticks(self, told: Sequence[tuple[str, int, float]], received_ns: int = 0) -> None:
        self.ticks += told
        self.received += [received_ns] * len(told)


@dataclass(slots=True)
class Line:
    """A feed's actor and everything around it."""

    clock: ManualClock
    sink: Sink
    gate: TradingGate
    intake: FeedIntake
    roster: FeedRoster
    timers: Timers
    recorded: list[tuple[BarClosed, bool]]
    gaps: list[tuple[str, int, int]]
    feeds: list[FakeFeed]
    ref: pykka.ActorRef[Any] = field(init=False)

    @property
    def feed(self) -> FakeFeed:
        return self.feeds[-1]

    @property
    def carried(self) -> set[str]:
        return {key.removeprefix("key of ") for key in self.feed.carried}

    def make(self, listener: FeedListener) -> MarketFeed:
        self.feeds.append(FakeFeed(listener))
        return self.feeds[-1]

    def start(self) -> None:
        self.ref = FeedActor.start(
            make_feed=self.make, intake=self.intake, roster=self.roster, key_of=key_of, timers=self.timers,
            bar_grace_s=GRACE_S,
        )  # fmt: skip
        self.ask(Look())

    def ask(self, message: object) -> Any:
        return self.ref.ask(message, timeout=ASK_S)

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on, and what the timers told the actor be done."""
        self.clock.advance(seconds)
        self.ask(Look())

    def connect(self) -> None:
        self.feed.listener.on_feed_state(self.clock(), FeedState.UP, "")

    def say(self, symbol: str, price: float, minute: str = "", ltt: int = 0) -> None:
        """A quote of a trade of this moment."""
        told = quote(symbol, ltt or self.clock(), price, at(minute) if minute else 0)
        self.feed.listener.on_quotes(self.clock(), [told])

    def reasons(self) -> list[tuple[str, str, str]]:
        return [(hold.key, hold.rung.name, hold.reason) for hold in self.gate.reasons()]


def windows(each_side: int = 1) -> Mapping[str, StrikeWindow]:
    listed = frozenset(call(strike) for strike in range(25_000, 26_050, 50))
    return {NIFTY: StrikeWindow("NIFTY", EXPIRY, 50.0, each_side, 0.75, listed)}


def line(now: str = "10:30:10", most: int = 2_000, **more: Any) -> Line:
    """Everything but the actor, on a clock that stands."""
    clock, sink = ManualClock(at(now)), Sink()
    gate = TradingGate(lambda _: None, clock)
    recorded: list[tuple[BarClosed, bool]] = []
    gaps: list[tuple[str, int, int]] = []
    calendar = Calendar.default()
    intake = FeedIntake(
        MinuteBuilder(calendar, int(GRACE_S) * NANOS_PER_SECOND),
        FeedHealth((NIFTY, BANKNIFTY), calendar, int(STILL_S) * NANOS_PER_SECOND),
        sink, gate, record=lambda bar, official: recorded.append((bar, official)),
        on_gap=lambda *gap: gaps.append(gap), **more,
    )  # fmt: skip
    roster = FeedRoster((NIFTY, BANKNIFTY), windows(), most)
    return Line(clock, sink, gate, intake, roster, Timers(clock), recorded, gaps, [])


@contextmanager
def running(now: str = "10:30:10", most: int = 2_000) -> Iterator[Line]:
    """With the actor."""
    here = line(now, most)
    here.start()
    try:
        yield here
    finally:
        here.ref.stop(timeout=ASK_S)
