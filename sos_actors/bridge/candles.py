"""Longer candles out of closed minutes, one symbol and one timeframe at a time; the stream state calls it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sos_actors.errors import MarketRuleError
from sos_actors.market.sessions import Session
from sos_actors.messages.market import BarClosed
from sos_actors.runtime.clock import indian_day
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment, Timeframe, UnixNanos

Sessions = Callable[[date, Segment], Session]
"""The hours of a day, as ``Calendar.session`` says them."""
_DAY_NS = 86_400 * NANOS_PER_SECOND
_OFFSET_NS = IST_OFFSET_S * NANOS_PER_SECOND


class Candle:
    """The candle of one symbol and timeframe that is being filled, counted from the session's open.

    It is closed by the minute that ends it, or, where a quiet stock has no such minute, by the next one there is. The
    first candle seen of a session is left out unless its first minute was seen: it would lack what came before.

    Args:
        timeframe: longer than a minute.
        sessions: the hours of a day.
    """

    def __init__(self, timeframe: Timeframe, sessions: Sessions) -> None:
        self._length = int(timeframe) * NANOS_PER_MINUTE
        self._sessions = sessions
        self._filling: _Filling | None = None
        self._bucket: int | None = None
        self._open_ns, self._close_ns = 0, 0
        self._day_begins, self._day_ends = 0, 0

    def add(self, bar: BarClosed) -> list[BarClosed]:
        """The candles that this minute (later than all before) closes, oldest first: none, one, or two."""
        if not self._day_begins <= bar.ts_open < self._day_ends and not self._begin_day(bar):
            return []
        done = []
        opens = self._open_ns + (bar.ts_open - self._open_ns) // self._length * self._length
        filling = self._filling
        if opens != self._bucket:
            if filling is not None:
                done.append(filling.candle())
            whole = self._bucket is not None or opens == bar.ts_open
            self._bucket = opens
            filling = _Filling(bar, opens, min(opens + self._length, self._close_ns)) if whole else None
        elif filling is not None:
            filling.add(bar)
        if filling is not None and filling.closes <= bar.ts_event:
            done.append(filling.candle())
            filling = None
        self._filling = filling
        return done

    def _begin_day(self, bar: BarClosed) -> bool:
        """Whether there is a session on the bar's day; what was not closed yesterday stays unsaid."""
        day = indian_day(bar.ts_open)
        try:
            session = self._sessions(day, _segment(bar.symbol))
        except MarketRuleError:
            return False
        self._open_ns, self._close_ns = session.open_ns, session.close_ns
        midnight = (bar.ts_open + _OFFSET_NS) // _DAY_NS * _DAY_NS - _OFFSET_NS
        self._day_begins, self._day_ends = midnight, midnight + _DAY_NS
        self._filling = self._bucket = None
        return True


class _Filling:
    """What the minutes of one candle so far amount to; the volume is unknown when a minute's is."""

    __slots__ = ("_first", "_high", "_last", "_low", "_opens", "_provisional", "_volume", "closes")

    def __init__(self, bar: BarClosed, opens: int, closes: int) -> None:
        self._first = self._last = bar
        self._opens, self.closes = opens, closes
        self._high, self._low, self._volume, self._provisional = bar.high, bar.low, bar.volume, bar.provisional

    def add(self, bar: BarClosed) -> None:
        """One more minute."""
        self._last = bar
        self._high, self._low = max(self._high, bar.high), min(self._low, bar.low)
        self._volume = None if self._volume is None or bar.volume is None else self._volume + bar.volume
        self._provisional = self._provisional or bar.provisional

    def candle(self) -> BarClosed:
        """All of it."""
        first, last = self._first, self._last
        return BarClosed(
            UnixNanos(self.closes), first.symbol, UnixNanos(self._opens),
            first.open, self._high, self._low, last.close, self._volume, last.oi, self._provisional,
        )  # fmt: skip


def _segment(symbol: str) -> Segment:
    return Segment(symbol.split("|")[1])
