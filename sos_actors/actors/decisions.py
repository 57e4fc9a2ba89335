"""The dispatcher's consumer: every event is decided by the engine, journaled with its decisions, and then acted upon.

Only the dispatcher's thread calls it. It holds no rule: what is decided is the engine's, what is done is the hearers'.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sos_actors.engine.engine import Engine, Event
from sos_actors.engine.following import SymbolFollowed
from sos_actors.engine.positions import Decision
from sos_actors.engine.recording import encode_decision, encode_document, encode_event
from sos_actors.engine.watching import Warmth
from sos_actors.errors import JournalError
from sos_actors.messages.market import BarClosed, Ticks
from sos_actors.messages.trading import OrderStatus, OrderUpdated, Purpose, SubmitOrder
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.dispatcher import Batch
from sos_actors.runtime.hosted import Delivery
from sos_actors.runtime.journal_records import RecordKind
from sos_actors.types import NANOS_PER_SECOND

_log = logging.getLogger(__name__)
_FLUSH_NS, _FLUSH_AT_LAST_NS = NANOS_PER_SECOND // 10, NANOS_PER_SECOND
"""How old what is not flushed may become: when there is nothing else to do, and in any case."""
T = TypeVar("T")


class SessionJournal(Protocol):
    """Where events and decisions are written, in their order."""

    def append(self, kind: RecordKind, payload: bytes) -> None:
        """Buffer one record."""
        ...

    def append_all(self, kind: RecordKind, payloads: Sequence[bytes]) -> None:
        """Buffer several of one kind, written whole or not at all."""
        ...

    def flush(self) -> None:
        """Hand everything buffered to the operating system.

        Raises:
            JournalError: it cannot be written; it is kept for the next time.
        """
        ...


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """Something to be looked up where the engine's state may be looked at: on the dispatcher's thread."""

    ask: Callable[[Engine], T]
    answer: Future[T]


@dataclass(frozen=True, slots=True)
class Hearers:
    """Who is told, on the dispatcher's thread; all of them only pass on.

    Attributes:
        decided: every decision, after it was journaled, and when its cause reached the process (``monotonic_ns``).
        journal_failed: the journal cannot be written (the error), or can again (None).
        failed: the engine could not take an event; it goes on without it.
        rejected: an entry that must not be sent, to be told to the engine as an event of its own.
        followed: a symbol is followed from now on; the open of the last minute of its past, UnixNanos, -1 without one.
    """

    decided: Callable[[Decision, int], None]
    journal_failed: Callable[[JournalError | None], None]
    failed: Callable[[Event, Exception], None]
    rejected: Callable[[OrderUpdated], None]
    followed: Callable[[str, int], None]


class DecisionDesk:
    """Takes batches off the ring.

    Args:
        engine: as it is after ``n_events`` journaled events.
        journal: of the session.
        hearers: who is told.
        rebuild: an engine made anew from the first ``n`` journaled events without those numbered in the set (the first
            event is 1); asked when an event has broken the engine in the middle of a step.
        n_events: events in the journal.
        skipped: numbers of those the engine never took.
    """

    def __init__(
        self, engine: Engine, journal: SessionJournal, hearers: Hearers,
        rebuild: Callable[[int, frozenset[int]], Engine], n_events: int = 0, skipped: frozenset[int] = frozenset(),
    ) -> None:  # fmt: skip
        self.engine = engine
        self._journal, self._hearers, self._rebuild = journal, hearers, rebuild
        self._n_events, self._skipped = n_events, set(skipped)
        self._taken: list[bytes] = []
        """Events that were taken and are not in the journal yet: what a batch brings is appended together."""
        self._flushed_ns = monotonic_ns()
        self._journal_is_down = False

    @property
    def n_events(self) -> int:
        """Events journaled so far."""
        return self._n_events

    def on_batch(self, batch: Batch) -> None:
        """Decide a batch; actors that live on this thread get their turn in between.

        Raises:
            Exception: what was decided was not passed on; raised when the whole batch has been decided.
        """
        try:
            failure = self._decide_all(batch)
        finally:  # what was taken is journaled, whatever became of the rest
            self._append_taken()
        if monotonic_ns() - self._flushed_ns > _FLUSH_AT_LAST_NS:
            self._flush()
        if failure is not None:
            raise failure

    def _decide_all(self, batch: Batch) -> Exception | None:
        run: list[BarClosed] = []
        failure: Exception | None = None
        for number, event in enumerate(batch.events):
            if isinstance(event, BarClosed):
                run.append(event)
                continue
            if run:
                failure = self._decide_bars(run, batch, number - len(run)) or failure
                run = []
            if isinstance(event, Delivery):
                event.run()
            elif isinstance(event, Question):
                self._reply(event)
            else:  # whatever else is published is an event of the engine's
                failure = self._decide(event, batch, number) or failure  # type: ignore[arg-type]
        if run:
            failure = self._decide_bars(run, batch, len(batch.events) - len(run)) or failure
        return failure

    def on_idle(self) -> None:
        """Nobody waits: hand the journal to the operating system, now and then."""
        if monotonic_ns() - self._flushed_ns > _FLUSH_NS:
            self._flush()

    def follow(self, event: SymbolFollowed, prepared: Warmth, encoded: bytes) -> None:
        """Follow a symbol whose past was stepped and encoded on another thread."""
        try:
            self.engine.follow(event, prepared)
        except Exception as error:  # as of any event: the journal must not keep what the engine cannot take
            _log.exception("The engine failed to follow %s; it is made anew.", event.followed.symbol)
            self._step_without_poison([event], error)
        self._take(encoded)
        self._append_taken()
        if self._n_events not in self._skipped:
            self._hearers.followed(event.followed.symbol, prepared.last_open)

    def apply(self, event: Event) -> None:
        """Decide one event now."""
        if (failure := self._decide(event)) is not None:
            raise failure
        self._append_taken()

    def _take(self, encoded: bytes) -> None:
        self._taken.append(encoded)
        self._n_events += 1

    def _append_taken(self) -> None:
        if self._taken:
            taken, self._taken = self._taken, []
            self._journal.append_all(RecordKind.EVENT, taken)

    def _append_decided(self, decided: Sequence[Decision]) -> None:
        """What caused them stands before them."""
        self._append_taken()
        for decision in decided:
            self._journal.append(RecordKind.DECISION, encode_decision(decision))

    def _decide(self, event: Event, batch: Batch | None = None, number: int = 0) -> Exception | None:
        """Decide one event, of which is done what is to be done before the next one of its batch is looked at."""
        encoded = [encode_event(event)]  # first: what cannot be journaled is not decided
        try:
            answers = [self.engine.step(event)]
        except Exception as error:  # a poison event must not end the day
            _log.exception("The engine failed on an event; it is made anew from the journal.")
            events: Sequence[Event] = event.each() if isinstance(event, Ticks) else [event]
            encoded, answers = [encode_event(one) for one in events], self._step_without_poison(events, error)
        failure = None
        for one, decided in zip(encoded, answers, strict=True):
            self._take(one)
            if decided:
                self._append_decided(decided)
                cause = batch.cause_ns(number) if batch is not None else monotonic_ns()
                failure = self._act([(decision, cause) for decision in decided]) or failure
        if batch is not None:
            batch.done(number, monotonic_ns())
        return failure

    def _decide_bars(self, bars: Sequence[BarClosed], batch: Batch, first: int) -> Exception | None:
        """Bars that follow one another are matched together; the first is number ``first`` of its batch."""
        decisions: list[tuple[Decision, int]] = []
        encoded = [encode_event(bar) for bar in bars]  # first, as above
        for number, (one, decided) in enumerate(zip(encoded, self._step(bars), strict=True), first):
            self._take(one)
            if decided:
                self._append_decided(decided)
                decisions += [(decision, batch.cause_ns(number)) for decision in decided]
        failure = self._act(decisions) if decisions else None
        batch.done(first, monotonic_ns(), len(bars))
        return failure

    def _act(self, decisions: list[tuple[Decision, int]]) -> Exception | None:
        """What caused a decision, and the decision, are in the journal before anything comes of it.

        Without a journal nothing is entered; exits outlive that. Returns why something was not passed on.
        """
        journaled = self._flush()
        failure: Exception | None = None
        for decision, cause in decisions:
            try:
                if journaled or not (isinstance(decision, SubmitOrder) and decision.purpose is Purpose.ENTRY):
                    self._hearers.decided(decision, cause)
                else:
                    self._hearers.rejected(OrderUpdated(decision.ts_event, decision.order_id, OrderStatus.REJECTED))
            except Exception as error:  # what follows may be an exit: it goes out whatever became of this one
                _log.exception("What was decided was not passed on: %s", decision)
                failure = failure or error
        return failure

    def _flush(self) -> bool:
        self._flushed_ns = monotonic_ns()
        try:
            self._append_taken()
            self._journal.flush()
        except JournalError as error:
            if not self._journal_is_down:
                self._hearers.journal_failed(error)
            self._journal_is_down = True
            return False
        if self._journal_is_down:
            self._hearers.journal_failed(None)
        self._journal_is_down = False
        return True

    def _reply(self, question: Question[object]) -> None:
        if not question.answer.set_running_or_notify_cancel():
            return
        try:
            question.answer.set_result(question.ask(self.engine))
        except Exception as error:  # the asker's own function failed: that is the asker's matter
            question.answer.set_exception(error)

    def _step(self, events: Sequence[BarClosed]) -> list[list[Decision]]:
        try:
            return self.engine.step_batch(events)
        except Exception as error:  # a poison event must not end the day
            _log.exception("The engine failed on one of %d events; it is made anew from the journal.", len(events))
            return self._step_without_poison(events, error)

    def _step_without_poison(self, events: Sequence[Event], error: Exception) -> list[list[Decision]]:
        """The engine anew, then each event alone; one it cannot take is left out, and that is journaled."""
        self._flush()
        while True:
            self.engine = self._rebuild(self._n_events, frozenset(self._skipped))
            answers: list[list[Decision]] = []
            for number, event in enumerate(events, self._n_events + 1):
                if number in self._skipped:
                    answers.append([])
                    continue
                try:
                    answers.append(self.engine.step(event))
                except Exception as poison:  # as above
                    error = poison
                    break
            else:
                return answers
            number = self._n_events + len(answers) + 1
            self._skipped.add(number)
            note = {"what": "skipped", "event": number, "error": repr(error)}
            self._journal.append(RecordKind.NOTE, encode_document(note))
            self._hearers.failed(events[len(answers)], error)
