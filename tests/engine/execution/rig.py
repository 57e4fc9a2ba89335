"""Desk, engine and exchange together; all that can go wrong between them is drawn from one source of chance."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from random import Random

from sos_actors.config.running import Orders
from sos_actors.engine.execution.commands import (
    Cancel,
    Command,
    Intent,
    LookUp,
    Modify,
    Outcome,
    Output,
    Place,
    PollBook,
    Trouble,
)
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.engine.execution.policy import Fate
from sos_actors.engine.execution.resume import AtBroker, Difference, Journaled, resume
from sos_actors.engine.execution.tags import parse_tag
from sos_actors.engine.execution.terms import InstrumentTerms
from sos_actors.messages.broker import BrokerOrder, BrokerPosition, OrderState
from sos_actors.messages.trading import (
    OrderStatus,
    OrderUpdated,
    PositionCorrected,
    PositionOpened,
    Purpose,
    SubmitOrder,
)
from sos_actors.types import NANOS_PER_SECOND, Segment, Side, UnixNanos
from tests.engine.execution.fake_exchange import FakeExchange
from tests.engine.execution.small_engine import SYMBOL, SmallEngine

LOT, KEY, NONCE = 75, "NSE_FO|1", "ab12"
TERMS = InstrumentTerms(KEY, LOT, 0.05, 1801 // 8, Segment.FO)
WEATHER = ("lost", "late", "unknown", "429", "no", "rejected") * 4 + ("locked",)
START = 1_768_274_400 * NANOS_PER_SECOND


def terms_of(symbol: str) -> InstrumentTerms | None:
    return TERMS if symbol == SYMBOL else None


def name_of(key: str) -> str | None:
    return SYMBOL if key == KEY else None


def new_desk(**changes: object) -> ExecutionDesk:
    return ExecutionDesk(Orders(**changes), NONCE, terms_of, name_of)  # type: ignore[arg-type]


class Rig:
    """Runs a desk by chance. ``faulty`` ends with ``calm``; ``late_s`` is how late an order may appear."""

    leaves = 0.9

    def __init__(self, rng: Random, *, late_s: float = 1.5, faults: float = 0.3) -> None:
        self.rng, self.late_s, self.faults = rng, late_s, faults
        self.config, self.opened = Orders(), list[PositionOpened]()
        self.desk, self.engine, self.exchange = new_desk(), SmallEngine(), FakeExchange()
        self.now = START
        self.intents: list[Intent] = []
        self.outcomes: list[Outcome] = []
        self.lane: list[Command] = []
        self.to_desk: list[object] = []
        self.to_engine: list[OrderUpdated | PositionCorrected] = []
        self.stream: list[BrokerOrder] = []
        self.sent: list[tuple[int, bool]] = []
        self.troubles: list[Trouble] = []
        self.differences: list[Difference] = []

    def take(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, OrderUpdated | PositionCorrected):
                self.to_engine.append(output)
            elif isinstance(output, Trouble):
                self.troubles.append(output)
            elif isinstance(output, Place | Modify | Cancel | LookUp | PollBook):
                if isinstance(output, Place | Modify | Cancel):
                    is_entry = isinstance(output, Place) and output.intent.purpose is Purpose.ENTRY
                    self.sent.append((self.now, is_entry))
                self.lane.append(output)

    def step(self) -> None:
        """A bit of time in which a few things happen, in any order."""
        self.now += int(self.rng.choice((0.05, 0.1, 0.5, 1.0)) * NANOS_PER_SECOND)
        self.exchange.price = round((self.exchange.price + self.rng.choice((-1, 0, 0, 1))) * 20) / 20
        self.exchange.price = min(max(self.exchange.price, 50.0), 150.0)
        self.desk.last_price(SYMBOL, self.exchange.price)
        before = self.exchange.book(self.now)
        for order in self.exchange.match(self.rng, LOT, 0.4):
            if order.appears <= self.now and not self.bad():
                row = order.row(self.now)
                self.stream.append(row)
                if order.state is OrderState.COMPLETE and self.bad():  # the last units are told before their price
                    average = next((old.average_price for old in before if old.order_id == order.order_id), None)
                    self.stream.append(replace(row, state=OrderState.OPEN, status="open", average_price=average))
        self.stream += [row for row in self.exchange.book(self.now) if self.rng.random() < 0.1]
        self.rng.shuffle(self.stream)
        while self.stream and not self.bad():
            self.take(self.desk.seen(self.stream.pop(), self.when))
        while self.lane and not self.bad():
            self.carry_out(self.lane.pop(0))
        if self.rng.random() < self.faults / 20:
            self.lose()
        self.decide()
        self.exchange_words()
        self.take(self.desk.on_time(self.when))
        self.check()

    @property
    def when(self) -> UnixNanos:
        return UnixNanos(self.now)

    def bad(self) -> bool:
        return self.rng.random() < self.faults

    def decide(self) -> None:
        """The engine hears, and decides."""
        if sum(not held.is_closed for held in self.engine.positions.values()) < 6 and self.rng.random() < 0.2:
            side, lots = self.rng.choice((Side.BUY, Side.SELL)), self.rng.randint(1, 8)
            self.to_desk.append(self.engine.enter(self.now, side, lots * LOT, self.exchange.price))
        for number, held in self.engine.positions.items():
            draw = self.rng.random()
            if held.filled < held.quantity and not held.is_closed and draw < 0.08:
                self.to_desk.append(self.engine.cancel(self.now, number))
            elif draw > self.leaves or held.wants_out:
                self.to_desk += self.engine.leave(self.now, number, self.exchange.price)

    def exchange_words(self) -> None:
        while self.to_engine and not self.bad():
            self.to_desk += self.engine.hear(self.to_engine.pop(0), self.exchange.price)
        while self.to_desk and not self.bad():
            decision = self.to_desk.pop(0)
            if isinstance(decision, SubmitOrder):
                self.take(self.desk.submit(decision, None, self.when))
            elif isinstance(decision, PositionOpened):
                self.take(self.desk.position_opened(decision, self.when))
            else:
                self.take(self.desk.cancel(decision, self.when))  # type: ignore[arg-type]

    def carry_out(self, command: Command) -> None:
        if isinstance(command, Place):
            self._place(command)
        elif isinstance(command, LookUp):
            if self.bad():
                self.take(self.desk.look_up_failed(command.tag, self.when))
            else:
                rows = [row for row in self.exchange.book(self.now) if row.tag == command.tag]
                self.take(self.desk.looked_up(command.tag, rows, self.when))
        elif isinstance(command, PollBook):
            asked, rows = self.when, self.exchange.book(self.now)
            fills = self.exchange.fills(self.now) if command.fills else []
            if self.bad():
                self.take(self.desk.book_failed(self.when))
            else:
                self.take(self.desk.book(rows, fills, asked, self.when))
        else:
            self._change(command)

    def _change(self, command: Modify | Cancel) -> None:
        draw = self.rng.random() if self.bad() else 1.0
        if draw < 0.2:
            self.take(self.desk.changed(command.tag, Fate.THROTTLED, "too many", self.when, code="429"))
            return
        done = draw >= 0.4
        if done and isinstance(command, Modify):
            done = self.exchange.modify(command.change)
        elif done and isinstance(command, Cancel):
            done = self.exchange.cancel(command.broker_id)
        fate = Fate.UNKNOWN if draw < 0.8 else (Fate.PLACED if done else Fate.REFUSED)
        self.take(self.desk.changed(command.tag, fate, "said the exchange", self.when))

    def _place(self, place: Place) -> None:
        self.intents.append(place.intent)
        request, tag = place.intent.request, place.intent.request.tag
        draw = self.rng.choice(WEATHER + ("late",) * (24 if self.late_s > 2 else 0)) if self.bad() else "good"
        if draw in ("lost", "late", "good", "rejected"):
            late = int(self.rng.random() * self.late_s * NANOS_PER_SECOND) if draw == "late" else 0
            order = self.exchange.place(request, self.now, late_ns=late, rejected=draw == "rejected")
            if draw in ("good", "rejected"):
                if self.rng.random() < 0.3:
                    self.take(self.desk.seen(order.row(self.now), self.when))
                self.take(self.desk.placed(tag, order.order_id, self.when))
                return
        fates = {"429": Fate.THROTTLED, "no": Fate.REFUSED, "locked": Fate.LOCKED}
        fate = fates.get(draw, Fate.UNKNOWN)
        self.outcomes.append(Outcome(self.when, "place", tag, fate))
        self.take(self.desk.not_placed(tag, fate, "said the exchange", self.when))

    def calm(self, steps: int = 600) -> None:
        """Nothing goes wrong any more, every position is left, everything that works is filled."""
        self.faults = 0.0
        for number in list(self.engine.positions):
            if self.engine.positions[number].filled < self.engine.positions[number].quantity:
                self.to_desk.append(self.engine.cancel(self.now, number))
        for _ in range(steps):
            self.now += NANOS_PER_SECOND // 4
            for number in list(self.engine.positions):
                self.to_desk += self.engine.leave(self.now, number, self.exchange.price)
            self.exchange.match(self.rng, LOT, 1.0)
            while self.lane:
                self.carry_out(self.lane.pop(0))
            self.exchange_words()
            self.take(self.desk.on_time(self.when))
            self.check()
            if self.is_quiet():
                return

    def is_quiet(self) -> bool:
        """Whether nothing can happen any more, and everything was told."""
        orders = self.exchange.orders.values()
        told = sum(update.fill_quantity for update in self.engine.told if isinstance(update, OrderUpdated))
        busy = self.to_desk or self.to_engine or any(order.is_live or order.appears > self.now for order in orders)
        closed = all(held.is_closed for held in self.engine.positions.values())
        return not busy and self.desk.is_idle and closed and told == sum(order.filled for order in orders)

    def lose(self) -> None:
        """Whoever carried out the commands is replaced; what it had begun is not answered."""
        command = self.lane.pop(0) if self.lane else None
        if isinstance(command, Place):
            self.intents.append(command.intent)
            if self.rng.random() < 0.5:
                self.exchange.place(command.intent.request, self.now)
        elif isinstance(command, Cancel):
            self.exchange.cancel(command.broker_id)
        tags = [
            c.intent.request.tag if isinstance(c, Place) else c.tag for c in self.lane if not isinstance(c, PollBook)
        ]
        self.lane = [command for command in self.lane if not isinstance(command, PollBook | LookUp)]
        self.take(self.desk.doubt(tags, self.when))

    def crash(self) -> None:
        """All that is in memory is gone; a lane may have got as far as the journal, or the exchange."""
        for command in self.lane[:1]:
            if isinstance(command, Place) and self.rng.random() < 0.7:
                self.intents.append(command.intent)
                if self.rng.random() < 0.5:
                    late = int(self.rng.random() * self.late_s * NANOS_PER_SECOND)
                    self.exchange.place(command.intent.request, self.now, late_ns=late)
        self.lane, self.to_desk, self.to_engine, self.stream = [], [], [], []
        self.now += NANOS_PER_SECOND
        self.exchange.match(self.rng, LOT, 0.5)
        self.now += NANOS_PER_SECOND
        engine = self.engine
        submits, cancelled, told = engine.submits, engine.cancelled, engine.told
        journaled = Journaled(submits, cancelled, self.intents, told, self.outcomes, self.opened)
        rows = self.exchange.book(self.now)
        net = sum(int(row.side) * row.filled for row in rows)
        positions = [BrokerPosition(KEY, "I", net, None, None, None, None)]
        broker = AtBroker(rows, self.exchange.fills(self.now), positions, self.when)
        resumed = resume(self.config, NONCE, terms_of, name_of, journaled, broker, self.when)
        self.desk = resumed.desk
        self.differences = resumed.differences
        self.take(resumed.outputs)

    def check(self) -> None:
        """What must hold at every moment."""
        live: dict[tuple[int, int], int] = defaultdict(int)
        for order in self.exchange.orders.values():
            tag = parse_tag(order.request.tag)
            assert tag is not None
            live[tag.order_id, tag.piece] += order.is_live
        if self.late_s < 2.0:
            assert max(live.values(), default=0) <= 1, "two orders work for one intent"
        tags = [intent.request.tag for intent in self.intents]
        assert len(tags) == len(set(tags)), "a tag was sent twice"
        recent = [is_entry for at, is_entry in self.sent if at > self.now - NANOS_PER_SECOND]
        assert len(recent) <= 10, "more than the budget of a second"
        assert sum(recent) <= 6, "entries used what is kept for exits"

    def check_end(self) -> None:
        """What must hold when all is quiet."""
        assert self.exchange.net() == 0, "something is still held"
        assert not any(order.is_live for order in self.exchange.orders.values())
        truth: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for order in self.exchange.orders.values():
            tag = parse_tag(order.request.tag)
            assert tag is not None
            truth[tag.order_id][0] += order.filled
            truth[tag.order_id][1] += order.paise
        told: dict[int, list[float]] = defaultdict(lambda: [0, 0.0])
        ends: dict[int, int] = defaultdict(int)
        for update in self.engine.told:
            assert isinstance(update, OrderUpdated)
            told[update.order_id][0] += update.fill_quantity
            told[update.order_id][1] += update.fill_quantity * update.fill_price * 100
            ends[update.order_id] += update.status is not OrderStatus.FILLED
        for order_id, (units, paise) in truth.items():
            assert told[order_id][0] == units
            if not any("price" in trouble.key for trouble in self.troubles):
                assert abs(told[order_id][1] - paise) < 0.5
        assert max(ends.values(), default=0) <= 1, "an end was told twice"
        assert all(held.is_closed for held in self.engine.positions.values())
