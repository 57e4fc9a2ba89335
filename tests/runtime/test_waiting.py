from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numba  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import pytest

from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.waiting import (
    BlockWait,
    EventFdBell,
    LockBell,
    WaitStrategy,
    make_wait,
    spin_until,
    yield_until,
)

NAMES = ("block", "yield", "spin")
COMPILED = (spin_until, yield_until)
PATIENCE_S = 10.0
HOUR_NS = 3600 * 10**9


@pytest.fixture(params=NAMES)
def wait(request: pytest.FixtureRequest) -> WaitStrategy:
    return make_wait(request.param)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def ended(thread: threading.Thread) -> bool:
    thread.join(PATIENCE_S)
    return not thread.is_alive()


def test_strategies_are_known_by_their_names() -> None:
    assert [make_wait(name).name for name in NAMES] == list(NAMES)


def test_an_unknown_strategy_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="'nap': one of block, yield, spin"):
        make_wait("nap")


def test_what_is_published_already_is_not_waited_for(wait: WaitStrategy) -> None:
    wait.wait(np.full(8, 3, np.int64), 5, 3)


def test_a_waiting_consumer_sees_what_another_thread_publishes(wait: WaitStrategy) -> None:
    words = np.zeros(64, np.int64)
    seen: list[int] = []

    def consume() -> None:
        while words[17] < 1:
            wait.wait(words, 17, 1)
        seen.append(int(words[17]))

    consumer = in_thread(consume)
    words[17] = 1
    wait.signal()
    assert ended(consumer)
    assert seen == [1]


def test_thousands_of_turns_between_two_threads_lose_no_wake_up(wait: WaitStrategy) -> None:
    words, answers = np.zeros(16, np.int64), threading.Semaphore(0)
    turns = 2_000

    def consume() -> None:
        for turn in range(1, turns + 1):
            while words[8] < turn:
                wait.wait(words, 8, turn)
            answers.release()

    consumer = in_thread(consume)
    for turn in range(1, turns + 1):
        words[8] = turn
        wait.signal()
        assert answers.acquire(timeout=PATIENCE_S)
    assert ended(consumer)


@pytest.mark.parametrize("until", COMPILED)
def test_the_compiled_loop_reads_memory_anew_each_time(until: Callable[..., bool]) -> None:
    # One call, which has an hour: had the compiler read the word once, it would not come back when it changes.
    words, inside = np.zeros(16, np.int64), threading.Event()
    found: list[bool] = []

    def consume() -> None:
        inside.set()
        found.append(until(words, 8, 7, HOUR_NS, np.zeros(2, np.int64)))

    consumer = in_thread(consume)
    assert inside.wait(PATIENCE_S)
    consumer.join(0.005)  # it is inside the loop by now, and without the GIL, or this thread would not run
    words[8] = 7
    assert ended(consumer)
    assert found == [True]


@pytest.mark.parametrize("until", COMPILED)
def test_the_compiled_loop_comes_back_when_its_time_is_over(until: Callable[..., bool]) -> None:
    begun = monotonic_ns()
    assert not until(np.zeros(8, np.int64), 0, 1, 2_000_000, np.zeros(2, np.int64))
    assert monotonic_ns() - begun >= 2_000_000


def test_the_optimised_code_of_the_spin_still_holds_an_atomic_load_in_its_loop() -> None:
    function: Any = spin_until
    fresh = numba.njit(function.py_func)  # what comes from the cache cannot be looked at
    fresh(np.ones(1, np.int64), 0, 1, 0, np.zeros(2, np.int64))
    (text,) = fresh.inspect_llvm().values()
    assert "load atomic i64" in text


def test_a_wake_up_without_an_event_ends_the_wait_that_comes_after_it(wait: WaitStrategy) -> None:
    wait.wake()
    assert ended(in_thread(lambda: wait.wait(np.zeros(8, np.int64), 0, 1)))


def test_a_wake_up_without_an_event_ends_the_wait_that_goes_on(wait: WaitStrategy) -> None:
    consumer = in_thread(lambda: wait.wait(np.zeros(8, np.int64), 0, 1))
    consumer.join(0.002)
    wait.wake()
    assert ended(consumer)


def test_a_producer_rings_only_for_a_sleeper() -> None:
    class CountingBell:
        rung = 0

        def hear(self) -> None:
            sleeper.signal()

        def ring(self) -> None:
            self.rung += 1

    bell = CountingBell()
    sleeper = BlockWait(bell)
    sleeper.signal()
    assert bell.rung == 0
    sleeper.wait(np.zeros(1, np.int64), 0, 1)
    sleeper.signal()
    assert bell.rung == 1


@pytest.mark.parametrize("kind", [EventFdBell, LockBell])
def test_a_bell_is_heard_once_whether_it_rings_before_or_during_the_sleep(kind: type[EventFdBell | LockBell]) -> None:
    bell = kind()
    bell.ring()
    bell.hear()
    sleeper = in_thread(bell.hear)
    bell.ring()
    assert ended(sleeper)
