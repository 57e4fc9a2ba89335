"""On which days index contracts expire, for dates the instrument master no longer has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from sos_actors.errors import MarketRuleError
from sos_actors.market import tables
from sos_actors.market.calendar import HOLIDAYS, Calendar

TABLE = "expiries.toml"
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Expiry:
    """One expiry day; ``weekly`` is False for the expiry of a month."""

    day: date
    weekly: bool


@dataclass(frozen=True, slots=True)
class _Rule:
    cycle: str
    start: date
    until: date
    weekday: int


def expiries(underlying: str, first: date, last: date, calendar: Calendar) -> list[Expiry]:
    """The expiries of ``underlying`` from ``first`` to ``last``, both included, oldest first.

    Weekly ones where they exist, and the monthly ones; quarterly and half-yearly contracts expire on the latter.

    Raises:
        MarketRuleError: no rule for the underlying or a date, or the calendar does not cover a date.
    """
    rules = _rules().get(underlying)
    if rules is None:
        raise MarketRuleError(f"No expiry rule for {underlying}: add it to {tables.path_of(TABLE)}.")
    found = []
    monthly_weeks = set()
    year, month = first.year, first.month
    while date(year, month, 1) <= last + _WEEK:
        nominal = _last_weekday(year, month, _monthly_rule(rules, underlying, date(year, month, 1)).weekday)
        monthly_weeks.add(_monday(nominal))
        found.append((nominal, False))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for rule in rules:
        if rule.cycle == "weekly":
            day = max(rule.start, first)
            day += timedelta(days=(rule.weekday - day.isoweekday()) % 7)
            while day <= min(rule.until, last + _WEEK):
                if _monday(day) not in monthly_weeks:
                    found.append((day, True))
                day += _WEEK
    near = ((nominal, weekly) for nominal, weekly in sorted(found) if nominal >= first and nominal <= last + _WEEK)
    shifted = (Expiry(_trading_day(nominal, calendar, last), weekly) for nominal, weekly in near)
    return [expiry for expiry in shifted if first <= expiry.day <= last]


def next_expiry(underlying: str, day: date, calendar: Calendar, min_days: int = 0) -> Expiry:
    """The first expiry at least ``min_days`` calendar days after ``day`` (0: ``day`` itself counts).

    Raises:
        MarketRuleError: as ``expiries``, or none within six weeks in the covered years.
    """
    first = day + timedelta(days=min_days)
    found = expiries(underlying, first, min(first + 6 * _WEEK, calendar.last), calendar)
    if not found:
        raise MarketRuleError(
            f"No expiry of {underlying} from {first} to {calendar.last}, where the calendar ends: "
            f"add the next year to {tables.path_of(HOLIDAYS)}."
        )
    return found[0]


def _trading_day(nominal: date, calendar: Calendar, last: date) -> date:
    """``nominal``, or the business day before it; left alone where it is past both ``last`` and the calendar."""
    if nominal > last and nominal > calendar.last:
        return nominal
    day = nominal
    while not calendar.is_business_day(day):
        day -= timedelta(days=1)
    return day


def _monthly_rule(rules: tuple[_Rule, ...], underlying: str, month: date) -> _Rule:
    for rule in rules:
        if rule.cycle == "monthly" and rule.start <= month <= rule.until:
            return rule
    raise MarketRuleError(f"No monthly expiry rule for {underlying} in {month:%B %Y}: extend {tables.path_of(TABLE)}.")


def _last_weekday(year: int, month: int, weekday: int) -> date:
    end = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return end - timedelta(days=(end.isoweekday() - weekday) % 7)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


@lru_cache(maxsize=1)
def _rules() -> dict[str, tuple[_Rule, ...]]:
    rules: dict[str, tuple[_Rule, ...]] = {}
    for row in tables.read(TABLE)["rule"]:
        rule = _Rule(row["cycle"], row["from"], row.get("until", date.max), row["weekday"])
        rules[row["underlying"]] = (*rules.get(row["underlying"], ()), rule)
    return rules
