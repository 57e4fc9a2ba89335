from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.runtime.clock import AcceleratedClock, ManualClock, monotonic_ns
from sos_actors.runtime.timers import NANOS_PER_DAY, Timers, next_aligned
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

S = NANOS_PER_SECOND


def test_calls_are_made_when_they_are_due_and_in_order() -> None:
    clock, seen = ManualClock(), list[tuple[str, float]]()
    timers = Timers(clock)

    def note(name: str) -> None:
        seen.append((name, clock() / S))

    timers.after(3.0, lambda: note("after"))
    timers.every(2.0, lambda: note("every"))
    timers.at(UnixNanos(5 * S), lambda: note("at"))
    clock.advance(6.0)
    assert seen == [("every", 2.0), ("after", 3.0), ("every", 4.0), ("at", 5.0), ("every", 6.0)]


def test_after_a_long_sleep_each_fires_once_and_keeps_its_beat() -> None:
    clock, seen = ManualClock(), list[float]()
    timers = Timers(clock)
    timers.every(10.0, lambda: seen.append(clock() / S))
    clock.jump_to(1_003 * S)
    assert seen == [1003.0]
    clock.advance(10.0)
    assert seen == [1003.0, 1010.0]


def test_aligned_timers_fire_at_multiples_of_their_period_and_the_offset() -> None:
    clock, seen = ManualClock(7 * S), list[float]()
    Timers(clock).every(60.0, lambda: seen.append(clock() / S), aligned=True, offset_s=2.0)
    clock.advance(125.0)
    assert seen == [62.0, 122.0]
    clock.jump_to(1_000 * S)
    clock.advance(30.0)
    assert seen == [62.0, 122.0, 1000.0, 1022.0]


@given(st.integers(0, 3 * NANOS_PER_DAY), st.integers(1, 7200), st.integers(0, 7200))
def test_an_aligned_moment_is_the_next_one_of_its_day(after: int, period_s: int, offset_s: int) -> None:
    found = next_aligned(after, period_s * S, offset_s * S)
    assert after < found <= after + period_s * S
    assert ((found - offset_s * S) % NANOS_PER_DAY) % (period_s * S) == 0 or found < after + offset_s * S


def test_a_timer_that_fails_is_logged_and_all_go_on(caplog: pytest.LogCaptureFixture) -> None:
    clock, seen = ManualClock(), list[int]()
    timers = Timers(clock)
    timers.every(1.0, lambda: 1 / 0, name="broken")
    timers.every(1.0, lambda: seen.append(1))
    clock.advance(3.0)
    assert seen == [1, 1, 1]
    assert [record.getMessage() for record in caplog.records] == ["A timer failed (broken); it goes on."] * 3


def test_a_cancelled_timer_is_silent_even_when_it_cancels_itself() -> None:
    clock, seen = ManualClock(), list[str]()
    timers = Timers(clock)
    timers.after(1.0, lambda: seen.append("never")).cancel()

    def once() -> None:
        seen.append("once")
        mine.cancel()

    mine = timers.every(1.0, once)
    clock.advance(5.0)
    assert seen == ["once"]
    assert mine.is_cancelled
    assert timers.next_due() is None


def test_a_period_must_be_one() -> None:
    with pytest.raises(ValueError, match="period"):
        Timers(ManualClock()).every(0.0, lambda: None)


def test_over_a_manual_clock_there_is_no_thread() -> None:
    timers, before = Timers(ManualClock()), threading.active_count()
    timers.start()
    assert threading.active_count() == before
    assert timers.stop()


def test_the_thread_sleeps_in_real_time_what_the_fast_clock_takes_and_wakes_for_what_comes_first() -> None:
    timers = Timers(AcceleratedClock.starting(UnixNanos(0), 1000.0), name="fast")
    timers.start()
    slow, quick = threading.Event(), threading.Event()
    timers.after(3_600.0, slow.set)
    begun = monotonic_ns()
    timers.after(30.0, quick.set)
    assert quick.wait(5.0)
    assert 0.03 <= (monotonic_ns() - begun) / S < 3.0
    assert not slow.is_set()
    assert timers.stop()
    assert timers.stop(), "idempotent"
    assert "fast" not in [thread.name for thread in threading.enumerate()]
    timers.start()
    timers.after(1.0, slow.set)
    assert slow.wait(5.0), "it can be started again"
    assert timers.stop()


def test_a_timer_may_stop_the_timers() -> None:
    timers, stopped = Timers(AcceleratedClock.starting(UnixNanos(0), 1000.0)), threading.Event()
    timers.start()
    timers.after(0.0, lambda: stopped.set() if timers.stop() else None)
    assert stopped.wait(5.0)
    assert timers.stop()
