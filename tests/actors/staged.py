"""A stage for one actor without its thread: its messages are handed over one by one, its errands run at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sos_actors.runtime.actor import Actor
from sos_actors.runtime.clock import ManualClock
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import Rung, TradingGate
from tests.market.chains import minute


class Sink:
    """An ``EventSink`` that remembers."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def publish(self, event: object, received_ns: int = 0) -> None:  # noqa: ARG002
        self.events.append(event)

    def publish_ticks(self, told: Sequence[tuple[str, int, float]], received_ns: int = 0) -> None:  # noqa: ARG002
        self.events += told


class Stage:
    """A clock that stands five minutes after the open, timers over it, a gate and a sink.

    Attributes:
        threads: errands that wait to be run; used when ``hold_errands``.
    """

    def __init__(self, at: float = 5.0) -> None:
        self.clock = ManualClock(minute(at))
        self.timers = Timers(self.clock)
        self.sink = Sink()
        self.gate_events: list[object] = []
        self.gate = TradingGate(self.gate_events.append, self.clock)
        self.mailbox = Mailbox("staged")
        self.hold_errands = False
        self.threads: list[Callable[[], None]] = []
        self.actor: Actor | None = None

    def spawn(self, _name: str, work: Callable[[], None]) -> None:
        """Run an errand now, or when told to."""
        self.threads.append(work)
        while self.threads and not self.hold_errands:
            self.threads.pop(0)()

    def run_errands(self) -> None:
        """Run what waits, and what that leads to."""
        while self.threads:
            self.threads.pop(0)()
            if not self.threads:
                self.pump()

    def start(self, actor: Actor) -> None:
        """Start it as its thread would."""
        self.actor = actor
        actor.on_start()
        self.pump()

    def pump(self) -> None:
        """Hand over every message that waits, those they lead to included."""
        while self.actor is not None and (waiting := self.mailbox.drain()):
            for envelope in waiting:
                self.actor.on_receive(envelope.message)

    def pass_time(self, seconds: float) -> None:
        """Let timers fire on the way."""
        end = self.clock() + round(seconds * 1e9)
        while (due := self.timers.next_due()) is not None and due <= end:
            self.clock.move_to(due)
            self.pump()
        self.clock.move_to(end)
        self.pump()

    def rung(self) -> Rung:
        """Where the ladder stands."""
        return self.gate.rung

    def reasons(self) -> list[str]:
        """Why trading is held back."""
        return [hold.reason for hold in self.gate.reasons()]
