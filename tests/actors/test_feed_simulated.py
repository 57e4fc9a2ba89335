"""The feed's actor over the real client and the simulated Upstox: true minutes, whatever happens to the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any

import pykka
import pytest

from sos_actors.actors.feed import FeedActor, Follow, NewToken
from sos_actors.actors.feed_health import FeedHealth
from sos_actors.actors.feed_intake import FeedIntake
from sos_actors.actors.feed_roster import FeedRoster
from sos_actors.engine.minutes import MinuteBuilder
from sos_actors.engine.strikes import StrikeWindow
from sos_actors.messages.feed import FeedState
from sos_actors.messages.market import BarClosed
from sos_actors.ports import FeedListener, MarketFeed
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import Rung, TradingGate
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos
from sos_actors.vendors.upstox.client import UpstoxClient
from sos_actors.vendors.upstox.feed import UpstoxFeed
from sos_actors.vendors.upstox.feed_addresses import feed_address
from tests.actors.feeds import Sink
from tests.simulator.markets import model_market, moment, small_world
from tests.vendors.bench import Bench, bench, within
from tests.vendors.readings import WARM_S, upstox
from tests.vendors.streams import POLICY

TODAY, EXPIRY = date(2026, 1, 13), date(2026, 1, 20)
NIFTY, RELIANCE, SPEED, GRACE_S, BOUND_S = "NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE", 120.0, 8.0, 30.0


@dataclass(frozen=True, slots=True)
class WorldClock:
    """The simulated world's time, as timers want it."""

    bench: Bench

    @property
    def speed(self) -> float:
        return SPEED

    def __call__(self) -> UnixNanos:
        return self.bench.world.clock.now()


@dataclass(slots=True)
class Rig:
    """An actor that follows NIFTY, contracts around it, and a share."""

    bench: Bench
    client: UpstoxClient
    sink: Sink = field(default_factory=Sink)
    recorded: list[tuple[BarClosed, bool]] = field(default_factory=list)
    gaps: list[tuple[str, int, int]] = field(default_factory=list)
    rungs: list[Rung] = field(default_factory=list)
    gate: TradingGate = field(init=False)
    intake: FeedIntake = field(init=False)
    roster: FeedRoster = field(init=False)
    ref: pykka.ActorRef[Any] = field(init=False)

    def start(self, timers: Timers, keys: Mapping[str, str]) -> None:
        calendar = model_market().calendar
        window = StrikeWindow("NIFTY", EXPIRY, 50.0, 1, 0.75, frozenset(keys))
        self.gate = TradingGate(lambda _: self.rungs.append(self.gate.rung), timers.clock)
        self.intake = FeedIntake(
            MinuteBuilder(calendar, int(GRACE_S) * NANOS_PER_SECOND),
            FeedHealth([NIFTY], calendar, 60 * NANOS_PER_SECOND), self.sink, self.gate,
            record=lambda bar, official: self.recorded.append((bar, official)),
            on_gap=lambda *gap: self.gaps.append(gap),
        )  # fmt: skip
        self.roster = FeedRoster([NIFTY], {NIFTY: window})
        self.ref = FeedActor.start(
            make_feed=self.make, intake=self.intake, roster=self.roster, key_of=keys.get, timers=timers,
            bar_grace_s=GRACE_S,
        )  # fmt: skip
        assert self.ref.ask(Follow(frozenset([RELIANCE])), timeout=BOUND_S) == frozenset()

    def make(self, listener: FeedListener) -> MarketFeed:
        connection, clock = self.client.connection, self.bench.world.clock.now
        return UpstoxFeed(connection.settings, feed_address(connection), listener, clock=clock, policy=POLICY)

    def of(self, symbol: str) -> list[BarClosed]:
        return [bar for bar in list(self.sink.bars) if bar.symbol == symbol]

    def until(self, condition: Callable[[], bool], what: str) -> None:
        assert within(BOUND_S, condition), f"{what} never came: {self.intake.verdict} {len(self.sink.bars)} bars"

    def until_official(self, more: int) -> None:
        """Wait for so many more minutes of the index by the exchange."""
        before = sum(official for _, official in list(self.recorded))
        self.until(lambda: sum(o for _, o in list(self.recorded)) >= before + 3 * more, f"{more} more minutes")

    def assert_true(self) -> None:
        """Each minute once and in order; the exchange's are history's; what the index lacks is told."""
        bars = list(self.sink.bars)
        for symbol in {bar.symbol for bar in bars}:
            assert all(a.ts_open < b.ts_open for a, b in pairwise(self.of(symbol)))
            history = self.client.candles.candles(symbol, TODAY, TODAY)
            rows = {int(ts): row for row, ts in enumerate(history.ts)}
            for bar, official in list(self.recorded):
                if bar.symbol != symbol or not official or bar.ts_open not in rows:
                    continue
                row = rows[bar.ts_open]
                told = (bar.open, bar.high, bar.low, bar.close)
                assert told == tuple(float(c[row]) for c in (history.open, history.high, history.low, history.close))
                assert (bar.volume is None) is (symbol == NIFTY)
                assert bar.volume is None or bar.volume == history.volume[row]
        opens = {int(bar.ts_open) for bar in self.of(NIFTY)}
        for _, first, last in [gap for gap in self.gaps if gap[0] == NIFTY]:
            opens |= set(range(first, last + 1, NANOS_PER_MINUTE))
        assert opens == set(range(min(opens), max(opens) + 1, NANOS_PER_MINUTE))


