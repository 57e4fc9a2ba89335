"""What only a hosted actor does; what it has in common with any pykka actor is in test_hosted_like_pykka."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pykka
import pytest

from sos_actors.runtime.actor import Exit, ReportsExit
from sos_actors.runtime.dispatcher import Dispatcher
from sos_actors.runtime.hosted import Delivery, HostedActor, run_deliveries
from sos_actors.runtime.latency import StageLatency
from sos_actors.runtime.mailbox import Ping
from sos_actors.runtime.ring import RingBuffer

PATIENCE_S = 10.0


class Listener(HostedActor):
    """Keeps what it hears; answers it; runs it when it is callable."""

    def __init__(self, host: RingBuffer) -> None:
        super().__init__(host)
        self.heard: list[Any] = []
        self.exits = 0

    def on_start(self) -> None:
        self.heard.append("start")

    def on_stop(self) -> None:
        self.heard.append("stop")

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message()
        self.heard.append(message)
        return message

    def notify_exit(self) -> None:
        self.exits += 1
        super().notify_exit()


@pytest.fixture
def ring() -> Iterator[RingBuffer]:
    ring = RingBuffer(8)
    yield ring
    ring.close()
    pykka.ActorRegistry.stop_all(timeout=PATIENCE_S)


def started(ring: RingBuffer) -> tuple[pykka.ActorRef[Listener], Listener]:
    ref = Listener.start(ring)
    actor = ref._actor_weakref()
    assert actor is not None
    return ref, actor


def serve(ring: RingBuffer) -> None:
    """Be the dispatcher until nothing is left."""
    ring.attach()
    while (batch := ring.drain()) is not None:
        run_deliveries(batch)


@pytest.fixture
def dispatched(ring: RingBuffer) -> Iterator[RingBuffer]:
    failures: list[BaseException] = []
    dispatcher = Dispatcher(ring, run_deliveries, on_failure=failures.append, latency=StageLatency())
    dispatcher.start()
    yield ring
    assert dispatcher.stop(PATIENCE_S)
    assert failures == []


def test_a_message_is_an_event_of_the_ring(ring: RingBuffer) -> None:
    ref, actor = started(ring)
    ref.tell("news")
    batch = ring.drain()
    assert batch is not None
    assert [type(event) for event in batch.events] == [Delivery, Delivery]
    assert actor.heard == []
    run_deliveries(batch)
    assert actor.heard == ["start", "news"]


def test_other_events_of_a_batch_are_left_alone(ring: RingBuffer) -> None:
    _, actor = started(ring)
    ring.publish("a bar")
    serve(ring)
    assert actor.heard == ["start"]


def test_a_thousand_actors_cost_no_thread(ring: RingBuffer) -> None:
    ring = RingBuffer(4096)
    before = threading.active_count()
    refs = [Listener.start(ring) for _ in range(1_000)]
    for number, ref in enumerate(refs):
        ref.tell(number)
    assert threading.active_count() == before
    serve(ring)
    assert [ref._actor_weakref().heard for ref in refs] == [["start", number] for number in range(1_000)]  # type: ignore[union-attr]
    for ref in refs:
        ref.stop(block=False)
    serve(ring)
    assert not any(ref.is_alive() for ref in refs)


def test_an_actor_nobody_holds_is_kept_by_the_registry(ring: RingBuffer) -> None:
    Listener.start(ring)
    (ref,) = pykka.ActorRegistry.get_by_class(Listener)
    ref.tell("still there")
    serve(ring)
    assert ref._actor_weakref().heard[-1] == "still there"  # type: ignore[union-attr]


def test_every_hook_runs_on_the_dispatchers_thread(dispatched: RingBuffer) -> None:
    ref, _ = started(dispatched)
    assert ref.ask(threading.get_ident, timeout=PATIENCE_S) != threading.get_ident()
    assert ref.ask(dispatched.is_consumer, timeout=PATIENCE_S)


def test_stopping_another_actor_on_the_dispatchers_thread_runs_it_at_once(ring: RingBuffer) -> None:
    first, _ = started(ring)
    second, other = started(ring)
    second.tell("before")
    first.tell(lambda: second.stop(block=True))
    serve(ring)
    assert other.heard == ["start", "before", "stop"]
    assert not second.is_alive()
    assert first.is_alive()


def test_asking_another_actor_on_the_dispatchers_thread_is_answered(ring: RingBuffer) -> None:
    first, actor = started(ring)
    second, other = started(ring)
    first.tell(lambda: actor.heard.append(second.ask("question")))
    serve(ring)
    assert actor.heard == ["start", "question"]
    assert other.heard == ["start", "question"]


def test_an_actor_that_waits_for_itself_is_told_so_and_does_not_hang(ring: RingBuffer) -> None:
    ref, _ = started(ring)
    answer = ref.ask(lambda: ref.ask("myself"), block=False)
    serve(ring)
    with pytest.raises(RuntimeError, match="answer of its own"):
        answer.get(timeout=0)


def test_a_message_is_never_handled_before_what_its_sender_published_before_it(ring: RingBuffer) -> None:
    ref, actor = started(ring)
    serve(ring)
    ref.tell("early")
    ref.ask(lambda: None, block=False)
    ref.ask("now", block=False).get()  # handled ahead of its turn, and all before it
    assert actor.heard == ["start", "early", "now"]
    ring.publish(lambda: actor.heard.append("a bar"))
    ref.tell("after the bar")
    while (batch := ring.drain(1)) is not None:
        run_deliveries(batch)
        for event in batch.events:
            if not isinstance(event, Delivery):
                event()  # type: ignore[operator]
    assert actor.heard[-2:] == ["a bar", "after the bar"]


def test_what_an_actor_tells_others_while_the_ring_is_full_is_not_lost(ring: RingBuffer) -> None:
    ref, actor = started(ring)

    def chatter() -> None:
        for number in range(50):
            ref.tell(number)

    ref.tell(chatter)
    serve(ring)
    assert actor.heard == ["start", *range(50)]
    assert ring.counts.overflowed > 0


def test_a_message_that_comes_too_late_is_answered(ring: RingBuffer) -> None:
    ref, actor = started(ring)
    ref.stop(block=False)
    late = ref.ask("late", block=False)
    again = ref.stop(block=False)
    serve(ring)
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=0)
    assert again.get(timeout=0)
    assert actor.heard == ["start", "stop"]
    assert actor.exits >= 1


class Supervised(ReportsExit, Listener):
    """As the pattern machines are: its end is told to a supervisor."""


@pytest.mark.parametrize(
    ("last", "exit_"),
    [(lambda ref: ref.stop(block=False), Exit(False, "stopped")), (lambda ref: ref.tell({}.popitem), None)],
)
def test_a_supervised_hosted_actor_tells_of_its_start_and_of_its_end(
    ring: RingBuffer, last: Callable[[Any], object], exit_: Exit | None
) -> None:
    ref: Any = Supervised.start(ring)
    alive = ref.ask(Ping(), block=False)
    last(ref)
    refused = ref.ask("too late", block=False)
    assert not ref.life.started
    serve(ring)
    assert alive.get(timeout=0) is True
    assert ref.life.started
    assert ref.life.exit == (exit_ or Exit(True, "KeyError: 'popitem(): dictionary is empty'", ref.life.exit.lost))
    with pytest.raises(pykka.ActorDeadError):
        refused.get(timeout=0)


@pytest.mark.parametrize("begin", [Listener.start, lambda ring: started(ring)[0]])
def test_a_closed_ring_makes_its_actors_dead(
    ring: RingBuffer, begin: Callable[[RingBuffer], pykka.ActorRef[Listener]]
) -> None:
    ref, actor = started(ring)
    serve(ring)
    ring.close()
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("anyone?")
    assert not ref.is_alive()
    assert actor.exits == 1
    assert not begin(ring).is_alive()
    assert pykka.ActorRegistry.get_all() == []
