"""Small markets for engine tests: strategies from a few words, bars on the tick, history in the engine's own form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sos_actors.config import Fills, Mood, Risk, Sizing
from sos_actors.engine.history import HistoryInput, HistoryResult, SymbolHistory, run_history
from sos_actors.engine.options import OptionRules
from sos_actors.engine.picking import ContractRules, ContractTerms
from sos_actors.engine.plan import FollowedSymbol, Plan, make_plan
from sos_actors.engine.records import LIMITS, InstrumentKind, PriceSource
from sos_actors.engine.sessions import minute_grid, session_records
from sos_actors.market.agreement import Quarantines
from sos_actors.market.calendar import Calendar
from sos_actors.market.charges import ChargeKind, ChargeTable
from sos_actors.messages.market import BarSeries, QuarantineChanged, Sentiment
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.surroundings import sentiment_values, surroundings, without_levels
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS, Strategy
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment

CALENDAR = Calendar.default()
CHARGES = ChargeTable.default()
FIRST, SECOND, THIRD = date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 14)
NIFTY = FollowedSymbol("NSE|INDEX|NIFTY", InstrumentKind.INDEX)
STOCKS = tuple(FollowedSymbol(f"NSE|EQ|{name}", InstrumentKind.EQUITY) for name in ("RELIANCE", "TCS", "SBIN"))
RATES = CHARGES.rates(FIRST, ChargeKind.EQUITY_INTRADAY)
OPTION_RATES = CHARGES.rates(FIRST, ChargeKind.OPTION)
UNKNOWN = np.nan


def record(dtype: np.dtype[np.void], n: int = 1, **values: float) -> Any:
    """``n`` records of ``dtype``, zero but for ``values``."""
    records = np.zeros(n, dtype)
    for name, value in values.items():
        records[name] = value
    return records


def limits(**changes: float) -> Any:
    given = {
        "max_open": 3, "max_per_symbol": 1, "max_trades": 20, "max_loss": 10_000.0, "lots": 2, "risk_budget": 2_000.0,
        "equity_value": 100_000.0,
    }  # fmt: skip
    return record(LIMITS, 1, **{**given, **changes})


def open_of(day: date) -> int:
    """When the stocks' session of a day begins, UnixNanos."""
    return int(CALENDAR.session(day, Segment.EQ).open_ns)


def minute(day: date, index: int) -> int:
    return open_of(day) + index * NANOS_PER_MINUTE


def strategy(pattern_id: str, when: str = "close > prev_candle.close", *, side: str = "BUY", timeframe: str = "1m",
             sl: str = "", tp: str = "", option: str = "ATM_CALL", symbols: Sequence[str] = (),
             regimes: Mapping[str, Mapping[str, object]] | None = None) -> Strategy:  # fmt: skip
    """One phase, one condition; stop and target one and two rupees away unless said otherwise."""
    sign = "-" if side == "BUY" else "+"
    document = {
        "pattern_id": pattern_id, "timeframe": timeframe, "symbols": list(symbols), "regime_config": regimes or {},
        "phases": [{"id": "GO", "conditions": [when]}],
        "execution": {
            "side": side, "entry": "close", "sl": sl or f"entry {sign} 1",
            "tp": tp or f"entry {'+' if side == 'BUY' else '-'} 2", "option_selection": option,
        },
    }  # fmt: skip
    loaded = load_bytes(json.dumps(document).encode(), pattern_id)
    assert loaded.strategy is not None, loaded.findings
    return loaded.strategy


def series(
    ts: Sequence[int] | NDArray[np.int64], prices: Sequence[Sequence[float]], volume: float = 100.0
) -> BarSeries:
    """Rows of ``prices`` are open, high, low, close and perhaps volume."""
    rows = np.array([[*row[:4], row[4] if len(row) > 4 else volume] for row in prices]).reshape(-1, 5)
    open_, high, low, close, traded = rows.T.copy()
    return BarSeries(np.asarray(ts, np.int64), open_, high, low, close, traded, np.full(len(rows), UNKNOWN))


def joined(parts: Sequence[BarSeries]) -> BarSeries:
    """One after the other."""
    return BarSeries(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(BarSeries)))


def walk(days: Sequence[date], seed: int, *, start: float = 100.0, bars: int = 375, holes: float = 0.0,
         idle: float = 0.0) -> BarSeries:  # fmt: skip
    """A walk on the tick; a fraction ``holes`` of the minutes is missing, in a fraction ``idle`` nothing trades."""
    rng = np.random.default_rng(seed)
    ts = np.concatenate([minute(day, 0) + np.arange(bars) * NANOS_PER_MINUTE for day in days])
    close = np.maximum(start + np.round(np.cumsum(rng.normal(0, 0.3, len(ts))) / 0.05) * 0.05, 5.0)
    open_ = np.roll(close, 1) + rng.integers(-2, 3, len(ts)) * 0.05
    open_[0] = start
    high = np.maximum(open_, close) + rng.integers(0, 6, len(ts)) * 0.05
    low = np.minimum(open_, close) - rng.integers(0, 6, len(ts)) * 0.05
    volume = np.where(rng.random(len(ts)) < idle, 0.0, 100.0)
    open_, high, low, close = (np.round(column, 2) for column in (open_, high, low, close))
    return BarSeries(ts, open_, high, low, close, volume, np.full(len(ts), UNKNOWN))[rng.random(len(ts)) >= holes]


