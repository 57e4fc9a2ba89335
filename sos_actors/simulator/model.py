"""A deterministic market: one seed, one calendar, and every session's candles, option chains and breadth follow.

Each session is computed from its own random numbers, so it is the same whichever other days were asked for. Fills
sessions nobody has data for, and is the truth the simulated vendors will serve. Knows no client and no engine.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import MarketRuleError, UnknownSymbolError
from sos_actors.market.calendar import Calendar
from sos_actors.market.expiries import next_expiry
from sos_actors.market.lots import lot_size, strike_step
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model_flows import RestingState
from sos_actors.simulator.model_levels import DayPlan, DayType, LevelTable, generator
from sos_actors.simulator.model_options import ChainPath, OptionMarket, OptionTerms
from sos_actors.simulator.model_paths import SessionGrid, SessionPaths, clustered
from sos_actors.simulator.model_symbols import BANKNIFTY, LISTED, NIFTY, ListedSymbol
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

    def __init__(self, seed: int, calendar: Calendar, levels: LevelTable, day: date) -> None:
        self._seed = seed
        self._calendar = calendar
        self._levels = levels
        self._day = day
        self._grid = SessionGrid.of({segment: calendar.session(day, segment).bar_opens() for segment in _SEGMENTS})
        plans = tuple(levels.plan(day, row) for row in range(len(LISTED)))
        self._plans = plans
        self._paths = SessionPaths(seed, self._grid, plans)
        self._options: dict[str, OptionMarket] = {}

    @property
    def day(self) -> date:
        """The session's date."""
        return self._day

    @property
    def day_type(self) -> DayType:
        """The shape of the session."""
        return self._plans[0].day_type

    @property
    def symbols(self) -> tuple[str, ...]:
        """Canonical symbols with candles: two indices, then the stocks."""
        return tuple(listed.symbol for listed in LISTED)

    @property
    def option_underlyings(self) -> tuple[str, ...]:
        """Short names of the underlyings with an option chain."""
        return (NIFTY.short_name, BANKNIFTY.short_name)

    def plan(self, symbol: str) -> DayPlan:
        """What was decided about a symbol's session before it began.

        Raises:
            UnknownSymbolError: the model does not list it.
        """
        return self._plans[LISTED.index(_listed(symbol))]

    def candles(self, symbol: str) -> BarSeries:
        """One-minute bars; whole-number volume for stocks, NaN for an index; open interest NaN.

        Args:
            symbol: canonical.

        Raises:
            UnknownSymbolError: the model does not list it.
        """
        listed = _listed(symbol)
        volume = self._paths.volume(listed) if listed.daily_volume else None
        return self._paths.path(listed).bars(self._grid, listed.segment, volume)

    def chain(self, underlying: str) -> ChainPath:
        """The nearest expiry's chain, a snapshot a minute.

        Args:
            underlying: short name.

        Raises:
            UnknownSymbolError: it has no options here.
            MarketRuleError: no table knows its expiries or lot size on that day.
        """
        return self._option_market(underlying).chain()

    def option_candles(self, underlying: str) -> dict[str, BarSeries]:
        """Bars of the nearest expiry's contracts around the day's range, by canonical symbol; arguments as ``chain``.

        Volume in units, open interest in units at the bar's close; a minute without a trade has no bar.
        """
        return self._option_market(underlying).candles()

    def breadth(self) -> BreadthPath:
        """Advances and declines of the NIFTY 50, minute by minute, along with the index."""
        rows = self._grid.rows[Segment.INDEX]
        plan = self._plans[0]
        rng = generator(self._seed, "breadth", self._day.toordinal())
        change = np.log(self._paths.path(NIFTY).steps[rows, -1] / plan.previous_close)
        lean = change / 0.009 + 0.18 * rng.standard_normal() + clustered(rng, len(rows), 0.97, 0.02)
        unchanged = rng.integers(0, 2, len(rows))
        share = 1.0 / (1.0 + np.exp(-1.7 * lean))
        advances = np.round(share * (BREADTH_SECURITIES - unchanged))
        return BreadthPath(self._grid.closes[rows], advances, BREADTH_SECURITIES - unchanged - advances)

    def _option_market(self, underlying: str) -> OptionMarket:
        if underlying not in self._options:
            if underlying not in self.option_underlyings:
                known = " and ".join(self.option_underlyings)
                raise UnknownSymbolError(f"The simulated market has no options on {underlying!r}: only on {known}.")
            listed = next(entry for entry in LISTED if entry.short_name == underlying)
            plan = self.plan(listed.symbol)
            self._options[underlying] = OptionMarket(
                self._seed,
                underlying,
                self._grid,
                self._paths.path(listed),
                plan,
                self._terms(underlying),
                self._resting(plan),
            )
        return self._options[underlying]

    def _terms(self, underlying: str) -> OptionTerms:
        expiry = next_expiry(underlying, self._day, self._calendar).day
        close_ns = self._calendar.session(expiry, Segment.FO).close_ns
        return OptionTerms(expiry, int(close_ns), float(strike_step(underlying)), lot_size(underlying, expiry))

    def _resting(self, plan: DayPlan) -> tuple[RestingState, RestingState]:
        before, after = self._levels.put_call_ratios(self._day)
        following = self._levels.next_session(self._day) or self._day + timedelta(days=1)
        return RestingState(self._day, plan.previous_close, before), RestingState(following, plan.close, after)


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

    @property
    def seed(self) -> int:
        """The seed, to be shown wherever simulated figures are."""
        return self._seed

    def session(self, day: date) -> SimulatedDay:
        """One session; equal seeds and calendars give equal bytes.

        Raises:
            MarketRuleError: not a session (with the reason), its times are unknown, or no table covers the date.
        """
        return SimulatedDay(self._seed, self._calendar, self._levels, day)


def _length(calendar: Calendar, day: date) -> float:
    """Length of a session over an ordinary one; ordinary where no table knows its times."""
    try:
        return calendar.session(day, Segment.INDEX).minutes / _FULL_SESSION
    except MarketRuleError:
        return 1.0


def _listed(symbol: str) -> ListedSymbol:
    for listed in LISTED:
        if listed.symbol == symbol:
            return listed
    known = ", ".join(listed.symbol for listed in LISTED)
    raise UnknownSymbolError(f"The simulated market does not list {symbol!r}: it has {known}.")
