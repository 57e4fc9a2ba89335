"""Measures compiled strategies against the asteval reference and against a hand-written loop, in the same run.

Run by hand: ``python -m tests.benchmarks.bench_kernel``. Absolute figures belong to the machine; compare ratios.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.strategy_files import load_paths
from sos_actors.compiled import compiled
from sos_actors.messages.market import BarSeries
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.matcher import Matcher, unknown_surroundings
from sos_actors.strategy.program import CompiledStrategies, compile_strategies
from sos_actors.strategy.reference import ReferenceBar, ReferenceMachine
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS, Strategy
from sos_actors.types import NANOS_PER_SECOND

MILLION = 1_000_000
REFERENCE_BARS = 20_000
SYMBOLS = (1, 10, 50, 200)
MINUTES = 60
RUNS = 5
PER_SESSION = 375
TWO_PHASES = {
    "pattern_id": "TWO_PHASES",
    "regime_config": {},
    "phases": [
        {"id": "SETUP", "conditions": ["close > moving_avg(history, 20, 'close')"], "capture": {"hi": "high"}},
        {"id": "TRIGGER", "conditions": ["close > vars.hi"], "timeout": 5},
    ],
    "execution": {
        "side": "BUY", "entry": "close", "sl": "low", "tp": "entry + (entry - sl) * tp_mult",
        "option_selection": "ATM_CALL",
    },
}  # fmt: skip


def random_bars(count: int) -> tuple[BarSeries, NDArray[np.int64]]:
    """Sessions of minutes with plausible prices and volumes, and the sessions' numbers."""
    chance = np.random.default_rng(7)
    close = np.round(25_000 + np.cumsum(chance.normal(0, 5, count)), 2)
    start = np.concatenate([close[:1], close[:-1]])
    day, minute = np.divmod(np.arange(count), PER_SESSION)
    high = np.maximum(start, close) + chance.exponential(2, count).round(2)
    low = np.minimum(start, close) - chance.exponential(2, count).round(2)
    ts = (1_704_080_700 + day * 86_400 + minute * 60) * NANOS_PER_SECOND
    volume = np.floor(chance.exponential(1_000, count))
    return BarSeries(ts, start, high, low, close, volume, np.full(count, np.nan)), day


def known_surroundings(count: int) -> Surroundings:
    """Sentiment and screener rows that change every five bars."""
    chance = np.random.default_rng(8)
    n_rows = count // 5 + 1
    sentiment = chance.normal(1.0, 0.3, (n_rows, len(SENTIMENT_FIELDS)))
    regime = chance.integers(0, 8, n_rows)
    sentiment[:, -2], sentiment[:, -1] = chance.integers(1, 6, n_rows), 100.0 + regime
    rows = np.arange(count) // 5
    return Surroundings(rows, sentiment, regime[rows], rows, chance.normal(1.0, 1.0, (n_rows, len(SCREENER_FIELDS))))


def median_s(work: Callable[[], object], runs: int = RUNS) -> float:
    """Seconds, the median of several runs after a warm one."""
    work()
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


@compiled
def by_hand(high: NDArray[np.float64], low: NDArray[np.float64], close: NDArray[np.float64],
            fired: NDArray[np.float64]) -> int:  # fmt: skip
    """TWO_PHASES as one would write it for this strategy alone."""
    phase, bars, top, count = 0, 0, 0.0, 0
    for i in range(len(close)):
        if phase == 0:
            n = min(20, i + 1)
            total = 0.0
            for j in range(i - n + 1, i + 1):
                total += close[j]
            if close[i] > total / n:
                phase, bars, top = 1, 0, high[i]
        elif close[i] > top:
            fired[count, 0], fired[count, 1], fired[count, 2] = close[i], low[i], close[i] + (close[i] - low[i])
            count, phase = count + 1, 0
        else:
            bars += 1
            if bars >= 5:
                phase = 0
    return count


def follow(strategies: CompiledStrategies, bars: BarSeries, sessions: NDArray[np.int64], around: Surroundings) -> int:
    """Match everything from the first bar; how many fired."""
    return len(Matcher(strategies).extend(bars, sessions, around))


