"""What a supervisor's handle and its actor share: the children, the rules, who hears of changes, and how to stop.

``Supervisor`` is the public face; the pykka actor is ``group_loop``. Thread-safe where it says so.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sos_actors.runtime.child import Child
from sos_actors.runtime.clock import Clock, monotonic_ns
from sos_actors.runtime.supervision import (
    Backoff,
    ChildChanged,
    ChildState,
    Intensity,
    Node,
    Restart,
    Strategy,
)
from sos_actors.runtime.timers import Timers
from sos_actors.types import NANOS_PER_SECOND

log = logging.getLogger(__name__)
PATIENT_PART = 0.8
"""The part of a stop's time that children may use up; the rest is for a glance at each of the others."""
GLANCE_NS = NANOS_PER_SECOND // 20
LEVELS = {
    ChildState.RUNNING: logging.INFO,
    ChildState.STOPPED: logging.INFO,
    ChildState.RESTARTING: logging.WARNING,
    ChildState.HUNG: logging.ERROR,
    ChildState.FAILED: logging.ERROR,
}


@dataclass(frozen=True, slots=True)
class Rules:
    """How a group is run; ``ping_every_s`` and ``hung_after_s`` in seconds of its timers, ``stop_within_s`` real."""

    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: Intensity = field(default_factory=Intensity)
    backoff: Backoff = field(default_factory=Backoff)
    ping_every_s: float = 5.0
    hung_after_s: float = 15.0
    stop_within_s: float = 5.0


