"""NSE's list of trading holidays, made from the market's calendar; days on a weekend are in it as on the site."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sos_actors.market import tables
from sos_actors.market.calendar import HOLIDAYS, Calendar
from sos_actors.simulator.servers.times import dashed, weekday

SEGMENTS = ("CBM", "CD", "CM", "CMOT", "COM", "EGR", "FO", "IRD", "MF", "NDM", "NTRP", "SLBS")
"""Source: captured ``holiday-master`` of July 2026."""
_ON_WEEKENDS = {(1, 26): "Republic Day", (8, 15): "Independence Day", (10, 2): "Mahatma Gandhi Jayanti"}
_ALL_DAY = ("Republic Day", "Independence Day", "Mahatma Gandhi Jayanti", "Good Friday", "Christmas")


def holiday_master(calendar: Calendar, year: int) -> dict[str, list[dict[str, Any]]]:
    """``holiday-master?type=trading`` of a year; commodities alone have a morning and an evening session."""
    rows = [_row(number, day, name) for number, (day, name) in enumerate(_holidays(calendar, year), start=1)]
    return {segment: [_of(segment, row) for row in rows] for segment in SEGMENTS}


def _holidays(calendar: Calendar, year: int) -> list[tuple[date, str]]:
    names: dict[date, str] = {date.fromisoformat(day): name for day, name in tables.read(HOLIDAYS)["holidays"].items()}
    first, last = max(date(year, 1, 1), calendar.first), min(date(year, 12, 31), calendar.last)
    found = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day.weekday() < 5 and not calendar.is_business_day(day):
            # An evening session does not make the day a trading day: the site marks it with a star.
            found.append((day, names.get(day, "Trading Holiday") + "*" * calendar.is_session(day)))
        elif day.weekday() >= 5 and (day.month, day.day) in _ON_WEEKENDS and not calendar.is_session(day):
            found.append((day, _ON_WEEKENDS[day.month, day.day]))
    return found


def _row(number: int, day: date, name: str) -> dict[str, Any]:
    named = {"tradingDate": dashed(day), "weekDay": weekday(day), "description": name}
    return named | {"morning_session": None, "evening_session": None, "Sr_no": number}


def _of(segment: str, row: dict[str, Any]) -> dict[str, Any]:
    if segment != "COM":
        return row
    evening = "Closed" if row["description"] in _ALL_DAY else "Open"
    return row | {"morning_session": "Closed", "evening_session": evening}
