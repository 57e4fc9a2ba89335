"""Watches one symbol bar by bar: builds longer bars and steps the patterns of each timeframe as they close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_actors.engine.bars import roll_up
from sos_actors.engine.history import to_signals
from sos_actors.engine.plan import Plan, Watch
from sos_actors.engine.records import SIGNAL
from sos_actors.market.agreement import Quarantines
from sos_actors.messages.market import BarClosed, BarSeries, QuarantineChanged, ScreenerAlert, Sentiment
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.matcher import Matcher
from sos_actors.strategy.surroundings import screener_values, sentiment_values, surroundings, without_levels
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS
from sos_actors.types import NANOS_PER_MINUTE

REMEMBERED = 8
"""Sentiments kept."""


class Mood:
    """The last sentiments and the last screener row that a symbol is seen with.

    A bar may reach the engine after a sentiment that was not known yet when it closed, so the last few are kept.

    Args:
        stale_ns: how old a sentiment may be before it counts as unknown.
    """

    def __init__(self, stale_ns: int) -> None:
        self._stale_ns = stale_ns
        self._sentiment_ts = np.empty(0, np.int64)
        self._sentiment = np.empty((0, len(SENTIMENT_FIELDS)))
        self._screener_ts = np.empty(0, np.int64)
        self._screener = np.empty((0, len(SCREENER_FIELDS)))

    def hear(self, fact: Sentiment | ScreenerAlert, *, lent: bool = False) -> None:
        """Add to what is known; what arrives out of order is too late.

        Args:
            fact: what was said.
            lent: it was said of another symbol, so its price levels mean nothing here.
        """
        if isinstance(fact, Sentiment):
            values = sentiment_values(fact)
            self._sentiment_ts, self._sentiment = _appended(
                self._sentiment_ts, self._sentiment, fact.ts_event, without_levels(values) if lent else values
            )
        else:
            self._screener_ts, self._screener = _appended(
                self._screener_ts, self._screener, fact.ts_event, screener_values(fact)
            )

    def forget_sentiment(self) -> None:
        """Nothing is known any more: what was heard was another symbol's."""
        self._sentiment_ts, self._sentiment = self._sentiment_ts[:0], self._sentiment[:0]

    def at(self, moments: NDArray[np.int64]) -> Surroundings:
        """What bars that close at ``moments`` are seen with."""
        return surroundings(
            moments, self._sentiment_ts, self._sentiment, self._screener_ts, self._screener, self._stale_ns
        )


def _appended(
    known_at: NDArray[np.int64], rows: NDArray[np.float64], ts: int, row: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if len(known_at) and ts < known_at[-1]:
        return known_at, rows
    return np.append(known_at[1 - REMEMBERED :], ts), np.concatenate([rows[1 - REMEMBERED :], row[None, :]])


class _Frame:
    """One watch: the open bucket of its timeframe and its matcher."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.matcher = Matcher(watch.compiled)
        self.minutes = watch.compiled.timeframe_minutes
        self.rows: list[tuple[float, ...]] = []
        self.ts: list[int] = []
        self.bucket = 0
        self.ends = 0
        self.session = (0, 0, 0)
        self.session_row = -1


class SymbolWatch:
    """The patterns of one symbol, fed by its one-minute bars.

    Args:
        plan: of the run.
        symbol: index into ``plan.symbols``.
        mood: what its bars are seen with.
    """

    def __init__(self, plan: Plan, symbol: int, mood: Mood) -> None:
        self._plan = plan
        self._mood = mood
        self._quarantines = Quarantines.of()
        self._frames = [_Frame(watch) for watch in plan.watches if watch.symbol == symbol]

    def on_quarantine(self, change: QuarantineChanged) -> None:
        """The prices began to disagree, or agree again: it counts for bars that close from then on."""
        self._quarantines = self._quarantines.after(change)

    def on_bar(self, bar: BarClosed, session: tuple[int, int, int], session_row: int) -> NDArray[np.void]:
        """Take a closed bar; returns SIGNAL records in order of time, then of strategies.

        Args:
            bar: one minute.
            session: open and close of its session (UnixNanos) and the exchange's count of it.
            session_row: the engine's row of the session, -1 to warm up only.
        """
        fired = []
        for frame in self._frames:
            length = frame.minutes * NANOS_PER_MINUTE
            bucket = session[0] + (bar.ts_open - session[0]) // length * length
            if frame.ts and bucket != frame.bucket:
                fired.append(self._close(frame))
            frame.bucket, frame.session, frame.session_row = bucket, session, session_row
            frame.ends = min(bucket + length, session[1])
            frame.ts.append(bar.ts_open)
            volume = np.nan if bar.volume is None else bar.volume
            oi = np.nan if bar.oi is None else bar.oi
            frame.rows.append((bar.open, bar.high, bar.low, bar.close, volume, oi))
            if bar.ts_open + NANOS_PER_MINUTE >= frame.ends:
                fired.append(self._close(frame))
        return _in_order(fired)

    def on_time(self, ts: int) -> NDArray[np.void]:
        """Close longer bars whose time is over though their last minutes never came."""
        return _in_order([self._close(frame) for frame in self._frames if frame.ts and ts >= frame.ends])

    def _close(self, frame: _Frame) -> NDArray[np.void]:
        minutes = BarSeries(np.array(frame.ts, np.int64), *np.array(frame.rows).T)
        bars = roll_up(minutes, np.full(len(minutes), frame.session[0]), frame.minutes)
        moments = np.array([frame.ends], np.int64)
        late = minutes.ts[-1:] + NANOS_PER_MINUTE < moments
        frame.ts, frame.rows = [], []
        matches = frame.matcher.extend(bars, np.array([frame.session[2]], np.int64), self._mood.at(moments))
        rows = np.array([frame.session_row], np.int64)
        return to_signals(matches, frame.watch, self._plan, bars.close, moments, late, rows, self._quarantines)


def _in_order(parts: list[NDArray[np.void]]) -> NDArray[np.void]:
    signals = np.concatenate(parts) if parts else np.empty(0, SIGNAL)
    return signals[np.lexsort((signals["strategy"], signals["ts"]))]