class Group:
    """The state of one group, over all incarnations of its actor."""

    def __init__(self, name: str, rules: Rules, timers: Timers, clock: Clock, rng: random.Random,
                 on_escalation: Callable[[str], None] | None) -> None:  # fmt: skip
        self.name, self.rules, self.timers, self.clock, self.rng = name, rules, timers, clock, rng
        self.on_escalation = on_escalation
        self.parent: Group | None = None
        self.lock = threading.Lock()
        self.bell = threading.Event()
        """Rung when something the group's thread may be waiting for has changed."""
        self.callbacks: list[Callable[[ChildChanged], None]] = []
        self.stopping = self.final = self._claimed = False
        self.deadline_ns = self.last_ns = 0
        """Real monotonic time, 0 while no stop was asked for: until when a stop may wait for children that take their
        time, and until when for those it has not come to by then, which may well be quick."""
        self.over = threading.Event()
        self.abandoned: tuple[str, ...] = ()
        self.excused_until_ns = self.thread_id = 0
        self.actor: object = None
        """The group's present actor; one that was replaced while it hung must not touch the children any more."""
        self._children: list[Child] = []

    @property
    def path(self) -> str:
        """Its place in the tree."""
        return f"{self.parent.path}/{self.name}" if self.parent else self.name

    def children(self) -> list[Child]:
        """In the order of their start. Thread-safe."""
        with self.lock:
            return list(self._children)

    def find(self, name: str) -> Child | None:
        """The child of that name. Thread-safe."""
        return next((child for child in self.children() if child.name == name), None)

    def append(self, child: Child) -> None:
        """Add a child behind the others. Thread-safe.

        Raises:
            ValueError: the name is taken.
        """
        with self.lock:
            if any(other.name == child.name for other in self._children):
                raise ValueError(f"{self.name} has a child {child.name} already.")
            self._children.append(child)

    def drop(self, child: Child) -> None:
        """Forget a child. Thread-safe."""
        with self.lock:
            if child in self._children:
                self._children.remove(child)

    def nodes(self) -> tuple[Node, ...]:
        """The children as they are. Thread-safe."""
        return tuple(child.node() for child in self.children())

    def change(self, child: Child, state: ChildState, reason: str) -> None:
        """Bring a child into a state, and tell the log and whoever listens here or above."""
        child.state, child.since = state, self.clock()
        child.last_reason = reason or child.last_reason
        event = ChildChanged(child.since, f"{self.path}/{child.name}", state, child.restarts, reason)
        ordinary = not child.restarts and state in (ChildState.RUNNING, ChildState.STOPPED)
        level = logging.DEBUG if ordinary else LEVELS[state]
        log.log(level, "%s %s%s%s", event.path, state.lower(), f": {reason}" if reason else "",
                f" (restart {child.restarts})" if child.restarts else "")  # fmt: skip
        group: Group | None = self
        while group is not None:
            for callback in tuple(group.callbacks):
                try:
                    callback(event)
                except Exception:  # the boundary to whoever listens: supervision goes on without them
                    log.exception("A listener to changes of %s failed.", group.path)
            group = group.parent

    def finish(self, child: Child, state: ChildState, reason: str) -> None:
        """A child is down for good."""
        child.done = True
        child.close()
        self.change(child, state, reason)

    def excuse(self, seconds: float) -> None:
        """Say that this group's actor may be busy with one child for so long, real time."""
        self.excused_until_ns = monotonic_ns() + int(seconds * NANOS_PER_SECOND) + NANOS_PER_SECOND

    def begin_stop(self, within_s: float, final: bool) -> bool:
        """Set the deadline of a stop, or bring that of a running one forward; whether this one is the first."""
        now, within_ns = monotonic_ns(), int(within_s * NANOS_PER_SECOND)
        deadline_ns, last_ns = now + int(within_ns * PATIENT_PART), now + within_ns
        with self.lock:
            first = not self.stopping
            self.deadline_ns = deadline_ns if first else min(self.deadline_ns, deadline_ns)
            self.last_ns = last_ns if first else min(self.last_ns, last_ns)
            self.stopping, self.final = True, self.final or final
        self.bell.set()
        return first

    def renew(self) -> None:
        """Forget a stop that was not final: a new incarnation begins."""
        with self.lock:
            self.stopping = self.final = self._claimed = False
            self.deadline_ns = self.last_ns = 0
            self.abandoned = ()
        self.over.clear()

    def stop_all(self) -> None:
        """Stop the children in reverse order by the deadline, once; a second caller returns at once."""
        with self.lock:
            if self._claimed:
                return
            self._claimed = True
        children = self.children()
        for place in range(len(children) - 1, -1, -1):
            child = children[place]
            was_up = child.actor is not None
            self.abandoned += self.stop_child(child, alone=not any(other.actor for other in children[:place]))
            if self.final:
                child.done = True
                child.close()
            if was_up or child.state is ChildState.RESTARTING:
                self.change(child, ChildState.STOPPED, "abandoned" if self._is_abandoned(child) else "")
        self.over.set()

    def stop_child(self, child: Child, alone: bool = False) -> tuple[str, ...]:
        """Stop one child; the paths of whatever did not end in time.

        It has its own bound, and while others are still to be stopped, half of the time that is left at most, so that
        no stuck child takes all of it.
        """
        started, spec = monotonic_ns(), child.spec
        within_ns = int(spec.stop_within_s * NANOS_PER_SECOND)
        glance_ns = self.last_ns - started if alone else min(GLANCE_NS, self.last_ns - started)
        if self.deadline_ns:
            left_ns = self.deadline_ns - started
            within_ns = min(within_ns, left_ns if alone else left_ns // 2)
            within_ns = max(within_ns, min(glance_ns, int(spec.stop_within_s * NANOS_PER_SECOND)), 0)
        self.excuse(within_ns / NANOS_PER_SECOND)

        def until() -> int:
            hurried = max(self.deadline_ns, min(started + glance_ns, self.last_ns))
            return min(started + within_ns, hurried) if self.deadline_ns else started + within_ns

        if spec.group is not None and child.actor is not None:
            abandoned = spec.group.end(within_ns / NANOS_PER_SECOND, final=self.final).abandoned
            child.abandon()
            return abandoned
        if child.end(self.bell, until):
            return ()
        path = f"{self.path}/{child.name}"
        log.error("%s did not stop within %.1f s and is left behind.", path, (monotonic_ns() - started) / 1e9)
        return (path,)

    def take_down(self, follower: Child, because: str) -> None:
        """Stop a child because of another one, to be started again behind it; a temporary one for good."""
        self.stop_child(follower)
        if follower.spec.restart is Restart.TEMPORARY:
            self.finish(follower, ChildState.STOPPED, f"stopped with {because}")
        else:
            follower.waits = True
            self.change(follower, ChildState.RESTARTING, f"waits for {because}")

    def _is_abandoned(self, child: Child) -> bool:
        path = f"{self.path}/{child.name}"
        return any(name == path or name.startswith(path + "/") for name in self.abandoned)
