"""Where the figures of a frame of the market feed go: the columns the kernel fills, by the fields of the schema.

A column is an integer or a double; doubles lie in the same arrays as their 64 bits. Plain numbers, for compiled code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FRAME_TYPE, FRAME_SENT_MS, FRAME_LEVELS = 0, 1, 2
"""The head: ``FeedResponse.type`` in all its 64 bits, ``currentTs``, how many rows of the book are used; integers."""
WHICH_CANDLE, LEVEL_AT, CANDLE_AT = 3, 4, 5
"""The kernel's own: the candle being read, by its first column; the book's row being written; the candle's figures."""
FRAME_FIGURES = CANDLE_AT + 6

KEY_AT, KEY_LENGTH, PART = 0, 1, 2
"""Where in the frame the instrument's key is, in bytes; which part of the schema is told (``PART_...``)."""
LTP, LTT_MS, LTQ, PREVIOUS_CLOSE = 3, 4, 5, 6
VOLUME, OI, IV, AVERAGE, TOTAL_BUY, TOTAL_SELL = 7, 8, 9, 10, 11, 12
DELTA, THETA, GAMMA, VEGA = 13, 14, 15, 16
MINUTE, DAY = 17, 23
"""The last completed minute and the running day, six columns each: where they begin. All 0 where there is none."""
CANDLE_MS, CANDLE_OPEN, CANDLE_HIGH, CANDLE_LOW, CANDLE_CLOSE, CANDLE_VOLUME = 0, 1, 2, 3, 4, 5
"""The columns of a candle, to be added to ``MINUTE`` or ``DAY``."""
BOOK_AT, BOOK_LEVELS = 29, 30
"""The instrument's first row in the book and how many it has."""
COLUMNS = 31
ROW_FORMAT = "=3q dqqd q5d 4d qddddq qddddq 2q"
"""The columns for ``struct``; q is an integer, d a double. Times are Unix time in ms, prices rupees, the rest units."""

BID_QUANTITY, BID_PRICE, ASK_QUANTITY, ASK_PRICE = 0, 1, 2, 3
LEVEL_COLUMNS = 4
LEVEL_FORMAT = "=qdqd"

RESPONSE, ENTRY, FEED, LTPC, FULL, MARKET, INDEX, FIRST = 0, 1, 2, 3, 4, 5, 6, 7
BOOK, LEVEL, GREEKS, CANDLES, CANDLE, UNUSED = 8, 9, 10, 11, 12, 13
"""The messages of the schema; the last is one whose content is checked and not kept."""
PART_NONE, PART_LTPC, PART_EMPTY, PART_MARKET, PART_INDEX, PART_GREEKS = 0, LTPC, FULL, MARKET, INDEX, FIRST
"""What ``PART`` says of an instrument; PART_EMPTY is a full feed of no kind."""
SKIPPED, KEY, CANDLE_NAME, NOT_OURS = -1, -2, -3, -4
"""What becomes of a field, when it is neither a column nor a message."""
VARINT, EIGHT, BYTES, FOUR = 0, 1, 2, 5
"""Wire types. Source: https://protobuf.dev/programming-guides/encoding, 2025."""
DEEPEST = 8
"""More messages than can stand within each other."""

FIELDS = {
    RESPONSE: {1: (VARINT, FRAME_TYPE), 2: (BYTES, ENTRY), 3: (VARINT, FRAME_SENT_MS), 4: (BYTES, NOT_OURS)},
    ENTRY: {1: (BYTES, KEY), 2: (BYTES, FEED)},
    FEED: {1: (BYTES, LTPC), 2: (BYTES, FULL), 3: (BYTES, FIRST)},
    LTPC: {1: (EIGHT, LTP), 2: (VARINT, LTT_MS), 3: (VARINT, LTQ), 4: (EIGHT, PREVIOUS_CLOSE), 5: (BYTES, UNUSED)},
    FULL: {1: (BYTES, MARKET), 2: (BYTES, INDEX)},
    MARKET: {
        1: (BYTES, LTPC), 2: (BYTES, BOOK), 3: (BYTES, GREEKS), 4: (BYTES, CANDLES), 5: (EIGHT, AVERAGE),
        6: (VARINT, VOLUME), 7: (EIGHT, OI), 8: (EIGHT, IV), 9: (EIGHT, TOTAL_BUY), 10: (EIGHT, TOTAL_SELL),
    },
    INDEX: {1: (BYTES, LTPC), 2: (BYTES, CANDLES)},
    FIRST: {
        1: (BYTES, LTPC), 2: (BYTES, LEVEL), 3: (BYTES, GREEKS), 4: (VARINT, VOLUME), 5: (EIGHT, OI), 6: (EIGHT, IV),
    },
    BOOK: {1: (BYTES, LEVEL)},
    LEVEL: {1: (VARINT, BID_QUANTITY), 2: (EIGHT, BID_PRICE), 3: (VARINT, ASK_QUANTITY), 4: (EIGHT, ASK_PRICE)},
    GREEKS: {1: (EIGHT, DELTA), 2: (EIGHT, THETA), 3: (EIGHT, GAMMA), 4: (EIGHT, VEGA)},
    CANDLES: {1: (BYTES, CANDLE)},
    CANDLE: {
        1: (BYTES, CANDLE_NAME), 2: (EIGHT, CANDLE_AT + CANDLE_OPEN), 3: (EIGHT, CANDLE_AT + CANDLE_HIGH),
        4: (EIGHT, CANDLE_AT + CANDLE_LOW), 5: (EIGHT, CANDLE_AT + CANDLE_CLOSE),
        6: (VARINT, CANDLE_AT + CANDLE_VOLUME), 7: (VARINT, CANDLE_AT + CANDLE_MS),
    },
}  # fmt: skip
"""Per message and number of a field: its wire type, and the column or message it goes to. Others are skipped.

Source: the SDK's protobuf descriptor, 2.30.0; a test compares them.
"""


def _by_tag() -> NDArray[np.int64]:
    most = max(number for fields in FIELDS.values() for number in fields)
    table = np.full((UNUSED + 1, (most + 1) * 8), SKIPPED, np.int64)
    for message, fields in FIELDS.items():
        for number, (wire_type, target) in fields.items():
            table[message, number * 8 + wire_type] = target
    return table


TARGETS = _by_tag()
"""int64 (messages, tags): what ``FIELDS`` says, by the tag of a field, which is number * 8 + wire type."""


class FrameArrays(NamedTuple):
    """What the kernel writes; made once, used for every frame.

    Integers are read from the arrays, doubles from their ``view(np.float64)``, which is the same memory.

    Attributes:
        frame: int64 (FRAME_FIGURES,), the head.
        rows: int64 (n_instruments, COLUMNS), in the order of the frame. A key may stand there twice; the last counts.
        book: int64 (n_levels, LEVEL_COLUMNS), best level first, one instrument's after another's.
        levels: the most that are kept of an instrument of the mode full.
    """

    frame: NDArray[np.int64]
    rows: NDArray[np.int64]
    book: NDArray[np.int64]
    levels: int

    @classmethod
    def of(cls, instruments: int, levels: int) -> FrameArrays:
        """Room for so many instruments; the book has one row more, for levels nobody wants."""
        return cls(
            np.zeros(FRAME_FIGURES, np.int64),
            np.zeros((instruments, COLUMNS), np.int64),
            np.zeros((instruments * max(levels, 1) + 1, LEVEL_COLUMNS), np.int64),
            levels,
        )
