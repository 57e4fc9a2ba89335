"""Frames of Upstox's market feed V3 turned into quotes through protobuf's objects, and what a quote may say.

The decoder hands over what its kernel declines; for everything else it must say the same as this one.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import islice
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as pb

from sos_actors.errors import VendorAnswerError
from sos_actors.messages.feed import DepthLevel, MarketPhase, MarketStatus, MinuteBar, Quote
from sos_actors.types import UnixNanos

INITIAL, UPDATE, MARKET_INFO = 0, 1, 2
"""``FeedResponse.type``. Source: the SDK's protobuf descriptor, 2.30.0."""
NO_OI = ("NSE_EQ|", "BSE_EQ|")
"""Shares: frames leave out open interest, volatility and greeks. Source: captured frames of December 2025."""
MS = 1_000_000
"""Nanoseconds in the unit of every time of the feed."""
MOST_RUPEES = 1e9
MOST_MS = 4_102_444_800_000
"""The year 2100: a time beyond it is none."""
_PHASES = {int(phase): phase for phase in MarketPhase if phase >= 0}


class FeedFrame(NamedTuple):
    """What one frame says.

    Attributes:
        sent: when Upstox says it was sent, UnixNanos; 0 when it does not say. Captured ones step back now and then.
        quotes: in no particular order; a frame holds an instrument once.
        statuses: segments whose state is told.
    """

    sent: UnixNanos
    quotes: list[Quote]
    statuses: list[MarketStatus]


class ProtobufDecoder:
    """Decodes frames of every kind and counts what it left out. Used by one thread.

    Args:
        levels: how much of the depth is wanted.
        left_out: counts how often what was left out, by reason.
    """

    def __init__(self, levels: int, left_out: Counter[str]) -> None:
        self._levels = levels
        self._left_out = left_out

    def decode(self, payload: bytes) -> FeedFrame:
        """One binary frame.

        Raises:
            VendorAnswerError: the bytes are no frame of this feed.
        """
        try:
            response = pb.FeedResponse.FromString(payload)
        except (DecodeError, UnicodeDecodeError):
            raise VendorAnswerError(
                "upstox", f"A frame of the market feed cannot be read ({len(payload)} bytes); it was left out."
            ) from None
        sent, kind = sent_at(response.currentTs), response.type
        if kind == MARKET_INFO:
            return FeedFrame(sent, [], self._statuses(response.marketInfo, sent))
        if kind not in (INITIAL, UPDATE):
            self._left_out[f"frame type {kind}"] += 1
            return FeedFrame(sent, [], [])
        snapshot = kind == INITIAL
        quotes = []
        for key, feed in response.feeds.items():
            quote = self._quote(key, feed, snapshot)
            if quote is not None:
                quotes.append(quote)
        return FeedFrame(sent, quotes, [])

    def _statuses(self, told: Any, sent: UnixNanos) -> list[MarketStatus]:
        """Segments' states; the auctions' own maps, which an older SDK does not know, are not used."""
        statuses = []
        for segment, number in told.segmentStatus.items():
            phase = _PHASES.get(number, MarketPhase.UNKNOWN)
            if phase is MarketPhase.UNKNOWN:
                self._left_out[f"segment state {number}"] += 1
            statuses.append(MarketStatus(sent, segment, phase))
        return statuses

    def _quote(self, key: str, feed: Any, snapshot: bool) -> Quote | None:
        part = feed.WhichOneof("FeedUnion")
        if part == "fullFeed":
            union = feed.fullFeed
            kind = union.WhichOneof("FullFeedUnion")
            if kind == "marketFF":
                return self._full(key, union.marketFF, snapshot)
            if kind == "indexFF":
                return self._index(key, union.indexFF, snapshot)
        elif part == "firstLevelWithGreeks":
            return self._greeks(key, feed.firstLevelWithGreeks, snapshot)
        elif part == "ltpc":
            last = self._last(feed.ltpc)
            return None if last is None else Quote(key, *last, snapshot=snapshot)
        self._left_out["no part we know"] += 1
        return None

    def _full(self, key: str, full: Any, snapshot: bool) -> Quote | None:
        last = self._last(full.ltpc, has_more=True)
        if last is None:
            return None
        price, at, quantity, close = last
        minute, day = self._bars(full.marketOHLC.ohlc)
        average, iv, delta, theta, gamma, vega = full.atp, *_volatility(full.iv, full.optionGreeks)
        levels = islice(full.marketLevel.bidAskQuote, self._levels)
        depth = tuple([DepthLevel(x.bidQ, x.bidP, x.askQ, x.askP) for x in levels])
        return Quote(
            key, price, at, quantity, close, full.vtt, None if key.startswith(NO_OI) else full.oi, iv,
            average if average > 0.0 else None, full.tbq, full.tsq, minute, day, depth,
            delta, theta, gamma, vega, snapshot,
        )  # fmt: skip

    def _index(self, key: str, index: Any, snapshot: bool) -> Quote | None:
        last = self._last(index.ltpc)
        if last is None:
            return None
        minute, day = self._bars(index.marketOHLC.ohlc)
        return Quote(key, *last, minute=minute, day=day, snapshot=snapshot)

    def _greeks(self, key: str, first: Any, snapshot: bool) -> Quote | None:
        last = self._last(first.ltpc, has_more=True)
        if last is None:
            return None
        level = first.firstDepth
        iv, delta, theta, gamma, vega = _volatility(first.iv, first.optionGreeks)
        return Quote(
            key,
            *last,
            volume=first.vtt,
            oi=None if key.startswith(NO_OI) else first.oi,
            iv=iv,
            depth=(DepthLevel(level.bidQ, level.bidP, level.askQ, level.askP),),
            delta=delta,
            theta=theta,
            gamma=gamma,
            vega=vega,
            snapshot=snapshot,
        )

    def _last(self, ltpc: Any, has_more: bool = False) -> tuple[float, int, int, float] | None:
        return last_trade(ltpc.ltp, ltpc.ltt, ltpc.ltq, ltpc.cp, has_more, self._left_out)

    def _bars(self, candles: Any) -> tuple[MinuteBar | None, MinuteBar | None]:
        """The last completed minute and the running day; None where the frame's entry is empty or missing."""
        minute = day = None
        for candle in candles:
            interval = candle.interval
            if interval == "I1":
                minute = _bar(candle)
            elif interval == "1d":
                day = _bar(candle)
            elif interval:
                self._left_out[f"candle {interval[:8]!r}"] += 1
        return minute, day


