"""What the market feed says, made into events: closed bars, ticks of what is held, last prices, the feed's own state.

Runs on the feed's thread and outlives the feed's actor, so that no minute is told twice after a restart.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sos_actors.actors.feed_health import FeedHealth, Verdict
from sos_actors.engine.minutes import NOTHING, MinuteBuilder, Minutes
from sos_actors.messages.feed import FeedState, MarketStatus, Quote
from sos_actors.messages.market import BarClosed
from sos_actors.ports import EventSink, FeedListener, MarketFeed
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.trading_gate import TradingGate
from sos_actors.types import UnixNanos

_log = logging.getLogger(__name__)
GATE_KEY = "feed"
"""Under which the feed holds trading back."""
CONTRACT = "NSE|FO|"


class LastPrice(NamedTuple):
    """A last traded price, rupees or points; when it was received and when it was traded, UnixNanos."""

    price: float
    ts: UnixNanos
    traded: int


class FeedIntake:
    """Listens to one feed at a time; may be asked from any thread.

    Args:
        builder: makes the bars; used by nobody else.
        health: judges the feed; used by nobody else.
        sink: takes bars and ticks.
        gate: is held while the feed cannot be traded on.
        record: keeps a bar; the second argument says whether it is the exchange's own.
        on_gap: is told of minutes nobody has seen: symbol, open times of the first and the last, UnixNanos.
        all_ticks: whether every tick is published, not only those of what is held.
        also: hears everything the feed says as well, before anything is made of it.
    """

    def __init__(
        self, builder: MinuteBuilder, health: FeedHealth, sink: EventSink, gate: TradingGate, *,
        record: Callable[[BarClosed, bool], object], on_gap: Callable[[str, int, int], object],
        all_ticks: bool = False, also: FeedListener | None = None,
    ) -> None:  # fmt: skip
        self._builder, self._health, self._sink, self._gate = builder, health, sink, gate
        self._record, self._on_gap, self._all_ticks, self._also = record, on_gap, all_ticks, also
        self._lock = threading.Lock()
        self._symbols: Mapping[str, str] = {}
        self._ticked: frozenset[str] = frozenset()
        self._told: list[tuple[str, int, float]] = []  # a frame's ticks: published together, the consumer wakes once
        self._last: dict[str, LastPrice] = {}
        self._verdict: Verdict | None = None
        self._voice: _Voice | None = None
        self.frames = 0
        """How many have come with prices."""
        self.feed: MarketFeed | None = None
        """The feed that is listened to; a successor of its actor ends it when the actor could not."""

    @property
    def state(self) -> FeedState | None:
        """How the connection is; None before it was tried."""
        return self._health.state

    @property
    def verdict(self) -> Verdict | None:
        """Why trading is held back, by the last judgement."""
        return self._verdict

    def last_prices(self) -> dict[str, LastPrice]:
        """The last price of every symbol that has traded, as they are now."""
        return dict(self._last)

    def last_price(self, symbol: str) -> LastPrice | None:
        """The last price of a symbol; None when none has come."""
        return self._last.get(symbol)

    def listener(self) -> FeedListener:
        """Ears for a new feed; whatever older ones hear is ignored from now on."""
        self._voice = _Voice(self)
        return self._voice

    def carry(self, symbols: Mapping[str, str]) -> None:
        """Listen to these instruments alone; symbols by the broker's key."""
        with self._lock:
            for symbol in set(self._symbols.values()).difference(symbols.values()):
                self._builder.leave(symbol)
                self._last.pop(symbol, None)
            self._symbols = dict(symbols)

    def known(self, lasts: Mapping[str, int]) -> None:
        """History of these symbols reaches to these minutes: open times, UnixNanos."""
        with self._lock:
            gaps = self._builder.known(lasts)
        for gap in gaps:
            self._on_gap(gap.symbol, gap.first, gap.last)

    def hold(self, symbols: frozenset[str]) -> None:
        """Publish the ticks of these; of one that is new here its last price at once, which may be beyond a stop."""
        with self._lock:
            fresh, self._ticked = symbols - self._ticked, symbols
            lasts = [(symbol, self._last[symbol]) for symbol in sorted(fresh) if symbol in self._last]
            if lasts:
                self._sink.publish_ticks([(symbol, last.traded, last.price) for symbol, last in lasts])

    def close_minutes(self, now: UnixNanos) -> None:
        """The time has come to ``now``: bars whose candle is late are made of ticks."""
        with self._lock:
            self._deliver(self._builder.on_time(now), 0)

    def judge(self, now: UnixNanos) -> None:
        """Hold trading back, or no more, by what is known at ``now``."""
        with self._lock:
            before, self._verdict = self._verdict, self._health.verdict(now)
            verdict = self._verdict
            if verdict == before:
                return
            if before is None:  # connected, but still: minutes may have gone by that nobody was told of
                self._builder.interrupted()
            if verdict is None:
                self._gate.release(GATE_KEY)
            else:
                self._gate.hold(GATE_KEY, verdict.rung, verdict.reason)
        if verdict is None:
            _log.info("The market feed flows.")
        else:
            _log.warning("%s", verdict.reason)

    def on_quotes(self, voice: FeedListener, received: UnixNanos, quotes: Sequence[Quote]) -> None:
        """A frame has come over the feed of this listener."""
        received_ns = monotonic_ns()
        if voice is not self._voice:
            return
        self.frames += 1
        if self._also is not None:
            self._also.on_quotes(received, quotes)
        closed: list[Minutes] = []
        with self._lock:
            for quote in quotes:
                symbol = self._symbols.get(quote.instrument_key)
                if symbol is None:
                    continue
                self._price(symbol, quote, received)
                found = self._builder.on_quote(symbol, quote, received)
                if found is not NOTHING and symbol.startswith(CONTRACT):
                    self._publish_ticks(received_ns)
                    self._deliver(found, received_ns)
                elif found is not NOTHING:
                    closed.append(found)
            self._publish_ticks(received_ns)
            for found in closed:  # behind the contracts' bars, whose prices their signals ask for
                self._deliver(found, received_ns)
        if self._verdict is not None:
            self.judge(received)

    def on_market_status(self, voice: FeedListener, received: UnixNanos, statuses: Sequence[MarketStatus]) -> None:
        """The exchange says how its segments are."""
        if voice is not self._voice:
            return
        if self._also is not None:
            self._also.on_market_status(received, statuses)
        with self._lock:
            changed = [status for status in statuses if self._health.on_status(status)]
        for status in changed:
            _log.info("The exchange says of %s: %s.", status.segment, status.phase.name.lower().replace("_", " "))
        self.judge(received)

    def on_feed_state(self, voice: FeedListener, at: UnixNanos, state: FeedState, reason: str) -> None:
        """The connection came up, or went, and with it whatever is said until it is back."""
        if voice is not self._voice:
            return
        if self._also is not None:
            self._also.on_feed_state(at, state, reason)
        with self._lock:
            self._health.on_state(at, state, reason)
            if state is not FeedState.UP:
                self._builder.interrupted()
        self.judge(at)

    def _price(self, symbol: str, quote: Quote, received: UnixNanos) -> None:
        """A newer trade: the last price, and a tick where it is wanted."""
        price, traded = quote.ltp, quote.ltt
        last = self._last.get(symbol)
        if not traded or not price > 0.0:
            return
        if last is not None and (traded < last.traded or (traded == last.traded and price == last.price)):
            return
        self._last[symbol] = LastPrice(price, received, traded)
        self._health.on_move(symbol, received)
        if self._all_ticks or symbol in self._ticked:
            self._told.append((symbol, traded, price))

    def _publish_ticks(self, received_ns: int) -> None:
        if self._told:
            told, self._told = self._told, []
            self._sink.publish_ticks(told, received_ns)

    def _deliver(self, found: Minutes, received_ns: int) -> None:
        for bar in found.closed:
            self._sink.publish(bar, received_ns)
            self._record(bar, not bar.provisional)
        for bar in found.corrections:
            self._record(bar, True)
        for gap in found.gaps:
            self._on_gap(gap.symbol, gap.first, gap.last)


class _Voice:
    """The listener of one feed; the intake tells it from those of feeds before."""

    def __init__(self, intake: FeedIntake) -> None:
        self._intake = intake

    def on_quotes(self, received: UnixNanos, quotes: Sequence[Quote]) -> None:
        self._intake.on_quotes(self, received, quotes)

    def on_market_status(self, received: UnixNanos, statuses: Sequence[MarketStatus]) -> None:
        self._intake.on_market_status(self, received, statuses)

    def on_feed_state(self, at: UnixNanos, state: FeedState, reason: str) -> None:
        self._intake.on_feed_state(self, at, state, reason)
