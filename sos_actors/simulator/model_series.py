"""Which contracts the simulated exchange lists on a day, and the numbers it gives them.

A series is listed from the session after an earlier one of its kind has expired. Its strikes are fixed then, from the
close of that day, so that a contract's number and the series' extent tell nothing of later prices.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from sos_actors.market.expiries import Expiry, expiries
from sos_actors.market.lots import largest_order, lot_size

_WEEKLY_SERIES, _MONTHLY_SERIES, _FUTURES = 3, 2, 3
_BLOCK = 512
_BLOCKS = 12
_FIRST_TOKEN = {"NIFTY": 40_000, "BANKNIFTY": 50_000}
_FIRST_FUTURE_TOKEN = {"NIFTY": 58_000, "BANKNIFTY": 58_100}
_FUTURE_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Series:
    """One expiry of an underlying.

    Attributes:
        place: its number among the underlying's expiries.
        listed_after: the day whose close its strikes are set around; it is listed from the next session on.
    """

    underlying: str
    expiry: Expiry
    place: int
    listed_after: date

    @property
    def first_token(self) -> int:
        """The token of its lowest call; the series' tokens are reused twelve expiries later."""
        return _FIRST_TOKEN[self.underlying] + self.place % _BLOCKS * _BLOCK


class SeriesTable:
    """The expiries of the underlyings over a calendar.

    Args:
        calendar: the sessions; contracts expiring after its end, or before a lot size is known, are not listed.
        underlyings: short names.
    """

    def __init__(self, calendar: Calendar, underlyings: Sequence[str]) -> None:
        self._calendar = calendar
        self._all = {name: self._series(name) for name in underlyings}
        self._listed: dict[tuple[str, date], tuple[Series, ...]] = {}

    def options(self, underlying: str, day: date) -> tuple[Series, ...]:
        """The option series listed on a day, nearest first: the next three weekly and the next two monthly ones."""
        key = (underlying, day)
        if key not in self._listed:
            left = [one for one in self._all.get(underlying, ()) if one.expiry.day >= day]
            weekly = [one for one in left if one.expiry.weekly][:_WEEKLY_SERIES]
            monthly = [one for one in left if not one.expiry.weekly][:_MONTHLY_SERIES]
            both = sorted(weekly + monthly, key=lambda one: one.expiry.day)
            self._listed[key] = tuple(one for one in both if _known(underlying, one.expiry.day, day))
        return self._listed[key]

    def futures(self, underlying: str, day: date) -> tuple[date, ...]:
        """Expiries of the futures listed on a day: front, next and far month."""
        every = self._all.get(underlying, ())
        monthly = [one.expiry.day for one in every if not one.expiry.weekly and one.expiry.day >= day]
        return tuple(expiry for expiry in monthly[:_FUTURES] if _known(underlying, expiry, day))

    def series(self, underlying: str, expiry: date) -> Series | None:
        """The series of an expiry; None when there is none."""
        every = self._all.get(underlying, ())
        place = bisect_left(every, expiry, key=lambda one: one.expiry.day)
        return every[place] if place < len(every) and every[place].expiry.day == expiry else None

    def between(self, underlying: str, first: date, last: date) -> list[date]:
        """Expiries from ``first`` to ``last``, both included, of contracts whose lot size is known."""
        return [
            one.expiry.day
            for one in self._all.get(underlying, ())
            if first <= one.expiry.day <= last and _known(underlying, one.expiry.day, one.expiry.day)
        ]

    def future_token(self, underlying: str, expiry: date) -> int:
        """The number of a future; reused eight months later."""
        return _FIRST_FUTURE_TOKEN[underlying] + (expiry.year * 12 + expiry.month) % _FUTURE_TOKENS

    def _series(self, underlying: str) -> tuple[Series, ...]:
        calendar = self._calendar
        found = expiries(underlying, calendar.first, calendar.last, calendar)
        series = []
        for place, expiry in enumerate(found):
            earlier = [one.day for one in found[:place] if one.weekly == expiry.weekly]
            reach = _WEEKLY_SERIES if expiry.weekly else _MONTHLY_SERIES
            after = earlier[-reach] if len(earlier) >= reach else calendar.first
            series.append(Series(underlying, expiry, place, after))
        return tuple(series)


def _known(underlying: str, expiry: date, day: date) -> bool:
    """Whether the tables have the lot and the freeze quantity of a contract on a day."""
    try:
        lot_size(underlying, expiry)
        largest_order(underlying, expiry, day)
    except MarketRuleError:
        return False
    return True
