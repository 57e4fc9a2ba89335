"""The trading calendar against its tables, the maintained libraries and the bars of real days."""

from __future__ import annotations

import csv
import gzip
import json
import warnings
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar, SpecialSession
from sos_actors.types import NANOS_PER_MINUTE, Segment

IST = timezone(timedelta(hours=5, minutes=30))
CALENDAR = Calendar.default()
MISSING_2024 = [date(2024, 2, 1), date(2024, 3, 4), date(2024, 4, 5), date(2024, 5, 7)]
"""Trading days the files lack."""


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=IST).timestamp()) * 1_000_000_000


def clock(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1e9, IST).strftime("%H:%M")


def hours(day: date, segment: Segment, fno_stock: bool = True) -> str:
    session = CALENDAR.session(day, segment, fno_stock=fno_stock)
    return " ".join(f"{clock(start)}-{clock(close)}" for start, close in session.intervals)


def bars(path: Path) -> NDArray[np.int64]:
    with gzip.open(path, "rt") as lines:
        return np.array([ns(row["timestamp"]) for row in csv.DictReader(lines)], np.int64)


@pytest.mark.parametrize("segment", list(Segment))
def test_every_segment_traded_from_0915_to_1530_until_july_2026(segment: Segment) -> None:
    session = CALENDAR.session(date(2026, 7, 31), segment)
    assert hours(date(2026, 7, 31), segment) == "09:15-15:30"
    assert session.open_ns == ns("2026-07-31 09:15")
    assert session.close_ns == session.continuous_close_ns == ns("2026-07-31 15:30")
    assert session.minutes == len(session.bar_opens()) == 375
    assert session.bar_opens()[-1] == ns("2026-07-31 15:29")


def test_segments_part_on_3_august_2026() -> None:
    day = date(2026, 8, 3)
    assert hours(day, Segment.EQ) == "09:15-15:15"
    assert hours(day, Segment.EQ, fno_stock=False) == "09:15-15:30"
    assert hours(day, Segment.FO) == "09:15-15:40"
    assert hours(day, Segment.INDEX) == "09:15-15:30"
    assert clock(CALENDAR.session(day, Segment.INDEX).continuous_close_ns) == "15:15"


@pytest.mark.parametrize(
    ("segment", "square_off", "last_entry"),
    [(Segment.EQ, "15:05", "14:45"), (Segment.FO, "15:30", "15:10"), (Segment.INDEX, "15:05", "14:45")],
)
def test_square_off_counts_from_the_end_of_continuous_trading(
    segment: Segment, square_off: str, last_entry: str
) -> None:
    session = CALENDAR.session(date(2026, 8, 4), segment)
    assert clock(session.square_off_ns()) == square_off
    assert clock(session.last_entry_ns()) == last_entry
    assert session.square_off_ns(0) == session.continuous_close_ns


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2019, 10, 27), "18:15-19:15"),
        (date(2020, 2, 1), "09:15-15:30"),
        (date(2021, 2, 24), "09:15-11:40 15:45-17:00"),
        (date(2021, 11, 4), "18:15-19:15"),
        (date(2024, 1, 20), "09:15-15:30"),
        (date(2024, 3, 2), "09:15-10:00 11:30-12:30"),
        (date(2024, 5, 18), "09:15-10:00 11:30-12:30"),
        (date(2024, 11, 1), "18:00-19:00"),
        (date(2025, 2, 1), "09:15-15:30"),
        (date(2025, 10, 21), "13:45-14:45"),
        (date(2026, 2, 1), "09:15-15:30"),
    ],
)
def test_special_days_have_their_own_hours(day: date, expected: str) -> None:
    for segment in Segment:
        assert hours(day, segment) == expected
        assert CALENDAR.session(day, segment).occasion


def test_a_muhurat_evening_is_a_session_but_no_business_day() -> None:
    assert CALENDAR.is_session(date(2025, 10, 21))
    assert not CALENDAR.is_business_day(date(2025, 10, 21))
    assert not CALENDAR.is_business_day(date(2026, 2, 1))
    assert CALENDAR.is_business_day(date(2021, 2, 24))


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 1, 15), "15 January 2026 is a holiday: Municipal Corporation Election"),
        (date(2026, 1, 17), "17 January 2026 is a Saturday"),
        (date(2026, 11, 8), r"times are not known here.*market/tables/sessions\.toml"),
        (date(2018, 12, 31), r"outside the calendar.*market/tables/holidays\.toml"),
        (date(2027, 1, 1), r"outside the calendar.*market/tables/holidays\.toml"),
    ],
)
def test_a_day_without_known_hours_is_refused_with_the_reason(day: date, words: str) -> None:
    with pytest.raises(MarketRuleError, match=words):
        CALENDAR.session(day, Segment.EQ)


def test_sessions_are_numbered_without_gaps() -> None:
    days = CALENDAR.sessions(CALENDAR.first, CALENDAR.last)
    assert [CALENDAR.session_number(day) for day in days] == list(range(len(days)))
    assert CALENDAR.sessions(date(2026, 1, 12), date(2026, 1, 19)) == [date(2026, 1, d) for d in (12, 13, 14, 16, 19)]
    assert CALENDAR.previous_session(date(2026, 1, 16)) == date(2026, 1, 14)
    assert CALENDAR.previous_session(date(2026, 2, 2)) == date(2026, 2, 1)
    with pytest.raises(MarketRuleError, match="is a holiday"):
        CALENDAR.session_number(date(2026, 1, 26))


