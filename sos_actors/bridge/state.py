"""What an engine must know to go on: the facts of the day folded up, and the messages each new fact becomes.

Pure but for the clock that stamps messages; one thread owns it. The hub calls ``take`` for every fact and
``recovery`` for an engine that connects or asks again: one after the other, so that both fit without gap or repeat.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain as joined
from itertools import islice

from sos_actors.bridge import contract
from sos_actors.bridge.candles import Candle, Sessions
from sos_actors.bridge.oi_history import OiHistory
from sos_actors.market.symbols import Instrument
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.market import BarClosed, ScreenerAlert, Sentiment
from sos_actors.messages.snapshots import OptionChain
from sos_actors.runtime.clock import Clock, indian_day
from sos_actors.types import Segment, Timeframe

_MOODS_KEPT = 16
"""A sentiment may be stamped a minute ahead of the bars that close meanwhile, so the last few are kept."""


@dataclass(frozen=True, slots=True)
class InstrumentsKnown:
    """What can be traded, all of it."""

    instruments: tuple[Instrument, ...]


@dataclass(frozen=True, slots=True)
class HistoryRead:
    """Open interest of the past of one underlying."""

    symbol: str
    rows: Sequence[OiHistoryRow]


Fact = BarClosed | Sentiment | OptionChain | ScreenerAlert | InstrumentsKnown | HistoryRead


@dataclass(slots=True)
class _Day:
    """The bars of one day as they were sent; the list only grows, whoever reads it remembers how far."""

    day: date
    frames: list[bytes] = field(default_factory=list)


class StreamState:
    """Facts in, messages out.

    Args:
        clock: stamps what has no time of its own.
        sessions: the hours of a day, which candles count from.
        market_symbol: canonical; its sentiment is the market's and serves the symbols that have none of their own.
        timeframes: of CANDLE_UPDATE.
        alert_timeframe: what the screener's figures are of.
    """

    def __init__(
        self,
        clock: Clock,
        sessions: Sessions,
        *,
        market_symbol: str = "NSE|INDEX|NIFTY",
        timeframes: Sequence[Timeframe] = (Timeframe.M5, Timeframe.M15),
        alert_timeframe: str = "5m",
    ) -> None:
        self._clock, self._sessions = clock, sessions
        self._market, self._alert_timeframe = market_symbol, alert_timeframe
        self._timeframes = sorted(timeframes)
        self._instruments: tuple[Instrument, ...] = ()
        self._instruments_frame: bytes | None = None
        self._histories: dict[str, OiHistory] = {}
        self._adds: dict[str, bytes] = {}
        self._moods: defaultdict[str, deque[Sentiment]] = defaultdict(lambda: deque(maxlen=_MOODS_KEPT))
        self._mood_frame: bytes | None = None
        self._candles: dict[str, list[Candle]] = {}
        self._last_open: dict[str, int] = {}
        self._day = _Day(date.min)
        self.repeated: Counter[str] = Counter()
        """Facts told again, or too late to fit, and therefore not sent; by type."""

    def take(self, fact: Fact) -> list[bytes]:
        """The messages of a new fact, for every engine that has had its recovery sequence."""
        match fact:
            case BarClosed():
                return self._bar(fact)
            case Sentiment():
                return self._sentiment(fact)
            case OptionChain():
                return self._chain(fact)
            case ScreenerAlert():
                return self._alert(fact)
            case HistoryRead():
                frame = self._history(fact.symbol).add_rows(fact.rows)
                return [] if frame is None else [frame]
            case InstrumentsKnown():
                self._instruments, self._instruments_frame = fact.instruments, None
                return []

    def recovery(self, bars: bool) -> Iterator[bytes]:
        """The messages that stand for all that was taken so far, whatever is taken while they are read.

        Args:
            bars: also today's closed minutes.
        """
        if self._instruments_frame is None:
            self._instruments_frame = contract.instrument_sync(self._clock(), self._instruments)
        first = [self._instruments_frame]
        first += [frame for history in self._histories.values() if (frame := history.frame()) is not None]
        first += self._adds.values()
        last = [] if self._mood_frame is None else [self._mood_frame]
        minutes = islice(self._day.frames, len(self._day.frames) if bars else 0)
        return joined(first, minutes, last)

    def _bar(self, bar: BarClosed) -> list[bytes]:
        if bar.symbol.startswith(f"NSE|{Segment.FO}|"):
            return []
        if bar.ts_open <= self._last_open.get(bar.symbol, -1):
            self.repeated["BarClosed"] += 1
            return []
        self._last_open[bar.symbol] = bar.ts_open
        day = indian_day(bar.ts_open)
        if day > self._day.day:
            self._day = _Day(day)
        update = contract.market_update(bar, self._mood_at(bar))
        if day == self._day.day:
            self._day.frames.append(update)
        if bar.symbol not in self._candles:
            self._candles[bar.symbol] = [Candle(one, self._sessions) for one in self._timeframes]
        longer = [done for candle in self._candles[bar.symbol] for done in candle.add(bar)]
        return [update, *map(contract.candle_update, longer)]

    def _mood_at(self, bar: BarClosed) -> Sentiment | None:
        """The last sentiment known when the bar closed: the symbol's own, else the market's."""
        for symbol in (bar.symbol, self._market):
            for mood in reversed(self._moods.get(symbol, ())):
                if mood.ts_event <= bar.ts_event:
                    return mood
        return None

    def _sentiment(self, mood: Sentiment) -> list[bytes]:
        self._moods[mood.symbol].append(mood)
        if mood.symbol != self._market:
            return []
        self._mood_frame = contract.sentiment_update(mood)
        return [self._mood_frame]

    def _chain(self, chain: OptionChain) -> list[bytes]:
        if not self._history(chain.underlying).add_chain(chain):
            self.repeated["OptionChain"] += 1
            return []
        return [contract.option_chain_update(chain)]

    def _alert(self, alert: ScreenerAlert) -> list[bytes]:
        frame = contract.screener_alert(alert, self._alert_timeframe)
        if alert.action == "ADD":
            self._adds[alert.symbol] = frame
        else:
            self._adds.pop(alert.symbol, None)
        return [frame]

    def _history(self, symbol: str) -> OiHistory:
        if symbol not in self._histories:
            self._histories[symbol] = OiHistory(symbol, self._clock)
        return self._histories[symbol]
