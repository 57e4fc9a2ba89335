"""The lanes: no exit waits for an entry, nothing is sent before its intent is written, every error has its meaning."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import pytest

from sos_actors.actors.order_lanes import OrderLanes
from sos_actors.actors.order_words import Answered, BookCame, LookedUp, answered, fate_of
from sos_actors.engine.execution.commands import Cancel, Intent, LookUp, Modify, Place, PollBook
from sos_actors.engine.execution.policy import Fate
from sos_actors.errors import (
    JournalError,
    OrderRefusedError,
    TokenRefusedError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.messages.broker import BrokerFill, BrokerOrder, OrderChange, OrderKind, OrderRequest
from sos_actors.messages.trading import Purpose
from sos_actors.types import Side, UnixNanos

BOUND_S = 10.0


@dataclass(slots=True)
class Slow:
    """A broker and a journal that note what they are asked, and wait or fail where they are told to."""

    asked: list[str] = field(default_factory=list)
    gates: dict[str, threading.Event] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    begun: SimpleQueue[str] = field(default_factory=SimpleQueue)

    def note(self, what: str) -> None:
        self.asked.append(what)
        self.begun.put(what)
        if what in self.gates:
            assert self.gates[what].wait(BOUND_S)
        if what in self.errors:
            raise self.errors[what]

    def place(self, order: OrderRequest) -> str:
        self.note(f"place {order.tag}")
        return f"B-{order.tag}"

    def modify(self, change: OrderChange) -> None:
        self.note(f"modify {change.order_id}")

    def cancel(self, order_id: str) -> None:
        self.note(f"cancel {order_id}")

    def orders(self) -> list[BrokerOrder]:
        self.note("orders")
        return []

    def orders_by_tag(self, tag: str) -> list[BrokerOrder]:
        self.note(f"look {tag}")
        return []

    def fills(self) -> list[BrokerFill]:
        self.note("fills")
        return []

    def intent(self, intent: Intent) -> None:
        self.note(f"intent {intent.request.tag}")

    def outcome(self, outcome: object) -> None:
        self.asked.append(f"outcome {getattr(outcome, 'tag', '')}")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not asked for")


@dataclass(slots=True)
class Run:
    slow: Slow
    lanes: OrderLanes
    told: SimpleQueue[Any]

    def next(self) -> Any:
        return self.told.get(timeout=BOUND_S)


@pytest.fixture
def run() -> Iterator[Run]:
    slow: Slow = Slow()
    told: SimpleQueue[Any] = SimpleQueue()
    lanes = OrderLanes(slow, slow, told.put, lambda: UnixNanos(7), width=1)
    lanes.start()
    yield Run(slow, lanes, told)
    for gate in slow.gates.values():
        gate.set()
    assert lanes.stop()


def place(tag: str, purpose: Purpose = Purpose.ENTRY) -> Place:
    request = OrderRequest(tag, "K", Side.BUY, 75, OrderKind.LIMIT, 100.0)
    return Place(Intent(UnixNanos(1), 1_000_000, 1, "S", purpose, 0, 0, request))


def test_an_exit_and_a_look_up_do_not_wait_for_an_entry(run: Run) -> None:
    run.slow.gates["place in"] = threading.Event()
    run.lanes.carry_out(place("in"))
    assert run.slow.begun.get(timeout=BOUND_S) == "intent in"
    run.lanes.carry_out(place("out", Purpose.EXIT))
    assert run.next().outcome.tag == "out"
    run.lanes.carry_out(LookUp("in"))
    assert run.next() == LookedUp("in", [])
    run.lanes.carry_out(PollBook(fills=True))
    assert run.next() == BookCame(UnixNanos(7), [], [])
    run.slow.gates["place in"].set()
    assert run.next().outcome.broker_id == "B-in"


def test_the_intent_is_written_before_the_order_is_sent(run: Run) -> None:
    run.lanes.carry_out(place("t"))
    assert run.next().outcome.fate == Fate.PLACED
    assert run.slow.asked == ["intent t", "place t", "outcome t"]


def test_without_a_journal_an_entry_stays_and_an_exit_goes(run: Run) -> None:
    run.slow.errors = {"intent in": JournalError("full"), "intent out": JournalError("full")}
    run.lanes.carry_out(place("in"))
    assert run.next().outcome.fate == Fate.UNSENT
    run.lanes.carry_out(place("out", Purpose.EXIT))
    assert run.next().outcome.fate == Fate.PLACED
    assert "place in" not in run.slow.asked


def test_what_has_not_begun_is_dropped_and_what_has_is_named(run: Run) -> None:
    run.slow.gates["place a"] = threading.Event()
    run.lanes.carry_out(place("a"))
    run.lanes.carry_out(place("b"))
    while run.slow.begun.get(timeout=BOUND_S) != "place a":
        pass
    assert run.lanes.discard() == {"a"}
    run.slow.gates["place a"].set()
    assert run.next().outcome.tag == "a"
    run.lanes.carry_out(place("c"))
    assert run.next().outcome.tag == "c"
    assert "place b" not in run.slow.asked


def test_cancels_and_changes_tell_their_outcome_and_failed_reading_tells_none(run: Run) -> None:
    run.slow.errors["cancel 1"] = OrderRefusedError("upstox", "over", "UDAPI100040")
    run.slow.errors["look t"] = ValueError("a mistake")
    run.slow.errors["orders"] = VendorUnreachableError("upstox", "gone")
    run.lanes.carry_out(Cancel("t", "1"))
    assert (outcome := run.next().outcome).fate == Fate.REFUSED
    assert (outcome.what, outcome.code) == ("cancel", "UDAPI100040")
    run.lanes.carry_out(Modify("t", OrderChange("2", 75, OrderKind.LIMIT, 99.0)))
    assert run.next().outcome.fate == Fate.PLACED
    run.lanes.carry_out(LookUp("t"))
    assert run.next() == LookedUp("t", None)
    run.lanes.carry_out(PollBook(fills=False))
    assert run.next() == BookCame(UnixNanos(7), None)


def test_a_hearer_that_is_gone_does_not_end_a_lane() -> None:
    slow, told = Slow(), SimpleQueue[Any]()

    def tell(message: object) -> None:
        assert isinstance(message, Answered)
        if message.outcome.tag == "a":
            raise RuntimeError("nobody is there")
        told.put(message)

    lanes = OrderLanes(slow, slow, tell, lambda: UnixNanos(7), width=1)
    lanes.start()
    lanes.carry_out(place("a"))
    lanes.carry_out(place("b"))
    assert told.get(timeout=BOUND_S).outcome.tag == "b"
    assert lanes.stop()


@pytest.mark.parametrize(
    ("make", "fate"),
    [
        (lambda: OrderRefusedError("upstox", "no", "UDAPI1104"), Fate.REFUSED),
        (lambda: TokenRefusedError("upstox", "expired", "UDAPI100050"), Fate.LOCKED),
        (lambda: VendorRefusedError("upstox", "static IP", "UDAPI1154"), Fate.LOCKED),
        (lambda: VendorBusyError("upstox", "slow down", "429"), Fate.THROTTLED),
        (lambda: VendorBusyError("upstox", "trouble", "503"), Fate.UNKNOWN),
        (lambda: VendorUnreachableError("upstox", "time-out"), Fate.UNKNOWN),
        (lambda: VendorAnswerError("upstox", "a page"), Fate.UNKNOWN),
        (lambda: VendorError("upstox", "else"), Fate.UNKNOWN),
        (lambda: KeyError("a mistake of ours"), Fate.UNKNOWN),
    ],
)
def test_every_error_means_one_thing_for_an_order(make: Callable[[], Exception], fate: Fate) -> None:
    error = make()
    assert fate_of(error) is fate
    told = answered("place", "t", error, UnixNanos(1))
    assert told.outcome.fate == fate
    assert told.outcome.code == getattr(error, "code", "")
