"""What a journal says the engine was told and what it decided, symbol by symbol, for ``parity.py``.

It follows the engine's books from outside: which bars it took, which longer bars closed when, and what was known at
that moment. It decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from sos_actors.app.journaling import strategies_of
from sos_actors.app.parity_fates import Fates
from sos_actors.app.replay import SKIPPED
from sos_actors.app.session_header import SessionHeader
from sos_actors.engine.events import Event
from sos_actors.engine.following import SymbolDropped, SymbolFollowed, SymbolPast
from sos_actors.engine.moods import Mood, Sight
from sos_actors.engine.plan import FollowedSymbol, follows
from sos_actors.engine.recording import decode_decision, decode_document, decode_event
from sos_actors.engine.records import InstrumentKind
from sos_actors.engine.sessions import day_of
from sos_actors.engine.watching import SessionHours
from sos_actors.market.calendar import Calendar
from sos_actors.market.symbols import canonical_for
from sos_actors.messages.market import BarClosed, ScreenerAlert, Sentiment, TimerFired
from sos_actors.messages.trading import EntriesStopped
from sos_actors.runtime.journal import JournalReader, RecordKind
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment


@dataclass(slots=True)
class FrameSeen:
    """One timeframe of a stretch.

    Attributes:
        sights: by the moment at which a bar closed, what the engine knew then.
        split: the earliest close of a bar that the clock closed before its last minute came; -1 when there is none.
            From then on the engine's bars are not those of the same minutes rolled up.
    """

    minutes: int
    sights: dict[int, Sight] = field(default_factory=dict)
    split: int = -1
    bucket: int = -1
    ends: int = 0
    is_open: bool = False


@dataclass(slots=True)
class Stretch:
    """A symbol while it was followed.

    Attributes:
        begun: UnixNanos, from when on; 0 from the start.
        ended: UnixNanos, until when; None to the end.
        bars: those the engine took after ``past``, with an index's open interest filled in as it does.
        seen: by a one-minute bar's close, what was known when it came.
    """

    followed: FollowedSymbol
    past: SymbolPast
    begun: int
    frames: list[FrameSeen]
    ended: int | None = None
    bars: list[BarClosed] = field(default_factory=list)
    seen: dict[int, Sight] = field(default_factory=dict)
    last_open: int = -1

    @property
    def segment(self) -> Segment:
        """Whose hours it goes by."""
        return Segment.INDEX if self.followed.kind is InstrumentKind.INDEX else Segment.EQ


@dataclass(slots=True)
class Heard:
    """Everything a comparison needs of a journal.

    Attributes:
        late: bars of contracts that came after a signal they should have been known with: the contract, when its bar
            closed, and when that of the signal had.
    """

    header: SessionHeader
    strategies: list[Strategy]
    stretches: list[Stretch] = field(default_factory=list)
    fates: Fates = field(default_factory=Fates)
    sentiments: list[Sentiment] = field(default_factory=list)
    alerts: list[ScreenerAlert] = field(default_factory=list)
    contracts: dict[str, list[BarClosed]] = field(default_factory=dict)
    late: list[tuple[str, int, int]] = field(default_factory=list)
    stops: list[EntriesStopped] = field(default_factory=list)
    torn: str = ""

    @property
    def stale_ns(self) -> int:
        """How old a sentiment may be."""
        return self.header.settings.mood.stale_after_s * NANOS_PER_SECOND

    @property
    def market_symbol(self) -> str:
        """Whose sentiment is lent."""
        return canonical_for(self.header.settings.mood.market_symbol)

    def stretch_at(self, symbol: str, ts: int) -> Stretch | None:
        """The stretch in which a bar that closed at ``ts`` could be seen."""
        found = None
        for one in self.stretches:
            if one.followed.symbol == symbol and one.begun <= ts and (one.ended is None or ts <= one.ended):
                found = one
        return found


def hear(path: Path, calendar: Calendar) -> Heard:
    """Read a journal.

    Raises:
        JournalError: it cannot be read, or another version wrote it.
        StrategyError: this version refuses one of its strategies.
    """
    reader = JournalReader(path)
    header = SessionHeader.decode(reader.header)
    heard = Heard(header, strategies_of(header))
    listener = _Listener(heard, calendar)
    number, skipped = 0, set[int]()
    for record in reader.records():
        if record.kind is RecordKind.EVENT:
            number += 1
            if number not in skipped:
                listener.take(decode_event(record.payload))
        elif record.kind is RecordKind.NOTE and (note := decode_document(record.payload)).get("what") == SKIPPED:
            skipped.add(int(note["event"]))
        elif record.kind is RecordKind.DECISION:
            heard.fates.take(decode_decision(record.payload))
    heard.torn = reader.torn
    return heard


class _Listener:
    """Keeps the books while events pass."""

    def __init__(self, heard: Heard, calendar: Calendar) -> None:
        self._heard, self._calendar = heard, calendar
        self._stale_ns, self._market_symbol = heard.stale_ns, heard.market_symbol
        self._moods: dict[str, Mood] = {}
        self._own: set[str] = set()
        self._open: dict[str, Stretch] = {}
        self._hours: dict[tuple[object, Segment], SessionHours | None] = {}
        for index in heard.header.indices:
            self._follow(SymbolFollowed(0, index, SymbolPast()))  # type: ignore[arg-type]

    def take(self, event: Event) -> None:
        if isinstance(event, BarClosed):
            self._bar(event)
        elif isinstance(event, TimerFired):
            for stretch in self._open.values():
                for frame in stretch.frames:
                    if frame.is_open and event.ts_event >= frame.ends:
                        self._close(stretch, frame)
        elif isinstance(event, Sentiment):
            self._sentiment(event)
        elif isinstance(event, ScreenerAlert):
            self._heard.alerts.append(event)
            self._mood(event.symbol).hear(event)
        elif isinstance(event, SymbolFollowed):
            self._follow(event)
        elif isinstance(event, SymbolDropped):
            self._drop(event.symbol, int(event.ts_event))
        elif isinstance(event, EntriesStopped):
            self._heard.stops.append(event)

    def _mood(self, symbol: str) -> Mood:
        return self._moods.setdefault(symbol, Mood(self._stale_ns))

    def _sentiment(self, fact: Sentiment) -> None:
        self._heard.sentiments.append(fact)
        mood = self._mood(fact.symbol)
        if fact.symbol not in self._own:
            self._own.add(fact.symbol)
            mood.forget_sentiment()
        mood.hear(fact)
        if fact.symbol == self._market_symbol:
            for symbol in self._open.keys() - self._own:
                self._mood(symbol).hear(fact, lent=True)

    def _drop(self, symbol: str, ts: int) -> None:
        stretch = self._open.pop(symbol, None)
        if stretch is not None:
            stretch.ended = ts

    def _follow(self, event: SymbolFollowed) -> None:
        followed, past = event.followed, event.past
        self._drop(followed.symbol, int(event.ts_event))
        if past.own_mood:
            self._own.add(followed.symbol)
        mine = {one.timeframe_minutes for one in self._heard.strategies if follows(one, followed)}
        stretch = Stretch(followed, past, int(event.ts_event), [FrameSeen(minutes) for minutes in sorted(mine)])
        self._open[followed.symbol] = stretch
        self._heard.stretches.append(stretch)
        mood = self._mood(followed.symbol)
        mood.recall(past.sentiment_ts, past.sentiments)
        for alert in past.alerts:
            mood.hear(alert)
        inside = past.bars[self._calendar.in_session(past.bars.ts, stretch.segment)] if len(past.bars) else past.bars
        if not len(inside):
            return
        last = stretch.last_open = int(inside.ts[-1])
        hours = self._session(last, stretch.segment)
        for frame in stretch.frames if hours is not None else ():
            assert hours is not None
            self._place(frame, last, hours)
            frame.is_open = last + NANOS_PER_MINUTE < frame.ends

    def _bar(self, bar: BarClosed) -> None:
        stretch = self._open.get(bar.symbol)
        if stretch is None:
            self._heard.contracts.setdefault(bar.symbol, []).append(bar)
            if bar.ts_event <= self._heard.fates.latest:
                self._heard.late.append((bar.symbol, int(bar.ts_event), self._heard.fates.latest))
            return
        hours = self._session(bar.ts_open, stretch.segment)
        inside = hours is not None and any(first <= bar.ts_open < last for first, last in hours.intervals)
        if hours is None or not inside or bar.ts_open <= stretch.last_open:
            return
        stretch.last_open = int(bar.ts_open)
        if bar.oi is None and stretch.segment is Segment.INDEX:
            bar = replace(bar, oi=self._mood(bar.symbol).total_oi(int(bar.ts_event)))
        stretch.bars.append(bar)
        stretch.seen[int(bar.ts_open) + NANOS_PER_MINUTE] = self._mood(bar.symbol).look(int(bar.ts_event))
        for frame in stretch.frames:
            bucket = frame.bucket
            was_open, ends = frame.is_open, frame.ends
            length = frame.minutes * NANOS_PER_MINUTE
            new = hours.open + (bar.ts_open - hours.open) // length * length
            if was_open and new != bucket:
                self._close(stretch, frame)
            elif not was_open and new == bucket and frame.split < 0:
                frame.split = ends
            self._place(frame, int(bar.ts_open), hours)
            frame.is_open = True
            if bar.ts_open + NANOS_PER_MINUTE >= frame.ends:
                self._close(stretch, frame)

    def _place(self, frame: FrameSeen, ts: int, hours: SessionHours) -> None:
        length = frame.minutes * NANOS_PER_MINUTE
        frame.bucket = hours.open + (ts - hours.open) // length * length
        frame.ends = min(frame.bucket + length, hours.close)

    def _close(self, stretch: Stretch, frame: FrameSeen) -> None:
        frame.is_open = False
        frame.sights.setdefault(frame.ends, self._mood(stretch.followed.symbol).look(frame.ends))

    def _session(self, ts: int, segment: Segment) -> SessionHours | None:
        day = day_of(int(ts))
        key = (day, segment)
        if key not in self._hours:
            trades = self._calendar.is_session(day)
            self._hours[key] = SessionHours.of(self._calendar, day, segment) if trades else None
        return self._hours[key]
