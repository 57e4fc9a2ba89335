"""Where a session is traded: which day, whose time, and what is refused before anything begins."""

from __future__ import annotations

from datetime import date

import pytest

from sos_actors.app.live_place import control_clock
from sos_actors.app.live_reconcile import REAL_S, paced
from sos_actors.config import Orders
from sos_actors.errors import VendorUnreachableError
from sos_actors.simulator.server import running
from sos_actors.types import NANOS_PER_SECOND
from tests.simulator.markets import moment, small_world

DAY = date(2026, 1, 13)


def test_the_time_of_a_simulator_is_taken_with_its_speed() -> None:
    world = small_world(f"{DAY} 10:30", speed=30.0)
    with running(world, ("nse",)) as server:
        clock = control_clock(server.addresses["control"])
        assert clock.speed == 30.0
        assert abs(clock() - world.clock.now()) < 30 * NANOS_PER_SECOND
        assert clock() >= moment(f"{DAY} 10:30")


def test_a_simulator_that_stands_still_is_no_clock() -> None:
    world = small_world(f"{DAY} 10:30", speed=0.0)
    with running(world, ("nse",)) as server, pytest.raises(VendorUnreachableError, match="stands still"):
        control_clock(server.addresses["control"])


def test_nobody_at_the_address_is_told() -> None:
    with pytest.raises(VendorUnreachableError, match="does not say what time it is"):
        control_clock("http://127.0.0.1:9")


def test_at_ordinary_speed_orders_are_paced_as_configured() -> None:
    assert paced(Orders(), 1.0) == Orders()


def test_at_a_higher_speed_a_broker_has_its_real_time_to_answer() -> None:
    fast = paced(Orders(), 60.0)
    assert (fast.reprice_after_s, fast.poll_s, fast.look_again_after_s) == (60 * REAL_S,) * 3
    assert fast.most_reprices == Orders().most_reprices
    assert paced(Orders(), 1000.0).look_again_after_s == 60.0
