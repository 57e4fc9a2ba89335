"""Events are decided, journaled with their decisions, and acted upon in that order, whatever fails."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pytest

from sos_actors.actors.decisions import Question
from sos_actors.engine.engine import Engine
from sos_actors.engine.following import SymbolFollowed, SymbolPast
from sos_actors.engine.positions import order_of
from sos_actors.engine.recording import encode_event
from sos_actors.messages.market import BarClosed
from sos_actors.messages.signals import SignalFormed
from sos_actors.messages.trading import EntriesStopped
from sos_actors.runtime.journal_records import RecordKind
from sos_actors.runtime.slots import Batch
from sos_actors.types import UnixNanos
from tests.actors.desks import Fragile, Unfollowing, World, together


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_done_stands_in_the_journal_before(world: World) -> None:
    first, second = world.bar(), world.bar()
    world.take(first, second)
    assert len(world.orders()) == 2
    for decision, journaled in world.done:
        assert decision in journaled
    kinds = [kind for kind, _ in world.journal.written]
    assert kinds == [RecordKind.EVENT, RecordKind.DECISION, RecordKind.DECISION] * 2
    assert world.journal.said(RecordKind.EVENT) == [first, second]
    assert world.desk.n_events == 2


def test_what_a_batch_brings_is_journaled_together_up_to_the_first_that_decides(world: World) -> None:
    world.take(world.tick(1.0), world.tick(2.0), world.bar(), world.tick(99.0), world.tick(98.0))
    assert world.journal.together == [3, 2]
    assert [kind for kind, _ in world.journal.written] == [RecordKind.EVENT] * 3 + [RecordKind.DECISION] * 2
    assert [kind for kind, _ in world.journal.held] == [RecordKind.EVENT] * 2


def test_what_cannot_be_journaled_is_not_decided_and_what_came_before_it_is_kept(world: World) -> None:
    first, tick = world.bar(), world.tick(99.0)
    with pytest.raises(KeyError):
        world.take(first, tick, object())
    later = world.bar()
    world.take(later)
    world.journal.flush()
    assert [type(one) for one in world.journal.said(RecordKind.EVENT)] == [BarClosed, type(tick), BarClosed]
    assert (world.desk.n_events, world.failed, len(world.orders())) == (3, [], 2)


def test_without_a_journal_nothing_is_entered_and_exits_go_on(world: World) -> None:
    world.take(world.bar(), world.fill(1))
    world.journal.full = True
    world.take(world.bar())
    assert len(world.orders()) == 1
    assert [one.order_id for one in world.rejected] == [order_of(2)]
    world.take(*world.rejected)
    world.take(world.tick(94.0))
    assert [one.reason for one in world.orders()] == ["signal", "stop"]
    assert world.troubles == ["The disk is full."]
    world.journal.full = False
    world.take(world.bar())
    assert world.troubles == ["The disk is full.", "fine"]
    assert len(world.orders()) == 3
    events = world.journal.said(RecordKind.EVENT)
    replayed = [decision for event in events for decision in world.fresh().step(event)]
    assert [type(one) for one in events].count(BarClosed) == 3
    assert len(replayed) > 0


def test_a_poison_event_is_left_out_and_the_rest_decides_as_without_it() -> None:
    world, healthy = World(Fragile), World()
    events = [world.bar(), world.fill(1), world.tick(101.0), world.bar(), world.tick(94.0)]
    poison = world.tick(13.0)
    healthy.take(*events)
    world.take(*events[:2])
    world.take(events[2], poison, events[3])
    world.take(events[4])
    assert [one for one, _ in world.done] == [one for one, _ in healthy.done]
    assert world.failed == [(poison, "ValueError('thirteen')")]
    assert world.journal.said(RecordKind.NOTE) == [{"what": "skipped", "event": 4, "error": "ValueError('thirteen')"}]
    assert world.desk.n_events == 6
    assert world.desk.engine.signals.tobytes() == healthy.desk.engine.signals.tobytes()
    assert world.made == 3  # the engine was made anew once to find the poison, once to go on without it


def test_of_ticks_that_come_together_only_the_poison_is_left_out() -> None:
    world, healthy = World(Fragile), World()
    entry, fill = world.bar(), world.fill(1)
    good = [world.tick(101.0), world.tick(94.0)]
    poison = world.tick(13.0)
    healthy.take(entry, fill, *good)
    world.take(entry, fill, together(good[0], poison, good[1]))
    world.take()
    world.journal.flush()
    assert [one for one, _ in world.done] == [one for one, _ in healthy.done]
    assert [one.reason for one in world.orders()] == ["signal", "stop"]
    assert world.failed == [(poison, "ValueError('thirteen')")]
    assert world.journal.said(RecordKind.EVENT) == [entry, fill, good[0], poison, good[1]]
    assert [one["event"] for one in world.journal.said(RecordKind.NOTE)] == [4]
    assert world.desk.n_events == 5


def test_several_poison_events_are_all_left_out() -> None:
    world = World(Fragile)
    good = world.bar()
    world.take(world.tick(13.0), good, world.tick(13.0), world.tick(13.0))
    world.journal.flush()
    assert len(world.failed) == 3
    assert [one["event"] for one in world.journal.said(RecordKind.NOTE)] == [1, 3, 4]
    assert any(isinstance(one, SignalFormed) for one, _ in world.done)


def test_one_that_cannot_be_passed_on_holds_up_no_exit_behind_it(world: World) -> None:
    world.take(world.bar(), world.bar(), world.fill(1), world.fill(2))
    before, world.fails = len(world.done), True
    with pytest.raises(ConnectionError):
        world.take(world.tick(94.0))
    assert [(one.order_id, one.reason) for one in world.orders()[2:]] == [
        (order_of(1, 1), "stop"), (order_of(2, 1), "stop"),
    ]  # fmt: skip
    assert len(world.done) == before + 2


def test_a_past_that_the_engine_cannot_take_is_left_out_of_every_later_engine(world: World) -> None:
    engine = world.desk.engine
    event = SymbolFollowed(UnixNanos(world.now), engine.followers.plan.symbols[0], SymbolPast())
    engine.__class__ = Unfollowing
    world.engine_class = Unfollowing
    world.take(world.bar())
    world.desk.follow(event, engine.followers.prepare(event.followed, event.past), encode_event(event))
    world.take(world.bar())
    assert world.failed == [(event, "ValueError('not this one')")]
    assert [one["event"] for one in world.journal.said(RecordKind.NOTE)] == [2]
    assert (world.desk.n_events, len(world.orders())) == (3, 2)


def test_a_question_is_answered_between_the_events_around_it(world: World) -> None:
    answers: list[Future[int]] = [Future(), Future()]
    count = [Question(lambda engine: len(engine.signals), answer) for answer in answers]
    world.take(count[0], world.bar(), count[1], world.bar())
    assert [answer.result(0) for answer in answers] == [0, 1]


def test_a_question_that_fails_is_the_askers_matter(world: World) -> None:
    answer: Future[object] = Future()

    def fail(_: Engine) -> object:
        raise KeyError("nothing there")

    world.take(Question(fail, answer), world.bar())
    assert isinstance(answer.exception(0), KeyError)
    assert len(world.orders()) == 1


def test_entries_are_stopped_in_the_order_of_the_events(world: World) -> None:
    world.take(world.bar(), EntriesStopped(UnixNanos(world.now), True, "doubt"), world.bar())
    assert len(world.orders()) == 1


def test_what_follows_one_that_cannot_be_passed_on_is_decided_before_that_is_told(world: World) -> None:
    world.take(world.bar(), world.fill(1))
    world.fails = True
    later = world.bar()
    with pytest.raises(ConnectionError):
        world.take(world.tick(94.0), later)
    world.journal.flush()
    assert world.desk.n_events == len(world.journal.said(RecordKind.EVENT)) == 4
    assert world.journal.said(RecordKind.EVENT)[-1] == later


def test_each_event_says_when_it_was_done_with(world: World) -> None:
    batch = Batch(3, [world.tick(99.0), world.bar(), world.tick(99.0)], np.zeros((3, 3), np.int64))
    world.desk.on_batch(batch)
    done = batch.times[:, 2].tolist()
    assert 0 < done[0] < done[1] < done[2]


def test_ticks_that_came_together_are_done_with_together(world: World) -> None:
    ticks, bar = together(world.tick(99.0), world.tick(98.0)), world.bar()
    batch = Batch(3, [ticks, bar], np.array([(7, 8, 0), (9, 9, 0), (4, 5, 0)], np.int64), [0, 2])
    world.desk.on_batch(batch)
    done = batch.times[:, 2].tolist()
    assert 0 < done[0] == done[1] < done[2]
    assert (batch.cause_ns(0), batch.cause_ns(1)) == (7, 4)
