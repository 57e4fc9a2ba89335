"""Whether a store already has all that is asked for, told by its marks alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sos_actors.app.ingest.request import BREADTH, CANDLES, IngestRequest
from sos_actors.market.symbols import INDEX_SHORT_NAMES, short_name_of
from sos_actors.store.database import Store


def missing_days(store: Store, request: IngestRequest) -> list[date]:
    """The sessions that are not marked whole: candles, and of an index also options and breadth; oldest first."""
    every_day = sorted({*request.days, *request.warm_up})
    missing: set[date] = set()
    for symbol in request.symbols:
        missing |= set(every_day) - _whole(store, symbol, every_day, (CANDLES,))
        if short_name_of(symbol) in INDEX_SHORT_NAMES:
            missing |= set(request.days) - _whole(store, symbol, every_day, request.option_marks())
            missing |= set(request.days) - _whole(store, symbol, every_day, (BREADTH,))
    return sorted(missing)


def _whole(store: Store, symbol: str, days: Sequence[date], alternatives: Sequence[str]) -> set[date]:
    """The days whole in one of the kinds."""
    return {
        day
        for kind in alternatives
        for day, mark in store.days(symbol, days[0], days[-1], kind).items()
        if mark.complete
    }
