"""The whole system in this process: simulated vendors beside it, one accelerated clock, and hands to break things with.

Vendors with big answers answer in this process too, which is quicker to start; nothing else is replaced.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sos_actors.actors.backfill import BackfillActor
from sos_actors.actors.engine_session import EngineSession
from sos_actors.actors.feed import FeedActor
from sos_actors.actors.mood import MoodActor
from sos_actors.actors.order import OrderActor
from sos_actors.actors.pattern import PatternStateMachine
from sos_actors.actors.screener import ScreenerActor
from sos_actors.actors.store import StoreActor
from sos_actors.app.live_building import Onlookers, Wishes, built
from sos_actors.app.live_place import Place
from sos_actors.app.live_status import StatusSource
from sos_actors.app.live_system import TradingSystem, running
from sos_actors.app.live_warming import warm_up
from sos_actors.app.logs import Logs
from sos_actors.app.worker_vendors import Question, VendorDesk
from sos_actors.config import Config
from sos_actors.engine.positions import Decision
from sos_actors.errors import ActorDownError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import Sentiment
from sos_actors.messages.records import ActorEvent
from sos_actors.messages.status import ActorStatus, RunStatus, SystemStatus
from sos_actors.messages.trading import PositionClosed
from sos_actors.runtime.child import ChildRef
from sos_actors.runtime.clock import AcceleratedClock, indian_day, wall_time
from sos_actors.runtime.group_loop import GroupLoop
from sos_actors.runtime.supervision import Node
from sos_actors.simulator.faults import Fault
from sos_actors.store.database import Store
from sos_actors.types import UnixNanos
from tests.app.running.settings import STRATEGIES, config_of
from tests.simulator.markets import moment, small_world
from tests.vendors.bench import Bench, bench

SPEED = 60.0
BUSY_S = 1.0
"""Real seconds the store's actor waits for another writer: less than it takes to be called hung here."""
STOCK = "NSE|EQ|RELIANCE"
NIFTY = "NSE|INDEX|NIFTY"
KILLABLE = (
    StoreActor, BackfillActor, OrderActor, FeedActor, MoodActor, ScreenerActor, PatternStateMachine, EngineSession,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Poison:
    """A message during whose handling something happens: to the actor that is told it."""

    act: Callable[[], object]


def poisonable(patch: pytest.MonkeyPatch) -> None:
    """Every actor, and every supervisor's, takes ``Poison``."""
    for kind in KILLABLE:
        _take_poison(patch, kind, "on_receive")
    _take_poison(patch, GroupLoop, "_handle")


def _take_poison(patch: pytest.MonkeyPatch, kind: type, method: str) -> None:
    healthy = getattr(kind, method)

    def on_receive(self: Any, message: Any) -> Any:
        return message.act() if isinstance(message, Poison) else healthy(self, message)

    patch.setattr(kind, method, on_receive)


def raising(error: BaseException) -> Callable[[], object]:
    """What raises an error."""

    def act() -> object:
        raise error

    return act


class InProcess:
    """Implements ``app.worker_vendors.Worker`` without a process."""

    def __init__(self, _name: str, desk: VendorDesk) -> None:
        self._answer, self._lock, self._over = desk(), threading.Lock(), False

    def ask(self, request: Question, timeout_s: float) -> Any:
        """Answer, one at a time; the clients' own time-outs are the shorter ones."""
        del timeout_s
        with self._lock:
            if self._over:
                raise ActorDownError("It has ended.")
            return self._answer(request)

    def start(self) -> None:
        """Nothing to start."""

    def stop(self, timeout_s: float = 2.0) -> bool:
        """Disconnect, when what is being answered is."""
        del timeout_s
        with self._lock:
            self._over = True
            self._answer._open.close()  # type: ignore[attr-defined]  # its process would end instead
        return True


class Lines(logging.Handler):
    """Every line of the program's log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._said: list[tuple[int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self._said.append((record.levelno, record.getMessage()))

    def since(self, mark: int = 0, level: int = logging.INFO) -> list[str]:
        """What was said from a mark on."""
        return [text for at, text in self._said[mark:] if at >= level]

    @property
    def mark(self) -> int:
        """How much has been said."""
        return len(self._said)


@dataclass(slots=True)
class Whole:
    """The running system and everything around it."""

    system: TradingSystem
    bench: Bench
    config: Config
    place: Place
    source: StatusSource
    lines: Lines
    decided: list[Decision] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        """Of the session."""
        return self.system.trading.journal.path

    def status(self) -> SystemStatus:
        """What `sos status` would show."""
        return self.source()

    def node(self, name: str) -> Node:
        """Of an actor anywhere in the tree; a group may have the name of its only child."""
        return next(one for one in _below(self.system.root.tree()) if one.name == name and one.kind != "Supervisor")

    def group(self, name: str) -> Node:
        """Of a group of the root."""
        return next(one for one in self.system.root.nodes() if one.name == name)

    def shown(self, name: str) -> ActorStatus:
        """The same, as the status shows it."""
        return [one for one in _shown(self.status().actors) if one.name == name][-1]

    def ref(self, name: str) -> ChildRef:
        """Of an actor."""
        for group in self.system._groups.values():
            if any(node.name == name for node in group.nodes()):
                return group.child(name)
        raise KeyError(name)

    def stored(self) -> list[ActorEvent]:
        """The actors' events that are in the store."""
        with Store.open(self.place.folder, read_only=True) as store:
            return store.actor_events(0, int(self.place.clock()) + 1)

    @property
    def closed(self) -> int:
        """Positions closed so far."""
        return sum(isinstance(one, PositionClosed) for one in self.decided)

    def holds(self) -> dict[str, str]:
        """Who holds trading back, and why."""
        return {one.key: one.reason for one in self.system.machine.gate.reasons()}

    def trades(self, more: int = 1, seconds: float = 30.0) -> None:
        """Wait until trading is open and so many more positions were closed."""
        self.until(lambda: not self.holds(), "trading opens", seconds)
        before = self.closed
        self.until(lambda: self.closed >= before + more, "positions are closed", seconds)

    def until(self, condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
        """Wait until something is so; a failed test that says how things are when it does not come."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                told = "\n".join(self.lines.since()[-40:])
                pytest.fail(f"Not within {seconds:g} s: {what}. Held by {self.holds()}.\n{told}")
            time.sleep(0.01)

    @contextmanager
    def fault(self, *faults: Fault) -> Iterator[None]:
        """Faults in force until the block ends."""
        for fault in faults:
            self.bench.add(fault)
        try:
            yield
        finally:
            self.bench.heal()


def _below(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _below(child)


def _shown(actors: tuple[ActorStatus, ...]) -> Iterator[ActorStatus]:
    for actor in actors:
        yield actor
        yield from _shown(actor.children)


@contextmanager
def whole(
    folder: Path, *, at: str = "2026-01-13 10:30", speed: float = SPEED, start: bool = True,
    source: str = "simulator", **sections: Mapping[str, object],
) -> Iterator[Whole]:  # fmt: skip
    """The system, started (unless told otherwise) and stopped again; keywords change sections of the configuration."""
    calendar, world = Calendar.default(), small_world(at, 0.0, rate_limits=False, nse_cookies=False)
    lines = Lines()
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        poisonable(patch)
        patch.setattr("sos_actors.app.backtest.WARM_UP_SESSIONS", 2)
        served = stack.enter_context(bench(world, ("upstox", "tradingview", "nse", "trendlyne")))
        config = config_of(folder, served.served.addresses, **sections)
        warm_up(config, STRATEGIES, calendar)
        begins = moment(at)
        served.served.call(lambda: world.clock.set(begins, speed))
        clock = AcceleratedClock.starting(UnixNanos(begins), speed)
        day = indian_day(begins)
        place = Place(config, served.token, clock, day, folder / "data", "simulated", source, [])
        logs = Logs(folder, clock, people=None)
        logs.start()
        stack.callback(logs.stop)
        logging.getLogger().addHandler(lines)
        stack.callback(logging.getLogger().removeHandler, lines)
        moods: dict[str, Sentiment] = {}
        decided: list[Decision] = []
        onlookers = Onlookers(decided.append, lambda mood: moods.__setitem__(mood.symbol, mood))
        wishes = Wishes("upstox", STRATEGIES, "chaos")
        system = stack.enter_context(built(place, wishes, calendar, onlookers, InProcess))
        run = RunStatus("chaos", os.getpid(), "paper", "upstox", "simulator", speed, True, clock(), wall_time())
        found = Whole(system, served, config, place, StatusSource(system, run, logs, moods), lines, decided)
        if start:
            system.market.open_store = partial(
                Store.open, place.folder, origin=place.origin, busy_timeout_s=BUSY_S
            )  # fmt: skip
            stack.enter_context(running(system))
        yield found
