from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pykka
import pytest

from sos_actors.runtime.actor import ReportsExit
from sos_actors.runtime.child import ChildSpec
from sos_actors.runtime.dispatcher import Dispatcher
from sos_actors.runtime.hosted import HostedActor, run_deliveries
from sos_actors.runtime.latency import StageLatency
from sos_actors.runtime.ring import RingBuffer
from sos_actors.runtime.supervision import Backoff, ChildState, Intensity
from tests.runtime.families import PATIENCE_S, Block, Family, Seen, family, settle


class Pattern(ReportsExit, HostedActor):
    """A child on the dispatcher's thread."""

    def __init__(self, ring: RingBuffer, seen: Seen) -> None:
        super().__init__(ring)
        self._seen = seen

    def on_start(self) -> None:
        self._seen.add("start")

    def on_stop(self) -> None:
        self._seen.add("stop")

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Block):
            message.entered.set()
            message.release.wait(PATIENCE_S)
        elif isinstance(message, type):
            raise message("on demand")
        return threading.current_thread().name


@contextmanager
def dispatched() -> Iterator[RingBuffer]:
    """A ring with its dispatcher."""
    ring = RingBuffer(64)
    dispatcher = Dispatcher(ring, run_deliveries, on_failure=lambda _: None, latency=StageLatency())
    dispatcher.start()
    try:
        yield ring
    finally:
        assert dispatcher.stop()


@pytest.fixture
def ring() -> Iterator[RingBuffer]:
    with dispatched() as made:
        yield made


@pytest.fixture
def home(ring: RingBuffer) -> Iterator[Family]:  # stopped before the ring is
    assert not ring.closed
    with family() as made:
        yield made


def spec(ring: RingBuffer, home: Family, name: str = "pattern", stop_within_s: float = 5.0) -> ChildSpec:
    return ChildSpec(name, lambda _: Pattern.start(ring, home.seen), stop_within_s=stop_within_s)


@pytest.mark.parametrize("killer", [ValueError, SystemExit])
def test_an_actor_of_the_dispatcher_is_restarted_and_what_it_is_told_meanwhile_is_a_dead_letter(
    ring: RingBuffer, home: Family, killer: type[BaseException]
) -> None:
    root = home.supervisor(backoff=Backoff(1.0, 1.0, 0.0))
    root.start()
    child, other = root.add(spec(ring, home)), root.add(spec(ring, home, "other"))
    assert child.ask("who", 5.0) == "dispatcher"
    child.tell(killer)
    home.await_change("sos/pattern", ChildState.RESTARTING)
    assert not child.tell("nobody there")
    assert child.dead_letters == 1
    home.clock.advance(1.0)
    home.await_change("sos/pattern", ChildState.RUNNING, 1)
    assert child.ask("who", 5.0) == other.ask("who", 5.0) == "dispatcher"
    node = root.tree().children[0]
    assert (node.lost, node.kind, node.dead_letters) == (1, "Pattern", 1)
    assert root.stop().abandoned == ()
    assert home.seen.items == ["start", "start", "start", "stop", "stop"]


def test_a_hundred_deaths_on_the_dispatcher(ring: RingBuffer, home: Family) -> None:
    root = home.supervisor(intensity=Intensity(1, 1.0))
    root.start()
    child = root.add(spec(ring, home))
    for restarts in range(1, 101):
        home.clock.advance(1.0)
        child.tell(ValueError)
        home.revive("sos/pattern", restarts)
    assert root.tree().children[0].lost == 100


def test_children_are_added_and_removed_from_the_dispatcher_s_own_thread_without_waiting(
    ring: RingBuffer, home: Family
) -> None:
    root, done = home.supervisor(), threading.Event()
    root.start()

    class Adder(HostedActor):
        def on_receive(self, _: Any) -> Any:
            child = root.add(spec(ring, home), wait=False)
            assert not child.dead_letters
            done.set()

    adder: pykka.ActorRef[Any] = Adder.start(ring)
    adder.tell("go")
    assert done.wait(5.0)
    home.await_change("sos/pattern", ChildState.RUNNING)
    assert root.child("pattern").ask("who", 5.0) == "dispatcher"
    assert root.remove("pattern", wait=False)
    settle(root)
    assert root.tree().children == ()
    adder.stop()


def test_a_dispatcher_that_hangs_with_its_ring_full_does_not_hold_up_the_end(home: Family) -> None:
    with dispatched() as ring:
        root, block = home.supervisor(), Block()
        root.start()
        child = root.add(spec(ring, home, stop_within_s=0.05))
        second = root.add(spec(ring, home, "second", stop_within_s=0.05))
        child.tell(block)
        assert block.entered.wait(5.0)
        for number in range(ring.counts.published, 64 + 1):
            second.tell(number)
        for _ in range(5):
            home.clock.advance(5.0)
            settle(root)
        assert [node.state for node in root.tree().children] == ["RUNNING", "RUNNING"], "looked at, not pinged"
        assert root.stop(5.0).abandoned == ("sos/second", "sos/pattern")
        block.release.set()
        home._roots.clear()
