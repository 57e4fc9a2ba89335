"""A desk whose broker is played by the test itself, one word at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from sos_actors.engine.execution.commands import Cancel, Command, LookUp, Modify, Output, Place, PollBook, Trouble
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.engine.positions import order_of
from sos_actors.messages.broker import BrokerOrder, OrderKind, OrderState
from sos_actors.messages.trading import (
    CancelOrder,
    OrderStatus,
    OrderUpdated,
    PositionCorrected,
    PositionOpened,
    Purpose,
    SubmitOrder,
)
from sos_actors.types import NANOS_PER_SECOND, Side, UnixNanos
from tests.engine.execution.rig import KEY, LOT, START, new_desk
from tests.engine.execution.small_engine import SYMBOL

ENTRY, EXIT = order_of(1), order_of(1, 1)
WORDS = {"open": OrderState.OPEN, "complete": OrderState.COMPLETE, "cancelled": OrderState.CANCELLED,
         "trigger pending": OrderState.TRIGGER_PENDING, "rejected": OrderState.REJECTED,
         "gone fishing": OrderState.UNKNOWN}  # fmt: skip
Wanted = TypeVar("Wanted")


@dataclass(slots=True)
class Played:
    """Notes every output; ``ack`` and the like are what the broker says."""

    desk: ExecutionDesk = field(default_factory=new_desk)
    now: int = START
    outputs: list[Output] = field(default_factory=list)

    @property
    def when(self) -> UnixNanos:
        return UnixNanos(self.now)

    def take(self, outputs: list[Output]) -> list[Output]:
        self.outputs += outputs
        return outputs

    def submit(self, order_id: int, side: Side, quantity: int, price: float = 100.0) -> list[Output]:
        purpose = Purpose.EXIT if order_id % order_of(1) else Purpose.ENTRY
        submit = SubmitOrder(
            self.when, order_id, order_id // order_of(1), SYMBOL, side, quantity, purpose, price, "test"
        )
        return self.take(self.desk.submit(submit, None, self.when))

    def enter(self, quantity: int = LOT, price: float = 100.0) -> list[Output]:
        return self.submit(ENTRY, Side.BUY, quantity, price)

    def leave(self, quantity: int = LOT, price: float = 100.0) -> list[Output]:
        return self.submit(EXIT, Side.SELL, quantity, price)

    def cancel(self, order_id: int = ENTRY) -> list[Output]:
        return self.take(self.desk.cancel(CancelOrder(self.when, order_id), self.when))

    def wait(self, seconds: float) -> list[Output]:
        self.now += int(seconds * NANOS_PER_SECOND)
        return self.take(self.desk.on_time(self.when))

    def ack(self, place: Place, broker_id: str = "") -> str:
        tag = place.intent.request.tag
        broker_id = broker_id or f"B-{tag}"
        self.take(self.desk.placed(tag, broker_id, self.when))
        return broker_id

    def row(
        self, place: Place, word: str, filled: int = 0, average: float | None = None, broker_id: str = ""
    ) -> BrokerOrder:  # fmt: skip
        request, state = place.intent.request, WORDS[word]
        said = "said so" if word == "rejected" else ""
        pending = 0 if state.terminal else request.quantity - filled
        return BrokerOrder(
            self.when, broker_id or f"B-{request.tag}", request.tag, KEY, request.side, OrderKind.LIMIT, state, word,
            request.quantity, filled, pending, request.price, 0.0, average, reason=said,
        )  # fmt: skip

    def seen(self, place: Place, word: str, filled: int = 0, average: float | None = None) -> list[Output]:
        return self.take(self.desk.seen(self.row(place, word, filled, average), self.when))

    def bought(self, quantity: int = LOT, price: float = 100.0) -> Place:
        """An entry that filled at once."""
        [place] = of(self.enter(quantity), Place)
        self.ack(place)
        self.seen(place, "complete", quantity, price)
        return place

    def search_in_vain(self) -> list[Output]:
        """Look-ups and a book that do not have it; returns what comes of it."""
        found: list[Output] = []
        for _ in range(40):
            commands = [o for o in self.outputs if isinstance(o, LookUp | PollBook)]
            self.outputs = [o for o in self.outputs if not isinstance(o, LookUp | PollBook)]
            for command in commands:
                if isinstance(command, LookUp):
                    found += self.take(self.desk.looked_up(command.tag, [], self.when))
                else:
                    found += self.take(self.desk.book([], [], self.when, self.when))
            found += self.wait(0.25)
        return found

    def told(self, order_id: int | None = None) -> list[tuple[OrderStatus, int, float]]:
        return [
            (o.status, o.fill_quantity, round(o.fill_price, 6))
            for o in self.outputs
            if isinstance(o, OrderUpdated) and order_id in (None, o.order_id)
        ]

    def troubles(self, what: str) -> list[Trouble]:
        return [output for output in self.outputs if isinstance(output, Trouble) and what in output.key]


def of(outputs: list[Output], kind: type[Wanted]) -> list[Wanted]:
    return [output for output in outputs if isinstance(output, kind)]


def changing(outputs: list[Output]) -> list[Command]:
    return [output for output in outputs if isinstance(output, Place | Modify | Cancel)]


class Guarded(Played):
    """A desk that keeps stop orders."""

    def opened(self, quantity: int, stop: float = 90.0, side: Side = Side.BUY) -> list[Output]:
        told = PositionOpened(self.when, 1, SYMBOL, side, quantity, 100.0, stop, 130.0)
        return self.take(self.desk.position_opened(told, self.when))

    def gone(self, place: Place, filled: int = 0, average: float | None = None) -> list[Output]:
        return self.seen(place, "cancelled", filled, average)

    def corrected(self) -> list[tuple[int, float, int]]:
        return [(each.quantity, each.price, each.order_id) for each in of(self.outputs, PositionCorrected)]


def guarded(desk: Guarded, quantity: int = LOT) -> Place:
    """A position with its stop order at the broker."""
    desk.bought(quantity)
    [stop] = of(desk.opened(quantity), Place)
    desk.ack(stop)
    desk.seen(stop, "trigger pending")
    return stop
