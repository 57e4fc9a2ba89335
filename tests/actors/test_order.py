"""The order actor when something breaks in its hands: nothing it was told is lost without a word."""

from __future__ import annotations

import threading
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope

from sos_actors.actors.order import OrderActor, OrderHearers
from sos_actors.config.running import Orders
from sos_actors.engine.execution.commands import Output, Place
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.engine.positions import order_of
from sos_actors.messages.trading import OrderStatus, OrderUpdated, PositionCorrected, Purpose, SubmitOrder
from sos_actors.runtime.clock import ManualClock
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.timers import Timers
from sos_actors.types import Side, UnixNanos
from tests.engine.execution.rig import NONCE, START, name_of, terms_of
from tests.engine.execution.small_engine import SYMBOL

ENTRY = SubmitOrder(UnixNanos(START), order_of(1), 1, SYMBOL, Side.BUY, 75, Purpose.ENTRY, 100.0, "signal")


class Lanes:
    """Keeps what it is told to do."""

    def __init__(self) -> None:
        self.commands: list[Any] = []

    def discard(self) -> frozenset[str]:
        return frozenset()

    def carry_out(self, command: object) -> None:
        self.commands.append(command)


class Fragile(ExecutionDesk):
    """Breaks on every order, before it has taken it in."""

    def submit(self, submit: SubmitOrder, last_price: float | None, now: UnixNanos) -> list[Output]:
        raise ZeroDivisionError(submit, last_price, now)


class Bench:
    """An actor, and what it has said."""

    def __init__(self, desk: ExecutionDesk) -> None:
        self.desk, self.lanes, self.mailbox = desk, Lanes(), Mailbox("orders")
        self.told: list[OrderUpdated | PositionCorrected] = []
        self.clock = ManualClock(UnixNanos(START))
        self.begins, self.may_begin = threading.Event(), threading.Event()

    def start(self, wait: bool = False) -> pykka.ActorRef[Any]:
        def begin() -> tuple[ExecutionDesk, list[Output]]:
            if wait:
                self.begins.set()
                assert self.may_begin.wait(10.0)
            return self.desk, self.desk.submit(ENTRY, None, UnixNanos(START)) if wait else []

        hearers = OrderHearers(self.told.append, lambda *_: None, lambda _: None, lambda _: None)
        timers = Timers(self.clock)
        return OrderActor.start(begin, self.lanes, hearers, timers, self.clock, mailbox=self.mailbox)


def test_an_order_that_kills_it_is_told_as_refused() -> None:
    bench = Bench(Fragile(Orders(), NONCE, terms_of, name_of))
    actor = bench.start()
    bench.mailbox.put(Envelope(ENTRY))
    assert actor.actor_stopped.wait(10.0)
    actor.stop()
    told = [(one.order_id, one.status) for one in bench.told if isinstance(one, OrderUpdated)]
    assert told == [(ENTRY.order_id, OrderStatus.REJECTED)]


@pytest.mark.parametrize("given_up", [True, False])
def test_one_that_was_given_up_while_it_waited_for_the_broker_sends_nothing(given_up: bool) -> None:
    bench = Bench(ExecutionDesk(Orders(), NONCE, terms_of, name_of))
    actor = bench.start(wait=True)
    assert bench.begins.wait(10.0)
    if given_up:
        actor.actor_inbox.cut_off()  # type: ignore[attr-defined]
    bench.may_begin.set()
    actor.stop()
    assert actor.actor_stopped.wait(10.0)
    placed = [one for one in bench.lanes.commands if isinstance(one, Place)]
    assert len(placed) == (0 if given_up else 1)
