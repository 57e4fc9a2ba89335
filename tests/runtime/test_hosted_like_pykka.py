"""The same behaviours of an actor on a thread of its own and of one on the dispatcher's: both must pass the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from sos_actors.runtime.dispatcher import Dispatcher
from sos_actors.runtime.hosted import HostedActor, run_deliveries
from sos_actors.runtime.latency import StageLatency
from sos_actors.runtime.ring import RingBuffer

PATIENCE_S = 10.0
GATE = "gate"


class Behaviour(pykka.Actor):
    """Writes down what happens to it."""

    def __init__(self, *args: Any, log: list[Any], fails_in: str = "", gate: Any = None) -> None:
        super().__init__(*args)
        self.log, self.fails_in, self.gate = log, fails_in, gate

    def _step(self, name: str, *more: Any) -> None:
        self.log.append((name, *more) if more else name)
        if name == self.fails_in:
            raise KeyError(name)

    def on_start(self) -> None:
        self._step("start")

    def on_stop(self) -> None:
        self._step("stop", self.actor_ref.is_alive())

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        assert traceback is not None
        registered = self.actor_ref in pykka.ActorRegistry.get_all()
        self._step("failure", exception_type, str(exception_value), self.actor_ref.is_alive(), registered)

    def on_receive(self, message: Any) -> Any:
        self.log.append(message)
        if message == GATE:
            assert self.gate.wait(PATIENCE_S)
        if isinstance(message, BaseException):
            raise message
        return (message, "answer")

    def method(self, number: int) -> int:
        return number + 1


class OnThread(Behaviour, pykka.ThreadingActor):
    use_daemon_thread = True


class Hosted(Behaviour, HostedActor):
    pass


class Stage:
    """Starts actors of one kind and compares in the end."""

    def __init__(self, kind: type[Behaviour], host: RingBuffer | None) -> None:
        self.kind, self.host = kind, host
        self.log: list[Any] = []

    def start(self, **options: Any) -> pykka.ActorRef[Behaviour]:
        host = () if self.host is None else (self.host,)
        return self.kind.start(*host, log=self.log, **options)


@pytest.fixture(params=[OnThread, Hosted])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param is OnThread:
        yield Stage(OnThread, None)
        pykka.ActorRegistry.stop_all(timeout=PATIENCE_S)
        return
    ring = RingBuffer(16)
    failures: list[BaseException] = []
    dispatcher = Dispatcher(ring, run_deliveries, on_failure=failures.append, latency=StageLatency())
    dispatcher.start()
    yield Stage(Hosted, ring)
    pykka.ActorRegistry.stop_all(timeout=PATIENCE_S)
    assert dispatcher.stop(PATIENCE_S)
    assert failures == []


def ended(ref: pykka.ActorRef[Behaviour]) -> bool:
    return ref.actor_stopped.wait(PATIENCE_S)


def test_messages_are_handled_in_order_after_the_start(stage: Stage) -> None:
    ref = stage.start()
    for number in range(30):
        ref.tell(number)
    assert ref.ask("last", timeout=PATIENCE_S) == ("last", "answer")
    assert stage.log == ["start", *range(30), "last"]


def test_an_actor_is_in_the_registry_while_it_lives(stage: Stage) -> None:
    ref = stage.start()
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is ref
    assert pykka.ActorRegistry.get_by_class(stage.kind) == [ref]
    assert ref.stop(timeout=PATIENCE_S)
    assert pykka.ActorRegistry.get_all() == []


def test_what_fails_in_an_ask_is_the_callers_and_the_actor_lives_on(stage: Stage) -> None:
    ref = stage.start()
    with pytest.raises(ValueError, match="asked"):
        ref.ask(ValueError("asked"), timeout=PATIENCE_S)
    assert ref.ask("next", timeout=PATIENCE_S) == ("next", "answer")
    assert [one for one in stage.log if isinstance(one, tuple)] == []


def test_what_fails_in_a_tell_ends_the_actor_and_tells_its_hook(stage: Stage) -> None:
    gate = threading.Event()
    ref = stage.start(gate=gate)
    ref.tell(GATE)
    ref.tell(ValueError("told"))
    ref.tell("dropped")
    refused = ref.ask("too late", block=False)
    stopping = ref.stop(block=False)
    gate.set()
    with pytest.raises(pykka.ActorDeadError):
        refused.get(timeout=PATIENCE_S)
    assert stopping.get(timeout=PATIENCE_S)
    assert [str(one) for one in stage.log[:3]] == ["start", GATE, "told"]
    assert stage.log[3:] == [("failure", ValueError, "told", False, False)]
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("again")


def test_a_failing_failure_hook_changes_nothing(stage: Stage) -> None:
    ref = stage.start(fails_in="failure")
    ref.tell(ValueError("told"))
    assert ended(ref)
    other = stage.start()
    assert other.ask("still", timeout=PATIENCE_S) == ("still", "answer")


def test_an_actor_that_fails_to_start_hears_nothing_and_no_hook_runs(stage: Stage) -> None:
    ref = stage.start(fails_in="start")
    assert ended(ref)
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("anyone?", timeout=PATIENCE_S)
    assert stage.log == ["start"]
    assert pykka.ActorRegistry.get_all() == []


def test_a_stop_comes_after_what_was_said_before_it(stage: Stage) -> None:
    ref = stage.start()
    ref.tell("one")
    ref.tell("two")
    assert ref.stop(block=True, timeout=PATIENCE_S) is True
    assert stage.log == ["start", "one", "two", ("stop", False)]
    assert ref.stop(block=True, timeout=PATIENCE_S) is False


def test_a_stop_nobody_waits_for_is_answered_all_the_same(stage: Stage) -> None:
    ref = stage.start()
    answer = ref.stop(block=False)
    assert answer.get(timeout=PATIENCE_S) is True
    assert not ref.is_alive()


def test_a_failing_stop_hook_still_stops(stage: Stage) -> None:
    ref = stage.start(fails_in="stop")
    assert ref.stop(block=True, timeout=PATIENCE_S)
    assert not ref.is_alive()


def test_an_actor_may_stop_itself(stage: Stage) -> None:
    ref = stage.start()
    ref.proxy().stop().get(timeout=PATIENCE_S)
    assert ended(ref)
    assert not ref.is_alive()


def test_a_proxy_calls_methods_and_reads_and_writes_attributes(stage: Stage) -> None:
    proxy: Any = stage.start().proxy()
    assert proxy.method(4).get(timeout=PATIENCE_S) == 5
    assert proxy.fails_in.get(timeout=PATIENCE_S) == ""
    proxy.fails_in = "elsewhere"
    assert proxy.fails_in.get(timeout=PATIENCE_S) == "elsewhere"


def test_a_broadcast_reaches_every_actor(stage: Stage) -> None:
    refs = [stage.start() for _ in range(3)]
    pykka.ActorRegistry.broadcast("all", target_class=stage.kind)
    for ref in refs:
        assert ref.stop(timeout=PATIENCE_S)
    assert stage.log.count("all") == 3


def test_stopping_all_stops_the_last_one_first(stage: Stage) -> None:
    refs = [stage.start() for _ in range(3)]
    assert pykka.ActorRegistry.stop_all(timeout=PATIENCE_S) == [True] * 3
    assert not any(ref.is_alive() for ref in refs)


def test_an_exit_in_an_actor_ends_all_actors(stage: Stage) -> None:
    refs = [stage.start() for _ in range(2)]
    refs[0].tell(SystemExit(1))
    assert all(ended(ref) for ref in refs)
