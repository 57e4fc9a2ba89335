"""Runs a journal through a fresh engine: recovery goes on from there, replay holds every decision against the recorded.

The decisions of a batch stand after its events, so those that the engine gives now wait until the journal says what was
decided then. Comparing is comparing bytes: nothing is rounded, and an unknown number equals itself.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from sos_actors.app.journaling import build_engine, code_fingerprint
from sos_actors.app.session_header import SessionHeader
from sos_actors.config import Config
from sos_actors.engine.engine import Engine
from sos_actors.engine.events import Event
from sos_actors.engine.positions import Decision
from sos_actors.engine.recording import decode_decision, decode_document, decode_event, encode_decision, encode_document
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.journal import JournalReader, Record, RecordKind
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

RESTARTED, ENDED, SKIPPED = "restarted", "ended", "skipped"
"""What notes of the running system say under ``what``."""
STEPS_SHOWN = 5_000
BATCHES = 4
"""Rings full of events that a crash may have cut off from their decisions; a ring may also overflow."""


class Made(NamedTuple):
    """A decision the engine gives now, and why.

    Attributes:
        number: of the event that caused it, the journal's first event is 1.
    """

    decision: Decision
    encoded: bytes
    cause: Event
    number: int


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first decision that is another now than it was then.

    Attributes:
        number: of the event, 1 is the journal's first.
        cause: the event; None when there was none before.
        then: what was decided; None when nothing was.
        now: what the engine decides now; None when nothing.
        fields: (name, then, now) of what differs, where both are of one kind.
        error: why the engine cannot take the event now, though it could then; empty when it can.
    """

    number: int
    cause: Event | None
    then: Decision | None
    now: Decision | None
    fields: tuple[tuple[str, Any, Any], ...] = ()
    error: str = ""


@dataclass(slots=True)
class Replayed:
    """What came of it.

    Attributes:
        events, decisions: how many of each class.
        skipped: numbers of the events that the engine failed at then, and what it said; it went on without them.
        unrecorded: decisions of the last batch before a crash: nobody had heard of them.
        restarts: how often the session was started again.
        orders_recorded: intents and outcomes in the journal.
        seconds: of real time.
        torn: what was left out at the end; empty when nothing was.
    """

    header: SessionHeader
    events: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    skipped: dict[int, str] = field(default_factory=dict)
    unrecorded: list[Made] = field(default_factory=list)
    restarts: int = 0
    orders_recorded: int = 0
    trades: int = 0
    seconds: float = 0.0
    torn: str = ""
    divergence: Divergence | None = None

    @property
    def identical(self) -> bool:
        """Whether every decision is what it was, bit for bit."""
        return self.divergence is None


