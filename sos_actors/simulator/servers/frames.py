"""What the screener knows of a group of instruments at a moment: their bars in every timeframe, the forming one last.

Past sessions are made once, a few instruments at a time, so that nobody else waits long for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.calendar import Session
from sos_actors.simulator.servers.panels import AT_A_TIME, Matrix, Panel, joined, minute_panel, reduced, with_forming
from sos_actors.simulator.servers.times import Trading, trading
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment

DAILY = 0
"""The timeframe without a suffix."""
USUAL = -1
"""Stands for the usual volume by time of day among the things to prepare."""
SHORT = -2
"""Daily bars for what looks back ten sessions only."""
MINUTE = 1
HISTORY = {DAILY: 36, SHORT: 11, USUAL: 10, MINUTE: 1, 5: 3, 15: 8, 30: 12, 60: 15, 120: 20, 240: 25}
"""Sessions before today that go into a timeframe: enough for averages of fourteen bars and MACD."""
REFRESH_S = 10
"""The screener's data moves about every ten seconds. Source: measured by users, 2024 to 2026."""
_MOST_BARS = 300
_STEPS = 75


class Row(NamedTuple):
    """One instrument of the screener: ``NSE:M_M`` and what the market calls it."""

    ticker: str
    listing: Listing


class History:
    """Sessions of single instruments in the timeframes asked for so far. Used by one event loop only.

    Args:
        market: the market.
        segment: whose hours hold.
    """

    def __init__(self, market: MarketView, segment: Segment) -> None:
        self._market, self._segment = market, segment
        self._ts: dict[tuple[date, int], NDArray[np.int64]] = {}
        self._bars: dict[tuple[date, int], dict[str, Matrix]] = {}
        self._making = asyncio.Lock()

    async def make(self, listings: Sequence[Listing], today: Session, needs: Collection[int]) -> None:
        """Make what these instruments need on a day, where it is not there yet; forget what is too long ago."""
        async with self._making:
            sessions = self.before(today, max(HISTORY.values()))
            days = {today.day, *(session.day for session in sessions)}
            for kept in (self._ts, self._bars):
                for key in [key for key in kept if key[0] not in days]:
                    del kept[key]
            await self._make_session(listings, today, [MINUTE])
            for back, session in zip(range(len(sessions), 0, -1), sessions, strict=True):
                await self._make_session(listings, session, [need for need in needs if HISTORY[need] >= back])

    def panel(self, listings: Sequence[Listing], session: Session, need: int) -> Panel:
        """A session that has been made."""
        bars = self._bars[session.day, need]
        stacked = np.stack([bars[listing.symbol] for listing in listings], axis=1)
        return Panel(self._ts[session.day, need], *stacked)

    def before(self, today: Session, count: int) -> list[Session]:
        """Sessions before today, oldest first."""
        found: list[Session] = []
        ts = today.open_ns - 1
        while len(found) < count:
            session = trading(self._market.calendar, ts, self._segment).session
            found.append(session)
            ts = session.open_ns - 1
        return found[::-1]

    async def _make_session(self, listings: Sequence[Listing], session: Session, needs: Collection[int]) -> None:
        made = [self._bars.setdefault((session.day, need), {}) for need in needs]
        missing = [one for one in listings if any(one.symbol not in bars for bars in made)]
        if not missing:
            return
        minutes = await minute_panel(self._market, missing, session)
        for need, bars in zip(needs, made, strict=True):
            panel = of_timeframe(minutes, session, need)
            self._ts[session.day, need] = panel.ts
            matrix = np.stack([part if part.size else np.zeros_like(panel.volume) for part in panel[1:]])
            bars.update({listing.symbol: matrix[:, row].copy() for row, listing in enumerate(missing)})


class Group:
    """Instruments that share their session hours, on one day.

    Args:
        market: the market.
        session: the day's hours.
        rows: the instruments.
        history: of the segment.
    """

    def __init__(self, market: MarketView, session: Session, rows: Sequence[Row], history: History) -> None:
        self._market, self._session, self._history = market, session, history
        self.rows = list(rows)
        self._listings = [row.listing for row in rows]
        self._past: dict[int, Panel] = {}
        self._usual: Matrix | None = None
        self._minutes: Panel | None = None

    @property
    def day(self) -> date:
        """The session's date."""
        return self._session.day

    async def prepare(self, needs: Collection[int]) -> None:
        """Make today's minutes and the history that is needed; must precede everything else."""
        if self._minutes is None:
            for number, listing in enumerate(self._listings):
                self._market.state(listing, self._session.open_ns)  # a first look makes the instrument's day
                if number % AT_A_TIME == 0:
                    await asyncio.sleep(0)
        await self._history.make(self._listings, self._session, needs)
        self._minutes = self._history.panel(self._listings, self._session, MINUTE)

    def today(self, now: Trading) -> Panel:
        """Today's minutes as they are at a moment."""
        assert self._minutes is not None
        states = [self._market.state(listing, now.ts) for listing in self._listings]
        begun = self._minutes.ts[max(int(np.searchsorted(self._minutes.ts, now.ts, side="right")) - 1, 0)]
        return with_forming(
            self._minutes,
            now.ts,
            np.array([state.ltp for state in states]),
            np.array([float(state.volume) for state in states]),
            np.array([state.ltt >= begun for state in states]),
        )

    def frame(self, today: Panel, timeframe: int) -> Panel:
        """Bars of a timeframe at a moment, history first."""
        if timeframe not in self._past:
            self._past[timeframe] = joined(self._sessions(timeframe)).last(_MOST_BARS)
        return joined([self._past[timeframe], of_timeframe(today, self._session, timeframe)])

    def _sessions(self, need: int) -> list[Panel]:
        sessions = self._history.before(self._session, HISTORY[need])
        return [self._history.panel(self._listings, session, need) for session in sessions]

    def usual_volume(self, ts: int) -> Matrix:
        """Volume usually traded by this time of day, float64 (n_rows,): the mean of ten sessions. Needs ``USUAL``."""
        if self._usual is None:
            self._usual = np.mean([day.volume for day in self._sessions(USUAL)], axis=0)
        first, last = self._session.open_ns, self._session.close_ns
        place = min(max((ts - first) / (last - first), 0.0), 1.0) * _STEPS
        low = min(int(place), _STEPS - 1)
        usual: Matrix = self._usual[:, low] + (place - low) * (self._usual[:, low + 1] - self._usual[:, low])
        return usual


def of_timeframe(minutes: Panel, session: Session, timeframe: int) -> Panel:
    """A session's minutes as bars of a timeframe; for ``USUAL`` the volume so far at equal steps of the session."""
    if timeframe != USUAL:
        whole = int(session.close_ns - session.open_ns) // NANOS_PER_MINUTE
        return reduced(minutes, timeframe if timeframe > 0 else whole, session.open_ns)
    total = np.cumsum(minutes.volume, axis=1)
    total = np.concatenate([np.zeros((len(total), 1)), total], axis=1)
    steps = np.linspace(0, total.shape[1] - 1, _STEPS + 1).astype(int)
    return minutes.until(0)._replace(volume=total[:, steps])


def settled(market: MarketView, ts: int, segment: Segment) -> Trading:
    """The moment whose data the screener shows: the last ten-second mark; in the first seconds still yesterday's."""
    now = trading(market.calendar, ts, segment)
    if not now.is_open:
        return now
    step = REFRESH_S * NANOS_PER_SECOND
    at = now.ts // step * step
    if at <= now.session.open_ns:
        return trading(market.calendar, now.session.open_ns - 1, segment)
    return now._replace(ts=at)
