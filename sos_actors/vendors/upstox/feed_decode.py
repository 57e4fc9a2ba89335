"""Frames of Upstox's market feed V3 turned into quotes: a compiled kernel reads the bytes, this makes the tuples.

What the kernel declines goes through protobuf. What a frame says and we do not understand is counted and left out;
bytes that are no frame at all are an error.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from itertools import repeat
from typing import Any

from sos_actors.messages.feed import DepthLevel, MinuteBar, Quote
from sos_actors.vendors.upstox import feed_kernel as kernel
from sos_actors.vendors.upstox import feed_layout as layout
from sos_actors.vendors.upstox.feed_protobuf import (
    INITIAL,
    MOST_MS,
    MOST_RUPEES,
    MS,
    NO_OI,
    UPDATE,
    FeedFrame,
    ProtobufDecoder,
    last_trade,
    sent_at,
)

_FIRST_ROOM, _MOST_ROOM = 64, 8192
"""Instruments of a frame: what there is room for at first, and at most (a connection may ask for 5,000)."""
_MOST_KEYS = 20_000
_ROW, _LEVEL = struct.Struct(layout.ROW_FORMAT), struct.Struct(layout.LEVEL_FORMAT)
_Row = tuple[Any, ...]
"""The columns of the kernel's row."""
_Book = tuple[DepthLevel, ...]
"""The levels of all instruments of a frame."""
_GREEKS = ("delta", "theta", "gamma", "vega")
_make: Callable[..., Any] = tuple.__new__
"""Makes a named tuple in half the time its own constructor takes; eight are made for every quote."""


