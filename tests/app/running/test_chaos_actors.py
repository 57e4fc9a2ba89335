"""Every actor is killed in turn while the system trades: it comes back, it is seen to, and nothing is done twice."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from sos_actors.errors import SosError
from sos_actors.runtime.group_loop import GroupLoop
from sos_actors.runtime.supervision import ChildState
from tests.app.running.invariants import check, minutes_are_whole
from tests.app.running.systems import Poison, Whole, raising
from tests.bridge.contract_engine import Engine

ACTORS = ("store", "backfill", "orders", "feed", "mood", "screener", "pattern NIFTY")


def back(whole: Whole, name: str, restarts: int) -> None:
    whole.until(
        lambda: (node := whole.node(name)).state is ChildState.RUNNING and node.restarts >= restarts,
        f"{name} is back",
    )  # fmt: skip


@pytest.mark.parametrize("name", [*ACTORS, "a stock"])
def test_an_actor_that_dies_is_back_and_trading_goes_on(healthy: Whole, name: str) -> None:
    if name == "a stock":
        nodes = healthy.group("patterns").children
        name = next(one.name for one in nodes if one.name != "pattern NIFTY" and one.state is ChildState.RUNNING)
    mark, before = healthy.lines.mark, healthy.node(name).restarts
    healthy.ref(name).tell(Poison(raising(SosError(f"poison for {name}"))))
    back(healthy, name, before + 1)
    healthy.ref(name).tell(Poison(raising(SystemExit(3))))
    back(healthy, name, before + 2)
    assert healthy.node(name).last_reason == "SystemExit: 3"
    shown = healthy.shown(name)
    assert (shown.state, shown.restarts, shown.last_reason) == ("running", before + 2, "SystemExit: 3")
    said = " ".join(healthy.lines.since(mark, logging.WARNING))
    assert f"poison for {name}" in said
    assert f"{name} restarting: SystemExit: 3" in said
    healthy.trades(1)
    path = max((one.actor for one in healthy.stored() if one.actor.endswith(f"/{name}")), key=len)
    healthy.until(
        lambda: [one.event for one in healthy.stored() if one.actor == path][-4:] == ["failed", "started"] * 2,
        "the store has it",
    )
    check(healthy)


def test_minutes_missed_meanwhile_were_brought(healthy: Whole) -> None:
    minutes_are_whole(healthy)


@pytest.fixture
def engine(healthy: Whole) -> Iterator[Engine]:
    server = healthy.system.bridge.server
    assert server is not None
    found = Engine(server.seen().port)
    yield found
    found.kill()


def test_a_session_that_dies_closes_its_connection_and_the_engine_gets_another(healthy: Whole, engine: Engine) -> None:
    engine.hear_until("SENTIMENT_UPDATE")
    sessions = [node.name for node in healthy.group("bridge").children if node.state is ChildState.RUNNING]
    healthy.ref(sessions[0]).tell(Poison(raising(SosError("poison"))))
    assert engine.closing() == 1011
    server = healthy.system.bridge.server
    assert server is not None
    again = Engine(server.seen().port)
    again.hear_until("SENTIMENT_UPDATE")
    again.kill()
    healthy.trades(1)
    check(healthy)


@pytest.mark.parametrize("name", ["orders", "feed"])
def test_a_supervisor_that_dies_is_back_with_its_children(healthy: Whole, name: str) -> None:
    before = healthy.group(name).restarts
    loop = healthy.system._groups[name]._loop
    assert loop is not None
    assert loop.actor_class is GroupLoop
    loop.tell(Poison(raising(SystemExit(4))))
    healthy.until(lambda: healthy.group(name).restarts > before, "the group is back")
    healthy.until(lambda: healthy.group(name).children[0].state is ChildState.RUNNING, "its child is back")
    healthy.trades(1)
    check(healthy)


@pytest.mark.parametrize("name", ["store", "orders"])
def test_an_actor_that_hangs_is_replaced_after_a_dump_of_all_threads(healthy: Whole, name: str) -> None:
    let_go, mark, before = threading.Event(), healthy.lines.mark, healthy.node(name).restarts
    healthy.ref(name).tell(Poison(lambda: let_go.wait(60.0)))
    back(healthy, name, before + 1)
    assert healthy.node(name).last_reason.startswith("hung: no answer for")
    dump = next(text for text in healthy.lines.since(mark, logging.ERROR) if "All threads" in text)
    assert "let_go.wait" in dump
    let_go.set()
    healthy.trades(1)
    assert healthy.node(name).restarts == before + 1
    check(healthy)
