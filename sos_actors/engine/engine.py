"""The decision engine, one event at a time: ``Engine.step(event) -> decisions``.

Holds no rule of its own: signals come from the matcher, everything else from ``rules.py``, the very functions that the
sweep over history runs. The same events give the same decisions, bit for bit; nothing else is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.config import Risk
from sos_actors.engine import codes
from sos_actors.engine.event_board import EventBoard
from sos_actors.engine.holdings import Holdings
from sos_actors.engine.picking import ContractPicker, ContractRules
from sos_actors.engine.plan import Plan
from sos_actors.engine.positions import Decision, PositionKeeper
from sos_actors.engine.records import (
    BOOK,
    POSITION,
    REASON_TEXT,
    SESSION,
    SIGNAL,
    TRADE,
    InstrumentKind,
    Outcome,
    Reason,
)
from sos_actors.engine.sessions import session_records
from sos_actors.engine.sweep import CHOICE, Account, Grounds, enter_equity, enter_option, judge
from sos_actors.engine.watching import Mood, SymbolWatch
from sos_actors.market.calendar import Calendar
from sos_actors.market.charges import ChargeRates
from sos_actors.messages.market import (
    BarClosed,
    BarSeries,
    PriceSpan,
    QuarantineChanged,
    ScreenerAlert,
    Sentiment,
    Tick,
    TimerFired,
)
from sos_actors.messages.signals import EntryRefused, SignalFormed
from sos_actors.messages.trading import EntriesStopped, OrderUpdated
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, Regime, Segment, Side, UnixNanos

Event = (
    BarClosed | Sentiment | ScreenerAlert | QuarantineChanged | Tick | PriceSpan | OrderUpdated | TimerFired
    | EntriesStopped
)  # fmt: skip
_ROOM = 256


@dataclass(frozen=True, slots=True)
class EngineRules:
    """What the engine stands on beside its plan; all of it values and pure functions.

    Attributes:
        stale_ns: how old a sentiment may be.
        market_symbol: canonical; its sentiment serves symbols that have none of their own.
        listed: expiries of an underlying (short name) on a day, nearest first.
        contracts: how contracts are chosen.
        stock_rates: estimated charges of stocks.
    """

    calendar: Calendar
    risk: Risk
    stale_ns: int
    market_symbol: str
    listed: Callable[[str, date], list[date]]
    contracts: ContractRules
    stock_rates: ChargeRates


class Engine:
    """Steps through events; single-threaded, no clock of its own.

    Args:
        plan: what to follow.
        rules: what holds.
        first_day: bars of earlier days warm up patterns without trading.
    """

    def __init__(self, plan: Plan, rules: EngineRules, first_day: date) -> None:
        self._plan, self._rules, self._first_day = plan, rules, first_day
        self._board = EventBoard(rules.listed)
        self._holdings = Holdings()
        self._days: list[date] = []
        self._moods: dict[str, Mood] = {}
        self._own_moods: set[str] = set()
        self._watches = {
            symbol.symbol: (number, SymbolWatch(plan, number, self._mood(symbol.symbol)))
            for number, symbol in enumerate(plan.symbols)
        }
        self._n_signals = 0
        self._account = Account(
            np.zeros(1, BOOK), np.zeros(int(plan.limits["max_open"][0]), POSITION), np.zeros(_ROOM, SIGNAL),
            np.zeros(_ROOM, TRADE),
        )  # fmt: skip
        self._account.book["session"], self._account.book["next_id"] = -1, 1
        empty = np.empty(0, np.int64)
        self._grounds = Grounds(plan.limits, np.zeros(0, SESSION), plan.veto, self._stocks(), empty, empty)
        self._keeper = PositionKeeper(self._holdings)
        self._picker = ContractPicker(plan, self._holdings, self._board, rules.contracts, with_bars=False)
        self._handlers: Mapping[type, Callable[..., list[Decision]]] = {
            BarClosed: self._on_bar, Sentiment: self._on_sentiment, ScreenerAlert: self._on_alert,
            Tick: self._on_tick, PriceSpan: self._on_span, OrderUpdated: self._on_order, TimerFired: self._on_timer,
            EntriesStopped: self._on_stop, QuarantineChanged: self._on_quarantine,
        }  # fmt: skip

    @property
    def account(self) -> Account:
        """The records as they stand; signals and trades have spare room at their end."""
        return self._account

    @property
    def signals(self) -> NDArray[np.void]:
        """SIGNAL (n,) so far."""
        return self._account.signals[: self._n_signals]

    @property
    def trades(self) -> NDArray[np.void]:
        """TRADE (n,) so far."""
        return self._account.trades[: int(self._account.book["n_trades"][0])]

    @property
    def instruments(self) -> list[str]:
        """Names of the instruments that records refer to by number."""
        return self._holdings.names

    def step(self, event: Event) -> list[Decision]:
        """Take one event; returns what was decided because of it, in order."""
        return self._handlers[type(event)](event)

    def _mood(self, symbol: str) -> Mood:
        return self._moods.setdefault(symbol, Mood(self._rules.stale_ns))

    def _stocks(self) -> NDArray[np.int64]:
        numbers = np.full(len(self._plan.symbols), -1, np.int64)
        for index, followed in enumerate(self._plan.symbols):
            if followed.kind is InstrumentKind.EQUITY:
                numbers[index] = self._holdings.add(
                    followed.symbol, followed.kind, index, followed.tick, followed.lot, followed.freeze,
                    self._rules.stock_rates, BarSeries.empty(),
                )  # fmt: skip
        return numbers

    def _session_row(self, ts: int) -> int:
        """Row of the session of ``ts``, opening a new one; -1 (no trading) before the first day or the latest one."""
        day = _day_of(ts)
        if day < self._first_day or (self._days and day < self._days[-1]):
            return -1
        if not self._days or day > self._days[-1]:
            record = session_records([day], self._rules.calendar, self._rules.risk)
            self._days.append(day)
            self._grounds = self._grounds._replace(sessions=np.concatenate([self._grounds.sessions, record]))
        return len(self._days) - 1

    def _on_bar(self, bar: BarClosed) -> list[Decision]:
        """A bar of a followed symbol steps its patterns, one of anything else is a contract's price.

        Bars outside the symbol's session are left out; those of an earlier day only warm up.
        """
        day = _day_of(bar.ts_open)
        if not self._rules.calendar.is_session(day):
            return []
        row = self._session_row(bar.ts_open)
        watched = self._watches.get(bar.symbol)
        if watched is None:
            self._board.add(bar, day)
            return []
        number, watch = watched
        segment = Segment.INDEX if self._plan.symbols[number].kind is InstrumentKind.INDEX else Segment.EQ
        session = self._rules.calendar.session(day, segment)
        if not any(first <= bar.ts_open < last for first, last in session.intervals):
            return []
        hours = (int(session.open_ns), int(session.close_ns), self._rules.calendar.session_number(day))
        return self._consider(watch.on_bar(bar, hours, row))

    def _on_sentiment(self, sentiment: Sentiment) -> list[Decision]:
        """A symbol's own sentiment goes to it; the market's is also lent to all symbols that never had their own."""
        mood = self._mood(sentiment.symbol)
        if sentiment.symbol not in self._own_moods:
            self._own_moods.add(sentiment.symbol)
            mood.forget_sentiment()
        mood.hear(sentiment)
        if sentiment.symbol == self._rules.market_symbol:
            for symbol in self._watches:
                if symbol not in self._own_moods:
                    self._mood(symbol).hear(sentiment, lent=True)
        return []

    def _on_alert(self, alert: ScreenerAlert) -> list[Decision]:
        self._mood(alert.symbol).hear(alert)
        return []

    def _on_quarantine(self, change: QuarantineChanged) -> list[Decision]:
        """Only signals heed it: orders that were sent, stops, targets and the square-off go on as before."""
        if change.symbol in self._watches:
            self._watches[change.symbol][1].on_quarantine(change)
        return []

    def _on_tick(self, tick: Tick) -> list[Decision]:
        return self._on_span(PriceSpan(tick.ts_event, tick.symbol, tick.price, tick.price, tick.price, tick.price))

    def _on_span(self, span: PriceSpan) -> list[Decision]:
        return self._keeper.on_prices(self._account, span)

    def _on_order(self, update: OrderUpdated) -> list[Decision]:
        if not self._days:
            return []
        self._make_room()
        return self._keeper.on_order(self._account, update, self._grounds.sessions[-1])

    def _on_timer(self, timer: TimerFired) -> list[Decision]:
        decisions: list[Decision] = []
        if self._days:
            valid = int(self._plan.limits["entry_valid_ns"][0])
            decisions += self._keeper.on_time(self._account, timer.ts_event, self._grounds.sessions[-1], valid)
        for _, watch in self._watches.values():
            decisions += self._consider(watch.on_time(timer.ts_event))
        return decisions

    def _on_stop(self, stop: EntriesStopped) -> list[Decision]:
        self._account.book["killed"] = int(stop.stopped)
        return []

    def _make_room(self) -> None:
        account = self._account
        if len(account.signals) - self._n_signals < _ROOM // 2:
            more = np.zeros(len(account.signals), SIGNAL)
            account = account._replace(signals=np.concatenate([account.signals, more]))
        if len(account.trades) - int(account.book["n_trades"][0]) < _ROOM // 2:
            more = np.zeros(len(account.trades), TRADE)
            account = account._replace(trades=np.concatenate([account.trades, more]))
        self._account = account

    def _consider(self, signals: NDArray[np.void]) -> list[Decision]:
        decisions: list[Decision] = []
        for signal in signals:
            self._make_room()
            i = self._n_signals
            self._account.signals[i] = signal
            self._n_signals += 1
            decisions.append(self._formed(i))
            if judge(self._account, self._grounds, i) == 0:
                decisions += self._enter(i)
            record = self._account.signals[i]
            outcome = Outcome(int(record["outcome"]))
            if outcome is not Outcome.TRADED:
                reason = REASON_TEXT[Reason(int(record["reason"]))]
                decisions.append(EntryRefused(UnixNanos(int(record["ts"])), i, outcome.name.lower(), reason))
        return decisions

    def _formed(self, i: int) -> SignalFormed:
        signal = self._account.signals[i]
        return SignalFormed(
            UnixNanos(int(signal["ts"])), i, self._plan.symbols[int(signal["symbol"])].symbol,
            self._plan.strategies[int(signal["strategy"])].pattern_id, Side(int(signal["side"])),
            Regime(int(signal["regime"])), float(signal["entry"]), float(signal["stop"]), float(signal["target"]),
        )  # fmt: skip

    def _enter(self, i: int) -> list[Decision]:
        signal = self._account.signals[i]
        if self._grounds.symbol_instrument[int(signal["symbol"])] >= 0:
            price = float(signal["entry"])
            slot = enter_equity(self._account, self._grounds, self._holdings.instruments, i)
        else:
            choice = np.zeros(1, CHOICE)
            self._picker.pick(signal, self._days[int(signal["session"])], choice)
            if choice["reason"][0] != 0:
                signal["outcome"], signal["reason"] = codes.SKIPPED, choice["reason"][0]
                return []
            price = float(choice["price"][0])
            slot = enter_option(self._account, self._grounds, self._holdings.instruments, i, choice)
        return self._keeper.sent(self._account, slot, price) if slot >= 0 else []


_EPOCH = date(1970, 1, 1).toordinal()


def _day_of(ts: int) -> date:
    """The exchange's date of UnixNanos."""
    return date.fromordinal(_EPOCH + (ts // NANOS_PER_SECOND + IST_OFFSET_S) // 86_400)
