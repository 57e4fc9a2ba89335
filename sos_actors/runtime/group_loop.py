"""The pykka actor of a supervisor: hears of exits, restarts, pings, gives up; ``Group`` is what outlives it."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass

import pykka

from sos_actors.errors import EscalatedError
from sos_actors.runtime.actor import Actor
from sos_actors.runtime.child import ENDED_SILENTLY, Child
from sos_actors.runtime.group import Group
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.supervision import ChildState, Restart, RestartHistory, Strategy
from sos_actors.runtime.threads import dump_threads
from sos_actors.runtime.timers import Timer
from sos_actors.types import NANOS_PER_SECOND

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AddChild:
    """Start a child that has been added to the group."""

    child: Child


@dataclass(frozen=True, slots=True)
class RemoveChild:
    """Stop a child and forget it; answered with the paths of what did not stop in time."""

    child: Child


@dataclass(frozen=True, slots=True)
class _Ended:
    child: Child
    incarnation: int


@dataclass(frozen=True, slots=True)
class _RestartDue:
    child: Child
    incarnation: int


@dataclass(frozen=True, slots=True)
class _Look:
    """Time to see whether everybody lives."""


class GroupLoop(Actor):
    """Runs a group by its rules until it is stopped or gives up."""

    def __init__(self, group: Group, mailbox: Mailbox) -> None:
        super().__init__(mailbox)
        self._group, group.actor = group, self
        self._history = RestartHistory(group.rules.intensity, group.rules.backoff)
        self._looker: Timer | None = None
        self._look_waits = False
        self._looked_at: int | None = None
        self._due: dict[str, Timer] = {}

    def on_start(self) -> None:
        """Start the children in order; what an incarnation that was lost left running is stopped before."""
        group = self._group
        group.thread_id = threading.get_ident()
        for child in reversed(group.children()):
            if child.actor is not None:
                group.stop_child(child)
        for child in group.children():
            if child.was_begun and child.spec.restart is Restart.TEMPORARY and not child.done:
                group.finish(child, ChildState.STOPPED, f"stopped with {group.name}")
            child.waits = not child.done
        self._bring_up()
        if not self.actor_stopped.is_set():
            self._looker = group.timers.every(
                group.rules.ping_every_s, self._look_due, name=f"liveness of {group.name}"
            )

    def on_receive(self, message: object) -> object:
        """One fact or command; a defect of ours must not leave the group without a supervisor, so it is only logged."""
        try:
            return self._handle(message)
        except Exception:  # see above
            log.exception("%s could not handle %s.", self._group.path, type(message).__name__)
            return None

    def on_stop(self) -> None:
        """Stop the children in reverse order."""
        self._cancel_timers()
        if self._group.actor is not self:
            return
        self._group.begin_stop(self._group.rules.stop_within_s, final=False)
        self._group.stop_all()

    def _handle(self, message: object) -> object:
        match message:
            case _Ended(child, incarnation) if incarnation == child.incarnation:
                exited = child.take_exit()
                self._down(child, exited.failed, exited.reason, lost=exited.lost)
            case _RestartDue(child, incarnation) if incarnation == child.incarnation and not child.done:
                child.waits = True
                self._bring_up()
            case _Look():
                self._look()
            case AddChild(child) if not child.was_begun:
                child.waits = True
                self._bring_up()
            case RemoveChild(child):
                return self._remove(child)
        return None

    def _bring_up(self) -> None:
        """Start, in order, whoever waits for it; behind one that is down and needed, nobody."""
        for child in self._group.children():
            if self.actor_stopped.is_set() or self._group.stopping or self._group.actor is not self:
                return
            if child.waits:
                self._begin(child)
            if self._group.rules.strategy is Strategy.REST_FOR_ONE and child.actor is None and not child.done:
                return

    def _begin(self, child: Child) -> None:
        group = self._group
        child.waits = False
        child.restarts += child.was_begun
        group.excuse(child.spec.start_within_s)
        reason = child.begin(self._on_end, group.bell, lambda: group.stopping)
        if group.actor is not self:
            return
        if not reason:
            group.change(child, ChildState.RUNNING, "")
        elif not group.stopping:
            child.abandon()
            self._down(child, True, reason)

    def _down(self, child: Child, failed: bool, reason: str, lost: str = "") -> None:
        """A child is down: restart it, let it be, or give up."""
        group = self._group
        if lost:
            child.lost += 1
            log.error("%s/%s ended while it handled %s, which is lost.", group.path, child.name, lost)
        if group.stopping:
            return
        if not child.spec.restart.applies(failed):
            group.finish(child, ChildState.FAILED if failed else ChildState.STOPPED, reason)
            return
        decision = self._history.after(group.timers.clock(), child.name, group.rng.random())
        self._history = decision.history
        if decision.escalate:
            self._give_up(child, reason)
            return
        for follower in reversed(group.rules.strategy.followers(group.children(), child)):
            if not follower.done:
                group.take_down(follower, child.name)
        due = _RestartDue(child, child.incarnation)
        self._due[child.name] = group.timers.after(decision.delay_s, lambda: self._tell_me(due), name=child.name)
        group.change(child, ChildState.RESTARTING, reason)

    def _give_up(self, child: Child, reason: str) -> None:
        """More restarts than allowed: a group ends and leaves it to its parent, the root keeps the others running."""
        group = self._group
        allowed = group.rules.intensity
        said = (f"{group.path} restarted its children more than {allowed.max_restarts} times within "
                f"{allowed.within_s:g} s; the last was {child.name}: {reason}")  # fmt: skip
        if group.parent is not None:
            group.change(child, ChildState.FAILED, reason)
            self._cancel_timers()
            group.begin_stop(group.rules.stop_within_s, final=False)
            group.stop_all()
            self.fail(EscalatedError(said))
            return
        group.finish(child, ChildState.FAILED, reason)
        log.critical("%s. It stays down.", said)
        if group.on_escalation is not None:
            group.on_escalation(said)

    def _look(self) -> None:
        """Ping everybody, and replace who has not answered for too long; without waiting for anybody."""
        self._look_waits = False
        group, now = self._group, self._group.timers.clock()
        every_ns = int(group.rules.ping_every_s * NANOS_PER_SECOND)
        was_away = self._looked_at is not None and now - self._looked_at > 2 * every_ns
        self._looked_at = now
        dumped = False
        for child in group.children():
            if self.actor_stopped.is_set() or group.stopping:
                return
            if child.state is not ChildState.RUNNING:
                continue
            reason = child.look(now, int(group.rules.hung_after_s * NANOS_PER_SECOND), was_away)
            if reason and reason != ENDED_SILENTLY:
                if not dumped:
                    log.error("%s/%s hangs, %s. All threads:\n%s", group.path, child.name, reason, dump_threads())
                dumped, child.lost = True, child.lost + 1
                group.change(child, ChildState.HUNG, reason)
                reason = f"hung: {reason}"
            if reason:
                child.abandon()
                self._down(child, True, reason)

    def _remove(self, child: Child) -> tuple[str, ...]:
        group = self._group
        abandoned = group.stop_child(child)
        group.drop(child)
        group.finish(child, ChildState.STOPPED, "removed")
        self._bring_up()
        return abandoned

    def _on_end(self, child: Child, incarnation: int) -> None:
        self._tell_me(_Ended(child, incarnation))

    def _look_due(self) -> None:
        if not self._look_waits:
            self._look_waits = True
            self._tell_me(_Look())

    def _tell_me(self, message: object) -> None:
        with suppress(pykka.ActorDeadError):
            self.actor_ref.tell(message)

    def _cancel_timers(self) -> None:
        for timer in (self._looker, *self._due.values()):
            if timer is not None:
                timer.cancel()
