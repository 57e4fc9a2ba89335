"""Which moment of the market a simulated vendor shows, and how the vendors write moments down."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar, Session
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.world import World
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment

_IST = timezone(timedelta(seconds=IST_OFFSET_S))
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS_WITHOUT_SESSION = 15


class Shown(NamedTuple):
    """What a vendor's answer is made of.

    Attributes:
        ts: the moment of the market, UnixNanos.
        shift: nanoseconds by which every time the vendor writes is off.
    """

    ts: int
    shift: int


class Trading(NamedTuple):
    """Where a moment lies among the sessions.

    Attributes:
        session: the session the moment lies in, or the last one before it.
        ts: the moment, moved back to the end of trading when nothing trades; UnixNanos.
        is_open: whether the moment lies in the session's hours.
    """

    session: Session
    ts: int
    is_open: bool

    @property
    def day(self) -> date:
        """The session's date."""
        return self.session.day


def shown(world: World, vendor: str, path: str, delay_s: float = 0.0) -> Shown:
    """The moment a vendor shows on a path: now, less its delay; the moment a standing fault froze it at.

    A skewed clock moves the times a vendor writes, never the market itself.
    """
    stale = world.faults.standing(vendor, FaultKind.STALE, path)
    skew = world.faults.standing(vendor, FaultKind.CLOCK_SKEW)
    ts = stale.begun if stale is not None else int(world.clock.now())
    shift = int(skew.seconds * NANOS_PER_SECOND) if skew is not None else 0
    return Shown(ts - int(delay_s * NANOS_PER_SECOND), shift)


def trading(calendar: Calendar, ts: int, segment: Segment) -> Trading:
    """Where a moment lies among a segment's sessions.

    Raises:
        MarketRuleError: no session within a fortnight before, or outside the calendar.
    """
    day = indian_day(ts)
    for _ in range(_DAYS_WITHOUT_SESSION):
        session = _session(calendar, day, segment)
        if session is not None and ts >= session.open_ns:
            ends = [close for start, close in session.intervals if start <= ts]
            return Trading(session, min(ts, ends[-1]), ts < ends[-1])
        day = calendar.previous_session(day)
    raise MarketRuleError(f"No session of {segment} is known in the fortnight before {indian_day(ts)}.")


def _session(calendar: Calendar, day: date, segment: Segment) -> Session | None:
    """The session of a day; None without one, or where no table knows its hours."""
    if not calendar.is_session(day):
        return None
    try:
        return calendar.session(day, segment)
    except MarketRuleError:
        return None


def mark(ts: int, first: int, every_min: int) -> int:
    """The last moment not after ``ts`` that lies a whole number of ``every_min`` minutes after ``first``."""
    step = every_min * NANOS_PER_MINUTE
    return first + max(ts - first, 0) // step * step


def indian(ts: int) -> datetime:
    """A moment (UnixNanos) in India, to the second."""
    return datetime.fromtimestamp(ts // NANOS_PER_SECOND, _IST)


def dashed(day: date) -> str:
    """``27-Jan-2026``, whatever the locale."""
    return f"{day.day:02d}-{_MONTHS[day.month - 1]}-{day.year}"


def read_dashed(text: str) -> date | None:
    """The date of ``27-Jan-2026``, in any case; None for anything else."""
    parts = text.strip().title().split("-")
    if len(parts) != 3 or parts[1] not in _MONTHS or not (parts[0].isdecimal() and parts[2].isdecimal()):
        return None
    try:
        return date(int(parts[2]), _MONTHS.index(parts[1]) + 1, int(parts[0]))
    except ValueError:
        return None


def stamp(ts: int) -> str:
    """``23-Jan-2026 15:30:00`` in India."""
    at = indian(ts)
    return f"{dashed(at)} {at:%H:%M:%S}"


def weekday(day: date) -> str:
    """``Monday``, whatever the locale."""
    return _WEEKDAYS[day.weekday()]


def plain(value: float) -> int | float:
    """A number as JavaScript writes it: an integer where it is one."""
    whole = int(value)
    return whole if whole == value else float(value)


def rounded(value: float, places: int = 2) -> int | float:
    """``plain`` of a value rounded to so many places."""
    return plain(round(float(value), places))
