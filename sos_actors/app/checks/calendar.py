"""The calendar: whether it covers the days to come, when the market opens next, and whether Upstox's list agrees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from sos_actors.app.checks.finding import Finding, Need, Status, ist
from sos_actors.errors import MarketRuleError
from sos_actors.market import tables
from sos_actors.market.calendar import HOLIDAYS, Calendar, Session
from sos_actors.market.sessions import TABLE as SESSIONS
from sos_actors.runtime.clock import indian_day
from sos_actors.types import Segment
from sos_actors.vendors.upstox.market_info import ExchangeDay, overrulings

GROUP = "calendar"
AHEAD_DAYS = 30
_NAMED = 4


def check_calendar(calendar: Calendar, now: int) -> Iterator[Finding]:
    """How far the tables reach, and today's session or the next one."""
    today = indian_day(now)
    extend = f"Add the year to {tables.path_of(HOLIDAYS)}, or upgrade."
    if not calendar.first <= today <= calendar.last:
        told = f"today, {today}, is outside the tables ({calendar.first} to {calendar.last})"
        yield Finding(GROUP, "tables", Status.FAIL, told, extend, Need.REAL)
        return
    left = (calendar.last - today).days
    if left < AHEAD_DAYS:
        yield Finding(GROUP, "tables", Status.WARN, f"they end in {left} days, on {calendar.last}", extend)
    else:
        yield Finding(GROUP, "tables", Status.OK, f"{calendar.first} to {calendar.last}, {left} days from now")
    yield session_finding(calendar, now)


def session_finding(calendar: Calendar, now: int) -> Finding:
    """Today's hours if there are any left, and those of the next session else."""
    today = indian_day(now)
    reach = min(calendar.last, today + timedelta(days=AHEAD_DAYS))
    for day in calendar.sessions(today, reach):
        try:
            session = calendar.session(day, Segment.FO)
        except MarketRuleError as error:
            return Finding(GROUP, "session", Status.WARN, str(error), f"Look into {tables.path_of(SESSIONS)}.")
        if session.close_ns > now:
            return Finding(GROUP, "session", Status.OK, _hours(session, now))
    return Finding(GROUP, "session", Status.WARN, f"none until {reach}", f"Look into {tables.path_of(HOLIDAYS)}.")


def running_session(calendar: Calendar, now: int) -> Session | None:
    """Today's session of derivatives, if it has not ended; None when there is none or its hours are unknown."""
    try:
        session = calendar.session(indian_day(now), Segment.FO)
    except MarketRuleError:
        return None
    return session if now < session.close_ns else None


def last_session_day(calendar: Calendar, now: int) -> date:
    """The newest day whose session has begun."""
    day = min(indian_day(now), calendar.last)
    session = running_session(calendar, now)
    if calendar.is_session(day) and (session is None or session.open_ns <= now):
        return day
    return calendar.previous_session(day)


def agreement_finding(days: Sequence[ExchangeDay], calendar: Calendar, now: int) -> Finding:
    """Whether Upstox's holiday list says what our tables say of the days from today on."""
    today = indian_day(now)
    holidays, sessions = overrulings([each for each in days if each.day >= today], calendar)
    closed = {day: name for day, name in holidays.items() if _hours_known(calendar, day)}
    differing = sorted((day, f"{day} closed ({name})") for day, name in closed.items())
    differing += sorted((each.day, f"{each.day} other hours ({each.occasion})") for each in sessions)
    if not differing:
        return Finding("vendors", "holidays", Status.OK, "Upstox's list agrees with the calendar from today on")
    told = ", ".join(words for _, words in differing[:_NAMED]) + (" and more" if len(differing) > _NAMED else "")
    advice = f"Look at NSE's circulars; then correct {tables.path_of(HOLIDAYS)} or {tables.path_of(SESSIONS)}."
    return Finding("vendors", "holidays", Status.WARN, f"Upstox's list differs from the calendar: {told}", advice)


def _hours_known(calendar: Calendar, day: date) -> bool:
    """Whether our tables have a session that day, and its hours: those of a Muhurat evening are announced late."""
    try:
        calendar.session(day, Segment.FO)
    except MarketRuleError:
        return False
    return True


def _hours(session: Session, now: int) -> str:
    when = "today" if session.day == indian_day(now) else "next"
    opens, closes = ist(session.open_ns), ist(session.close_ns)[-9:]
    running = ", running" if session.open_ns <= now else ""
    pause = f", in {len(session.intervals)} parts" if len(session.intervals) > 1 else ""
    why = f", {session.occasion}" if session.occasion else ""
    return f"{when}: {session.day:%a} {opens[:-4]} to {closes}{pause}{why}{running}"
