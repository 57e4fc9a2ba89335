"""The whole system when nothing fails: it opens by itself, trades, keeps what it did, and says how it is."""

from __future__ import annotations

from sos_actors.messages.market import BarClosed
from sos_actors.messages.trading import PositionClosed, Purpose
from sos_actors.runtime.supervision import ChildState
from sos_actors.store.database import Store
from tests.app.running.invariants import check, minutes_are_whole
from tests.app.running.systems import NIFTY, Whole

GROUPS = ["store", "history", "orders", "feed", "patterns", "looking", "bridge"]


def test_everything_runs_under_its_supervisor(healthy: Whole) -> None:
    nodes = healthy.system.root.nodes()
    assert [node.name for node in nodes] == GROUPS
    assert {node.state for node in nodes} == {ChildState.RUNNING}
    assert [actor.name for actor in healthy.status().actors] == GROUPS
    for name in ("store", "backfill", "orders", "feed", "mood", "screener", "pattern NIFTY"):
        assert healthy.shown(name).state == "running"


def test_options_and_stocks_are_traded_and_every_trade_is_in_store_and_journal(healthy: Whole) -> None:
    def traded() -> set[str]:
        return {one.symbol.split("|")[1] for one in healthy.decided if isinstance(one, PositionClosed)}

    healthy.until(lambda: traded() == {"FO", "EQ"}, "options and stocks were traded", 40.0)
    closed = [one for one in healthy.decided if isinstance(one, PositionClosed)]
    found = check(healthy)
    exits = {one.position_id for one in found.orders if one.purpose is Purpose.EXIT}
    assert {one.position_id for one in closed} <= exits

    def stored() -> int:
        with Store.open(healthy.place.folder, read_only=True) as store:
            return len(store.trades(0, int(healthy.place.clock()) + 1))

    healthy.until(lambda: stored() >= len(closed), "the store has every trade")


def test_every_minute_of_the_index_reaches_the_engine_once(healthy: Whole) -> None:
    found = check(healthy)
    minutes = [event.ts_open for event in found.events if isinstance(event, BarClosed) and event.symbol == NIFTY]
    assert len(minutes) > 1
    minutes_are_whole(healthy)


def test_the_status_shows_what_is_held_and_how_quick_it_was(healthy: Whole) -> None:
    healthy.trades(1)
    status = healthy.status()
    assert status.gate.rung == "open"
    assert status.feed.state == "up"
    assert status.day.trades >= 1
    assert {one.symbol for one in status.watchlist} >= {NIFTY}
    counts = {one.stage: one.count for one in status.latencies}
    assert all(counts[stage] > 0 for stage in ("published", "decided", "sent", "acknowledged"))
