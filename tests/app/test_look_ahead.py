"""What comes after T never changes what was decided by T, from the stored rows to the trades."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar, cast

import numpy as np
import pytest

from sos_actors.app.backtest import BacktestRequest, run_backtest
from sos_actors.app.strategy_files import load_paths
from sos_actors.config import Config, Risk
from sos_actors.engine.history import HistoryResult
from sos_actors.engine.options import ChosenContract, NoContract
from sos_actors.engine.records import Outcome, Reason
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.messages.market import BarSeries, QuarantineChanged
from sos_actors.store.columns import ChainColumns, StatsColumns
from sos_actors.store.database import Store
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos
from tests.app.ingest.sources import fill
from tests.checkout import SHIPPED_STRATEGIES
from tests.engine.brokers import signal_rows, trade_rows
from tests.engine.markets import minute, strategy

CALENDAR = Calendar.default()
WARM_UP = (date(2026, 1, 8), date(2026, 1, 9))
DAYS = (date(2026, 1, 12), date(2026, 1, 13))
NAMES = ("NIFTY", "RELIANCE", "SBIN")
CONFIG = replace(Config(), risk=Risk(max_open_positions=5, max_per_symbol=2, max_trades_per_day=200))
ENTRY_VALID_NS = CONFIG.fills.entry_valid_minutes * NANOS_PER_MINUTE
Columns = TypeVar("Columns", BarSeries, ChainColumns, StatsColumns)
Change = Callable[[Any, Any], Any]
"""Known columns and later ones (the ``ts`` of a bar is its open): what the run reads instead."""


def cut(known: Any, later: Any) -> Any:
    del later
    return known


def joined(known: Any, later: Any) -> Any:
    if isinstance(known, list):
        return known + later
    names = type(known).__dataclass_fields__
    return type(known)(*(np.concatenate([getattr(part, name) for part in (known, later)]) for name in names))


def moved(known: Any, later: Any) -> Any:
    """Later prices, open interest and measures are half as high again, and come seven minutes later.

    Later quarantines are the other way round.
    """
    if isinstance(known, list):
        return known + [replace(one, ts_event=one.ts_event + 1, quarantined=not one.quarantined) for one in later]
    names = [name for name in type(later).__dataclass_fields__ if name not in ("ts", "expiry", "strike", "smart_trend")]
    changed = {name: getattr(later, name) * 1.5 for name in names}
    return joined(known, replace(later, ts=later.ts + 7 * NANOS_PER_MINUTE, **changed))


class ChangedStore:
    """A store in which whatever was known only after a moment is different."""

    def __init__(self, store: Store, moment: int, change: Change) -> None:
        self._store, self._moment, self._change = store, moment, change
        self.damaged = store.damaged

    def candles(self, symbol: str, first_ns: int, last_ns: int) -> BarSeries:
        return self._changed(self._store.candles(symbol, first_ns, last_ns), NANOS_PER_MINUTE)

    def chain(self, underlying: str, first_ns: int, last_ns: int, expiry: date | None = None) -> ChainColumns:
        return self._changed(self._store.chain(underlying, first_ns, last_ns, expiry), 0)

    def market_stats(self, symbol: str, first_ns: int, last_ns: int) -> StatsColumns:
        return self._changed(self._store.market_stats(symbol, first_ns, last_ns), 0)

    def quarantines(self, first_ns: int, last_ns: int) -> list[QuarantineChanged]:
        changes = self._store.quarantines(first_ns, last_ns)
        known = [change for change in changes if change.ts_event <= self._moment]
        later = [change for change in changes if change.ts_event > self._moment]
        return cast(list[QuarantineChanged], self._change(known, later))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def _changed(self, columns: Columns, length: int) -> Columns:
        known = columns.ts + length <= self._moment
        return cast(Columns, self._change(columns[known], columns[~known]))


def strategies() -> list[Strategy]:
    busy = [
        strategy("UP", "close > highest(history, 4, 'close') - 0.1 * atr", sl="entry - atr", tp="entry + 2 * atr"),
        strategy(
            "DOWN", "close < prev_candle.low", side="SELL", sl="entry + atr", tp="entry - atr", option="OTM_PUT_12"
        ),
        strategy("FIVE", "close > open", timeframe="5m", sl="entry - atr", tp="entry + atr", option="ITM_CALL_9"),
        strategy("MOOD", "sentiment.pcr > 0 and close > vwap(history)", sl="entry - atr", tp="entry + atr"),
    ]
    return [*load_paths(SHIPPED_STRATEGIES).strategies, *busy]


def disagreements(symbols: Sequence[str]) -> list[QuarantineChanged]:
    """Of every symbol, some minutes of every quarter of an hour."""
    rng = np.random.default_rng(5)
    return [
        QuarantineChanged(UnixNanos(minute(day, 15 * k + int(at))), symbol, on, 101.0, 100.0, "tradingview")
        for symbol in symbols for day in DAYS for k in range(25)
        for at, on in zip(sorted(rng.choice(15, 2, replace=False)), (True, False), strict=True)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(tmp_path_factory.mktemp("store"), origin="simulated") as opened:
        symbols = [default_master().resolve(name).symbol for name in NAMES]
        fill(opened, symbols, WARM_UP, DAYS, seed=11)
        opened.add_quarantines(disagreements(symbols))
        yield opened


def run(store: Store | ChangedStore, price_model: bool) -> HistoryResult:
    instruments = [default_master().resolve(name) for name in NAMES]
    request = BacktestRequest(instruments, strategies(), DAYS, price_model)
    return run_backtest(request, CONFIG, cast(Store, store), CALENDAR).result


@pytest.fixture(scope="module", params=[False, True], ids=["stored prices", "price model"])
def whole(request: pytest.FixtureRequest, store: Store) -> tuple[bool, HistoryResult]:
    return request.param, run(store, request.param)


Decided = tuple[list[dict[str, Any]], list[dict[str, Any]], dict[int, ChosenContract | NoContract]]


def decided(result: HistoryResult, moment: int) -> Decided:
    """Signals by ``moment``, trades whose exit's bar had closed by then, and what contract was chosen at what price.

    An order that still waited then fills or not depending on what comes after: that it was sent is the decision.
    """
    signals = signal_rows(result.signals[result.signals["ts"] <= moment])
    for row in signals:
        sent = row["outcome"] == Outcome.TRADED or row["reason"] == Reason.NOT_FILLED
        if sent and row["ts"] > moment - ENTRY_VALID_NS:
            row["outcome"], row["reason"], row["trade"] = "sent", 0, 0
    trades = result.trades[result.trades["exit_ts"] + NANOS_PER_MINUTE <= moment]
    chosen = {i: one for i, one in result.contracts.items() if result.signals["ts"][i] <= moment}
    return signals, trade_rows(trades, result.instruments), chosen


def moments(seed: int, result: HistoryResult) -> list[int]:
    """Any minutes, and some at which a contract was chosen: what comes the minute after must not be seen."""
    rng = np.random.default_rng(seed)
    anywhere = [minute(DAYS[int(rng.integers(2))], int(rng.integers(1, 376))) for _ in range(4)]
    choices = rng.choice(sorted(result.contracts), 4, replace=False)
    return [*anywhere, *result.signals["ts"][choices].tolist()]


@pytest.mark.parametrize("change", [cut, moved])
def test_what_comes_later_changes_no_decision(
    store: Store, whole: tuple[bool, HistoryResult], change: Change
) -> None:
    price_model, everything = whole
    assert len(everything.trades) > 60
    assert {"NSE|FO", "NSE|EQ"} <= {name[:6] for name in everything.instruments}
    assert (everything.signals["reason"] == Reason.QUARANTINED).sum() > 60
    seen = 0
    for moment in moments(1 if change is cut else 2, everything):
        changed = run(ChangedStore(store, moment, change), price_model)
        expected, found = decided(everything, moment), decided(changed, moment)
        for some, others in zip(found, expected, strict=True):
            assert some == others
        assert changed.signals.tobytes() != everything.signals.tobytes()
        seen += len(expected[1])
    assert seen > 50


def test_a_snapshot_is_not_seen_by_a_bar_that_closed_before_it(store: Store) -> None:
    """With a measure known at T the bar that closes at T sees it, the bar before does not."""
    at = minute(DAYS[0], 100)

    def loud_at(late: int) -> Change:
        def change(known: Any, later: Any) -> Any:
            if isinstance(later, StatsColumns):
                return StatsColumns.of(np.array([at + late], np.int64), pcr=np.array([99.0]))
            return joined(known, later)

        return change

    for late, first in ((0, at), (1, at + NANOS_PER_MINUTE)):
        request = BacktestRequest(
            [default_master().resolve("RELIANCE")], [strategy("LOUD", "sentiment.pcr == 99")], DAYS[:1]
        )
        changed = cast(Store, ChangedStore(store, at, loud_at(late)))
        signals = run_backtest(request, CONFIG, changed, CALENDAR).result.signals
        assert signals["ts"].min() == first


def test_a_quarantine_is_not_heeded_by_a_bar_that_closed_before_it(store: Store) -> None:
    """Known at T, it denies the bar that closes at T; known a nanosecond later, only the next one."""
    at = minute(DAYS[0], 100)
    name = default_master().resolve("RELIANCE")

    class Disagreeing(ChangedStore):
        def quarantines(self, first_ns: int, last_ns: int) -> list[QuarantineChanged]:
            del first_ns, last_ns
            return [QuarantineChanged(UnixNanos(self._moment), name.symbol, True, 101.0, 100.0, "tradingview")]

    for known_at, first in ((at, at), (at + 1, at + NANOS_PER_MINUTE)):
        request = BacktestRequest([name], [strategy("ALWAYS", "close > 0")], DAYS)
        found = run_backtest(request, CONFIG, cast(Store, Disagreeing(store, known_at, joined)), CALENDAR)
        heeded = found.result.signals["ts"][found.result.signals["quarantined"] == 1]
        assert heeded.tolist() == list(range(first, minute(DAYS[0], 375) + 1, NANOS_PER_MINUTE))
        assert any("price disagreed with another source's" in note for note in found.notes)


def test_the_contract_of_a_signal_does_not_depend_on_candles_that_came_later(store: Store) -> None:
    """A contract that had only snapshots so far is priced from them, also when it has candles later in the day."""

    def thin(seed: int) -> Change:
        def change(known: Any, later: Any) -> Any:
            both = joined(known, later)
            if not isinstance(both, BarSeries) or not len(both) or both.close[0] > 5_000:
                return both
            return both[both.ts >= minute(DAYS[0], 60 + seed)]

        return change

    def both(seed: int, moment: int) -> tuple[HistoryResult, HistoryResult]:
        late = ChangedStore(store, 0, thin(seed))
        return run(late, False), run(ChangedStore(cast(Store, late), moment, cut), False)

    for seed, moment in ((0, minute(DAYS[0], 45)), (30, minute(DAYS[0], 80))):
        everything, changed = both(seed, moment)
        assert any(name.startswith("NSE|FO") for name in changed.instruments)
        assert decided(changed, moment) == decided(everything, moment)


def test_the_days_after_the_last_one_are_not_read(store: Store) -> None:
    read: list[int] = []

    class Watched(ChangedStore):
        def candles(self, symbol: str, first_ns: int, last_ns: int) -> BarSeries:
            read.append(last_ns)
            return super().candles(symbol, first_ns, last_ns)

    def only(days: Sequence[date]) -> HistoryResult:
        instruments = [default_master().resolve(name) for name in NAMES]
        request = BacktestRequest(instruments, strategies(), days)
        return run_backtest(request, CONFIG, cast(Store, Watched(store, 2**62, cut)), CALENDAR).result

    first = only(DAYS[:1])
    assert max(read) < minute(DAYS[1], 0)
    moment = minute(DAYS[1], 0)
    assert decided(first, moment) == decided(only(DAYS), moment)
