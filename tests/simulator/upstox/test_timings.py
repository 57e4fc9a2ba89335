"""Status, timings and holidays follow the market's calendar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time

import pytest

from sos_actors.market.calendar import Calendar
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.upstox.timings import market_status, open_exchanges
from tests.simulator.upstox.broker import Broker, broker
from tests.simulator.upstox.staged import TODAY, staged_world

CALENDAR = Calendar.default()


@pytest.fixture(scope="module")
def upstox() -> Iterator[Broker]:
    with broker(staged_world()) as running:
        yield running


def ms(day: date, hour: int, minute: int = 0) -> int:
    return moment_of(day, time(hour, minute)) // 10**6


@pytest.mark.parametrize(
    ("at", "shares", "derivatives"),
    [
        (time(8, 59), "CLOSING_END", "NORMAL_CLOSE"),
        (time(9, 0), "PRE_OPEN_START", "NORMAL_CLOSE"),
        (time(9, 8), "PRE_OPEN_END", "NORMAL_CLOSE"),
        (time(9, 15), "NORMAL_OPEN", "NORMAL_OPEN"),
        (time(15, 29, 59), "NORMAL_OPEN", "NORMAL_OPEN"),
        (time(15, 30), "NORMAL_CLOSE", "NORMAL_CLOSE"),
        (time(15, 40), "CLOSING_START", "NORMAL_CLOSE"),
        (time(16, 0), "CLOSING_END", "NORMAL_CLOSE"),
    ],
)
def test_an_exchange_goes_through_its_day(at: time, shares: str, derivatives: str) -> None:
    now = moment_of(TODAY, at)

    assert market_status(CALENDAR, "NSE", now)[0] == shares
    assert market_status(CALENDAR, "NFO", now)[0] == derivatives


def test_since_august_2026_derivatives_trade_until_twenty_to_four() -> None:
    now = moment_of(date(2026, 8, 18), time(15, 35))

    assert market_status(CALENDAR, "NFO", now)[0] == "NORMAL_OPEN"
    assert market_status(CALENDAR, "NSE", now)[0] == "NORMAL_CLOSE"


def test_on_a_holiday_the_last_change_was_on_the_session_before(upstox: Broker) -> None:
    sunday = moment_of(date(2026, 1, 11), time(12))

    assert market_status(CALENDAR, "NFO", sunday) == ("NORMAL_CLOSE", moment_of(date(2026, 1, 9), time(15, 30)))
    assert upstox.ask("/v2/market/status", "NSE").data["last_updated"] == ms(TODAY, 9, 15)


def test_an_exchange_nobody_knows_is_refused(upstox: Broker) -> None:
    assert upstox.ask("/v2/market/status", "NYSE").code == "UDAPI1088"


def test_a_session_has_times_and_a_holiday_has_none(upstox: Broker) -> None:
    rows = upstox.ask("/v2/market/timings", "2026-01-13").data

    assert {"exchange": "NFO", "start_time": ms(TODAY, 9, 15), "end_time": ms(TODAY, 15, 30)} in rows
    assert upstox.ask("/v2/market/timings", "2026-01-15").data == []
    assert upstox.ask("/v2/market/timings", "2026-01-17").data == []
    assert upstox.ask("/v2/market/timings", "2026-02-30").code == "UDAPI1015"


def test_timings_need_no_token(upstox: Broker) -> None:
    assert upstox.ask("/v2/market/timings", "2026-01-13", token=None).status == 200
    assert upstox.ask("/v2/market/holidays", token=None).status == 200
    assert upstox.ask("/v2/market/status", "NSE", token=None).status == 401


def test_holidays_of_the_year_are_the_weekdays_without_a_session(upstox: Broker) -> None:
    rows = {date.fromisoformat(row["date"]): row for row in upstox.ask("/v2/market/holidays").data}
    closed = [day for day, row in rows.items() if "NSE" in row["closed_exchanges"]]

    assert all(not CALENDAR.is_session(day) or not open_exchanges(CALENDAR, day) for day in closed)
    assert rows[date(2026, 1, 26)]["description"] == "Republic Day"
    assert rows[date(2026, 1, 26)]["holiday_type"] == "TRADING_HOLIDAY"
    assert date(2026, 1, 17) not in rows


def test_a_session_on_a_sunday_is_told_with_its_times(upstox: Broker) -> None:
    (row,) = upstox.ask("/v2/market/holidays", "2026-02-01").data

    assert row["holiday_type"] == "SPECIAL_TIMING"
    assert {each["exchange"] for each in row["open_exchanges"]} == {"NSE", "NFO", "BSE", "BFO"}
    assert "MCX" in row["closed_exchanges"]


def test_an_ordinary_day_is_no_holiday(upstox: Broker) -> None:
    assert upstox.ask("/v2/market/holidays", "2026-01-13").data == []
    assert upstox.ask("/v2/market/holidays", "2026-01-15").data[0]["open_exchanges"] == []


def test_days_no_table_covers_are_told_as_days_without_sessions(upstox: Broker) -> None:
    assert upstox.ask("/v2/market/timings", "2035-01-02").data == []
    assert upstox.ask("/v2/market/holidays", "2035-01-02").data == []
