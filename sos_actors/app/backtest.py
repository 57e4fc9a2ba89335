"""One backtest: from strategies and stored history to a document that says what would have happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from hashlib import sha256

from sos_actors.app.board import ModelBoard, StoreBoard
from sos_actors.app.histories import HistoryLoader, LoadedSymbol
from sos_actors.config import Config
from sos_actors.engine.history import HistoryInput, HistoryResult, run_history
from sos_actors.engine.holdings import UNSLICED
from sos_actors.engine.options import OptionRules
from sos_actors.engine.picking import ContractRules, ContractTerms
from sos_actors.engine.plan import FollowedSymbol, Plan, make_plan
from sos_actors.engine.records import InstrumentKind, Reason
from sos_actors.engine.sessions import minute_grid, session_records
from sos_actors.errors import MarketRuleError, UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.market.charges import Brokerage, ChargeKind, ChargeTable
from sos_actors.market.instruments import Instrument
from sos_actors.market.lots import largest_order, lot_size, strike_step, tick_size
from sos_actors.market.ticks import equity_tick
from sos_actors.store.database import Store
from sos_actors.store.fingerprint import Columns, fingerprint_of
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_SECOND, Segment

WARM_UP_SESSIONS = 10
"""Sessions read before the first day: 200 fifteen-minute bars need eight."""


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """What to run.

    Attributes:
        instruments: the symbols to follow.
        days: trading days, oldest first.
        price_model: price a contract by a model when the store has no prices of it.
    """

    instruments: Sequence[Instrument]
    strategies: Sequence[Strategy]
    days: Sequence[date]
    price_model: bool = False


@dataclass(frozen=True, slots=True)
class Backtest:
    """A finished run, before it becomes a document."""

    request: BacktestRequest
    plan: Plan
    loaded: Sequence[LoadedSymbol]
    result: HistoryResult
    charges: ChargeTable
    fingerprint: str
    notes: Sequence[str]


def charge_table(config: Config) -> ChargeTable:
    """The dated charges with the configured broker's fee."""
    charges = config.charges
    return ChargeTable.default(
        Brokerage(charges.brokerage_per_order_inr, equity_fraction=charges.equity_brokerage_fraction)
    )


def warm_up_days(calendar: Calendar, first: date) -> list[date]:
    """The sessions before ``first`` that indicators are warmed up with, as far as the calendar reaches."""
    days: list[date] = []
    day = first
    while len(days) < WARM_UP_SESSIONS:
        try:
            day = calendar.previous_session(day)
        except MarketRuleError:
            break
        if has_hours(calendar, day):
            days.append(day)
    return days[::-1]


def followed(instrument: Instrument) -> FollowedSymbol:
    """An instrument as the engine follows it.

    Raises:
        UsageError: it is a contract; contracts are chosen by the engine.
    """
    if instrument.segment is Segment.FO:
        raise UsageError(
            f"{instrument.symbol} is a contract. Give its underlying (--symbol {instrument.underlying}): "
            "contracts are chosen for each signal."
        )
    key = (instrument.instrument_key or "").upper()
    also = frozenset({f"NSE:{instrument.short_name.upper()}", key, key.rpartition("|")[2]} - {""})
    if instrument.segment is Segment.INDEX:
        return FollowedSymbol(instrument.symbol, InstrumentKind.INDEX, also=also)
    freeze = int(instrument.freeze_quantity or UNSLICED)
    return FollowedSymbol(
        instrument.symbol, InstrumentKind.EQUITY, instrument.tick_size, max(instrument.lot_size, 1), freeze, also
    )


def _dated(symbol: FollowedSymbol, loaded: LoadedSymbol, day: date) -> FollowedSymbol:
    """A stock with the tick it had on the first day, by its price before it; a master knows only today's."""
    history = loaded.history
    if symbol.kind is not InstrumentKind.EQUITY or not len(history.bars):
        return symbol
    before = history.bars.close[history.session_rows < 0]
    price = float(before[-1] if len(before) else history.bars.open[0])
    return replace(symbol, tick=float(equity_tick(day, price)))


