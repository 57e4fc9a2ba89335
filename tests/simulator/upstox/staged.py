# ruff: noqa: ARG002 - a staged market need not look at every argument
"""A market of which every number is known, staged for the REST tests: prices climb a step a minute, and then fall."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time, timedelta

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.calendar import Calendar
from sos_actors.market.symbols import contract_symbol, future_symbol
from sos_actors.messages.market import BarSeries
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.view import BreadthCount, Candle, ChainRows, Level, Listing, State
from sos_actors.simulator.world import Strictness, World
from sos_actors.types import NANOS_PER_MINUTE, OptionType, Segment

TODAY = date(2026, 1, 13)
WEEK, MONTH, PAST = TODAY, date(2026, 1, 27), date(2026, 1, 6)
STRIKES = (25_500.0, 25_600.0, 25_700.0)
NIFTY, RELIANCE = "NSE_INDEX|Nifty 50", "NSE_EQ|INE002A01018"
CALL, PUT, FUTURE = "NSE_FO|50001", "NSE_FO|50004", "NSE_FO|60001"
NOON = moment_of(TODAY, time(12, 0, 30))


def _index(name: str, title: str, token: str) -> Listing:
    key = f"NSE_INDEX|{title}"
    return Listing(f"NSE|INDEX|{name}", key, token, name, title, Segment.INDEX, 0.0, 0, 0)


def _options(expiry: date, first: int, weekly: bool) -> list[Listing]:
    listings = []
    for number, (kind, strike) in enumerate((kind, strike) for kind in OptionType for strike in STRIKES):
        symbol = contract_symbol("NIFTY", strike, kind, expiry)
        token = str(first + number)
        listings.append(
            Listing(
                symbol,
                f"NSE_FO|{token}",
                token,
                symbol.rpartition("|")[2],
                "NIFTY",
                Segment.FO,
                0.05,
                65,
                1755,
                "",
                "NIFTY",
                NIFTY,
                expiry,
                strike,
                kind,
                weekly,
            )
        )
    return listings


def _future(expiry: date, token: str) -> Listing:
    symbol = future_symbol("NIFTY", expiry)
    return Listing(
        symbol, f"NSE_FO|{token}", token, symbol.rpartition("|")[2], "NIFTY", Segment.FO, 0.1, 65, 1755, "",
        "NIFTY", NIFTY, expiry,
    )  # fmt: skip


BASES = (
    _index("NIFTY", "Nifty 50", "26000"),
    _index("BANKNIFTY", "Nifty Bank", "26009"),
    Listing(
        "NSE|EQ|RELIANCE", RELIANCE, "2885", "RELIANCE", "RELIANCE INDUSTRIES LTD", Segment.EQ, 0.1, 1, 100_000,
        "INE002A01018",
    ),
)  # fmt: skip
LISTED = (*BASES, _future(MONTH, "60001"), *_options(WEEK, 50_001, True), *_options(MONTH, 50_101, False))
EXPIRED = (*_options(PAST, 50_001, True),)
"""Last week's contracts had the tokens this week's have."""
EXPIRED_FUTURE = _future(date(2025, 12, 30), "60001")


class StagedMarket:
    """Looks like a ``MarketView``."""

    calendar = Calendar.default()
    description = "staged"

    def __init__(self) -> None:
        self.asked = 0

    def listings(self, day: date) -> Sequence[Listing]:
        return LISTED if day >= PAST + timedelta(days=1) else (*BASES, *EXPIRED)

    def expiries(self, underlying: str, first: date, last: date) -> list[date]:
        days = [date(2025, 7, 1), date(2025, 12, 30), PAST, WEEK, MONTH] if underlying == "NIFTY" else []
        return [day for day in days if first <= day <= last]

    def contracts(self, underlying: str, expiry: date) -> Sequence[Listing]:
        return [each for each in (*LISTED, *EXPIRED) if each.expiry == expiry and each.option_type is not None]

    def find(self, key: str, day: date) -> Listing | None:
        bare, _, expiry = key.rpartition("|")
        if "|" in bare:
            return next((e for e in EXPIRED if e.key == bare and f"{e.expiry:%d-%m-%Y}" == expiry), None)
        return next((each for each in self.listings(day) if each.key == key), None)

    def named(self, symbol: str, day: date) -> Listing | None:
        return next((each for each in (*LISTED, *EXPIRED, EXPIRED_FUTURE) if each.symbol == symbol), None)

    def candles(self, listing: Listing, day: date) -> BarSeries:
        """Close of minute n: 100 + n; open one less; an option has no trade in each tenth minute."""
        self.asked += 1
        if not self.calendar.is_session(day) or (listing.expiry is not None and day > listing.expiry):
            return BarSeries.empty()
        ts = self.calendar.session(day, listing.segment).bar_opens()
        steps = np.arange(len(ts)).astype(np.float64)
        close: NDArray[np.float64] = 100.0 + steps
        nothing = np.full(len(ts), np.nan)
        volume = nothing if listing.segment is Segment.INDEX else np.full(len(ts), 65.0)
        oi = 1_000.0 + steps if listing.segment is Segment.FO else nothing
        bars = BarSeries(ts, close - 1, close + 0.5, close - 1.5, close, volume, oi)
        return bars[steps % 10 != 9] if listing.option_type is not None else bars

    def daily(self, listing: Listing, last: date, sessions: int) -> BarSeries:
        """Each day closes at its session number."""
        days = self.calendar.sessions(self.calendar.first, last)[-sessions:]
        close = np.array([self.calendar.session_number(day) for day in days], np.float64)
        volume = np.full(len(days), 1_000.0)
        ts = np.array([moment_of(day) for day in days], np.int64)
        return BarSeries(ts, close - 1, close + 2, close - 2, close, volume, np.zeros(len(days)))

    def state(self, listing: Listing, ts: int) -> State:
        day = indian_day(ts)
        bars = self.candles(listing, day)
        done = bars[bars.ts + NANOS_PER_MINUTE <= ts]
        option, index = listing.option_type is not None, listing.segment is Segment.INDEX
        minute = whole = None
        if len(done):
            prices = (float(done.open[-1]), float(done.high[-1]), float(done.low[-1]), float(done.close[-1]))
            minute = Candle(int(done.ts[-1]), *prices, 65)
            volume = 0 if index else len(done) * 65
            whole = Candle(moment_of(day), 99.0, float(done.high.max()), 98.5, float(done.close[-1]), volume)
        depth = tuple(Level(65 * (n + 1), 219.0 - n, 130, 220.0 + n) for n in range(30))
        return State(
            ts, whole.close if whole else 95.0, ts - 500_000_000 if whole else 0, 0 if index else 65, 95.0,
            whole.volume if whole else 0, 150.25, 0.0 if index else 6_500.0, 0.0 if index else 5_200.0,
            0.1277 if option else 0.0, (0.5123456, -12.5, 0.0009, 9.25, 1.5) if option else (0.0,) * 5,
            whole, minute, () if index else depth, 58_850, 94_825, 0.05, 1_000.0,
        )  # fmt: skip

    def chain(self, underlying: str, expiry: date, ts: int) -> ChainRows | None:
        return None

    def breadth(self, ts: int) -> BreadthCount:
        return BreadthCount(30, 19, 1)

    def members(self) -> Sequence[str]:
        return ("RELIANCE",)


def staged_world(now: int = NOON, strictness: Strictness | None = None) -> World:
    """The world of the staged market, its clock standing still."""
    return World(StagedMarket(), SimulatedClock(now, 0.0), strictness=strictness or Strictness())
