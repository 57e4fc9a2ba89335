"""Patterns, entries and exits over a million bars: the engine beside a hand-written loop and beside asteval.

Run: python -m tests.benchmarks.bench_engine [bars]. All see the same bars; engine and loop must make the same exits.
The strategy is dense on purpose (a trade every 36 bars): the fewer trades, the faster any engine looks.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import asteval
import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import compiled
from sos_actors.config import Config
from sos_actors.engine.history import HistoryInput, HistoryResult, SymbolHistory, run_history
from sos_actors.engine.options import OptionRules
from sos_actors.engine.picking import ContractRules
from sos_actors.engine.plan import FollowedSymbol, Plan, make_plan
from sos_actors.engine.records import SESSION, InstrumentKind
from sos_actors.engine.rules import to_tick
from sos_actors.engine.sweep import fill_price
from sos_actors.market.charges import ChargeKind, ChargeTable
from sos_actors.messages.market import BarSeries
from sos_actors.strategy.load import load_bytes
from sos_actors.strategy.matcher import unknown_surroundings
from sos_actors.strategy.reference import ReferenceBar, ReferenceMachine
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_MINUTE
from tests.benchmarks.no_contracts import NoContracts

MINUTES = 375
SLICE = 20_000
FILE = {
    "pattern_id": "TWO_PHASES",
    "phases": [
        {"id": "SETUP", "conditions": ["close > moving_avg(history, 20, 'close')"], "capture": {"hi": "high"}},
        {"id": "TRIGGER", "conditions": ["close > vars.hi"], "timeout": 5},
    ],
    "execution": {"side": "BUY", "entry": "close", "sl": "close - 2 * atr", "tp": "entry + (entry - sl) * 1.5"},
}


@dataclass(frozen=True, slots=True)
class Market:
    """Invented sessions of 375 minutes, one a day; numbers are all the engine needs of a calendar."""

    bars: BarSeries
    numbers: NDArray[np.int64]
    sessions: NDArray[np.void]
    days: list[date]


def invented(n_bars: int, seed: int = 1) -> Market:
    """A random walk on a tick of 0.05."""
    rng = np.random.default_rng(seed)
    close = np.round((20_000 + np.cumsum(rng.normal(0, 5, n_bars))) * 20) / 20
    open_ = np.r_[close[0], close[:-1]]
    wick = np.round(np.abs(rng.normal(0, 3, (2, n_bars))) * 20) / 20
    number = np.arange(n_bars) // MINUTES
    start = (number + 1) * 86_400_000_000_000
    ts = start + np.arange(n_bars) % MINUTES * NANOS_PER_MINUTE
    bars = BarSeries(
        ts, open_, np.maximum(open_, close) + wick[0], np.minimum(open_, close) - wick[1], close,
        np.full(n_bars, 1000.0), np.full(n_bars, np.nan),
    )  # fmt: skip
    n_days = int(number[-1]) + 1
    sessions = np.zeros(n_days, SESSION)
    ends = (np.arange(n_days) + 1) * 86_400_000_000_000 + MINUTES * NANOS_PER_MINUTE
    sessions["number"] = np.arange(n_days)
    for name in ("equity", "option"):
        sessions[f"last_entry_{name}"] = ends - 30 * NANOS_PER_MINUTE
        sessions[f"square_off_{name}"] = ends - 10 * NANOS_PER_MINUTE
        sessions[f"close_{name}"] = ends
    return Market(bars, number, sessions, [date.fromordinal(730_000 + i) for i in range(n_days)])


def wide_plan(strategies: list[Strategy], symbols: int = 1) -> Plan:
    """No limit but one position a symbol."""
    config = Config.default()
    risk = replace(
        config.risk, max_open_positions=symbols, max_trades_per_day=1_000_000, max_daily_loss_inr=1e12
    )
    followed = [FollowedSymbol(f"NSE|EQ|S{i}", InstrumentKind.EQUITY) for i in range(symbols)]
    return make_plan(strategies, followed, risk, config.sizing, config.mood, config.fills)


def history_of(market: Market, symbols: int = 1) -> HistoryInput:
    """The engine's input, the same bars for every symbol."""
    numbers = market.numbers
    opens, closes = market.bars.ts - market.bars.ts % 86_400_000_000_000, market.sessions["close_equity"][numbers]
    rates = ChargeTable.default().rates(date(2026, 1, 12), ChargeKind.EQUITY_INTRADAY)
    one = SymbolHistory(
        market.bars, numbers, opens, closes, numbers, lambda moments: unknown_surroundings(len(moments)), rates
    )
    return HistoryInput(
        market.days, market.sessions, market.bars.ts, numbers, [one] * symbols, NoContracts(),
        ContractRules(OptionRules(0, 1), lambda _: 0, lambda _: 1.0, NoContracts.terms),
    )  # fmt: skip


