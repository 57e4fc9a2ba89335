"""Which days NSE trades, between which minutes, and how the days count.

Days are ``date`` in Asia/Kolkata, instants are UnixNanos UTC. A date no table covers is refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import MarketRuleError
from sos_actors.market import tables
from sos_actors.market.sessions import TABLE as SESSIONS
from sos_actors.market.sessions import Hours, Session, SpecialSession, load
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment, UnixNanos

__all__ = ["HOLIDAYS", "Calendar", "Session", "SpecialSession"]

HOLIDAYS = "holidays.toml"
_NANOS_PER_DAY = 86_400 * NANOS_PER_SECOND
_IST_OFFSET_NS = IST_OFFSET_S * NANOS_PER_SECOND
_EPOCH = date(1970, 1, 1).toordinal()
_MOST_INTERVALS = 4


class Calendar:
    """NSE's trading days and hours. Immutable; ``Calendar.default()`` reads the package's tables once.

    Args:
        first: first covered day.
        last: last covered day.
        holidays: name by weekday date.
        hours: ordinary hours, any order.
        specials: special sessions; they win over holidays and weekends.
    """

    __slots__ = ("_first", "_holidays", "_hours", "_last", "_numbers", "_sessions", "_specials")

    def __init__(
        self,
        first: date,
        last: date,
        holidays: Mapping[date, str],
        hours: Iterable[Hours],
        specials: Iterable[SpecialSession],
    ) -> None:
        """Number the trading days."""
        self._first, self._last = first, last
        self._holidays = dict(holidays)
        self._hours = tuple(sorted(hours, key=lambda row: row.start))
        self._specials = {special.day: special for special in specials}
        self._sessions: dict[tuple[date, Segment, bool], Session] = {}
        start = first.toordinal()
        weekdays = (np.arange(start, last.toordinal() + 1) - 1) % 7
        trades = weekdays < 5
        trades[[day.toordinal() - start for day in self._holidays]] = False
        trades[[day.toordinal() - start for day in self._specials]] = True
        self._numbers = np.where(trades, np.cumsum(trades) - 1, -1)
        self._numbers.flags.writeable = False

    @classmethod
    def default(cls) -> Calendar:
        """The calendar of the package's tables, the same immutable value each time."""
        return _default_calendar()

    def overruled(self, holidays: Mapping[date, str] | None = None, sessions: Iterable[SpecialSession] = ()) -> Self:
        """A calendar in which the given holidays and sessions win, as the broker's own calendar does over our tables.

        Raises:
            MarketRuleError: a date outside the covered years.
        """
        holidays, sessions = dict(holidays or {}), tuple(sessions)
        for day in (*holidays, *(session.day for session in sessions)):
            self._index(day)
        specials = {day: special for day, special in self._specials.items() if day not in holidays}
        specials |= {session.day: session for session in sessions}
        weekdays = {day: name for day, name in holidays.items() if day.weekday() < 5}
        return type(self)(self._first, self._last, self._holidays | weekdays, self._hours, specials.values())

    @property
    def first(self) -> date:
        """First covered day."""
        return self._first

    @property
    def last(self) -> date:
        """Last covered day."""
        return self._last

    def is_session(self, day: date) -> bool:
        """Whether NSE trades on ``day`` at all, a Muhurat evening included.

        Raises:
            MarketRuleError: outside the covered years.
        """
        return bool(self._numbers[self._index(day)] >= 0)

    def is_business_day(self, day: date) -> bool:
        """Whether contracts can expire on ``day``: a weekday with a session that is not a Muhurat evening.

        Raises:
            MarketRuleError: outside the covered years.
        """
        special = self._specials.get(day)
        return self.is_session(day) and day.weekday() < 5 and not (special is not None and special.muhurat)

    def sessions(self, first: date, last: date) -> list[date]:
        """The trading days from ``first`` to ``last``, both included.

        Raises:
            MarketRuleError: outside the covered years.
        """
        start, stop = self._index(first), self._index(last) + 1
        offset = self._first.toordinal() + start
        return [date.fromordinal(offset + int(i)) for i in np.flatnonzero(self._numbers[start:stop] >= 0)]

    def session_number(self, day: date) -> int:
        """The day's number, consecutive over trading days.

        Raises:
            MarketRuleError: not a session, or outside the covered years.
        """
        self._require(day)
        return int(self._numbers[self._index(day)])

    def previous_session(self, day: date) -> date:
        """The trading day before ``day``, which need not be one itself.

        Raises:
            MarketRuleError: outside the covered years.
        """
        before = np.flatnonzero(self._numbers[: self._index(day)] >= 0)
        if not len(before):
            raise self._uncovered(day)
        return date.fromordinal(self._first.toordinal() + int(before[-1]))

    def session(self, day: date, segment: Segment, *, fno_stock: bool = True) -> Session:
        """The hours of ``segment`` on ``day``.

        Args:
            day: the date.
            segment: INDEX, EQ or FO.
            fno_stock: for EQ, whether the stock has derivatives (such stocks stop at 15:15 since 3 August 2026).

        Raises:
            MarketRuleError: no session that day (with the reason), its times are unknown, or the year is not covered.
        """
        key = (day, segment, fno_stock)
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = self._make_session(day, segment, fno_stock)
        return session

    def session_numbers(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        """``session_number`` of each instant's day.

        Args:
            ts: int64 (n,), UnixNanos, any order.

        Returns:
            int64 (n,).

        Raises:
            MarketRuleError: an instant on a day without a session (the first is named), or outside the covered years.
        """
        index = self._indices(ts)
        numbers: NDArray[np.int64] = self._numbers[index]
        closed = np.flatnonzero(numbers < 0)
        if len(closed):
            self._require(date.fromordinal(self._first.toordinal() + int(index[closed[0]])))
        return numbers

    def in_session(self, ts: NDArray[np.int64], segment: Segment, fno_stock: bool = True) -> NDArray[np.bool_]:
        """Whether a bar of ``segment`` may open at each instant; False on a day without a session.

        Args:
            ts: int64 (n,), UnixNanos, any order.
            segment: INDEX, EQ or FO.
            fno_stock: as for ``session``.

        Returns:
            bool (n,).

        Raises:
            MarketRuleError: outside the covered years, or on a day whose times no table knows.
        """
        days, inverse = np.unique(self._indices(ts), return_inverse=True)
        spans = np.zeros((len(days), _MOST_INTERVALS, 2), np.int64)
        for row, index in enumerate(days):
            if self._numbers[index] >= 0:
                day = date.fromordinal(self._first.toordinal() + int(index))
                intervals = self.session(day, segment, fno_stock=fno_stock).intervals
                spans[row, : len(intervals)] = intervals
        start, close = spans[inverse, :, 0], spans[inverse, :, 1]
        inside: NDArray[np.bool_] = np.any((ts[:, None] >= start) & (ts[:, None] < close), axis=1)
        return inside

    def _make_session(self, day: date, segment: Segment, fno_stock: bool) -> Session:
        self._require(day)
        group = "EQ_FNO" if segment is Segment.EQ and fno_stock else segment.value
        row = next((h for h in reversed(self._hours) if h.start <= day and group in h.groups), None)
        if row is None:
            raise MarketRuleError(f"No hours for {group} on {_spoken(day)}: add a row to {tables.path_of(SESSIONS)}.")
        special = self._specials.get(day)
        minutes, until = row.intervals, row.continuous_until
        if special is not None and special.intervals is not None:
            if not special.intervals:
                raise MarketRuleError(
                    f"{_spoken(day)} has a session ({special.occasion}) but its times are not known here: "
                    f"add them to the row of that day in {tables.path_of(SESSIONS)}."
                )
            minutes, until = special.intervals, special.intervals[-1][1]
        midnight = (day.toordinal() - _EPOCH) * _NANOS_PER_DAY - _IST_OFFSET_NS
        intervals = tuple((midnight + a * NANOS_PER_MINUTE, midnight + b * NANOS_PER_MINUTE) for a, b in minutes)
        closing = UnixNanos(midnight + until * NANOS_PER_MINUTE)
        return Session(day, segment, intervals, closing, special.occasion if special else "")

    def _require(self, day: date) -> None:
        if self.is_session(day):
            return
        name = self._holidays.get(day)
        reason = f"a holiday: {name}" if name else f"a {day:%A} without a special session"
        raise MarketRuleError(f"{_spoken(day)} is {reason}. If NSE did trade, correct {tables.path_of(HOLIDAYS)}.")

    def _index(self, day: date) -> int:
        if not self._first <= day <= self._last:
            raise self._uncovered(day)
        return day.toordinal() - self._first.toordinal()

    def _indices(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        index: NDArray[np.int64] = (ts + _IST_OFFSET_NS) // _NANOS_PER_DAY + (_EPOCH - self._first.toordinal())
        outside = np.flatnonzero((index < 0) | (index >= len(self._numbers)))
        if len(outside):
            raise self._uncovered(date.fromordinal(self._first.toordinal() + int(index[outside[0]])))
        return index

    def _uncovered(self, day: date) -> MarketRuleError:
        return MarketRuleError(
            f"{_spoken(day)} is outside the calendar ({_spoken(self._first)} to {_spoken(self._last)}): "
            f"add the year to {tables.path_of(HOLIDAYS)}."
        )


def _spoken(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


@lru_cache(maxsize=1)
def _default_calendar() -> Calendar:
    table = tables.read(HOLIDAYS)
    holidays = {date.fromisoformat(day): name for day, name in table["holidays"].items()}
    hours, specials = load()
    return Calendar(table["first"], table["last"], holidays, hours, specials)
