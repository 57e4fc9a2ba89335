"""Which stocks the screener has in play, and which of them are followed: no more than can be; the others wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sos_actors.market.watchlist import Watchlist
from sos_actors.messages.market import ScreenerAlert
from sos_actors.messages.snapshots import ScreenerRow, ScreenerScan
from sos_actors.types import UnixNanos


class StocksInPlay:
    """The watchlist with a limit; outlives the actor that feeds it.

    Args:
        most: stocks followed at once.
        watchlist: how long a stock may be absent from the scans.
        past: what was said earlier today, oldest first: those stocks are followed already.
    """

    def __init__(self, most: int, watchlist: Watchlist | None = None, past: Iterable[ScreenerAlert] = ()) -> None:
        self._most = most
        self._followed: dict[str, ScreenerAlert] = {}
        self._waiting: dict[str, ScreenerAlert] = {}
        for alert in past:
            self._followed.pop(alert.symbol, None)
            if alert.action == "ADD":
                self._followed[alert.symbol] = alert
        self._watchlist = (watchlist or Watchlist()).standing(ScreenerRow(symbol, "") for symbol in self._followed)

    @property
    def followed(self) -> tuple[str, ...]:
        """Canonical symbols, the longest-standing first."""
        return tuple(self._followed)

    @property
    def standing(self) -> tuple[ScreenerAlert, ...]:
        """The alerts that brought those that are followed."""
        return tuple(self._followed.values())

    @property
    def waiting(self) -> tuple[str, ...]:
        """Those in play beyond the limit, in the order in which their turn comes."""
        return tuple(self._waiting)

    def after(self, scan: ScreenerScan) -> list[ScreenerAlert]:
        """What one more scan changes in what is followed: departures first, then arrivals."""
        self._watchlist, alerts = self._watchlist.after(scan)
        return self._admit(alerts, scan.ts_event)

    def after_silence(self, at: UnixNanos) -> list[ScreenerAlert]:
        """The same for a scan that failed."""
        self._watchlist, alerts = self._watchlist.after_silence(at)
        return self._admit(alerts, at)

    def _admit(self, alerts: list[ScreenerAlert], at: UnixNanos) -> list[ScreenerAlert]:
        """Those whose turn it is get an ADD of this moment: it is from now on that they are followed."""
        told = []
        for alert in alerts:
            if alert.action == "ADD":
                self._waiting[alert.symbol] = alert
            elif self._waiting.pop(alert.symbol, None) is None and self._followed.pop(alert.symbol, None) is not None:
                told.append(alert)
        while self._waiting and len(self._followed) < self._most:
            symbol = next(iter(self._waiting))
            self._followed[symbol] = replace(self._waiting.pop(symbol), ts_event=at)
            told.append(self._followed[symbol])
        return told
