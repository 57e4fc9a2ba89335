"""Market status, session times and holidays, all from the market's calendar."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from functools import lru_cache
from typing import Any, Final

from aiohttp import web

from sos_actors.errors import MarketRuleError
from sos_actors.market import tables
from sos_actors.market.calendar import HOLIDAYS, Calendar
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.upstox.answers import UpstoxRefusal, moment, success
from sos_actors.simulator.upstox.asked import day_of
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_MINUTE, Segment

_SEGMENTS: Final = {"NSE": Segment.EQ, "NFO": Segment.FO, "BSE": Segment.EQ, "BFO": Segment.FO}
_OWN_HOURS: Final = {"CDS": (time(9), time(17)), "BCD": (time(9), time(17)), "MCX": (time(9), time(23, 30))}
"""Currencies and commodities, of which the calendar knows nothing."""
EXCHANGES: Final = ("MCX", "NSE", "NFO", "CDS", "BSE", "BCD", "BFO")
_PRE_OPEN_MINUTES: Final = (15, 7)
"""The opening auction of shares collects orders from 15 to 7 minutes before the open."""
_CLOSING_MINUTES: Final = (10, 30)
"""The closing session of shares lies from 10 to 30 minutes after the close."""
_MS: Final = 1_000_000


class Timings:
    """Serves status, timings and holidays.

    Args:
        world: the market and what time it is.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def add_routes(self, app: web.Application) -> None:
        """Mount the calls."""
        app.router.add_get("/v2/market/status/{exchange}", self._status)
        app.router.add_get("/v2/market/timings/{date}", self._timings)
        app.router.add_get("/v2/market/holidays", self._holidays)
        app.router.add_get("/v2/market/holidays/{date}", self._holiday)

    async def _status(self, request: web.Request) -> web.Response:
        exchange = request.match_info["exchange"]
        if exchange not in EXCHANGES:
            raise UpstoxRefusal(400, "UDAPI1088", "Invalid exchange", field="exchange", value=exchange)
        status, since = market_status(self._world.market.calendar, exchange, moment(self._world, request.path))
        return success({"exchange": exchange, "status": status, "last_updated": since // _MS})

    async def _timings(self, request: web.Request) -> web.Response:
        return success(open_exchanges(self._world.market.calendar, _day(request)))

    async def _holidays(self, request: web.Request) -> web.Response:
        calendar = self._world.market.calendar
        year = indian_day(moment(self._world, request.path)).year
        first, last = max(date(year, 1, 1), calendar.first), min(date(year, 12, 31), calendar.last)
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return success([row for day in days if (row := holiday(calendar, day)) is not None])

    async def _holiday(self, request: web.Request) -> web.Response:
        row = holiday(self._world.market.calendar, _day(request))
        return success([row] if row is not None else [])


def market_status(calendar: Calendar, exchange: str, now: int) -> tuple[str, int]:
    """What state an exchange is in, in Upstox's words, and since when (UnixNanos).

    Args:
        calendar: of the market.
        exchange: one of ``EXCHANGES``.
        now: UnixNanos.
    """
    day = indian_day(now)
    for _ in range(15):
        changes = [change for change in _changes(calendar, exchange, day) if change[1] <= now]
        if changes:
            return changes[-1]
        day -= timedelta(days=1)
    return "NORMAL_CLOSE", now


def open_exchanges(calendar: Calendar, day: date) -> list[dict[str, Any]]:
    """The exchanges that trade on a day, with their first open and last close in epoch milliseconds."""
    rows = []
    for exchange in EXCHANGES:
        spans = _spans(calendar, exchange, day)
        if spans:
            start, end = spans[0][0] // _MS, spans[-1][1] // _MS
            rows.append({"exchange": exchange, "start_time": start, "end_time": end})
    return rows


def holiday(calendar: Calendar, day: date) -> dict[str, Any] | None:
    """The row of a day that is unlike others: a weekday without a session, or a special one. None for the rest."""
    if not calendar.first <= day <= calendar.last:
        return None
    name = _names().get(day.isoformat())
    if calendar.is_session(day):
        try:
            occasion = calendar.session(day, Segment.FO).occasion
        except MarketRuleError:
            occasion = name or "Special session"
        if not occasion:
            return None
        kind, running = "SPECIAL_TIMING", open_exchanges(calendar, day)
    elif day.weekday() < 5:
        occasion, kind, running = name or "Holiday", "TRADING_HOLIDAY", []
    else:
        return None
    trading = {row["exchange"] for row in running}
    return {
        "date": day.isoformat(),
        "description": occasion,
        "holiday_type": kind,
        "closed_exchanges": [exchange for exchange in EXCHANGES if exchange not in trading],
        "open_exchanges": running,
    }


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    names: dict[str, str] = tables.read(HOLIDAYS)["holidays"]
    return names


def _changes(calendar: Calendar, exchange: str, day: date) -> list[tuple[str, int]]:
    """The states an exchange goes through on a day, each with the moment it begins, oldest first."""
    spans = _spans(calendar, exchange, day)
    if not spans:
        return []
    changes = []
    if exchange in ("NSE", "BSE"):
        start, end = (spans[0][0] - minutes * NANOS_PER_MINUTE for minutes in _PRE_OPEN_MINUTES)
        changes += [("PRE_OPEN_START", start), ("PRE_OPEN_END", end)]
    for start, end in spans:
        changes += [("NORMAL_OPEN", start), ("NORMAL_CLOSE", end)]
    if exchange in ("NSE", "BSE"):
        start, end = (spans[-1][1] + minutes * NANOS_PER_MINUTE for minutes in _CLOSING_MINUTES)
        changes += [("CLOSING_START", start), ("CLOSING_END", end)]
    return changes


def _spans(calendar: Calendar, exchange: str, day: date) -> tuple[tuple[int, int], ...]:
    """When an exchange trades on a day, UnixNanos; nothing on a day without a session or of unknown hours."""
    if not calendar.first <= day <= calendar.last or not calendar.is_session(day):
        return ()
    try:
        if exchange in _SEGMENTS:
            return calendar.session(day, _SEGMENTS[exchange], fno_stock=False).intervals
        if calendar.session(day, Segment.FO).occasion:
            return ()
    except MarketRuleError:
        return ()
    start, end = _OWN_HOURS[exchange]
    return ((int(moment_of(day, start)), int(moment_of(day, end))),)


def _day(request: web.Request) -> date:
    text = request.match_info["date"]
    day = day_of(text)
    if day is None:
        raise UpstoxRefusal(400, "UDAPI1015", "Date should be in valid format: yyyy-mm-dd", field="date", value=text)
    return day
