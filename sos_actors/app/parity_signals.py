"""The signals that the sweep over history finds in what a journal says the engine was told. For ``parity.py``.

The engine steps bar by bar, the sweep takes all at once; from the same bars and the same knowledge both must find the
same signals, number for number. What differs here nobody can explain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.parity_fates import Key, Levels, fates_of
from sos_actors.app.parity_heard import FrameSeen, Heard, Stretch
from sos_actors.engine.history import HistoryInput, SymbolHistory, run_history
from sos_actors.engine.moods import Sight, together
from sos_actors.engine.options import OptionRules
from sos_actors.engine.picking import ContractRules, ContractTerms
from sos_actors.engine.plan import FollowedSymbol, Watch, make_plan
from sos_actors.engine.records import InstrumentKind, PriceSource
from sos_actors.engine.sessions import day_of, minute_grid, session_records
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import BarClosed, BarSeries
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.surroundings import screener_values, surroundings
from sos_actors.strategy.tree import SCREENER_FIELDS
from sos_actors.types import NANOS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class SweptSignals:
    """What the sweep found.

    Attributes:
        levels: by signal.
        split: (symbol, strategy) -> the close of a bar from which on both saw different longer bars, because the clock
            closed one before its last minute came.
    """

    levels: Mapping[Key, Levels]
    split: Mapping[tuple[str, str], int]


class _NoContracts:
    """A ``ContractBoard`` without contracts: only signals are wanted, not what is traded for them."""

    def expiries(self, underlying: str, day: date) -> list[date]:
        del underlying, day
        return []

    def bars(self, contract: str, day: date, known_by: int) -> BarSeries | None:
        del contract, day, known_by
        return None

    def source(self, contract: str, day: date, known_by: int) -> int:
        del contract, day, known_by
        return int(PriceSource.CANDLES)


def swept_signals(heard: Heard, calendar: Calendar) -> SweptSignals:
    """Sweep over every stretch of every symbol, each timeframe with what the engine knew when its bars closed."""
    config = heard.header.settings
    stretches = [one for one in heard.stretches if one.bars]
    plan = make_plan(
        heard.strategies, [one.followed for one in stretches], config.risk, config.sizing, config.mood, config.fills
    )
    symbols: list[FollowedSymbol] = []
    watches: list[Watch] = []
    histories: list[SymbolHistory] = []
    closed: list[Mapping[int, Sight]] = []
    split: dict[tuple[str, str], int] = {}
    for watch in plan.watches:
        stretch = stretches[watch.symbol]
        frame = next(one for one in stretch.frames if one.minutes == watch.compiled.timeframe_minutes)
        for number in watch.strategies if frame.split >= 0 else ():
            name = (stretch.followed.symbol, heard.strategies[int(number)].pattern_id)
            split[name] = min(frame.split, split.get(name, frame.split))
        watches.append(Watch(len(symbols), watch.compiled, watch.strategies))
        symbols.append(stretch.followed)
        histories.append(_history(stretch, frame, heard, calendar))
        closed.append(frame.sights)
    days = [heard.header.day]
    minutes, minute_days = minute_grid(days, calendar)
    rules = ContractRules(OptionRules(0, 0), lambda _: 0, lambda _: 1.0, _no_terms)
    swept = replace(plan, symbols=tuple(symbols), watches=tuple(watches))
    sessions = session_records(days, calendar, config.risk)
    result = run_history(
        swept, HistoryInput(days, sessions, minutes, minute_days, histories, _NoContracts(), rules)
    )  # fmt: skip
    really = [int(signal["ts"]) in closed[int(signal["symbol"])] for signal in result.signals]
    kept = replace(result, signals=result.signals[np.array(really, bool)], trades=result.trades[:0])
    return SweptSignals({key: fate.levels for key, fate in fates_of(swept, kept).items()}, split)


def series_of(stretch: Stretch, calendar: Calendar) -> tuple[BarSeries, int]:
    """The bars the engine saw of a stretch, the past within its sessions first, and how many are past."""
    past = stretch.past.bars
    if len(past):
        past = past[calendar.in_session(past.ts, stretch.segment)]
    rows = np.array([_row(bar) for bar in stretch.bars]).reshape(-1, 6)
    ts = np.array([int(bar.ts_open) for bar in stretch.bars], np.int64)
    columns = (past.open, past.high, past.low, past.close, past.volume, past.oi)
    joined = [np.concatenate([column, row]) for column, row in zip(columns, rows.T, strict=True)]
    return BarSeries(np.concatenate([past.ts, ts]), *joined), len(past)


def _row(bar: BarClosed) -> tuple[float, ...]:
    volume = np.nan if bar.volume is None else bar.volume
    oi = np.nan if bar.oi is None else bar.oi
    return bar.open, bar.high, bar.low, bar.close, volume, oi


def _no_terms(underlying: str, expiry: date, day: date) -> ContractTerms:
    raise AssertionError(f"a contract of {underlying} was chosen where there are none ({expiry}, {day})")


def _history(stretch: Stretch, frame: FrameSeen, heard: Heard, calendar: Calendar) -> SymbolHistory:
    bars, n_past = series_of(stretch, calendar)
    numbers = calendar.session_numbers(bars.ts)
    opens, closes, rows = np.empty_like(numbers), np.empty_like(numbers), np.full_like(numbers, -1)
    for number in np.unique(numbers):
        low, high = np.searchsorted(numbers, [number, number + 1])
        day = day_of(int(bars.ts[low]))
        session = calendar.session(day, stretch.segment)
        opens[low:high], closes[low:high] = session.open_ns, session.close_ns
        if day == heard.header.day:
            rows[low:high] = 0
    rows[: _untraded(bars, n_past, opens, frame.minutes)] = -1
    rates = None if stretch.followed.kind is InstrumentKind.INDEX else heard.header.stock_rates
    return SymbolHistory(bars, numbers, opens, closes, rows, _Seen(stretch, frame, heard.stale_ns), rates)


def _untraded(bars: BarSeries, n_past: int, opens: NDArray[np.int64], minutes: int) -> int:
    """Minutes of the past whose bar is over: one that goes on with the first minute heard is traded like any other."""
    if n_past == 0 or n_past == len(bars):
        return n_past
    length = minutes * NANOS_PER_MINUTE
    buckets = opens + (bars.ts - opens) // length * length
    return int(np.searchsorted(buckets[:n_past], buckets[n_past]))


class _Seen:
    """What bars are seen with: as the engine knew it when they closed, and for the past as it was told."""

    def __init__(self, stretch: Stretch, frame: FrameSeen, stale_ns: int) -> None:
        self._past, self._sights, self._stale_ns = stretch.past, frame.sights, stale_ns
        alerts = [screener_values(alert) for alert in stretch.past.alerts]
        self._alert_ts = np.array([alert.ts_event for alert in stretch.past.alerts], np.int64)
        self._alerts = np.array(alerts).reshape(-1, len(SCREENER_FIELDS))

    def __call__(self, moments: NDArray[np.int64]) -> Surroundings:
        past = self._past
        before = surroundings(moments, past.sentiment_ts, past.sentiments, self._alert_ts, self._alerts, self._stale_ns)
        sights = []
        for row, moment in enumerate(moments.tolist()):
            sight = self._sights.get(moment)
            sights.append(sight if sight is not None else _of(before, row))
        return together(sights)


def _of(around: Surroundings, row: int) -> Sight:
    told, alert = int(around[0][row]), int(around[3][row])
    return Sight(
        around[1][told] if told >= 0 else None, int(around[2][row]), around[4][alert] if alert >= 0 else None
    )  # fmt: skip
