"""Long calls for an actor, each on a thread of its own with a bound, so that the actor goes on answering meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pykka

from sos_actors.runtime.clock import monotonic_ns
from sos_actors.types import NANOS_PER_SECOND

Spawn = Callable[[str, Callable[[], None]], None]
"""Runs a function elsewhere, under a name."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What an errand ended with instead of an answer."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Returned:
    """An errand is back; told to the actor that sent it out.

    Attributes:
        owner, number: which errand of whose.
        outcome: the answer, or ``Failed``.
    """

    owner: object
    number: int
    key: str
    outcome: object


def spawn_thread(name: str, work: Callable[[], None]) -> None:
    """Run on a daemon thread: a call that never ends keeps nobody from leaving."""
    threading.Thread(target=work, name=name, daemon=True).start()


def teller(actor: pykka.ActorRef[Any]) -> Callable[[object], None]:
    """What tells an actor something from elsewhere, a timer or an errand; one that has ended meanwhile is not told."""

    def tell(message: object) -> None:
        with suppress(pykka.ActorDeadError):
            actor.tell(message)

    return tell


class Errands:
    """Sends calls out and says which of those that come back still count. Used by its actor alone.

    One that has not come back in time is given up: what it brings later is ignored, its thread left to end by itself.

    Args:
        name: for threads.
        tell: gives the actor a ``Returned``; called on the errand's thread.
        timeout_s: real seconds after which an errand is given up.
        most: that may be out at once.
        spawn: runs them.
        now_ns: real time, nanoseconds.
    """

    def __init__(
        self, name: str, tell: Callable[[Returned], object], *, timeout_s: float, most: int = 1,
        spawn: Spawn = spawn_thread, now_ns: Callable[[], int] = monotonic_ns,
    ) -> None:  # fmt: skip
        self._name, self._tell, self._most, self._spawn, self._now_ns = name, tell, most, spawn, now_ns
        self._timeout_ns = round(timeout_s * NANOS_PER_SECOND)
        self._owner = object()
        self._number = 0
        self._out: dict[str, tuple[int, int]] = {}

    @property
    def out(self) -> tuple[str, ...]:
        """What is under way, the oldest first."""
        return tuple(self._out)

    @property
    def is_free(self) -> bool:
        """Whether another one may be sent."""
        return len(self._out) < self._most

    def send(self, key: str, call: Callable[[], object]) -> bool:
        """Send a call out; False when as many are out as may be, or one of this key is."""
        if not self.is_free or key in self._out:
            return False
        self._number += 1
        number = self._number
        self._out[key] = (number, self._now_ns())
        self._spawn(f"{self._name}-{key}", lambda: self._run(number, key, call))
        return True

    def accept(self, returned: Returned) -> bool:
        """Take one back; False when it was given up, or sent by a predecessor of this actor."""
        if returned.owner is not self._owner or self._out.get(returned.key, (0, 0))[0] != returned.number:
            return False
        del self._out[returned.key]
        return True

    def overdue(self) -> list[str]:
        """Give up what has been out for too long; returns its keys."""
        late = [key for key, (_, sent) in self._out.items() if self._now_ns() - sent > self._timeout_ns]
        for key in late:
            del self._out[key]
        return late

    def _run(self, number: int, key: str, call: Callable[[], object]) -> None:
        outcome: object
        try:
            outcome = call()
        except Exception as error:  # the boundary of the thread: whoever sent the errand judges what it met
            outcome = Failed(error)
        self._tell(Returned(self._owner, number, key, outcome))
