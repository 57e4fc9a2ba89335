"""Supervised actors to kill, block and watch, over a clock that stands still; nothing here sleeps."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pykka

from sos_actors.runtime.actor import Actor
from sos_actors.runtime.child import ChildSpec
from sos_actors.runtime.clock import ManualClock, monotonic_ns
from sos_actors.runtime.group import Rules
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.supervision import Backoff, ChildChanged, ChildState, Intensity, Restart, Strategy
from sos_actors.runtime.supervisor import Supervisor
from sos_actors.runtime.timers import Timers

PATIENCE_S = 10.0
"""Real seconds a test waits for another thread; never reached unless something is broken."""
PLENTY = Intensity(1_000_000, 60.0)
AT_ONCE = Backoff(0.0, 0.0, 0.0)


class Seen:
    """What all incarnations of all children did, in order. Thread-safe."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._changed = threading.Condition()

    def add(self, item: Any) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait(self, ready: Callable[[list[Any]], object]) -> None:
        """Until what has been seen is so."""
        with self._changed:
            assert self._changed.wait_for(lambda: ready(self.items), PATIENCE_S), self.items


class Block:
    """Something an actor gets stuck in until the test lets it go."""

    def __init__(self) -> None:
        self.entered, self.release = threading.Event(), threading.Event()


class Mortal(Actor):
    """Notes what it is told. A Block blocks it, an exception (class) kills it, ``stop`` ends it."""

    def __init__(self, mailbox: Mailbox, name: str, seen: Seen, stop_block: Block | None = None,
                 fails: Iterator[bool] | None = None) -> None:  # fmt: skip
        super().__init__(mailbox)
        self._name, self._seen, self._stop_block, self._fails = name, seen, stop_block, fails

    def on_start(self) -> None:
        if self._fails is not None and next(self._fails, False):
            raise RuntimeError("cannot start")
        self._seen.add(("start", self._name))

    def on_stop(self) -> None:
        self._seen.add(("stop", self._name))
        if self._stop_block is not None:
            self._stop_block.entered.set()
            self._stop_block.release.wait(PATIENCE_S)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Block):
            message.entered.set()
            message.release.wait(PATIENCE_S)
        elif isinstance(message, type) and issubclass(message, BaseException):
            raise message("on demand")
        elif message == "stop":
            self.stop()
        else:
            self._seen.add(message)
        return message


class Family:
    """A tree over a manual clock, everything it says, and a way to wait for it."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_000_000_000)
        self.timers = Timers(self.clock)
        self.seen, self.changes = Seen(), Seen()
        self._roots: list[Supervisor] = []

    def supervisor(self, name: str = "sos", *, strategy: Strategy = Strategy.ONE_FOR_ONE, root: bool = True,
                   intensity: Intensity = PLENTY, backoff: Backoff = AT_ONCE, stop_within_s: float = 5.0,
                   on_escalation: Callable[[str], None] | None = None) -> Supervisor:  # fmt: skip
        rules = Rules(strategy, intensity, backoff, stop_within_s=stop_within_s)
        made = Supervisor(name, self.timers, rules=rules, rng=random.Random(7), on_escalation=on_escalation)
        if root:
            made.on_change(self.changes.add)
            self._roots.append(made)
        return made

    def spec(self, name: str, restart: Restart = Restart.PERMANENT, stop_within_s: float = 5.0,
             **more: Any) -> ChildSpec:  # fmt: skip
        def start(mailbox: Mailbox) -> pykka.ActorRef[Any]:
            return Mortal.start(mailbox, name, self.seen, **more)

        return ChildSpec(name, start, restart, stop_within_s)

    def await_change(self, path: str, state: ChildState, restarts: int | None = None) -> ChildChanged:
        """The first change of that kind, past or to come."""

        def matching(changes: list[ChildChanged]) -> list[ChildChanged]:
            return [it for it in changes if (it.path, it.state) == (path, state) and restarts in (None, it.restarts)]

        self.changes.wait(matching)
        return matching(self.changes.items)[0]

    def revive(self, path: str, restarts: int) -> None:
        """Let the delay of a restart pass and wait for the new incarnation."""
        until = monotonic_ns() + int(PATIENCE_S * 1e9)
        while monotonic_ns() < until and not any(
            (it.path, it.state, it.restarts) == (path, ChildState.RUNNING, restarts) for it in self.changes.items
        ):
            self.clock.advance(0.001)
            for root in self._roots:
                settle(root)
        self.await_change(path, ChildState.RUNNING, restarts)

    def starts_and_stops(self) -> list[str]:
        return [f"{it[0]} {it[1]}" for it in self.seen.items if isinstance(it, tuple)]


def settle(supervisor: Supervisor) -> None:
    """Wait until the supervisor has handled all it had been told."""
    assert supervisor._loop is not None
    supervisor._loop.ask("settle", timeout=PATIENCE_S)


@contextmanager
def family() -> Iterator[Family]:
    """A family that is stopped at the end, without leaving anybody behind."""
    made = Family()
    before = set(pykka.ActorRegistry.get_all())
    try:
        yield made
    finally:
        left = [root.stop(PATIENCE_S).abandoned for root in made._roots]
    assert not any(left)
    assert set(pykka.ActorRegistry.get_all()) == before