def test_session_numbers_of_bars_name_the_first_closed_day() -> None:
    ts = np.array([ns("2026-01-14 09:15"), ns("2026-01-16 15:29"), ns("2026-01-14 00:00")], np.int64)
    first = CALENDAR.session_number(date(2026, 1, 14))
    assert CALENDAR.session_numbers(ts).tolist() == [first, first + 1, first]
    assert CALENDAR.session_numbers(np.empty(0, np.int64)).tolist() == []
    closed = np.append(ts, [ns("2026-01-18 10:00"), ns("2026-01-15 10:00")])
    with pytest.raises(MarketRuleError, match="18 January 2026 is a Sunday"):
        CALENDAR.session_numbers(closed)
    with pytest.raises(MarketRuleError, match="1 January 2027 is outside"):
        CALENDAR.session_numbers(np.append(ts, ns("2027-01-01 00:00")))


def test_in_session_masks_bars_outside_trading() -> None:
    times = ["09:14", "09:15", "09:59", "10:00", "11:29", "11:30", "12:29", "12:30"]
    ts = np.array([ns(f"2024-03-02 {at}") for at in times], np.int64)
    assert CALENDAR.in_session(ts, Segment.INDEX).tolist() == [False, True, True, False, False, True, True, False]
    holiday = np.array([ns("2026-01-15 10:00"), ns("2026-01-16 10:00")], np.int64)
    assert CALENDAR.in_session(holiday, Segment.FO).tolist() == [False, True]
    auction = np.array([ns("2026-08-03 15:20")], np.int64)
    assert [bool(CALENDAR.in_session(auction, s)[0]) for s in (Segment.EQ, Segment.FO)] == [False, True]
    assert CALENDAR.in_session(auction, Segment.EQ, fno_stock=False).all()


@given(st.integers(0, 2921 * 1440 - 1), st.sampled_from(list(Segment)), st.booleans())
def test_in_session_agrees_with_the_session_of_the_day(minute: int, segment: Segment, fno_stock: bool) -> None:
    ts = ns("2019-01-01 00:00") + minute * NANOS_PER_MINUTE
    day = datetime.fromtimestamp(ts / 1e9, IST).date()
    if day == date(2026, 11, 8):
        return
    opens: list[int] = []
    if CALENDAR.is_session(day):
        opens = CALENDAR.session(day, segment, fno_stock=fno_stock).bar_opens().tolist()
    mask = CALENDAR.in_session(np.array([ts]), segment, fno_stock)
    assert mask.tolist() == [ts in opens]


def test_the_brokers_calendar_overrules_the_table() -> None:
    muhurat = SpecialSession(date(2026, 11, 8), "Muhurat trading", ((18 * 60, 19 * 60),), muhurat=True)
    changed = CALENDAR.overruled({date(2026, 9, 1): "added at short notice", date(2026, 2, 1): "called off"}, [muhurat])
    assert changed.session(date(2026, 11, 8), Segment.FO).minutes == 60
    assert not changed.is_session(date(2026, 9, 1))
    assert not changed.is_session(date(2026, 2, 1))
    assert changed.session_number(date(2026, 9, 2)) == CALENDAR.session_number(date(2026, 9, 2)) - 2
    assert CALENDAR.is_session(date(2026, 9, 1))
    with pytest.raises(MarketRuleError, match="outside the calendar"):
        CALENDAR.overruled({date(2031, 1, 1): "far away"})


def test_sessions_are_those_of_exchange_calendars() -> None:
    warnings.simplefilter("ignore")  # inside the library; pytest restores the filters after the test
    library = pytest.importorskip("exchange_calendars", reason="the maintained calendar is a development dependency")
    theirs = library.get_calendar("XBOM", start="2019-01-01", end="2026-12-31").sessions
    ours = CALENDAR.sessions(CALENDAR.first, CALENDAR.last)
    assert [day for day in ours if CALENDAR.is_business_day(day)] == [stamp.date() for stamp in theirs]


def test_holidays_of_2026_are_those_nse_publishes(shared_data: Path) -> None:
    rows = json.loads((shared_data / "nse" / "holiday-master_trading_20260715.json").read_text())["FO"]
    published = {datetime.strptime(row["tradingDate"], "%d-%b-%Y").date() for row in rows}
    published = {day for day in published if day.weekday() < 5}
    weekdays = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    assert {day for day in weekdays if day.weekday() < 5 and not CALENDAR.is_session(day)} == published


@pytest.mark.parametrize("name", ["NIFTY_1min_20240101_20240628", "BANKNIFTY_1min_20240101_20240628"])
def test_the_index_bars_of_2024_are_exactly_the_sessions(shared_data: Path, name: str) -> None:
    ts = bars(shared_data / "index_1min" / f"{name}.csv.gz")
    inside = CALENDAR.in_session(ts, Segment.INDEX)
    held = {datetime.fromtimestamp(t / 1e9, IST).date() for t in ts}
    days = CALENDAR.sessions(date(2024, 1, 1), date(2024, 6, 28))
    assert [day for day in days if day not in held] == MISSING_2024
    expected = np.concatenate([CALENDAR.session(day, Segment.INDEX).bar_opens() for day in days if day in held])
    assert ts[inside].tolist() == expected.tolist()
    assert {datetime.fromtimestamp(t / 1e9, IST).date() for t in ts[~inside]} == {date(2024, 1, 20)}
    assert (~inside).sum() == 167


def test_index_bars_go_on_to_1530_after_the_change_of_august_2026(shared_data: Path) -> None:
    ts = bars(shared_data / "index_1min" / "NIFTY_1min_20260716_20260821_yf.csv.gz")
    outside = ts[~CALENDAR.in_session(ts, Segment.INDEX)]
    assert outside.tolist() == [ns("2026-07-24 15:30")]
    for day in CALENDAR.sessions(date(2026, 8, 3), date(2026, 8, 21)):
        opens = CALENDAR.session(day, Segment.INDEX).bar_opens()
        assert np.isin(opens, ts).all()
