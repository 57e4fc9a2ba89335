"""The bytes of a frame of the market feed as figures in arrays, in one compiled walk without Python objects.

It reads what protobuf reads, or declines the frame as a whole: broken bytes, states of segments, forms nobody sends.
Figures come as they were sent; what is possible and what is absent is judged by whoever reads the arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import compiled, inlined
from sos_actors.vendors.upstox.feed_layout import (
    BOOK,
    BOOK_AT,
    BOOK_LEVELS,
    BYTES,
    CANDLE,
    CANDLE_AT,
    CANDLE_NAME,
    COLUMNS,
    DAY,
    DEEPEST,
    EIGHT,
    ENTRY,
    FEED,
    FIRST,
    FOUR,
    FRAME_FIGURES,
    FRAME_LEVELS,
    FULL,
    KEY,
    KEY_AT,
    KEY_LENGTH,
    LEVEL,
    LEVEL_AT,
    LEVEL_COLUMNS,
    MINUTE,
    PART,
    PART_EMPTY,
    PART_INDEX,
    PART_MARKET,
    PART_NONE,
    RESPONSE,
    SKIPPED,
    TARGETS,
    VARINT,
    WHICH_CANDLE,
)

DECLINED, TOO_MANY = -1, -2
"""What ``scan`` returns instead of a count: left to protobuf; more instruments than rows."""


@inlined
def _varint(wire: bytes, at: int, end: int) -> tuple[int, int]:
    """A whole number and where it ends; -1 when it does not, or has more than 64 bits."""
    value = 0
    shift = 0
    while at < end and shift < 64:
        byte = wire[at] & 255  # with 64 bits from here on
        at += 1
        if byte < 128:
            if shift == 63 and byte > 1:
                return 0, -1
            return value | byte << shift, at
        value |= (byte & 127) << shift
        shift += 7
    return 0, -1


@inlined
def _read(wire: bytes, at: int, end: int, wire_type: int) -> tuple[int, int]:
    """The value of a field (64 bits of a double, a length of bytes) and where it ends, or those bytes begin; or -1."""
    value = 0
    if wire_type in (EIGHT, FOUR):
        size = 8 if wire_type == EIGHT else 4
        if end - at < size:
            return 0, -1
        for i in range(size):
            value |= (wire[at + i] & 255) << 8 * i
        return value, at + size
    if wire_type not in (VARINT, BYTES):
        return 0, -1
    begun = at
    value, at = _varint(wire, at, end)
    if wire_type == BYTES and not (at - begun <= 4 and 0 <= value <= end - at):
        return 0, -1
    return value, at


@inlined
def _candle_code(wire: bytes, at: int, size: int) -> int:
    """Which candle a name means, by its first column: 0 the nameless, -1 one that is neither minute nor day."""
    if size == 0:
        return 0
    if size == 2 and wire[at] == 73 and wire[at + 1] == 49:  # I1
        return MINUTE
    if size == 2 and wire[at] == 49 and wire[at + 1] == 100:  # 1d
        return DAY
    return -1


@inlined
def _begun(
    kind: int, child: int, row: int, frame: NDArray[np.int64], rows: NDArray[np.int64], book: NDArray[np.int64],
    levels: int,
) -> bool:  # fmt: skip
    """Make room for a message within another; False when it takes the place of another part of the same union."""
    if kind in (FEED, FULL):
        told = rows[row, PART]
        if told == PART_NONE or (kind == FULL and told == PART_EMPTY):
            rows[row, PART] = child
        elif told != child and not (child == FULL and told in (PART_MARKET, PART_INDEX)):
            return False
    elif child == ENTRY:
        for i in range(COLUMNS):
            rows[row, i] = 0
        rows[row, BOOK_AT] = frame[FRAME_LEVELS]
    elif child == CANDLE:
        frame[WHICH_CANDLE] = 0
        for i in range(CANDLE_AT, FRAME_FIGURES):
            frame[i] = 0
    elif child == LEVEL:
        kept = rows[row, BOOK_LEVELS]
        if kind == FIRST and kept == 1:  # told twice, it is one
            return True
        if kind == BOOK and kept >= levels:
            frame[LEVEL_AT] = book.shape[0] - 1
            return True
        frame[LEVEL_AT] = frame[FRAME_LEVELS]
        frame[FRAME_LEVELS] += 1
        rows[row, BOOK_LEVELS] = kept + 1
        for i in range(LEVEL_COLUMNS):
            book[frame[LEVEL_AT], i] = 0
    return True


@inlined
def _tag(wire: bytes, at: int, end: int) -> tuple[int, int]:
    """Number * 8 + wire type of a field, and where its value begins; -1 for numbers beyond 2047 and padded ones."""
    tag = wire[at] & 255
    if 8 <= tag < 128:
        return tag, at + 1
    if tag >= 128 and end - at > 1 and 0 < wire[at + 1] < 128:
        tag = tag & 127 | (wire[at + 1] & 127) << 7
        return tag, at + 2 if tag >= 128 else -1
    return 0, -1


@inlined
def _ended(kind: int, row: int, frame: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
    """A message is read: a candle goes where its name says, over what an earlier one of that name said."""
    if kind == CANDLE and frame[WHICH_CANDLE] > 0:
        for i in range(6):
            rows[row, frame[WHICH_CANDLE] + i] = frame[CANDLE_AT + i]


@inlined
def _named(
    wire: bytes, at: int, size: int, target: int, row: int, frame: NDArray[np.int64], rows: NDArray[np.int64]
) -> bool:
    """Keep a text: where an instrument's key is, or which candle this is; False for one we do not know, or a second."""
    if target == KEY:
        if rows[row, KEY_AT] != 0:
            return False
        rows[row, KEY_AT] = at
        rows[row, KEY_LENGTH] = size
        return True
    frame[WHICH_CANDLE] = _candle_code(wire, at, size)
    return target == CANDLE_NAME and frame[WHICH_CANDLE] >= 0


