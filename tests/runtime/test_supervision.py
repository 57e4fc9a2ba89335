from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.runtime.supervision import Backoff, Intensity, Restart, RestartHistory, Strategy
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

PLAIN = Backoff(0.2, 10.0, 0.0)


@pytest.mark.parametrize(
    ("restart", "after_failure", "after_stop"),
    [(Restart.PERMANENT, True, True), (Restart.TRANSIENT, True, False), (Restart.TEMPORARY, False, False)],
)
def test_who_is_restarted_after_a_failure_and_after_a_stop(
    restart: Restart, after_failure: bool, after_stop: bool
) -> None:
    assert (restart.applies(failed=True), restart.applies(failed=False)) == (after_failure, after_stop)


def test_only_those_started_later_follow_and_only_in_rest_for_one() -> None:
    assert Strategy.REST_FOR_ONE.followers(["a", "b", "c", "d"], "b") == ("c", "d")
    assert Strategy.REST_FOR_ONE.followers(["a", "b"], "b") == ()
    assert Strategy.ONE_FOR_ONE.followers(["a", "b", "c"], "a") == ()


def test_the_delay_doubles_up_to_its_most() -> None:
    assert [PLAIN.delay_s(earlier, 0.9) for earlier in (0, 1, 2, 5, 6, 10_000)] == [0.2, 0.4, 0.8, 6.4, 10.0, 10.0]


@given(st.integers(0, 50), st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_chance_takes_at_most_the_jitter_off(earlier: int, chance: float, jitter: float) -> None:
    whole = Backoff(0.2, 10.0, 0.0).delay_s(earlier, chance)
    assert whole * (1 - jitter) <= Backoff(0.2, 10.0, jitter).delay_s(earlier, chance) <= whole


def test_one_restart_more_than_allowed_escalates_and_time_forgives() -> None:
    history, ts = RestartHistory(Intensity(2, 10.0), PLAIN), 0
    for _ in range(2):
        decision = history.after(UnixNanos(ts), "a", 0.0)
        assert not decision.escalate
        history, ts = decision.history, ts + NANOS_PER_SECOND
    assert history.after(UnixNanos(ts), "b", 0.0).escalate
    assert history.after(UnixNanos(10 * NANOS_PER_SECOND - 1), "a", 0.0).escalate
    assert not history.after(UnixNanos(10 * NANOS_PER_SECOND), "a", 0.0).escalate


def test_delays_grow_for_each_child_on_its_own() -> None:
    history = RestartHistory(Intensity(10, 60.0), PLAIN)
    delays = []
    for child in ("a", "a", "b", "a"):
        decision = history.after(UnixNanos(0), child, 0.0)
        history = decision.history
        delays.append(decision.delay_s)
    assert delays == [0.2, 0.4, 0.2, 0.8]


def test_no_restart_allowed_escalates_at_once() -> None:
    assert RestartHistory(Intensity(0, 60.0), PLAIN).after(UnixNanos(0), "a", 0.0).escalate


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(0, 5))
def test_never_more_restarts_in_any_window_than_allowed(gaps: list[int], most: int) -> None:
    history, ts, restarted = RestartHistory(Intensity(most, 20.0), PLAIN), 0, list[int]()
    for gap in gaps:
        ts += gap * NANOS_PER_SECOND
        decision = history.after(UnixNanos(ts), "a", 0.0)
        history = decision.history
        window = [at for at in restarted if ts - at < 20 * NANOS_PER_SECOND]
        assert decision.escalate == (len(window) >= most)
        if not decision.escalate:
            restarted.append(ts)
    assert len(history.restarts) <= most
