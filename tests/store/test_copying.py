"""A copy of a store knows what was known before its day, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sos_actors.errors import StoreError
from sos_actors.messages.market import BarSeries, ScreenerAlert
from sos_actors.store.copying import copy_before
from sos_actors.store.database import Store
from sos_actors.store.records import DayRecord
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos

SYMBOL = "NSE|INDEX|NIFTY"
DAYS = [date(2025, 11, 28), date(2025, 12, 31), date(2026, 1, 12), date(2026, 1, 13)]


def opens(day: date) -> int:
    return ((day - date(1970, 1, 1)).days * 86_400 - IST_OFFSET_S + 9 * 3600 + 900) * NANOS_PER_SECOND


def bars(day: date) -> BarSeries:
    ts = opens(day) + np.arange(5) * NANOS_PER_MINUTE
    prices = np.full(5, 100.0 + day.day)
    return BarSeries(ts, prices, prices, prices, prices, np.full(5, np.nan), np.full(5, np.nan))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "old", origin="simulated") as store:
        for day in DAYS:
            store.add_candles(SYMBOL, bars(day), "upstox")
            store.mark_day(SYMBOL, day, DayRecord(5, 5, "upstox"))
            store.add_screener_alerts([ScreenerAlert(UnixNanos(opens(day)), "NSE|EQ|TCS", "ADD", rvol=2.0)])
    return tmp_path / "old"


def test_what_was_before_the_day_is_copied_and_nothing_of_the_day(source: Path, tmp_path: Path) -> None:
    copy_before(source, tmp_path / "new", DAYS[3], DAYS[1])
    with Store.open(tmp_path / "new") as copy, Store.open(source, read_only=True) as original:
        assert copy.origin == "simulated"
        assert list(copy.candle_days(SYMBOL)) == DAYS[1:3]
        first, last = opens(DAYS[1]), opens(DAYS[3]) + NANOS_PER_MINUTE
        expected = original.candles(SYMBOL, first, opens(DAYS[3]))
        assert copy.candles(SYMBOL, first, last).close.tolist() == expected.close.tolist()
        assert list(copy.days(SYMBOL, DAYS[0], DAYS[3])) == DAYS[1:3]
        assert [one.ts_event for one in copy.screener_alerts(0, last)] == [opens(day) for day in DAYS[1:3]]
        copy.add_candles(SYMBOL, replace(bars(DAYS[3]), close=np.full(5, 1.0)), "feed")
        assert original.candles(SYMBOL, opens(DAYS[3]), last).close.tolist() == [113.0]


def test_a_copy_is_never_made_over_something(source: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="exists already"):
        copy_before(source, tmp_path, DAYS[3], DAYS[0])


def test_what_is_no_database_is_refused_with_what_to_do(source: Path, tmp_path: Path) -> None:
    (source / "sos_timeseries_2026_01.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match=r"cannot be copied .*Remove"):
        copy_before(source, tmp_path / "new", DAYS[3], DAYS[0])
