from __future__ import annotations

import pickle

import pytest

from sos_actors.runtime.clock import AcceleratedClock, ManualClock, WallClock, monotonic_ns, wall_time
from sos_actors.types import UnixNanos


def test_the_wall_clock_is_the_wall_s() -> None:
    before = wall_time()
    assert before <= WallClock()() <= wall_time()


def test_an_accelerated_clock_runs_as_fast_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = AcceleratedClock(UnixNanos(1_000), 60.0, 5_000)
    monkeypatch.setattr("sos_actors.runtime.clock.monotonic_ns", lambda: 5_100)
    assert clock() == 1_000 + 6_000
    assert pickle.loads(pickle.dumps(clock))() == clock(), "the same moment in another process"


def test_an_accelerated_clock_starts_where_it_is_told() -> None:
    clock = AcceleratedClock.starting(UnixNanos(10**18), 1.0)
    assert 0 <= clock() - 10**18 <= monotonic_ns() - clock.since_ns


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_no_clock_stands_or_runs_backwards(speed: float) -> None:
    with pytest.raises(ValueError, match="forwards"):
        AcceleratedClock(UnixNanos(0), speed, 0)


def test_a_manual_clock_stands_until_it_is_moved() -> None:
    clock = ManualClock(5)
    clock.advance(2.5)
    assert clock() == 2_500_000_005
    with pytest.raises(ValueError, match="forwards"):
        clock.move_to(0)
