"""When entries end and positions are squared off, before and after 3 August 2026."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from sos_actors.config import Risk
from sos_actors.engine.sessions import minute_grid, session_records
from sos_actors.errors import MarketRuleError
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND
from tests.engine.markets import CALENDAR

BEFORE, AFTER = date(2026, 7, 31), date(2026, 8, 3)


def clock(ts: int) -> str:
    minutes = (ts // NANOS_PER_SECOND + IST_OFFSET_S) % 86_400 // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"


def times(day: date, risk: Risk | None = None) -> dict[str, str]:
    (record,) = session_records([day], CALENDAR, risk or Risk())
    return {name: clock(int(record[name])) for name in record.dtype.names if name != "number"}


def test_until_july_2026_stocks_and_options_keep_the_same_hours() -> None:
    assert times(BEFORE) == {
        "last_entry_equity": "15:00", "last_entry_option": "15:00", "square_off_equity": "15:20",
        "square_off_option": "15:20", "close_equity": "15:30", "close_option": "15:30",
    }  # fmt: skip


def test_since_august_2026_stocks_are_flat_before_the_auction_and_options_go_on() -> None:
    assert times(AFTER) == {
        "last_entry_equity": "14:45", "last_entry_option": "15:10", "square_off_equity": "15:05",
        "square_off_option": "15:30", "close_equity": "15:15", "close_option": "15:40",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("last_entry", "expected"), [(0, "15:19"), (9, "15:19"), (10, "15:19"), (11, "15:19"), (12, "15:18")]
)
def test_no_entry_is_sent_when_it_could_only_be_squared_off(last_entry: int, expected: str) -> None:
    assert times(BEFORE, Risk(last_entry_before_close_min=last_entry))["last_entry_option"] == expected


def test_sessions_are_numbered_by_the_exchange() -> None:
    records = session_records([BEFORE, AFTER], CALENDAR, Risk())
    assert np.diff(records["number"]).tolist() == [1]
    with pytest.raises(MarketRuleError):
        session_records([date(2026, 1, 15)], CALENDAR, Risk())


def test_the_grid_has_every_minute_in_which_anything_trades() -> None:
    minutes, days = minute_grid([BEFORE, AFTER], CALENDAR)
    assert np.bincount(days).tolist() == [375, 385]
    assert (clock(int(minutes[0])), clock(int(minutes[374])), clock(int(minutes[-1]))) == ("09:15", "15:29", "15:39")
    assert set(np.diff(minutes)) == {NANOS_PER_MINUTE, minutes[375] - minutes[374]}
    assert len(minute_grid([], CALENDAR)[0]) == 0
