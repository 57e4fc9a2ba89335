from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as pb

from sos_actors.vendors.upstox import feed_layout as at
from sos_actors.vendors.upstox.feed_kernel import DECLINED, TOO_MANY, scan
from tests.vendors.upstox.wire import AT, field, varint

MESSAGES = {
    "FeedResponse": at.RESPONSE, "FeedsEntry": at.ENTRY, "Feed": at.FEED, "LTPC": at.LTPC, "FullFeed": at.FULL,
    "MarketFullFeed": at.MARKET, "IndexFullFeed": at.INDEX, "FirstLevelWithGreeks": at.FIRST, "MarketLevel": at.BOOK,
    "Quote": at.LEVEL, "OptionGreeks": at.GREEKS, "MarketOHLC": at.CANDLES, "OHLC": at.CANDLE,
    "DoubleValue": at.UNUSED, "MarketInfo": at.NOT_OURS,
}  # fmt: skip
COLUMNS = {
    "type": at.FRAME_TYPE, "currentTs": at.FRAME_SENT_MS, "key": at.KEY, "interval": at.CANDLE_NAME, "ltp": at.LTP,
    "ltt": at.LTT_MS, "ltq": at.LTQ, "cp": at.PREVIOUS_CLOSE, "vtt": at.VOLUME, "oi": at.OI, "iv": at.IV,
    "atp": at.AVERAGE, "tbq": at.TOTAL_BUY, "tsq": at.TOTAL_SELL, "delta": at.DELTA, "theta": at.THETA,
    "gamma": at.GAMMA, "vega": at.VEGA, "bidQ": at.BID_QUANTITY, "bidP": at.BID_PRICE, "askQ": at.ASK_QUANTITY,
    "askP": at.ASK_PRICE, "ts": at.CANDLE_AT + at.CANDLE_MS, "open": at.CANDLE_AT + at.CANDLE_OPEN,
    "high": at.CANDLE_AT + at.CANDLE_HIGH, "low": at.CANDLE_AT + at.CANDLE_LOW,
    "close": at.CANDLE_AT + at.CANDLE_CLOSE, "vol": at.CANDLE_AT + at.CANDLE_VOLUME,
}  # fmt: skip
UNREAD = {"iep", "rp", "ieq", "iiqTotal", "iiqM", "casEligible", "rho", "requestMode"}
WIRE_TYPES = {
    FieldDescriptor.TYPE_DOUBLE: at.EIGHT, FieldDescriptor.TYPE_MESSAGE: at.BYTES,
    FieldDescriptor.TYPE_STRING: at.BYTES, FieldDescriptor.TYPE_INT64: at.VARINT,
    FieldDescriptor.TYPE_ENUM: at.VARINT, FieldDescriptor.TYPE_BOOL: at.VARINT,
}  # fmt: skip


def schema(message: Descriptor) -> Iterator[tuple[Descriptor, FieldDescriptor]]:
    """Every field the kernel may meet, with its message; those of segments' states are protobuf's alone."""
    for one in message.fields:
        yield message, one
        if one.message_type is not None and one.message_type.name not in ("MarketInfo", "DoubleValue"):
            yield from schema(one.message_type)


def test_the_layout_is_the_official_schema() -> None:
    expected: dict[int, dict[int, tuple[int, int]]] = {}
    for message, one in schema(pb.FeedResponse.DESCRIPTOR):
        if one.name in UNREAD and one.message_type is None:
            assert one.type != FieldDescriptor.TYPE_STRING, "protobuf would look into it"
            continue
        target = COLUMNS[one.name] if one.message_type is None else MESSAGES[one.message_type.name]
        expected.setdefault(MESSAGES[message.name], {})[one.number] = WIRE_TYPES[one.type], target
    assert expected == at.FIELDS


def test_the_formats_say_of_every_column_what_it_holds() -> None:
    row, level = list(unfolded(at.ROW_FORMAT)), list(unfolded(at.LEVEL_FORMAT))
    assert (len(row), len(level)) == (at.COLUMNS, at.LEVEL_COLUMNS)
    for message, fields in at.FIELDS.items():
        for wire_type, column in fields.values():
            if wire_type == at.BYTES or message == at.RESPONSE:
                continue
            if message == at.CANDLE:
                kinds = {row[first + column - at.CANDLE_AT] for first in (at.MINUTE, at.DAY)}
            else:
                kinds = {(level if message == at.LEVEL else row)[column]}
            assert kinds == {"d" if wire_type == at.EIGHT else "q"}


