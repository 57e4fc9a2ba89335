"""Measures a minute's close of many symbols: all of them in one compiled call, against one after the other.

Run by hand: ``python -m tests.benchmarks.bench_minute``. The whole step of the engine stands beside it. Absolute
figures belong to the machine; compare ratios.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import date

import numpy as np

from sos_actors.config import Fills, Mood, Risk, Sizing
from sos_actors.engine.engine import Engine, EngineRules
from sos_actors.engine.following import SymbolFollowed, SymbolPast
from sos_actors.engine.moods import Sight, together
from sos_actors.engine.options import OptionRules
from sos_actors.engine.picking import ContractRules, ContractTerms
from sos_actors.engine.plan import FollowedSymbol, make_plan
from sos_actors.engine.records import InstrumentKind
from sos_actors.market.calendar import Calendar
from sos_actors.market.charges import ChargeKind, ChargeTable
from sos_actors.messages.market import BarClosed, Sentiment
from sos_actors.strategy.matcher import Matcher, unknown_surroundings
from sos_actors.strategy.rows import BASE_FIELDS, RowPool
from sos_actors.types import NANOS_PER_MINUTE, Regime, Segment, UnixNanos
from tests.benchmarks.bench_kernel import random_bars, shipped

SYMBOLS = (10, 50, 200)
MINUTES = 60
WARM = 600
DAY = date(2026, 1, 13)


def in_one_call(n_symbols: int) -> tuple[float, float, float, float]:
    """Milliseconds of a minute in one call, median and slowest, then one after the other."""
    program = shipped()
    bars, sessions = random_bars(WARM + MINUTES)
    pool, single = RowPool(program, n_symbols), [Matcher(program, 1_024) for _ in range(n_symbols)]
    rows = np.array([pool.take() for _ in range(n_symbols)], np.int64)
    for matcher in [*(pool.matcher(int(row)) for row in rows), *single]:
        matcher.extend(bars[:WARM], sessions[:WARM], unknown_surroundings(WARM))
    around = together([Sight(None, int(Regime.UNKNOWN), None)] * n_symbols)
    together_ms, apart_ms, fired = [], [], 0
    for i in range(WARM, len(bars)):
        one = bars[i : i + 1]
        columns = (one.open, one.high, one.low, one.close, one.volume, one.oi, sessions[i : i + 1])
        values = np.repeat(np.array([[float(column[0]) for column in columns]]), n_symbols, axis=0)
        assert values.shape == (n_symbols, BASE_FIELDS)
        opens = np.full(n_symbols, one.ts[0])
        start = time.perf_counter()
        fired += len(pool.step(rows, opens, values, around))
        together_ms.append((time.perf_counter() - start) * 1e3)
        start = time.perf_counter()
        fired -= sum(len(matcher.extend(one, sessions[i : i + 1], unknown_surroundings(1))) for matcher in single)
        apart_ms.append((time.perf_counter() - start) * 1e3)
    assert fired == 0
    return statistics.median(together_ms), max(together_ms), statistics.median(apart_ms), max(apart_ms)


def whole_step(n_symbols: int) -> tuple[float, float]:
    """Milliseconds of the engine's whole step of a minute: median and slowest."""
    calendar, charges = Calendar.default(), ChargeTable.default()
    strategies = shipped().strategies
    followed = [FollowedSymbol(f"NSE|EQ|STOCK{k}", InstrumentKind.EQUITY) for k in range(n_symbols)]
    plan = make_plan(strategies, [], Risk(), Sizing(), Mood(), Fills())
    terms = ContractTerms(65, 0.05, 1755, charges.rates(DAY, ChargeKind.OPTION))
    contracts = ContractRules(OptionRules(0, 10**12), lambda _: 0, lambda _: 50.0, lambda _u, _e, _d: terms)
    rules = EngineRules(
        calendar, Risk(), 10**15, "NSE|INDEX|NIFTY", lambda _u, _d: [], contracts,
        charges.rates(DAY, ChargeKind.EQUITY_INTRADAY), n_symbols,
    )  # fmt: skip
    engine = Engine(plan, rules, DAY)
    first = int(calendar.session(DAY, Segment.EQ).open_ns)
    for one in followed:
        engine.step(SymbolFollowed(UnixNanos(first), one, SymbolPast()))
    engine.step(Sentiment(UnixNanos(first), "NSE|INDEX|NIFTY", Regime.BULLISH, pcr=1.2))
    bars, _ = random_bars(200)
    taken = []
    for k in range(200):
        opened = UnixNanos(first + k * NANOS_PER_MINUTE)
        prices = (float(bars.open[k]), float(bars.high[k]), float(bars.low[k]), float(bars.close[k]))
        minute = [
            BarClosed(UnixNanos(opened + NANOS_PER_MINUTE), one.symbol, opened, *prices, float(bars.volume[k]))
            for one in followed
        ]
        start = time.perf_counter()
        engine.step_batch(minute)
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken[100:]), max(taken[100:])


def report() -> None:
    """Print the tables."""
    out = sys.stdout.write
    out(f"One minute's close, {len(shipped().strategies)} strategies, milliseconds (medians of {MINUTES}, slowest)\n")
    for n_symbols in SYMBOLS:
        one, one_most, apart, apart_most = in_one_call(n_symbols)
        step, step_most = whole_step(n_symbols)
        figures = f"one call {one:6.2f} ({one_most:6.2f}), one after the other {apart:6.2f} ({apart_most:6.2f})"
        whole = f"the engine's whole step {step:6.2f} ({step_most:6.2f})"
        out(f"  {n_symbols:>4} symbols: {figures}, {apart / one:4.1f} x; {whole}\n")


if __name__ == "__main__":
    report()
