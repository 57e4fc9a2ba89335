"""Closed one-minute bars made of a feed's quotes: the exchange's own candle where it comes, ticks where it is late.

Knows no clock: times come with the quotes and with ``on_time``. Called by the feed's listener, one call at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from sos_actors.engine.minute_records import NOTHING, Gap, MinuteCounts, Minutes
from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import Calendar
from sos_actors.messages.feed import MinuteBar, Quote
from sos_actors.messages.market import BarClosed
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment, UnixNanos

__all__ = ["NOTHING", "Gap", "MinuteBuilder", "MinuteCounts", "Minutes"]

MOST_EARLY_NS = 5 * NANOS_PER_SECOND
"""How far the vendor's clock may be ahead of ours before what it says is taken for nonsense."""
_NANOS_PER_DAY = 86_400 * NANOS_PER_SECOND
_IST_NS = IST_OFFSET_S * NANOS_PER_SECOND
_EPOCH = date(1970, 1, 1)
_NEVER = 1 << 62


@dataclass(slots=True)
class _Running:
    """A minute made of ticks."""

    opened: int
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    oi: float | None


@dataclass(slots=True)
class _Instrument:
    """What is known of one symbol.

    Attributes:
        done: open time of the last minute that was published, or is known otherwise; -1 before the first.
        ltt, ltp, volume: of the last trade; the volume is the day's, None where the feed has none.
        base: the day's volume when the running minute began, None when nobody has seen it.
        running, waiting: the minute being built, and the one before it while the exchange's candle may still come.
        interrupted: whether quotes may have been missed since ``done``.
    """

    symbol: str
    segment: Segment
    done: int = -1
    ltt: int = 0
    ltp: float = 0.0
    volume: int | None = None
    base: int | None = None
    running: _Running | None = None
    waiting: _Running | None = None
    interrupted: bool = False
    stood_in: set[int] = field(default_factory=set)
    hours_day: int = -1
    hours: tuple[tuple[int, int], ...] = ()


