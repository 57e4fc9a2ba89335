"""Stored days as the market that the simulated vendors show: what the store has, and nothing else.

A minute's open, extremes and close are real; their moments within the minute, a quarter of it each, are not.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from zlib import crc32

import numpy as np

from sos_actors.app.board import DAY_NS, StoreBoard, day_start
from sos_actors.app.stored_listings import StoredListings
from sos_actors.errors import MissingDataError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.members import members
from sos_actors.market.pricing import greeks, implied_volatility, years_to_expiry
from sos_actors.market.pricing_chain import implied_forward
from sos_actors.messages.market import BarSeries
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.model_tape import InstrumentDay, Moment, Tape, chances
from sos_actors.simulator.view import BreadthCount, Candle, ChainRows, Level, Listing, State
from sos_actors.store.columns import ChainColumns
from sos_actors.store.database import Store
from sos_actors.types import OptionType, Segment

_NIFTY = "NSE|INDEX|NIFTY"
_EXPIRED_KEY = re.compile(r"(NSE_FO\|\d+)\|(\d\d)-(\d\d)-(\d{4})")
_NO_GREEKS = (0.0, 0.0, 0.0, 0.0, 0.0)
_MEMBERS, _BAND_REACH = 50, 100.0


class StoredMarket:
    """A ``MarketView`` over a store: prices, volumes, open interest, chains and breadth as far as they are stored.

    Unknown numbers are NaN, an unknown volatility is 0.0 with zero greeks; the price band is so wide that it holds
    no order back, and the book is one level a tick on either side of the last price, a lot each.

    Args:
        store: read on the thread that made it.
        calendar: sessions and hours.
        master: keys and ticks of instruments.
        day: the session that is replayed, for the description; None for whatever the store has.

    Raises:
        MissingDataError: the store has no candles of NIFTY or BANKNIFTY, or not on ``day``.
    """

    def __init__(self, store: Store, calendar: Calendar, master: SymbolMaster, day: date | None = None) -> None:
        self._store, self._calendar = store, calendar
        days = {one for name in ("NIFTY", "BANKNIFTY") for one in store.candle_days(f"NSE|INDEX|{name}")}
        self._days = sorted(one for one in days if calendar.first <= one <= calendar.last and calendar.is_session(one))
        if not self._days or (day is not None and day not in self._days):
            wanted = f"on {day}" if day else "of NIFTY or BANKNIFTY"
            raise MissingDataError(
                f"The store in {store.folder} has no index candles {wanted}: import or ingest them first."
            )
        self._day = day
        self._listed = StoredListings(store, calendar, master, self._days)
        self._board = StoreBoard(store, calendar)
        self._uniform = chances(0)
        self._tape = lru_cache(maxsize=4096)(self._make_tape)
        self._bars = lru_cache(maxsize=8192)(self._read_bars)
        self._chain = lru_cache(maxsize=8)(self._read_chain)

    @property
    def calendar(self) -> Calendar:
        """The exchange's sessions."""
        return self._calendar

    @property
    def description(self) -> str:
        """``replay of 2026-08-18``, or of the stored days from the first to the last."""
        first, last = (self._day, self._day) if self._day else (self._days[0], self._days[-1])
        return f"replay of {first}" if first == last else f"replay of {first} to {last}"

    def listings(self, day: date) -> Sequence[Listing]:
        """What has data on the last stored day up to ``day``."""
        return self._listed.on(day)

    def expiries(self, underlying: str, first: date, last: date) -> list[date]:
        """Expiries of options with data, from ``first`` to ``last``, both included, ascending."""
        return self._listed.expiries(underlying, first, last)

    def contracts(self, underlying: str, expiry: date) -> Sequence[Listing]:
        """Options of an expiry with data on any stored day, by strike, call before put."""
        return [one for one in self._listed.of_expiry(expiry, underlying) if one.option_type is not None]

    def find(self, key: str, day: date) -> Listing | None:
        """By Upstox's key, also that of an expired contract."""
        expired = _EXPIRED_KEY.fullmatch(key)
        if expired is None:
            return next((one for one in self.listings(day) if one.key == key), None)
        try:
            expiry = date(int(expired[4]), int(expired[3]), int(expired[2]))
        except ValueError:
            return None
        found = self._listed.of_expiry(expiry) if expiry <= day else []
        return next((one for one in found if one.key == expired[1]), None)

    def named(self, symbol: str, day: date) -> Listing | None:
        """By canonical symbol, if it has data on the day or has expired before."""
        now = next((one for one in self.listings(day) if one.symbol == symbol), None)
        if now is not None or not symbol.startswith("NSE|FO|"):
            return now
        every = {one.symbol: one for past in self._days if past <= day for one in self._listed.on(past)}
        found = every.get(symbol)
        return found if found is not None and found.expiry is not None and found.expiry < day else None

    def candles(self, listing: Listing, day: date) -> BarSeries:
        """The stored one-minute bars of a day."""
        return self._bars(listing.symbol, day)

    def daily(self, listing: Listing, last: date, sessions: int) -> BarSeries:
        """Daily bars of the stored days up to ``last``; ``ts`` is midnight in India."""
        rows: list[tuple[float, ...]] = []
        for day in reversed([one for one in self._days if one <= last]):
            bars = self._bars(listing.symbol, day)
            if len(bars) and len(rows) < sessions:
                ends = float(bars.open[0]), float(bars.high.max()), float(bars.low.min()), float(bars.close[-1])
                rows.append((day_start(day), *ends, float(bars.volume.sum()), float(bars.oi[-1])))
        columns = list(zip(*reversed(rows), strict=True))
        if not columns:
            return BarSeries.empty()
        return BarSeries(np.array(columns[0], np.int64), *(np.array(column) for column in columns[1:]))

    def state(self, listing: Listing, ts: int) -> State:
        """The instrument at a moment: of the stored session it lies in, or of the last one before it."""
        day = self._session_day(listing, ts)
        tape = self._tape(listing, day)
        now, previous = _nothing_yet(math.nan), math.nan
        minute: Candle | None = None
        if tape is not None:
            previous = tape.previous_close
            now = tape.at(ts) if ts >= tape.first_open else _nothing_yet(previous)
            minute = tape.completed(ts) if ts >= tape.first_open else None
        today = Candle(day_start(day), now.open, now.high, now.low, now.ltp, now.volume) if now.ltt else None
        average = round(now.turnover / now.volume, 2) if now.volume else 0.0
        iv, sensitivities = self._sensitivities(listing, now.ltp, ts)
        depth = self._depth(listing, now.ltp, day, ts)
        wanted = sum(level.bid_quantity for level in depth)
        return State(
            ts, now.ltp, now.ltt, now.ltq, previous, now.volume, average, now.oi,
            tape.opening_interest if tape is not None else 0.0, iv, sensitivities, today, minute, depth, wanted,
            sum(level.ask_quantity for level in depth), *_band(listing, now.ltp),
        )  # fmt: skip

    def chain(self, underlying: str, expiry: date, ts: int) -> ChainRows | None:
        """The last stored snapshot known at the moment; None when there is none of the day."""
        day = self._last_day(ts)
        rows = self._chain(underlying, day, expiry)
        known = int(np.searchsorted(rows.ts, ts, side="right"))
        if not known or expiry < indian_day(ts):
            return None
        now = rows[slice(int(np.searchsorted(rows.ts, rows.ts[known - 1])), known)]
        return ChainRows(
            expiry, float(now.spot[0]), now.strike, now.ce_ltp, now.pe_ltp, now.ce_oi, now.pe_oi,
            now.ce_oi - now.ce_oi_change, now.pe_oi - now.pe_oi_change, now.ce_volume, now.pe_volume,
        )  # fmt: skip

    def breadth(self, ts: int) -> BreadthCount:
        """The counts stored last at the moment; all zero when none is known."""
        first = day_start(self._last_day(ts))
        stats = self._store.market_stats(_NIFTY, first, min(first + DAY_NS, ts + 1))
        known = np.flatnonzero(~np.isnan(stats.advances) & ~np.isnan(stats.declines))
        if not len(known):
            return BreadthCount(0, 0, 0)
        advances, declines = int(stats.advances[known[-1]]), int(stats.declines[known[-1]])
        return BreadthCount(advances, declines, max(_MEMBERS - advances - declines, 0))

    def members(self) -> Sequence[str]:
        """Short names of the securities of the NIFTY 50 on the replayed day."""
        return members(self._day or self._days[-1]).names

    def _last_day(self, ts: int) -> date:
        """The stored session a moment lies in or follows; before the first one, that one, of which nothing is known."""
        today = indian_day(ts)
        place = bisect_right(self._days, today)
        if place and self._days[place - 1] == today and ts < self._calendar.session(today, Segment.INDEX).open_ns:
            place -= 1
        return self._days[max(place - 1, 0)]

    def _session_day(self, listing: Listing, ts: int) -> date:
        day = self._last_day(ts)
        past = [one for one in self._days if one <= listing.expiry] if listing.expiry and listing.expiry < day else []
        return past[-1] if past else day

    def _read_bars(self, symbol: str, day: date) -> BarSeries:
        return self._store.candles(symbol, day_start(day), day_start(day) + DAY_NS)

    def _read_chain(self, underlying: str, day: date, expiry: date) -> ChainColumns:
        return self._store.chain(f"NSE|INDEX|{underlying}", day_start(day), day_start(day) + DAY_NS, expiry)

    def _priced(self, listing: Listing, day: date) -> BarSeries:
        """Candles of a day; of an option without any, the prices of its chain snapshots."""
        bars = self._bars(listing.symbol, day)
        if len(bars) or listing.option_type is None:
            return bars
        return self._board.bars(listing.symbol, day, day_start(day) + DAY_NS) or bars

    def _make_tape(self, listing: Listing, day: date) -> Tape | None:
        bars = self._priced(listing, day)
        if not len(bars):
            return None
        earlier = [one for one in self._days if one < day]
        before = self._priced(listing, earlier[-1]) if earlier else BarSeries.empty()
        close, interest = (float(before.close[-1]), float(before.oi[-1])) if len(before) else (math.nan, math.nan)
        salt = crc32(f"{listing.symbol}/{day}".encode())
        without = listing.segment is not Segment.FO
        return Tape(_spread(bars), bars.ts.tolist(), close, 0.0 if without else interest, salt, self._uniform)

    def _sensitivities(
        self, listing: Listing, price: float, ts: int
    ) -> tuple[float, tuple[float, float, float, float, float]]:
        """Volatility implied by the last price, and greeks; zeros where none is."""
        if listing.option_type is None or listing.expiry is None:
            return 0.0, _NO_GREEKS
        rows = self.chain(listing.underlying, listing.expiry, ts)
        if rows is None:
            return 0.0, _NO_GREEKS
        forward = implied_forward(rows.strike, rows.ce_ltp, rows.pe_ltp, rows.spot)
        years = years_to_expiry(ts, int(self._calendar.session(listing.expiry, Segment.FO).close_ns))
        is_call = listing.option_type is OptionType.CE
        iv = implied_volatility(float(price), float(forward), listing.strike, years, is_call)
        found = greeks(float(forward), listing.strike, years, iv, is_call)
        if math.isnan(found.delta):
            return 0.0, _NO_GREEKS
        return iv, (found.delta, found.theta, found.gamma, found.vega, found.delta * forward * years / 100.0)

    def _depth(self, listing: Listing, price: float, day: date, ts: int) -> tuple[Level, ...]:
        span = self._calendar.session(day, listing.segment)
        if listing.segment is Segment.INDEX or math.isnan(price) or not span.open_ns <= ts < span.close_ns:
            return ()
        lot = listing.lot
        bid = round(price - listing.tick, 2)
        return (Level(lot if bid > 0 else 0, max(bid, 0.0), lot, round(price + listing.tick, 2)),)


def _spread(bars: BarSeries) -> InstrumentDay:
    """Bars with the four prices of each minute in turn: from the open to the nearer extreme first."""
    rising = bars.close >= bars.open
    second, third = np.where(rising, bars.low, bars.high), np.where(rising, bars.high, bars.low)
    steps = np.repeat(np.stack([bars.open, second, third, bars.close], axis=1), 3, axis=1)
    return InstrumentDay(bars, steps, 0 if np.isnan(bars.volume).any() else 1)


def _band(listing: Listing, price: float) -> tuple[float, float]:
    """No band is stored: one that no sane price leaves."""
    if listing.segment is Segment.INDEX or math.isnan(price):
        return 0.0, 0.0
    return listing.tick, round(price * _BAND_REACH + _BAND_REACH, 2)


def _nothing_yet(previous: float) -> Moment:
    return Moment(previous, 0, 0, 0, 0.0, 0.0, previous, previous, previous, 0)
