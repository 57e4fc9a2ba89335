"""Turns stored rows into what the engine runs on: bars with their sessions, sentiment with its regime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.board import DAY_NS, day_start
from sos_actors.config import Mood
from sos_actors.engine.history import SymbolHistory
from sos_actors.engine.plan import FollowedSymbol
from sos_actors.engine.records import InstrumentKind
from sos_actors.market.agreement import Quarantines
from sos_actors.market.calendar import Calendar
from sos_actors.market.charges import ChargeKind, ChargeTable
from sos_actors.market.regime import regime_path
from sos_actors.messages.market import BarSeries, QuarantineChanged, ScreenerAlert
from sos_actors.store.columns import ATM_CALL, StatsColumns
from sos_actors.store.database import Store
from sos_actors.strategy.assembler import REGIME_CODE
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.surroundings import (
    PRICE_LEVELS,
    rows_in_force,
    screener_values,
    surroundings,
    without_levels,
)
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment


@dataclass(frozen=True, slots=True)
class SentimentPath:
    """The moods of one underlying over time.

    Attributes:
        stats: as stored.
        regime: int8 (n,), ``Regime`` in force after each row.
        values: float64 (n, 12) in the order of ``SENTIMENT_FIELDS``.
        stale_ns: how old a row may be.
    """

    stats: StatsColumns
    regime: NDArray[np.int8]
    values: NDArray[np.float64]
    stale_ns: int

    @classmethod
    def of(cls, stats: StatsColumns, mood: Mood) -> SentimentPath:
        """Read the regimes out of stored measures."""
        known = (stats.declines > 0) & ~np.isnan(stats.advances)
        breadth = np.full(len(stats), np.nan)
        np.divide(stats.advances, stats.declines, out=breadth, where=known)
        stale_ns = mood.stale_after_s * NANOS_PER_SECOND
        regime = regime_path(
            stats.ts, stats.pcr, stats.pcr_velocity, breadth, stats.smart_trend, stale_ns,
            mood.hysteresis_minutes * NANOS_PER_MINUTE,
        )  # fmt: skip
        trend = stats.smart_trend.astype(np.float64)
        derived = {
            "breadth_ratio": breadth,
            "smart_trend": np.where(trend > 0, trend, np.nan),
            "regime": REGIME_CODE + regime,
        }
        columns = [derived[name] if name in derived else getattr(stats, name) for name in SENTIMENT_FIELDS]
        return cls(stats, regime, np.column_stack(columns), stale_ns)

    def after(self, market: SentimentPath) -> SentimentPath:
        """The market's mood until the first row of one's own, from then on one's own.

        Only the mood is lent: strikes, options, open interest and the spot of another underlying are unknown, not ours.
        """
        lent = int(np.searchsorted(market.stats.ts, self.stats.ts[0])) if len(self.stats) else len(market.stats)
        if not lent:
            return self
        unknown = dict.fromkeys((*PRICE_LEVELS, *ATM_CALL, "total_oi", "spot"), np.full(lent, np.nan))
        rows = replace(market.stats[:lent], **unknown)
        columns = {one.name: np.concatenate([getattr(rows, one.name), getattr(self.stats, one.name)])
                   for one in fields(StatsColumns)}  # fmt: skip
        return SentimentPath(
            StatsColumns(**columns),
            np.concatenate([market.regime[:lent], self.regime]),
            np.concatenate([without_levels(market.values[:lent]), self.values]),
            self.stale_ns,
        )

    def total_oi_at(self, moments: NDArray[np.int64]) -> NDArray[np.float64]:
        """The open interest of the options in force at each moment: what an index has for ``oi``; NaN unknown."""
        rows = rows_in_force(self.stats.ts, moments, self.stale_ns)
        values = np.full(len(moments), np.nan)
        values[rows >= 0] = self.stats.total_oi[rows[rows >= 0]]
        return values


@dataclass(frozen=True, slots=True)
class LoadedSymbol:
    """One symbol as the engine wants it, with what reports need.

    Attributes:
        history: for the engine.
        sentiment: of the symbol.
        bars_of_day: bars found on each day of the run.
        sources: where the bars came from, names as stored.
        left_out: stored bars outside the hours the engine goes by (it takes every share to have derivatives).
    """

    history: SymbolHistory
    sentiment: SentimentPath
    bars_of_day: dict[date, int]
    sources: tuple[str, ...]
    left_out: int


class HistoryLoader:
    """Reads symbols for a run.

    Args:
        store: open.
        calendar: sessions.
        charges: for the estimate of a stock's charges.
        mood: how regimes are read.
        warm_up: sessions before the first day, oldest first.
        days: sessions of the run.
    """

    def __init__(
        self, store: Store, calendar: Calendar, charges: ChargeTable, mood: Mood, warm_up: Sequence[date],
        days: Sequence[date],
    ) -> None:  # fmt: skip
        self._store, self._calendar, self._charges, self._mood = store, calendar, charges, mood
        self._warm_up, self._days = tuple(warm_up), tuple(days)
        everything = [*warm_up, *days]
        self._first = day_start(everything[0])
        self._last = day_start(everything[-1]) + DAY_NS
        self._sentiments: dict[str, SentimentPath] = {}
        self._alerts = store.screener_alerts(self._first, self._last)
        self._quarantines = store.quarantines(self._first, self._last)

    @property
    def alerts(self) -> Sequence[ScreenerAlert]:
        """What the screener said in this time, of any symbol."""
        return self._alerts

    def quarantines_of(self, symbol: str) -> list[QuarantineChanged]:
        """When its prices began to disagree and agreed again in this time."""
        return [change for change in self._quarantines if change.symbol == symbol]

    def load(self, followed: FollowedSymbol) -> LoadedSymbol:
        """Bars of warm-up and run, with sessions and surroundings."""
        bars = self._store.candles(followed.symbol, self._first, self._last)
        index = followed.kind is InstrumentKind.INDEX
        segment = Segment.INDEX if index else Segment.EQ
        inside = self._calendar.in_session(bars.ts, segment)
        bars = bars[inside]
        sentiment = self._sentiment(followed)
        numbers = self._calendar.session_numbers(bars.ts)
        opens, closes, rows, counts = self._sessions_of(numbers, segment)
        if index:
            ends = bars.ts + NANOS_PER_MINUTE
            bars = replace(bars, oi=np.where(np.isnan(bars.oi), sentiment.total_oi_at(ends), bars.oi))
        rates = None if index else self._charges.rates(self._days[0], ChargeKind.EQUITY_INTRADAY)
        quarantines = Quarantines.of(self.quarantines_of(followed.symbol))
        history = SymbolHistory(
            bars, numbers, opens, closes, rows, self._surroundings(followed, sentiment), rates, quarantines
        )
        sources = self._store.candle_sources(followed.symbol, day_start(self._days[0]), self._last)
        return LoadedSymbol(history, sentiment, counts, tuple(sorted(sources)), int((~inside).sum()))

    def _sessions_of(
        self, numbers: NDArray[np.int64], segment: Segment
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], dict[date, int]]:
        opens, closes = np.empty_like(numbers), np.empty_like(numbers)
        rows, counts = np.full_like(numbers, -1), {}
        for position, day in enumerate([*self._warm_up, *self._days]):
            number = self._calendar.session_number(day)
            low, high = np.searchsorted(numbers, [number, number + 1])
            session = self._calendar.session(day, segment)
            opens[low:high], closes[low:high] = session.open_ns, session.close_ns
            row = position - len(self._warm_up)
            rows[low:high] = max(row, -1)
            if row >= 0:
                counts[day] = int(high - low)
        return opens, closes, rows, counts

    def _sentiment(self, followed: FollowedSymbol) -> SentimentPath:
        """A symbol's own mood, and the market's before it has one: what comes later never changes what was before."""
        market = f"NSE|INDEX|{self._mood.market_symbol}"
        own = self._measured(followed.symbol)
        return own if followed.symbol == market else own.after(self._measured(market))

    def _measured(self, symbol: str) -> SentimentPath:
        if symbol not in self._sentiments:
            stats = self._store.market_stats(symbol, self._first, self._last)
            self._sentiments[symbol] = SentimentPath.of(stats, self._mood)
        return self._sentiments[symbol]

    def _surroundings(self, followed: FollowedSymbol, sentiment: SentimentPath) -> _AsOf:
        alerts = [alert for alert in self._alerts if alert.symbol == followed.symbol]
        return _AsOf(sentiment, alerts)


class _AsOf:
    """What bars that close at given moments are seen with."""

    def __init__(self, sentiment: SentimentPath, alerts: Sequence[ScreenerAlert]) -> None:
        self._sentiment = sentiment
        self._alert_ts = np.array([alert.ts_event for alert in alerts], np.int64)
        rows = [screener_values(alert) for alert in alerts]
        self._alerts = np.array(rows).reshape(-1, len(SCREENER_FIELDS))

    def __call__(self, moments: NDArray[np.int64]) -> Surroundings:
        sentiment = self._sentiment
        return surroundings(
            moments, sentiment.stats.ts, sentiment.values, self._alert_ts, self._alerts, sentiment.stale_ns
        )


def bars_document(bars: BarSeries) -> dict[str, list[float | int]]:
    """Candles for the report: times in epoch seconds, prices in rupees or points."""
    return {
        "time": (bars.ts // NANOS_PER_SECOND).tolist(),
        "open": bars.open.tolist(), "high": bars.high.tolist(), "low": bars.low.tolist(), "close": bars.close.tolist(),
    }  # fmt: skip