class MinuteBuilder:
    """Bars of all instruments of one feed.

    Args:
        calendar: whose sessions count; of a day it does not know there are no bars.
        grace_ns: how long after a minute's end the exchange's candle is waited for, nanoseconds, below a minute.

    Raises:
        ValueError: another grace.
    """

    def __init__(self, calendar: Calendar, grace_ns: int) -> None:
        if not 0 <= grace_ns < NANOS_PER_MINUTE:
            raise ValueError(f"a grace of {grace_ns} ns is not between nothing and a minute")
        self.counts = MinuteCounts()
        self._calendar, self._grace = calendar, grace_ns
        self._instruments: dict[str, _Instrument] = {}
        self._due = _NEVER

    def known(self, lasts: Mapping[str, int]) -> list[Gap]:
        """Bars of these symbols are known up to these minutes (open times, UnixNanos); what comes next must join on.
        What was published before anybody could take it is a gap.
        """
        gaps: list[Gap] = []
        for symbol, opened in lasts.items():
            instrument = self._instrument(symbol)
            if opened > instrument.done:
                instrument.done, instrument.interrupted = opened, True
            elif opened < (done := instrument.done):
                instrument.done, instrument.interrupted = opened, True
                self._gap(instrument, done + NANOS_PER_MINUTE, gaps)
                instrument.done = done
        return gaps

    def interrupted(self) -> None:
        """The connection was lost: quotes have been missed from now on, of every instrument."""
        for instrument in self._instruments.values():
            instrument.interrupted = True
            instrument.base = instrument.volume = None
            if instrument.running is not None:
                instrument.running.volume = None

    def leave(self, symbol: str) -> None:
        """Nobody follows the symbol now: its running minute is dropped; what it misses meanwhile is a gap."""
        instrument = self._instruments.get(symbol)
        if instrument is not None:
            instrument.interrupted = True
            instrument.base = instrument.volume = instrument.running = instrument.waiting = None

    def on_quote(self, symbol: str, quote: Quote, received: int) -> Minutes:
        """A quote of a symbol (canonical), in the order of arrival.

        Args:
            symbol: whose.
            quote: its mode must carry the minute for official bars.
            received: when it came, UnixNanos.
        """
        instrument = self._instruments.get(symbol)
        told = quote.minute
        if instrument is None:
            instrument = self._instrument(symbol)
            if told is not None and received >= told.ts + 2 * NANOS_PER_MINUTE:
                instrument.done = told.ts  # of long ago: history has it
        found = NOTHING
        if told is not None and told.ts > instrument.done:
            found = self._official(instrument, told, quote, received)
        elif told is not None and instrument.stood_in and told.ts in instrument.stood_in:
            bar = self._bar(instrument, told, quote, received)
            if bar is not None:
                instrument.stood_in.discard(told.ts)
                found = Minutes([], [bar], [])
        self._tick(instrument, quote, received)
        waiting = instrument.waiting
        if waiting is not None and received >= waiting.opened + NANOS_PER_MINUTE + self._grace:
            gaps = [*found.gaps]
            found = found._replace(closed=[*found.closed, self._stand_in(instrument, waiting, gaps)], gaps=gaps)
            instrument.waiting = None
        return found

    def on_time(self, now: int) -> Minutes:
        """The time has come to ``now`` (UnixNanos): minutes whose official candle is late are closed as they are."""
        if now < self._due:
            return NOTHING
        closed: list[BarClosed] = []
        gaps: list[Gap] = []
        due = _NEVER
        for instrument in self._instruments.values():
            for minute in (instrument.waiting, instrument.running):
                if minute is None:
                    continue
                ends = minute.opened + NANOS_PER_MINUTE + self._grace
                if ends > now:
                    due = min(due, ends)
                    continue
                closed.append(self._stand_in(instrument, minute, gaps))
                if minute is instrument.running:
                    instrument.running = None
                else:
                    instrument.waiting = None
        self._due = due
        return Minutes(closed, [], gaps) if closed else NOTHING

    def _instrument(self, symbol: str) -> _Instrument:
        instrument = self._instruments.get(symbol)
        if instrument is None:
            instrument = self._instruments[symbol] = _Instrument(symbol, Segment(symbol.split("|")[1]))
        return instrument

    def _official(self, instrument: _Instrument, told: MinuteBar, quote: Quote, received: int) -> Minutes:
        """A completed minute that has not been published: it, and before it what waits and what is missing."""
        if told.ts + NANOS_PER_MINUTE > received + MOST_EARLY_NS:
            self.counts.odd += 1
            return NOTHING
        if not self._in_session(instrument, told.ts) or told.ts + _IST_NS < _midnight(received):
            self.counts.outside += 1
            instrument.done = told.ts  # counted once, not with every quote
            return NOTHING
        bar = self._bar(instrument, told, quote, received)
        if bar is None:
            return NOTHING
        waiting, running = instrument.waiting, instrument.running
        earlier = [minute for minute in (waiting, running) if minute is not None and minute.opened < told.ts]
        gaps: list[Gap] = []
        closed = [self._stand_in(instrument, minute, gaps) for minute in earlier]
        instrument.waiting, instrument.running = _after(waiting, told.ts), _after(running, told.ts)
        self._gap(instrument, told.ts, gaps)
        instrument.done, instrument.interrupted = told.ts, False
        return Minutes([*closed, bar], [], gaps)

    def _gap(self, instrument: _Instrument, opened: int, gaps: list[Gap]) -> None:
        """Add the minutes between the last one and this one, where they must, or may, have had trades."""
        if instrument.done < 0 or not (instrument.interrupted or instrument.segment is Segment.INDEX):
            return
        missing = [
            minute
            for start, close in self._hours(instrument, opened)
            for minute in range(max(start, instrument.done + NANOS_PER_MINUTE), min(close, opened), NANOS_PER_MINUTE)
        ]
        if missing:
            gaps.append(Gap(instrument.symbol, missing[0], missing[-1]))

    def _tick(self, instrument: _Instrument, quote: Quote, received: int) -> None:
        """The last trade builds the running minute, if it is of one that can still close."""
        ltt, price = quote.ltt, quote.ltp
        if not ltt or not price > 0.0:
            if quote.volume is not None and not instrument.ltt:
                instrument.volume = quote.volume
            return
        if ltt <= instrument.ltt:
            if ltt < instrument.ltt or (quote.volume or 0) < (instrument.volume or 0):
                self.counts.steps_back += 1
                return
            if price == instrument.ltp and quote.volume == instrument.volume:
                self.counts.duplicates += 1
                return
        if ltt > received + MOST_EARLY_NS:
            self.counts.odd += 1
            return
        opened = ltt // NANOS_PER_MINUTE * NANOS_PER_MINUTE
        ends = opened + NANOS_PER_MINUTE + self._grace
        before, running = instrument.volume, instrument.running
        if instrument.ltt and instrument.ltt + _IST_NS < _midnight(ltt):
            before = None  # yesterday's
        instrument.ltt, instrument.ltp, instrument.volume = ltt, price, quote.volume
        if opened <= instrument.done or received >= ends:
            return
        if running is None or running.opened < opened:
            if not self._in_session(instrument, opened):
                self.counts.outside += 1
                return
            if running is not None:
                instrument.waiting = running
            instrument.base = before
            running = instrument.running = _Running(opened, price, price, price, price, None, None)
            self._due = min(self._due, ends)
        running.high, running.low, running.close = max(running.high, price), min(running.low, price), price
        running.oi = quote.oi if instrument.segment is Segment.FO else None
        base, volume = instrument.base, quote.volume
        known = base is not None and volume is not None and volume >= base
        running.volume = float(volume - base) if known else None  # type: ignore[operator]

    def _stand_in(self, instrument: _Instrument, minute: _Running, gaps: list[Gap]) -> BarClosed:
        """A bar made of ticks; what is missing before it is added to the gaps."""
        self.counts.provisional += 1
        self._gap(instrument, minute.opened, gaps)
        instrument.done = minute.opened
        instrument.stood_in.add(minute.opened)
        volume = None if instrument.segment is Segment.INDEX else minute.volume
        return BarClosed(
            UnixNanos(minute.opened + NANOS_PER_MINUTE), instrument.symbol, UnixNanos(minute.opened),
            minute.open, minute.high, minute.low, minute.close, volume, minute.oi, True,
        )  # fmt: skip

    def _bar(self, instrument: _Instrument, told: MinuteBar, quote: Quote, received: int) -> BarClosed | None:
        """The exchange's candle as a bar; None when its prices contradict each other.

        Open interest is the quote's, so it is the minute's only when it is told in the next one.
        """
        opened, ended = told.ts, told.ts + NANOS_PER_MINUTE
        highest, lowest = max(told.open, told.close), min(told.open, told.close)
        if opened % NANOS_PER_MINUTE or not (0.0 < told.low <= lowest <= highest <= told.high < float("inf")):
            self.counts.odd += 1
            return None
        is_contract = instrument.segment is Segment.FO and received < ended + NANOS_PER_MINUTE
        return BarClosed(
            UnixNanos(ended), instrument.symbol, UnixNanos(opened), told.open, told.high, told.low, told.close,
            None if instrument.segment is Segment.INDEX else float(told.volume), quote.oi if is_contract else None,
        )  # fmt: skip

    def _in_session(self, instrument: _Instrument, opened: int) -> bool:
        return any(start <= opened < close for start, close in self._hours(instrument, opened))

    def _hours(self, instrument: _Instrument, ts: int) -> tuple[tuple[int, int], ...]:
        """When bars of the instrument open on the day of ``ts``; never where no table knows it."""
        day = (ts + _IST_NS) // _NANOS_PER_DAY
        if instrument.hours_day != day:
            instrument.hours_day, instrument.hours = day, ()
            try:
                instrument.hours = self._calendar.session(_EPOCH + timedelta(days=day), instrument.segment).intervals
            except MarketRuleError:
                instrument.hours = ()
        return instrument.hours


def _midnight(ts: int) -> int:
    """The beginning of the Indian day of ``ts``, shifted as Indian time: comparable with ``ts + IST``."""
    return (ts + _IST_NS) // _NANOS_PER_DAY * _NANOS_PER_DAY


def _after(minute: _Running | None, opened: int) -> _Running | None:
    return minute if minute is not None and minute.opened > opened else None
