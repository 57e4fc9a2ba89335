"""The words every layer shares: units, regimes, sides, instrument kinds, timeframes.

A leaf: imports nothing of the project. Integer values are part of the journal and the store, never renumber them.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NewType

UnixNanos = NewType("UnixNanos", int)
"""Nanoseconds since 1970-01-01 UTC, the only clock unit inside the system."""
Inr = NewType("Inr", float)
"""Indian rupees."""
Paise = NewType("Paise", int)
"""Hundredths of a rupee, exact: what charges and balances are counted in."""
Fraction = NewType("Fraction", float)
"""0.01 means one per cent."""

NANOS_PER_SECOND = 1_000_000_000
NANOS_PER_MINUTE = 60 * NANOS_PER_SECOND
IST_OFFSET_S = 19_800
"""Asia/Kolkata is UTC+05:30 all year; it has had no daylight saving since 1945 (source: tz database)."""


class Secret:
    """A token or password: shows itself only when asked with ``reveal``, never in a log, a report or a traceback."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; hand it to the wire and nowhere else."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(***)"


NO_SECRET = Secret("")
"""What stands for a secret nobody has given; false."""


class Regime(IntEnum):
    """The market's mood, called *regime* in the field and in the strategy files."""

    UNKNOWN = 0
    COMPLETE_BULLISH = 1
    BULLISH = 2
    SIDEWAYS_BULLISH = 3
    SIDEWAYS = 4
    SIDEWAYS_BEARISH = 5
    BEARISH = 6
    COMPLETE_BEARISH = 7


class SmartTrend(IntEnum):
    """What price and open interest say together; the text forms are those of the strategy language."""

    UNKNOWN = 0
    LONG_BUILDUP = 1
    SHORT_BUILDUP = 2
    SHORT_COVERING = 3
    LONG_UNWINDING = 4
    NEUTRAL = 5

    @property
    def text(self) -> str:
        """The spelling strategies compare with, for example ``'Long Buildup'``."""
        return self.name.replace("_", " ").title()


class Side(IntEnum):
    """Direction of an order or a position."""

    SELL = -1
    BUY = 1


class OptionType(StrEnum):
    """Call (CE) or put (PE), in the exchange's words."""

    CE = "CE"
    PE = "PE"


class Segment(StrEnum):
    """The exchange segment, as spelled in canonical symbols (``NSE|EQ|RELIANCE``)."""

    INDEX = "INDEX"
    EQ = "EQ"
    FO = "FO"


class Timeframe(IntEnum):
    """Bar length in minutes."""

    M1 = 1
    M3 = 3
    M5 = 5
    M15 = 15

    @property
    def text(self) -> str:
        """The spelling of the strategy files, for example ``'5m'``."""
        return f"{int(self)}m"

    @classmethod
    def from_text(cls, text: str) -> Timeframe:
        """Read ``'5m'``.

        Raises:
            ValueError: no such timeframe.
        """
        for timeframe in cls:
            if timeframe.text == text:
                return timeframe
        raise ValueError(f"unknown timeframe {text!r}: one of {', '.join(t.text for t in cls)}")
