"""Watches one symbol bar by bar: which bars of its timeframes close, and its past before it was followed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.engine.bars import closes, roll_up
from sos_actors.engine.following import SymbolPast
from sos_actors.engine.moods import Mood
from sos_actors.engine.plan import Watch
from sos_actors.engine.sessions import day_of
from sos_actors.market.agreement import Quarantines
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import BarClosed, ScreenerAlert
from sos_actors.strategy.matcher import Matcher, Storage
from sos_actors.strategy.program import CompiledStrategies
from sos_actors.strategy.rows import RowPool, row_capacity
from sos_actors.strategy.surroundings import screener_values, surroundings
from sos_actors.strategy.tree import SCREENER_FIELDS
from sos_actors.types import NANOS_PER_MINUTE, Segment

NEVER = 2**63 - 1
Row = tuple[float, float, float, float, float, float]
"""Open, high, low, close, volume, oi."""


class SessionHours(NamedTuple):
    """One segment's session: its intervals, open and close (UnixNanos), and the exchange's count of it."""

    intervals: tuple[tuple[int, int], ...]
    open: int
    close: int
    number: int

    @classmethod
    def of(cls, calendar: Calendar, day: date, segment: Segment) -> SessionHours:
        """Of the session of a day.

        Raises:
            MarketRuleError: there is none, or its hours are not known.
        """
        session, number = calendar.session(day, segment), calendar.session_number(day)
        return cls(tuple(session.intervals), int(session.open_ns), int(session.close_ns), number)


NO_SESSION = SessionHours((), 0, 0, 0)


class Frame:
    """One timeframe of a symbol: the bar that is open, and the row of the patterns' arrays that it will join."""

    __slots__ = ("bucket", "ends", "length", "minutes", "pool", "row", "rows", "session", "session_row", "ts", "watch")

    def __init__(self, watch: Watch, pool: RowPool, row: int) -> None:
        self.watch, self.pool, self.row = watch, pool, row
        self.minutes = watch.compiled.timeframe_minutes
        self.length = self.minutes * NANOS_PER_MINUTE
        self.rows: list[Row] = []
        self.ts: list[int] = []
        self.bucket = self.ends = 0
        self.session = NO_SESSION
        self.session_row = -1


class Closing(NamedTuple):
    """A bar of one frame that has closed and not been matched yet.

    Attributes:
        opens: UnixNanos, of the bar.
        values: of the bar.
        moment: UnixNanos, when it closed.
        late: its last minute never came.
        session: the exchange's count of its session.
        session_row: the engine's row of it, -1 to warm up only.
    """

    frame: Frame
    opens: int
    values: Row
    moment: int
    late: bool
    session: int
    session_row: int


class SymbolWatch:
    """The open bars of one symbol, fed by its one-minute bars.

    Args:
        symbol: index into the plan's symbols.
        segment: of its hours.
        mood: what its bars are seen with.
        frames: one a timeframe.
    """

    def __init__(self, symbol: int, segment: Segment, mood: Mood, frames: list[Frame]) -> None:
        self.symbol, self.segment, self.mood, self.frames = symbol, segment, mood, frames
        self.quarantines = Quarantines.of()
        self.last_open = -1
        self.due = NEVER
        """When the first of the open bars ends, UnixNanos; ``on_time`` does nothing before."""

    def on_bar(self, bar: BarClosed, session: SessionHours, session_row: int) -> list[Closing]:
        """Take a closed minute; returns the bars of all timeframes that closed with it, in order.

        A minute that is not later than the last one changes nothing: history and feed may both bring it.
        """
        opened = int(bar.ts_open)
        if opened <= self.last_open:
            return []
        self.last_open = opened
        closed = []
        volume = np.nan if bar.volume is None else bar.volume
        oi = bar.oi
        if oi is None:
            oi = self.mood.total_oi(int(bar.ts_event)) if self.segment is Segment.INDEX else np.nan
        row = (bar.open, bar.high, bar.low, bar.close, volume, oi)
        since, over, due = opened - session.open, opened + NANOS_PER_MINUTE, NEVER
        for frame in self.frames:
            bucket = opened - since % frame.length
            if frame.ts and bucket != frame.bucket:
                closed.append(_close(frame))
            frame.bucket, frame.session, frame.session_row = bucket, session, session_row
            frame.ends = min(bucket + frame.length, session.close)
            frame.ts.append(opened)
            frame.rows.append(row)
            if over >= frame.ends:
                closed.append(_close(frame))
            elif frame.ends < due:
                due = frame.ends
        self.due = due
        return closed

    def on_time(self, ts: int) -> list[Closing]:
        """Longer bars whose time is over though their last minutes never came."""
        closed = [_close(frame) for frame in self.frames if frame.ts and ts >= frame.ends]
        self._note_due()
        return closed

    def remember(self, past: SymbolPast, warmed: Warmth) -> None:
        """Begin where the past ends."""
        self.mood.recall(past.sentiment_ts, past.sentiments)
        for alert in past.alerts:
            self.mood.hear(alert)
        self.last_open = warmed.last_open
        for frame, warm in zip(self.frames, warmed.frames, strict=True):
            frame.pool.adopt(frame.row, warm.matcher)
            frame.ts, frame.rows = list(warm.ts), list(warm.rows)
            frame.bucket, frame.ends, frame.session, frame.session_row = warm.bucket, warm.ends, warm.session, -1
        self._note_due()

    def _note_due(self) -> None:
        self.due = min((frame.ends for frame in self.frames if frame.ts), default=NEVER)


