"""A deterministic market: one seed, one calendar, and every session's candles, option chains and breadth follow.

Each session is computed from its own random numbers, so it is the same whichever other days were asked for. Fills
sessions nobody has data for, and is the truth the simulated vendors will serve. Knows no client and no engine.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import MarketRuleError, UnknownSymbolError
from sos_actors.market.calendar import Calendar, Session
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model_contracts import UNDERLYINGS, SessionContracts, SessionFrame
from sos_actors.simulator.model_days import DayType
from sos_actors.simulator.model_levels import DayPlan, LevelTable
from sos_actors.simulator.model_options import ChainPath, OptionMarket
from sos_actors.simulator.model_paths import SessionGrid, SessionPaths
from sos_actors.simulator.model_series import SeriesTable
from sos_actors.simulator.model_shares import SHARES
from sos_actors.simulator.model_symbols import FIRST_LISTED, LISTED, MEMBERS, NIFTY, ROWS, ListedSymbol
from sos_actors.simulator.model_tape import InstrumentDay
from sos_actors.types import Segment

BREADTH_SECURITIES = 50
"""Advances and declines count the securities of the NIFTY 50, as NSE's ``allIndices`` does."""
_FULL_SESSION = 375.0
_SEGMENTS = (Segment.INDEX, Segment.EQ, Segment.FO)


class BreadthPath(NamedTuple):
    """Advances and declines against the previous close.

    Attributes:
        ts: int64 (n,), UnixNanos at which the counts are known: the close of each index minute.
        advances, declines: float64 (n,), whole numbers; together at most ``BREADTH_SECURITIES``.
    """

    ts: NDArray[np.int64]
    advances: NDArray[np.float64]
    declines: NDArray[np.float64]


class SimulatedDay:
    """One session of the model; everything is computed when first asked for. ``MarketModel.session`` makes it."""

    def __init__(self, seed: int, calendar: Calendar, levels: LevelTable, series: SeriesTable, day: date) -> None:
        self._seed = seed
        self._calendar = calendar
        self._levels = levels
        self._day = day
        self._grid = SessionGrid.of({segment: calendar.session(day, segment).bar_opens() for segment in _SEGMENTS})
        self._plans: dict[str, DayPlan] = {}
        self._paths = SessionPaths(seed, self._grid, self._plan)
        self.contracts = SessionContracts(
            seed, SessionFrame(day, calendar, levels, series, self._grid), self._paths, self._plan
        )
        self._breadth: BreadthPath | None = None

    @property
    def day(self) -> date:
        """The session's date."""
        return self._day

    @property
    def day_type(self) -> DayType:
        """The shape of the session."""
        return self._plan(NIFTY).day_type

    @property
    def symbols(self) -> tuple[str, ...]:
        """Canonical symbols with candles: two indices, then the stocks."""
        return tuple(listed.symbol for listed in LISTED)

    @property
    def option_underlyings(self) -> tuple[str, ...]:
        """Short names of the underlyings with an option chain."""
        return UNDERLYINGS

    def plan(self, symbol: str) -> DayPlan:
        """What was decided about a symbol's session before it began.

        Raises:
            UnknownSymbolError: the model does not list it.
        """
        return self._plan(_listed(symbol))

    def candles(self, symbol: str) -> BarSeries:
        """One-minute bars; whole-number volume for stocks, NaN for an index; open interest NaN.

        Args:
            symbol: canonical.

        Raises:
            UnknownSymbolError: the model does not list it.
        """
        listed = _listed(symbol)
        path = self._paths.path(listed)
        volume = self._paths.volume(listed, path) if listed.daily_volume else None
        return path.bars(self._grid, listed.segment, volume)

    def _plan(self, listed: ListedSymbol) -> DayPlan:
        if listed.symbol not in self._plans:
            self._plans[listed.symbol] = self._levels.plan(self._day, ROWS[listed.symbol])
        return self._plans[listed.symbol]

    def chain(self, underlying: str, expiry: date | None = None) -> ChainPath:
        """The chain of one listed expiry, the nearest unless said otherwise, a snapshot a minute.

        Args:
            underlying: short name.
            expiry: one of ``option_series``.

        Raises:
            UnknownSymbolError: it has no options here, or none of that expiry on that day.
            MarketRuleError: no table knows its expiries or lot size on that day.
        """
        return self.option_market(underlying, expiry).chain()

    def option_candles(self, underlying: str, expiry: date | None = None) -> dict[str, BarSeries]:
        """Bars of one expiry's contracts around the day's range, by canonical symbol; arguments as ``chain``.

        Volume in units, open interest in units at the bar's close; a minute without a trade has no bar.
        """
        return self.option_market(underlying, expiry).candles()

    def option_market(self, underlying: str, expiry: date | None = None) -> OptionMarket:
        """Everything about one expiry's options, listed or not; arguments and errors as ``chain``."""
        return self.contracts.option_market(underlying, expiry)

    def instrument(self, symbol: str) -> InstrumentDay:
        """An index or a share in every detail.

        Raises:
            UnknownSymbolError: the model does not list it.
        """
        listed = _listed(symbol)
        rows = self._grid.rows[listed.segment]
        return InstrumentDay(self.candles(symbol), self._paths.path(listed).steps[rows], int(listed.daily_volume > 0))

    def hours(self, segment: Segment) -> Session:
        """The session of a segment."""
        return self._calendar.session(self._day, segment)

    def minutes(self, segment: Segment) -> NDArray[np.int64]:
        """When a segment's bars open, int64 (n,), UnixNanos."""
        return self._grid.minutes[self._grid.rows[segment]]

    def breadth(self) -> BreadthPath:
        """Members of the NIFTY 50 above and below their previous close, as counted at each index minute's close."""
        if self._breadth is None:
            rows, index_rows = self._grid.rows[Segment.EQ], self._grid.rows[Segment.INDEX]
            sides = self._sides(slice(None), -1)
            known = np.searchsorted(self._grid.closes[rows], self._grid.closes[index_rows], "right") - 1
            at_close = sides[:, np.maximum(known, 0)]
            self._breadth = BreadthPath(self._grid.closes[index_rows], at_close[0], at_close[1])
        return self._breadth

    def opening_breadth(self) -> tuple[int, int]:
        """Advances and declines of the members' first prices."""
        advances, declines = self._sides(slice(1), 0)[:, 0].tolist()
        return int(advances), int(declines)

    def _sides(self, which: slice, step: int) -> NDArray[np.float64]:
        """Advances and declines (2, n) at a step of some of the shares' minutes."""
        rows = self._grid.rows[Segment.EQ][which]
        sides = np.zeros((2, len(rows)))
        for short_name in MEMBERS:
            listed = LISTED[ROWS[f"NSE|EQ|{short_name}"]]
            change = self._paths.path(listed).steps[rows, step] - self._plan(listed).previous_close
            sides += change > 0, change < 0
        return sides

    def daily(self, symbol: str) -> tuple[float, float, float, float, float]:
        """Open, high, low, close and volume of an index or a share, without keeping its path; volume NaN of an index.

        Raises:
            UnknownSymbolError: the model does not list it.
        """
        listed = _listed(symbol)
        path = self._paths.path(listed, keep=False)
        steps = path.steps[self._grid.rows[listed.segment]]
        volume = float(self._paths.volume(listed, path).sum()) if listed.daily_volume else float("nan")
        return float(steps[0, 0]), float(steps.max()), float(steps.min()), float(steps[-1, -1]), volume