def unfolded(code: str) -> Iterator[str]:
    """``2qd`` as ``q``, ``q``, ``d``."""
    code, times = code.removeprefix("=").replace(" ", ""), 1
    for one in code:
        if one.isdigit():
            times = int(one)
            continue
        yield from one * times
        times = 1


def scanned(payload: bytes, instruments: int = 4, levels: int = 2) -> tuple[int, at.FrameArrays]:
    arrays = at.FrameArrays.of(instruments, levels)
    for array in arrays[:3]:
        array[:] = 77  # what an earlier frame left
    return scan(payload, *arrays), arrays


def full(key: str, frame: Any, levels: int) -> None:
    told = frame.feeds[key].fullFeed.marketFF
    told.ltpc.ltp, told.ltpc.ltt, told.ltpc.cp = 10.5, AT, -0.0
    told.vtt, told.iv, told.optionGreeks.delta = -3, math.nan, -0.5
    for number in range(levels):
        told.marketLevel.bidAskQuote.add(bidQ=number + 1, askP=2.0)
    told.marketOHLC.ohlc.add(interval="1d", ts=AT, high=3.0)
    told.marketOHLC.ohlc.add()


def test_figures_stand_where_the_layout_says() -> None:
    frame = pb.FeedResponse(type=1, currentTs=AT + 7)
    full("NSE_FO|1", frame, 3)
    full("NSE_FO|22", frame, 1)
    payload = frame.SerializeToString()
    count, arrays = scanned(payload)
    assert count == 2
    assert arrays.frame[:3].tolist() == [1, AT + 7, 3]
    for row, prices in zip(arrays.rows[:2], arrays.rows.view(np.float64)[:2], strict=True):
        key = payload[row[at.KEY_AT] : row[at.KEY_AT] + row[at.KEY_LENGTH]].decode()
        assert frame.feeds[key].fullFeed.marketFF.ltpc.ltp == prices[at.LTP] == 10.5
        assert (row[at.PART], row[at.LTT_MS], row[at.VOLUME], row[at.LTQ]) == (at.PART_MARKET, AT, -3, 0)
        assert prices[at.PREVIOUS_CLOSE] == 0.0
        assert math.copysign(1.0, prices[at.PREVIOUS_CLOSE]) == -1.0
        assert math.isnan(prices[at.IV])
        assert (prices[at.DELTA], prices[at.VEGA]) == (-0.5, 0.0)
        assert not row[at.MINUTE : at.DAY].any()
        assert (row[at.DAY], prices[at.DAY + at.CANDLE_HIGH], row[at.DAY + at.CANDLE_VOLUME]) == (AT, 3.0, 0)
        kept = 2 if key == "NSE_FO|1" else 1
        first = row[at.BOOK_AT]
        assert row[at.BOOK_LEVELS] == kept, "two levels are wanted"
        assert arrays.book[first : first + kept, at.BID_QUANTITY].tolist() == list(range(1, kept + 1))
        assert arrays.book.view(np.float64)[first, at.ASK_PRICE] == 2.0


@pytest.mark.parametrize("levels", [0, 1, 30])
def test_as_many_levels_are_kept_as_are_wanted_and_nothing_is_written_beyond_the_arrays(levels: int) -> None:
    frame = pb.FeedResponse(type=1)
    for number in range(4):
        full(f"NSE_FO|{number}", frame, 40)
    frame.feeds["NSE_FO|3"].firstLevelWithGreeks.firstDepth.bidQ = 9
    count, arrays = scanned(frame.SerializeToString(), 4, levels)
    parts = Counter(arrays.rows[:count, at.PART].tolist())
    assert parts == {at.PART_MARKET: 3, at.PART_GREEKS: 1}
    for row in arrays.rows:
        assert row[at.BOOK_LEVELS] == (levels if row[at.PART] == at.PART_MARKET else 1)
    assert arrays.frame[at.FRAME_LEVELS] == 3 * levels + 1