@compiled
def by_hand(
    open_: NDArray[np.float64], high: NDArray[np.float64], low: NDArray[np.float64], close: NDArray[np.float64],
    exits: NDArray[np.float64],
) -> int:  # fmt: skip
    """The same strategy and fills as one loop that knows nothing else; returns the number of trades."""
    count = phase = waited = 0
    captured = stop = target = wanted_stop = wanted_target = 0.0
    held = pending = False
    for i in range(close.shape[0]):
        minute = i % 375
        if pending:
            pending, held = False, True
            stop, target = wanted_stop, wanted_target
        if held:
            price = 0.0
            if minute >= 365 or open_[i] <= stop:
                price = fill_price(open_[i], -1, 1, 0.05)
            elif open_[i] >= target:
                price = open_[i]
            elif low[i] <= stop:
                price = fill_price(stop, -1, 1, 0.05)
            elif high[i] >= target:
                price = target
            if price != 0.0:
                exits[count] = price
                count += 1
                held = False
        total = 0.0
        for j in range(max(0, i - 19), i + 1):
            total += close[j]
        fired = False
        if phase == 0:
            if close[i] > total / min(20, i + 1):
                captured, phase, waited = high[i], 1, 0
        elif close[i] > captured:
            phase, waited, fired = 0, 0, True
        else:
            waited += 1
            if waited >= 5:
                phase, waited = 0, 0
        if fired and not held and not pending and minute < 345:
            reach = 0.0
            for j in range(max(0, i - 13), i + 1):
                widest = high[j] - low[j]
                if j > 0:
                    widest = max(widest, abs(high[j] - close[j - 1]), abs(low[j] - close[j - 1]))
                reach += widest
            reach = reach / min(14, i + 1)
            first = close[i] - 2.0 * reach
            wanted_stop = to_tick(first, 0.05)
            wanted_target = to_tick(close[i] + (close[i] - first) * 1.5, 0.05)
            pending = True
    return count


def by_asteval(strategy: Strategy, market: Market) -> int:
    """The pattern machine evaluating text with asteval; returns the number of signals."""
    machine, bars, signals = ReferenceMachine(strategy), market.bars, 0
    for i in range(len(bars)):
        bar = ReferenceBar(
            int(bars.ts[i]), float(bars.open[i]), float(bars.high[i]), float(bars.low[i]), float(bars.close[i]),
            float(bars.volume[i]), float(bars.oi[i]), int(market.numbers[i]),
        )  # fmt: skip
        signals += machine.step(bar) is not None
    return signals


def by_text(market: Market) -> int:
    """What a folder of scripts does: the same pattern, its texts given to asteval on every bar; returns the signals."""
    interpreter = asteval.Interpreter(minimal=True, use_numpy=False)
    symbols = interpreter.symtable
    bars, signals, phase, waited = market.bars, 0, 0, 0
    history: deque[float] = deque(maxlen=200)
    symbols["history"] = history
    symbols["moving_avg"] = lambda closes, n, _: sum(list(closes)[-n:]) / min(n, len(closes))
    for high, close in zip(bars.high.tolist(), bars.close.tolist(), strict=True):
        history.append(close)
        symbols["close"], symbols["high"] = close, high
        if phase == 0:
            if interpreter("close > moving_avg(history, 20, 'close')"):
                symbols["hi"], phase, waited = interpreter("high"), 1, 0
        elif interpreter("close > hi"):
            signals, phase = signals + 1, 0
        else:
            waited += 1
            phase = 0 if waited >= 5 else phase
    return signals


def seconds(work: Callable[[], object], runs: int = 5) -> float:
    """Median of several runs after one that warms up."""
    work()
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def main(n_bars: int = 1_000_000) -> None:
    """Print bars a second of each, and the ratios."""
    strategy = load_bytes(json.dumps(FILE).encode(), "two_phases.json").strategy
    assert strategy is not None
    market, plan = invented(n_bars), wide_plan([strategy])
    history = history_of(market)
    result: HistoryResult = run_history(plan, history)
    bars, exits = market.bars, np.empty(n_bars)
    count = by_hand(bars.open, bars.high, bars.low, bars.close, exits)
    same = count == len(result.trades) and bool((exits[:count] == result.trades["exit_price"]).all())
    print(f"{n_bars:,} bars, {len(result.signals):,} signals, {count:,} trades by hand, "
          f"{len(result.trades):,} by the engine: {'the same exits' if same else 'DIFFERENT'}")  # fmt: skip
    engine = n_bars / seconds(lambda: run_history(plan, history))
    hand = n_bars / seconds(lambda: by_hand(bars.open, bars.high, bars.low, bars.close, exits))
    few = invented(SLICE)
    reference = SLICE / seconds(lambda: by_asteval(strategy, few), runs=3)
    text = SLICE / seconds(lambda: by_text(few), runs=3)
    print(f"engine                   {engine:>14,.0f} bars/s")
    print(f"hand-written numba loop  {hand:>14,.0f} bars/s   {hand / engine:8.1f} x the engine")
    print(f"asteval given the text   {text:>14,.0f} bars/s   engine is {engine / text:,.0f} x (signals only)")
    print(f"our asteval reference    {reference:>14,.0f} bars/s   engine is {engine / reference:,.0f} x "
          "(signals only; parsed once, nothing looked up that is not named)")  # fmt: skip


if __name__ == "__main__":
    main(*(int(word.replace("_", "")) for word in sys.argv[1:]))
