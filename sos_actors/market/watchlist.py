"""Which stocks are in play: successive screener scans turned into alerts, without flicker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sos_actors.messages.market import ScreenerAlert
from sos_actors.messages.snapshots import ScreenerRow, ScreenerScan
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

ALERT_FIELDS = ("rvol", "change_from_open", "momentum_score", "adx", "atr", "macd", "change")
"""What an alert takes over of a row's values; 0.0 where the row has none, as the strategy language has it."""


@dataclass(frozen=True, slots=True)
class _Member:
    row: ScreenerRow
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Watchlist:
    """The stocks in play after some scans. A value: ``after`` gives the next one.

    A row whose data is older than ``stale_after_s``, or of unknown age, counts as absent: before the bell and of a
    halted stock the screener goes on showing what was.

    Attributes:
        keep_scans: scans in a row a stock may be absent and stay; it leaves with the next one.
        stale_after_s: seconds; longer than the vendor's ordinary delay (15 minutes where data is not real time).
    """

    keep_scans: int = 3
    stale_after_s: float = 1200.0
    _members: Mapping[str, _Member] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Canonical symbols in play, the longest-standing first."""
        return tuple(self._members)

    def standing(self, rows: Iterable[ScreenerRow]) -> Watchlist:
        """The list with these stocks in play, as they were before a restart; scans go on from there."""
        return replace(self, _members=MappingProxyType({row.symbol: _Member(row) for row in rows}))

    def after(self, scan: ScreenerScan) -> tuple[Watchlist, list[ScreenerAlert]]:
        """The list after one more scan, and what changed: arrivals in the scan's order, then departures by symbol."""
        fresh = {row.symbol: row for row in scan.rows if self._is_fresh(row, scan.ts_event)}
        return self._step(scan.ts_event, fresh)

    def after_silence(self, at: UnixNanos) -> tuple[Watchlist, list[ScreenerAlert]]:
        """The list after a scan that failed: every stock counts as absent."""
        return self._step(at, {})

    def _is_fresh(self, row: ScreenerRow, at: UnixNanos) -> bool:
        updated = row.values.get("updated_s")
        return updated is not None and at / NANOS_PER_SECOND - updated <= self.stale_after_s

    def _step(self, at: UnixNanos, fresh: Mapping[str, ScreenerRow]) -> tuple[Watchlist, list[ScreenerAlert]]:
        members: dict[str, _Member] = {}
        gone: list[ScreenerRow] = []
        for symbol, member in self._members.items():
            if symbol in fresh:
                members[symbol] = _Member(fresh[symbol])
            elif member.missed < self.keep_scans:
                members[symbol] = replace(member, missed=member.missed + 1)
            else:
                gone.append(member.row)
        come = [row for symbol, row in fresh.items() if symbol not in self._members]
        members |= {row.symbol: _Member(row) for row in come}
        alerts = [_alert(at, row, "ADD") for row in come]
        alerts += [_alert(at, row, "REMOVE") for row in sorted(gone, key=lambda row: row.symbol)]
        return replace(self, _members=MappingProxyType(members)), alerts


def _alert(at: UnixNanos, row: ScreenerRow, action: str) -> ScreenerAlert:
    return ScreenerAlert(at, row.symbol, action, **{name: row.values.get(name) or 0.0 for name in ALERT_FIELDS})
