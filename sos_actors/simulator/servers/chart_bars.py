"""Bars of one instrument as the chart socket serves them, the forming one included; made a session at a time.

Intraday bars count from the session's open, daily bars are stamped at it. A minute without a trade has no bar.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Session
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.servers.times import Trading, indian, trading
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment

Bar = list[float]
"""Time (epoch seconds of the open), open, high, low, close and, where there is one, volume."""

MOST_BARS = 10_000
_KEPT_SESSIONS = 600
_EMPTY_SESSIONS = 5
_LOOK_EVERY_NS = 10 * NANOS_PER_SECOND


class Resolution(NamedTuple):
    """A bar length: minutes, or (``minutes`` 0) days, weeks or months by ``unit``."""

    minutes: int
    unit: str = ""


RESOLUTIONS = {
    **{text: Resolution(int(text)) for text in ("1", "3", "5", "15", "30", "45", "60", "120", "180", "240")},
    **{f"{hours}H": Resolution(hours * 60) for hours in (1, 2, 3, 4)},
    **{text: Resolution(0, text[-1]) for text in ("D", "1D", "W", "1W", "M", "1M")},
}
"""By the name the socket knows; seconds and free lengths need a subscription."""


class ChartBars:
    """Bars by instrument, resolution and moment.

    Args:
        market: the market.
        index_volume: whether an index has volume: the sum of its members' shares.
    """

    def __init__(self, market: MarketView, index_volume: bool) -> None:
        self._market, self._index_volume = market, index_volume
        self._sessions: OrderedDict[tuple[str, date, Resolution], list[Bar]] = OrderedDict()

    def has_volume(self, listing: Listing) -> bool:
        """Whether bars of an instrument carry a volume."""
        return listing.segment is not Segment.INDEX or (self._index_volume and listing.name != "INDIA VIX")

    async def bars(
        self, listing: Listing, resolution: Resolution, ts: int, count: int, first_s: float | None = None
    ) -> list[Bar]:
        """The last bars that had begun at a moment.

        Args:
            listing: the instrument.
            resolution: length of a bar.
            ts: the moment, UnixNanos.
            count: how many at most.
            first_s: no bar that opens before, epoch seconds.
        """
        last = trading(self._market.calendar, ts, listing.segment)
        if listing.expiry is not None and last.day > listing.expiry:
            last = trading(self._market.calendar, _end_of(listing.expiry), listing.segment)
        sessions: list[list[Bar]] = []
        session, found, empty = last.session, 0, 0
        wanted = min(count, MOST_BARS) * {"W": 6, "M": 24}.get(resolution.unit, 1)
        while found < wanted and empty < _EMPTY_SESSIONS:
            made = self._of_session(listing, resolution, session, last if session is last.session else None)
            sessions.append(made)
            found, empty = found + len(made), 0 if made else empty + 1
            if first_s is not None and session.open_ns <= first_s * NANOS_PER_SECOND:
                break
            before = self._before(session)
            if before is None:
                break
            session = before
            await asyncio.sleep(0)
        flat = _longer([bar for made in reversed(sessions) for bar in made], resolution.unit)
        return [bar for bar in flat if first_s is None or bar[0] >= first_s][-min(count, MOST_BARS) :]

    def closes(self, bar: Bar, resolution: Resolution, segment: Segment) -> int:
        """When a bar closes, epoch seconds; a second early for days and longer, as the socket says it."""
        session = trading(self._market.calendar, int(bar[0]) * NANOS_PER_SECOND, segment).session
        end = int(session.close_ns) // NANOS_PER_SECOND
        return min(int(bar[0]) + resolution.minutes * 60, end) if resolution.minutes else end - 1

    def _before(self, session: Session) -> Session | None:
        try:
            return trading(self._market.calendar, session.open_ns - 1, session.segment).session
        except MarketRuleError:
            return None

    def _of_session(self, listing: Listing, resolution: Resolution, session: Session, now: Trading | None) -> list[Bar]:
        """Bars of one session; of the part that lies behind ``now`` where that is given."""
        if now is not None and now.ts < session.close_ns:
            return self._grouped(self._minutes(listing, session, now.ts), resolution, session)
        key = (listing.symbol, session.day, resolution)
        if key not in self._sessions:
            bars = self._with_volume(listing, self._market.candles(listing, session.day), session)
            self._sessions[key] = self._grouped(_rows(bars, self.has_volume(listing)), resolution, session)
            while len(self._sessions) > _KEPT_SESSIONS:
                self._sessions.popitem(last=False)
        return self._sessions[key]

    def _minutes(self, listing: Listing, session: Session, ts: int) -> list[Bar]:
        """The session's minutes at a moment, the forming one last."""
        series = self._with_volume(listing, self._market.candles(listing, session.day), session)
        done = int(np.searchsorted(series.ts + NANOS_PER_MINUTE, ts, side="right"))
        has_volume = self.has_volume(listing)
        rows = _rows(series[:done], has_volume)
        if done >= len(series) or series.ts[done] > ts:
            return rows
        opens, first = int(series.ts[done]), float(series.open[done])
        looks = [*range(opens + _LOOK_EVERY_NS, ts, _LOOK_EVERY_NS), ts]
        states = [self._market.state(listing, look) for look in looks]
        if states[-1].ltt < opens:
            return rows
        prices = [first, *(state.ltp for state in states if state.ltt >= opens)]
        forming = [opens / NANOS_PER_SECOND, first, max(prices), min(prices), states[-1].ltp]
        if has_volume:
            part = (ts - opens) / NANOS_PER_MINUTE
            by_state = states[-1].volume - float(np.nansum(series.volume[:done]))
            whole = listing.segment is Segment.INDEX
            forming.append(float(round(part * series.volume[done])) if whole else max(by_state, 0.0))
        return [*rows, forming]

    def _with_volume(self, listing: Listing, series: BarSeries, session: Session) -> BarSeries:
        """An index with its members' volume, where that is wanted."""
        if listing.segment is not Segment.INDEX or not self.has_volume(listing) or not len(series):
            return series
        total = np.zeros(len(series))
        for name in self._market.members():
            share = self._market.named(f"NSE|EQ|{name}", session.day)
            bars = self._market.candles(share, session.day) if share is not None else BarSeries.empty()
            places = np.searchsorted(series.ts, bars.ts)
            inside = places < len(series)
            np.add.at(total, places[inside], bars.volume[inside])
        return BarSeries(series.ts, series.open, series.high, series.low, series.close, total, series.oi)

    def _grouped(self, minutes: list[Bar], resolution: Resolution, session: Session) -> list[Bar]:
        start = session.open_ns / NANOS_PER_SECOND
        length = resolution.minutes * 60 or 86_400
        return minutes if length == 60 else _merged(minutes, lambda bar: start + (bar[0] - start) // length * length)


def _rows(series: BarSeries, has_volume: bool) -> list[Bar]:
    columns = [series.ts / NANOS_PER_SECOND, series.open, series.high, series.low, series.close]
    rows: list[Bar] = np.column_stack([*columns, series.volume] if has_volume else columns).tolist()
    return rows


def _merged(bars: list[Bar], opens: Callable[[Bar], float]) -> list[Bar]:
    """Bars put together where ``opens`` of them is equal."""
    merged: list[Bar] = []
    for bar in bars:
        begun = opens(bar)
        if not merged or merged[-1][0] != begun:
            merged.append([begun, *bar[1:]])
            continue
        last = merged[-1]
        last[2], last[3], last[4] = max(last[2], bar[2]), min(last[3], bar[3]), bar[4]
        if len(bar) > 5:
            last[5] += bar[5]
    return merged


def _longer(bars: list[Bar], unit: str) -> list[Bar]:
    """Days put together to weeks or months, each stamped like its first session."""
    if unit not in ("W", "M"):
        return bars
    first_of: dict[date, float] = {}

    def opens(bar: Bar) -> float:
        day = indian(int(bar[0]) * NANOS_PER_SECOND).date()
        period = day - timedelta(days=day.weekday()) if unit == "W" else day.replace(day=1)
        return first_of.setdefault(period, bar[0])

    return _merged(bars, opens)


def _end_of(day: date) -> int:
    """The last moment of a day in India, UnixNanos."""
    return moment_of(day + timedelta(days=1)) - 1