class Board:
    """A ``ContractBoard`` over whole series of contracts."""

    def __init__(self, contracts: Mapping[str, BarSeries], expiries: Sequence[date] = ()) -> None:
        self.contracts, self._expiries = contracts, expiries

    def expiries(self, underlying: str, day: date) -> list[date]:
        del underlying
        return [expiry for expiry in self._expiries if expiry >= day]

    def bars(self, contract: str, day: date, known_by: int) -> BarSeries | None:
        series = self.contracts.get(contract)
        if series is None:
            return None
        today = series[(series.ts >= open_of(day)) & (series.ts < open_of(day) + 86_400 * NANOS_PER_SECOND)]
        return today if len(today) and today.ts[0] + NANOS_PER_MINUTE <= known_by else None

    def source(self, contract: str, day: date, known_by: int) -> int:
        del contract, day, known_by
        return int(PriceSource.CANDLES)


def terms(underlying: str, expiry: date, day: date) -> ContractTerms:
    del underlying, expiry, day
    return ContractTerms(65, 0.05, 1755, OPTION_RATES)


CONTRACT_RULES = ContractRules(
    OptionRules(0, 180 * NANOS_PER_SECOND), lambda day: int(CALENDAR.session(day, Segment.FO).close_ns),
    lambda _: 50.0, terms,
)  # fmt: skip


@dataclass(frozen=True)
class Market:
    """Everything a run needs, for the sweep and for the events.

    ``warm_up`` are days before ``days`` that bars may exist of; a symbol without own ``sentiments`` has the first's.
    """

    followed: Sequence[FollowedSymbol]
    bars: Mapping[str, BarSeries]
    days: Sequence[date]
    warm_up: Sequence[date] = ()
    contracts: Mapping[str, BarSeries] = field(default_factory=dict)
    expiries: Sequence[date] = ()
    sentiments: Sequence[Sentiment] = ()
    stale_ns: int = 600 * NANOS_PER_SECOND
    quarantines: Sequence[QuarantineChanged] = ()

    def plan(self, strategies: Sequence[Strategy], risk: Risk | None = None, sizing: Sizing | None = None,
             fills: Fills | None = None) -> Plan:  # fmt: skip
        return make_plan(strategies, self.followed, risk or Risk(), sizing or Sizing(), Mood(), fills or Fills())

    def around(self, symbol: str, moments: NDArray[np.int64]) -> Surroundings:
        names = {sentiment.symbol for sentiment in self.sentiments}
        mine = symbol if symbol in names else NIFTY.symbol
        heard = [sentiment for sentiment in self.sentiments if sentiment.symbol == mine]
        values = np.array([sentiment_values(one) for one in heard]).reshape(-1, len(SENTIMENT_FIELDS))
        values = values if mine == symbol else without_levels(values)
        known_at = np.array([one.ts_event for one in heard], np.int64)
        nothing = np.empty(0, np.int64), np.empty((0, len(SCREENER_FIELDS)))
        return surroundings(moments, known_at, values, *nothing, self.stale_ns)

    def history(self, risk: Risk | None = None) -> HistoryInput:
        minutes, minute_days = minute_grid(self.days, CALENDAR)
        return HistoryInput(
            self.days, session_records(self.days, CALENDAR, risk or Risk()), minutes, minute_days,
            [self._of(followed) for followed in self.followed], Board(self.contracts, self.expiries), CONTRACT_RULES,
        )  # fmt: skip

    def run(self, plan: Plan, risk: Risk | None = None) -> HistoryResult:
        return run_history(plan, self.history(risk))

    def _of(self, followed: FollowedSymbol) -> SymbolHistory:
        bars = self.bars[followed.symbol]
        index = followed.kind is InstrumentKind.INDEX
        numbers = CALENDAR.session_numbers(bars.ts)
        opens, closes, rows = np.zeros_like(numbers), np.zeros_like(numbers), np.full_like(numbers, -1)
        for day in [*self.warm_up, *self.days]:
            session = CALENDAR.session(day, Segment.INDEX if index else Segment.EQ)
            mine = numbers == CALENDAR.session_number(day)
            opens[mine], closes[mine] = session.open_ns, session.close_ns
            rows[mine] = self.days.index(day) if day in self.days else -1
        return SymbolHistory(
            bars, numbers, opens, closes, rows, lambda moments: self.around(followed.symbol, moments),
            None if index else RATES,
            Quarantines.of(change for change in self.quarantines if change.symbol == followed.symbol),
        )  # fmt: skip
