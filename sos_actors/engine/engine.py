"""The decision engine, one event at a time: ``Engine.step(event) -> decisions``.

Holds no rule of its own: signals come from the matcher, everything else from ``rules.py``, the very functions that the
sweep over history runs. The same events give the same decisions, bit for bit; nothing else is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.engine import codes
from sos_actors.engine.accounts import new_account, with_room
from sos_actors.engine.event_board import EventBoard
from sos_actors.engine.events import EngineRules as EngineRules
from sos_actors.engine.events import Event as Event
from sos_actors.engine.followers import Followers
from sos_actors.engine.following import SymbolDropped, SymbolFollowed
from sos_actors.engine.holdings import Holdings
from sos_actors.engine.picking import ContractPicker
from sos_actors.engine.plan import FollowedSymbol, Plan
from sos_actors.engine.positions import Decision, PositionKeeper
from sos_actors.engine.records import (
    REASON_TEXT,
    SESSION,
    InstrumentKind,
    Outcome,
    Reason,
)
from sos_actors.engine.sessions import day_of, session_records
from sos_actors.engine.sweep import CHOICE, Account, Grounds, enter_equity, enter_option, judge
from sos_actors.engine.watching import Warmth
from sos_actors.messages.market import (
    BarClosed,
    BarSeries,
    PriceSpan,
    QuarantineChanged,
    ScreenerAlert,
    Sentiment,
    Tick,
    Ticks,
    TimerFired,
)
from sos_actors.messages.signals import EntryRefused, SignalFormed
from sos_actors.messages.trading import (
    EntriesStopped,
    EntriesWithdrawn,
    FlattenRequested,
    OrderUpdated,
    PositionCorrected,
)
from sos_actors.types import Regime, Side, UnixNanos


class Engine:
    """Steps through events; single-threaded, no clock of its own. What is public is for looking at.

    Args:
        plan: what to follow.
        rules: what holds.
        first_day: bars of earlier days warm up patterns without trading.
    """

    def __init__(self, plan: Plan, rules: EngineRules, first_day: date) -> None:
        self._rules, self._first_day = rules, first_day
        self._board = EventBoard(rules.listed, rules.contracts.options.max_quote_age_ns)
        self.holdings = Holdings()
        self._days: list[date] = []
        self.followers = Followers(plan, rules.calendar, rules.stale_ns, rules.market_symbol, rules.most_followed)
        self._n_signals = 0
        self._account = new_account(int(plan.limits["max_open"][0]))
        empty = np.empty(0, np.int64)
        numbers = np.array([self._instrument(number) for number in range(len(plan.symbols))], np.int64)
        self.grounds = Grounds(plan.limits, np.zeros(0, SESSION), plan.veto, numbers, empty, empty)
        self._keeper = PositionKeeper(self.holdings)
        self._picker = ContractPicker(plan, self.holdings, self._board, rules.contracts, with_bars=False)
        self._handlers: Mapping[type, Callable[..., list[Decision]]] = {
            BarClosed: self._on_bar, Sentiment: self._on_fact, ScreenerAlert: self._on_fact,
            Tick: self._on_tick, Ticks: self._on_ticks, PriceSpan: self._on_span, OrderUpdated: self._on_order,
            TimerFired: self._on_timer,
            EntriesStopped: self._on_stop, QuarantineChanged: self._on_fact,
            EntriesWithdrawn: self._on_withdrawal, FlattenRequested: self._on_flatten,
            PositionCorrected: self._on_correction, SymbolFollowed: self.follow, SymbolDropped: self._on_dropped,
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
        return self.holdings.names

    def step(self, event: Event) -> list[Decision]:
        """Take one event; returns what was decided because of it, in order."""
        return self._handlers[type(event)](event)

    def step_batch(self, events: Sequence[Event]) -> list[list[Decision]]:
        """Take several events in order; returns what ``step`` would have, one list each.

        Closed bars that follow one another, of different symbols, are matched together.
        """
        decided: list[list[Decision]] = []
        first = 0
        while first < len(events):
            symbols, last = set[str](), first
            while last < len(events) and isinstance(bar := events[last], BarClosed) and bar.symbol not in symbols:
                symbols.add(bar.symbol)
                last += 1
            if last - first > 1:
                decided += self._on_bars([event for event in events[first:last] if isinstance(event, BarClosed)])
                first = last
            else:
                decided.append(self.step(events[first]))
                first += 1
        return decided

    @property
    def _plan(self) -> Plan:
        return self.followers.plan

    def _instrument(self, number: int) -> int:
        """The instrument that a followed symbol is itself, -1 for an index; registered when it is new."""
        followed: FollowedSymbol = self._plan.symbols[number]
        if followed.kind is not InstrumentKind.EQUITY:
            return -1
        if followed.symbol in self.holdings.names:
            return self.holdings.names.index(followed.symbol)
        return self.holdings.add(
            followed.symbol, followed.kind, number, followed.tick, followed.lot, followed.freeze,
            self._rules.stock_rates, BarSeries.empty(),
        )  # fmt: skip

    def _session_row(self, day: date) -> int:
        """Row of a day's session, opening a new one; -1 (no trading) before the first day or the latest one."""
        if self._days and day == self._days[-1]:
            return len(self._days) - 1
        if day < self._first_day or (self._days and day < self._days[-1]):
            return -1
        record = session_records([day], self._rules.calendar, self._rules.risk)
        self._days.append(day)
        self.grounds = self.grounds._replace(sessions=np.concatenate([self.grounds.sessions, record]))
        return len(self._days) - 1

    def _on_bar(self, bar: BarClosed) -> list[Decision]:
        return self._on_bars([bar])[0]

    def _on_bars(self, bars: Sequence[BarClosed]) -> list[list[Decision]]:
        """A bar of a followed symbol steps its patterns, one of anything else is a contract's price.

        Bars outside the symbol's session are left out; those of an earlier day only warm up.
        """
        followed: list[int] = []
        rows: list[int] = []
        days: list[date | None] = []
        minute, day, row = -1, None, -1
        for n, bar in enumerate(bars):
            if bar.ts_open != minute:  # nearly always the same
                minute, day = bar.ts_open, day_of(bar.ts_open)
                if self._rules.calendar.is_session(day):
                    row = self._session_row(day)
                else:
                    day = None
            days.append(day)
            if day is not None and bar.symbol in self.followers:
                followed.append(n)
                rows.append(row)
        fired = dict(zip(followed, self.followers.on_bars([bars[n] for n in followed], rows), strict=True))
        decided: list[list[Decision]] = [[] for _ in bars]
        for n, (bar, known) in enumerate(zip(bars, days, strict=True)):
            if n in fired:
                decided[n] = self._consider(fired[n])
            elif known is not None:
                self._board.add(bar, known)
        return decided

    def follow(self, event: SymbolFollowed, prepared: Warmth | None = None) -> list[Decision]:
        """``step`` of this event, with its slow part (``followers.prepare``) perhaps done before, on another thread."""
        number = self.followers.follow(event, prepared)
        self._picker.plan = self._plan
        numbers = self.grounds.symbol_instrument
        if number == len(numbers):
            self.grounds = self.grounds._replace(symbol_instrument=np.append(numbers, self._instrument(number)))
        return []

    def _on_dropped(self, event: SymbolDropped) -> list[Decision]:
        self.followers.drop(event.symbol)
        return []

    def _on_fact(self, fact: Sentiment | ScreenerAlert | QuarantineChanged) -> list[Decision]:
        self.followers.hear(fact)
        return []

    def _on_tick(self, tick: Tick) -> list[Decision]:
        if not self._keeper.is_open(self._account, tick.symbol):
            return []
        return self._on_span(PriceSpan(tick.ts_event, tick.symbol, tick.price, tick.price, tick.price, tick.price))

    def _on_ticks(self, ticks: Ticks) -> list[Decision]:
        if self._keeper.open_names(self._account).isdisjoint(ticks.symbols):  # nearly always
            return []
        return [decision for tick in ticks.each() for decision in self._on_tick(tick)]

    def _on_span(self, span: PriceSpan) -> list[Decision]:
        return self._keeper.on_prices(self._account, span)

    def _on_order(self, update: OrderUpdated) -> list[Decision]:
        if not self._days:
            return []
        self._make_room()
        return self._keeper.on_order(self._account, update, self.grounds.sessions[-1])

    def _on_timer(self, timer: TimerFired) -> list[Decision]:
        decisions: list[Decision] = []
        if self._days:
            valid = int(self._plan.limits["entry_valid_ns"][0])
            decisions += self._keeper.on_time(self._account, timer.ts_event, self.grounds.sessions[-1], valid)
        for signals in self.followers.on_time(int(timer.ts_event)):
            decisions += self._consider(signals)
        return decisions

    def _on_stop(self, stop: EntriesStopped) -> list[Decision]:
        """While entries are allowed again nothing is being flattened any more."""
        self._account.book["killed"] = int(stop.stopped)
        if not stop.stopped:
            self._keeper.flattening = False
        return []

    def _on_withdrawal(self, event: EntriesWithdrawn) -> list[Decision]:
        return self._keeper.withdraw(self._account, int(event.ts_event))

    def _on_flatten(self, event: FlattenRequested) -> list[Decision]:
        """No entries, and everything that is held goes; what fills from now on goes as well."""
        self._account.book["killed"] = 1
        return self._keeper.flatten(self._account, int(event.ts_event))

    def _on_correction(self, event: PositionCorrected) -> list[Decision]:
        self._make_room()
        return self._keeper.correct(self._account, event)

    def _make_room(self) -> None:
        self._account = with_room(self._account, self._n_signals)

    def _consider(self, signals: NDArray[np.void]) -> list[Decision]:
        decisions: list[Decision] = []
        for signal in signals:
            self._make_room()
            i = self._n_signals
            self._account.signals[i] = signal
            self._n_signals += 1
            decisions.append(self._formed(i))
            if judge(self._account, self.grounds, i) == 0:
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
        if self.grounds.symbol_instrument[int(signal["symbol"])] >= 0:
            price = float(signal["entry"])
            slot = enter_equity(self._account, self.grounds, self.holdings.instruments, i)
        else:
            choice = np.zeros(1, CHOICE)
            self._picker.pick(signal, self._days[int(signal["session"])], choice)
            if choice["reason"][0] != 0:
                signal["outcome"], signal["reason"] = codes.SKIPPED, choice["reason"][0]
                return []
            price = float(choice["price"][0])
            slot = enter_option(self._account, self.grounds, self.holdings.instruments, i, choice)
        return self._keeper.sent(self._account, slot, price) if slot >= 0 else []