def run_backtest(
    request: BacktestRequest, config: Config, store: Store, calendar: Calendar,
    progress: Callable[[int, int], None] | None = None,
) -> Backtest:  # fmt: skip
    """Read, match, trade.

    Args:
        request: what to run.
        config: limits, sizes, fills.
        store: where history lies; nothing is written.
        calendar: sessions.
        progress: called with (parts done, parts in all).
    """
    symbols = [followed(instrument) for instrument in request.instruments]
    charges = charge_table(config)
    loader = HistoryLoader(
        store, calendar, charges, config.mood, warm_up_days(calendar, request.days[0]), request.days
    )
    loaded = [loader.load(symbol) for symbol in symbols]
    symbols = [_dated(symbol, one, request.days[0]) for symbol, one in zip(symbols, loaded, strict=True)]
    plan = make_plan(request.strategies, symbols, config.risk, config.sizing, config.mood, config.fills)
    stored = StoreBoard(store, calendar)
    board: StoreBoard | ModelBoard = stored
    if request.price_model:
        spots = {symbol.short_name: one.history.bars for symbol, one in zip(symbols, loaded, strict=True)}
        board = ModelBoard(stored, spots, calendar, config.fills.model_volatility)
    unknown_freeze: set[str] = set()
    minutes, minute_days = minute_grid(request.days, calendar)
    history = HistoryInput(
        days=request.days,
        sessions=session_records(request.days, calendar, config.risk),
        minutes=minutes,
        minute_days=minute_days,
        histories=[one.history for one in loaded],
        board=board,
        contract_rules=ContractRules(
            OptionRules(config.options.min_days_to_expiry, config.options.max_quote_age_s * NANOS_PER_SECOND),
            expiry_close=lambda day: int(calendar.session(day, Segment.FO).close_ns),
            strike_step=strike_step,
            terms=partial(_terms, charges, unknown_freeze),
        ),
    )
    result = run_history(plan, history, progress)
    parts: list[tuple[str, Columns]] = [*stored.read]
    for symbol, one in zip(symbols, loaded, strict=True):
        parts += [(f"candles {symbol.symbol}", one.history.bars), (f"stats {symbol.symbol}", one.sentiment.stats)]
    fingerprint = fingerprint_of(parts)
    quarantines = [change for symbol in symbols for change in loader.quarantines_of(symbol.symbol)]
    for told in (loader.alerts, quarantines):
        if told:
            fingerprint = sha256(f"{fingerprint} {told}".encode()).hexdigest()
    notes = [str(error) for error in store.damaged]
    notes += [
        f"No table knows the freeze quantity of {name} on some of these days: its orders are counted as one."
        for name in sorted(unknown_freeze)
    ]
    notes += [
        f"{symbol.short_name}: {one.left_out} stored bars were left out: shares are taken to have derivatives, whose "
        "trading ends earlier since August 2026."
        for symbol, one in zip(symbols, loaded, strict=True)
        if one.left_out
    ]
    notes += _quarantine_notes(symbols, result)
    return Backtest(request, plan, loaded, result, charges, fingerprint, notes)


def _quarantine_notes(symbols: Sequence[FollowedSymbol], result: HistoryResult) -> list[str]:
    """Denied for doubtful prices: a reader must know that it was the data, not the strategy."""
    denied = result.signals["symbol"][result.signals["reason"] == Reason.QUARANTINED]
    return [
        f"{symbol.short_name}: {count} signals were denied because its price disagreed with another source's. "
        "The store lists when and by how much (table quarantines)."
        for number, symbol in enumerate(symbols)
        if (count := int((denied == number).sum()))
    ]


def _terms(
    charges: ChargeTable, unknown_freeze: set[str], underlying: str, expiry: date, day: date
) -> ContractTerms:
    try:
        freeze = largest_order(underlying, expiry, day)
    except MarketRuleError:
        unknown_freeze.add(underlying)
        freeze = UNSLICED
    rates = charges.rates(day, ChargeKind.OPTION)
    return ContractTerms(lot_size(underlying, expiry), float(tick_size(underlying)), freeze, rates)


def orders_for(quantity: int, freeze: int) -> int:
    """How many orders a quantity takes, each at most the freeze quantity."""
    return -(-quantity // max(freeze, 1))


def session_days(calendar: Calendar, first: date, last: date) -> list[date]:
    """The trading days of a range.

    Raises:
        UsageError: there is none, or the range is turned around.
    """
    if first > last:
        raise UsageError(f"--from-date {first} is after --to-date {last}.")
    days = calendar.sessions(first, last)
    if not days:
        raise UsageError(f"There is no trading session from {_spoken(first)} to {_spoken(last)}.")
    known = [day for day in days if has_hours(calendar, day)]
    if not known:
        calendar.session(days[0], Segment.INDEX)  # says what is not known
    return known


def has_hours(calendar: Calendar, day: date) -> bool:
    """Whether the hours of a session are known; those of a Muhurat evening are published late."""
    try:
        calendar.session(day, Segment.INDEX)
    except MarketRuleError:
        return False
    return True


def latest_sessions(calendar: Calendar, last: date, count: int) -> list[date]:
    """The last sessions whose hours are known, ``last`` included if it is one, oldest first."""
    days: list[date] = []
    day = last + timedelta(days=1)
    while len(days) < count:
        day = calendar.previous_session(day)
        if has_hours(calendar, day):
            days.insert(0, day)
    return days


def _spoken(day: date) -> str:
    return f"{day:%a} {day}"