def test_more_instruments_than_rows_are_told() -> None:
    frame = pb.FeedResponse(type=1)
    for number in range(5):
        frame.feeds[str(number)].SetInParent()
    payload = frame.SerializeToString()
    assert scanned(payload, 4)[0] == TOO_MANY
    assert scanned(payload, 5)[0] == 5


def entry(*parts: bytes) -> bytes:
    return field(2, 2, field(1, 2, b"K") + field(2, 2, b"".join(parts)))


LAST = field(1, 2, field(1, 1, struct.pack("<d", 5.0)))
MARKET, INDEX = field(1, 2, b""), field(2, 2, b"")
DECLINES = {
    "segments' states": field(4, 2, b""),
    "a part that replaces another": entry(LAST, field(2, 2, b"")),
    "a kind of full feed that replaces another": entry(field(2, 2, MARKET + INDEX)),
    "the same in two pieces": entry(field(2, 2, MARKET), field(2, 2, INDEX)),
    "a full feed after a last price": entry(field(2, 2, MARKET), LAST),
    "a key told twice": field(2, 2, field(1, 2, b"K") * 2),
    "an unknown field beside a key": field(2, 2, field(3, 0, b"\x01")),
    "a candle of another length": entry(field(2, 2, field(1, 2, field(4, 2, field(1, 2, field(1, 2, b"I30")))))),
    "a field without a number": b"\x00\x00",
    "a group": field(9, 3, b"") + field(9, 4, b""),
    "a wire type that is none": field(9, 6, b""),
    "a padded tag": b"\x88\x00\x01",
    "a tag that does not end": b"\x88",
    "a tag of three bytes": field(2048, 0, b"\x01"),
    "a number of eleven bytes": b"\x08" + b"\x80" * 10 + b"\x01",
    "a number of 65 bits": b"\x08" + b"\xff" * 9 + b"\x02",
    "a number that does not end": b"\x08\x80",
    "a double that does not end": entry(b"\x0a\x04\x09abc"),
    "a length beyond the frame": b"\x12\x7f",
    "a length beyond its message": b"\x12\x02\x0a\x01K",
    "a length of five bytes": b"\x12" + varint(0, 4),
    "four bytes that are three": b"\x4dabc",
    "rubbish in a message nobody reads": entry(field(1, 2, field(5, 2, b"\x0b"))),
}  # fmt: skip


@pytest.mark.parametrize("payload", DECLINES.values(), ids=DECLINES)
def test_what_is_not_read_field_by_field_is_declined(payload: bytes) -> None:
    assert scanned(payload)[0] == DECLINED


READS = {
    "nothing": (b"", []),
    "a number of ten bytes": (field(3, 0, varint(-1)), []),
    "unknown fields of every form": (
        field(9, 0, b"\x05") + field(1000, 1, b"8 bytes!") + field(10, 2, b"\xff") + field(11, 5, b"four"), []
    ),
    "a known field of another form": (field(1, 2, b"no type") + field(2, 0, b"\x01") + field(4, 0, b"\x01"), []),
    "an instrument of which nothing is said": (field(2, 2, b""), [at.PART_NONE]),
    "a value before its key": (field(2, 2, field(2, 2, LAST) + field(1, 2, b"K")), [at.PART_LTPC]),
    "a part in two pieces": (entry(LAST, LAST), [at.PART_LTPC]),
    "a full feed of no kind": (entry(field(2, 2, b"")), [at.PART_EMPTY]),
    "a full feed in two pieces": (entry(field(2, 2, MARKET), field(2, 2, b"")), [at.PART_MARKET]),
    "an index": (entry(field(2, 2, INDEX)), [at.PART_INDEX]),
    "two instruments of one key": (entry(LAST) * 2, [at.PART_LTPC] * 2),
}


@pytest.mark.parametrize(("payload", "parts"), READS.values(), ids=READS)
def test_every_form_of_a_field_is_read_or_skipped(payload: bytes, parts: list[int]) -> None:
    count, arrays = scanned(payload)
    assert count == len(parts)
    assert arrays.rows[:count, at.PART].tolist() == parts