def sent_at(sent_ms: int) -> UnixNanos:
    """When a frame was sent; 0 for a time that is none."""
    return UnixNanos(sent_ms * MS if 0 <= sent_ms < MOST_MS else 0)


def last_trade(
    price: float, at_ms: int, quantity: int, close: float, has_more: bool, left_out: Counter[str]
) -> tuple[float, int, int, float] | None:
    """Last price, its time and quantity, previous close. Absent prices are NaN; None when there is nothing to say.

    Args:
        price: rupees.
        at_ms: Unix time, ms.
        quantity: units.
        close: the previous one, rupees.
        has_more: whether the frame says other things about the instrument, which are worth having without a price.
        left_out: counts what is not said.
    """
    if not (0.0 <= price < MOST_RUPEES and 0.0 <= close < MOST_RUPEES and 0 <= at_ms < MOST_MS):
        left_out["impossible price or time"] += 1
        return None
    if price == 0.0 and not has_more:
        left_out["no price"] += 1
        return None
    return price or math.nan, at_ms * MS, quantity, close or math.nan


def _bar(candle: Any) -> MinuteBar | None:
    ts, low = candle.ts, candle.low
    if not (0 < ts < MOST_MS and 0.0 < low < MOST_RUPEES):
        return None
    return MinuteBar(ts * MS, candle.open, candle.high, low, candle.close, candle.vol)


def _volatility(
    iv: float, greeks: Any
) -> tuple[float | None, float | None, float | None, float | None, float | None]:
    """Implied volatility and greeks; without a volatility there are none, as for a future."""
    if not iv > 0.0:
        return None, None, None, None, None
    return iv, greeks.delta, greeks.theta, greeks.gamma, greeks.vega
