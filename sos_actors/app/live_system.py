"""The running system: every part made, started in order, and stopped in reverse, whatever hangs.

Order: journal and engine, store, backfill, orders (which reads the broker's books), feed, dispatcher, patterns, mood
and screener, bridge. Trading opens when nobody holds it back any more.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from sos_actors.actors.funnel import Funnel
from sos_actors.actors.order_words import Flatten
from sos_actors.app.live_bridge import BridgePart
from sos_actors.app.live_machine import Machine
from sos_actors.app.live_market import Market
from sos_actors.app.live_positions import EVERY_S as POSITIONS_S
from sos_actors.app.live_positions import position_watch
from sos_actors.app.live_trading import Trading
from sos_actors.config import Runtime
from sos_actors.engine.engine import Engine
from sos_actors.engine.records import PositionState
from sos_actors.errors import ActorTimeoutError, JournalError, SosError
from sos_actors.messages.market import TimerFired
from sos_actors.messages.records import ActorEvent
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.group import Rules
from sos_actors.runtime.supervision import Backoff, ChildChanged, ChildState, Intensity
from sos_actors.runtime.supervisor import Supervisor
from sos_actors.runtime.threads import dump_threads
from sos_actors.runtime.trading_gate import Rung
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

_log = logging.getLogger(__name__)
TIMER_S, SETTLE_S, SYNC_S, REAP_S, GATE_S = 5.0, 5.0, 1.0, 5.0, 0.5
FLAT_WITHIN_S = 2.0
"""Real seconds the engine has to answer when everything is to be closed, before it is done without it."""
STUCK_S, STUCK_LOOKS = 30.0, 6
"""Real seconds the dispatcher may take for one batch, and how often that is looked at in them."""
SWITCH_S, USUAL_SWITCH_S = 0.0001, 0.005
"""Seconds after which a thread lets go of the interpreter when another wants it: at Python's own 5 ms the dispatcher
would wait for the whole frame of quotes that woke it."""
KILL, ESCALATED, STARTING, ENDING, ORDER_ACTOR = "kill switch", "supervisor", "starting", "ending", "order actor"
"""Keys under which this part holds trading back."""
ORDERS = "orders"
"""Group and actor that place, guard and close orders: restarted however often they fail."""
WITHDRAW_WITHIN_S = 1.5
"""Real seconds for taking entries back at the end."""


@dataclass(slots=True)
class TradingSystem:
    """The parts, and how they start and stop.

    Attributes:
        root: of the supervisors' tree.
        flat_reason: why everything is to be closed; empty while nobody asked.
    """

    machine: Machine
    runtime: Runtime
    market: Market
    trading: Trading
    bridge: BridgePart
    root: Supervisor = field(init=False)
    funnel: Funnel = field(init=False)
    flat_reason: str = ""
    _groups: dict[str, Supervisor] = field(default_factory=dict)
    _helper: ThreadPoolExecutor = field(init=False)
    _told_rung: Rung | None = None
    _looks: int = 0
    _batches: int = 0

    def __post_init__(self) -> None:
        self._helper = ThreadPoolExecutor(1, "coming-and-going")
        self.root = self._supervisor("sos", self._escalated)
        self.root.on_change(self._changed)
        trading = self.trading
        self.funnel = Funnel(
            trading.instruments.followed, self.soon(trading.begin_pattern), self.soon(trading.end_pattern),
            trading.holdings, 2 * self.market.config.trading.max_stocks + 1,
        )  # fmt: skip

    def start(self, told: Callable[[str], None] = lambda _: None) -> None:
        """Start everything; trading opens by itself when all of it is ready.

        Args:
            told: hears what is being started.
        """
        machine, trading, market = self.machine, self.trading, self.market
        trading.refs |= market.refs
        market.refs = trading.refs  # one book of children
        market.roster.held |= trading.take_up()
        machine.real_timers.start()
        machine.timers.start()
        machine.gate.hold(STARTING, Rung.STOP_ENTRIES, "The system is starting.")
        machine.gate.republish()
        self.root.start()
        for symbol in (*(index.symbol for index in trading.instruments.indices), *market.stocks.followed):
            self.bridge.follow(symbol)
        for alert in market.alerts:
            self.bridge.alert(alert)
        for name, begin in (
            ("store", market.begin_store), ("history", market.begin_backfill), (ORDERS, trading.begin_orders),
            ("feed", market.begin_feed), ("patterns", trading.begin_patterns), ("looking", market.begin_looking),
            ("bridge", self.bridge.begin),
        ):  # fmt: skip
            told(f"starting: {name}")
            begin(self._group(name))
            if name == "feed":  # whom it tells of what it decides is there from now on
                trading.dispatcher.start()
        for alert in market.stocks.standing:  # in play since an earlier run of the day
            self.funnel.alert(alert)
        self._set_timers()
        machine.gate.release(STARTING)
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_S)

    def flatten(self, reason: str) -> None:
        """Close everything, through the engine and, should it not answer, without it. May be asked again."""
        self.flat_reason = reason
        heard = threading.Event()
        for call in (partial(self._flatten_by_engine, reason, heard), partial(self._flatten_without_engine, heard)):
            threading.Thread(target=call, name="flat", daemon=True).start()  # a full ring may hold up the first of them

    def withdraw(self) -> None:
        """Take back entries that wait at the broker: one that fills after the end has nobody to guard it. Bounded."""
        self.machine.gate.hold(ENDING, Rung.EXITS_ONLY, "The run ends.")
        deadline = monotonic_ns() + int(WITHDRAW_WITHIN_S * NANOS_PER_SECOND)
        with suppress(ActorTimeoutError):
            while self.machine.ask(_entries_wait, FLAT_WITHIN_S) and monotonic_ns() < deadline:
                self.trading.ending.wait(0.05)

    def stop(self) -> list[str]:
        """Stop in reverse order, each part within its bound; returns the names of what did not end in time."""
        machine, trading = self.machine, self.trading
        stuck: list[str] = []
        trading.ending.set()
        machine.timers.stop(0.5)
        self._helper.shutdown(wait=False, cancel_futures=True)
        if not self.bridge.stop():
            stuck.append("bridge")
        stuck += self.root.stop(self.runtime.stop_within_s).abandoned
        if not trading.lanes.stop(1.0):
            stuck.append("order lanes")
        if not trading.dispatcher.stop(2.0):
            stuck.append("dispatcher")
        machine.real_timers.stop(0.5)
        try:
            trading.journal.end()
        except JournalError as error:
            _log.error("%s", error)
        gc.unfreeze()
        sys.setswitchinterval(USUAL_SWITCH_S)
        return stuck

    def _set_timers(self) -> None:
        machine, sync = self.machine, self.trading.journal.writer.sync
        machine.timers.every(TIMER_S, self._tick, aligned=True, name="minute")
        machine.timers.every(SETTLE_S, self.soon(self._settle), name="settle")
        watch = position_watch(machine, self.trading, self.runtime.ask_timeout_s)
        machine.real_timers.every(POSITIONS_S, self.soon(watch.look), name="positions")
        machine.real_timers.every(SYNC_S, partial(_quietly, sync), name="journal")
        machine.real_timers.every(STUCK_S / STUCK_LOOKS, self._see_dispatcher, name="dispatcher")
        machine.real_timers.every(GATE_S, self._tell_gate, name="gate")
        machine.real_timers.every(REAP_S, self.soon(self.bridge.reap), name="sessions")

    def _tell_gate(self) -> None:
        """When trading opens and when it is held back belongs into the day's log."""
        gate = self.machine.gate
        rung, reasons = gate.rung, " ".join(hold.reason for hold in gate.reasons())
        if rung is not self._told_rung:
            self._told_rung = rung
            if rung is Rung.OPEN:
                _log.info("Trading is open.")
            else:
                _log.warning("Trading: %s. %s", rung.name.lower().replace("_", " "), reasons)

    def _tick(self) -> None:
        """The engine's time lags by what bars may take, so that it never closes one whose last minute is on its way.

        Minutes that are late by then are made of ticks first: a longer bar is cut short only where nothing was traded.
        """
        now, lag = self.machine.clock(), int(self.market.bar_grace_s * NANOS_PER_SECOND)
        self.market.intake.close_minutes(now)
        self.machine.sink.publish(TimerFired(UnixNanos(now - lag)))

    def _see_dispatcher(self) -> None:
        """Without it no stop is watched: if it serves nothing for long though events wait, all is closed."""
        served, waits = self.trading.dispatcher.batches, self.machine.ring.unread
        self._looks = self._looks + 1 if waits and served == self._batches else 0
        self._batches = served
        if self._looks == STUCK_LOOKS:
            _log.critical("The engine has decided nothing for %g s. All threads:\n%s", STUCK_S, dump_threads())
            self.flatten(f"The engine has decided nothing for {STUCK_S:g} s, and {waits} events wait.")

    def _settle(self) -> None:
        self.trading.holdings()
        self.funnel.settle()

    def soon(self, call: Callable[..., object]) -> Callable[..., None]:
        """The same on a thread that may wait: for supervisors, which wait for actors to start and stop."""

        def later(*arguments: object) -> None:
            with suppress(RuntimeError):  # the system stops
                self._helper.submit(_logged, call, *arguments)

        return later

    def _flatten_by_engine(self, reason: str, heard: threading.Event) -> None:
        self.machine.gate.hold(KILL, Rung.SQUARE_OFF, reason)
        with suppress(ActorTimeoutError):
            self.machine.ask(lambda _: heard.set(), FLAT_WITHIN_S)

    def _flatten_without_engine(self, heard: threading.Event) -> None:
        """The engine does not answer: the order actor closes what our own orders have bought."""
        if not heard.wait(FLAT_WITHIN_S) and (orders := self.trading.refs.get("orders")) is not None:
            _log.error("The engine does not answer: positions are closed without it.")
            orders.tell(Flatten())

    def _group(self, name: str) -> Supervisor:
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = self._supervisor(name)
            self.root.add(group.spec())
        return group

    def _supervisor(self, name: str, on_escalation: Callable[[str], None] | None = None) -> Supervisor:
        run = self.runtime
        intensity = Intensity(sys.maxsize if name == ORDERS else run.max_restarts, run.within_s)
        rules = Rules(
            intensity=intensity, backoff=Backoff(run.first_delay_s, run.most_delay_s),
            ping_every_s=run.ping_every_s, hung_after_s=run.hung_after_s, stop_within_s=run.stop_within_s,
        )  # fmt: skip
        return Supervisor(name, self.machine.real_timers, rules=rules, clock=self.machine.clock,
                          on_escalation=on_escalation)  # fmt: skip

    def _escalated(self, reason: str) -> None:
        self.machine.gate.hold(ESCALATED, Rung.SQUARE_OFF, f"Too many failures: {reason}. Everything is closed.")

    def _changed(self, change: ChildChanged) -> None:
        if change.path == f"{self.root.name}/{ORDERS}/{ORDERS}":
            self._order_actor_changed(change)
        words = {ChildState.RUNNING: "started", ChildState.RESTARTING: "failed", ChildState.STOPPED: "stopped"}
        event = words.get(change.state, change.state.value.lower())
        self.market.record(ActorEvent(change.ts_event, change.path, event, change.reason or None))

    def _order_actor_changed(self, change: ChildChanged) -> None:
        """Nothing new is begun while nobody could guard it."""
        if change.state is ChildState.RUNNING:
            self.machine.gate.release(ORDER_ACTOR)
        elif not self.trading.ending.is_set():
            self.machine.gate.hold(ORDER_ACTOR, Rung.STOP_ENTRIES, f"The order actor is down: {change.reason}.")


def _entries_wait(engine: Engine) -> bool:
    """Whether an entry may still fill; on the dispatcher's thread."""
    slots = engine.account.positions
    return bool(((slots["state"] != PositionState.FREE) & (slots["filled"] < slots["quantity"])).any())


def _quietly(sync: Callable[[], None]) -> None:
    with suppress(SosError):  # the desk's own flush tells of it
        sync()


def _logged(call: Callable[..., object], *arguments: object) -> None:
    try:
        call(*arguments)
    except Exception:  # the boundary of the helper's thread: one failure must not end the others
        _log.exception("%s failed.", getattr(call, "__name__", call))


@contextmanager
def running(system: TradingSystem, told: Callable[[str], None] = lambda _: None) -> Iterator[TradingSystem]:
    """A system that is started, and stopped whatever happens; what did not end is logged."""
    try:
        system.start(told)
        yield system
    finally:
        if stuck := system.stop():
            _log.error("These did not end in time and were left behind: %s.", ", ".join(stuck))
