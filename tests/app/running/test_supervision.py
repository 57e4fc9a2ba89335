"""Failures beyond the limits, and a stop beside what hangs: the ladder closes everything, and the end comes in time."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from sos_actors.actors.decisions import Question
from sos_actors.app.live_system import ESCALATED, KILL, ORDER_ACTOR, running
from sos_actors.errors import SosError, StoreFullError
from sos_actors.runtime.supervision import ChildChanged, ChildState
from sos_actors.runtime.trading_gate import Rung
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.store.recording import StoreRecorder
from tests.app.running.invariants import flat, held
from tests.app.running.systems import Poison, Whole, raising, whole

WITHIN_S = 60.0


def test_too_many_failures_go_up_the_tree_until_everything_is_closed(tmp_path: Path) -> None:
    with whole(tmp_path, runtime={"max_restarts": 2, "within_s": WITHIN_S}) as found:
        found.until(lambda: held(found), "something is held", 30.0)
        mark = found.lines.mark
        while found.group("looking").state is not ChildState.FAILED:
            _kill_once(found, "screener")
        found.until(lambda: ESCALATED in found.holds(), "the ladder goes up")
        assert found.system.machine.gate.rung is Rung.SQUARE_OFF
        assert "Too many failures: sos restarted its children more than 2 times within 60 s" in found.holds()[ESCALATED]
        flat(found)
        gate, shown = found.status().gate, next(one for one in found.status().actors if one.name == "looking")
        assert gate.rung == "square off"
        assert (shown.state, shown.restarts) == ("failed", 2)
        assert [node.name for node in found.system.root.nodes() if node.state is not ChildState.RUNNING] == ["looking"]
        assert any("It stays down" in text for text in found.lines.since(mark, logging.CRITICAL))
        events = ["started", "failed"] * 3
        found.until(lambda: [one.event for one in found.stored() if one.actor == "sos/looking"] == events, "it is kept")


def test_the_order_actor_is_never_given_up_and_nothing_is_begun_without_it(tmp_path: Path) -> None:
    runtime = {"max_restarts": 1, "within_s": WITHIN_S, "first_delay_s": 0.5}
    with whole(tmp_path, runtime=runtime) as found:
        found.until(lambda: held(found), "something is held", 30.0)
        for _ in range(3):
            found.ref("orders").tell(Poison(raising(SosError("again and again"))))
            found.until(lambda: ORDER_ACTOR in found.holds(), "entries are closed while it is down")
            assert found.system.machine.gate.rung is not Rung.OPEN
            found.until(lambda: ORDER_ACTOR not in found.holds(), "it is back")
        assert found.group("orders").state is ChildState.RUNNING
        assert found.node("orders").restarts == 3
        found.trades(1)


def test_nothing_is_begun_before_everything_has_started(tmp_path: Path) -> None:
    rungs: list[tuple[str, Rung]] = []
    with whole(tmp_path, start=False) as found:
        gate = found.system.machine.gate
        with running(found.system, lambda text: rungs.append((text, gate.rung))):
            assert rungs
            assert [text for text, rung in rungs if rung is Rung.OPEN] == []
            found.trades(1)


def _kill_once(whole: Whole, name: str) -> None:
    """Kill an actor and wait until it, or its group, is seen to be down or up again."""
    group = whole.group("looking")
    before = (group.restarts, whole.node(name).restarts)
    whole.ref(name).tell(Poison(raising(SosError("again and again"))))

    def settled() -> bool:
        now = whole.group("looking")
        if now.state is ChildState.FAILED:
            return True
        child = next(one for one in now.children if one.name == name)
        is_up = now.state is ChildState.RUNNING and child.state is ChildState.RUNNING
        return is_up and (now.restarts, child.restarts) != before

    whole.until(settled, "it is up again, or given up")


def test_a_stop_beside_a_stuck_actor_comes_in_time_and_in_reverse_order(tmp_path: Path) -> None:
    let_go = threading.Event()
    with whole(tmp_path, runtime={"hung_after_s": 60.0}) as found:
        found.until(lambda: found.node("feed").state is ChildState.RUNNING, "the feed runs")
        found.ref("feed").tell(Poison(lambda: let_go.wait(30.0)))
        changes: list[ChildChanged] = []
        found.system.root.on_change(changes.append)
        begun = time.monotonic()
        stuck = found.system.stop()
        took = time.monotonic() - begun
        let_go.set()
        assert took < found.config.runtime.stop_within_s
        assert stuck == ["sos/feed/feed"]
        ended = [one.path for one in changes if one.state is ChildState.STOPPED]
        groups = [path for path in ended if path.count("/") == 1]
        assert groups == [f"sos/{name}" for name in
                          ("bridge", "looking", "patterns", "feed", "orders", "history", "store")]  # fmt: skip
        found.until(lambda: not any(one.name == "feed" for one in threading.enumerate()), "the stuck thread ends")


def test_everything_is_closed_with_a_dead_feed_and_a_dead_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(_self: StoreRecorder, _facts: object) -> None:
        raise StoreFullError("the disk is full.")

    with whole(tmp_path) as found:
        found.until(lambda: held(found), "something is held", 30.0)
        monkeypatch.setattr(StoreRecorder, "record", record)
        with found.fault(Fault("upstox", FaultKind.MUTE, "feed")):
            found.until(lambda: {"feed", "store"} <= found.holds().keys(), "feed and store are dead")
            found.system.flatten("the trader wants out")
            flat(found)
        assert KILL in found.holds()
        monkeypatch.undo()
        found.until(lambda: "store" not in found.holds(), "the store is back")


def test_everything_is_closed_though_the_dispatcher_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sos_actors.app.live_system.POSITIONS_S", 1.0)  # then the engine hears of it
    awake = threading.Event()
    with whole(tmp_path) as found:
        found.until(lambda: held(found), "something is held", 30.0)
        found.system.machine.ring.publish(Question(lambda _: awake.wait(30.0), Future()))
        found.system.flatten("the trader wants out")
        found.until(lambda: not held(found), "the order actor has closed everything by itself")
        assert any("positions are closed without it" in text for text in found.lines.since())
        awake.set()
        flat(found)
