"""What the parts of one ingest share: store, sources, clock, report and progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from sos_actors.app.board import DAY_NS, day_start
from sos_actors.app.ingest.request import HistorySources, IngestReport, IngestRequest
from sos_actors.config import Ingest
from sos_actors.market.calendar import Calendar
from sos_actors.ports import CandleSource
from sos_actors.runtime.clock import Clock, indian_day
from sos_actors.store.database import Store
from sos_actors.store.records import DayRecord
from sos_actors.types import NANOS_PER_MINUTE, Segment
from sos_actors.vendors.trust import Ladder

Progress = Callable[[int, int, str], None]
"""Called with (parts done, parts known of, what is worked on)."""


SETTLES_NS = 10 * NANOS_PER_MINUTE
"""After its close a session's last candles may still come or change."""


@dataclass(slots=True)
class Steps:
    """Counts parts for a progress bar, those to come as a guess until they are known. Tells the rows written, too."""

    show: Progress
    report: IngestReport
    done: int = 0
    known: int = 0
    guessed: dict[str, int] = field(default_factory=dict)

    def foresee(self, stage: str, parts: int) -> None:
        """A stage to come will have about so many parts; 0 when it is over."""
        self.guessed[stage] = parts

    def expect(self, parts: int, stage: str = "") -> None:
        """More parts are known of, which a guess may have counted already."""
        self.known += parts
        if stage in self.guessed:
            self.guessed[stage] = max(self.guessed[stage] - parts, 0)

    def finish(self, what: str, parts: int = 1) -> None:
        """Parts are done."""
        self.done += parts
        rows = sum(self.report.rows.values())
        self.show(self.done, max(self.known + sum(self.guessed.values()), self.done), f"{what}, {rows:,} rows")


@dataclass(frozen=True, slots=True)
class Ingestion:
    """What all parts of one ingest share.

    Attributes:
        connect: gives the vendors; called only when something has to be asked.
        now: what time it is for the vendors; decides which sessions are over.
    """

    store: Store
    connect: Callable[[], HistorySources]
    request: IngestRequest
    calendar: Calendar
    settings: Ingest
    now: Clock
    report: IngestReport
    steps: Steps

    @property
    def sources(self) -> HistorySources:
        """The vendors, connected."""
        sources = self.connect()
        for note in sources.notes:
            self.report.note(note)
        return sources

    def ladder(self, what: str) -> Ladder[CandleSource]:
        """The vendors of candles in the order of trust; ``what`` is asked for, in words."""
        return Ladder(self.sources.candles, what)

    def begin_again(self, symbol: str, days: Sequence[date], kind: str) -> None:
        """Forget that days were whole, before their rows are replaced: whoever is killed then has to do them again."""
        marks = self.store.days(symbol, min(days), max(days), kind) if days else {}
        for day in set(days) & set(marks):
            self.store.mark_day(symbol, day, DayRecord(0, 0, marks[day].source), kind)

    def is_over(self, day: date) -> bool:
        """Whether the derivatives' session of a day is over, and nothing more will come of it."""
        return self.calendar.session(day, Segment.FO).close_ns + SETTLES_NS <= self.now()

    def has_begun(self, day: date) -> bool:
        """Whether there can be anything yet."""
        return self.calendar.session(day, Segment.INDEX).open_ns <= self.now()

    @property
    def today(self) -> date:
        """The day in India."""
        return indian_day(self.now())


def day_bounds(day: date) -> tuple[int, int]:
    """A day in India as a half-open interval, UnixNanos."""
    return day_start(day), day_start(day) + DAY_NS


def ranges(days: Sequence[date], sessions: Sequence[date], longest: int) -> list[tuple[date, date]]:
    """Days as ranges without a session between that is not asked for, each of at most ``longest`` sessions."""
    place = {day: row for row, day in enumerate(sessions)}
    found: list[list[date]] = []
    for day in sorted(days):
        if found and place[day] == place[found[-1][-1]] + 1 and len(found[-1]) < longest:
            found[-1].append(day)
        else:
            found.append([day])
    return [(part[0], part[-1]) for part in found]
