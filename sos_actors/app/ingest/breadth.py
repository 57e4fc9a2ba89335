"""The breadth of past sessions, from the candles of the NIFTY 50's securities; only the counts are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np

from sos_actors.app.board import day_start
from sos_actors.app.ingest.breadth_history import LEAST_SHARE, breadth_of
from sos_actors.app.ingest.fetching import fetched
from sos_actors.app.ingest.job import Ingestion, day_bounds, ranges
from sos_actors.app.ingest.request import BREADTH, Gap
from sos_actors.errors import SosError, UnknownSymbolError
from sos_actors.market.members import Members, members
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.market import BarSeries
from sos_actors.messages.records import DepthRow
from sos_actors.ports import CandleSource
from sos_actors.store.columns import StatsColumns
from sos_actors.store.records import DayRecord
from sos_actors.types import Segment
from sos_actors.vendors.trust import Answer, Ladder

LONGEST = 19
"""Sessions of one request, with the session before them what a vendor serves at a time."""


@dataclass(frozen=True, slots=True)
class MemberJob:
    """One security over a range of sessions and the one before."""

    name: str
    other_name: str | None
    first: date
    last: date


class BreadthIngest:
    """Advances and declines of the days, for every index asked for.

    Args:
        job: what is wanted.
        indices: canonical symbols whose measures the counts join.
    """

    def __init__(self, job: Ingestion, indices: Sequence[str]) -> None:
        self._job, self._indices = job, indices
        self._ladder: Ladder[CandleSource] | None = None

    def run(self) -> None:
        """Ask for what is missing, range by range."""
        days = self._job.request.days
        missing = self._missing(days)
        if not missing:
            return
        sessions = self._job.calendar.sessions(days[0], days[-1])
        for first, last in ranges(missing, sessions, LONGEST):
            self._ingest([day for day in missing if first <= day <= last])

    def _missing(self, days: Sequence[date]) -> list[date]:
        if not days:
            return []
        begun = [day for day in days if self._job.has_begun(day)]
        if self._job.request.force:
            for symbol in self._indices:
                self._job.begin_again(symbol, days, BREADTH)
            return begun
        whole = [
            {day for day, mark in self._job.store.days(symbol, days[0], days[-1], BREADTH).items() if mark.complete}
            for symbol in self._indices
        ]
        skipped = set.intersection(*whole)
        self._job.report.skipped += len(skipped & set(days))
        return [day for day in begun if day not in skipped]

    def _ingest(self, days: Sequence[date]) -> None:
        job, before = self._job, self._job.calendar.previous_session(days[0])
        listed = members(days[-1])
        if not listed.exact:
            job.report.note(f"Breadth before the first list of the NIFTY 50 is counted over that list ({days[0]}).")
        jobs = [MemberJob(name, listed.also.get(name), before, days[-1]) for name in listed.names]
        job.steps.expect(len(jobs), BREADTH)
        bars: dict[str, BarSeries] = {}
        sources: set[str] = set()
        reasons: list[str] = []
        ladder = self._ladder = self._ladder or job.ladder("candles of the NIFTY 50's securities")
        for part, answer in fetched(jobs, partial(_ask, ladder), job.settings.parallel):
            job.report.asked += 1
            job.steps.finish("breadth")
            if isinstance(answer, SosError):
                reasons.append(str(answer))
            else:
                bars[part.name] = answer.value
                sources.add(answer.source)
                for refusal in answer.refusals:
                    job.report.note(f"Candles for the breadth came from {answer.source}: {refusal}")
        for day in days:
            self._count(day, bars, listed, f"{' '.join(sorted(sources))} candles", reasons)

    def _count(
        self, day: date, bars: dict[str, BarSeries], listed: Members, source: str, reasons: Sequence[str]
    ) -> None:
        job = self._job
        opens = job.calendar.session(day, Segment.INDEX).bar_opens()
        first, last = day_bounds(day)
        today = {name: one[(one.ts < last)] for name, one in bars.items()}
        latest = max((int(one.ts[-1]) for one in today.values() if len(one)), default=first)
        counts = breadth_of(today, opens[opens <= max(latest, first)] if not job.is_over(day) else opens,
                            day_start(day), len(listed.names))  # fmt: skip
        if not len(counts):
            reason = reasons[0] if reasons else f"fewer than {LEAST_SHARE:.0%} of the members have candles."
            job.report.gaps.extend(Gap(symbol, BREADTH, day, day, reason) for symbol in self._indices)
            return
        for symbol in self._indices:
            self._write(symbol, day, counts, source, whole=not reasons)
        if reasons:
            told = f"{len(reasons)} of {len(listed.names)} members could not be had. {reasons[0]}"
            job.report.gaps.extend(Gap(symbol, BREADTH, day, day, told) for symbol in self._indices)

    def _write(self, symbol: str, day: date, counts: StatsColumns, source: str, *, whole: bool) -> None:
        store = self._job.store
        self._job.report.wrote("breadth", source, store.add_market_stats(symbol, counts, source))
        store.add_depth(_depth(symbol, store.market_stats(symbol, *_known_on(day))))
        if whole and self._job.is_over(day):
            self._job.store.mark_day(symbol, day, DayRecord(len(counts), len(counts), source), BREADTH)
            self._job.report.whole.append((symbol, day, BREADTH))


def _ask(ladder: Ladder[CandleSource], part: MemberJob) -> Answer[BarSeries]:
    def question(source: CandleSource) -> BarSeries:
        try:
            return source.candles(f"NSE|EQ|{part.name}", part.first, part.last)
        except UnknownSymbolError:
            if part.other_name is None:
                raise
            return source.candles(f"NSE|EQ|{part.other_name}", part.first, part.last)

    return ladder.ask(question, _has_any)


def _known_on(day: date) -> tuple[int, int]:
    """The day's bounds for what is stamped when it is known: a session may end at midnight."""
    first, last = day_bounds(day)
    return first + 1, last + 1


def _depth(symbol: str, stats: StatsColumns) -> list[DepthRow]:
    """The rows other programs read, one a minute; unknown figures stay unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(stats.declines > 0, stats.advances / stats.declines, np.nan)
    return [
        DepthRow(ts, short_name_of(symbol), None, _or_none(pcr), _or_none(part))
        for ts, pcr, part in zip(stats.ts.tolist(), stats.pcr.tolist(), ratio.tolist(), strict=True)
    ]


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _has_any(bars: BarSeries) -> bool:
    return len(bars) > 0
