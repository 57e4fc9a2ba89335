"""The present market as real quotes tell it, for the simulated exchange to match orders against.

It knows the last quote of every instrument and no past. What the exchange looked at is told to ``seen``, so that a
later run can look at the same again. Quotes come on the feed's thread, looks under the paper account's lock.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from sos_actors.errors import MissingDataError, UnknownSymbolError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.symbols import Instrument
from sos_actors.messages.feed import FeedState, MarketStatus, Quote
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.view import BreadthCount, Candle, ChainRows, Level, Listing, State
from sos_actors.types import UnixNanos

_NO_BAND = (0.0, 10_000_000.0)
"""The feed carries no price bands: none is enforced."""
_UNKNOWN = math.nan
Seen = Callable[[str, State, bool], object]


class PaperMarket:
    """A ``MarketView`` of now, and the ``FeedListener`` that hears it.

    Args:
        master: what is listed.
        calendar: when it trades.
    """

    description = "paper, over real quotes"

    def __init__(self, master: SymbolMaster, calendar: Calendar) -> None:
        self._calendar = calendar
        self._master = master
        self._listings: dict[str, Listing | None] = {}
        self._quotes: dict[str, Quote] = {}
        self._looks: dict[str, State] = {}
        self._past: Mapping[str, Sequence[State]] | None = None
        self._is_blind = True
        self.seen: Seen = lambda _key, _state, _is_new: None
        """Is told of every look: instrument key, state, and whether that shows something new."""

    @property
    def calendar(self) -> Calendar:
        """The exchange's sessions."""
        return self._calendar

    def on_quotes(self, _: UnixNanos, quotes: Sequence[Quote]) -> None:
        """What the feed says; on its thread. A frame without a price leaves the last one."""
        self._is_blind = False
        for quote in quotes:
            if quote.ltp > 0.0:
                self._quotes[quote.instrument_key] = quote

    def on_market_status(self, received: UnixNanos, statuses: Sequence[MarketStatus]) -> None:
        """When segments trade is the calendar's word here."""

    def on_feed_state(self, at: UnixNanos, state: FeedState, reason: str) -> None:  # noqa: ARG002 - a listener's
        """The feed's connection came up or went; while it is not up nothing is offered, whatever was said last."""
        self._is_blind = state is not FeedState.UP

    def has_price(self, key: str) -> bool:
        """Whether the instrument with this key has ever been quoted here, or looked at in an earlier run."""
        return key in self._quotes or key in self._looks

    def look_back(self, past: Mapping[str, Sequence[State]]) -> None:
        """Show what an earlier run saw (oldest first, by key), until ``look_up``."""
        self._past = past

    def look_up(self) -> None:
        """Show the present again; what was seen last of an instrument stands for it until it is quoted."""
        past, self._past = self._past or {}, None
        self._looks |= {key: states[-1] for key, states in past.items() if states}

    def find(self, key: str, day: date) -> Listing | None:
        """The instrument with this key; None when the master does not know it, or it has expired before the day."""
        if key not in self._listings:
            self._listings[key] = self._listing(key)
        listing = self._listings[key]
        return None if listing is None or (listing.expiry is not None and listing.expiry < day) else listing

    def named(self, symbol: str, day: date) -> Listing | None:
        """The instrument with this canonical symbol; as ``find``."""
        try:
            key = self._master.resolve(symbol).instrument_key
        except UnknownSymbolError:
            return None
        return None if key is None else self.find(key, day)

    def listings(self, day: date) -> Sequence[Listing]:
        """Everything the master knows a key of that has not expired."""
        keys = (instrument.instrument_key for instrument in self._master)
        found = (self.find(key, day) for key in keys if key is not None)
        return [listing for listing in found if listing is not None]

    def expiries(self, underlying: str, first: date, last: date) -> list[date]:
        """Option expiries from ``first`` to ``last``, ascending."""
        return [day for day in self._master.expiries(underlying) if first <= day <= last]

    def contracts(self, underlying: str, expiry: date) -> Sequence[Listing]:
        """Every option of one expiry."""
        keys = (option.instrument_key for option in self._master.contracts(underlying, expiry))
        found = (self.find(key, expiry) for key in keys if key is not None)
        return [listing for listing in found if listing is not None]

    def state(self, listing: Listing, ts: int) -> State:
        """The instrument as it was last quoted; at one moment always the same.

        Raises:
            MissingDataError: it has never been quoted.
        """
        key, looked = listing.key, self._looks.get(listing.key)
        if self._past is not None:
            return self._earlier(key, ts)
        if looked is not None and looked.ts >= ts:
            return looked
        quote = self._quotes.get(key)
        if quote is not None:
            state = _state(quote, ts, () if self._is_blind else _depth(quote))
        elif looked is not None:
            state = looked._replace(ts=ts, depth=())
        else:
            raise MissingDataError(f"No price of {listing.symbol} has come over the feed.")
        self.seen(key, state, looked is None or state != looked._replace(ts=ts))
        self._looks[key] = state
        return state

    def candles(self, listing: Listing, day: date) -> BarSeries:  # noqa: ARG002 - a MarketView's
        """No past is known."""
        return BarSeries.empty()

    def daily(self, listing: Listing, last: date, sessions: int) -> BarSeries:  # noqa: ARG002 - a MarketView's
        """No past is known."""
        return BarSeries.empty()

    def chain(self, underlying: str, expiry: date, ts: int) -> ChainRows | None:  # noqa: ARG002 - a MarketView's
        """Quotes of single contracts are no chain."""
        return None

    def breadth(self, ts: int) -> BreadthCount:
        """Nothing is known of other securities.

        Raises:
            MissingDataError: always.
        """
        raise MissingDataError(f"The paper market counts no advances and declines (asked for {ts}).")

    def members(self) -> Sequence[str]:
        """Nothing is known of indices' members."""
        return ()

    def _earlier(self, key: str, ts: int) -> State:
        states = (self._past or {}).get(key, ())
        place = bisect_right(states, ts, key=lambda state: state.ts)
        if not place:
            raise MissingDataError(f"The paper account's file does not say what {key} cost at {ts}.")
        return states[place - 1]._replace(ts=ts)

    def _listing(self, key: str) -> Listing | None:
        try:
            instrument = self._master.resolve(key)
        except UnknownSymbolError:
            return None
        if instrument.instrument_key != key:
            return None
        under = None if instrument.underlying is None else self._master.resolve(instrument.underlying)
        return _listing(instrument, key, under)


