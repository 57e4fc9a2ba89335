"""Runs a plan over stored history: patterns first, then the sweep that trades what they found.

Pure: the bars, the sentiment, the contracts and the rules come as values; nothing is read from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.engine.bars import closes, roll_up
from sos_actors.engine.holdings import Holdings
from sos_actors.engine.options import ChosenContract, NoContract
from sos_actors.engine.picking import ContractPicker, ContractRules
from sos_actors.engine.plan import Plan, Watch
from sos_actors.engine.records import BOOK, POSITION, SIGNAL, TRADE, InstrumentKind
from sos_actors.engine.sweep import CHOICE, CURSOR, DONE, NEED_CONTRACT, Account, Grounds, sweep
from sos_actors.market.agreement import Quarantines
from sos_actors.market.charges import ChargeRates
from sos_actors.messages.market import BarSeries
from sos_actors.ports import ContractBoard
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.matcher import Matcher
from sos_actors.types import NANOS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class SymbolHistory:
    """The bars of one followed symbol, warm-up included.

    Attributes:
        bars: one-minute bars.
        session_numbers: int64 (n,), the exchange's count of each bar's session.
        session_opens, session_closes: int64 (n,), UnixNanos of the symbol's own segment.
        session_rows: int64 (n,), row of ``HistoryInput.sessions``, -1 in the warm-up.
        surroundings: what bars that close at the given moments int64 (n,) are seen with.
        rates: estimated charges of the stock; None for an index.
        quarantines: when its prices disagreed between two sources.
    """

    bars: BarSeries
    session_numbers: NDArray[np.int64]
    session_opens: NDArray[np.int64]
    session_closes: NDArray[np.int64]
    session_rows: NDArray[np.int64]
    surroundings: Callable[[NDArray[np.int64]], Surroundings]
    rates: ChargeRates | None
    quarantines: Quarantines = field(default_factory=Quarantines.of)


@dataclass(frozen=True, slots=True)
class HistoryInput:
    """Everything a run reads.

    Attributes:
        days: the trading days of the run.
        sessions: SESSION, one record a day.
        minutes, minute_days: the minute grid and the index of each minute's day.
        histories: one for each symbol of the plan.
        board: contracts and their bars.
        contract_rules: how contracts are chosen.
    """

    days: Sequence[date]
    sessions: NDArray[np.void]
    minutes: NDArray[np.int64]
    minute_days: NDArray[np.int64]
    histories: Sequence[SymbolHistory]
    board: ContractBoard
    contract_rules: ContractRules


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """What a run decided.

    Attributes:
        signals: SIGNAL (n,), in order of time.
        trades: TRADE (m,), in order of exit.
        instruments: names of the instruments that trades refer to.
        priced: PriceSource of each.
        lots: units of a lot of each.
        freezes: largest order of each.
        contracts: signal number -> the contract chosen for it, or the one that was wanted and why it could not be had.
        errors: (strategy index, expression) -> evaluations that failed within the run.
    """

    signals: NDArray[np.void]
    trades: NDArray[np.void]
    instruments: list[str]
    priced: NDArray[np.int64]
    lots: NDArray[np.int64]
    freezes: NDArray[np.int64]
    contracts: dict[int, ChosenContract | NoContract]
    errors: dict[tuple[int, str], int]


def run_history(plan: Plan, history: HistoryInput, progress: Callable[[int, int], None] | None = None) -> HistoryResult:
    """Run every pattern over every symbol, then trade.

    Args:
        plan: what to follow.
        history: what happened.
        progress: called with (watches done, watches in all).
    """
    errors: dict[tuple[int, str], int] = {}
    found = []
    if progress is not None:
        progress(0, len(plan.watches))
    for done, watch in enumerate(plan.watches):
        found.append(_signals_of(watch, plan, history.histories[watch.symbol], errors))
        if progress is not None:
            progress(done + 1, len(plan.watches))
    return _Trader(plan, history, _in_order(found)).run(errors)


def _in_order(found: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """The signals of all watches by time; those of one watch are so already."""
    if len(found) < 2:
        return found[0] if found else np.empty(0, SIGNAL)
    signals = np.concatenate(found)
    return signals[np.lexsort((signals["strategy"], signals["symbol"], signals["late"], signals["ts"]))]


def _signals_of(
    watch: Watch, plan: Plan, history: SymbolHistory, errors: dict[tuple[int, str], int]
) -> NDArray[np.void]:
    """Match one watch over its whole history; signals of the warm-up are dropped."""
    minutes = watch.compiled.timeframe_minutes
    bars = roll_up(history.bars, history.session_opens, minutes)
    at = np.arange(len(bars)) if minutes == 1 else np.searchsorted(history.bars.ts, bars.ts)
    moments = closes(bars.ts, history.session_closes[at], minutes)
    rows = history.session_rows[at]
    matcher = Matcher(watch.compiled)
    warm = int(np.searchsorted(rows, 0))
    numbers = history.session_numbers[at]
    matcher.extend(bars[:warm], numbers[:warm], history.surroundings(moments[:warm]))
    matcher.progress.errors[:] = 0
    late = history.bars.ts[np.append(at, len(history.bars))[1:] - 1] + NANOS_PER_MINUTE < moments
    bars, moments, rows = bars[warm:], moments[warm:], rows[warm:]
    matches = matcher.extend(bars, numbers[warm:], history.surroundings(moments))
    for (pattern, source), count in zip(watch.compiled.expressions, matcher.progress.errors, strict=True):
        if count:
            key = (int(watch.strategies[pattern]), source)
            errors[key] = errors.get(key, 0) + int(count)
    return to_signals(matches, watch, plan, bars.close, moments, late[warm:], rows, history.quarantines)


def to_signals(
    matches: NDArray[np.void], watch: Watch, plan: Plan, spots: NDArray[np.float64], moments: NDArray[np.int64],
    late: NDArray[np.bool_], session_rows: NDArray[np.int64], quarantines: Quarantines,
) -> NDArray[np.void]:  # fmt: skip
    """SIGNAL records of what fired.

    Args:
        matches: MATCH records.
        watch: whose patterns.
        plan: of the run.
        spots: float64 (n_bars,), the closing price of each bar.
        moments: int64 (n_bars,), UnixNanos, when each bar closed.
        late: bool (n_bars,), whether the bar's last minute is missing.
        session_rows: int64 (n_bars,); what fired in row -1 is left out.
        quarantines: of the symbol.
    """
    matches = matches[session_rows[matches["bar"]] >= 0]
    signals = np.zeros(len(matches), SIGNAL)
    signals["ts"] = moments[matches["bar"]]
    signals["session"] = session_rows[matches["bar"]]
    signals["symbol"] = watch.symbol
    signals["strategy"] = watch.strategies[matches["strategy"]]
    signals["side"] = np.array([strategy.side for strategy in plan.strategies], np.int64)[signals["strategy"]]
    for name in ("regime", "entry", "stop", "target", "quantity_mod"):
        signals[name] = matches[name]
    signals["spot"] = spots[matches["bar"]]
    signals["late"] = late[matches["bar"]]
    signals["quarantined"] = quarantines.at(signals["ts"])
    signals["trade"] = -1
    return signals


class _Trader:
    """One sweep: owns the records and answers its requests for contracts."""

    def __init__(self, plan: Plan, history: HistoryInput, signals: NDArray[np.void]) -> None:
        self.plan, self.history = plan, history
        self.holdings = Holdings()
        self.picker = ContractPicker(plan, self.holdings, history.board, history.contract_rules, with_bars=True)
        self.contracts: dict[int, ChosenContract | NoContract] = {}
        trades = np.zeros(min(max(len(signals), 1), 4096) + len(self._slots()), TRADE)
        self.account = Account(np.zeros(1, BOOK), self._slots(), signals, trades)
        self.account.book["session"], self.account.book["next_id"] = -1, 1
        self.grounds = Grounds(
            plan.limits, history.sessions, plan.veto, self._stocks(), history.minutes, history.minute_days
        )

    def _slots(self) -> NDArray[np.void]:
        return np.zeros(int(self.plan.limits["max_open"][0]), POSITION)

    def _stocks(self) -> NDArray[np.int64]:
        numbers = np.full(len(self.plan.symbols), -1, np.int64)
        for index, followed in enumerate(self.plan.symbols):
            rates = self.history.histories[index].rates
            if followed.kind is InstrumentKind.EQUITY and rates is not None:
                numbers[index] = self.holdings.add(
                    followed.symbol, followed.kind, index, followed.tick, followed.lot, followed.freeze, rates,
                    self.history.histories[index].bars,
                )  # fmt: skip
        return numbers

    def run(self, errors: dict[tuple[int, str], int]) -> HistoryResult:
        cursor, choice = np.zeros(1, CURSOR), np.zeros(1, CHOICE)
        while True:
            holdings = self.holdings
            status = sweep(self.account, self.grounds, holdings.instruments, holdings.bars, cursor, choice)
            if status == DONE:
                break
            if status == NEED_CONTRACT:
                i = int(cursor["signal"][0])
                day = self.history.days[int(self.account.signals[i]["session"])]
                self.contracts[i] = self.picker.pick(self.account.signals[i], day, choice)
            else:
                room = np.zeros(len(self.account.trades), TRADE)
                self.account = self.account._replace(trades=np.concatenate([self.account.trades, room]))
        instruments = self.holdings.instruments
        return HistoryResult(
            signals=self.account.signals,
            trades=self.account.trades[: int(self.account.book["n_trades"][0])],
            instruments=self.holdings.names,
            priced=instruments["priced"].copy(),
            lots=instruments["lot"].copy(),
            freezes=instruments["freeze"].copy(),
            contracts=self.contracts,
            errors=errors,
        )
