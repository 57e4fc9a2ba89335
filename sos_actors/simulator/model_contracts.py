"""The options and futures of one session of the model, each series worked out when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from sos_actors.errors import UnknownSymbolError
from sos_actors.market.calendar import Calendar
from sos_actors.market.expiries import next_expiry
from sos_actors.market.lots import lot_size, strike_step
from sos_actors.simulator.model_flows import OptionTerms, RestingState
from sos_actors.simulator.model_futures import FutureTerms, future_day, future_interest, future_settlement
from sos_actors.simulator.model_levels import DayPlan, LevelTable
from sos_actors.simulator.model_options import OptionMarket
from sos_actors.simulator.model_paths import SessionGrid, SessionPaths
from sos_actors.simulator.model_series import SeriesTable
from sos_actors.simulator.model_symbols import BANKNIFTY, NIFTY, ListedSymbol
from sos_actors.simulator.model_tape import InstrumentDay
from sos_actors.types import Segment

UNDERLYINGS = (NIFTY.short_name, BANKNIFTY.short_name)
"""Short names of the indices with options and futures."""


@dataclass(frozen=True, slots=True)
class SessionFrame:
    """Where a session stands: its day, the tables around it and its minutes."""

    day: date
    calendar: Calendar
    levels: LevelTable
    series: SeriesTable
    grid: SessionGrid


class SessionContracts:
    """Contracts of one session.

    Args:
        seed: of the market.
        frame: the session.
        paths: its prices.
        plan: gives the plan of a symbol.
    """

    def __init__(
        self, seed: int, frame: SessionFrame, paths: SessionPaths, plan: Callable[[ListedSymbol], DayPlan]
    ) -> None:
        self._seed, self._frame, self._paths, self._plan = seed, frame, paths, plan
        self._options: dict[tuple[str, date], OptionMarket] = {}
        self._nearest: dict[str, date] = {}

    def option_market(self, underlying: str, expiry: date | None = None) -> OptionMarket:
        """One expiry's options, the nearest unless said otherwise; also of a series that is not listed yet.

        Raises:
            UnknownSymbolError: the underlying has no options here, or none expire on that day.
            MarketRuleError: no table knows its expiries or lot size on that day.
        """
        if underlying not in UNDERLYINGS:
            known = " and ".join(UNDERLYINGS)
            raise UnknownSymbolError(f"The simulated market has no options on {underlying!r}: only on {known}.")
        frame = self._frame
        if underlying not in self._nearest:
            self._nearest[underlying] = next_expiry(underlying, frame.day, frame.calendar).day
        wanted = expiry or self._nearest[underlying]
        market = self._options.get((underlying, wanted))
        if market is None:
            plan, terms = self._plan(_index(underlying)), self._terms(underlying, wanted)
            path, resting = self._paths.path(_index(underlying)), self._resting(underlying, plan, terms.rank)
            market = OptionMarket(self._seed, underlying, frame.grid, path, plan, terms, resting)
            self._options[underlying, wanted] = market
        return market

    def future(self, underlying: str, expiry: date) -> InstrumentDay:
        """An index future in every detail.

        Raises:
            UnknownSymbolError: it is not listed on that day.
        """
        frame = self._frame
        if expiry not in frame.series.futures(underlying, frame.day):
            raise UnknownSymbolError(f"No future on {underlying} of {expiry} is listed on {frame.day}.")
        path, terms = self._paths.path(_index(underlying)), self._future_terms(underlying, expiry)
        return future_day(self._seed, frame.grid, path, frame.day, terms)

    def future_close(self, underlying: str, expiry: date) -> float:
        """Where a future settles, rupees, also one that is not listed yet."""
        path, terms = self._paths.path(_index(underlying)), self._future_terms(underlying, expiry)
        return future_settlement(self._frame.grid, path, terms)

    def future_opening(self, underlying: str, expiry: date) -> float:
        """A future's open interest before the session, units."""
        terms = self._future_terms(underlying, expiry)
        return future_interest(self._seed, underlying, terms.lot, expiry, self._frame.day, terms.rank)

    @property
    def _following(self) -> date:
        return self._frame.levels.next_session(self._frame.day) or self._frame.day + timedelta(days=1)

    def _close_of(self, expiry: date) -> int:
        return int(self._frame.calendar.session(expiry, Segment.FO).close_ns)

    def _terms(self, underlying: str, expiry: date) -> OptionTerms:
        frame = self._frame
        if expiry != self._nearest[underlying] and (
            expiry < frame.day or frame.series.series(underlying, expiry) is None
        ):
            raise UnknownSymbolError(f"There are no options on {underlying} that expire on {expiry} on {frame.day}.")
        before = sum(one.expiry.day < expiry for one in frame.series.options(underlying, frame.day))
        step = float(strike_step(underlying))
        return OptionTerms(expiry, self._close_of(expiry), step, lot_size(underlying, expiry), before)

    def _resting(self, underlying: str, plan: DayPlan, rank: int) -> tuple[RestingState, RestingState]:
        frame, following = self._frame, self._following
        before, after = frame.levels.put_call_ratios(frame.day)
        gone = sum(one.expiry.day < following for one in frame.series.options(underlying, frame.day))
        return (
            RestingState(frame.day, plan.previous_close, before, rank),
            RestingState(following, plan.close, after, max(rank - gone, 0)),
        )

    def _future_terms(self, underlying: str, expiry: date) -> FutureTerms:
        listed, following = self._frame.series.futures(underlying, self._frame.day), self._following
        rank = sum(other < expiry for other in listed)
        gone = sum(other < following for other in listed)
        close_ns, lot = self._close_of(expiry), lot_size(underlying, expiry)
        return FutureTerms(underlying, expiry, close_ns, lot, rank, following, rank - gone)


def _index(underlying: str) -> ListedSymbol:
    return NIFTY if underlying == NIFTY.short_name else BANKNIFTY
