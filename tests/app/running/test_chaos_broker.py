"""The broker answers wrongly, late, or twice: nothing is ordered twice, and all agree on what is held."""

from __future__ import annotations

import pytest

from sos_actors.simulator.faults import Fault, FaultKind
from tests.app.running.invariants import check
from tests.app.running.systems import Whole

PLACE, ORDERS, STREAM = "*/order/place", "*/order*", "portfolio"
FAULTS = (
    Fault("upstox", FaultKind.STATUS, PLACE, status=500, times=4),
    Fault("upstox", FaultKind.STATUS, ORDERS, status=429, times=12),
    Fault("upstox", FaultKind.CORRUPT, PLACE, times=4),
    Fault("upstox", FaultKind.HTML, ORDERS, times=6),
    Fault("upstox", FaultKind.DELAY, ORDERS, seconds=0.3, times=10),
    Fault("upstox", FaultKind.DUPLICATE, STREAM),
    Fault("upstox", FaultKind.REORDER, STREAM),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind} {fault.path} {fault.status}")
def test_whatever_the_broker_does_nothing_is_ordered_twice(healthy: Whole, fault: Fault) -> None:
    added = healthy.bench.add(fault)
    if fault.times is not None:
        healthy.until(lambda: not _stands(healthy, added), "the fault has struck as often as it was to", 40.0)
    healthy.trades(2)
    healthy.bench.heal()
    check(healthy, 30.0)


def _stands(whole: Whole, fault: Fault) -> bool:
    return any(standing.id == fault.id for standing, _ in whole.bench.served.call(whole.bench.world.faults.active))
