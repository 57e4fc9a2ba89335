"""The candles of indices and shares: asked for in long ranges, written and marked day by day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np

from sos_actors.app.ingest.fetching import fetched
from sos_actors.app.ingest.job import Ingestion, day_bounds, ranges
from sos_actors.app.ingest.request import CANDLES, Gap
from sos_actors.config import Trust
from sos_actors.errors import SosError
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.market import BarSeries
from sos_actors.ports import CandleSource
from sos_actors.store.records import DayRecord
from sos_actors.types import NANOS_PER_SECOND, Segment
from sos_actors.vendors.trust import Answer, Ladder

LONGEST = 20
"""Sessions of one request: what Upstox serves at a time."""
CUT_OFF_S = 1800
"""A share's candles that end so long before the session are taken to be cut off, not to be all there are."""
VENDORS = frozenset(Trust().candles)
FULL_SHARE = 0.98
"""Of a session's minutes an index must have for the day to be whole."""


@dataclass(frozen=True, slots=True)
class CandleJob:
    """One symbol over a range of sessions."""

    symbol: str
    first: date
    last: date
    days: tuple[date, ...]


class CandleIngest:
    """Candles of every symbol for the days and the warm-up."""

    def __init__(self, job: Ingestion) -> None:
        self._job = job

    def run(self) -> None:
        """Ask for what is missing."""
        jobs = [part for symbol in self._job.request.symbols for part in self._jobs(symbol)]
        if not jobs:
            return
        self._job.steps.expect(len(jobs))
        ask = partial(_ask, self._job.ladder("candles"))
        for part, answer in fetched(jobs, ask, self._job.settings.parallel):
            self._job.report.asked += 1
            if isinstance(answer, SosError):
                gap = Gap(part.symbol, CANDLES, part.first, part.last, str(answer))
                self._job.report.gaps.append(gap)
            else:
                self._write(part, answer)
            self._job.steps.finish(short_name_of(part.symbol))

    def _jobs(self, symbol: str) -> Iterator[CandleJob]:
        request, calendar = self._job.request, self._job.calendar
        wanted = sorted({*request.days, *request.warm_up})
        if request.force:
            self._job.begin_again(symbol, wanted, CANDLES)
        marks = {} if request.force else self._job.store.days(symbol, wanted[0], wanted[-1], CANDLES)
        whole = {day for day in wanted if day in marks and marks[day].complete}
        self._job.report.skipped += len(whole)
        missing = [day for day in wanted if day not in whole and self._job.has_begun(day)]
        for day in (day for day in wanted if day not in whole and not self._job.has_begun(day)):
            self._job.report.gaps.append(Gap(symbol, CANDLES, day, day, "This session has not begun yet."))
        sessions = calendar.sessions(wanted[0], wanted[-1])
        for first, last in ranges(missing, sessions, LONGEST):
            yield CandleJob(symbol, first, last, tuple(day for day in missing if first <= day <= last))

    def _write(self, part: CandleJob, answer: Answer[BarSeries]) -> None:
        bars = answer.value
        for refusal in answer.refusals:
            self._job.report.note(f"{short_name_of(part.symbol)} came from {answer.source}: {refusal}")
        segment = Segment(part.symbol.split("|")[1])
        inside = self._job.calendar.in_session(bars.ts, segment, fno_stock=False) if len(bars) else np.empty(0, bool)
        if not inside.all():
            count = int((~inside).sum())
            self._job.report.note(f"{short_name_of(part.symbol)}: {count} bars outside the session were left out.")
        bars = bars[inside]
        for day in part.days:
            self._write_day(part.symbol, day, segment, _of_day(bars, day), answer.source)

    def _write_day(self, symbol: str, day: date, segment: Segment, bars: BarSeries, source: str) -> None:
        job = self._job
        session = job.calendar.session(day, segment)
        minutes = session.minutes
        if not len(bars):
            job.report.gaps.append(Gap(symbol, CANDLES, day, day, f"{source} has no candles of this session."))
            return
        written, had = add_missing(job, symbol, day, bars, source)
        job.report.wrote(CANDLES, source, written)
        rows = len(bars) if not had else len(job.store.candles(symbol, *day_bounds(day)))
        if not job.is_over(day):
            return
        if segment is Segment.INDEX and rows < FULL_SHARE * minutes:
            reason = f"{source} has {len(bars)} of {minutes} minutes; the others are missing."
            job.report.gaps.append(Gap(symbol, CANDLES, day, day, reason))
            job.store.mark_day(symbol, day, DayRecord(rows, minutes, source), CANDLES)
            return
        ends_early_s = (session.close_ns - int(bars.ts[-1])) // NANOS_PER_SECOND
        if rows < FULL_SHARE * minutes and ends_early_s > CUT_OFF_S:
            reason = f"{source} has {rows} of {minutes} minutes, and none of the last {ends_early_s // 60}."
            job.report.gaps.append(Gap(symbol, CANDLES, day, day, reason))
            return
        if rows < FULL_SHARE * minutes:
            job.report.note(f"{short_name_of(symbol)} {day}: {rows} of {minutes} minutes have a candle.")
        job.store.mark_day(symbol, day, DayRecord(rows, rows, source), CANDLES)  # a share need not trade every minute
        job.report.whole.append((symbol, day, CANDLES))


def _ask(ladder: Ladder[CandleSource], part: CandleJob) -> Answer[BarSeries]:
    return ladder.ask(lambda source: source.candles(part.symbol, part.first, part.last), _has_any)


def _has_any(bars: BarSeries) -> bool:
    return len(bars) > 0


def _of_day(bars: BarSeries, day: date) -> BarSeries:
    first, last = np.searchsorted(bars.ts, day_bounds(day))
    return bars[slice(int(first), int(last))]


def add_missing(job: Ingestion, symbol: str, day: date, bars: BarSeries, source: str) -> tuple[int, bool]:
    """Write the bars: rows written, and whether the store had any that were kept.

    What a vendor gave before is replaced, since a bar of a running session may have been too new; what a user imported
    is never replaced unasked: only its holes are filled.
    """
    if not job.request.force and set(job.store.candle_sources(symbol, *day_bounds(day))) - VENDORS:
        stored = job.store.candles(symbol, *day_bounds(day))
        if len(stored):
            return job.store.add_candles(symbol, bars[~np.isin(bars.ts, stored.ts)], source), True
    return job.store.add_candles(symbol, bars, source), False
