from __future__ import annotations

import threading
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope

from sos_actors.runtime.actor import Actor, Exit, WatchedRef
from sos_actors.runtime.clock import ManualClock
from sos_actors.runtime.mailbox import Mailbox, Ping
from sos_actors.runtime.timers import Timers

WAIT_S = 5.0


class Echo(Actor):
    """Answers what it is told; an exception class it raises."""

    def __init__(
        self, mailbox: Mailbox | None = None, start: type[BaseException] | None = None, timers: Timers | None = None,
        fired: threading.Event | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox)
        self._start, self._timers, self._fired = start, timers, fired or threading.Event()

    def on_start(self) -> None:
        if self._timers is not None:
            self.cancel_at_end(self._timers.every(1.0, self._fired.set))
        if self._start is not None:
            raise self._start("at the start")

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, type):
            raise message("while handling")
        return message, threading.current_thread().name

    def on_failure(self, *failure: object) -> None:
        super().on_failure(*failure)
        if failure[0] is NotImplementedError:
            raise SystemExit("even here")


def ended(ref: pykka.ActorRef[Any]) -> Exit:
    """How an actor ended, once it has."""
    assert isinstance(ref, WatchedRef)
    over = threading.Event()
    ref.life.listen(lambda: over.set() if ref.life.exit is not None else None)
    assert over.wait(WAIT_S)
    assert ref.life.exit is not None
    assert not ref.is_alive()
    assert ref not in pykka.ActorRegistry.get_all()
    return ref.life.exit


def test_an_actor_answers_pings_and_its_thread_has_the_name_of_its_mailbox() -> None:
    ref = Echo.start(Mailbox("feed"))
    assert ref.ask(Ping(), timeout=WAIT_S) is True
    assert ref.ask(1, timeout=WAIT_S) == (1, "feed")
    assert ref.stop(timeout=WAIT_S)
    assert ended(ref) == Exit(False, "stopped")


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, NotImplementedError])
def test_what_kills_one_actor_is_told_with_the_message_and_kills_no_other(error: type[BaseException]) -> None:
    other, ref = Echo.start(), Echo.start()
    ref.tell(error)
    exited = ended(ref)
    assert exited == Exit(True, f"{error.__name__}: while handling", "type")
    assert other.ask("alive", block=True, timeout=WAIT_S)[0] == "alive"
    other.stop(timeout=WAIT_S)


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_start_that_fails_is_told(error: type[BaseException]) -> None:
    assert ended(Echo.start(None, error)) == Exit(True, f"{error.__name__}: at the start", "")


@pytest.mark.parametrize("message", [ValueError, SystemExit, None])
def test_its_timers_end_with_it_however_it_ends(message: type[BaseException] | None) -> None:
    clock, fired = ManualClock(), threading.Event()
    timers = Timers(clock)
    ref = Echo.start(timers=timers, fired=fired)
    ref.ask(Ping(), timeout=WAIT_S)
    clock.advance(1.5)
    assert fired.is_set()
    fired.clear()
    ref.tell(message) if message else ref.stop(timeout=WAIT_S)
    ended(ref)
    clock.advance(5.0)
    assert not fired.is_set()


def test_what_came_after_the_deadly_message_waits_for_the_successor() -> None:
    box = Mailbox("feed")
    ref = Echo.start(box)
    ref.tell(ValueError)
    ended(ref)
    future: pykka.Future[Any] = Echo.start(box).ask("second", block=False)
    assert future.get(timeout=WAIT_S)[0] == "second"
    box.close()


def test_an_ask_that_comes_when_an_actor_without_successor_has_ended_is_answered() -> None:
    ref = Echo.start()
    inbox = ref.actor_inbox
    ref.stop(timeout=WAIT_S)
    ended(ref)
    late: pykka.Future[Any] = pykka.ThreadingFuture()
    inbox.put(Envelope("late", reply_to=late))
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=WAIT_S)


def test_a_listener_hears_of_an_end_that_lies_in_the_past() -> None:
    ref = Echo.start()
    ref.stop(timeout=WAIT_S)
    assert ended(ref) == ended(ref)
