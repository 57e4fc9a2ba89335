"""The one market all simulated vendors look at. Its implementations: the seeded model, and a stored day replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import BarSeries
from sos_actors.types import OptionType, Segment


@dataclass(frozen=True, slots=True)
class Listing:
    """One instrument the exchange lists, with what an instrument master says of it.

    Attributes:
        symbol: canonical, ``NSE|FO|NIFTY 25600 CE 13 JAN 26``.
        key: Upstox's, ``NSE_FO|51234``; reused after an expiry, so unique only among what is listed on one day.
        token: the exchange's number, the part after the bar for contracts; ``26000`` for NIFTY.
        trading_symbol: ``NIFTY 25600 CE 13 JAN 26``, ``RELIANCE``, ``NIFTY``.
        name: of the company or underlying.
        segment: INDEX, EQ or FO.
        tick, lot, freeze: rupees, units, units; 0 for an index.
        underlying: short name of a contract's underlying, else empty.
        strike: rupees; 0.0 for whatever is no option.
        weekly: whether the contract is of a weekly expiry.
    """

    symbol: str
    key: str
    token: str
    trading_symbol: str
    name: str
    segment: Segment
    tick: float
    lot: int
    freeze: int
    isin: str = ""
    underlying: str = ""
    underlying_key: str = ""
    expiry: date | None = None
    strike: float = 0.0
    option_type: OptionType | None = None
    weekly: bool = False

    @property
    def kind(self) -> str:
        """Upstox's ``instrument_type``: INDEX, EQ, CE, PE or FUT."""
        if self.segment is Segment.FO:
            return str(self.option_type) if self.option_type else "FUT"
        return "INDEX" if self.segment is Segment.INDEX else "EQ"

    @property
    def upstox_segment(self) -> str:
        """``NSE_INDEX``, ``NSE_EQ`` or ``NSE_FO``."""
        return f"NSE_{self.segment}"


class Level(NamedTuple):
    """One level of the book, quantities in units, prices in rupees."""

    bid_quantity: int
    bid_price: float
    ask_quantity: int
    ask_price: float


class Candle(NamedTuple):
    """One candle; ``ts`` its open, UnixNanos; volume in units."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: int


class State(NamedTuple):
    """Everything about one instrument at one moment, as the exchange knows it; NaN for what a replay does not know.

    Attributes:
        ts: the moment asked for, UnixNanos.
        ltp: last price; the previous close before the first trade of the day.
        ltt: last trade's time, UnixNanos; 0 before the first trade of the day.
        ltq: its quantity; 0 for an index.
        volume: traded today, units; 0 for an index.
        oi: units; 0.0 where there is none.
        previous_oi: at the close of the session before.
        iv: fraction a year; 0.0 for whatever is no option.
        greeks: delta, theta (a day), gamma, vega (a point of volatility), rho; zeros for whatever is no option.
        day: today's running candle; None before the first trade.
        minute: the last *completed* minute with its prices; None before there is one.
        depth: at least 30 levels, best first, one in a replay; empty for an index or a closed market.
        lower_circuit, upper_circuit: the price band, rupees.
    """

    ts: int
    ltp: float
    ltt: int
    ltq: int
    previous_close: float
    volume: int
    average_price: float
    oi: float
    previous_oi: float
    iv: float
    greeks: tuple[float, float, float, float, float]
    day: Candle | None
    minute: Candle | None
    depth: tuple[Level, ...]
    total_buy: int
    total_sell: int
    lower_circuit: float
    upper_circuit: float


class ChainRows(NamedTuple):
    """One expiry's chain at one moment, float64 (n_strikes,) each, strikes ascending; units and rupees."""

    expiry: date
    spot: float
    strike: NDArray[np.float64]
    ce_ltp: NDArray[np.float64]
    pe_ltp: NDArray[np.float64]
    ce_oi: NDArray[np.float64]
    pe_oi: NDArray[np.float64]
    ce_previous_oi: NDArray[np.float64]
    pe_previous_oi: NDArray[np.float64]
    ce_volume: NDArray[np.float64]
    pe_volume: NDArray[np.float64]


class BreadthCount(NamedTuple):
    """Securities that stand above, below and at their previous close."""

    advances: int
    declines: int
    unchanged: int


class MarketView(Protocol):
    """A market that can be looked at from any moment. Equal seeds and moments give equal bytes.

    Nothing here knows what is *now*: callers pass the moment, and cut candles at it themselves.
    """

    @property
    def calendar(self) -> Calendar:
        """The exchange's sessions."""
        ...

    @property
    def description(self) -> str:
        """``seed 7`` or ``replay of 2026-08-18``: shown wherever its figures are."""
        ...

    def listings(self, day: date) -> Sequence[Listing]:
        """What is listed on a day (any day, also a holiday): indices, shares, futures, options of several expiries."""
        ...

    def expiries(self, underlying: str, first: date, last: date) -> list[date]:
        """Option expiries of an underlying (short name) from ``first`` to ``last``, both included, ascending."""
        ...

    def contracts(self, underlying: str, expiry: date) -> Sequence[Listing]:
        """Every option of one expiry that was ever listed, also when it has expired."""
        ...

    def find(self, key: str, day: date) -> Listing | None:
        """The instrument with this Upstox key on a day; also ``NSE_FO|51234|13-01-2026`` of an expired contract."""
        ...

    def named(self, symbol: str, day: date) -> Listing | None:
        """The instrument with this canonical symbol, if it is listed on the day or has expired before."""
        ...

    def candles(self, listing: Listing, day: date) -> BarSeries:
        """The whole session's one-minute bars; empty when there was no session or the contract was not listed.

        ``volume`` NaN for an index; ``oi`` NaN for whatever has none. A minute without a trade has no bar.
        """
        ...

    def daily(self, listing: Listing, last: date, sessions: int) -> BarSeries:
        """Daily bars of the last ``sessions`` sessions up to ``last`` included; ``ts`` is midnight in India."""
        ...

    def state(self, listing: Listing, ts: int) -> State:
        """The instrument at a moment: of the session it lies in, or of the last session before it."""
        ...

    def chain(self, underlying: str, expiry: date, ts: int) -> ChainRows | None:
        """The chain of an underlying (short name) at a moment; None when the expiry is not listed then."""
        ...

    def breadth(self, ts: int) -> BreadthCount:
        """Of the NIFTY 50's securities."""
        ...

    def members(self) -> Sequence[str]:
        """Short names of the securities of the NIFTY 50."""
        ...
