"""The screener's table at a moment: shares, indices and front futures, or some of them, with their columns."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from datetime import date
from typing import Any

from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.servers.columns import Column
from sos_actors.simulator.servers.frames import Group, History, Row, settled
from sos_actors.simulator.servers.scan_values import GroupValues
from sos_actors.simulator.servers.tickers import ticker_of
from sos_actors.simulator.servers.times import Shown, Trading
from sos_actors.simulator.view import MarketView
from sos_actors.types import Segment

_SEGMENTS = (Segment.EQ, Segment.INDEX, Segment.FO)
_KEPT_GROUPS = 16

_Key = tuple[Segment, date, tuple[str, ...]]


class Table:
    """Groups of instruments one after the other."""

    def __init__(self, groups: list[GroupValues]) -> None:
        self._groups = groups
        self.tickers = [row.ticker for values in groups for row in values.group.rows]

    def column(self, column: Column) -> list[Any]:
        """A value a row; None where it is not known."""
        return [value for values in self._groups for value in values.column(column)]


class Tables:
    """Tables by moment; what was computed for one moment is kept until the next.

    Args:
        market: the market.
    """

    def __init__(self, market: MarketView) -> None:
        self._market, self._board = market, Board(market)
        self._histories = {segment: History(market, segment) for segment in _SEGMENTS}
        self._groups: OrderedDict[_Key, Group] = OrderedDict()
        self._values: dict[_Key, tuple[tuple[int, ...], GroupValues]] = {}

    async def table(self, at: Shown, delay_s: float, needs: Collection[int], tickers: Collection[str] | None) -> Table:
        """The table at a moment.

        Args:
            at: the moment shown.
            delay_s: what the vendor says of its delay.
            needs: histories to be there.
            tickers: the instruments; None for all.
        """
        wanted = None if tickers is None else frozenset(tickers)
        return Table([await self._of_segment(segment, at, delay_s, needs, wanted) for segment in _SEGMENTS])

    async def _of_segment(
        self, segment: Segment, at: Shown, delay_s: float, needs: Collection[int], wanted: frozenset[str] | None
    ) -> GroupValues:
        now = settled(self._market, at.ts, segment)
        rows = [row for row in self._rows(segment, now.day) if wanted is None or row.ticker in wanted]
        key = (segment, now.day, tuple(row.ticker for row in rows))
        group = self._group(key, rows, now)
        if rows and needs:
            await group.prepare(needs)
        moment = (now.ts, at.shift, int(delay_s))
        kept = self._values.get(key)
        if kept is None or kept[0] != moment or kept[1].group is not group:
            mode = f"delayed_streaming_{int(delay_s)}" if delay_s > 0 else "streaming"
            kept = self._values[key] = (moment, GroupValues(group, now, at.shift, mode))
        return kept[1]

    def _group(self, key: _Key, rows: list[Row], now: Trading) -> Group:
        if key not in self._groups:
            self._groups[key] = Group(self._market, now.session, rows, self._histories[key[0]])
            while len(self._groups) > _KEPT_GROUPS:
                self._values.pop(self._groups.popitem(last=False)[0], None)
        self._groups.move_to_end(key)
        return self._groups[key]

    def _rows(self, segment: Segment, day: date) -> list[Row]:
        listed = self._board.day(day)
        if segment is Segment.FO:
            return [Row(f"NSE:{name}1!", futures[0]) for name, futures in sorted(listed.futures.items())]
        of_segment = listed.shares if segment is Segment.EQ else listed.indices
        return [Row(ticker_of(name), listing) for name, listing in of_segment.items()]
