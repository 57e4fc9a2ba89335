"""Stop orders at an exchange that loses, doubles, delays and refuses: nothing is sold twice, whatever is drawn."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.execution.stop_rig import StopRig

QUIET = settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


@QUIET
@given(st.integers(0, 2**32), st.integers(1, 120), st.floats(0.0, 0.6))
def test_never_is_more_for_sale_than_is_held_and_the_end_is_flat(seed: int, steps: int, faults: float) -> None:
    rig = StopRig(Random(seed), faults=faults)
    for _ in range(steps):
        rig.step()
    rig.calm()
    rig.check_end()


@QUIET
@given(st.integers(0, 2**32), st.integers(1, 100), st.floats(0.0, 0.6))
def test_what_nobody_leaves_has_its_stop_order_within_seconds(seed: int, steps: int, faults: float) -> None:
    rig = StopRig(Random(seed), faults=faults)
    for _ in range(steps):
        rig.step()
    rig.hold_still(30.0)
    rig.check_guarded()
    rig.calm()
    rig.check_end()


@QUIET
@given(st.integers(0, 2**32), st.integers(1, 120))
def test_stop_orders_that_appear_after_they_were_given_up_end_flat_all_the_same(seed: int, steps: int) -> None:
    rig = StopRig(Random(seed), late_s=60.0, faults=0.4)
    for _ in range(steps):
        rig.step()
    rig.calm()
    rig.check_end()


@QUIET
@given(st.integers(0, 2**32), st.lists(st.integers(1, 40), min_size=1, max_size=4), st.floats(0.0, 0.5))
def test_killed_at_any_point_it_knows_its_stop_orders_again(seed: int, runs: list[int], faults: float) -> None:
    rig = StopRig(Random(seed), faults=faults)
    for steps in runs:
        for _ in range(steps):
            rig.step()
        rig.crash()
    rig.hold_still(30.0)
    rig.check_guarded()
    rig.calm()
    rig.check_end()


@QUIET
@given(st.integers(0, 2**32), st.integers(1, 100), st.floats(0.0, 0.5), st.booleans())
def test_with_a_dead_engine_everything_is_sold_once(seed: int, steps: int, faults: float, is_crashed: bool) -> None:
    rig = StopRig(Random(seed), faults=faults)
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
    rig = StopRig(Random(5), late_s=late_s, faults=0.3)
    for _ in range(400):
        rig.step()
    stops = rig.stops()
    assert sum(order.state.value == "cancelled" for order in stops) > 10
    assert sum(order.filled > 0 for order in stops) > 5
    assert len({update.position_id for update in rig.corrected() if update.quantity == 0}) > 3
    assert any(update.quantity for update in rig.corrected())
