"""Candles of TradingView's chart socket, as anybody's browser gets them: no login, one connection, many series."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from threading import Lock
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sos_actors.config import Tradingview
from sos_actors.errors import (
    UnknownSymbolError,
    VendorAnswerError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.messages.market import BarSeries
from sos_actors.runtime.clock import Clock, indian_day, wall_time
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND
from sos_actors.vendors.pacing import Backoff
from sos_actors.vendors.tradingview.frames import VENDOR, Bar, series_of
from sos_actors.vendors.tradingview.session import ChartSession, Series
from sos_actors.vendors.tradingview.tickers import front_future_of, is_index, ticker_of
from sos_actors.vendors.web import OneAtATime, place

MOST_AT_ONCE = 5000
"""Bars one request may ask for without a subscription. Source: clients in use, 2026."""
_MINUTES_A_DAY = 375
_MOST_ROUNDS = 20
"""So no answer reaches further back than 100,000 minutes, which nobody gets without a subscription."""
_IDLE_S = 5.0
"""A connection nobody read from for longer is replaced: unanswered heartbeats, one in 10 s, end it."""
_SETTLES_S = 1260.0
"""After its minute is over the newest bar is left alone for so long: it may still be forming where data is delayed (by
15 minutes), or where a chart stands still. Any other bar is followed by a newer one, so it is complete."""
_log = logging.getLogger(__name__)


class TradingViewChart:
    """One-minute candles. Implements ``ports.CandleSource``; calls from several threads take turns.

    Volume is in units. An index has none of its own on most days; ``volume_from_future`` brings that of its
    continuous front future, ``NSE:NIFTY1!``, which is another scale than the sum of its members': never mix the two.

    Args:
        settings: the address, and the time-out of each step; a whole call has six times as long.
        clock: what time it is.
        sleep: waits so many seconds, before a new connection after a failed one.
        rng: for the jitter of that wait.
    """

    def __init__(
        self,
        settings: Tradingview,
        *,
        clock: Clock = wall_time,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._settings, self._clock, self._sleep = settings, clock, sleep
        self._where = place(settings.chart_url)
        self._turn, self._line = Lock(), OneAtATime(VENDOR)
        self._backoff = Backoff(1.0, 30.0, 0.5, rng or random.Random())
        self._pause_s = 0.0
        self._session: ChartSession | None = None

    @property
    def name(self) -> str:
        """What is stored beside every row."""
        return VENDOR

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        session, self._session = self._session, None
        if session is not None:
            session.drop()

    def candles(self, symbol: str, first: date, last: date, *, volume_from_future: bool = False) -> BarSeries:
        """Completed one-minute bars of the days ``first`` to ``last``; see ``ports.CandleSource``.

        Args:
            symbol: canonical.
            first, last: days in India.
            volume_from_future: an index without volume gets that of its front future, where that has a bar.

        Raises:
            UnknownSymbolError: TradingView does not list the symbol.
            VendorError: no answer that is data.
        """
        bars = self._bars(ticker_of(symbol), first, last)
        if not is_index(symbol) or not len(bars):
            return bars
        if not np.nansum(bars.volume) > 0:
            bars = replace(bars, volume=np.full(len(bars), np.nan))
            future = front_future_of(symbol) if volume_from_future else None
            if future is not None:
                return replace(bars, volume=self._volume_of(future, bars, first, last))
        return bars

    def _volume_of(self, future: str, bars: BarSeries, first: date, last: date) -> NDArray[np.float64]:
        """The future's volume at the times of the bars; NaN where it has no bar, or gives no answer."""
        volume = np.full(len(bars), np.nan)
        try:
            theirs = self._bars(future, first, last)
        except (UnknownSymbolError, VendorError) as error:
            _log.warning("The volume of %s is not known: %s", future, error)
            return volume
        _, at, of = np.intersect1d(bars.ts, theirs.ts, assume_unique=True, return_indices=True)
        volume[at] = theirs.volume[of]
        return volume

    def _bars(self, ticker: str, first: date, last: date) -> BarSeries:
        today = indian_day(self._clock())
        if first > min(last, today):
            return BarSeries.empty()
        weeks, days = divmod((today - first).days + 1, 7)
        wanted = (weeks * 5 + min(days, 5)) * _MINUTES_A_DAY + _MINUTES_A_DAY
        if wanted > _MOST_ROUNDS * MOST_AT_ONCE:
            raise VendorAnswerError(VENDOR, f"{first} is further back than minutes of {ticker} are served.")
        with self._turn:
            series = self._ask(ticker, wanted, _midnight_s(first))
        first = max(first, _first_whole_day(series))
        bars = self._complete(series)
        return series_of({at: bar for at, bar in bars.items() if first <= indian_day(at * NANOS_PER_SECOND) <= last})

    def _complete(self, series: Series) -> dict[int, Bar]:
        """The bars that will not change any more."""
        now_s = self._clock() / NANOS_PER_SECOND
        newest = max(series.bars, default=0)
        settled = newest + 60 + _SETTLES_S <= now_s
        last = min(now_s - 60, newest if settled else newest - 60)
        return {at: bar for at, bar in series.bars.items() if at <= last}

    def _ask(self, ticker: str, wanted: int, from_s: int) -> Series:
        reused = self._session is not None and self._session.idle_s < _IDLE_S
        try:
            return self._attempt(ticker, wanted, from_s)
        except VendorUnreachableError:
            if not reused:
                raise
        return self._attempt(ticker, wanted, from_s)  # the old connection had died unnoticed

    def _attempt(self, ticker: str, wanted: int, from_s: int) -> Series:
        if self._session is not None and self._session.idle_s >= _IDLE_S:
            self.close()
        if self._session is None and self._pause_s > 0:
            self._sleep(self._pause_s)
        try:
            series = self._line.run(
                lambda: self._fetch(ticker, wanted, from_s), 6 * self._settings.timeout_s, self._where
            )
        except (UnknownSymbolError, VendorError) as error:
            about_symbol = isinstance(error, UnknownSymbolError | VendorRefusedError)
            if not (about_symbol and self._session is not None and self._session.is_open):
                self.close()  # which also ends a call that was given up
                self._pause_s = self._backoff.next()
            raise
        self._backoff.reset()
        self._pause_s = 0.0
        return series

    def _fetch(self, ticker: str, wanted: int, from_s: int) -> Series:
        if self._session is None:
            self._session = ChartSession(self._settings.chart_url, self._settings.timeout_s)
            self._session.connect()
        session = self._session
        series = session.open_series(ticker, min(wanted, MOST_AT_ONCE))
        for _ in range(_MOST_ROUNDS):
            oldest = min(series.bars, default=0)
            if series.is_exhausted or oldest <= from_s:
                break
            session.extend(series, MOST_AT_ONCE)
            if min(series.bars, default=0) >= oldest:
                break
        else:
            raise VendorAnswerError(VENDOR, f"{self._where} gives {ticker} in too small pieces.")
        session.close_series(series)
        return series


def _first_whole_day(series: Series) -> date:
    """The first day that was not cut off: whoever got as many bars as are served may lack the start of the oldest."""
    oldest = min(series.bars, default=0)
    day = indian_day(oldest * NANOS_PER_SECOND)
    return day + timedelta(days=1) if len(series.bars) >= MOST_AT_ONCE else day


def _midnight_s(day: date) -> int:
    return (day - date(1970, 1, 1)) // timedelta(seconds=1) - IST_OFFSET_S
