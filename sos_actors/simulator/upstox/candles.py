"""Candles as Upstox writes them, newest first: encoded once a session, kept within a bound, joined into answers."""

from __future__ import annotations

from calendar import monthrange
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import fields
from datetime import date, timedelta
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import MarketRuleError
from sos_actors.messages.market import BarSeries
from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE

_EPOCH: Final = date(1970, 1, 1)
_MINUTES_A_DAY: Final = 1_440
_CLOCK: Final = tuple(f"T{minute // 60:02d}:{minute % 60:02d}:00+05:30" for minute in range(_MINUTES_A_DAY))
_encode = msgspec.json.Encoder().encode
MOST_BYTES: Final = 48 << 20
"""Encoded sessions that are kept: about 1,700 of 375 minutes."""
_MOST_MONTHS: Final = 4_096


class CandleShelf:
    """Encoded candles of whole sessions, and those of parts and of longer periods made on demand.

    Rows are ``[start, open, high, low, close, volume, oi]``, joined by commas, without the brackets around them.

    Args:
        market: where they come from.
        most_bytes: what may be kept.
    """

    def __init__(self, market: MarketView, most_bytes: int = MOST_BYTES) -> None:
        self._market = market
        self._most = most_bytes
        self._kept: OrderedDict[tuple[str, str, date, int], bytes] = OrderedDict()
        self._size = 0
        self._months: OrderedDict[tuple[str, date, date], BarSeries] = OrderedDict()

    def session(self, listing: Listing, day: date, minutes: int) -> bytes:
        """A whole session's candles of so many minutes; empty when there were none."""
        name = (listing.symbol, listing.key, day, minutes)
        rows = self._kept.get(name)
        if rows is not None:
            self._kept.move_to_end(name)
            return rows
        rows = self._minute_rows(listing, day, minutes, None)
        self._kept[name] = rows
        self._size += len(rows)
        while self._size > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest)
        return rows

    def so_far(self, listing: Listing, day: date, minutes: int, now: int) -> bytes:
        """A session's candles of the minutes that are complete at ``now`` (UnixNanos); the last may be a part."""
        return self._minute_rows(listing, day, minutes, now)

    def day_so_far(self, listing: Listing, day: date, now: int) -> bytes:
        """One candle of the minutes of a day that are complete at ``now``; empty before the first."""
        bars = _complete(self._bars(listing, day), now)
        labels = np.full(len(bars), moment_of(day), np.int64)
        return encoded_rows(grouped(bars, labels))

    def month(self, listing: Listing, first: date, last: date) -> BarSeries:
        """Daily bars of the sessions from ``first`` to ``last``, two days of one month."""
        calendar = self._market.calendar
        first, last = max(first, calendar.first), min(last, calendar.last)
        name = (listing.symbol, first, last)
        bars = self._months.get(name)
        if bars is not None:
            self._months.move_to_end(name)
            return bars
        count = len(calendar.sessions(first, last)) if first <= last else 0
        bars = self._market.daily(listing, last, count) if count else BarSeries.empty()
        self._months[name] = bars[bars.ts >= moment_of(first)]
        if len(self._months) > _MOST_MONTHS:
            self._months.popitem(last=False)
        return self._months[name]

    def has_session(self, day: date) -> bool:
        """Whether minutes can be asked for: a day on which the exchange trades at known times."""
        calendar = self._market.calendar
        return calendar.first <= day <= calendar.last and calendar.is_session(day)

    def _minute_rows(self, listing: Listing, day: date, minutes: int, now: int | None) -> bytes:
        bars = self._bars(listing, day)
        if now is not None:
            bars = _complete(bars, now)
        if minutes > 1 and len(bars):
            opened = self._market.calendar.session(day, listing.segment).open_ns
            step = minutes * NANOS_PER_MINUTE
            bars = grouped(bars, opened + (bars.ts - opened) // step * step)
        return encoded_rows(bars)

    def _bars(self, listing: Listing, day: date) -> BarSeries:
        try:
            return self._market.candles(listing, day)
        except MarketRuleError:
            # A session whose hours nobody knows: the vendor has nothing to show for it either.
            return BarSeries.empty()


def grouped(bars: BarSeries, labels: NDArray[np.int64]) -> BarSeries:
    """Bars with equal neighbouring labels made into one, which starts at its label.

    Args:
        bars: (n,).
        labels: int64 (n,), UnixNanos, ascending.
    """
    if not len(bars):
        return bars
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    ends = np.append(starts[1:], len(labels)) - 1
    return BarSeries(
        labels[starts],
        bars.open[starts],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        bars.close[ends],
        np.add.reduceat(bars.volume, starts),
        bars.oi[ends],
    )


def encoded_rows(bars: BarSeries) -> bytes:
    """Bars as JSON rows, newest first; unknown volume and open interest are 0, as the vendor has it."""
    if not len(bars):
        return b""
    whole = [np.nan_to_num(column[::-1]).astype(np.int64).tolist() for column in (bars.volume, bars.oi)]
    prices = [column[::-1].tolist() for column in (bars.open, bars.high, bars.low, bars.close)]
    return _encode(list(zip(_stamps(bars.ts[::-1]), *prices, *whole, strict=True)))[1:-1]


def _stamps(ts: NDArray[np.int64]) -> list[str]:
    minutes = ts // NANOS_PER_MINUTE + IST_OFFSET_S // 60
    days, clocks = np.divmod(minutes, _MINUTES_A_DAY)
    named = {day: (_EPOCH + timedelta(days=day)).isoformat() for day in np.unique(days).tolist()}
    return [named[day] + _CLOCK[clock] for day, clock in zip(days.tolist(), clocks.tolist(), strict=True)]


def _complete(bars: BarSeries, now: int) -> BarSeries:
    return bars[bars.ts + NANOS_PER_MINUTE <= now]


def months_between(first: date, last: date) -> list[tuple[date, date]]:
    """The stretch from ``first`` to ``last`` cut at the ends of months, oldest first."""
    stretches = []
    while first <= last:
        end = first.replace(day=monthrange(first.year, first.month)[1])
        stretches.append((first, min(end, last)))
        first = end + timedelta(days=1)
    return stretches


def encoded_days(months: Sequence[BarSeries], unit: str) -> bytes:
    """Daily bars as JSON rows of days, weeks (from Monday) or months, newest first."""
    names = [field.name for field in fields(BarSeries)]
    bars = BarSeries(*(np.concatenate([getattr(month, name) for month in months]) for name in names))
    if unit == "days":
        return encoded_rows(bars)
    labels = [moment_of(_period_start(indian_day(ts), unit)) for ts in bars.ts.tolist()]
    return encoded_rows(grouped(bars, np.array(labels, np.int64)))


def _period_start(day: date, unit: str) -> date:
    return day - timedelta(days=day.weekday()) if unit == "weeks" else day.replace(day=1)
