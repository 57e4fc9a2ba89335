from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from sos_actors.runtime.dispatcher import LAST_CPU, Dispatcher, hurry_this_thread, pin_this_thread
from sos_actors.runtime.latency import Stage, StageLatency, StallMeter
from sos_actors.runtime.ring import CLOSED, Batch, RingBuffer
from sos_actors.runtime.waiting import make_wait

PATIENCE_S = 10.0
Make = Callable[..., Dispatcher]
on_linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin threads")


class Desk:
    """Keeps what it is given; fails on the word ``poison``, stops at the word ``gate`` until let go."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.failures: list[BaseException] = []
        self.threads: set[int] = set()
        self.at_gate, self.gate = threading.Event(), threading.Event()
        self.done = threading.Semaphore(0)

    def on_batch(self, batch: Batch) -> None:
        self.threads.add(threading.get_ident())
        for event in batch.events:
            if event == "gate":
                self.at_gate.set()
                assert self.gate.wait(PATIENCE_S)
            if event == "poison":
                raise ValueError("poison")
            if event == "exit":
                raise SystemExit(3)
            self.seen.append(event)
            self.done.release()

    def wait_for(self, events: int) -> None:
        for _ in range(events):
            assert self.done.acquire(timeout=PATIENCE_S)


@pytest.fixture(params=["block", "yield", "spin"])
def ring(request: pytest.FixtureRequest) -> RingBuffer:
    return RingBuffer(16, make_wait(request.param))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def make(ring: RingBuffer, desk: Desk) -> Iterator[Make]:
    made: list[Dispatcher] = []

    def start(**options: object) -> Dispatcher:
        settings = {"latency": StageLatency(), "on_failure": desk.failures.append, **options}
        made.append(Dispatcher(ring, desk.on_batch, **settings))  # type: ignore[arg-type]
        made[-1].start()
        return made[-1]

    yield start
    desk.gate.set()
    assert all(one.stop(PATIENCE_S) for one in made)


def test_events_are_served_in_order_on_one_thread(ring: RingBuffer, desk: Desk, make: Make) -> None:
    served = make()
    for number in range(100):
        ring.publish(number)
    desk.wait_for(100)
    assert desk.seen == list(range(100))
    assert desk.threads == {served.thread_id}
    assert served.is_alive


def test_a_poison_event_is_reported_and_the_next_batch_is_served(
    ring: RingBuffer, desk: Desk, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    served = make(most=1)
    for event in ("poison", "exit", "after"):
        ring.publish(event)
    desk.wait_for(1)
    assert desk.seen == ["after"]
    assert [type(error) for error in desk.failures] == [ValueError, SystemExit]
    assert served.failures == 2
    assert "A batch of 1 str failed" in caplog.text


def test_a_failing_report_of_a_failure_ends_nothing(
    ring: RingBuffer, desk: Desk, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    def worse(_error: BaseException) -> None:
        raise LookupError("worse")

    make(most=1, on_failure=worse)
    ring.publish("poison")
    ring.publish("after")
    desk.wait_for(1)
    assert "worse" in caplog.text


def test_no_batch_is_larger_than_the_bound(ring: RingBuffer, desk: Desk, make: Make) -> None:
    served = make(most=3)
    ring.publish("gate")
    assert desk.at_gate.wait(PATIENCE_S)
    before = served.batches
    for number in range(9):
        ring.publish(number)
    desk.gate.set()
    desk.wait_for(10)
    assert served.stop(PATIENCE_S)
    assert served.batches - before == 3


def test_a_stop_serves_what_is_there_and_closes_the_ring(ring: RingBuffer, desk: Desk, make: Make) -> None:
    served = make()
    ring.publish("gate")
    assert desk.at_gate.wait(PATIENCE_S)
    for number in range(10):
        ring.publish(number)
    desk.gate.set()
    assert served.stop(PATIENCE_S)
    assert desk.seen == ["gate", *range(10)]
    assert not served.is_alive
    assert ring.publish("late") == CLOSED


def test_a_stop_wakes_a_sleeping_dispatcher(make: Make) -> None:
    assert make().stop(PATIENCE_S)


def test_a_stop_ends_though_the_consumer_goes_on_publishing(desk: Desk) -> None:
    ring = RingBuffer(4)

    def echo(_batch: Batch) -> None:
        if ring.publish("again") == CLOSED:
            desk.done.release()

    served = Dispatcher(ring, echo, on_failure=desk.failures.append, latency=StageLatency())
    served.start()
    ring.publish("first")
    assert served.stop(PATIENCE_S)
    assert ring.unread == 0
    assert desk.done.acquire(blocking=False)


def test_a_stop_does_not_wait_for_a_stuck_consumer_for_ever(ring: RingBuffer, desk: Desk, make: Make) -> None:
    served = make()
    ring.publish("gate")
    assert desk.at_gate.wait(PATIENCE_S)
    assert not served.stop(0.01)
    assert served.is_alive


def test_a_stop_on_the_dispatchers_own_thread_only_asks(desk: Desk) -> None:
    ring, answers = RingBuffer(4), list[bool]()
    served = Dispatcher(
        ring, lambda _: answers.append(served.stop()), on_failure=desk.failures.append, latency=StageLatency()
    )
    served.start()
    ring.publish("end")
    served._thread.join(PATIENCE_S)
    assert not served.is_alive
    assert answers == [False]


def test_a_dispatcher_that_never_started_closes_its_ring(ring: RingBuffer, desk: Desk) -> None:
    served = Dispatcher(ring, desk.on_batch, on_failure=desk.failures.append, latency=StageLatency())
    assert served.stop()
    assert ring.closed


def test_every_event_is_timed_from_its_publication(ring: RingBuffer, desk: Desk, make: Make) -> None:
    latency, stalls = StageLatency(), StallMeter()
    served = make(latency=latency, stalls=stalls)
    ring.publish("gate")
    assert desk.at_gate.wait(PATIENCE_S)
    ring.publish("waits behind the gate")
    threading.Event().wait(0.002)
    desk.gate.set()
    desk.wait_for(2)
    assert served.stop(PATIENCE_S)
    figures = latency.snapshot()[Stage.DECIDED]
    assert figures.count == 2
    assert figures.max_us > 2_000
    assert max(stall.worst_us for stall in stalls.minutes()) > 2_000
    assert sum(stall.batches for stall in stalls.minutes()) == served.batches


@on_linux
@pytest.mark.parametrize("ring", ["block"], indirect=True)
def test_only_the_dispatchers_thread_runs_before_others(ring: RingBuffer, desk: Desk, make: Make) -> None:
    before = os.sched_getscheduler(0)
    allowed: list[bool] = []
    thread = threading.Thread(target=lambda: allowed.append(hurry_this_thread()))
    thread.start()
    thread.join(PATIENCE_S)
    served = make(realtime=True)
    ring.publish("event")
    desk.wait_for(1)
    assert [served.is_realtime] == allowed
    assert os.sched_getscheduler(0) == before


def test_a_system_without_real_time_threads_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delattr(os, "sched_setscheduler", raising=False)
    with caplog.at_level(logging.INFO):
        assert hurry_this_thread() is False
    assert "no real-time threads" in caplog.text


@on_linux
def test_on_one_core_nobody_hurries(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with caplog.at_level(logging.INFO):
        assert hurry_this_thread() is False
    assert "one core" in caplog.text


@on_linux
def test_a_thread_that_may_not_hurry_is_told_what_would_allow_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refused)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with caplog.at_level(logging.INFO):
        assert hurry_this_thread() is False
    assert "ulimit -r" in caplog.text


@on_linux
def test_only_the_dispatchers_thread_is_pinned(make: Make) -> None:
    allowed = os.sched_getaffinity(0)
    served = make(cpu=LAST_CPU)
    assert served.stop(PATIENCE_S)
    assert served.pinned_to == max(allowed)
    assert os.sched_getaffinity(0) == allowed


@on_linux
def test_a_core_that_is_not_there_is_named_and_nothing_is_pinned(caplog: pytest.LogCaptureFixture) -> None:
    assert pin_this_thread(4_000) is None
    assert "There is no core 4000" in caplog.text


def test_a_system_that_pins_nothing_says_so(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    with caplog.at_level(logging.INFO):
        assert pin_this_thread(LAST_CPU) is None
    assert "does not pin" in caplog.text


def test_no_pinning_is_asked_for_with_minus_two(caplog: pytest.LogCaptureFixture) -> None:
    assert pin_this_thread(-2) is None
    assert caplog.text == ""


def test_what_can_wait_is_done_when_the_ring_is_empty(ring: RingBuffer, desk: Desk, make: Make) -> None:
    unread: list[int] = []
    idle = threading.Event()

    def look() -> None:
        unread.append(ring.unread)
        idle.set()

    make(on_idle=look)
    ring.publish("one")
    desk.wait_for(1)
    idle.clear()
    ring.wake()
    assert idle.wait(PATIENCE_S)
    assert set(unread) == {0}


def test_idle_work_that_fails_is_told_and_ends_nothing(ring: RingBuffer, desk: Desk, make: Make) -> None:
    failing = threading.Event()

    def fail() -> None:
        if not failing.is_set():
            failing.set()
            raise OSError("full")

    make(on_idle=fail)
    assert failing.wait(PATIENCE_S)
    ring.publish("one")
    desk.wait_for(1)
    assert [repr(one) for one in desk.failures] == ["OSError('full')"]
