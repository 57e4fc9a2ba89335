"""What a frame of the market feed V3 holds: states of instruments and segments as protobuf, in the SDK's messages."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from sos_actors.simulator.upstox.feed_schedule import Update
from sos_actors.simulator.view import Candle, Level, Listing, MarketView, State
from sos_actors.types import NANOS_PER_SECOND, Segment

MODES = ("ltpc", "option_greeks", "full", "full_d30")
"""What may be asked for."""
_MESSAGES = "upstox_client.feeder.proto.MarketDataFeedV3_pb2"
_NO_LEVEL = Level(0, 0.0, 0, 0.0)
_MS = 1_000_000
_MOST_UNITS = 20
_IV_STEPS = 1 << 18
"""Captured volatilities are whole multiples of 2^-18."""


def feed_messages() -> Any:
    """The SDK's protobuf messages, loaded without the SDK, which would take 0.2 s and 25 MB."""
    if _MESSAGES in sys.modules:
        return sys.modules[_MESSAGES]
    package = find_spec("upstox_client")
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).parent / "feeder" / "proto" / "MarketDataFeedV3_pb2.py"
    spec = spec_from_file_location("MarketDataFeedV3_pb2", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class FrameWriter:
    """Writes frames of one market.

    Args:
        market: what is told.
    """

    def __init__(self, market: MarketView) -> None:
        self._market = market
        self._messages = feed_messages()
        self._update = self._messages.Type.Value("live_feed")
        self._info = self._messages.Type.Value("market_info")
        self._modes = {
            "ltpc": self._messages.RequestMode.Value("ltpc"),
            "option_greeks": self._messages.RequestMode.Value("option_greeks"),
            "full": self._messages.RequestMode.Value("full_d5"),
            "full_d30": self._messages.RequestMode.Value("full_d30"),
        }

    def market_info(self, statuses: Mapping[str, str], now: int) -> bytes:
        """States by segment, in Upstox's words; ``now`` UnixNanos."""
        frame = self._messages.FeedResponse(type=self._info, currentTs=now // _MS)
        for segment, status in statuses.items():
            frame.marketInfo.segmentStatus[segment] = self._messages.MarketStatus.Value(status)
        return bytes(frame.SerializeToString(deterministic=True))

    def quotes(self, updates: list[tuple[Listing, str, Update]], now: int) -> bytes:
        """One frame with a quote of each instrument in its mode."""
        frame = self._messages.FeedResponse(type=self._update, currentTs=now // _MS)
        for listing, mode, update in updates:
            self._fill(frame.feeds[listing.key], listing, mode, update)
        return bytes(frame.SerializeToString(deterministic=True))

    def _fill(self, feed: Any, listing: Listing, mode: str, update: Update) -> None:
        state = self._market.state(listing, update.seen)
        if self._modes[mode]:
            feed.requestMode = self._modes[mode]
        if mode == "ltpc":
            _last(feed.ltpc, listing, state)
        elif listing.segment is Segment.INDEX:
            _last(feed.fullFeed.indexFF.ltpc, listing, state)
            _candles(feed.fullFeed.indexFF.marketOHLC.ohlc, state, self._minute(listing, state, update))
        elif mode == "option_greeks":
            self._first_level(feed.firstLevelWithGreeks, listing, state)
        else:
            self._full(feed.fullFeed.marketFF, listing, state, update, 30 if mode == "full_d30" else 5)

    def _minute(self, listing: Listing, state: State, update: Update) -> Candle | None:
        """The last completed minute as the feed knows it, which learns of its end a little late."""
        asked = update.minute_of
        if asked // NANOS_PER_SECOND // 60 == update.seen // NANOS_PER_SECOND // 60:
            return state.minute
        return self._market.state(listing, asked).minute

    def _first_level(self, told: Any, listing: Listing, state: State) -> None:
        _last(told.ltpc, listing, state)
        _level(told.firstDepth, state.depth[0] if state.depth else _NO_LEVEL)
        if state.iv:
            told.iv = _iv(state.iv)
            _greeks(told.optionGreeks, state)
        told.vtt, told.oi = state.volume, state.oi

    def _full(self, told: Any, listing: Listing, state: State, update: Update, levels: int) -> None:
        _last(told.ltpc, listing, state)
        _depth(told.marketLevel.bidAskQuote, listing, state, update.stir, levels)
        told.optionGreeks.SetInParent()
        if state.iv:
            told.iv = _iv(state.iv)
            _greeks(told.optionGreeks, state)
        _candles(told.marketOHLC.ohlc, state, self._minute(listing, state, update))
        told.atp, told.vtt, told.oi = state.average_price, state.volume, state.oi
        if state.depth:
            unit = max(listing.lot, 1)
            told.tbq = state.total_buy + unit * (update.stir >> 5)
            told.tsq = state.total_sell + unit * (update.stir & 31)


def _last(told: Any, listing: Listing, state: State) -> None:
    told.ltp, told.cp = state.ltp, state.previous_close
    if listing.segment is not Segment.INDEX:
        told.ltt, told.ltq = state.ltt // _MS, _last_of_several(state, max(listing.lot, 1))
    elif state.ltt:  # an index is computed every second, whether it moves or not
        told.ltt = (state.ts if state.ts - state.ltt < 60 * NANOS_PER_SECOND else state.ltt) // NANOS_PER_SECOND * 1000


def _last_of_several(state: State, unit: int) -> int:
    """A market that tells the trades of some seconds as one has only the last of them told, as the real feed does.

    The volume of 5 to 48 in 100 captured frames grows by more than ``ltq`` says.
    """
    units = state.ltq // unit
    if units < 2:
        return state.ltq
    return unit * (1 + (state.ltt // _MS * 2_654_435_761 >> 7) % min(units, _MOST_UNITS))


def _level(told: Any, level: Level) -> None:
    told.bidQ, told.bidP, told.askQ, told.askP = level


def _depth(told: Any, listing: Listing, state: State, stir: int, levels: int) -> None:
    """The best levels; the quantity behind the best one moves with every update, as orders come and go."""
    depth = state.depth
    for number in range(levels):
        _level(told.add(), depth[number] if number < len(depth) else _NO_LEVEL)
    if len(depth) > 1:
        moved = told[1 + (stir & 3)]
        if moved.bidQ:
            moved.bidQ += max(listing.lot, 1) * (stir >> 7)
        if moved.askQ:
            moved.askQ += max(listing.lot, 1) * (stir >> 2 & 7)


def _greeks(told: Any, state: State) -> None:
    told.delta, told.theta, told.gamma, told.vega, told.rho = (round(figure, 4) for figure in state.greeks)


def _iv(volatility: float) -> float:
    return round(volatility * _IV_STEPS) / _IV_STEPS


def _candles(told: Any, state: State, minute: Candle | None) -> None:
    """Always two entries; empty ones where there is no candle yet. Source: a captured pre-open frame of March 2026."""
    for name, candle in (("1d", state.day), ("I1", minute)):
        entry = told.add()
        if candle is not None:
            entry.interval, entry.ts = name, candle.ts // _MS
            _, entry.open, entry.high, entry.low, entry.close, entry.vol = candle