@inlined
def _stored(
    kind: int, column: int, value: int, row: int, frame: NDArray[np.int64], rows: NDArray[np.int64],
    book: NDArray[np.int64],
) -> None:  # fmt: skip
    """Keep a figure where its message belongs."""
    if kind == LEVEL:
        book[frame[LEVEL_AT], column] = value
    elif kind in (CANDLE, RESPONSE):
        frame[column] = value
    else:
        rows[row, column] = value


@compiled
def scan(
    wire: bytes, frame: NDArray[np.int64], rows: NDArray[np.int64], book: NDArray[np.int64], levels: int
) -> int:
    """Read a frame into arrays; how many rows it has, or DECLINED or TOO_MANY, after which nothing in them counts.

    Whatever protobuf reads otherwise than field by field is declined, not imitated: a part that replaces another one
    of its union, a key told twice, candles of other lengths. What it refuses is always declined.

    Args:
        wire: the frame.
        frame: of ``FrameArrays``, as all below.
        rows: one is filled for each instrument; the room for them is the most that are read.
        book: levels of the depth.
        levels: the number these arrays were made for.
    """
    ends = np.empty(DEEPEST, np.int64)
    kinds = np.empty(DEEPEST, np.int64)
    none = int(np.int64(0))  # of a type, or every function is compiled twice
    at, end, kind, depth, row = none, len(wire), none + RESPONSE, none, none - 1
    for i in range(FRAME_FIGURES):
        frame[i] = 0
    while True:
        if at == end:
            if depth == 0:
                return row + 1
            _ended(kind, row, frame, rows)
            depth -= 1
            end, kind = int(ends[depth]), int(kinds[depth])
            continue
        tag, at = _tag(wire, at, end)
        if at < 0:
            return DECLINED
        target = int(TARGETS[kind, tag]) if tag < TARGETS.shape[1] else SKIPPED
        value, at = _read(wire, at, end, tag & 7)
        if at < 0 or (kind == ENTRY and target == SKIPPED):  # upb drops entries that hold what it does not know
            return DECLINED
        if tag & 7 != BYTES:
            if target != SKIPPED:
                _stored(kind, target, value, row, frame, rows, book)
        elif target == SKIPPED:
            at += value
        elif target < 0:
            if not _named(wire, at, value, target, row, frame, rows):
                return DECLINED
            at += value
        else:
            if target == ENTRY:
                row += 1
                if row == rows.shape[0]:
                    return TOO_MANY
            if not _begun(kind, target, row, frame, rows, book, levels):
                return DECLINED
            ends[depth], kinds[depth] = end, kind
            depth, end, kind = depth + 1, at + value, target
