"""Mood and store under a supervisor, on threads of their own: killed in the middle, they go on, and nothing is lost."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence

import pykka

from sos_actors.actors.mood import MoodActor
from sos_actors.actors.mood_book import MoodHearers, MoodSettings
from sos_actors.actors.mood_look import MoodSources
from sos_actors.actors.store import StoreActor
from sos_actors.actors.store_queue import Keep, StoreQueue
from sos_actors.market.mood_path import MoodPath
from sos_actors.messages.market import Sentiment
from sos_actors.messages.records import ActorEvent, Fact
from sos_actors.messages.snapshots import Breadth, OptionChain
from sos_actors.runtime.child import ChildSpec
from sos_actors.runtime.clock import AcceleratedClock
from sos_actors.runtime.group import Rules
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.supervision import Backoff
from sos_actors.runtime.supervisor import Supervisor
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import Rung, TradingGate
from tests.market.chains import EXPIRY_CLOSE, NIFTY, breadth, chain, minute


class Vendor:
    """Always has what is asked for."""

    name = "nse"

    def __init__(self, clock: AcceleratedClock) -> None:
        self._clock = clock

    def chain(self, _underlying: str, _expiry: object = None) -> OptionChain:
        return chain(self._clock())

    def breadth(self) -> Breadth:
        return breadth(self._clock())


class Sink:
    """Fails at the first event, as nothing should."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.failures = 1

    def publish(self, event: object, received_ns: int = 0) -> None:  # noqa: ARG002
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the sink is broken")
        self.events.append(event)

    def publish_ticks(self, told: Sequence[tuple[str, int, float]], received_ns: int = 0) -> None:
        raise AssertionError((told, received_ns))


class Recorder:
    """Remembers; kills whoever uses it once, with a fact that is half written."""

    def __init__(self) -> None:
        self.kept: list[Fact] = []
        self.deaths = 1

    def record(self, facts: Sequence[Fact]) -> None:
        if self.deaths:
            self.deaths -= 1
            raise SystemExit("killed")
        self.kept += facts

    def close(self) -> None:
        """Nothing to close."""


def comes(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return true()


def test_both_come_back_after_being_killed_and_everything_is_kept() -> None:
    before = set(threading.enumerate())
    clock = AcceleratedClock.starting(minute(5), 100.0)
    timers, gate = Timers(clock), TradingGate(lambda _event: None, clock)
    sink, recorder, queue = Sink(), Recorder(), StoreQueue()
    real = Timers(AcceleratedClock.starting(minute(5)))
    root = Supervisor("world", real, rules=Rules(backoff=Backoff(0.01, 0.05)))
    sources = MoodSources([Vendor(clock)], [Vendor(clock)], clock)

    def start_store(mailbox: Mailbox) -> pykka.ActorRef[StoreActor]:
        return StoreActor.start(lambda: recorder, queue, gate, timers, mailbox=mailbox)

    def start_mood(mailbox: Mailbox) -> pykka.ActorRef[MoodActor]:
        return MoodActor.start(
            MoodSettings(NIFTY, 60.0, 600.0), sources, lambda: {NIFTY: MoodPath(NIFTY, 600, 3)}, sink,
            MoodHearers(lambda fact: store.tell(Keep(fact)), lambda _: None), gate, timers, clock,
            spot=lambda _: math.nan, expiry_close=lambda _: EXPIRY_CLOSE, is_open=lambda _: True, mailbox=mailbox,
        )  # fmt: skip

    for one in (timers, real):
        one.start()
    root.start()
    store = root.add(ChildSpec("store", start_store))
    root.add(ChildSpec("mood", start_mood))
    for number in range(10):
        store.tell(Keep(ActorEvent(minute(number), "test", f"event {number}")))
    try:
        assert comes(lambda: len(sink.events) >= 2)
        assert comes(lambda: any(isinstance(one, Sentiment) for one in recorder.kept))
        assert comes(lambda: gate.rung is Rung.OPEN)
        assert {child.name: child.restarts for child in root.tree().children} == {"store": 1, "mood": 1}
    finally:
        assert root.stop(10).abandoned == ()
        for one in (timers, real):
            one.stop()
    told = [one.event for one in recorder.kept if isinstance(one, ActorEvent)]
    assert told == [f"event {number}" for number in range(10)]
    assert comes(lambda: set(threading.enumerate()) <= before)
