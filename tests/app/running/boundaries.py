"""A session with a desk and an exchange in one thread, and the state of the exchange at every record of its journal.

Cut the journal anywhere, give the rest to a new process with the exchange as it was then, and see what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from msgspec.msgpack import decode

from sos_actors.app.live_journal import JournaledDay, open_day
from sos_actors.app.live_reconcile import holdings, reconciled
from sos_actors.app.session_header import SessionHeader
from sos_actors.config.running import Orders
from sos_actors.engine.engine import Engine
from sos_actors.engine.events import Event
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
)
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.engine.execution.policy import Fate
from sos_actors.engine.execution.terms import InstrumentTerms
from sos_actors.engine.positions import Decision
from sos_actors.engine.recording import encode_decision, encode_event
from sos_actors.engine.records import PositionState
from sos_actors.messages.broker import BrokerFill, BrokerOrder, BrokerPosition
from sos_actors.messages.market import Tick, TimerFired
from sos_actors.messages.trading import CancelOrder, FlattenRequested, OrderUpdated, Purpose, SubmitOrder
from sos_actors.runtime.journal_records import JournalReader, RecordKind
from sos_actors.runtime.trading_gate import TradingGate
from sos_actors.types import NANOS_PER_SECOND, Segment, UnixNanos
from tests.app.journals import CONFIG, header_of, stocks, strategy_text
from tests.app.running.cuts import Cut, Noted
from tests.engine.brokers import bar_closed
from tests.engine.execution.fake_exchange import FakeExchange
from tests.engine.markets import SECOND, minute

KEY = "NSE_EQ|1"
STRATEGIES = (
    strategy_text("UP", "close > open", sl="entry - 0.15", tp="entry + 0.15"),
    strategy_text("DOWN", "close < open", side="SELL", sl="entry + 0.15", tp="entry - 0.15"),
)
MARKET = stocks(bars=45)
STOCK = MARKET.followed[0]
TERMS = InstrumentTerms(KEY, 1, 0.01, 400, Segment.EQ)


def header() -> SessionHeader:
    """Of a session in one stock that trades on every bar."""
    risk = replace(CONFIG.risk, max_per_symbol=4, max_trades_per_day=500, max_daily_loss_inr=1e9)
    return header_of([STOCK], STRATEGIES, config=replace(CONFIG, risk=risk))


@dataclass(frozen=True, slots=True)
class _Names:
    """As much of ``Instruments`` as is asked for."""

    by_key: dict[str, str] = field(default_factory=lambda: {KEY: STOCK.symbol})

    def terms_of(self, symbol: str) -> InstrumentTerms | None:
        return TERMS if symbol == STOCK.symbol else None


@dataclass(frozen=True, slots=True)
class _AtOnce:
    """As much of ``Machine`` as the reconciliation needs; all of it happens at once."""

    session: Session
    gate: TradingGate

    @property
    def sink(self) -> _AtOnce:
        return self

    def clock(self) -> UnixNanos:
        return UnixNanos(self.session.now)

    def publish(self, event: Event) -> None:
        self.session.hear(event)

    def ask(self, question: Callable[[Engine], Any]) -> Any:
        return question(self.session.day.engine)


class Session:
    """The running system without threads. ``faults``: how often an answer is lost or a no."""

    def __init__(self, day: JournaledDay, exchange: FakeExchange, now: int, rng: Random, faults: float = 0.0) -> None:
        self.day, self.exchange, self.now, self.rng, self.faults = day, exchange, now, rng, faults
        names = _Names()
        self.desk = ExecutionDesk(Orders(), day.header.nonce, names.terms_of, names.by_key.get)
        self.names, self.lane = names, list[Command]()
        self.placed: list[Place] = []
        self.decided: list[Decision] = []
        self.is_recovering = False
        self.cuts: list[Cut] = []

    @classmethod
    def begun(cls, path: Path, seed: int, faults: float) -> Session:
        """A new day, whose every record is a place to cut."""
        made = cls(open_day(path, header), FakeExchange(100.0), minute(SECOND, 0), Random(seed), faults)
        made.note_cuts()
        return made

    @classmethod
    def resumed(cls, path: Path, cut: Cut, torn: bytes, seed: int) -> Session:
        """What a process finds that is started after a kill: the journal up to there, and an exchange that went on."""
        rng = Random(seed)
        path.write_bytes(path.read_bytes()[: cut.size] + torn)
        exchange = deepcopy(cut.exchange)
        exchange.match(rng, 1, rng.choice((0.0, 0.5, 1.0)))
        made = cls(open_day(path, header), exchange, cut.now + 5 * NANOS_PER_SECOND, rng)
        if cut.kind is RecordKind.INTENT and rng.random() < 0.7:
            made._send_late()
        return made

    def _send_late(self) -> None:
        """The request of the last intent was on its way when the process was killed, and is seen only later."""
        records = list(JournalReader(self.day.path).records())
        intents = [decode(one.payload, type=Intent) for one in records if one.kind is RecordKind.INTENT]
        known = {one.request.tag for one in self.exchange.orders.values()}
        known |= {decode(one.payload, type=Outcome).tag for one in records if one.kind is RecordKind.OUTCOME}
        if intents and (request := intents[-1].request).tag not in known:
            late = int(self.rng.uniform(0.1, 1.9) * NANOS_PER_SECOND)
            self.exchange.place(request, self.now, late_ns=late)

    def note_cuts(self) -> None:
        """Every record from now on is a place to cut."""
        self.day.writer = Noted(self.day.writer, self.look)  # type: ignore[assignment]

    def look(self, kind: RecordKind) -> None:
        """Remember this moment."""
        self.cuts.append(Cut(self.day.path.stat().st_size, kind, self.now, deepcopy(self.exchange)))

    @property
    def when(self) -> UnixNanos:
        return UnixNanos(self.now)

    def hear(self, event: Event) -> None:
        """Journal, decide, journal, act: what the dispatcher does."""
        self.day.writer.append(RecordKind.EVENT, encode_event(event))
        decisions = self.day.engine.step(event)
        for decision in decisions:
            self.day.writer.append(RecordKind.DECISION, encode_decision(decision))
        self.day.writer.flush()
        self.decided += decisions
        if not self.is_recovering:
            self._act()

    def _act(self) -> None:
        """The desk hears what was decided."""
        while self.decided:
            decision = self.decided.pop(0)
            if isinstance(decision, SubmitOrder):
                self.take(self.desk.submit(decision, None, self.when))
            elif isinstance(decision, CancelOrder):
                self.take(self.desk.cancel(decision, self.when))

    def take(self, outputs: list[Output]) -> None:
        """Tell the engine, and leave commands to the lane."""
        for output in outputs:
            if isinstance(output, OrderUpdated):
                self.hear(output)
            elif isinstance(output, Place | Modify | Cancel | LookUp | PollBook):
                self.lane.append(output)

    def recover(self) -> None:
        """The broker's books are read: the desk of before goes on."""
        machine: Any = _AtOnce(self, TradingGate(lambda _: None, lambda: self.when))
        names: Any = self.names
        self.is_recovering = True  # what is decided meanwhile waits in the order actor's mailbox
        found = reconciled(machine, Orders(), names, self.day, self.broker, lambda _: self.exchange.price)
        self.desk, self.is_recovering = found.desk, False
        self.take(found.outputs)
        self._act()

    @property
    def broker(self) -> Any:
        return self

    def orders(self) -> list[BrokerOrder]:
        return self.exchange.book(self.now)

    def fills(self) -> list[BrokerFill]:
        return self.exchange.fills(self.now)

    def positions(self) -> list[BrokerPosition]:
        return [BrokerPosition(KEY, "I", self.exchange.net(), None, self.exchange.price, None, None)]

    def carry_out(self) -> None:
        """Everything the lane has."""
        while self.lane:
            command = self.lane.pop(0)
            if isinstance(command, Place):
                self._place(command)
            elif isinstance(command, LookUp):
                rows = [row for row in self.orders() if row.tag == command.tag]
                self.take(self.desk.looked_up(command.tag, rows, self.when))
            elif isinstance(command, PollBook):
                self.take(self.desk.book(self.orders(), self.fills() if command.fills else (), self.when, self.when))
            else:
                self._change(command)

    def _place(self, command: Place) -> None:
        self.placed.append(command)
        self.day.intent(command.intent)
        request, fate, broker_id = command.intent.request, Fate.PLACED, ""
        if self.rng.random() < self.faults:
            fate = self.rng.choice((Fate.UNKNOWN, Fate.UNKNOWN, Fate.REFUSED, Fate.THROTTLED))
        if fate is Fate.PLACED or (fate is Fate.UNKNOWN and self.rng.random() < 0.5):
            broker_id = self.exchange.place(request, self.now).order_id
        self.day.outcome(Outcome(self.when, "place", request.tag, fate, broker_id if fate is Fate.PLACED else ""))
        if fate is Fate.PLACED:
            self.take(self.desk.placed(request.tag, broker_id, self.when))
        else:
            self.take(self.desk.not_placed(request.tag, fate, "said the exchange", self.when))

    def _change(self, command: Modify | Cancel) -> None:
        if isinstance(command, Modify):
            done = self.exchange.modify(command.change)
        else:
            done = self.exchange.cancel(command.broker_id)
        self.take(self.desk.changed(command.tag, Fate.PLACED if done else Fate.REFUSED, "", self.when))

    def move(self, price: float, share: float) -> None:
        """A price, a second later: what crosses fills in part, the stream tells, the desk looks."""
        self.now += NANOS_PER_SECOND
        self.exchange.price = price
        self.desk.last_price(STOCK.symbol, price)
        self.hear(Tick(self.when, STOCK.symbol, price))
        for order in self.exchange.match(self.rng, 1, share):
            self.take(self.desk.seen(order.row(self.now), self.when))
        self.take(self.desk.on_time(self.when))
        self.carry_out()

    def trade(self, bars: int) -> None:
        """So many minutes of the market."""
        series = MARKET.bars[STOCK.symbol]
        begin = int(series.ts.searchsorted(minute(SECOND, 0)))
        for row in range(begin):
            self.hear(bar_closed(STOCK.symbol, series, row))
        for row in range(begin, begin + bars):
            for price in (series.open[row], series.low[row], series.high[row], series.close[row]):
                self.move(float(price), 0.5)
            self.now = int(series.ts[row]) + 60 * NANOS_PER_SECOND
            self.hear(bar_closed(STOCK.symbol, series, row))
            self.hear(TimerFired(self.when))
            self.carry_out()

    def close(self) -> bool:
        """Everything is to be closed; whether that came about within some minutes."""
        self.hear(FlattenRequested(self.when, "the test ends"))
        for _ in range(300):
            self.move(self.exchange.price, 1.0)
            if self.is_flat:
                return True
        return False

    @property
    def is_flat(self) -> bool:
        """Whether engine, desk and exchange hold nothing, and nothing works."""
        free = all(one["state"] == PositionState.FREE for one in self.day.engine.account.positions)
        return free and self.desk.is_idle and not any(one.is_live for one in self.exchange.orders.values())

    @property
    def units(self) -> int:
        """What the engine holds."""
        return sum(one.units for one in holdings(self.day.engine))

    @property
    def entered(self) -> list[str]:
        """Tags of entries this process has sent."""
        return [one.intent.request.tag for one in self.placed if one.intent.purpose is Purpose.ENTRY]