class MarketModel:
    """Every session of a calendar, from one seed.

    Args:
        seed: not negative; another seed is another market around the same long-run levels.
        calendar: sessions and hours, both eras.

    Raises:
        ValueError: a negative seed, or a calendar reaching before 2019 or after 2030.
    """

    def __init__(self, seed: int, calendar: Calendar) -> None:
        self._seed = seed
        self._calendar = calendar
        sessions = calendar.sessions(calendar.first, calendar.last)
        lengths = np.array([_length(calendar, day) for day in sessions])
        self._levels = LevelTable(seed, sessions, lengths)
        self._series = SeriesTable(calendar, UNDERLYINGS)

    @property
    def calendar(self) -> Calendar:
        """The sessions."""
        return self._calendar

    @property
    def series(self) -> SeriesTable:
        """Which contracts are listed when."""
        return self._series

    @property
    def seed(self) -> int:
        """The seed, to be shown wherever simulated figures are."""
        return self._seed

    def last_close(self, symbol: str, day: date) -> float:
        """Where a symbol closed on a day, or in the last session before it."""
        last = day if self._calendar.is_session(day) else self._calendar.previous_session(day)
        return self._levels.plan(last, ROWS[_listed(symbol).symbol]).close

    def session(self, day: date) -> SimulatedDay:
        """One session; equal seeds and calendars give equal bytes.

        Raises:
            MarketRuleError: not a session (with the reason), its times are unknown, or no table covers the date.
        """
        return SimulatedDay(self._seed, self._calendar, self._levels, self._series, day)


def _length(calendar: Calendar, day: date) -> float:
    """Length of a session over an ordinary one; ordinary where no table knows its times."""
    try:
        return calendar.session(day, Segment.INDEX).minutes / _FULL_SESSION
    except MarketRuleError:
        return 1.0


def _listed(symbol: str) -> ListedSymbol:
    row = ROWS.get(symbol)
    if row is None:
        known = ", ".join(listed.symbol for listed in FIRST_LISTED)
        raise UnknownSymbolError(
            f"The simulated market does not list {symbol!r}: it has {known}, and {len(SHARES)} more shares."
        )
    return LISTED[row]
