"""One ingest: candles first, then the options around them, then the breadth; what is whole already is left alone.

Every part is written as it arrives, and a day is marked only when it is whole: whoever stops this program, however,
loses nothing that was written, and the next run goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from sos_actors.app.ingest.breadth import BreadthIngest
from sos_actors.app.ingest.candles import CandleIngest
from sos_actors.app.ingest.job import Ingestion, Progress, Steps
from sos_actors.app.ingest.moment import MomentIngest
from sos_actors.app.ingest.options import OptionIngest
from sos_actors.app.ingest.request import HistorySources, IngestReport, IngestRequest
from sos_actors.config import Ingest, Trust
from sos_actors.market.calendar import Calendar
from sos_actors.market.symbols import INDEX_SHORT_NAMES, short_name_of
from sos_actors.runtime.clock import Clock
from sos_actors.store.database import Store
from sos_actors.types import Fraction

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
    CandleIngest(job).run()
    indices = [symbol for symbol in request.symbols if short_name_of(symbol) in INDEX_SHORT_NAMES]
    for symbol in indices:
        OptionIngest(job, symbol).run()
    if indices:
        BreadthIngest(job, indices).run()
    MomentIngest(job, indices, tolerance).run()
    return report
