"""Everything is closed whenever that is asked: before anything runs, and when the engine does not answer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from sos_actors.actors.decisions import Question
from sos_actors.actors.describing import Describe
from sos_actors.app.live_system import KILL, STUCK_LOOKS, running
from sos_actors.engine.positions import order_of
from sos_actors.messages.trading import CancelOrder
from sos_actors.runtime.trading_gate import Rung
from sos_actors.types import UnixNanos
from tests.app.running.systems import whole


def test_what_is_decided_before_everybody_runs_is_carried_out_and_a_stuck_engine_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with whole(tmp_path, start=False) as found:
        system = found.system
        machine, trading = system.machine, system.trading
        monkeypatch.setattr(
            trading.desk.engine._keeper, "flatten", lambda _, ts: [CancelOrder(UnixNanos(ts), order_of(5))]
        )
        machine.gate.hold("flat", Rung.SQUARE_OFF, "asked before the start")

        def told(_: str) -> None:  # as slow as it can be: what can be decided by now is decided
            if trading.dispatcher.is_alive:
                found.until(lambda: machine.ring.unread == 0, "nothing waits")

        with running(system, told):
            found.until(
                lambda: any("order 5000000 is to be cancelled" in line for line in found.lines.since()),
                "the order actor hears what was decided",
            )
            awake = threading.Event()
            stuck: Future[bool] = Future()
            machine.ring.publish(Question(lambda _: awake.wait(30.0), stuck))
            many = [Question(lambda engine: len(engine.signals), Future()) for _ in range(2000)]
            filling = threading.Thread(target=lambda: [machine.ring.publish(one) for one in many])
            filling.start()
            found.until(lambda: machine.ring.unread >= machine.ring.capacity, "the ring is full")
            begun = time.monotonic()
            for _ in range(STUCK_LOOKS + 1):
                system._see_dispatcher()
            assert "decided nothing" in system.flat_reason
            assert time.monotonic() - begun < 2.0, "whoever asks does not wait for the engine"
            found.until(lambda: KILL in found.holds(), "trading is held")
            found.until(
                lambda: trading.refs["orders"].ask(Describe(), 2.0)["flattening"], "orders are closed without it"
            )
            assert not stuck.done()
            awake.set()
            filling.join(10.0)
