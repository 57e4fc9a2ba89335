"""The calendar's reach, the session to come, and Upstox's list beside ours."""

from __future__ import annotations

from datetime import date

import pytest

from sos_actors.app.checks.calendar import agreement_finding, check_calendar, last_session_day, running_session
from sos_actors.app.checks.finding import Need, Status
from sos_actors.market.calendar import Calendar
from sos_actors.types import UnixNanos
from sos_actors.vendors.upstox.market_info import ExchangeDay, Hours
from tests.simulator.markets import moment

CALENDAR = Calendar.default()


def hours(day: str, opens: str = "09:15", closes: str = "15:30") -> Hours:
    return Hours(UnixNanos(moment(f"{day} {opens}")), UnixNanos(moment(f"{day} {closes}")))


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-01-13 08:00", "today: Tue 13 Jan 2026 09:15 to 15:30 IST"),
        ("2026-01-13 10:30", "today: Tue 13 Jan 2026 09:15 to 15:30 IST, running"),
        ("2026-01-13 15:30", "next: Wed 14 Jan 2026 09:15 to 15:30 IST"),
        ("2026-01-14 20:00", "next: Fri 16 Jan 2026 09:15 to 15:30 IST"),
    ],
)
def test_the_session_to_come_is_told(at: str, said: str) -> None:
    tables, session = check_calendar(CALENDAR, moment(at))
    assert (tables.status, session.status) == (Status.OK, Status.OK)
    assert session.text == said


def test_a_session_whose_hours_nobody_knows_yet_is_told() -> None:
    *_, session = check_calendar(CALENDAR, moment("2026-11-06 23:00"))
    assert session.status is Status.WARN
    assert "its times are not known here" in session.text


def test_tables_that_end_soon_warn_and_days_beyond_them_fail() -> None:
    tables, session = check_calendar(CALENDAR, moment("2026-12-20 10:00"))
    assert (tables.status, session.status) == (Status.WARN, Status.OK)
    assert tables.text == "they end in 11 days, on 2026-12-31"
    [beyond] = check_calendar(CALENDAR, moment("2027-01-04 10:00"))
    assert (beyond.status, beyond.need) == (Status.FAIL, Need.REAL)
    assert "holidays.toml" in beyond.advice
    *_, none_left = check_calendar(CALENDAR, moment("2026-12-31 20:00"))
    assert none_left.text == "none until 2026-12-31"


@pytest.mark.parametrize(
    ("at", "running", "last"),
    [
        ("2026-01-13 08:00", True, "2026-01-12"), ("2026-01-13 09:15", True, "2026-01-13"),
        ("2026-01-13 18:00", False, "2026-01-13"), ("2026-01-15 12:00", False, "2026-01-14"),
    ],
)  # fmt: skip
def test_the_session_of_today_and_the_last_that_began(at: str, running: bool, last: str) -> None:
    assert (running_session(CALENDAR, moment(at)) is not None) == running
    assert last_session_day(CALENDAR, moment(at)) == date.fromisoformat(last)


def test_upstox_agrees_or_the_days_are_named() -> None:
    now = moment("2026-01-13 10:30")
    usual = ExchangeDay(date(2026, 1, 26), "Republic Day", frozenset(("NSE", "NFO")), {})
    past = ExchangeDay(date(2026, 1, 2), "Made up", frozenset(("NSE", "NFO")), {})
    assert agreement_finding([usual, past], CALENDAR, now).status is Status.OK
    unknown = ExchangeDay(date(2026, 11, 8), "Muhurat", frozenset(("NSE", "NFO")), {})
    assert agreement_finding([unknown], CALENDAR, now).status is Status.OK
    closed = [
        ExchangeDay(date(2026, 2, day), "Strike", frozenset(("NSE", "NFO")), {}) for day in (10, 2, 3, 4, 5)
    ]
    short = ExchangeDay(date(2026, 2, 6), "Half a day", frozenset(), {"NFO": hours("2026-02-06", closes="12:00")})
    finding = agreement_finding([*closed, short], CALENDAR, now)
    assert finding.status is Status.WARN
    assert "2026-02-02 closed (Strike), 2026-02-03 closed" in finding.text
    assert finding.text.endswith("and more")
    assert "2026-02-06 other hours (Half a day)" in agreement_finding([short], CALENDAR, now).text
