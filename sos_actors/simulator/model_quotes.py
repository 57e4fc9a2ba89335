"""The state of every instrument at any moment of one session of the model, in step with its candles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from zlib import crc32

from sos_actors.market.pricing import greeks
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model import SimulatedDay
from sos_actors.simulator.model_book import EMPTY, PER_RUPEE, Book, BookShape
from sos_actors.simulator.model_options import OptionMarket
from sos_actors.simulator.model_symbols import LISTED, ROWS
from sos_actors.simulator.model_tape import InstrumentDay, Moment, QuietTape, Tape
from sos_actors.simulator.view import Candle, Listing, State
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, OptionType, Segment

Greek = tuple[float, float, float, float, float]
NO_GREEKS: Greek = (0.0, 0.0, 0.0, 0.0, 0.0)
_NANOS_PER_DAY = 86_400 * NANOS_PER_SECOND
_BOOK_NS = 2_500_000_000
_SHARE_BAND, _FUTURE_BAND, _OPTION_BAND = 0.10, 0.10, 0.20
_LEAST_YEARS = 1.0 / (365.0 * 24.0 * 60.0)
_MINUTES, _TURNOVER_OPTION, _TURNOVER_FUTURE = 375, 6.0, 0.5
_SCATTER = 2_654_435_761


@dataclass(slots=True)
class Quoted:
    """One instrument in one session, with what its state needs besides the tape.

    Attributes:
        shape: of its order book; None for an index.
        options: the market an option belongs to; None for everything else.
        reach: how far from the previous close a price may go, rupees; 0 for an index.
        book, book_at: the last book, and the price and slot of time it was made for.
        greeks, greeks_at: volatility and sensitivities, and the minute and step they are of.
        band: lower and upper end of the price band.
    """

    listing: Listing
    tape: Tape | QuietTape
    shape: BookShape | None
    options: OptionMarket | None
    reach: float
    salt: int
    band: tuple[float, float]
    book: Book = EMPTY
    book_at: tuple[float, int] = (0.0, 0)
    greeks: tuple[float, Greek] = (0.0, NO_GREEKS)
    greeks_at: tuple[int, int] = (-1, -1)


class SessionQuotes:
    """One session, ready to be looked at.

    Args:
        today: the session.
        before: the session before it.
        uniform: ``model_tape.chances`` of the market.
    """

    def __init__(self, today: SimulatedDay, before: SimulatedDay, uniform: list[float]) -> None:
        self.today, self._before = today, before
        self._uniform = uniform
        self._quoted: dict[str, Quoted] = {}
        self._spans = {segment: today.hours(segment) for segment in Segment}
        self._opens = {segment: today.minutes(segment).tolist() for segment in Segment}
        opened = self._spans[Segment.INDEX].open_ns + IST_OFFSET_S * NANOS_PER_SECOND
        self._midnight = opened // _NANOS_PER_DAY * _NANOS_PER_DAY - IST_OFFSET_S * NANOS_PER_SECOND

    def bars(self, listing: Listing) -> BarSeries:
        """The whole session's candles."""
        if listing.segment is not Segment.FO:
            return self.today.candles(listing.symbol)
        assert listing.expiry is not None
        if listing.option_type is None:
            return self.today.contracts.future(listing.underlying, listing.expiry).traded
        market = self.today.option_market(listing.underlying, listing.expiry)
        minutes = market.minutes(listing.strike, listing.option_type)
        return BarSeries.empty() if minutes is None else minutes[minutes.volume > 0]

    def last(self, listing: Listing, ts: int) -> Moment:
        """Price, volume and open interest at a moment not before the session's open."""
        return self._at(listing).tape.at(ts)

    def previous(self, listing: Listing) -> tuple[float, float]:
        """Close (rupees) and open interest (units) of the session before."""
        tape = self._at(listing).tape
        return tape.previous_close, tape.opening_interest

    def state(self, listing: Listing, ts: int) -> State:
        """Everything at a moment not before the session's open."""
        quoted = self._at(listing)
        tape = quoted.tape
        now = tape.at(ts)
        previous = tape.previous_close
        day = None
        if now.ltt:
            day = Candle(self._midnight, now.open, now.high, now.low, now.ltp, now.volume)
        average = round(now.turnover / now.volume, 2) if now.volume else 0.0
        iv, sensitivities = quoted.greeks if quoted.options is None else _greeks(quoted, quoted.options, now, ts)
        book = EMPTY if quoted.shape is None else self._book(quoted, quoted.shape, now.ltp, ts)
        lower, upper = quoted.band
        if quoted.options is None and (now.high > upper or now.low < lower):
            lower, upper = _widened(quoted, now)
        return State(
            ts, now.ltp, now.ltt, now.ltq, previous, now.volume, average, now.oi, tape.opening_interest, iv,
            sensitivities, day, tape.completed(ts), book.depth, book.wanted, book.offered, lower, upper,
        )  # fmt: skip

    def _at(self, listing: Listing) -> Quoted:
        quoted = self._quoted.get(listing.symbol)
        if quoted is None:
            quoted = self._quoted[listing.symbol] = self._make(listing)
        return quoted

    def _make(self, listing: Listing) -> Quoted:
        salt = crc32(f"{listing.symbol}/{self.today.day}".encode())
        day = self._instrument(listing)
        previous, interest = self._closed(listing)
        opens = self._opens[listing.segment]
        if day is None:
            tape: Tape | QuietTape = QuietTape(opens, previous, interest)
        else:
            tape = Tape(day, opens, previous, interest, salt, self._uniform)
        shape, options = None, None
        if listing.segment is not Segment.INDEX:
            often = 0.0 if day is None else self._lots_a_minute(listing, interest)
            spread = 1 + min(int(4.0 / (1.0 + often)) + int(previous * 2e-4 / listing.tick), 60)
            shape = BookShape(listing.tick, spread, listing.lot, max(often * 0.12, 1.0) * listing.lot, self._uniform)
        if listing.option_type is not None and listing.expiry is not None:
            options = self.today.option_market(listing.underlying, listing.expiry)
        reach = self._reach(listing, previous)
        return Quoted(listing, tape, shape, options, reach, salt, _band(previous, reach, listing.tick))

    def _instrument(self, listing: Listing) -> InstrumentDay | None:
        if listing.segment is not Segment.FO:
            return self.today.instrument(listing.symbol)
        assert listing.expiry is not None
        if listing.option_type is None:
            return self.today.contracts.future(listing.underlying, listing.expiry)
        return self.today.option_market(listing.underlying, listing.expiry).contract(
            listing.strike, listing.option_type
        )

    def _lots_a_minute(self, listing: Listing, interest: float) -> float:
        """Lots usually traded in a minute: of a contract, from its open interest, as its volume is not known yet."""
        if listing.segment is Segment.EQ:
            return LISTED[ROWS[listing.symbol]].daily_volume / _MINUTES
        return interest / listing.lot * (_TURNOVER_OPTION if listing.option_type else _TURNOVER_FUTURE) / _MINUTES

    def _closed(self, listing: Listing) -> tuple[float, float]:
        """Close and open interest of the session before."""
        if listing.segment is not Segment.FO:
            return self.today.plan(listing.symbol).previous_close, 0.0
        assert listing.expiry is not None
        underlying, expiry = listing.underlying, listing.expiry
        if listing.option_type is None:
            before, today = self._before.contracts, self.today.contracts
            return before.future_close(underlying, expiry), today.future_opening(underlying, expiry)
        yesterday, now = (day.option_market(underlying, expiry) for day in (self._before, self.today))
        return (
            yesterday.settlement(listing.strike, listing.option_type),
            now.opening_interest(listing.strike, listing.option_type),
        )

    def _reach(self, listing: Listing, previous: float) -> float:
        if listing.segment is Segment.INDEX:
            return 0.0
        if listing.option_type is None:
            return previous * (_SHARE_BAND if listing.segment is Segment.EQ else _FUTURE_BAND)
        return self.today.plan(f"NSE|INDEX|{listing.underlying}").previous_close * _OPTION_BAND

    def _book(self, quoted: Quoted, shape: BookShape, price: float, ts: int) -> Book:
        for start, close in self._spans[quoted.listing.segment].intervals:
            if start <= ts < close:
                slot = (price, ts // _BOOK_NS)
                if quoted.book_at != slot:
                    salt = (quoted.salt + slot[1] * _SCATTER) & 0xFFFFFFFF
                    quoted.book, quoted.book_at = shape.book(price, salt >> 7), slot
                return quoted.book
        return EMPTY


def _greeks(quoted: Quoted, options: OptionMarket, now: Moment, ts: int) -> tuple[float, Greek]:
    """Volatility and sensitivities at the underlying's price of the moment."""
    at = (now.minute_row, options.step_of(now.minute_row, ts))
    if quoted.greeks_at != at:
        listing = quoted.listing
        forward, years, volatility = options.terms_at(listing.strike, *at)
        is_call = listing.option_type is OptionType.CE
        # In the last minute of its life an option has no time left and no greeks; a minute's stand for them.
        found = greeks(forward, listing.strike, max(years, _LEAST_YEARS), volatility, is_call)
        rho = found.delta * forward * years / 100.0
        quoted.greeks = volatility, (found.delta, found.theta, found.gamma, found.vega, rho)
        quoted.greeks_at = at
    return quoted.greeks


def _band(previous: float, reach: float, tick: float) -> tuple[float, float]:
    """Lower and upper end of the price band, on the tick."""
    if reach == 0.0:
        return 0.0, 0.0
    ticks = round(tick * PER_RUPEE)
    lower = max(math.ceil((previous - reach) * PER_RUPEE / ticks - 1e-6), 1) * ticks / PER_RUPEE
    return lower, math.floor((previous + reach) * PER_RUPEE / ticks + 1e-6) * ticks / PER_RUPEE


def _widened(quoted: Quoted, now: Moment) -> tuple[float, float]:
    """The band of a share or a future: it opens by half its width whenever a price has reached its end."""
    reach, (lower, upper) = quoted.reach, quoted.band
    while reach and (now.high > upper or now.low < lower):
        reach *= 1.5
        lower, upper = _band(quoted.tape.previous_close, reach, quoted.listing.tick)
    return lower, upper
