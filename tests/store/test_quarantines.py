"""When prices disagreed is kept, and what was in force when a range begins is told with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_actors.errors import DataError
from sos_actors.messages.market import QuarantineChanged
from sos_actors.store import Store
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos
from tests.store.conftest import FOREVER, JAN_1_0915

TCS, SBIN = "NSE|EQ|TCS", "NSE|EQ|SBIN"
DAY_NS = 86_400 * NANOS_PER_SECOND
MIDNIGHT = JAN_1_0915 - (9 * 60 + 15) * NANOS_PER_MINUTE


def at(minutes: float, on: bool, symbol: str = TCS, ours: float = 101.0) -> QuarantineChanged:
    ts = JAN_1_0915 + round(minutes * 60) * NANOS_PER_SECOND
    return QuarantineChanged(UnixNanos(ts), symbol, on, ours, 100.0, "tradingview")


def test_changes_come_back_as_they_were_across_months_and_twice_is_once(store: Store, tmp_path: Path) -> None:
    changes = [at(1, True), at(2, False, SBIN), at(2, False), at(40 * 1440, True)]
    assert store.add_quarantines(changes) == 4
    store.add_quarantines(changes)
    wanted = sorted(changes, key=lambda change: (change.ts_event, change.symbol))
    found = store.quarantines(0, FOREVER)
    assert found == wanted
    assert all(type(change.quarantined) is bool for change in found)
    assert len(list(tmp_path.glob("sos_timeseries_2024_*.db"))) == 2


def test_a_change_is_never_known_before_it_was(store: Store) -> None:
    late = QuarantineChanged(UnixNanos(JAN_1_0915 + 1), TCS, True, 101.0, 100.0, "tradingview")
    store.add_quarantines([late])
    assert [change.ts_event for change in store.quarantines(0, FOREVER)] == [JAN_1_0915 + NANOS_PER_SECOND]


def test_of_two_changes_within_a_second_the_last_stands(store: Store) -> None:
    store.add_quarantines([at(1, True), at(1, False, ours=100.1)])
    assert store.quarantines(0, FOREVER) == [at(1, False, ours=100.1)]


def test_what_is_in_force_when_the_range_begins_comes_first(store: Store) -> None:
    store.add_quarantines([at(1, True), at(3, False), at(4, True), at(2, True, SBIN), at(10, False), at(20, True)])
    first, last = at(10, True).ts_event, at(20, True).ts_event
    assert store.quarantines(first, last) == [at(2, True, SBIN), at(4, True), at(10, False)]
    assert store.quarantines(first + 1, last) == [at(2, True, SBIN), at(10, False)]
    assert store.quarantines(first + 1, last + 1)[-1] == at(20, True)
    assert store.quarantines(last, last) == [at(2, True, SBIN), at(10, False)], "an empty range has a state too"


def test_a_quarantine_does_not_outlive_its_day_in_india(store: Store) -> None:
    store.add_quarantines([at(300, True)])
    midnight = MIDNIGHT + DAY_NS
    assert store.quarantines(midnight - 1, FOREVER) == [at(300, True)]
    assert store.quarantines(midnight, FOREVER) == []


def test_a_change_without_both_prices_is_refused_and_nothing_is_written(store: Store) -> None:
    with pytest.raises(DataError, match="unknown price"):
        store.add_quarantines([at(1, True), at(2, True, ours=float("nan"))])
    assert store.quarantines(0, FOREVER) == []
