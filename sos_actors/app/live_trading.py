"""What decides and trades: the engine's desk, the patterns, the order actor. Only puts them together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pykka

from sos_actors.actors.backfill_words import Forget, Want
from sos_actors.actors.decisions import DecisionDesk, Hearers
from sos_actors.actors.feed_messages import Follow, Hold, Release, Unfollow
from sos_actors.actors.order import OrderActor, OrderHearers
from sos_actors.actors.order_lanes import OrderLanes
from sos_actors.actors.order_words import Flatten
from sos_actors.actors.pattern import PastReady, PatternStateMachine
from sos_actors.app.live_instruments import Instruments
from sos_actors.app.live_journal import JournaledDay
from sos_actors.app.live_machine import Machine
from sos_actors.app.live_reconcile import Reconciled, paced, reconciled
from sos_actors.app.live_trades import trade_record, trade_records
from sos_actors.config import Config
from sos_actors.engine.engine import Engine, Event
from sos_actors.engine.execution.commands import Output
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.engine.following import SymbolFollowed, SymbolPast
from sos_actors.engine.plan import FollowedSymbol
from sos_actors.engine.positions import Decision
from sos_actors.engine.recording import encode_event
from sos_actors.engine.records import PositionState
from sos_actors.errors import ActorTimeoutError, JournalError, VendorError
from sos_actors.market.charges import ChargeTable
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.records import Fact
from sos_actors.messages.trading import (
    CancelOrder,
    FlattenRequested,
    OrderUpdated,
    PositionClosed,
    PositionCorrected,
    PositionOpened,
    SubmitOrder,
)
from sos_actors.ports import Broker, OrderStream
from sos_actors.runtime.child import ChildRef, ChildSpec
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.dispatcher import Dispatcher
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.supervisor import Supervisor
from sos_actors.runtime.trading_gate import Rung
from sos_actors.types import NANOS_PER_SECOND

_log = logging.getLogger(__name__)
HISTORY, ORDERS, JOURNAL, ENGINE, MISSED = "history", "orders", "journal", "engine", "missed order"
"""Keys under which this part holds trading back."""
BOOKS_WITHIN_S = 120.0
"""Real seconds the broker's books may take to read."""
BOOKS_AGAIN_S = 1.0


