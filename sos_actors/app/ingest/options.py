"""The option contracts around the money of every session, and the chains and measures their candles tell of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np

from sos_actors.app.board import day_start
from sos_actors.app.ingest.candles import add_missing
from sos_actors.app.ingest.chain_history import Session, chain_of, every, last_known, measures_of, with_volatilities
from sos_actors.app.ingest.contracts import Span, wanted_contracts
from sos_actors.app.ingest.fetching import fetched
from sos_actors.app.ingest.job import Ingestion, day_bounds
from sos_actors.app.ingest.request import OPTIONS, Gap
from sos_actors.errors import MarketRuleError, SosError
from sos_actors.market.expiries import next_expiry
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.market import BarSeries
from sos_actors.ports import CandleSource
from sos_actors.store.records import DayRecord
from sos_actors.types import Segment
from sos_actors.vendors.trust import Answer, Ladder


@dataclass(frozen=True, slots=True)
class ContractJob:
    """One contract over the sessions it is wanted for, and the session before for its open interest."""

    symbol: str
    first: date
    last: date


class OptionIngest:
    """Options of one index.

    Args:
        job: what is wanted.
        underlying: canonical symbol.
    """

    def __init__(self, job: Ingestion, underlying: str) -> None:
        self._job, self._underlying = job, underlying
        self._short = short_name_of(underlying)
        self._ladder: Ladder[CandleSource] | None = None

    def run(self) -> None:
        """Ask for what is missing, expiry by expiry, oldest first.

        Measures are those of the nearest expiry; the one that is traded comes before, if it is another, so that a day
        is marked only when it has both.
        """
        missing = self._missing()
        nearest = self._by_expiry(missing, 0)
        lacking: set[date] = set()
        if self._job.request.min_days_to_expiry:
            traded = self._by_expiry(missing, self._job.request.min_days_to_expiry)
            lacking = set(missing).difference(*traded.values())
            for expiry, days in traded.items():
                further = [day for day in days if day not in nearest.get(expiry, [])]
                lacking |= set(further) - set(self._ingest(expiry, further, measured=False))
        for expiry, days in nearest.items():
            for day, record in self._ingest(expiry, days, measured=True).items():
                if day not in lacking:
                    self._mark(day, record)

    def _missing(self) -> list[date]:
        request, store = self._job.request, self._job.store
        if request.force:
            for kind in request.option_marks():
                self._job.begin_again(self._underlying, request.days, kind)
        if not request.days or request.force:
            return [day for day in request.days if self._job.has_begun(day)]
        whole = {
            day
            for kind in request.option_marks()
            for day, mark in store.days(self._underlying, request.days[0], request.days[-1], kind).items()
            if mark.complete
        }
        self._job.report.skipped += len(whole & set(request.days))
        return [day for day in request.days if day not in whole and self._job.has_begun(day)]

    def _by_expiry(self, days: Sequence[date], min_days: int) -> dict[date, list[date]]:
        groups: dict[date, list[date]] = {}
        for day in days:
            try:
                expiry = next_expiry(self._short, day, self._job.calendar, min_days).day
            except MarketRuleError as error:
                self._gap([day], str(error))
            else:
                groups.setdefault(expiry, []).append(day)
        return groups

    def _ingest(self, expiry: date, days: Sequence[date], *, measured: bool) -> dict[date, DayRecord]:
        """Contracts of one expiry, with measures or without; returns the days that have all of them."""
        spans, spots = self._spans(days)
        if not spans:
            return {}
        source = self._job.sources.contracts
        if source is None:
            self._gap(days, "no vendor that lists contracts is connected: 'sos login' connects Upstox.")
            return {}
        self._job.report.asked += 1
        try:
            listed = source.contracts(self._short, expiry)
        except SosError as error:
            self._gap(days, str(error))
            return {}
        beyond = None if self._job.request.full_options else self._job.settings.strikes_around
        wanted = wanted_contracts(listed, spans, beyond)
        if not wanted:
            self._gap(days, f"no contracts of the expiry {expiry} are listed any more.")
            return {}
        whole: dict[date, DayRecord] = {}
        bars, failed, givers = self._fetch(wanted, expiry)
        for day in spans:
            contracts = {symbol: bars[symbol] for symbol, on in wanted.items() if day in on and symbol in bars}
            wrong = next((failed[symbol] for symbol, on in wanted.items() if day in on and symbol in failed), None)
            if wrong is not None:
                self._gap([day], wrong)
            elif not any(_has_bars(one, day) for one in contracts.values()):
                self._gap([day], f"no contract of the expiry {expiry} has candles of this session.")
            else:
                told = f"{' '.join(sorted(givers))} candles"
                rows = self._measure(day, expiry, contracts, spots[day], told) if measured else len(contracts)
                whole[day] = DayRecord(rows, rows, told)
        return whole

    def _spans(self, days: Sequence[date]) -> tuple[dict[date, Span], dict[date, BarSeries]]:
        spans, spots = {}, {}
        for day in days:
            bars = self._job.store.candles(self._underlying, *day_bounds(day))
            if len(bars):
                spans[day], spots[day] = Span(float(bars.low.min()), float(bars.high.max())), bars
            else:
                self._gap([day], "its own candles are missing, so the money is unknown.")
        return spans, spots

    def _fetch(
        self, wanted: Mapping[str, set[date]], expiry: date
    ) -> tuple[dict[str, BarSeries], dict[str, str], set[str]]:
        """Bars of each contract, written as they come; why others have none; and who gave them."""
        job, bars, failed, givers = self._job, dict[str, BarSeries](), dict[str, str](), set[str]()
        before = job.calendar.previous_session
        jobs = [ContractJob(symbol, before(min(on)), max(on)) for symbol, on in sorted(wanted.items())]
        job.steps.expect(len(jobs), self._underlying)
        ladder = self._ladder = self._ladder or job.ladder("candles of contracts")
        for part, answer in fetched(jobs, partial(_ask, ladder), job.settings.parallel):
            job.report.asked += 1
            job.steps.finish(f"{self._short} {expiry:%d %b %Y}")
            if isinstance(answer, SosError):
                failed[part.symbol] = str(answer)
                continue
            series = answer.value
            if len(series) and np.isnan(series.oi).all():
                failed[part.symbol] = f"{answer.source} has no open interest of contracts. {' '.join(answer.refusals)}"
                continue
            inside = job.calendar.in_session(series.ts, Segment.FO) if len(series) else np.empty(0, bool)
            bars[part.symbol] = series = series[inside]
            givers.add(answer.source)
            for refusal in answer.refusals:
                job.report.note(f"{self._short} contracts came from {answer.source}: {refusal}")
            for day in sorted(wanted[part.symbol]):
                low, high = np.searchsorted(series.ts, day_bounds(day))
                if low < high:
                    written, _ = add_missing(job, part.symbol, day, series[slice(int(low), int(high))], answer.source)
                    job.report.wrote("contracts", answer.source, written)
        return bars, failed, givers

    def _measure(
        self, day: date, expiry: date, contracts: Mapping[str, BarSeries], spot: BarSeries, source: str
    ) -> int:
        """Write measures and snapshots of one session; returns the rows of the latter."""
        job = self._job
        opens = job.calendar.session(day, Segment.FO).bar_opens()
        if not job.is_over(day):
            latest = max(int(bars.ts[-1]) for bars in contracts.values() if len(bars))
            opens = opens[opens <= latest]
        session = Session(opens, day_start(day), last_known(spot, opens, spot.close))
        chain = chain_of(contracts, session, expiry)
        expiry_close = int(job.calendar.session(expiry, Segment.FO).close_ns)
        stats = measures_of(chain, expiry_close)
        job.report.wrote("measures", source, job.store.add_market_stats(self._underlying, stats, source))
        kept = every(chain, 1 if job.request.full_options else job.settings.chain_every_min)
        kept = with_volatilities(kept, expiry_close)
        rows = job.store.add_chain(self._underlying, kept, source)
        job.report.wrote("chain rows", source, rows)
        return rows

    def _mark(self, day: date, record: DayRecord) -> None:
        """The day is whole, if it is over; whole for a later expiry it is whole for the nearest, too."""
        job = self._job
        if not job.is_over(day):
            return
        marks = (job.request.option_marks()[0], replace(job.request, min_days_to_expiry=0).option_marks()[0])
        for kind in dict.fromkeys(marks):
            job.store.mark_day(self._underlying, day, record, kind)
        job.report.whole.append((self._underlying, day, marks[0]))

    def _gap(self, days: Sequence[date], reason: str) -> None:
        for day in days:
            self._job.report.gaps.append(Gap(self._underlying, OPTIONS, day, day, reason))


def _ask(ladder: Ladder[CandleSource], part: ContractJob) -> Answer[BarSeries]:
    return ladder.ask(lambda source: source.candles(part.symbol, part.first, part.last))


def _has_bars(bars: BarSeries, day: date) -> bool:
    first, last = day_bounds(day)
    return bool(np.searchsorted(bars.ts, first) < np.searchsorted(bars.ts, last))
