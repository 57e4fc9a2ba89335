"""One supervised child: its spec, its mailbox, its stable reference, and the actor that is it at present.

What a supervisor does to it: begin, stop, abandon, ping. Only the supervisor's thread changes it; anybody may ``tell``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pykka
from pykka._envelope import Envelope

from sos_actors.errors import ActorDownError, ActorTimeoutError
from sos_actors.runtime.actor import Exit, Life, WatchedRef
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.mailbox import Inbox, Mailbox, Ping
from sos_actors.runtime.supervision import ChildState, Node, Restart
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

if TYPE_CHECKING:
    from sos_actors.runtime.supervisor import Supervisor

log = logging.getLogger(__name__)
ENDED_SILENTLY = "ended without a word"
LONGEST_WAIT_S = 0.25
"""Real seconds between two looks whatever happens, should two have waited for one bell."""
LOOK_EVERY_S = 0.02
"""Real seconds between two looks at an actor that cannot say that it ended (no ``ReportsExit``)."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start a child, and what to do when it ends.

    Attributes:
        name: unique in its group.
        start: makes the actor over the mailbox and starts it; a raise counts as a failure. Called on the supervisor's
            thread, at every restart again. An actor that has another inbox may ignore the mailbox.
        stop_within_s: real seconds it may take to stop before it is abandoned.
        start_within_s: real seconds its ``on_start`` may take before it counts as hung.
        group: the supervisor whose ``start`` this is; None for an actor.
    """

    name: str
    start: Callable[[Mailbox], pykka.ActorRef[Any]]
    restart: Restart = Restart.PERMANENT
    stop_within_s: float = 5.0
    start_within_s: float = 30.0
    group: Supervisor | None = None


class ChildRef:
    """A handle of a child that stays good over its restarts. Thread-safe.

    While the child is down between two incarnations, messages wait in its mailbox; those to a child that does not read
    from a mailbox, or is down for good, are dead letters, counted.
    """

    def __init__(self, name: str, mailbox: Mailbox) -> None:
        self.name = name
        self._mailbox = mailbox
        self._direct: pykka.ActorRef[Any] | None = None
        self._lock = threading.Lock()
        self._dead = 0

    def tell(self, message: object) -> bool:
        """Send a message; False when it became a dead letter. Never raises.

        Does not wait, but where the child's inbox is a ring that is full.
        """
        if (actor := self._direct) is None:
            return self._mailbox.put(Envelope(message))
        try:
            actor.tell(message)
        except pykka.ActorDeadError:
            with self._lock:
                self._dead += 1
            return False
        return True

    def ask(self, message: object, timeout_s: float) -> Any:
        """Send a message and wait for the answer. The incarnation that reads it may be the next one.

        Args:
            timeout_s: real seconds to wait. The message may be handled even after that.

        Raises:
            ActorTimeoutError: no answer in time.
            ActorDownError: the child is down for good, or has no mailbox and is down.
            Exception: whatever the actor raised while it handled the message.
        """
        try:
            if (actor := self._direct) is not None:
                return actor.ask(message, block=True, timeout=timeout_s)
            future: pykka.Future[Any] = pykka.ThreadingFuture()
            self._mailbox.put(Envelope(message, reply_to=future))
            return future.get(timeout=timeout_s)
        except pykka.Timeout:
            said = f"{self.name} did not answer {type(message).__name__} within {timeout_s:g} s."
            raise ActorTimeoutError(said) from None
        except pykka.ActorDeadError:
            raise ActorDownError(f"{self.name} is down; {type(message).__name__} was not answered.") from None

    @property
    def dead_letters(self) -> int:
        """Messages nobody will ever handle."""
        return self._dead + self._mailbox.counts.dead

    def _reach(self, actor: pykka.ActorRef[Any] | None) -> None:
        self._direct = actor


class Child:
    """A child as its supervisor keeps it, over all incarnations."""

    def __init__(self, spec: ChildSpec, now: UnixNanos) -> None:
        self.spec, self.name = spec, spec.name
        self.mailbox = Mailbox(spec.name)
        self.ref = ChildRef(spec.name, self.mailbox)
        self.state, self.since, self.last_reason, self.kind = ChildState.STOPPED, now, "", ""
        self.restarts = self.lost = self.incarnation = 0
        self.done = self.waits = self.was_begun = False
        """Done: down for good. Waits: down, and to be started as soon as those before it run."""
        self.actor: pykka.ActorRef[Any] | None = None
        self._ping: pykka.Future[Any] | None = None
        self._pinged_at = 0
        self._seemed_dead = False

    def node(self) -> Node:
        """This child at this moment."""
        group, counts = self.spec.group, self.mailbox.counts
        return Node(self.name, "Supervisor" if group else self.kind, self.state, self.restarts, self.last_reason,
                    self.since, counts.waiting, self.ref.dead_letters, self.lost, counts.dropped,
                    group.nodes() if group else ())  # fmt: skip

    def begin(self, on_end: Callable[[Child, int], None], bell: threading.Event, given_up: Callable[[], bool]) -> str:
        """Start an incarnation and await its ``on_start``; why it failed, empty when it runs.

        Args:
            on_end: called with this child and the incarnation's number when it ended, on any thread.
            bell: rung by whoever changes what ``given_up`` says.
        """
        self.incarnation += 1
        self.was_begun = True
        mine, self._ping, self._seemed_dead = self.incarnation, None, False
        try:
            actor = self.spec.start(self.mailbox.lease())
        except Exception as error:  # the boundary to the child: whatever it raises is its failure
            log.warning("%s could not be made.", self.name, exc_info=error)
            return f"{type(error).__name__}: {error}"
        if mine != self.incarnation:
            _leave(actor)
            return "came too late: it has been given up meanwhile"
        self.actor, self.kind = actor, actor.actor_class.__name__
        inbox = actor.actor_inbox
        if not (isinstance(inbox, Inbox) and inbox.mailbox is self.mailbox):
            self.ref._reach(actor)
            for envelope in self.mailbox.drain():
                inbox.put(envelope)
        if (life := self._life()) is None:
            return ""
        life.listen(bell.set)
        deadline = monotonic_ns() + int(self.spec.start_within_s * NANOS_PER_SECOND)
        if not wait_for(lambda: life.started, bell, lambda: 0 if given_up() else deadline):
            return f"did not start within {self.spec.start_within_s:g} s"
        if life.start_failed:
            wait_for(lambda: life.exit is not None, bell, lambda: deadline)
            return life.exit.reason if life.exit else "cannot start, nor end"
        life.listen(lambda: on_end(self, mine) if life.exit is not None else None)
        return ""

    def end(self, bell: threading.Event, deadline_ns: Callable[[], int]) -> bool:
        """Ask the present incarnation to stop and wait until the deadline; whether it ended. Else abandon it."""
        actor, life = self.actor, self._life()
        self.incarnation += 1  # whatever it still says is nobody's business
        if actor is None:
            return True
        if life is not None:
            life.listen(bell.set)
        self._ask_to_stop(actor)

        def ended() -> bool:
            return life.exit is not None if life is not None else not actor.is_alive()

        if wait_for(ended, bell, deadline_ns, LONGEST_WAIT_S if life is not None else LOOK_EVERY_S):
            self.actor = None
            return True
        self.abandon()
        return False

    def abandon(self) -> None:
        """Never speak to the present incarnation again; should it wake up, it is told to stop by its inbox."""
        actor, self.actor = self.actor, None
        self.incarnation += 1
        if actor is not None:
            _leave(actor)

    def close(self) -> None:
        """No successor will come, of it or of anybody below it."""
        if self.spec.group is not None:
            self.spec.group.close()
        if left := self.mailbox.close():
            log.warning("%d messages to %s are left over; nobody will handle them.", left, self.name)

    def look(self, now: int, hung_after_ns: int, was_away: bool) -> str:
        """See whether the present incarnation takes messages; why not, empty when it does or may yet.

        Without waiting: a ping is asked, and looked for at the next look. Actors with an inbox of their own are not
        pinged (the put might wait), only looked at.
        """
        actor = self.actor
        if actor is None:
            return ""
        if not isinstance(actor.actor_inbox, Inbox):
            before, self._seemed_dead = self._seemed_dead, not actor.is_alive()
            return ENDED_SILENTLY if self._seemed_dead and (before or self._life() is None) else ""
        if self.spec.group is not None and self.spec.group.is_excused():
            return ""
        if self._ping is not None and not is_answered(self._ping):
            if was_away:
                self._pinged_at = now
            silent_ns = now - self._pinged_at
            return f"no answer for {silent_ns / NANOS_PER_SECOND:.1f} s" if silent_ns >= hung_after_ns else ""
        self._ping, self._pinged_at = actor.ask(Ping(), block=False), now
        return ""

    def _life(self) -> Life | None:
        return self.actor.life if isinstance(self.actor, WatchedRef) else None

    def take_exit(self) -> Exit:
        """How the present incarnation ended; from now on there is none."""
        life = self._life()
        self.actor = None
        return life.exit if life is not None and life.exit is not None else Exit(True, ENDED_SILENTLY)

    def _ask_to_stop(self, actor: pykka.ActorRef[Any]) -> None:
        if isinstance(actor.actor_inbox, Inbox):
            actor.stop(block=False)
        else:  # its inbox may be full, and whoever empties it stuck: that must not be us
            threading.Thread(target=actor.stop, kwargs={"block": False}, name=f"stop {self.name}", daemon=True).start()


def _leave(actor: pykka.ActorRef[Any]) -> None:
    """Cut an actor off from everything; nobody waits for it."""
    pykka.ActorRegistry.unregister(actor)
    if isinstance(actor.actor_inbox, Inbox):
        actor.actor_inbox.cut_off()
    else:
        actor.actor_stopped.set()


def is_answered(future: pykka.Future[Any]) -> bool:
    """Whether a future has an answer, be it an exception; without waiting."""
    try:
        future.get(timeout=0)
    except pykka.Timeout:
        return False
    except Exception:  # an answer too: the actor was there to give it, or its inbox was closed
        return True
    return True


def wait_for(ready: Callable[[], bool], bell: threading.Event, deadline_ns: Callable[[], int],
             look_every_s: float = LONGEST_WAIT_S) -> bool:  # fmt: skip
    """Wait until something is so, looked at whenever the bell rings; False when the (movable) deadline is past."""
    while True:
        bell.clear()
        if ready():
            return True
        left_s = (deadline_ns() - monotonic_ns()) / NANOS_PER_SECOND
        if left_s <= 0:
            return False
        bell.wait(min(left_s, look_every_s))
