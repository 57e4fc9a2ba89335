"""What happens when at the simulated exchange: a queue of things to do, and the hours in which it trades."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from heapq import heappop, heappush
from itertools import count

from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from sos_actors.market.sessions import Session
from sos_actors.runtime.clock import indian_day
from sos_actors.types import Segment

Action = Callable[[], None]
_LOOK_AHEAD_DAYS = 15


class Timeline:
    """Things to do at simulated moments, in the order of their moments and, at one moment, of their making.

    Attributes:
        now: the moment the exchange has reached, UnixNanos; it never goes back.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self._queue: list[tuple[int, int, Action]] = []
        self._numbers = count()

    def at(self, ts: int, action: Action) -> None:
        """Do something at a moment, or as soon as possible when it has passed."""
        heappush(self._queue, (max(ts, self.now), next(self._numbers), action))

    @property
    def next_ts(self) -> int | None:
        """The moment of the next thing to do; None when there is nothing."""
        return self._queue[0][0] if self._queue else None

    def run_next(self) -> None:
        """Go to the moment of the next thing and do it."""
        ts, _, action = heappop(self._queue)
        self.now = ts
        action()


class TradingHours:
    """When each segment trades continuously, from the market's calendar."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    def session(self, segment: Segment, day: date) -> Session | None:
        """The session of a day; None when there is none, or no table knows its hours."""
        try:
            return self._calendar.session(day, segment) if self._calendar.is_session(day) else None
        except MarketRuleError:
            return None

    def is_open(self, segment: Segment, ts: int) -> bool:
        """Whether a segment trades continuously at a moment."""
        session = self.session(segment, indian_day(ts))
        if session is None or ts >= continuous_close(session):
            return False
        return any(start <= ts < close for start, close in session.intervals)

    def next_open(self, segment: Segment, ts: int) -> int | None:
        """The first moment from ``ts`` on at which a segment trades; None when none is known."""
        if self.is_open(segment, ts):
            return ts
        day = indian_day(ts)
        for _ in range(_LOOK_AHEAD_DAYS):
            session = self.session(segment, day)
            starts = [start for start, _ in session.intervals if start >= ts] if session else []
            if starts:
                return starts[0]
            day += timedelta(days=1)
        return None

    def next_session(self, segment: Segment, ts: int) -> Session | None:
        """The session in progress, or the next one to come; None when none is known."""
        day = indian_day(ts)
        for _ in range(_LOOK_AHEAD_DAYS):
            session = self.session(segment, day)
            if session is not None and continuous_close(session) > ts:
                return session
            day += timedelta(days=1)
        return None


def continuous_close(session: Session) -> int:
    """When a session's continuous trading ends, UnixNanos."""
    return int(session.continuous_close_ns)