class WarmFrame(NamedTuple):
    """One timeframe after its past: the patterns, and the bar that is still open (none when ``ts`` is empty)."""

    matcher: Matcher
    ts: list[int]
    rows: list[Row]
    bucket: int = 0
    ends: int = 0
    session: SessionHours = NO_SESSION


class Warmth(NamedTuple):
    """A symbol's patterns after its past; ``last_open`` is the open of its last minute, -1 without one."""

    last_open: int
    frames: list[WarmFrame]


def warmth_of(
    programs: Sequence[CompiledStrategies], segment: Segment, past: SymbolPast, calendar: Calendar, stale_ns: int
) -> Warmth:
    """Step patterns over the past; nothing of it trades. Values in, values out: any thread may do it.

    Args:
        programs: of the symbol, in the order of its timeframes.
        segment: of its hours.
        past: what is known of it.
        calendar: sessions.
        stale_ns: how old a sentiment may be.
    """
    matchers = [Matcher(one, storage=Storage.of(one, row_capacity(one))) for one in programs]
    bars = past.bars[calendar.in_session(past.bars.ts, segment)] if len(past.bars) else past.bars
    if not len(bars):
        return Warmth(-1, [WarmFrame(matcher, [], []) for matcher in matchers])
    hours, numbers = {}, calendar.session_numbers(bars.ts)
    for number in np.unique(numbers):
        day = day_of(int(bars.ts[np.searchsorted(numbers, number)]))
        hours[int(number)] = SessionHours.of(calendar, day, segment)
    opens = np.array([hours[int(number)].open for number in numbers], np.int64)
    ends = np.array([hours[int(number)].close for number in numbers], np.int64)
    alert_ts, alerts = _alert_rows(past.alerts)
    frames = []
    for matcher in matchers:
        minutes = matcher.strategies.timeframe_minutes
        longer = roll_up(bars, opens, minutes)
        at = np.arange(len(bars)) if minutes == 1 else np.searchsorted(bars.ts, longer.ts)
        moments = closes(longer.ts, ends[at], minutes)
        is_open = int(bars.ts[-1]) + NANOS_PER_MINUTE < int(moments[-1])
        whole = len(longer) - is_open
        seen = surroundings(moments[:whole], past.sentiment_ts, past.sentiments, alert_ts, alerts, stale_ns)
        matcher.extend(longer[:whole], numbers[at][:whole], seen)
        rest = bars[int(at[-1]) :] if is_open else bars[:0]
        columns = (rest.open, rest.high, rest.low, rest.close, rest.volume, rest.oi)
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        frames.append(WarmFrame(
            matcher, rest.ts.tolist(), rows, int(longer.ts[-1]), int(moments[-1]), hours[int(numbers[-1])]
        ))  # fmt: skip
    return Warmth(int(bars.ts[-1]), frames)


def _alert_rows(alerts: tuple[ScreenerAlert, ...]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    ts = np.array([alert.ts_event for alert in alerts], np.int64)
    return ts, np.array([screener_values(alert) for alert in alerts]).reshape(-1, len(SCREENER_FIELDS))


def _close(frame: Frame) -> Closing:
    opens = frame.bucket if frame.minutes > 1 else frame.ts[0]
    late = frame.ts[-1] + NANOS_PER_MINUTE < frame.ends
    closing = Closing(
        frame, opens, folded(frame.rows), frame.ends, late, frame.session.number, frame.session_row
    )  # fmt: skip
    frame.ts, frame.rows = [], []
    return closing


def folded(rows: list[Row]) -> Row:
    """Minutes folded into one bar, as ``roll_up`` does it."""
    if len(rows) == 1:
        return rows[0]
    _, high, low, _, volume, _ = rows[0]
    for row in rows[1:]:
        high, low, volume = max(high, row[1]), min(low, row[2]), volume + row[4]
    return rows[0][0], high, low, rows[-1][3], volume, rows[-1][5]
