"""The threads on which the broker is called: one lane for entries and stops, one for exits and cancels, one to read.

Each call blocks its own lane only, so no exit waits for an entry, and no look at the book for either. The lanes outlive
the order actor; what they are told to do and have not begun can be dropped.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from sos_actors.actors.order_words import Answered, BookCame, LookedUp, OrderJournal, answered
from sos_actors.engine.execution.commands import Cancel, Command, LookUp, Modify, Outcome, Place, PollBook
from sos_actors.engine.execution.policy import Fate
from sos_actors.engine.execution.working import is_stop
from sos_actors.errors import SosError, VendorError
from sos_actors.messages.trading import Purpose
from sos_actors.ports import Broker
from sos_actors.runtime.clock import Clock, monotonic_ns
from sos_actors.types import NANOS_PER_SECOND

log = logging.getLogger(__name__)
ENTRIES, EXITS, READING = "entries", "exits", "reading"


class OrderLatency(Protocol):
    """Hears when an order goes out and when its answer is there, on the lane's thread."""

    def sent(self, order_id: int) -> None:
        """The request is about to be written."""
        ...

    def acknowledged(self, order_id: int) -> None:
        """The broker gave it an id."""
        ...


class OrderLanes:
    """Carries commands out and tells what became of them.

    Args:
        broker: asked on the lanes' threads, several at once.
        journal: of intents and outcomes.
        tell: hears ``Answered``, ``LookedUp``, ``BookCame``; called on the lanes' threads, must only pass on. It is to
            reach the order actor's successor too.
        clock: when the book was asked for.
        latency: hears of placed orders.
        width: threads of each of the two lanes that change orders.
    """

    def __init__(
        self, broker: Broker, journal: OrderJournal, tell: Callable[[object], object], clock: Clock,
        latency: OrderLatency | None = None, width: int = 2,
    ) -> None:  # fmt: skip
        self._broker, self._journal, self._tell, self._clock = broker, journal, tell, clock
        self._latency = latency
        self._ready = threading.Condition()
        self._waiting: dict[str, deque[Command]] = {ENTRIES: deque(), EXITS: deque(), READING: deque()}
        self._begun: list[Command] = []
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=f"orders-{lane}-{number}", daemon=True)
            for lane, threads in ((ENTRIES, width), (EXITS, width), (READING, 1))
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Begin nothing more; whether all calls ended in so many real seconds."""
        with self._ready:
            self._stopped = True
            self._ready.notify_all()
        deadline = monotonic_ns() + int(timeout_s * NANOS_PER_SECOND)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, (deadline - monotonic_ns()) / NANOS_PER_SECOND))
        return not any(thread.is_alive() for thread in self._threads)

    def carry_out(self, command: Command) -> None:
        """Do it as soon as its lane is free."""
        lane = READING
        if isinstance(command, Place):
            intent = command.intent
            lane = ENTRIES if intent.purpose is Purpose.ENTRY or is_stop(intent.order_id) else EXITS
        elif isinstance(command, Modify | Cancel):
            lane = EXITS
        with self._ready:
            self._waiting[lane].append(command)
            self._ready.notify_all()

    def discard(self) -> frozenset[str]:
        """Drop what has not begun; returns the tags of what has, which will still be told."""
        with self._ready:
            for waiting in self._waiting.values():
                waiting.clear()
            return frozenset(
                command.intent.request.tag if isinstance(command, Place) else command.tag
                for command in self._begun
                if not isinstance(command, PollBook)
            )

    def _run(self, lane: str) -> None:
        waiting = self._waiting[lane]
        while True:
            with self._ready:
                while not waiting and not self._stopped:
                    self._ready.wait()
                if self._stopped:
                    return
                command = waiting.popleft()
                self._begun.append(command)
            try:
                told = self._call(command)
            finally:
                with self._ready:
                    self._begun.remove(command)
            try:
                self._tell(told)
            except Exception:  # the lane has to go on; the desk searches for what it was not told
                log.exception("Nobody could be told of %s.", told)

    def _call(self, command: Command) -> object:
        if isinstance(command, LookUp):
            return self._look_up(command)
        if isinstance(command, PollBook):
            return self._poll(command)
        told = self._place(command) if isinstance(command, Place) else self._change(command)
        try:
            self._journal.outcome(told.outcome)
        except SosError as error:
            log.error("What became of %s could not be journaled: %s", told.outcome.tag, error)
        return told

    def _place(self, command: Place) -> Answered:
        """Journal, then send. An exit goes out even when the journal cannot be written: its tag says whose it is."""
        intent = command.intent
        try:
            self._journal.intent(intent)
        except SosError as error:
            if intent.purpose is Purpose.ENTRY:
                said = f"its intent could not be journaled: {error}"
                return Answered(Outcome(self._clock(), "place", intent.request.tag, Fate.UNSENT, reason=said))
            log.error("The exit %s is sent without being journaled: %s", intent.request.tag, error)
        broker_id, failed = "", None
        if self._latency is not None:
            self._latency.sent(intent.order_id)
        try:
            broker_id = self._broker.place(intent.request)
        except Exception as error:  # whatever it was, the desk has to know that the outcome is not known
            failed = error
            _report("place", intent.request.tag, error)
        if failed is None and self._latency is not None:
            self._latency.acknowledged(intent.order_id)
        return answered("place", intent.request.tag, failed, self._clock(), broker_id)

    def _change(self, command: Modify | Cancel) -> Answered:
        what = "modify" if isinstance(command, Modify) else "cancel"
        failed = None
        try:
            if isinstance(command, Modify):
                self._broker.modify(command.change)
            else:
                self._broker.cancel(command.broker_id)
        except Exception as error:  # as above
            failed = error
            _report(what, command.tag, error)
        return answered(what, command.tag, failed, self._clock())

    def _look_up(self, command: LookUp) -> LookedUp:
        try:
            return LookedUp(command.tag, self._broker.orders_by_tag(command.tag))
        except Exception as error:  # no answer is no answer, whatever the reason
            _report("look up", command.tag, error)
            return LookedUp(command.tag, None)

    def _poll(self, command: PollBook) -> BookCame:
        asked_at = self._clock()
        try:
            rows = self._broker.orders()
            return BookCame(asked_at, rows, self._broker.fills() if command.fills else ())
        except Exception as error:  # as above
            _report("read", "the order book", error)
            return BookCame(asked_at, None)


def _report(what: str, tag: str, error: Exception) -> None:
    """Vendors' errors are in their messages; any other is a mistake of ours and shown whole."""
    if isinstance(error, VendorError):
        log.warning("Could not %s %s: %s", what, tag, error)
    else:
        log.error("Could not %s %s.", what, tag, exc_info=error)