class Replayer:
    """Steps an engine through the records of its journal, in order, and compares up to the first divergence.

    Args:
        engine: fresh, of the journal's header.
        result: written.
        show: called with every decision that is as it was.
    """

    def __init__(self, engine: Engine, result: Replayed, show: Callable[[Made], None] = lambda _: None) -> None:
        self.engine, self.result = engine, result
        self._batch, self._show = BATCHES * result.header.ring_slots, show
        self._waiting: deque[Made] = deque()
        self._lost: deque[Made] = deque()
        self._number = 0
        self._cause: Event | None = None
        self._deciding = False

    @property
    def number(self) -> int:
        """Events so far."""
        return self._number

    def take(self, record: Record) -> bool:
        """Take the next record; False from the first divergence on: the engine still takes events, uncompared.

        Raises:
            JournalError: the record is of another version.
        """
        kind = record.kind
        if kind is RecordKind.EVENT:
            self._check_batch()
            self._event(decode_event(record.payload))
        elif kind is RecordKind.DECISION:
            self._deciding = True
            if self.result.divergence is None:
                self._decision(record.payload)
        elif kind is RecordKind.NOTE:
            self._note(decode_document(record.payload))
        else:
            self.result.orders_recorded += 1
        return self.result.divergence is None

    def finish(self, *, cut: bool) -> None:
        """There are no more records.

        Args:
            cut: the journal may go on: what was decided last need not be in it.
        """
        if cut:
            self._lose_the_last()
        self.result.unrecorded += self._lost
        self._check_all_recorded()
        self.result.trades = len(self.engine.trades)

    def _event(self, event: Event) -> None:
        self._number += 1
        self._cause = event
        self.result.unrecorded += self._lost
        self._lost.clear()
        self.result.events[type(event).__name__] += 1
        if self._number in self.result.skipped:
            return
        try:
            made = self.engine.step(event)
        except Exception as error:  # what the engine cannot take must not keep the rest from being looked at
            if self.result.divergence is None:
                self.result.divergence = Divergence(self._number, event, None, None, error=repr(error))
            return
        if self.result.divergence is None:
            self._waiting += [Made(one, encode_decision(one), event, self._number) for one in made]

    def _decision(self, payload: bytes) -> None:
        if self._lost and self._lost[0].encoded == payload:  # a session that was started again made up for it
            self._waiting.appendleft(self._lost.popleft())
        if not self._waiting:
            self.result.divergence = Divergence(self._number, self._cause, decode_decision(payload), None)
            return
        made = self._waiting.popleft()
        if made.encoded != payload:
            later = any(one.encoded == payload and one.number > made.number for one in self._waiting)
            then = None if later else decode_decision(payload)
            differing = _differing(then, made.decision)
            self.result.divergence = Divergence(made.number, made.cause, then, made.decision, differing)
            return
        self.result.decisions[type(made.decision).__name__] += 1
        self._show(made)

    def _check_batch(self) -> None:
        """Events after decisions begin a new batch: everything of the one before must have been recorded."""
        if self._deciding:
            self._deciding = False
            self._check_all_recorded()

    def _check_all_recorded(self) -> None:
        if self._waiting and self.result.divergence is None:
            made = self._waiting[0]
            self.result.divergence = Divergence(made.number, made.cause, None, made.decision)

    def _note(self, note: dict[str, Any]) -> None:
        if note.get("what") == SKIPPED:
            self.result.skipped[int(note["event"])] = str(note.get("error", ""))
        elif note.get("what") == RESTARTED:
            self.result.restarts += 1
            self._lose_the_last()

    def _lose_the_last(self) -> None:
        """What the last batch before a crash decided may never have been recorded; then nobody acted on it."""
        while self._waiting and self._waiting[-1].number > self._number - self._batch:
            self._lost.appendleft(self._waiting.pop())
        self._check_all_recorded()


def replay(
    path: Path, *, until: UnixNanos | None = None, show: Callable[[Made], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Replayed:  # fmt: skip
    """Run a journal through the engine that its header describes, up to the first divergence.

    Args:
        path: of the journal.
        until: stop before the first event at or after this moment.
        show: called with every decision that is as it was.
        progress: called with (bytes done, bytes in all) now and then.

    Raises:
        JournalError: it cannot be read, or another version wrote it.
        StrategyError: this version refuses one of its strategies.
    """
    begun = monotonic_ns()
    reader = JournalReader(path)
    header = SessionHeader.decode(reader.header)
    result = Replayed(header)
    replayer = Replayer(build_engine(header), result, show)
    ended = False
    for count, record in enumerate(reader.records()):
        if count % STEPS_SHOWN == 0:
            progress(record.offset, reader.size)
        if until is not None and record.kind is RecordKind.EVENT and _time_of(record) >= until:
            break
        ended = record.kind is RecordKind.NOTE and decode_document(record.payload).get("what") == ENDED
        if not replayer.take(record):
            break
    replayer.finish(cut=not ended)
    result.torn = reader.torn
    result.seconds = (monotonic_ns() - begun) / NANOS_PER_SECOND
    progress(reader.end, reader.size)
    return result


def changes_since(header: SessionHeader, config: Config) -> list[str]:
    """What is different now from what the session ran with, a sentence each; a replay goes by the session's."""
    told = []
    if header.code != (code := code_fingerprint()):
        told.append(f"The code that decides has changed since: {header.code} then, {code} now.")
    now = config.as_document()
    for section, values in sorted(header.config.items()):
        for key, then in sorted(values.items()):
            present = now.get(section, {}).get(key)
            if present != then:
                told.append(f"{section}.{key} was {then!r} then, is {present!r} now.")
    return told


def _differing(then: Decision | None, now: Decision) -> tuple[tuple[str, Any, Any], ...]:
    """The fields that are not the same, bit for bit; none where the kinds differ."""
    if then is None or type(then) is not type(now):
        return ()
    pairs = [(one.name, getattr(then, one.name), getattr(now, one.name)) for one in fields(then)]
    return tuple((name, a, b) for name, a, b in pairs if encode_document({"": a}) != encode_document({"": b}))


def _time_of(record: Record) -> int:
    return int(decode_event(record.payload).ts_event)
