"""Whether the market feed can be traded on: connected, and the indices moving while the market trades.

Knows no clock and no gate: it is told what happened and asked for a verdict. Used by the feed's intake under its lock.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.feed import FeedState, MarketPhase, MarketStatus
from sos_actors.runtime.clock import indian_day
from sos_actors.runtime.trading_gate import Rung
from sos_actors.types import NANOS_PER_SECOND, Segment

SEGMENTS = frozenset(("NSE_INDEX", "NSE_EQ", "NSE_FO"))
"""Segments whose closing stops entries, in the feed's words."""
_CLOSED = (MarketPhase.NORMAL_CLOSE, MarketPhase.CLOSING_START, MarketPhase.CLOSING_END)


class Verdict(NamedTuple):
    """Why the feed holds trading back, and how far."""

    rung: Rung
    reason: str


class FeedHealth:
    """What is known of one feed.

    Args:
        indices: canonical symbols that must move in continuous trading.
        calendar: says when that is.
        still_after_ns: how long an index may be still, nanoseconds of the clock; how long after the open what the
            exchange says of a segment may be of before it.
        blind_after_ns: without any price for so long, whatever the reason, what is held is closed: nobody sees its
            stop. None never does.
    """

    def __init__(
        self, indices: Collection[str], calendar: Calendar, still_after_ns: int, blind_after_ns: int | None = None
    ) -> None:
        self._calendar, self._still_after, self._blind_after = calendar, still_after_ns, blind_after_ns
        self._begun: int | None = None
        self._moved = dict.fromkeys(indices, 0)
        self._state: FeedState | None = None
        self._reason, self._up = "", 0
        self.phases: dict[str, MarketPhase] = {}
        """What the exchange says of each segment, since the connection came up."""

    @property
    def state(self) -> FeedState | None:
        """How the connection is; None before it was tried."""
        return self._state

    def on_state(self, at: int, state: FeedState, reason: str) -> None:
        """The connection came up or went, at a moment in UnixNanos."""
        if state is FeedState.UP:
            self._up = at
        else:
            self.phases.clear()
        self._state, self._reason = state, reason.rstrip(". ")

    def on_move(self, symbol: str, at: int) -> None:
        """There is a newer price of a symbol; received at ``at``, UnixNanos."""
        if symbol in self._moved:
            self._moved[symbol] = at

    def on_status(self, status: MarketStatus) -> bool:
        """The exchange says how a segment is; whether that is new and of a segment that is traded."""
        if status.segment not in SEGMENTS or self.phases.get(status.segment) is status.phase:
            return False
        self.phases[status.segment] = status.phase
        return True

    def verdict(self, now: int) -> Verdict | None:
        """What is wrong at a moment (UnixNanos); None when nothing is."""
        if self._begun is None:
            self._begun = now
        opened = self._trading_since(now)
        found = self._doubt(now, opened)
        if opened is None or self._blind_after is None:
            return found
        if now - max(*self._moved.values(), opened, self._begun) <= self._blind_after:
            return found
        why = f"{found.reason} " if found is not None else ""
        blind_s = self._blind_after / NANOS_PER_SECOND
        return Verdict(Rung.SQUARE_OFF, f"{why}No price has come for more than {blind_s:g} s: all is closed.")

    def _doubt(self, now: int, opened: int | None) -> Verdict | None:
        if self._state is FeedState.REFUSED:
            return Verdict(Rung.EXITS_ONLY, f"The market feed was refused: {self._reason}.")
        if self._state is not FeedState.UP:
            how = "not connected yet" if self._state is None else f"{self._state}: {self._reason}"
            return Verdict(Rung.STOP_ENTRIES, f"The market feed is {how.rstrip(': ')}.")
        reason = "" if opened is None else self._closed(now, opened) or self._still(now, opened)
        return Verdict(Rung.STOP_ENTRIES, reason) if reason else None

    def _closed(self, now: int, opened: int) -> str:
        if now - opened <= self._still_after:  # segments open one after the other
            return ""
        closed = sorted(segment for segment, phase in self.phases.items() if phase in _CLOSED)
        return f"The exchange says that {closed[0]} is closed." if closed else ""

    def _still(self, now: int, opened: int) -> str:
        for symbol, moved in self._moved.items():
            name = symbol.rpartition("|")[2]
            if moved < self._up:
                return f"No price of {name} has come since the market feed was connected."
            if now - max(moved, opened) > self._still_after:
                return f"{name} has been still for more than {self._still_after / NANOS_PER_SECOND:g} s."
        return ""

    def _trading_since(self, now: int) -> int | None:
        """When the present stretch of continuous trading began; None outside one, or where no table knows."""
        try:
            session = self._calendar.session(indian_day(now), Segment.INDEX)
        except MarketRuleError:
            return None
        if now >= session.continuous_close_ns:
            return None
        return next((start for start, close in session.intervals if start <= now < close), None)
