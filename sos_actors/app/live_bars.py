"""Today's bars of the followed symbols in the order in which external engines are told them: oldest first, each once.

A symbol's bars wait until its past is there, which has those of today's before them. What the feed missed comes later
than the next bar; of a symbol that trades every minute, as an index does, that bar waits for it, a while.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from threading import Lock

from sos_actors.messages.market import BarClosed
from sos_actors.types import NANOS_PER_MINUTE

MOST_EARLY = 400
"""Bars kept for a symbol whose past does not come: more than a session has minutes."""
MOST_AHEAD = 5
"""Bars after a missing one that wait for it; then it is given up."""


@dataclass(slots=True)
class BarsInOrder:
    """Sorts; any thread.

    Attributes:
        emit: takes a bar; called under the lock, so it must only pass on.
        every_minute: symbols that have a bar every minute of a session.
    """

    emit: Callable[[BarClosed], object]
    every_minute: Collection[str] = ()
    _begun: set[str] = field(default_factory=set)
    _last: dict[str, int] = field(default_factory=dict)
    _waiting: dict[str, dict[int, BarClosed]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def bar(self, bar: BarClosed) -> None:
        """A minute has closed, or one that was missed is known now."""
        with self._lock:
            self._keep(bar)
            self._tell(bar.symbol)

    def past(self, symbol: str, bars: Iterable[BarClosed]) -> None:
        """All of today's closed minutes that are known; may come again, with more."""
        with self._lock:
            self._begun.add(symbol)
            for bar in bars:
                self._keep(bar)
            self._tell(symbol)

    def _keep(self, bar: BarClosed) -> None:
        if bar.ts_open > self._last.get(bar.symbol, -1):
            self._waiting.setdefault(bar.symbol, {}).setdefault(bar.ts_open, bar)

    def _tell(self, symbol: str) -> None:
        waiting = self._waiting.get(symbol, {})
        if symbol not in self._begun and len(waiting) <= MOST_EARLY:
            return
        for opened in sorted(waiting):
            last = self._last.get(symbol)
            misses = last is not None and opened > last + NANOS_PER_MINUTE
            if misses and symbol in self.every_minute and len(waiting) <= MOST_AHEAD:
                return
            self._last[symbol] = opened
            self.emit(waiting.pop(opened))
