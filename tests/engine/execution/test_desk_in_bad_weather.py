"""The desk against an exchange that loses, doubles, delays and refuses: what must hold holds whatever is drawn."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.execution.rig import Rig

QUIET = settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@QUIET
@given(st.integers(0, 2**32), st.integers(1, 120), st.floats(0.0, 0.6))
def test_nothing_is_sent_twice_and_every_fill_is_told_once(seed: int, steps: int, faults: float) -> None:
    rig = Rig(Random(seed), faults=faults)
    for _ in range(steps):
        rig.step()
    rig.calm()
    rig.check_end()


@QUIET
@given(st.integers(0, 2**32), st.integers(1, 120))
def test_orders_that_appear_after_they_were_given_up_end_flat_all_the_same(seed: int, steps: int) -> None:
    rig = Rig(Random(seed), late_s=60.0, faults=0.4)
    for _ in range(steps):
        rig.step()
    rig.calm()
    rig.check_end()


@QUIET
@given(st.integers(0, 2**32), st.lists(st.integers(1, 40), min_size=1, max_size=4), st.floats(0.0, 0.5))
def test_killed_at_any_point_it_goes_on_without_sending_anything_twice(
    seed: int, runs: list[int], faults: float
) -> None:
    rig = Rig(Random(seed), faults=faults)
    for steps in runs:
        for _ in range(steps):
            rig.step()
        rig.crash()
    rig.calm()
    rig.check_end()


@QUIET
@given(st.integers(0, 2**32), st.integers(1, 100), st.floats(0.0, 0.5), st.booleans())
def test_with_a_dead_engine_the_desk_sells_everything_by_itself(
    seed: int, steps: int, faults: float, is_crashed: bool
) -> None:
    rig = Rig(Random(seed), faults=faults)
    for _ in range(steps):
        rig.step()
    if is_crashed:
        rig.crash()
    rig.engine.positions.clear()
    rig.to_desk.clear()
    rig.take(rig.desk.flatten(rig.when))
    rig.calm()
    assert rig.exchange.net() == 0
    assert not any(order.is_live for order in rig.exchange.orders.values())
    assert rig.desk.held() == {}
    assert rig.desk.is_idle


@pytest.mark.parametrize("late_s", [1.5, 60.0])
def test_the_weather_is_bad_enough_to_prove_something(late_s: float) -> None:
    rig = Rig(Random(5), late_s=late_s, faults=0.4)
    for _ in range(250):
        rig.step()
    assert len(rig.exchange.orders) > 10
    assert any("doubt" in trouble.key for trouble in rig.troubles)
