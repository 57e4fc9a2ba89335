"""One ingest: candles first, then the options around them, then the breadth; what is whole already is left alone.

Every part is written as it arrives, and a day is marked only when it is whole: whoever stops this program, however,
loses nothing that was written, and the next run goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from sos_actors.app.ingest.breadth import LONGEST, BreadthIngest
from sos_actors.app.ingest.candles import CandleIngest
from sos_actors.app.ingest.job import Ingestion, Progress, Steps
from sos_actors.app.ingest.moment import MomentIngest
from sos_actors.app.ingest.options import OptionIngest
from sos_actors.app.ingest.request import BREADTH, Gap, HistorySources, IngestReport, IngestRequest
from sos_actors.app.ingest.whole import missing_days
from sos_actors.config import Ingest, Trust
from sos_actors.market.calendar import Calendar
from sos_actors.market.members import members
from sos_actors.market.symbols import INDEX_SHORT_NAMES, short_name_of
from sos_actors.runtime.clock import Clock
from sos_actors.store.database import Store
from sos_actors.store.shards import month_day
from sos_actors.types import Fraction

_WITHIN_THE_RANGE = 16
"""Contracts between an index's low and high, as a guess."""
DEFAULT_TOLERANCE = Fraction(Trust().price_tolerance)


def ingest(
    store: Store, connect: Callable[[], HistorySources], request: IngestRequest, calendar: Calendar, settings: Ingest,
    now: Clock, progress: Progress = lambda _done, _known, _what: None,
    tolerance: Fraction = DEFAULT_TOLERANCE,
) -> IngestReport:  # fmt: skip
    """Ask for what is missing and write it.

    Args:
        store: where to.
        connect: gives the vendors; called once, and only when something has to be asked.
        request: what is wanted.
        calendar: sessions.
        settings: how much of the options, how many requests at a time.
        now: what time it is for the vendors.
        progress: hears of every part that is done.
        tolerance: how far our newest prices may be from another vendor's.

    Raises:
        StoreError: the database refuses; what was written before stays.
        MarketRuleError: a day that no table covers.
    """
    report = IngestReport()
    job = Ingestion(store, cache(connect), request, calendar, settings, now, report, Steps(progress, report))
    indices = [symbol for symbol in request.symbols if short_name_of(symbol) in INDEX_SHORT_NAMES]
    _foresee(job, indices)
    CandleIngest(job).run()
    for symbol in indices:
        OptionIngest(job, symbol).run()
        job.steps.foresee(symbol, 0)
    if indices:
        BreadthIngest(job, indices).run()
        job.steps.foresee(BREADTH, 0)
    MomentIngest(job, indices, tolerance).run()
    for symbol in request.symbols:
        store.candle_days(symbol)  # looks at every month
    for error in store.damaged:
        report.gaps.append(Gap("", "store", month_day(error.path), month_day(error.path), str(error)))
    return report


def _foresee(job: Ingestion, indices: Sequence[str]) -> None:
    """Guess the parts of what comes after the candles, so that progress does not fall back when they are known."""
    missing = set(job.request.days) if job.request.force else set(missing_days(job.store, job.request))
    days = len(missing & set(job.request.days))
    expiries, ranges = min(days, days // 5 + 2), -(-days // LONGEST)
    for symbol in indices:
        job.steps.foresee(symbol, expiries * (4 * job.settings.strikes_around + _WITHIN_THE_RANGE))
    job.steps.foresee(BREADTH, ranges * len(members(job.request.days[-1]).names) if indices and days else 0)