class FeedDecoder:
    """Decodes frames and counts what it left out. Used by one thread.

    Making one readies the kernel, so that no frame waits for it: half a second, some more where it was never compiled.

    Args:
        levels: how much of the depth is wanted; the five of an ordinary frame are a quarter of the whole cost.

    Attributes:
        left_out: how often what was left out, by reason; counted over the decoder's life.
        declined: frames that went through protobuf; they took longer, nothing else.
    """

    def __init__(self, levels: int = 30) -> None:
        self.left_out: Counter[str] = Counter()
        self.declined = 0
        self._protobuf = ProtobufDecoder(levels, self.left_out)
        self._keys = _Keys()
        self._make_room(_FIRST_ROOM, levels)
        kernel.scan(b"", *self._arrays)

    def _make_room(self, instruments: int, levels: int) -> None:
        """Arrays for frames of so many instruments, and their bytes, whose slices cost a third of an array's."""
        self._arrays = arrays = layout.FrameArrays.of(instruments, levels)
        self._head, self._rows, self._book = (
            arrays.frame.data, arrays.rows.data.cast("B"), arrays.book.data.cast("B"),
        )  # fmt: skip

    def decode(self, payload: bytes) -> FeedFrame:
        """One binary frame.

        Raises:
            VendorAnswerError: the bytes are no frame of this feed.
        """
        count = kernel.scan(payload, *self._arrays)
        while count == kernel.TOO_MANY and len(self._arrays.rows) < _MOST_ROOM:
            self._make_room(2 * len(self._arrays.rows), self._arrays.levels)
            count = kernel.scan(payload, *self._arrays)
        kind = self._head[layout.FRAME_TYPE]
        if count >= 0 and kind in (UPDATE, INITIAL):
            quotes = self._quotes(payload, count, kind == INITIAL)
            if quotes is not None:
                return FeedFrame(sent_at(self._head[layout.FRAME_SENT_MS]), quotes, [])
        self.declined += 1
        return self._protobuf.decode(payload)

    def _quotes(self, wire: bytes, count: int, snapshot: bool) -> list[Quote] | None:
        """What the arrays say; None when a key is no text or stands there twice."""
        rows = list(_ROW.iter_unpack(self._rows[: count * _ROW.size]))
        used = self._head[layout.FRAME_LEVELS]
        book = tuple(map(_make, repeat(DepthLevel), _LEVEL.iter_unpack(self._book[: used * _LEVEL.size])))
        try:
            keys = [self._keys[wire[row[0] : row[0] + row[1]]] for row in rows]
        except UnicodeDecodeError:
            return None
        if len(set(keys)) < count:
            return None
        quotes = []
        for (key, is_share), row in zip(keys, rows, strict=True):
            quote = (self._full if row[2] == layout.PART_MARKET else self._other)(key, is_share, row, book, snapshot)
            if quote is not None:
                quotes.append(quote)
        return quotes

    def _full(self, key: str, is_share: bool, row: _Row, book: _Book, snapshot: bool) -> Quote | None:
        """A quote of the mode full, which nearly all are: nothing is called that need not be."""
        (
            _, _, _, price, at, quantity, close, volume, oi, iv, average, buy, sell, delta, theta, gamma, vega,
            minute_at, minute_open, minute_high, minute_low, minute_close, minute_volume,
            day_at, day_open, day_high, day_low, day_close, day_volume, first, levels,
        ) = row  # fmt: skip
        if 0.0 < price < MOST_RUPEES and 0.0 < close < MOST_RUPEES and 0 < at < MOST_MS:
            at *= MS
        else:
            last = last_trade(price, at, quantity, close, True, self.left_out)
            if last is None:
                return None
            price, at, _, close = last
        minute = day = None
        if 0 < minute_at < MOST_MS and 0.0 < minute_low < MOST_RUPEES:
            figures = minute_at * MS, minute_open, minute_high, minute_low, minute_close, minute_volume
            minute = _make(MinuteBar, figures)
        if 0 < day_at < MOST_MS and 0.0 < day_low < MOST_RUPEES:
            day = _make(MinuteBar, (day_at * MS, day_open, day_high, day_low, day_close, day_volume))
        if not iv > 0.0:
            iv = delta = theta = gamma = vega = None
        fields = (
            key, price, at, quantity, close, volume, None if is_share else oi, iv,
            average if average > 0.0 else None, buy, sell, minute, day, book[first : first + levels],
            delta, theta, gamma, vega, snapshot,
        )  # fmt: skip
        quote: Quote = _make(Quote, fields)
        return quote

    def _other(self, key: str, is_share: bool, row: _Row, book: _Book, snapshot: bool) -> Quote | None:
        """A quote of another mode, or of an index."""
        part = row[layout.PART]
        has_greeks = part == layout.PART_GREEKS
        if not has_greeks and part != layout.PART_LTPC and part != layout.PART_INDEX:
            self.left_out["no part we know"] += 1
            return None
        price, at, quantity, close = row[layout.LTP : layout.PREVIOUS_CLOSE + 1]
        last = last_trade(price, at, quantity, close, has_greeks, self.left_out)
        if last is None:
            return None
        if not has_greeks:
            minute, day = _bar(row[layout.MINUTE : layout.DAY]), _bar(row[layout.DAY : layout.BOOK_AT])
            return Quote(key, *last, minute=minute, day=day, snapshot=snapshot)
        volume, oi, iv = row[layout.VOLUME : layout.IV + 1]
        greeks = row[layout.DELTA : layout.VEGA + 1]
        depth = (book[row[layout.BOOK_AT]] if row[layout.BOOK_LEVELS] else DepthLevel(0, 0.0, 0, 0.0),)
        quote = Quote(key, *last, volume, None if is_share else oi, depth=depth, snapshot=snapshot)
        return quote._replace(iv=iv, **dict(zip(_GREEKS, greeks, strict=True))) if iv > 0.0 else quote


def _bar(told: _Row) -> MinuteBar | None:
    ts, open_, high, low, close, volume = told
    if not (0 < ts < MOST_MS and 0.0 < low < MOST_RUPEES):
        return None
    return MinuteBar(ts * MS, open_, high, low, close, volume)


class _Keys(dict[bytes, tuple[str, bool]]):
    """Instrument keys by their bytes: the text, and whether it is a share, whose frames leave things out."""

    def __missing__(self, wire: bytes) -> tuple[str, bool]:
        if len(self) >= _MOST_KEYS:
            self.clear()
        key = wire.decode()
        self[wire] = told = key, key.startswith(NO_OI)
        return told
