from __future__ import annotations

from datetime import date

import pytest

from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from sos_actors.simulator.servers.times import dashed, mark, plain, read_dashed, rounded, stamp, trading
from sos_actors.types import Segment
from tests.simulator.markets import moment


@pytest.mark.parametrize(
    ("at", "day", "shown", "is_open"),
    [
        ("2026-01-13 09:15", "2026-01-13", "2026-01-13 09:15", True),
        ("2026-01-13 15:29:59", "2026-01-13", "2026-01-13 15:29:59", True),
        ("2026-01-13 15:30", "2026-01-13", "2026-01-13 15:30", False),
        ("2026-01-13 09:14:59", "2026-01-12", "2026-01-12 15:30", False),
        ("2026-01-15 11:00", "2026-01-14", "2026-01-14 15:30", False),
        ("2026-02-01 11:00", "2026-02-01", "2026-02-01 11:00", True),
        ("2024-03-02 11:00", "2024-03-02", "2024-03-02 10:00", False),
        ("2026-11-09 08:00", "2026-11-06", "2026-11-06 15:40", False),
    ],
)
def test_a_moment_lies_in_a_session_or_shows_the_last_one(at: str, day: str, shown: str, is_open: bool) -> None:
    now = trading(Calendar.default(), moment(at), Segment.FO)
    assert (now.day, now.ts, now.is_open) == (date.fromisoformat(day), moment(shown), is_open)


def test_beyond_the_calendar_nothing_is_guessed() -> None:
    with pytest.raises(MarketRuleError):
        trading(Calendar.default(), moment("2031-01-01 10:00"), Segment.FO)


def test_dates_are_written_and_read_the_exchanges_way() -> None:
    assert dashed(date(2026, 1, 7)) == "07-Jan-2026"
    assert read_dashed("07-Jan-2026") == read_dashed("7-jan-2026") == date(2026, 1, 7)
    assert [read_dashed(text) for text in ("", "31-Feb-2026", "2026-01-07", "07-Foo-2026", "x-Jan-2026")] == [None] * 5
    assert stamp(moment("2026-01-07 15:30")) == "07-Jan-2026 15:30:00"


def test_marks_count_from_the_open() -> None:
    first = moment("2026-01-13 09:15")
    assert mark(moment("2026-01-13 10:31:10"), first, 3) == moment("2026-01-13 10:30")
    assert mark(first - 1, first, 3) == first


def test_numbers_are_written_as_javascript_does() -> None:
    assert [repr(plain(value)) for value in (24252.0, 24252.5, 0.0)] == ["24252", "24252.5", "0"]
    assert repr(rounded(1.999)) == "2"
