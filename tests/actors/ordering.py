"""What the tests of the order actor share: the actor over the real client and the simulated Upstox, at speed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pykka
from pykka._envelope import Envelope

from sos_actors.actors.order import OrderActor, OrderHearers
from sos_actors.actors.order_lanes import OrderLanes
from sos_actors.config.running import Orders
from sos_actors.engine.execution.commands import Intent, Outcome
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.engine.execution.tags import PREFIX
from sos_actors.engine.execution.terms import InstrumentTerms
from sos_actors.engine.positions import order_of
from sos_actors.errors import JournalError
from sos_actors.messages.broker import BrokerOrder
from sos_actors.messages.records import OrderRecord
from sos_actors.messages.trading import CancelOrder, OrderUpdated, PositionCorrected, Purpose, SubmitOrder
from sos_actors.runtime.clock import indian_day
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import Rung
from sos_actors.simulator.world import World
from sos_actors.types import Segment, Side, UnixNanos
from sos_actors.vendors.upstox.feed_addresses import order_stream_address
from sos_actors.vendors.upstox.orders import UpstoxBroker
from sos_actors.vendors.upstox.portfolio import UpstoxOrderStream
from tests.simulator.markets import small_world
from tests.vendors.upstox.sockets import QUICK, RELIANCE, Rig, rigged

SYMBOL, SPEED, BOUND_S = "NSE|EQ|RELIANCE", 20.0, 30.0
TERMS = InstrumentTerms(RELIANCE, 1, 0.1, 40, Segment.EQ)


@dataclass(frozen=True, slots=True)
class WorldClock:
    """The simulated world's time, as timers want it."""

    world: World

    @property
    def speed(self) -> float:
        return SPEED

    def __call__(self) -> UnixNanos:
        return self.world.clock.now()


@dataclass(slots=True)
class Ordering:
    """The engine's and the journal's place, taken by lists."""

    rig: Rig
    clock: WorldClock
    timers: Timers
    mailbox: Mailbox = field(default_factory=lambda: Mailbox("orders"))
    told: list[OrderUpdated] = field(default_factory=list)
    corrected: list[PositionCorrected] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    records: list[OrderRecord] = field(default_factory=list)
    holds: list[tuple[str, Rung]] = field(default_factory=list)
    releases: list[str] = field(default_factory=list)
    full: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)
    refs: list[pykka.ActorRef[Any]] = field(default_factory=list)
    lanes: OrderLanes = field(init=False)
    desk: ExecutionDesk = field(init=False)

    def intent(self, intent: Intent) -> None:
        if self.full:
            raise JournalError("no space left")
        self.note(self.intents, intent)

    def outcome(self, outcome: Outcome) -> None:
        self.note(self.outcomes, outcome)

    def start(self) -> None:
        """Another incarnation of the actor."""
        make = order_stream_address(self.rig.connection)
        hearers = OrderHearers(
            self.hear, lambda key, rung, _: self.note(self.holds, (key, rung)),
            lambda key: self.note(self.releases, key), lambda record: self.note(self.records, record),
        )  # fmt: skip
        self.refs.append(
            OrderActor.start(
                lambda: (self.desk, []), self.lanes, hearers, self.timers, self.clock, mailbox=self.mailbox,
                stream=lambda: UpstoxOrderStream(self.rig.config, make, policy=QUICK),
                last_price=lambda _: self.price(),
            )
        )  # fmt: skip

    def hear(self, word: OrderUpdated | PositionCorrected) -> None:
        self.note(self.corrected if isinstance(word, PositionCorrected) else self.told, word)

    def note(self, where: list[Any], what: object) -> None:
        with self.changed:
            where.append(what)
            self.changed.notify_all()

    def price(self) -> float:
        listing = self.rig.world.market.find(RELIANCE, indian_day(self.clock()))
        assert listing is not None
        return float(self.rig.world.market.state(listing, self.clock()).ltp)

    def enter(self, position: int, quantity: int, price: float | None = None) -> None:
        self.submit(order_of(position), Side.BUY, quantity, Purpose.ENTRY, price or self.price())

    def leave(self, position: int, quantity: int) -> None:
        self.submit(order_of(position, 1), Side.SELL, quantity, Purpose.EXIT, self.price())

    def submit(self, order_id: int, side: Side, quantity: int, purpose: Purpose, price: float) -> None:
        position = order_id // order_of(1)
        self.tell(SubmitOrder(self.clock(), order_id, position, SYMBOL, side, quantity, purpose, price, "signal"))

    def cancel(self, position: int) -> None:
        self.tell(CancelOrder(self.clock(), order_of(position)))

    def tell(self, message: object) -> None:
        """Leave the actor, or its successor, a message."""
        self.mailbox.put(Envelope(message))

    def filled(self, order_id: int) -> int:
        return sum(update.fill_quantity for update in self.told if update.order_id == order_id)

    def until(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, BOUND_S), (self.told, self.outcomes[-5:], self.holds)

    def book(self) -> list[BrokerOrder]:
        return [row for row in UpstoxBroker(self.rig.connection).orders() if row.tag.startswith(PREFIX)]


@contextmanager
def ordering(**changes: Any) -> Iterator[Ordering]:
    world = small_world(speed=SPEED, rate_limits=False)
    with rigged(world) as rig:
        clock = WorldClock(world)
        timers = Timers(clock)
        made = Ordering(rig, clock, timers)
        config = Orders(**{"requests_per_second": 5, **changes})
        made.desk = ExecutionDesk(config, "t3st", lambda symbol: TERMS if symbol == SYMBOL else None, lambda _: SYMBOL)
        made.lanes = OrderLanes(UpstoxBroker(rig.connection), made, made.tell, clock)
        timers.start()
        made.lanes.start()
        made.start()
        try:
            yield made
        finally:
            assert made.lanes.stop()
            made.refs[-1].stop()
            assert timers.stop()
