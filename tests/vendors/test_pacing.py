from __future__ import annotations

import random
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.vendors.pacing import Backoff, RateLimiter


class Moments:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def limiter(moments: Moments, *limits: tuple[int, float]) -> RateLimiter:
    return RateLimiter(limits, moments.clock, moments.sleep)


def test_calls_within_the_limit_do_not_wait() -> None:
    limited = limiter(Moments(), (3, 1.0))
    assert [limited.acquire() for _ in range(3)] == [0.0, 0.0, 0.0]


def test_the_call_beyond_the_limit_waits_until_the_window_has_moved_on() -> None:
    moments = Moments()
    limited = limiter(moments, (2, 1.0))
    limited.acquire()
    moments.now += 0.25
    limited.acquire()
    assert limited.acquire() == pytest.approx(0.75)
    assert limited.acquire() == pytest.approx(0.25)


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5), st.integers(1, 9))
def test_no_window_ever_holds_more_than_its_limit(gaps: list[float], few: int, many: int) -> None:
    moments = Moments()
    limits = ((few, 1.0), (many, 4.0))
    limited = limiter(moments, *limits)
    calls = []
    for gap in gaps:
        moments.now += gap
        limited.acquire()
        calls.append(moments.now)
    for most, window in limits:
        for first, last in zip(calls, calls[most:], strict=False):
            assert last - first >= window - 1e-9


def test_a_wait_longer_than_the_deadline_is_refused_and_books_nothing() -> None:
    moments = Moments()
    limited = limiter(moments, (1, 10.0))
    limited.acquire()
    for _ in range(3):
        with pytest.raises(TimeoutError, match=r"10\.0 s"):
            limited.acquire(deadline_s=2.0)
    assert moments.now == 100.0
    assert limited.acquire(deadline_s=10.0) == 10.0


def test_a_held_limiter_lets_nothing_through_until_it_is_over() -> None:
    limited = limiter(Moments(), (5, 1.0))
    limited.hold(7.0)
    limited.hold(3.0)
    assert limited.acquire() == 7.0
    assert limited.acquire() == 0.0


def test_without_limits_nothing_waits() -> None:
    limited = RateLimiter([])
    assert [limited.acquire() for _ in range(5)] == [0.0] * 5


def test_threads_share_the_limit() -> None:
    waits: list[float] = []
    limited = RateLimiter([(2, 10.0)], lambda: 0.0, lambda _: None)
    threads = [Thread(target=lambda: waits.append(limited.acquire())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0.0, 0.0, 10.0, 10.0, 20.0, 20.0, 30.0, 30.0]


@pytest.mark.parametrize("limit", [(0, 1.0), (1, 0.0)])
def test_a_limit_that_lets_nothing_through_is_refused(limit: tuple[int, float]) -> None:
    with pytest.raises(ValueError, match="at least one call"):
        RateLimiter([limit])


def test_a_back_off_doubles_up_to_its_most_and_begins_anew_after_success() -> None:
    backoff = Backoff(1.0, 5.0, 0.0, random.Random(1))
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_chance_only_shortens_a_wait_and_by_no_more_than_it_may() -> None:
    backoff = Backoff(8.0, 8.0, 0.5, random.Random(3))
    waits = [backoff.next() for _ in range(200)]
    assert 4.0 <= min(waits) < 4.3
    assert 7.7 < max(waits) <= 8.0


@pytest.mark.parametrize("numbers", [(0.0, 1.0, 0.0), (2.0, 1.0, 0.0), (1.0, 2.0, 1.0)])
def test_a_back_off_of_nonsense_is_refused(numbers: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="back-off"):
        Backoff(*numbers, random.Random(1))