@contextmanager
def rigged() -> Iterator[Rig]:
    """The actor over a simulated market whose time flies once everything has been computed."""
    world = small_world("2026-01-13 10:28:50")
    market = model_market()
    spot = market.state(market.named(NIFTY, TODAY), world.clock.now()).ltp  # type: ignore[arg-type]
    near = [option for option in market.contracts("NIFTY", EXPIRY) if abs(option.strike - spot) < 200.0]
    listed = {market.named(symbol, TODAY) for symbol in (NIFTY, RELIANCE)} | set(near)
    keys = {listing.symbol: listing.key for listing in listed if listing is not None}
    for listing in listed:
        market.state(listing, world.clock.now())  # type: ignore[arg-type]
    with bench(world, ("upstox",)) as served, upstox(served, WARM_S) as client:
        timers = Timers(WorldClock(served))
        rig = Rig(served, client)
        rig.start(timers, keys)
        timers.start()
        try:
            rig.until(lambda: rig.intake.state is FeedState.UP, "the connection")
            world.clock.set(speed=SPEED)
            rig.until(lambda: len(rig.roster.windows[NIFTY].contracts) == 6, "contracts")
            rig.until_official(2)
            yield rig
        finally:
            world.clock.set(speed=0.0)
            assert timers.stop(BOUND_S) is not False
            rig.ref.stop(timeout=BOUND_S)


def test_minutes_of_the_feed_are_those_of_history_and_prices_open_the_gate() -> None:
    with rigged() as rig:
        assert rig.gate.rung is Rung.OPEN
        assert rig.intake.last_price(NIFTY) is not None
        option = sorted(rig.roster.windows[NIFTY].contracts)[2]
        rig.until(lambda: bool(rig.of(option)), "a contract's bar")
        rig.until(lambda: len(rig.of(NIFTY)) >= 3, "three minutes of the index")
        rig.bench.world.clock.set(speed=0.0)
        rig.assert_true()
        assert rig.gaps == []
        assert moment("2026-01-13 10:28") in {bar.ts_open for bar in rig.of(NIFTY)}


@pytest.mark.parametrize(
    "kind", [FaultKind.MUTE, FaultKind.DROP, FaultKind.CORRUPT, FaultKind.DUPLICATE, FaultKind.REORDER, FaultKind.STALE]
)
def test_no_fault_of_the_feed_makes_a_minute_false_or_double(kind: FaultKind) -> None:
    with rigged() as rig:
        fault = rig.bench.add(Fault("upstox", kind, "feed", times=1 if kind is FaultKind.DROP else None))
        before = rig.bench.world.clock.now()
        if kind is not FaultKind.STALE:  # it stands, and strikes nothing
            rig.until(lambda: rig.bench.has_struck(fault), "the fault")
        if kind in (FaultKind.MUTE, FaultKind.STALE, FaultKind.CORRUPT, FaultKind.DROP):
            rig.until(lambda: Rung.STOP_ENTRIES in rig.rungs[2:] or len(rig.rungs) > 3, "the gate's fall")
        rig.until(lambda: rig.bench.world.clock.now() > before + 2 * NANOS_PER_MINUTE, "two minutes")
        rig.bench.heal()
        rig.until(lambda: rig.gate.rung is Rung.OPEN, "the open gate")
        rig.until_official(2)
        rig.bench.world.clock.set(speed=0.0)
        rig.assert_true()


def test_a_dead_token_leaves_exits_only_until_there_is_a_new_one() -> None:
    with rigged() as rig:
        rig.bench.add(Fault("upstox", FaultKind.TOKEN_EXPIRED))
        rig.until(lambda: rig.gate.rung is Rung.EXITS_ONLY, "the refusal")
        assert "refused" in rig.gate.reasons()[0].reason
        rig.client.connection.set_token(rig.bench.new_token())
        rig.ref.tell(NewToken())
        rig.until(lambda: rig.gate.rung is Rung.OPEN, "the open gate")
        rig.until_official(1)
        rig.assert_true()