def follow_reference(strategy: Strategy, bars: BarSeries, sessions: NDArray[np.int64]) -> int:
    """The same through asteval."""
    machine, fired = ReferenceMachine(strategy), 0
    columns = (bars.ts, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.oi, sessions)
    for values in zip(*(column.tolist() for column in columns), strict=True):
        fired += machine.step(ReferenceBar(*values)) is not None
    return fired


def shipped() -> CompiledStrategies:
    """The shipped strategies, all put on one-minute bars."""
    folder = load_paths([Path(__file__).resolve().parents[2] / "strategies"])
    return compile_strategies(tuple(replace(strategy, timeframe_minutes=1) for strategy in folder.strategies))


def report(line: str) -> None:
    sys.stdout.write(line + "\n")


def two_phases() -> None:
    """The strategy of the acceptance criteria: compiled, by hand, by asteval."""
    strategy = load_bytes(json.dumps(TWO_PHASES).encode(), "two_phases.json").strategy
    assert strategy is not None
    program = compile_strategies((strategy,))
    bars, sessions = random_bars(MILLION)
    around = unknown_surroundings(MILLION)
    fired, room = follow(program, bars, sessions, around), np.empty((MILLION, 3))
    assert fired == by_hand(bars.high, bars.low, bars.close, room)
    compiled_s = median_s(lambda: follow(program, bars, sessions, around))
    hand_s = median_s(lambda: by_hand(bars.high, bars.low, bars.close, room))
    part = slice(0, REFERENCE_BARS)
    slow_s = median_s(lambda: follow_reference(strategy, bars[part], sessions[part])) * MILLION / REFERENCE_BARS
    report(f"two phases, {MILLION:,} bars, {fired:,} fired (medians of {RUNS})")
    for name, seconds in (("compiled", compiled_s), ("hand-written numba", hand_s), ("asteval", slow_s)):
        rate, ratio = MILLION / seconds, slow_s / seconds
        report(f"  {name:<20}{seconds * 1e3:>12,.1f} ms{rate:>16,.0f} bars/s{ratio:>10,.0f} x asteval")


def many_strategies() -> None:
    """All shipped strategies on one symbol, and how much of it is columns."""
    program, count = shipped(), 200_000
    bars, sessions = random_bars(count)
    for name, around in (("known", known_surroundings(count)), ("unknown", unknown_surroundings(count))):
        matcher = Matcher(program, count)
        whole_s = median_s(lambda a=around: follow(program, bars, sessions, a))  # type: ignore[misc]
        columns_s = median_s(lambda m=matcher: m._fill(bars, sessions, 0, count))  # type: ignore[misc]
        report(
            f"{len(program.strategies)} shipped strategies, 1 symbol, sentiment {name}: {count / whole_s:,.0f} bars/s, "
            f"columns {columns_s / whole_s:.0%} ({program.n_columns} of them)"
        )


def one_minute_close() -> None:
    """What a minute's close costs when it comes bar by bar, by number of symbols."""
    program, first = shipped(), 400
    bars, sessions = random_bars(first + MINUTES * (RUNS + 1))
    around = unknown_surroundings(1)
    for n_symbols in SYMBOLS:
        matchers = [Matcher(program, 1_024) for _ in range(n_symbols)]
        for matcher in matchers:
            matcher.extend(bars[:first], sessions[:first], unknown_surroundings(first))
        minutes = []
        for i in range(first, len(bars)):
            bar, session = bars[i : i + 1], sessions[i : i + 1]
            start = time.perf_counter()
            for matcher in matchers:
                matcher.extend(bar, session, around)
            minutes.append(time.perf_counter() - start)
        median, worst = statistics.median(minutes), max(minutes)
        report(f"  {n_symbols:>4} symbols: {median * 1e3:8.2f} ms a minute, slowest {worst * 1e3:8.2f} ms, "
               f"{median / n_symbols * 1e6:6.1f} us a symbol")  # fmt: skip


if __name__ == "__main__":
    two_phases()
    many_strategies()
    report("one minute's close, bar by bar, 20 strategies")
    one_minute_close()
