"""Whether a store already has all that is asked for, told by its marks alone."""

from __future__ import annotations

from sos_actors.app.ingest.request import BREADTH, CANDLES, FULL_OPTIONS, OPTIONS, IngestRequest
from sos_actors.market.symbols import INDEX_SHORT_NAMES, short_name_of
from sos_actors.store.database import Store


def is_whole(store: Store, request: IngestRequest) -> bool:
    """Whether every session is marked whole: candles, and of an index also options and breadth."""
    every_day = sorted({*request.days, *request.warm_up})
    for symbol in request.symbols:
        kinds: list[tuple[str, ...]] = [(CANDLES,)]
        if short_name_of(symbol) in INDEX_SHORT_NAMES:
            kinds += [(FULL_OPTIONS,) if request.full_options else (OPTIONS, FULL_OPTIONS), (BREADTH,)]
        for alternatives in kinds:
            days = every_day if alternatives == (CANDLES,) else request.days
            whole = {
                day
                for kind in alternatives
                for day, mark in store.days(symbol, every_day[0], every_day[-1], kind).items()
                if mark.complete
            }
            if not whole >= set(days):
                return False
    return True
