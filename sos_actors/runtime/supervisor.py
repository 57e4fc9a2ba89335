"""A group of children that is started in order, watched, restarted by the rules of ``supervision``, stopped in reverse.

``Supervisor`` is the lasting handle, for any thread; the pykka actor behind it (``group_loop``) may itself be restarted
by a parent. Groups nest: ``parent.add(group.spec())``. The wiring builds the tree.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pykka
from pykka._envelope import Envelope

from sos_actors.errors import ActorTimeoutError
from sos_actors.runtime.actor import WatchedRef
from sos_actors.runtime.child import Child, ChildRef, ChildSpec, wait_for
from sos_actors.runtime.clock import Clock, monotonic_ns
from sos_actors.runtime.group import Group, Rules
from sos_actors.runtime.group_loop import AddChild, GroupLoop, RemoveChild
from sos_actors.runtime.mailbox import Inbox, Mailbox
from sos_actors.runtime.supervision import ChildChanged, ChildState, Node, Restart, Stopped
from sos_actors.runtime.timers import Timers
from sos_actors.types import NANOS_PER_SECOND

HURRIED_WITHIN_S = 0.5
"""Real seconds a second call of ``stop`` leaves the first one for all that is still to be stopped."""
AFTER_DEADLINE_S = 0.5
"""Real seconds granted for the bookkeeping of a stop behind its deadline."""


class Supervisor:
    """A supervised group. All methods are for any thread.

    A group that gives up stops its children and fails, which its parent treats as any child's failure: ChildRefs stay
    good, mailboxes are kept. The root has no parent: there the failing child is left FAILED, all others keep running
    (exits must be able to run), and ``on_escalation`` is called with the reason, which must hold trading.

    Args:
        timers: for delays and liveness; over a real-time clock that nobody sets, even when the market's runs faster.
        clock: for the stamps in ``tree`` and changes; the timers' by default.
        rng: for the jitter of delays.
        on_escalation: only heard at the root, on the supervisor's thread; it must not wait.
    """

    def __init__(self, name: str, timers: Timers, *, rules: Rules | None = None, clock: Clock | None = None,
                 rng: random.Random | None = None,
                 on_escalation: Callable[[str], None] | None = None) -> None:  # fmt: skip
        self.name = name
        rules, rng = rules or Rules(), rng or random.Random(name)
        self._group = Group(name, rules, timers, clock or timers.clock, rng, on_escalation)
        self._loop: pykka.ActorRef[GroupLoop] | None = None
        self._since, self._kept_mailbox = self._group.clock(), Mailbox(name)

    def spec(self, restart: Restart = Restart.PERMANENT, start_within_s: float = 60.0) -> ChildSpec:
        """What a parent needs to supervise this group; it has the group's own bound for stopping."""
        within_s = self._group.rules.stop_within_s
        return ChildSpec(self.name, self.start, restart, within_s, start_within_s, group=self)

    def start(self, mailbox: Mailbox | None = None) -> pykka.ActorRef[Any]:
        """Start the group's actor, and the children in order; waits for them at the root, a parent waits itself."""
        is_root = mailbox is None
        self._group.renew()
        self._since = self._group.clock()
        ref = GroupLoop.start(self._group, mailbox or self._kept_mailbox)
        self._loop = ref
        if is_root:
            self._await(
                lambda: _life(ref).started, 60.0 + sum(child.spec.start_within_s for child in self._group.children())
            )
        return ref

    def add(self, spec: ChildSpec, wait: bool = True) -> ChildRef:
        """Add a child behind the others; started at once if the group runs.

        A child that does not come up is retried by the rules: look at ``tree`` for how it is.

        Args:
            wait: for its ``on_start``. Never on a thread the child needs for that, such as the dispatcher's.

        Raises:
            ValueError: the name is taken.
            ActorTimeoutError: the group is busy; the child will be started.
        """
        child = Child(spec, self._group.clock())
        if spec.group is not None:
            spec.group._group.parent = self._group
        self._group.append(child)
        if self._loop is not None:
            self._command(AddChild(child), spec.start_within_s, wait)
        return child.ref

    def remove(self, name: str, wait: bool = True) -> bool:
        """Stop a child and forget it; whether it ended in time (True as well when there is none of that name).

        Args:
            wait: for its end; else True is returned at once. Never on a thread the child needs for that.

        Raises:
            ActorTimeoutError: the group is busy; the child will be removed.
        """
        child = self._group.find(name)
        if child is None:
            return True
        if self._loop is None:
            self._group.drop(child)
            child.close()
            return True
        abandoned = self._command(RemoveChild(child), child.spec.stop_within_s, wait)
        if wait:
            self._group.drop(child)  # in case there was no actor to do it
            child.close()
        return not abandoned

    def child(self, name: str) -> ChildRef:
        """The handle of a child of this group.

        Raises:
            KeyError: there is none of that name.
        """
        child = self._group.find(name)
        if child is None:
            raise KeyError(name)
        return child.ref

    def tree(self) -> Node:
        """The group and everything below it as it is now; never waits for anybody."""
        running = self._loop is not None and self._loop.is_alive() and not self._group.stopping
        state = ChildState.RUNNING if running else ChildState.STOPPED
        return Node(self.name, "Supervisor", state, 0, "", self._since, children=self._group.nodes())

    def nodes(self) -> tuple[Node, ...]:
        """The children and everything below them as they are now."""
        return self._group.nodes()

    def on_change(self, callback: Callable[[ChildChanged], None]) -> None:
        """Call this at every change of a child here or below, on the supervisor's thread; it must not wait."""
        self._group.callbacks.append(callback)

    def is_excused(self) -> bool:
        """Whether the group's actor is at something that takes its time, such as awaiting a child's start."""
        return monotonic_ns() < self._group.excused_until_ns

    def stop(self, timeout_s: float | None = None) -> Stopped:
        """Stop the children in reverse order, for good, and then the group. Idempotent.

        A child that does not end is left behind and named in the result. A call while another one is at it makes that
        one hurry. Returns in time even if the supervisor itself is stuck.

        Args:
            timeout_s: real seconds for all of it; by default the group's ``stop_within_s``.
        """
        return self.end(self._group.rules.stop_within_s if timeout_s is None else timeout_s, final=True)

    def end(self, within_s: float, final: bool) -> Stopped:
        """As ``stop``; unless it is final, the mailboxes are kept for the next start. For parents."""
        group, loop = self._group, self._loop
        if not group.begin_stop(min(within_s, HURRIED_WITHIN_S) if group.stopping else within_s, final):
            self._hurry(HURRIED_WITHIN_S / 2)
        if loop is not None and loop.is_alive():
            loop.stop(block=False)
        if threading.get_ident() == group.thread_id:  # asked from within: it happens once this is handled
            return Stopped()
        if loop is not None and loop.is_alive():
            self._await(group.over.is_set, 0.0)
        group.stop_all()  # nothing left to do, unless the group's thread is stuck
        group.over.wait(AFTER_DEADLINE_S)
        if loop is not None and not self._await(lambda: _life(loop).exit is not None, AFTER_DEADLINE_S):
            group.abandoned += (group.path,)
            _inbox(loop).cut_off()
        if final:
            self.close()
            self._kept_mailbox.close()
        return Stopped(group.abandoned)

    def close(self) -> None:
        """Nobody below will be started again: what waits in the mailboxes becomes dead letters. For parents."""
        for child in self._group.children():
            child.close()

    def _hurry(self, within_s: float) -> None:
        for child in self._group.children():
            if child.spec.group is not None and child.actor is not None:
                child.spec.group._group.begin_stop(within_s, final=False)
                child.spec.group._hurry(within_s / 2)

    def _command(self, message: object, within_s: float, wait: bool) -> Any:
        loop = self._loop
        assert loop is not None
        if not wait or threading.get_ident() == self._group.thread_id:  # from a child's start: it happens after that
            loop.actor_inbox.put(Envelope(message))
            return ()
        bound_s = within_s + self._group.rules.stop_within_s
        try:
            return loop.ask(message, timeout=bound_s)
        except pykka.Timeout:
            raise ActorTimeoutError(f"{self._group.path} is busy with other children.") from None
        except pykka.ActorDeadError:
            return ()

    def _await(self, ready: Callable[[], bool], more_s: float) -> bool:
        """Wait for the group's actor: until the deadline of a stop and so much longer."""
        begun, more_ns = monotonic_ns(), int(more_s * NANOS_PER_SECOND)
        bell = threading.Event()
        return wait_for(ready, bell, lambda: max(self._group.deadline_ns, begun) + more_ns, 0.005)


def _life(ref: pykka.ActorRef[Any]) -> Any:
    assert isinstance(ref, WatchedRef)
    return ref.life


def _inbox(ref: pykka.ActorRef[Any]) -> Inbox:
    assert isinstance(ref.actor_inbox, Inbox)
    return ref.actor_inbox