def _listing(instrument: Instrument, key: str, under: Instrument | None) -> Listing:
    name = instrument.short_name
    return Listing(
        instrument.symbol, key, instrument.exchange_token or "", name, name, instrument.segment,
        0.0 if math.isnan(instrument.tick_size) else instrument.tick_size, instrument.lot_size,
        instrument.freeze_quantity, instrument.isin or "", under.short_name if under else "",
        (under.instrument_key or "") if under else "", instrument.expiry, instrument.strike or 0.0,
        instrument.option_type,
    )  # fmt: skip


def _depth(quote: Quote) -> tuple[Level, ...]:
    return tuple(Level(*level) for level in quote.depth)


def _known(value: float | None) -> float:
    return _UNKNOWN if value is None else value


def _state(quote: Quote, ts: int, depth: tuple[Level, ...]) -> State:
    greeks = (_known(quote.delta), _known(quote.theta), _known(quote.gamma), _known(quote.vega), _UNKNOWN)
    day = None if quote.day is None else Candle(*quote.day)
    minute = None if quote.minute is None else Candle(*quote.minute)
    return State(
        ts, quote.ltp, quote.ltt, quote.ltq, quote.previous_close, quote.volume or 0, _known(quote.average_price),
        _known(quote.oi), _UNKNOWN, _known(quote.iv), greeks, day, minute, depth,
        sum(level.bid_quantity for level in depth), sum(level.ask_quantity for level in depth), *_NO_BAND,
    )  # fmt: skip
