"""The days of a run as records: when entries end, when positions are squared off, which minutes there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.config import Risk
from sos_actors.engine.records import SESSION
from sos_actors.market.calendar import Calendar
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment


def session_records(days: Sequence[date], calendar: Calendar, risk: Risk) -> NDArray[np.void]:
    """SESSION (n_days,) of trading days.

    Stocks are taken to have derivatives: since August 2026 those stop earliest, and being flat early costs less
    than being caught in the closing auction. Entries end a minute before square-off at the latest.

    Raises:
        MarketRuleError: a day has no session or no table covers it.
    """
    records = np.zeros(len(days), SESSION)
    for row, day in zip(records, days, strict=True):
        row["number"] = calendar.session_number(day)
        for name, segment in (("equity", Segment.EQ), ("option", Segment.FO)):
            session = calendar.session(day, segment)
            square_off = session.square_off_ns(risk.square_off_before_close_min)
            last_entry = session.last_entry_ns(risk.last_entry_before_close_min)
            row[f"last_entry_{name}"] = min(last_entry, square_off - NANOS_PER_MINUTE)
            row[f"square_off_{name}"] = square_off
            row[f"close_{name}"] = session.continuous_close_ns
    return records


def minute_grid(days: Sequence[date], calendar: Calendar) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every minute in which anything trades: open times int64 (n,) and the index of each one's day int64 (n,)."""
    grids = []
    for day in days:
        opens = [calendar.session(day, segment).bar_opens() for segment in (Segment.EQ, Segment.FO, Segment.INDEX)]
        grids.append(np.unique(np.concatenate(opens)))
    if not grids:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    owners = np.repeat(np.arange(len(grids)), [len(grid) for grid in grids])
    return np.concatenate(grids), owners


_EPOCH = date(1970, 1, 1).toordinal()


def day_of(ts: int) -> date:
    """The exchange's date of UnixNanos."""
    return date.fromordinal(_EPOCH + (ts // NANOS_PER_SECOND + IST_OFFSET_S) // 86_400)
