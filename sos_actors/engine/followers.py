"""The symbols that are followed: coming, going, what they are told, and the signals their bars give.

One minute's bars of many symbols are matched together, in one compiled call for each timeframe's program.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.engine.following import SymbolFollowed, SymbolPast
from sos_actors.engine.history import to_signals
from sos_actors.engine.moods import Mood, together
from sos_actors.engine.plan import FollowedSymbol, Plan, Programs, Watch, watches_of
from sos_actors.engine.records import SIGNAL, InstrumentKind
from sos_actors.engine.sessions import day_of
from sos_actors.engine.watching import Closing, Frame, SessionHours, SymbolWatch, Warmth, warmth_of
from sos_actors.market.agreement import Quarantines
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import BarClosed, QuarantineChanged, ScreenerAlert, Sentiment
from sos_actors.strategy.kernel import MATCH
from sos_actors.strategy.rows import RowPool
from sos_actors.types import Segment

NO_SIGNALS = np.empty(0, SIGNAL)
_NO_MATCHES = np.empty(0, MATCH)


class Followers:
    """Owns the plan's symbols and everything their patterns need.

    Args:
        plan: what is followed from the start.
        calendar: sessions.
        stale_ns: how old a sentiment may be.
        market_symbol: canonical; its sentiment serves symbols that have none of their own.
        pool_rows: symbols for which arrays are made at once.
    """

    def __init__(self, plan: Plan, calendar: Calendar, stale_ns: int, market_symbol: str, pool_rows: int) -> None:
        self.plan = plan
        self._calendar, self._stale_ns, self._market_symbol = calendar, stale_ns, market_symbol
        self._pool_rows = pool_rows
        self._programs: Programs = {tuple(watch.strategies.tolist()): watch.compiled for watch in plan.watches}
        self._pools: dict[int, list[RowPool]] = {}
        self._moods: dict[str, Mood] = {}
        self._own_moods: set[str] = set()
        self._quarantines: dict[str, Quarantines] = {}
        self._hours: dict[tuple[date, Segment], SessionHours | None] = {}
        self._watches: dict[str, SymbolWatch] = {}
        for number in range(len(plan.symbols)):
            self._watch(number)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._watches

    @property
    def symbols(self) -> list[str]:
        """Canonical, in the order in which they came."""
        return list(self._watches)

    def watch_of(self, symbol: str) -> SymbolWatch | None:
        """The open bars of a symbol; None when it is not followed."""
        return self._watches.get(symbol)

    def prepare(self, followed: FollowedSymbol, past: SymbolPast) -> Warmth:
        """The slow part of ``follow``, which changes nothing here: any thread may do it."""
        watches = watches_of(self.plan.strategies, 0, followed, self._programs)
        programs = [watch.compiled for watch in watches]
        return warmth_of(programs, _segment(followed), past, self._calendar, self._stale_ns)

    def follow(self, event: SymbolFollowed, prepared: Warmth | None = None) -> int:
        """Follow a symbol from now on, its patterns warmed up with its past; returns its index in the plan.

        Args:
            event: what is followed.
            prepared: what ``prepare`` gave for the same symbol and past.
        """
        symbol = event.followed.symbol
        warmed = prepared or self.prepare(event.followed, event.past)
        self.drop(symbol)
        self.plan, number = self.plan.with_symbol(event.followed, self._programs)
        if event.past.own_mood:
            self._own_moods.add(symbol)
        self._watch(number).remember(event.past, warmed)
        return number

    def drop(self, symbol: str) -> None:
        """Follow it no longer; nothing happens when it is not followed."""
        watch = self._watches.pop(symbol, None)
        for frame in watch.frames if watch is not None else ():
            frame.pool.give_back(frame.row)

    def hear(self, fact: Sentiment | ScreenerAlert | QuarantineChanged) -> None:
        """A symbol's own sentiment goes to it; the market's is also lent to all symbols that never had their own.

        A quarantine counts for signals alone: what is held goes on as before.
        """
        if isinstance(fact, QuarantineChanged):
            self._quarantines[fact.symbol] = self._quarantines.get(fact.symbol, Quarantines.of()).after(fact)
            if fact.symbol in self._watches:
                self._watches[fact.symbol].quarantines = self._quarantines[fact.symbol]
            return
        mood = self._mood(fact.symbol)
        if isinstance(fact, ScreenerAlert):
            mood.hear(fact)
            return
        if fact.symbol not in self._own_moods:
            self._own_moods.add(fact.symbol)
            mood.forget_sentiment()
        mood.hear(fact)
        if fact.symbol == self._market_symbol:
            for symbol in self._watches:
                if symbol not in self._own_moods:
                    self._mood(symbol).hear(fact, lent=True)

    def on_bars(self, bars: Sequence[BarClosed], session_rows: Sequence[int]) -> list[NDArray[np.void]]:
        """Take closed minutes of different symbols; returns the SIGNAL records of each.

        Args:
            bars: of followed symbols (others give nothing); outside the symbol's session they are left out.
            session_rows: the engine's row of each bar's session, -1 to warm up only.
        """
        if not bars:
            return []
        closings, owners = [], []
        known: dict[tuple[int, Segment], SessionHours | None] = {}
        for owner, (bar, row) in enumerate(zip(bars, session_rows, strict=True)):
            watch = self._watches.get(bar.symbol)
            if watch is None:
                continue
            key = (bar.ts_open, watch.segment)
            if key not in known:
                known[key] = self._session(*key)
            hours = known[key]
            if hours is None:
                continue
            if any(first <= bar.ts_open < last for first, last in hours.intervals):
                closed = watch.on_bar(bar, hours, row)
                closings += closed
                owners += [(owner, watch)] * len(closed)
        signals: list[list[NDArray[np.void]]] = [[] for _ in bars]
        for (owner, watch), closing, matches in zip(owners, closings, self._match(closings, owners), strict=True):
            if len(matches):
                signals[owner].append(self._signals(watch, closing, matches))
        return [in_order(parts) for parts in signals]

    def on_time(self, ts: int) -> list[NDArray[np.void]]:
        """Close longer bars whose last minutes never came; the SIGNAL records of each symbol that had any."""
        signals = []
        for watch in self._watches.values():
            if ts < watch.due:
                continue
            closings = watch.on_time(ts)
            matched = self._match(closings, [(0, watch)] * len(closings))
            parts = [self._signals(watch, one, found) for one, found in zip(closings, matched, strict=True)]
            if parts:
                signals.append(in_order(parts))
        return signals

    def _match(self, closings: Sequence[Closing], owners: Sequence[tuple[int, SymbolWatch]]) -> list[NDArray[np.void]]:
        """MATCH records of each closing: one call for each pool, and one more where a frame closed twice."""
        matches = [_NO_MATCHES] * len(closings)
        waiting = list(range(len(closings)))
        while waiting:
            calls: dict[int, list[int]] = {}
            later, taken = [], set()
            for i in waiting:
                frame = closings[i].frame
                if id(frame) in taken:
                    later.append(i)
                    continue
                taken.add(id(frame))
                calls.setdefault(id(frame.pool), []).append(i)
            for chosen in calls.values():
                self._call([closings[i] for i in chosen], [owners[i][1] for i in chosen], chosen, matches)
            waiting = later
        return matches

    def _call(
        self, closings: list[Closing], watches: list[SymbolWatch], chosen: list[int],
        matches: list[NDArray[np.void]],
    ) -> None:  # fmt: skip
        rows = np.array([closing.frame.row for closing in closings], np.int64)
        opens = np.array([closing.opens for closing in closings], np.int64)
        bars = np.array([(*closing.values, closing.session) for closing in closings], np.float64)
        around = together([watch.mood.look(one.moment) for one, watch in zip(closings, watches, strict=True)])
        found = closings[0].frame.pool.step(rows, opens, bars, around)
        for k in np.unique(found["bar"]) if len(found) else ():
            matches[chosen[int(k)]] = found[found["bar"] == k].copy()

    def _signals(self, watch: SymbolWatch, closing: Closing, matches: NDArray[np.void]) -> NDArray[np.void]:
        matches["bar"] = 0
        moments, late = np.array([closing.moment], np.int64), np.array([closing.late])
        spots, rows = np.array([closing.values[3]]), np.array([closing.session_row], np.int64)
        return to_signals(matches, closing.frame.watch, self.plan, spots, moments, late, rows, watch.quarantines)

    def _mood(self, symbol: str) -> Mood:
        mood = self._moods.get(symbol)
        if mood is None:
            mood = self._moods[symbol] = Mood(self._stale_ns)
        return mood

    def _watch(self, number: int) -> SymbolWatch:
        followed = self.plan.symbols[number]
        frames = [self._frame(watch) for watch in self.plan.watches if watch.symbol == number]
        watch = SymbolWatch(number, _segment(followed), self._mood(followed.symbol), frames)
        watch.quarantines = self._quarantines.get(followed.symbol, watch.quarantines)
        self._watches[followed.symbol] = watch
        return watch

    def _frame(self, watch: Watch) -> Frame:
        pools = self._pools.setdefault(id(watch.compiled), [])
        for pool in pools:
            if (row := pool.take()) is not None:
                return Frame(watch, pool, row)
        pools.append(RowPool(watch.compiled, self._pool_rows))
        row = pools[-1].take()
        assert row is not None  # a new pool has room
        return Frame(watch, pools[-1], row)

    def _session(self, ts: int, segment: Segment) -> SessionHours | None:
        day = day_of(ts)
        key = (day, segment)
        if key not in self._hours:
            trades = self._calendar.is_session(day)
            self._hours[key] = SessionHours.of(self._calendar, day, segment) if trades else None
        return self._hours[key]


def _segment(followed: FollowedSymbol) -> Segment:
    return Segment.INDEX if followed.kind is InstrumentKind.INDEX else Segment.EQ


def in_order(parts: list[NDArray[np.void]]) -> NDArray[np.void]:
    """SIGNAL records of one symbol by time, then by strategy."""
    if not parts:
        return NO_SIGNALS
    signals = np.concatenate(parts)
    return signals[np.lexsort((signals["strategy"], signals["ts"]))]
