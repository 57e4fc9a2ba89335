"""The rules of supervision as values, in OTP's words: who is restarted, after how long, and when a group gives up.

Nothing here starts or stops anything; ``supervisor`` does what these say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import TypeVar

from sos_actors.types import NANOS_PER_SECOND, UnixNanos

Name = TypeVar("Name")


class Restart(Enum):
    """When a child that ended is started again."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """Only after a failure."""
    TEMPORARY = "temporary"
    """Never, not even when it was stopped because of another. It stays in the tree until it is removed."""

    def applies(self, failed: bool) -> bool:
        """Whether a child that ended by itself, by a failure or not, is started again."""
        return self is Restart.PERMANENT or (self is Restart.TRANSIENT and failed)


class Strategy(Enum):
    """Who else is restarted with a child that failed."""

    ONE_FOR_ONE = "one_for_one"
    """Nobody."""
    REST_FOR_ONE = "rest_for_one"
    """Those started after it: stopped in reverse order, started again in order behind it."""

    def followers(self, children: Sequence[Name], failed: Name) -> tuple[Name, ...]:
        """Those of the children, given in the order of their start, that go down and up with the one that failed."""
        if self is Strategy.ONE_FOR_ONE:
            return ()
        return tuple(children[children.index(failed) + 1 :])


class ChildState(StrEnum):
    """How a child is."""

    RUNNING = "RUNNING"
    RESTARTING = "RESTARTING"
    """Down; it will be started again."""
    STOPPED = "STOPPED"
    """Not started yet, or ended as it should."""
    FAILED = "FAILED"
    """Down for good."""
    HUNG = "HUNG"
    """It did not answer and has been abandoned; RESTARTING or FAILED follows."""


@dataclass(frozen=True, slots=True)
class Intensity:
    """A group may restart children so many times within so long, counted over all of them; one more is too many."""

    max_restarts: int = 5
    within_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a child waits for its restart: doubling from ``first_s`` to ``most_s`` seconds.

    Attributes:
        jitter: the fraction of the delay that chance may take off, so that not all come back at the same moment.
    """

    first_s: float = 0.2
    most_s: float = 10.0
    jitter: float = 0.25

    def delay_s(self, earlier: int, chance: float) -> float:
        """Seconds to wait after ``earlier`` restarts not long ago; ``chance`` is in [0, 1)."""
        whole = min(self.most_s, self.first_s * 2.0 ** min(earlier, 100))
        return whole * (1.0 - self.jitter * chance)


@dataclass(frozen=True, slots=True)
class RestartHistory:
    """The restarts of a group that still count: when (clock nanoseconds) and whose, oldest first."""

    intensity: Intensity
    backoff: Backoff
    restarts: tuple[tuple[int, str], ...] = ()

    def after(self, ts: UnixNanos, child: str, chance: float) -> Decision:
        """What to do about a child that ended at ``ts`` and is one to be restarted; ``chance`` is in [0, 1)."""
        within_ns = self.intensity.within_s * NANOS_PER_SECOND
        recent = tuple(restart for restart in self.restarts if ts - restart[0] < within_ns)
        if len(recent) >= self.intensity.max_restarts:
            return Decision(replace(self, restarts=recent), True, 0.0)
        earlier = sum(1 for _, whose in recent if whose == child)
        delay_s = self.backoff.delay_s(earlier, chance)
        return Decision(replace(self, restarts=(*recent, (int(ts), child))), False, delay_s)


@dataclass(frozen=True, slots=True)
class Decision:
    """Restart after ``delay_s``, or give up (``escalate``); and the history from here on."""

    history: RestartHistory
    escalate: bool
    delay_s: float


@dataclass(frozen=True, slots=True)
class Node:
    """A child, or a group with its children, at one moment.

    Attributes:
        kind: the actor's class, or ``Supervisor``; empty before the first start.
        restarts: how often it has been started again.
        last_reason: why it last went down, or does not run; empty while it never did.
        since: when it came into this state, UnixNanos.
        waiting: messages in its mailbox.
        dead_letters: messages to it that nobody will ever handle.
        lost: messages that killed an incarnation of it, or were in its hands when it hung.
        dropped: messages its full mailbox has thrown away.
        children: in the order of their start.
    """

    name: str
    kind: str
    state: ChildState
    restarts: int
    last_reason: str
    since: UnixNanos
    waiting: int = 0
    dead_letters: int = 0
    lost: int = 0
    dropped: int = 0
    children: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class ChildChanged:
    """A child came into another state; ``path`` is its place in the tree from the root, ``sos/feeds/feed``."""

    ts_event: UnixNanos
    path: str
    state: ChildState
    restarts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a stop went: the paths of children that did not end in time and were left behind; empty is a clean stop."""

    abandoned: tuple[str, ...] = ()
