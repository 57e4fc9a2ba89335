"""The journal of a running session: begun, or gone on with after a crash, with the engine as it was.

Whatever was journaled is stepped again and held against what was decided then; what was decided last and never
recorded is recorded now, for nobody had acted on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from sos_actors.app.journaling import build_engine
from sos_actors.app.replay import ENDED, RESTARTED, Divergence, Replayed, Replayer
from sos_actors.app.session_header import SessionHeader
from sos_actors.engine.engine import Engine
from sos_actors.engine.events import Event
from sos_actors.engine.execution.commands import Intent, Outcome
from sos_actors.engine.execution.resume import Journaled
from sos_actors.engine.recording import decode_decision, decode_document, decode_event, encode_document
from sos_actors.errors import JournalError
from sos_actors.messages.trading import CancelOrder, OrderUpdated, PositionCorrected, PositionOpened, SubmitOrder
from sos_actors.runtime.clock import utc_text
from sos_actors.runtime.journal import JournalWriter
from sos_actors.runtime.journal_records import JournalReader, RecordKind

SKIPPED = "skipped"
"""What the note of an event that the engine never took says under ``what``."""


@dataclass(slots=True)
class JournaledDay:
    """A session's journal, open for writing, and where the session stands by it.

    Attributes:
        engine: after every event of the journal.
        n_events: events in it.
        skipped: numbers (the first is 1) of those the engine never took.
        orders: what was decided and sent, for the desk.
        restarted: whether it had been begun before.
        torn: what a crash left at its end and was cut off; empty when nothing was.
        divergence: where the engine decides otherwise than it did then.
        last_ts: UnixNanos of the latest event; 0 when there is none.
    """

    path: Path
    header: SessionHeader
    writer: JournalWriter
    engine: Engine
    n_events: int = 0
    skipped: frozenset[int] = frozenset()
    orders: Journaled = field(default_factory=lambda: Journaled((), (), (), ()))
    restarted: bool = False
    torn: str = ""
    divergence: Divergence | None = None
    last_ts: int = 0

    def rebuild(self, n_events: int, skipped: frozenset[int]) -> Engine:
        """An engine after the first events of the journal, without those that are skipped.

        Raises:
            JournalError: they are not all in it, as the disk refuses.
        """
        engine = build_engine(self.header)
        number = 0
        for number, event in enumerate(islice(_events(self.path), n_events), 1):
            if number not in skipped:
                engine.step(event)
        if number < n_events:
            raise JournalError(f"Only {number} of {n_events} events are in {self.path}: no engine can be made of it.")
        return engine

    def intent(self, intent: Intent) -> None:
        """Journal an order that is about to be sent; when this returns it survives the end of the process.

        Raises:
            JournalError: it cannot be written.
        """
        self.writer.append(RecordKind.INTENT, msgspec.msgpack.encode(intent))
        self.writer.flush()

    def outcome(self, outcome: Outcome) -> None:
        """Journal what became of a request; written with whatever comes next."""
        self.writer.append(RecordKind.OUTCOME, msgspec.msgpack.encode(outcome))

    def note(self, what: str, **more: object) -> None:
        """Journal what else happened."""
        document = {"what": what, "at": utc_text(), **more}
        self.writer.append(RecordKind.NOTE, encode_document(document))

    def end(self) -> None:
        """The session is over; the journal is closed.

        Raises:
            JournalError: the disk refuses.
        """
        self.note(ENDED)
        self.writer.close()


def open_day(path: Path, fresh: Callable[[], SessionHeader]) -> JournaledDay:
    """Go on with the journal at ``path``, or begin it.

    Args:
        path: of the journal.
        fresh: makes the header of a new one.

    Raises:
        JournalError: it cannot be read or written, or another process writes it.
        StrategyError: this version refuses one of its strategies.
    """
    if not path.exists():
        header = fresh()
        return JournaledDay(path, header, JournalWriter.create(path, header.encode()), build_engine(header))
    writer = JournalWriter.append_to(path)
    try:
        return _gone_on_with(path, writer)
    except BaseException:
        writer.close()
        raise


def _gone_on_with(path: Path, writer: JournalWriter) -> JournaledDay:
    reader = JournalReader(path)
    header = SessionHeader.decode(reader.header)
    engine = build_engine(header)
    replayer = Replayer(engine, Replayed(header))
    orders: dict[int, SubmitOrder] = {}
    cancelled: set[int] = set()
    intents: list[Intent] = []
    told: list[OrderUpdated | PositionCorrected] = []
    opened: list[PositionOpened] = []
    outcomes: list[Outcome] = []
    skipped: set[int] = set()
    last_ts = 0
    for record in reader.records():
        replayer.take(record)
        if record.kind is RecordKind.EVENT:
            event = decode_event(record.payload)
            last_ts = max(last_ts, int(event.ts_event))
            if isinstance(event, OrderUpdated | PositionCorrected):
                told.append(event)
        elif record.kind is RecordKind.DECISION:
            decision = decode_decision(record.payload)
            if isinstance(decision, SubmitOrder):
                orders[decision.order_id] = decision
            elif isinstance(decision, CancelOrder):
                cancelled.add(decision.order_id)
            elif isinstance(decision, PositionOpened):
                opened.append(decision)
        elif record.kind is RecordKind.INTENT:
            intents.append(msgspec.msgpack.decode(record.payload, type=Intent))
        elif record.kind is RecordKind.OUTCOME:
            outcomes.append(msgspec.msgpack.decode(record.payload, type=Outcome))
        elif record.kind is RecordKind.NOTE and (note := decode_document(record.payload)).get("what") == SKIPPED:
            skipped.add(int(note["event"]))
    replayer.finish(cut=True)
    day = JournaledDay(path, header, writer, engine, replayer.number, frozenset(skipped), restarted=True)
    day.torn, day.divergence, day.last_ts = reader.torn, replayer.result.divergence, last_ts
    day.note(RESTARTED)
    for made in replayer.result.unrecorded if day.divergence is None else ():
        writer.append(RecordKind.DECISION, made.encoded)
        if isinstance(made.decision, SubmitOrder):
            orders[made.decision.order_id] = made.decision
        elif isinstance(made.decision, CancelOrder):
            cancelled.add(made.decision.order_id)
        elif isinstance(made.decision, PositionOpened):
            opened.append(made.decision)
    writer.flush()
    day.orders = Journaled(
        tuple(orders.values()), frozenset(cancelled), tuple(intents), tuple(told), tuple(outcomes), tuple(opened)
    )
    return day


def _events(path: Path) -> Iterator[Event]:
    for record in JournalReader(path).records():
        if record.kind is RecordKind.EVENT:
            yield decode_event(record.payload)
