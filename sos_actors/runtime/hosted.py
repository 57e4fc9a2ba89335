"""Pykka actors without a thread: they live on the dispatcher's, because every message is announced through the ring.

To everyone else they are ordinary actors: registry, tell, ask, proxies, stop and the hooks work as pykka says.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from typing import Any

from pykka import Actor, ActorRegistry, ThreadingFuture
from pykka._envelope import Envelope  # the protocol of an inbox, which pykka keeps open for other kinds of actors

from sos_actors.runtime.ring import CLOSED, Batch, RingBuffer

logger = logging.getLogger(__name__)


class Delivery:
    """An event of the ring: one more message waits in the inbox of ``actor``."""

    __slots__ = ("actor",)

    def __init__(self, actor: HostedActor) -> None:
        self.actor = actor

    def run(self) -> None:
        """Let the actor handle the oldest of its messages; on the dispatcher's thread. Never raises."""
        self.actor.deliver()


def run_deliveries(batch: Batch) -> None:
    """Run the deliveries of a batch in its order and leave all other events alone."""
    for event in batch.events:
        if type(event) is Delivery:
            event.run()


class HostedFuture(ThreadingFuture[Any]):
    """The answer of a hosted actor. Waiting for it on the dispatcher's own thread runs the actor instead."""

    actor: HostedActor | None = None

    def get(self, *, timeout: float | None = None) -> Any:
        """The answer, as pykka gives it.

        Raises:
            RuntimeError: an actor waits for itself, on the dispatcher's thread, which would never end.
        """
        if self.actor is not None and self.actor.host.is_consumer():
            self.actor.run_until(self)
        return super().get(timeout=timeout)

    @property
    def is_set(self) -> bool:
        """Whether there is an answer already."""
        return self._result is not None


class HostedInbox:
    """A queue of envelopes, each announced by a ``Delivery`` in the ring; keeps its actor alive as a thread would."""

    def __init__(self, actor: HostedActor) -> None:
        self._actor = actor
        self._envelopes: deque[Envelope[Any]] = deque()

    def put(self, envelope: Envelope[Any], /) -> None:
        """Any thread; an envelope for a ring that is closed is answered at once, like one for a stopped actor."""
        actor = self._actor
        if isinstance(envelope.reply_to, HostedFuture):
            envelope.reply_to.actor = actor
        self._envelopes.append(envelope)  # first: whoever takes the delivery finds it
        if actor.host.publish(Delivery(actor)) == CLOSED:
            actor.abandon()

    def get(self) -> Envelope[Any]:
        """The oldest; on the dispatcher's thread.

        Raises:
            IndexError: there is none.
        """
        return self._envelopes.popleft()

    def empty(self) -> bool:
        """Whether there is none."""
        return not self._envelopes


class HostedActor(Actor):
    """An actor on the dispatcher's thread. Every hook but ``__init__`` runs there, so it needs no lock.

    Args:
        host: the ring the dispatcher reads; its consumer runs ``Delivery`` events.
    """

    actor_inbox: HostedInbox

    def __init__(self, host: RingBuffer, *args: Any, **kwargs: Any) -> None:
        self.host = host  # before pykka's part, which creates the inbox
        self._is_set_up = False
        self._is_busy = False
        self._ahead = 0
        super().__init__(*args, **kwargs)

    def _create_actor_inbox(self) -> HostedInbox:  # type: ignore[override]  # pykka calls it on the instance
        return HostedInbox(self)

    @staticmethod
    def _create_future() -> HostedFuture:
        return HostedFuture()

    def _start_actor_loop(self) -> None:
        if self.host.publish(Delivery(self)) == CLOSED:
            self.abandon()

    def deliver(self) -> None:
        """One turn: ``on_start`` at the first, a message at every other; on the dispatcher's thread.

        There are as many turns as messages, and the turn of a message comes after everything its sender published
        before it. So a message that was handled early, by ``run_until``, has its turn left out.
        """
        if self._ahead:
            self._ahead -= 1
        else:
            self._turn()

    def run_until(self, answer: HostedFuture) -> None:
        """Handle waiting messages now, in their order, until ``answer`` is there; on the dispatcher's thread.

        Raises:
            RuntimeError: this actor is in the middle of a message, and so can never give the answer.
        """
        while not answer.is_set:
            if self._is_busy or (self._is_set_up and self.actor_inbox.empty()):
                raise RuntimeError(f"{self} waits on the dispatcher's thread for an answer of its own.")
            self._ahead += 1
            self._turn()

    def notify_exit(self) -> None:
        """Hook: the actor has ended and what waited is answered; may be called again when more comes too late."""

    def abandon(self) -> None:
        """The ring is closed: no turn will come. Stop without ``on_stop`` and answer what waits; any thread."""
        ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
        logger.warning("%s was spoken to after its dispatcher had ended.", self)
        self._teardown()

    def _turn(self) -> None:
        self._is_busy = True
        try:
            if self.actor_stopped.is_set():
                pass
            elif not self._is_set_up:
                self._is_set_up = True
                self._actor_loop_setup()
            elif not self.actor_inbox.empty():
                self._handle(self.actor_inbox.get())
        finally:
            self._is_busy = False
        if self.actor_stopped.is_set():
            self._teardown()

    def _teardown(self) -> None:
        try:
            self._actor_loop_teardown()
        except IndexError:  # another thread, whose message came too late, answered the last one
            logger.debug("The inbox of %s was emptied by two.", self)
        self.notify_exit()

    def _handle(self, envelope: Envelope[Any]) -> None:
        """One pass of pykka's loop: what ``Actor._actor_loop_running`` does with an envelope."""
        reply = envelope.reply_to
        try:
            response = self._handle_receive(envelope.message)
            if reply is not None:
                reply.set(response)
        except Exception:  # as in pykka: an actor's mistake goes to who asked, or ends the actor
            if reply is not None:
                logger.info("Exception returned from %s to caller:", self, exc_info=True)
                reply.set_exception()
            else:
                self._fail()
        except BaseException as error:
            logger.error("%r in %s. Stopping all actors.", error, self)
            self._stop()
            if reply is not None:
                reply.set_exception()
            ActorRegistry.stop_all(block=False)  # not waiting: some of them live on this thread

    def _fail(self) -> None:
        self._handle_failure(*sys.exc_info())
        try:
            self.on_failure(*sys.exc_info())
        except Exception:  # as in pykka: the hook of a dying actor may not take its host with it
            self._handle_failure(*sys.exc_info())
