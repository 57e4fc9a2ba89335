"""What may be asked of Upstox's candle calls: units, intervals and how long a window may be."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Final, NamedTuple

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.asked import day_of

_MOST: Final = {"minutes": 300, "hours": 5, "days": 1, "weeks": 1, "months": 1}
_V2: Final = {
    "1minute": ("minutes", 1),
    "30minute": ("minutes", 30),
    "day": ("days", 1),
    "week": ("weeks", 1),
    "month": ("months", 1),
}
_EXPIRED: Final = {
    "1minute": ("minutes", 1),
    "3minute": ("minutes", 3),
    "5minute": ("minutes", 5),
    "15minute": ("minutes", 15),
    "30minute": ("minutes", 30),
    "day": ("days", 1),
}
MINUTES_SINCE: Final = date(2022, 1, 1)
"""Candles of minutes and hours begin here."""
DAYS_SINCE: Final = date(2000, 1, 1)


class Span(NamedTuple):
    """The length of a candle.

    Attributes:
        unit: ``minutes``, ``days``, ``weeks`` or ``months``; hours are minutes.
        length: minutes of a candle, else 1.
    """

    unit: str
    length: int

    @property
    def since(self) -> date:
        """The first day the vendor has such candles of."""
        return MINUTES_SINCE if self.unit == "minutes" else DAYS_SINCE

    @property
    def most_months(self) -> int | None:
        """How many months one request may span; None without bound."""
        if self.unit == "minutes":
            return 1 if self.length <= 15 else 3
        return 120 if self.unit == "days" else None


def span_v3(unit: str, interval: str, *, intraday: bool = False) -> Span:
    """The candle length a V3 path names.

    Raises:
        UpstoxRefusal: 400 UDAPI1146: no such unit; UDAPI1147: not an interval of it.
    """
    most = _MOST.get(unit)
    if most is None or (intraday and unit in ("weeks", "months")):
        raise UpstoxRefusal(400, "UDAPI1146", "Invalid unit", field="unit", value=unit)
    if not interval.isascii() or not interval.isdigit() or not 1 <= int(interval) <= most:
        raise UpstoxRefusal(400, "UDAPI1147", "Invalid interval", field="interval", value=interval)
    return Span("minutes", int(interval) * 60) if unit == "hours" else Span(unit, int(interval))


def span_v2(interval: str, *, intraday: bool = False, expired: bool = False) -> Span:
    """The candle length a V2 path names.

    Raises:
        UpstoxRefusal: 400 UDAPI1020 or, within the day, UDAPI1076: no such interval.
    """
    known = _EXPIRED if expired else _V2
    named = known.get(interval)
    if intraday and (named is None or named[0] != "minutes"):
        raise UpstoxRefusal(400, "UDAPI1076", "Interval accepts one of (1minute,30minute)", field="interval")
    if named is None:
        raise UpstoxRefusal(400, "UDAPI1020", f"Interval accepts one of ({','.join(known)})", field="interval")
    return Span(*named)


def window(span: Span, to_text: str, from_text: str | None) -> tuple[date, date]:
    """The first and last day that are asked for; without a first day, the longest window one may ask for.

    That the longest window is meant is not documented; what other programs show agrees.

    Raises:
        UpstoxRefusal: 400 UDAPI1022: no last day; UDAPI1015: no dates, or in the wrong order; UDAPI1148: too long.
    """
    if not to_text.strip():
        raise UpstoxRefusal(400, "UDAPI1022", "to_date is required", field="to_date")
    last = day_of(to_text)
    months = span.most_months
    if last is None:
        raise _bad_dates(to_text)
    earliest = _months_before(last, months) if months is not None else span.since
    if from_text is None:
        return earliest, last
    first = day_of(from_text)
    if first is None or first > last:
        raise _bad_dates(from_text)
    if months is not None and first < earliest:
        raise UpstoxRefusal(400, "UDAPI1148", "Invalid date range", field="from_date", value=from_text)
    return first, last


def last_complete(last: date, today: date) -> date:
    """The last day history may show of those asked for: today's candles are not history yet."""
    return min(last, today - timedelta(days=1))


def _bad_dates(text: str) -> UpstoxRefusal:
    return UpstoxRefusal(
        400,
        "UDAPI1015",
        "to_date must be greater than or equal to from_date and Date should be in valid format: yyyy-mm-dd",
        field="to_date",
        value=text,
    )


def _months_before(day: date, months: int) -> date:
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    if years < 1:
        return date.min
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))
