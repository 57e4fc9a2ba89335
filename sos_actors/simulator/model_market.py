"""The seeded model as the market that every simulated vendor looks at."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

import numpy as np

from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.market import BarSeries
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.model import BREADTH_SECURITIES, MarketModel, SimulatedDay
from sos_actors.simulator.model_listings import ListingBook
from sos_actors.simulator.model_quotes import SessionQuotes
from sos_actors.simulator.model_symbols import MEMBERS
from sos_actors.simulator.model_tape import chances
from sos_actors.simulator.view import BreadthCount, ChainRows, Listing, State
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, OptionType, Segment

_KEPT_SESSIONS, _KEPT_LIGHT_SESSIONS = 12, 300
_DAY_NS = 86_400 * NANOS_PER_SECOND
_EPOCH = date(1970, 1, 1).toordinal()


class ModelMarket:
    """A ``MarketView`` of the seeded model. Sessions are computed when first looked at, and the last few are kept.

    Args:
        seed: not negative.
        calendar: sessions and hours.
    """

    def __init__(self, seed: int, calendar: Calendar) -> None:
        self._model = MarketModel(seed, calendar)
        self._calendar = calendar
        self._book = ListingBook(self._model)
        self._uniform = chances(seed)
        self._sessions: OrderedDict[date, SessionQuotes] = OrderedDict()
        self._light: OrderedDict[date, SimulatedDay] = OrderedDict()
        self._daily: dict[tuple[str, date], tuple[float, ...] | None] = {}
        self._now: dict[Segment, tuple[int, int, SessionQuotes | None]] = dict.fromkeys(Segment, (0, 0, None))
        self._opens: dict[Segment, dict[date, int]] = {segment: {} for segment in Segment}

    @property
    def model(self) -> MarketModel:
        """The model itself."""
        return self._model

    @property
    def calendar(self) -> Calendar:
        """The exchange's sessions."""
        return self._calendar

    @property
    def description(self) -> str:
        """``seed 7``."""
        return f"seed {self._model.seed}"

    def listings(self, day: date) -> Sequence[Listing]:
        """Indices, shares, futures and options listed on a day."""
        return self._book.listings(day)

    def expiries(self, underlying: str, first: date, last: date) -> list[date]:
        """Option expiries from ``first`` to ``last``, both included, ascending."""
        return self._model.series.between(underlying, first, last)

    def contracts(self, underlying: str, expiry: date) -> Sequence[Listing]:
        """Every option of one expiry."""
        return self._book.contracts(underlying, expiry)

    def find(self, key: str, day: date) -> Listing | None:
        """By Upstox's key."""
        return self._book.find(key, day)

    def named(self, symbol: str, day: date) -> Listing | None:
        """By canonical symbol."""
        return self._book.named(symbol, day)

    def candles(self, listing: Listing, day: date) -> BarSeries:
        """The whole session's one-minute bars; empty when there was no session or the contract was not listed."""
        if not self._trades(listing, day):
            return BarSeries.empty()
        return self._session(day).bars(listing)

    def daily(self, listing: Listing, last: date, sessions: int) -> BarSeries:
        """Daily bars of the last ``sessions`` sessions up to ``last`` included; ``ts`` is midnight in India."""
        days: list[date] = []
        day = last if self._is_session(last) else self._session_before(last)
        while len(days) < sessions and day > self._calendar.first:
            if self._trades(listing, day):
                days.append(day)
            elif listing.segment is Segment.FO:
                break
            day = self._session_before(day)
        rows = [row for day in reversed(days) if (row := self._daily_row(listing, day)) is not None]
        if not rows:
            return BarSeries.empty()
        columns = list(zip(*rows, strict=True))
        return BarSeries(np.array(columns[0], np.int64), *(np.array(column) for column in columns[1:]))

    def state(self, listing: Listing, ts: int) -> State:
        """The instrument at a moment: of the session it lies in, or of the last session before it."""
        start, end, session = self._now[listing.segment]
        if start <= ts < end and session is not None and (not listing.expiry or session.today.day <= listing.expiry):
            return session.state(listing, ts)
        session = self._session(self._session_day(listing.segment, ts, listing.expiry))
        start = self._open_ns(listing.segment, session.today.day)
        self._now[listing.segment] = (start, midnight(session.today.day) + _DAY_NS, session)
        return session.state(listing, ts)

    def chain(self, underlying: str, expiry: date, ts: int) -> ChainRows | None:
        """The chain at a moment, in step with the states of its contracts."""
        today = indian_day(ts)
        if not any(one.expiry.day == expiry for one in self._model.series.options(underlying, today)):
            return None
        session = self._session(self._session_day(Segment.FO, ts, expiry))
        listed = {(one.strike, one.option_type): one for one in self.contracts(underlying, expiry)}
        shown = session.today.option_market(underlying, expiry).series.strikes
        strikes = shown[[(strike, OptionType.CE) in listed for strike in shown.tolist()]]
        figures = np.zeros((2, 4, len(strikes)))
        for side, option_type in enumerate(OptionType):
            for column, strike in enumerate(strikes.tolist()):
                listing = listed[strike, option_type]
                now = session.last(listing, ts)
                figures[side, :, column] = now.ltp, now.oi, session.previous(listing)[1], now.volume
        index = self._book.named(f"NSE|INDEX|{underlying}", today)
        assert index is not None
        spot = self._session(self._session_day(Segment.INDEX, ts, None)).last(index, ts).ltp
        call, put = figures
        return ChainRows(expiry, spot, strikes, call[0], put[0], call[1], put[1], call[2], put[2], call[3], put[3])

    def breadth(self, ts: int) -> BreadthCount:
        """Of the NIFTY 50's securities, as of the last completed minute; in the first minute, of their first prices."""
        today = self._session(self._session_day(Segment.INDEX, ts, None)).today
        path = today.breadth()
        row = bisect_right(path.ts, ts) - 1
        advances, declines = (int(path.advances[row]), int(path.declines[row])) if row >= 0 else today.opening_breadth()
        return BreadthCount(advances, declines, BREADTH_SECURITIES - advances - declines)

    def members(self) -> Sequence[str]:
        """Short names of the securities of the NIFTY 50."""
        return MEMBERS

    def _session(self, day: date) -> SessionQuotes:
        kept = self._sessions.get(day)
        if kept is None:
            before = self._session_before(day)
            known = self._sessions.get(before)
            earlier = known.today if known is not None else self._model.session(before)
            kept = SessionQuotes(self._model.session(day), earlier, self._uniform)
            self._sessions[day] = kept
            if len(self._sessions) > _KEPT_SESSIONS:
                self._sessions.popitem(last=False)
        else:
            self._sessions.move_to_end(day)
        return kept

    def _session_day(self, segment: Segment, ts: int, expiry: date | None) -> date:
        """The session a moment lies in or follows; a contract's last one after its expiry."""
        day = indian_day(ts)
        if not self._is_session(day) or ts < self._open_ns(segment, day):
            day = self._session_before(day)
        if expiry is not None and day > expiry:
            day = expiry
        return day

    def _session_before(self, day: date) -> date:
        """The last session before a day whose times are known."""
        before = self._calendar.previous_session(day)
        while not self._is_session(before):
            before = self._calendar.previous_session(before)
        return before

    def _open_ns(self, segment: Segment, day: date) -> int:
        opens = self._opens[segment]
        if day not in opens:
            opens[day] = int(self._calendar.session(day, segment).open_ns)
        return opens[day]

    def _is_session(self, day: date) -> bool:
        """Whether there is a session whose times are known."""
        if not self._calendar.is_session(day):
            return False
        try:
            self._calendar.session(day, Segment.INDEX)
        except MarketRuleError:
            return False
        return True

    def _trades(self, listing: Listing, day: date) -> bool:
        if not self._is_session(day) or listing.expiry is None:
            return self._is_session(day)
        if listing.option_type is None:
            return listing.expiry in self._model.series.futures(listing.underlying, day)
        return any(one.expiry.day == listing.expiry for one in self._model.series.options(listing.underlying, day))

    def _daily_row(self, listing: Listing, day: date) -> tuple[float, ...] | None:
        key = (listing.symbol, day)
        if key not in self._daily:
            self._daily[key] = self._measure(listing, day)
        return self._daily[key]

    def _measure(self, listing: Listing, day: date) -> tuple[float, ...] | None:
        if listing.segment is not Segment.FO:
            return (midnight(day), *self._light_session(day).daily(listing.symbol), math.nan)
        bars = self._session(day).bars(listing)
        if not len(bars):
            return None
        return (
            midnight(day), float(bars.open[0]), float(bars.high.max()), float(bars.low.min()), float(bars.close[-1]),
            float(bars.volume.sum()), float(bars.oi[-1]),
        )  # fmt: skip

    def _light_session(self, day: date) -> SimulatedDay:
        """A session for daily figures only: many are kept, of each little more than NIFTY's path."""
        if day not in self._light:
            self._light[day] = self._model.session(day)
            if len(self._light) > _KEPT_LIGHT_SESSIONS:
                self._light.popitem(last=False)
        return self._light[day]


def midnight(day: date) -> int:
    """When a day begins in India, UnixNanos."""
    return (day.toordinal() - _EPOCH) * _DAY_NS - IST_OFFSET_S * NANOS_PER_SECOND
