"""The market feed fails in every way while the system trades: no entry in doubt, no minute lost, and it comes back."""

from __future__ import annotations

import pytest

from sos_actors.actors.feed import NewToken
from sos_actors.messages.trading import PositionOpened, Purpose, SubmitOrder
from sos_actors.runtime.trading_gate import Rung
from sos_actors.simulator.faults import Fault, FaultKind
from tests.app.running.invariants import check, minutes_are_whole
from tests.app.running.systems import Whole

FEED = "feed"
SILENCING = (
    (Fault("upstox", FaultKind.MUTE, FEED),),
    (Fault("upstox", FaultKind.CORRUPT, FEED),),
    (Fault("upstox", FaultKind.DROP, FEED),),
    (Fault("upstox", FaultKind.CLOSE, FEED, status=1011),),
)
DISTURBING = (
    (Fault("upstox", FaultKind.DUPLICATE, FEED),),
    (Fault("upstox", FaultKind.REORDER, FEED),),
    (Fault("upstox", FaultKind.CORRUPT, FEED, skip=5, times=1),),
    (Fault("upstox", FaultKind.DROP, FEED, skip=10, times=1),),
    (Fault("upstox", FaultKind.DELAY, FEED, seconds=0.1),),
)


def kinds(faults: tuple[Fault, ...]) -> str:
    return "+".join(fault.kind for fault in faults)


@pytest.mark.parametrize("faults", SILENCING, ids=kinds)
def test_a_feed_that_says_nothing_of_use_closes_entries_until_it_is_back(
    healthy: Whole, faults: tuple[Fault, ...]
) -> None:
    with healthy.fault(*faults):
        healthy.until(lambda: FEED in healthy.holds(), "the feed holds entries back")
        assert healthy.system.machine.gate.rung is Rung.STOP_ENTRIES
        assert FEED in {one.key for one in healthy.status().gate.holds}
    healthy.trades(1)
    minutes_are_whole(healthy)
    check(healthy)


@pytest.mark.parametrize("faults", DISTURBING, ids=kinds)
def test_a_feed_that_stutters_costs_no_minute_and_no_trade(healthy: Whole, faults: tuple[Fault, ...]) -> None:
    with healthy.fault(*faults):
        healthy.trades(1)
    healthy.trades(1)
    minutes_are_whole(healthy)
    check(healthy)


def test_a_feed_that_is_refused_withdraws_entries_and_positions_can_be_closed(healthy: Whole) -> None:
    healthy.until(
        lambda: any(isinstance(one, PositionOpened) for one in healthy.decided[-3:]), "a position has just been opened"
    )
    with healthy.fault(Fault("upstox", FaultKind.STATUS, "*market-data-feed*", status=401)):
        healthy.bench.add(Fault("upstox", FaultKind.DROP, FEED, times=1))
        healthy.until(lambda: "refused" in healthy.holds().get(FEED, ""), "the feed is refused")
        assert healthy.system.machine.gate.rung >= Rung.EXITS_ONLY
        before = len(healthy.decided)
        healthy.system.machine.gate.hold("test", Rung.SQUARE_OFF, "close what is held without a feed")
        healthy.until(
            lambda: not any(one.quantity for one in healthy.system.trading.broker.positions()), "nothing is held", 60.0
        )  # without prices a limit is moved on by itself, a step every two real seconds here
        check(healthy)
        news = [one for one in healthy.decided[before:] if isinstance(one, SubmitOrder)]
        assert [one for one in news if one.purpose is Purpose.ENTRY] == []
    healthy.ref("feed").tell(NewToken())
    healthy.until(lambda: FEED not in healthy.holds(), "the feed is back with a new token")
    healthy.system.machine.gate.release("test")
    healthy.trades(1)
    minutes_are_whole(healthy)
    check(healthy)
