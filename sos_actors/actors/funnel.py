"""Which stocks are followed: the screener's ADD begins one, its REMOVE ends it, unless something is held of it.

Thread-safe; it starts and stops nothing itself, but through what it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import RLock

from sos_actors.engine.plan import FollowedSymbol
from sos_actors.errors import SosError
from sos_actors.messages.market import ScreenerAlert
from sos_actors.types import UnixNanos


class FunnelState(StrEnum):
    """Where a stock in play stands."""

    FOLLOWED = "followed"
    WAITING = "waiting"
    """In play, but as many as may be are followed."""
    LEAVING = "leaving"
    """No longer in play, but held."""
    REFUSED = "refused"
    """In play, but it cannot be followed; the reason is told."""


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """One stock in play, with the alert that brought it."""

    symbol: str
    since: UnixNanos
    state: FunnelState
    alert: ScreenerAlert
    reason: str = ""


class Funnel:
    """Keeps the stocks in play.

    Args:
        lookup: a stock as the engine follows it; raises SosError when it cannot be.
        begin: follow one.
        end: follow it no longer.
        held: symbols of which something is held, or may be: an order works.
        most: stocks followed at once; further ones wait for their turn.
    """

    def __init__(
        self, lookup: Callable[[str], FollowedSymbol], begin: Callable[[FollowedSymbol], object],
        end: Callable[[str], object], held: Callable[[], frozenset[str]], most: int,
    ) -> None:  # fmt: skip
        self._lookup, self._begin, self._end, self._held, self._most = lookup, begin, end, held, most
        self._lock = RLock()
        self._rows: dict[str, FunnelRow] = {}

    def alert(self, alert: ScreenerAlert) -> None:
        """Take one alert."""
        with self._lock:
            row = self._rows.get(alert.symbol)
            if alert.action == "REMOVE":
                self._remove(alert, row)
            elif row is None:
                self._add(FunnelRow(alert.symbol, alert.ts_event, FunnelState.WAITING, alert))
            elif row.state is FunnelState.LEAVING:
                self._rows[alert.symbol] = FunnelRow(alert.symbol, row.since, FunnelState.FOLLOWED, alert)

    def settle(self) -> None:
        """Look again: what has become flat leaves, what waits takes its place. Called every few seconds."""
        with self._lock:
            leaving = [row for row in self._rows.values() if row.state is FunnelState.LEAVING]
            held = self._held() if leaving else frozenset()
            for row in leaving:
                if row.symbol not in held:
                    del self._rows[row.symbol]
                    self._end(row.symbol)
            for row in [row for row in self._rows.values() if row.state is FunnelState.WAITING]:
                self._add(row)

    def rows(self) -> list[FunnelRow]:
        """The stocks in play, the longest-standing first."""
        with self._lock:
            return list(self._rows.values())

    def _add(self, row: FunnelRow) -> None:
        busy = sum(one.state in (FunnelState.FOLLOWED, FunnelState.LEAVING) for one in self._rows.values())
        state, reason = FunnelState.WAITING, ""
        if busy < self._most:
            try:
                self._begin(self._lookup(row.symbol))
                state = FunnelState.FOLLOWED
            except SosError as error:
                state, reason = FunnelState.REFUSED, str(error)
        self._rows[row.symbol] = FunnelRow(row.symbol, row.since, state, row.alert, reason)

    def _remove(self, alert: ScreenerAlert, row: FunnelRow | None) -> None:
        if row is None:
            return
        if row.state is FunnelState.FOLLOWED and alert.symbol in self._held():
            self._rows[alert.symbol] = FunnelRow(alert.symbol, row.since, FunnelState.LEAVING, row.alert)
            return
        del self._rows[alert.symbol]
        if row.state in (FunnelState.FOLLOWED, FunnelState.LEAVING):
            self._end(alert.symbol)
