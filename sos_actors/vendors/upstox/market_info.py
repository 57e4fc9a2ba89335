"""Upstox's calendar and the state of the exchanges, in the words our own calendar takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from upstox_client import MarketHolidaysAndTimingsApi

from sos_actors.errors import MarketRuleError, VendorAnswerError
from sos_actors.market.calendar import Calendar, SpecialSession
from sos_actors.messages.feed import MarketPhase, MarketStatus
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, Segment, UnixNanos
from sos_actors.vendors.upstox import fields
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.fields import Row
from sos_actors.vendors.upstox.rest_wire import VENDOR

CASH, DERIVATIVES = "NSE", "NFO"
"""Upstox's names of NSE's exchanges."""
_MUHURAT = ("muhurat", "laxmi", "lakshmi", "diwali")


class Hours(NamedTuple):
    """When an exchange opens and closes, UnixNanos."""

    opens: UnixNanos
    closes: UnixNanos


@dataclass(frozen=True, slots=True)
class ExchangeDay:
    """A day of Upstox's holiday list.

    Attributes:
        closed: exchanges that have no session.
        open: exchanges that have one, with its hours.
    """

    day: date
    name: str
    closed: frozenset[str]
    open: dict[str, Hours]


class UpstoxMarketInfo:
    """Asks for holidays and hours, which need no token, and states. Thread-safe. Every method raises VendorError."""

    def __init__(self, connection: UpstoxConnection) -> None:
        self._connection = connection
        self._api = MarketHolidaysAndTimingsApi(connection.sdk)

    def holidays(self) -> list[ExchangeDay]:
        """The days of the running year that are not ordinary, by date."""
        return exchange_days(self._connection.call(self._api.get_holidays, anonymous=True)["data"])

    def calendar(self, calendar: Calendar) -> Calendar:
        """A calendar in which Upstox's list wins over our tables."""
        holidays, sessions = overrulings(self.holidays(), calendar)
        return calendar.overruled(holidays, sessions)

    def timings(self, day: date) -> dict[str, Hours]:
        """The exchanges' hours on a day; empty when none opens."""
        method = self._api.get_exchange_timings
        return timings(self._connection.call(method, day.isoformat(), anonymous=True)["data"])

    def status(self, exchange: str = DERIVATIVES) -> MarketStatus:
        """The state of one exchange, as of the moment it last changed."""
        return market_status(self._connection.call(self._api.get_market_status, exchange)["data"])


def exchange_days(data: object) -> list[ExchangeDay]:
    """Upstox's holiday list; a single day comes as a list of one.

    Raises:
        VendorAnswerError: it cannot be read.
    """
    what = "The holiday list"
    found = []
    for row in fields.rows(data, what):
        day = fields.day(row, "date", what)
        closed = row.get("closed_exchanges") or []
        if not isinstance(closed, list) or not all(isinstance(name, str) for name in closed):
            raise fields.bad(what, "closed_exchanges", row)
        opened = timings(row.get("open_exchanges") or [])
        found.append(ExchangeDay(day, fields.words(row, "description"), frozenset(closed), opened))
    return sorted(found, key=lambda each: each.day)


def timings(data: object) -> dict[str, Hours]:
    """The exchanges' hours.

    Raises:
        VendorAnswerError: they cannot be read.
    """
    return {fields.text(row, "exchange", "The hours"): _hours(row) for row in fields.rows(data, "The hours")}


def market_status(data: object) -> MarketStatus:
    """The state of an exchange; a word nobody has told us of is UNKNOWN.

    Raises:
        VendorAnswerError: it cannot be read.
    """
    what = "The market status"
    row = fields.mapping(data, what)
    word = fields.text(row, "status", what).upper()
    phase = MarketPhase[word] if word in MarketPhase.__members__ else MarketPhase.UNKNOWN
    return MarketStatus(fields.moment_of_ms(row, "last_updated", what), fields.text(row, "exchange", what), phase)


def overrulings(days: list[ExchangeDay], calendar: Calendar) -> tuple[dict[date, str], list[SpecialSession]]:
    """What of Upstox's list differs from our calendar, in the form ``Calendar.overruled`` takes.

    The lists of open and closed exchanges decide, never the type: a "trading holiday" may have a session, a
    settlement holiday closes nothing. Hours that agree with ours change nothing, so that the pause of a drill day,
    which Upstox does not tell of, stays. Days outside the calendar are left out.

    Returns:
        Names of days without a session, and sessions that are new or have other hours.
    """
    holidays: dict[date, str] = {}
    sessions: list[SpecialSession] = []
    for each in days:
        if not calendar.first <= each.day <= calendar.last:
            continue
        hours = each.open.get(DERIVATIVES) or each.open.get(CASH)
        if hours is None:
            if CASH in each.closed:
                holidays[each.day] = each.name or "holiday"
        elif hours != _ours(calendar, each.day):
            muhurat = any(word in each.name.lower() for word in _MUHURAT)
            minutes = (_minute_of_day(hours.opens, each.day), _minute_of_day(hours.closes, each.day))
            sessions.append(SpecialSession(each.day, each.name or "special session", (minutes,), muhurat))
    return holidays, sessions


def _ours(calendar: Calendar, day: date) -> Hours | None:
    """The hours our calendar has for derivatives; None when it has no session, or does not know its hours."""
    try:
        session = calendar.session(day, Segment.FO)
    except MarketRuleError:
        return None
    return Hours(session.open_ns, session.close_ns)


def _hours(row: Row) -> Hours:
    what = "The hours"
    opens, closes = (fields.moment_of_ms(row, key, what) for key in ("start_time", "end_time"))
    if closes <= opens:
        raise fields.bad(what, "end_time", row)
    return Hours(opens, closes)


def _minute_of_day(ts: int, day: date) -> int:
    """Minutes after midnight in India.

    Raises:
        VendorAnswerError: the moment lies on another day.
    """
    midnight_s = (day - date(1970, 1, 1)).days * 86_400 - IST_OFFSET_S
    minute = (ts - midnight_s * 1_000_000_000) // NANOS_PER_MINUTE
    if not 0 <= minute <= 1440:
        raise VendorAnswerError(VENDOR, f"The holiday list gives {day} hours of another day.")
    return minute