@dataclass(slots=True)
class Trading:
    """What decides and trades; what must outlive its actors lies here.

    Attributes:
        journal: of the session.
        broker, make_stream: whose orders.
        charges: what a trade costs.
        record: keeps a fact.
        heard: every decision, for those who look on; on the dispatcher's thread.
        refs: of the children, the market's among them.
    """

    machine: Machine
    config: Config
    instruments: Instruments
    journal: JournaledDay
    broker: Broker
    make_stream: Callable[[], OrderStream] | None
    charges: ChargeTable
    record: Callable[[Fact], object]
    heard: Callable[[Decision], object]
    last_price: Callable[[str], float | None]
    refs: dict[str, ChildRef]
    desk: DecisionDesk = field(init=False)
    dispatcher: Dispatcher = field(init=False)
    lanes: OrderLanes = field(init=False)
    orders: ExecutionDesk | None = None
    patterns: Supervisor | None = None
    warming: set[str] = field(default_factory=set)
    held: frozenset[str] = frozenset()
    reading: threading.Lock = field(default_factory=threading.Lock)
    ending: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        machine, day, run = self.machine, self.journal, self.config.runtime
        hearers = Hearers(self._decided, self._journal_failed, self._failed, machine.sink.publish, self._followed)
        self.desk = DecisionDesk(day.engine, day.writer, hearers, day.rebuild, day.n_events, day.skipped)
        self.dispatcher = Dispatcher(
            machine.ring, machine.measured(self.desk), on_failure=self._batch_failed, latency=machine.latency,
            on_idle=self.desk.on_idle, cpu=run.dispatcher_cpu, realtime=run.realtime and run.wait == "block",
        )  # fmt: skip
        self.lanes = OrderLanes(self.broker, day, self._to_orders, machine.clock, machine.order_times)
        self.warming = {one.symbol for one in self.instruments.indices}

    def take_up(self) -> frozenset[str]:
        """What an earlier run of the day left held or ordered: the feed watches it from its first tick on.

        Only before the dispatcher runs, which owns the engine from then on.
        """
        self.held = _held(self.journal.engine)
        return _contracts(self.journal.engine)

    def begin_orders(self, group: Supervisor) -> None:
        """The order actor; entries wait until the broker's books have been read."""
        machine = self.machine
        machine.gate.hold(ORDERS, Rung.STOP_ENTRIES, "The broker's orders and positions have not been read yet.")
        gate = machine.gate
        hearers = OrderHearers(machine.sink.publish, gate.hold, gate.release, self.record)
        self.lanes.start()
        for trade in trade_records(self.journal.engine, self.journal.header, self.charges):
            self.record(trade)  # of an earlier run, which may not have got to it

        def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
            return OrderActor.start(
                self._order_desk, self.lanes, hearers, machine.timers, machine.clock, stream=self.make_stream,
                last_price=self.last_price, tick_s=0.1 * machine.clock.speed, mailbox=mailbox,
            )  # fmt: skip

        self.refs["orders"] = group.add(ChildSpec("orders", start, start_within_s=BOOKS_WITHIN_S), wait=False)

    def begin_patterns(self, group: Supervisor) -> None:
        """The indices' patterns; entries wait for their histories."""
        self.patterns = group
        names = ", ".join(short_name_of(symbol) for symbol in sorted(self.warming))
        self.machine.gate.hold(HISTORY, Rung.STOP_ENTRIES, f"The history of {names} is being read.")
        for index in self.instruments.indices:
            self.begin_pattern(index)

    def begin_pattern(self, followed: FollowedSymbol) -> None:
        """Follow a symbol; its history is asked for, and it is decided on as soon as that is there."""
        machine = self.machine

        def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
            del mailbox  # its inbox is the ring
            return PatternStateMachine.start(machine.ring, self.desk, followed, self._want_past, machine.clock)

        assert self.patterns is not None
        self.refs[followed.symbol] = self.patterns.add(ChildSpec(f"pattern {followed.short_name}", start), wait=False)

    def end_pattern(self, symbol: str) -> None:
        """Follow it no more; on a thread of its own, for stopping an actor takes its time."""
        self.refs.pop(symbol, None)
        self.refs["backfill"].tell(Forget(symbol))
        self.refs["feed"].tell(Unfollow(frozenset({symbol})))
        if self.patterns is not None:
            self.patterns.remove(f"pattern {short_name_of(symbol)}")

    def past_came(self, symbol: str, past: SymbolPast) -> None:
        """A symbol's history is there: step it here, on the backfill's thread, and hand it to the symbol's actor."""
        ref = self.refs.get(symbol)
        if ref is None:
            return
        followed = next((one for one in self.instruments.indices if one.symbol == symbol), None)
        event = SymbolFollowed(self.machine.clock(), followed or self.instruments.followed(symbol), past)
        prepared = self.desk.engine.followers.prepare(event.followed, past)
        ref.tell(PastReady(event, prepared, encode_event(event)))

    def last_bar(self, symbol: str) -> int:
        """Open of the last bar the engine has of a symbol, UnixNanos; -1 when it has none."""
        watch = self.desk.engine.followers.watch_of(symbol)
        return -1 if watch is None else watch.last_open

    def holdings(self) -> frozenset[str]:
        """Instruments of which something is held or ordered, as they last were where the engine does not answer."""
        try:
            return self.machine.ask(self._look_at_held)
        except ActorTimeoutError:
            return self.held

    def _look_at_held(self, engine: Engine) -> frozenset[str]:
        """What is held no longer needs no ticks; on the dispatcher's thread, so that no entry comes between."""
        now, feed = _held(engine), self.refs["feed"]
        for symbol in self.held - now:
            feed.tell(Release(symbol))
        for symbol in _contracts(engine) - self.held:
            feed.tell(Hold(symbol))
        self.held = now
        return now

    def _want_past(self, symbol: str) -> None:
        self.refs["backfill"].tell(Want(symbol))

    def _to_orders(self, message: object) -> None:
        self.refs["orders"].tell(message)

    def _decided(self, decision: Decision, cause_ns: int) -> None:
        if isinstance(decision, SubmitOrder):
            self.machine.order_times.decided(decision.order_id, cause_ns)
            self._to_orders(decision)
            self.refs["feed"].tell(Hold(decision.symbol))
            self.held |= {decision.symbol}
        elif isinstance(decision, CancelOrder) or (
            isinstance(decision, PositionOpened) and self.config.orders.broker_stop
        ):
            self._to_orders(decision)
        elif isinstance(decision, PositionClosed):
            self.record(trade_record(self.desk.engine, self.journal.header, self.charges, decision.position_id))
        self.heard(decision)

    def _followed(self, symbol: str, last_open: int) -> None:
        self.refs["feed"].tell(Follow(frozenset({symbol}), {symbol: last_open} if last_open >= 0 else {}))
        if symbol in self.warming:
            self.warming.discard(symbol)
            if not self.warming:
                self.machine.gate.release(HISTORY)

    def _journal_failed(self, error: JournalError | None) -> None:
        if error is None:
            _log.warning("The journal can be written again.")
            self.machine.gate.release(JOURNAL)
        else:
            _log.error("%s No new entries until it can be.", error)
            self.machine.gate.hold(JOURNAL, Rung.STOP_ENTRIES, str(error))

    def _failed(self, event: Event, error: Exception) -> None:
        """What the engine was not told of orders it will never know: then positions are the order actor's to close."""
        _log.error("The engine could not take a %s and goes on without it: %r", type(event).__name__, error)
        if isinstance(event, OrderUpdated | PositionCorrected | FlattenRequested):
            self.machine.gate.hold(MISSED, Rung.SQUARE_OFF, f"The engine missed an order's fate ({error!r}).")
            self._to_orders(Flatten())

    def _batch_failed(self, error: BaseException) -> None:
        self.machine.gate.hold(ENGINE, Rung.EXITS_ONLY, f"Deciding failed ({error!r}); see the log.")

    def _order_desk(self) -> tuple[ExecutionDesk, list[Output]]:
        """The desk as it is, or, for the first order actor, made from journal and broker.

        There is one desk, also where an actor was given up for waiting too long for the broker and goes on after all.
        """
        with self.reading:
            if self.orders is not None:
                return self.orders, []
            found = self._reconciled()
            self.orders = found.desk
        self.machine.gate.release(ORDERS)
        return found.desk, found.outputs

    def _reconciled(self) -> Reconciled:
        """Ask until the broker answers: an outage must not use up the restarts, or nobody is left to close anything."""
        deadline = monotonic_ns() + int(BOOKS_WITHIN_S / 2 * NANOS_PER_SECOND)
        while True:
            try:
                return reconciled(
                    self.machine,
                    paced(self.config.orders, self.machine.clock.speed),
                    self.instruments,
                    self.journal,
                    self.broker,
                    self.last_price,
                )
            except VendorError as error:
                if monotonic_ns() > deadline or self.ending.is_set():
                    raise
                _log.warning("The broker's books cannot be read, and are asked for again: %s", error)
                self.ending.wait(BOOKS_AGAIN_S)


def _contracts(engine: Engine) -> frozenset[str]:
    """The instruments that are held or ordered."""
    taken = (one for one in engine.account.positions if one["state"] != PositionState.FREE)
    return frozenset(engine.instruments[int(one["instrument"])] for one in taken)


def _held(engine: Engine) -> frozenset[str]:
    """The same, and the symbols they are traded for."""
    taken = (one for one in engine.account.positions if one["state"] != PositionState.FREE)
    symbols = engine.followers.plan.symbols
    return _contracts(engine) | {symbols[int(one["symbol"])].symbol for one in taken}
