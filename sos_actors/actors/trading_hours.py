"""Whether a segment trades at a moment; actors that look at the market rest while it does not."""

from __future__ import annotations

from sos_actors.market.calendar import Calendar
from sos_actors.runtime.clock import indian_day
from sos_actors.types import Segment


class TradingHours:
    """The hours of one segment.

    Args:
        calendar: sessions.
        segment: whose hours.
    """

    def __init__(self, calendar: Calendar, segment: Segment = Segment.EQ) -> None:
        self._calendar, self._segment = calendar, segment

    def __call__(self, now: int) -> bool:
        """Whether it trades at ``now``, UnixNanos; on a day without session it does not.

        Raises:
            MarketRuleError: no table covers the day.
        """
        day = indian_day(now)
        if not self._calendar.is_session(day):
            return False
        session = self._calendar.session(day, self._segment)
        return any(first <= now < last for first, last in session.intervals)
