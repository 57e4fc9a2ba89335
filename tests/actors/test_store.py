"""What is worth keeping reaches the store in batches; when it cannot be written it waits, and nobody else does."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from sos_actors.actors.describing import Describe
from sos_actors.actors.store import StoreActor
from sos_actors.actors.store_queue import Flush, Keep, StoreCounts, StoreQueue
from sos_actors.errors import DataError, StoreError, StoreFullError, StoreLockedError
from sos_actors.messages.records import ActorEvent, Fact
from sos_actors.runtime.clock import ManualClock
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import Rung, TradingGate
from sos_actors.store.database import Store
from sos_actors.store.recording import StoreRecorder
from sos_actors.types import UnixNanos
from tests.actors.staged import Stage
from tests.market.chains import chain, minute

FOREVER = minute(10_000_000)


def fact(number: int) -> ActorEvent:
    return ActorEvent(minute(number), "mood", f"event {number}")


class Recorder:
    """Remembers batches, or refuses."""

    def __init__(self) -> None:
        self.batches: list[list[Fact]] = []
        self.error: Exception | None = None
        self.poison: Fact | None = None
        self.opened = self.closed = 0

    def open(self) -> Recorder:
        self.opened += 1
        return self

    def record(self, facts: Sequence[Fact]) -> None:
        if self.error is not None:
            raise self.error
        if self.poison is not None and self.poison in facts:
            raise DataError("it makes no sense.")
        self.batches.append(list(facts))

    def close(self) -> None:
        self.closed += 1


class Floor(Stage):
    def __init__(self) -> None:
        super().__init__()
        self.recorder, self.queue = Recorder(), StoreQueue()

    def begin(self) -> StoreActor:
        actor = StoreActor(self.recorder.open, self.queue, self.gate, self.timers,
                           now_ns=lambda: self.clock(), mailbox=self.mailbox)  # fmt: skip
        self.start(actor)
        return actor

    def keep(self, *numbers: int) -> None:
        for number in numbers:
            assert self.actor is not None
            self.actor.on_receive(Keep(fact(number)))

    @property
    def events(self) -> list[str]:
        return [one.event for batch in self.recorder.batches for one in batch if isinstance(one, ActorEvent)]


@pytest.fixture
def floor() -> Floor:
    return Floor()


def test_facts_are_written_together_after_half_a_second(floor: Floor) -> None:
    actor = floor.begin()
    floor.keep(1, 2, 3)
    assert floor.recorder.batches == []
    floor.pass_time(0.5)
    assert floor.recorder.batches == [[fact(1), fact(2), fact(3)]]
    assert actor.on_receive(Describe()) == StoreCounts(0, 3, 0, 0, "")


def test_many_facts_are_written_at_once_in_batches_of_five_hundred(floor: Floor) -> None:
    floor.begin()
    floor.keep(*range(1_200))
    floor.pass_time(0.5)
    assert [len(batch) for batch in floor.recorder.batches] == [500, 500, 200]
    assert floor.events == [f"event {number}" for number in range(1_200)]


@pytest.mark.parametrize("error", [StoreLockedError("locked."), StoreFullError("full."), OSError("disk")])
def test_what_cannot_be_written_waits_and_so_do_entries(floor: Floor, error: Exception) -> None:
    floor.begin()
    floor.recorder.error = error
    floor.keep(1, 2)
    floor.pass_time(0.5)
    assert floor.rung() is Rung.STOP_ENTRIES
    assert str(error) in floor.reasons()[0]
    floor.keep(3)
    floor.pass_time(3)
    floor.recorder.error = None
    floor.pass_time(10)
    assert floor.events == ["event 1", "event 2", "event 3"]
    assert floor.rung() is Rung.OPEN


def test_it_is_tried_again_less_and_less_often(floor: Floor) -> None:
    floor.begin()
    floor.recorder.error = StoreLockedError("locked.")
    floor.keep(1)
    floor.pass_time(60)
    assert 6 <= floor.recorder.opened <= 10
    assert floor.recorder.closed == floor.recorder.opened


def test_a_store_that_cannot_be_opened_is_opened_later(floor: Floor) -> None:
    tries: list[int] = []

    def refuse() -> Recorder:
        tries.append(1)
        if len(tries) < 3:
            raise StoreError("it cannot be opened.")
        return floor.recorder

    actor = StoreActor(refuse, floor.queue, floor.gate, floor.timers, now_ns=lambda: floor.clock(),
                       mailbox=floor.mailbox)  # fmt: skip
    floor.start(actor)
    floor.keep(1)
    floor.pass_time(20)
    assert floor.events == ["event 1"]


def test_one_fact_that_makes_no_sense_costs_no_other(floor: Floor) -> None:
    actor = floor.begin()
    floor.recorder.poison = fact(2)
    floor.keep(1, 2, 3)
    floor.pass_time(0.5)
    assert floor.events == ["event 1", "event 3"]
    assert actor.on_receive(Describe()).refused == 1
    assert floor.rung() is Rung.OPEN


def test_what_waits_is_bounded_and_chains_go_first() -> None:
    queue = StoreQueue(most=3)
    chains = [chain(minute(number)) for number in range(2)]
    for one in (fact(1), chains[0], fact(2), chains[1], fact(3), fact(4)):
        queue.add(one)
    assert queue.first(10) == [fact(2), fact(3), fact(4)]
    assert queue.dropped == 3
    queue.written(queue.first(2))
    assert queue.first(10) == [fact(4)]


def test_a_batch_that_two_wrote_is_taken_off_once() -> None:
    queue = StoreQueue()
    for number in range(4):
        queue.add(fact(number))
    hung, successor = queue.first(2), queue.first(3)
    queue.written(successor)
    queue.written(hung)
    assert queue.first(10) == [fact(3)]


def test_what_waits_outlives_the_actor(floor: Floor) -> None:
    floor.begin()
    floor.keep(1)
    assert floor.actor is not None
    floor.actor.on_failure(None, None, None)
    floor.begin()
    floor.keep(2)
    floor.pass_time(0.5)
    assert floor.events == ["event 1", "event 2"]


def test_everything_is_written_out_when_it_stops(floor: Floor) -> None:
    actor = floor.begin()
    floor.keep(1, 2)
    actor.on_stop()
    assert floor.events == ["event 1", "event 2"]
    assert floor.recorder.closed == 1


def test_a_stop_is_not_held_up_by_a_store_that_cannot_be_written(floor: Floor) -> None:
    actor = floor.begin()
    floor.recorder.error = StoreFullError("full.")
    floor.keep(1)
    actor.on_stop()
    assert floor.recorder.opened == 1
    assert len(floor.queue) == 1


def test_a_real_store_that_is_locked_for_a_while_gets_everything_once(tmp_path: Path) -> None:
    with Store.open(tmp_path, origin="simulated") as store:
        store.add_actor_events([fact(0)])
    clock = ManualClock(minute(5))
    timers, gate = Timers(clock), TradingGate(lambda _event: None, clock)
    nanos = [0]

    def rung() -> Rung:
        return gate.rung

    def open_recorder() -> StoreRecorder:
        return StoreRecorder(Store.open(tmp_path, busy_timeout_s=0.01))

    reference = StoreActor.start(open_recorder, StoreQueue(), gate, timers, now_ns=lambda: nanos[0])
    try:
        reference.ask(Keep(fact(1)), timeout=10)
        path = next(tmp_path.glob("sos_timeseries_*.db"))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            reference.ask(Flush(), timeout=10)
            assert rung() is Rung.STOP_ENTRIES
            other.execute("ROLLBACK")
        nanos[0] = 1_000_000_000
        reference.ask(Flush(), timeout=10)
        assert rung() is Rung.OPEN
        reference.tell(Keep(fact(2)))
    finally:
        reference.stop(timeout=10)
    with Store.open(tmp_path, read_only=True) as store:
        assert [one.event for one in store.actor_events(0, FOREVER)] == ["event 0", "event 1", "event 2"]
    assert threading.active_count() < 20


def test_the_moment_of_a_fact_is_its_own(floor: Floor) -> None:
    floor.begin()
    floor.keep(7)
    floor.pass_time(0.5)
    assert floor.recorder.batches[0][0] == ActorEvent(UnixNanos(minute(7)), "mood", "event 7")
