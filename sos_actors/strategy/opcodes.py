"""The instruction set of compiled strategies: plain integers, because a compiled kernel freezes them.

A stack machine on float64. Truth is ``!= 0``. ``A`` is the instruction's argument. A value that is unknown (NaN)
fails the moment it is loaded; a failed instruction ends its block as described in ``kernel.py``.
"""

from __future__ import annotations

# Loads: push one value.
LOAD_COLUMN = 0
"""Column A at this bar."""
LOAD_PREVIOUS = 1
"""Column A at the bar before (on the first bar: this bar)."""
LOAD_CONSTANT = 2
LOAD_CAPTURE = 3
LOAD_SENTIMENT = 4
LOAD_SCREENER = 5
LOAD_REGIME = 6
LOAD_EXECUTION = 7

# Two operands.
ADD = 10
SUBTRACT = 11
MULTIPLY = 12
DIVIDE = 13
FLOOR_DIVIDE = 14
MODULO = 15
POWER = 16
LESS = 17
LESS_EQUAL = 18
GREATER = 19
GREATER_EQUAL = 20
EQUAL = 21
NOT_EQUAL = 22
MAXIMUM = 23
MINIMUM = 24

# One operand.
NEGATE = 30
NOT = 31
ABSOLUTE = 32
SQUARE_ROOT = 33
LOGARITHM = 34
EXPONENTIAL = 35
FLOOR = 36
CEILING = 37
ROUND = 38
"""To A digits, half to even on the exact binary value, as Python does."""

# Jumps: A is the absolute target.
JUMP = 40
JUMP_IF_FALSE = 41
"""Pops."""
JUMP_IF_FALSE_OR_POP = 42
JUMP_IF_TRUE_OR_POP = 43

# What a block does.
REQUIRE = 50
"""Pops; when false the block ends: not matched."""
STORE_CAPTURE = 51
BEGIN_CAPTURES = 52
"""From here on a failure undoes the captures of this block."""
ADVANCE = 53
"""The block matched: on to the next phase."""
BEGIN_EXECUTION = 54
"""From here on a failure means no signal, and the pattern starts over."""
STORE_ENTRY = 55
STORE_STOP = 56
"""Also sets risk = abs(entry - stop)."""
STORE_TARGET = 57
TRIGGER = 58

# A comparison that must hold, in one instruction: what most conditions are. The operation is TEST + 8 * what stands
# right + the comparison's number (LESS 0 .. EQUAL 4); A = column * 65536 + the index of what stands right.
TEST = 64
RIGHT_COLUMN, RIGHT_PREVIOUS, RIGHT_CONSTANT, RIGHT_CAPTURE = range(4)

# Column functions (first element of a row of ``Program.columns``).
BASE_OPEN, BASE_HIGH, BASE_LOW, BASE_CLOSE, BASE_VOLUME, BASE_OI, BASE_TIMESTAMP, BASE_MINUTE, BASE_SESSION = range(9)
N_BASE = 9
"""The first rows of a column matrix are the bar itself; the caller fills them."""
(
    COLUMN_BODY, COLUMN_RANGE, COLUMN_HIGH_WICK, COLUMN_LOW_WICK, COLUMN_TRUE_RANGE,
    COLUMN_SMA, COLUMN_EMA, COLUMN_HIGHEST, COLUMN_LOWEST, COLUMN_STDEV, COLUMN_BAND, COLUMN_RSI,
    COLUMN_VWAP_VALUE, COLUMN_VWAP_VOLUME, COLUMN_VWAP,
    COLUMN_DAY_OPEN, COLUMN_DAY_HIGH, COLUMN_DAY_LOW, COLUMN_PREVIOUS_DAY,
) = range(100, 119)  # fmt: skip

# Fields of a state row and of a regime settings row.
STATE_PHASE, STATE_COUNT = 0, 1
SETTING_ALLOW, SETTING_TP_MULT, SETTING_QUANTITY_MOD, SETTING_BUFFER_ATR = 0, 1, 2, 3
# Fields of a pattern row.
PATTERN_BLOCK, PATTERN_PHASES, PATTERN_CAPTURE, PATTERN_CAPTURES, PATTERN_SIDE = range(5)
# Fields of a block row (one a phase).
BLOCK_START, BLOCK_TIMEOUT = 0, 1
STACK_DEPTH = 64
