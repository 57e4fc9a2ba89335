"""A pykka actor whose mailbox outlives it and whose end is told to whoever supervises it.

``ReportsExit`` is the part an actor without a thread of its own needs too; ``Actor`` is the one with a thread.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, cast

import pykka

from sos_actors.errors import ActorDownError
from sos_actors.runtime.mailbox import Inbox, Mailbox, Ping
from sos_actors.runtime.threads import name_thread
from sos_actors.runtime.timers import Timer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exit:
    """How an actor ended.

    Attributes:
        failed: by an exception; False when it was told to stop, or stopped itself.
        reason: the exception in words, or ``stopped``.
        lost: the type of the message that killed it, which nobody will handle; empty when none did.
    """

    failed: bool
    reason: str
    lost: str = ""


class Life:
    """What has become of one incarnation: started, ended, how. Outlives the actor; thread-safe."""

    def __init__(self) -> None:
        self.started = self.start_failed = False
        """Whether ``on_start`` is over, and whether it failed."""
        self.exit: Exit | None = None
        """How it ended; None while it has not."""
        self._failure: Exit | None = None
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, call: Callable[[], None]) -> None:
        """Have something called now and at every change, on whatever thread makes it; it must only tell somebody."""
        with self._lock:
            self._listeners.append(call)
        call()

    def mark_started(self) -> None:
        """``on_start`` is over."""
        self.start_failed = self._failure is not None
        self.started = True
        self._tell()

    def mark_failed(self, error: BaseException, lost: str) -> None:
        """It will end because of this; the first failure is the one that counts."""
        with self._lock:
            self._failure = self._failure or Exit(True, f"{type(error).__name__}: {error}", lost)

    def mark_ended(self) -> None:
        """It is over: nothing of it runs any more. Idempotent."""
        with self._lock:
            if self.exit is not None:
                return
            self.exit = self._failure or Exit(False, "stopped")
            self.start_failed = self.start_failed or not self.started
            self.started = True
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for call in listeners:
            call()


class WatchedRef(pykka.ActorRef[Any]):
    """A pykka reference that also knows the actor's life, even when the actor is gone."""

    def __init__(self, actor: Any, life: Life) -> None:
        super().__init__(actor)
        self.life = life


class ReportsExit(pykka.Actor):
    """Mixin, to stand before a pykka actor class: answers pings, and says when and why the actor ended.

    The class it is mixed into calls ``notify_exit`` when the last of it has run, after a stop or a failure, and has
    ``_actor_loop_setup`` run once to start it. A BaseException (SystemExit in a library) ends only this actor, where
    pykka would stop every actor there is.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.life = Life()
        self._actor_ref = WatchedRef(self, self.life)
        self._handling = ""

    def notify_exit(self) -> None:
        """Tell the supervisor that this actor has ended; idempotent."""
        self.life.mark_ended()

    def fail(self, error: Exception) -> None:
        """End this actor as failed once the present message is handled; only from within it."""
        self.life.mark_failed(error, "")
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()

    def _actor_loop_setup(self) -> None:
        try:
            super()._actor_loop_setup()
        except BaseException:  # as the class says: SystemExit in on_start must not reach anybody else
            self._handle_failure(*sys.exc_info())
        self.life.mark_started()

    def _handle_receive(self, message: Any) -> Any:
        if isinstance(message, Ping):
            return True
        self._handling = type(message).__name__
        try:
            return super()._handle_receive(message)
        except Exception:  # pykka's affair: to the caller of an ask, the end of the actor after a tell
            raise
        except BaseException as error:
            self.life.mark_failed(error, self._handling)
            pykka.ActorRegistry.unregister(self.actor_ref)
            self.actor_stopped.set()
            raise ActorDownError(f"{type(self).__name__} was ended by {error!r}.") from error

    def _handle_failure(self, exception_type: type[BaseException] | None, exception_value: BaseException | None,
                        traceback: TracebackType | None) -> None:  # fmt: skip
        if exception_value is not None:
            self.life.mark_failed(exception_value, self._handling)
        super()._handle_failure(exception_type, exception_value, traceback)


class Actor(ReportsExit, pykka.ThreadingActor):
    """An actor on a daemon thread of its own, for ``ChildSpec.start`` to make with the mailbox it is given.

    ``on_start``, ``on_receive``, ``on_stop`` and ``on_failure`` are pykka's; who overrides the last two calls them here
    too. The thread has the name of the mailbox. Without a mailbox it makes one of its own, which ends with it.
    """

    use_daemon_thread = True

    def __init__(self, mailbox: Mailbox | None = None, **kwargs: Any) -> None:
        self._mailbox = mailbox if mailbox is not None else Mailbox(type(self).__name__)
        self._owns_mailbox = mailbox is None
        self._ends_with_me: list[Timer] = []
        super().__init__(**kwargs)

    @property
    def is_given_up(self) -> bool:
        """Whether it was replaced while it was at something: what it still does, its successor knows nothing of."""
        return cast(Inbox, self.actor_inbox).is_cut

    def cancel_at_end(self, timer: Timer) -> None:
        """Have a timer cancelled when this actor stops or fails; a successor sets its own."""
        self._ends_with_me.append(timer)

    def on_stop(self) -> None:
        """Cancel its timers."""
        for timer in self._ends_with_me:
            timer.cancel()

    def on_failure(self, *_: object) -> None:
        """The same."""
        for timer in self._ends_with_me:
            timer.cancel()

    def _create_actor_inbox(self) -> Inbox:  # type: ignore[override]  # pykka calls it on the instance
        return self._mailbox.open()

    def _actor_loop(self) -> None:
        name_thread(self._mailbox.name or type(self).__name__)
        try:
            self._actor_loop_setup()
            self._actor_loop_running()
        except BaseException as error:  # on_failure itself ended with one: nobody else may notice
            log.error("%s ended with %r while it failed.", type(self).__name__, error)
            self._handle_failure(*sys.exc_info())
        finally:
            cast(Inbox, self.actor_inbox).cut_off()
            if self._owns_mailbox:
                self._mailbox.close()
            self._actor_loop_teardown()
            self.notify_exit()
