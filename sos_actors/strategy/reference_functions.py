"""What the names of the language are worth on a bar, written for reading: the oracle the compiled columns must equal.

Plain Python floats; every sum starts from 0.0 and runs from the oldest bar of its window to the newest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sos_actors.strategy.names import DEFAULT_ATR_BARS
from sos_actors.strategy.tree import HISTORY_BARS
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class ReferenceBar:
    """One closed bar.

    Attributes:
        ts: open time, UnixNanos.
        volume, oi: NaN when unknown.
        session: consecutive number of the exchange's session.
    """

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    oi: float
    session: int


class History:
    """The bars of one symbol and timeframe, oldest first, and what functions make of them."""

    def __init__(self) -> None:
        self.bars: list[ReferenceBar] = []
        self._atr: list[float] = []

    def append(self, bar: ReferenceBar) -> None:
        """A bar has closed."""
        self.bars.append(bar)
        self._atr.append(self.atr(len(self.bars) - 1, DEFAULT_ATR_BARS))

    def field(self, i: int, name: str) -> float:
        """A field or shape of bar ``i``; NaN when unknown."""
        bar = self.bars[i]
        match name:
            case "timestamp":
                return float(bar.ts // NANOS_PER_SECOND)
            case "atr":
                return self._atr[i]
            case "body_size" | "body":
                return abs(bar.close - bar.open)
            case "range":
                return bar.high - bar.low
            case "high_wick":
                return bar.high - max(bar.open, bar.close)
            case "low_wick":
                return min(bar.open, bar.close) - bar.low
            case _:
                value: float = getattr(bar, name)
                return value

    def minute(self, i: int) -> float:
        """Minute of the exchange's day at which bar ``i`` opened."""
        seconds = self.bars[i].ts // NANOS_PER_SECOND + IST_OFFSET_S
        return float(seconds % _DAY_S // 60)

    def window(self, i: int, n: int, field: str) -> list[float]:
        """The field over the last ``n`` bars up to ``i``, or as many as there are."""
        return [self.field(j, field) for j in range(max(0, i - n + 1), i + 1)]

    def sma(self, i: int, n: int, field: str) -> float:
        """Arithmetic mean."""
        return mean(self.window(i, n, field))

    def ema(self, i: int, n: int, field: str) -> float:
        """Exponential mean over the last 2n bars of those history holds, seeded with the oldest."""
        alpha = 2.0 / (n + 1)
        oldest, *later = self.window(i, min(2 * n, HISTORY_BARS), field)
        value = oldest
        for x in later:
            value = alpha * x + (1.0 - alpha) * value
        return value

    def highest(self, i: int, n: int, field: str) -> float:
        """Largest value; NaN when one is unknown."""
        window = self.window(i, n, field)
        return math.nan if any(map(math.isnan, window)) else max(window)

    def lowest(self, i: int, n: int, field: str) -> float:
        """Smallest value; NaN when one is unknown."""
        window = self.window(i, n, field)
        return math.nan if any(map(math.isnan, window)) else min(window)

    def stdev(self, i: int, n: int, field: str) -> float:
        """Sample deviation; 0 with fewer than two bars."""
        window = self.window(i, n, field)
        if any(map(math.isnan, window)):
            return math.nan
        centre = mean(window)
        total = 0.0
        for x in window:
            total += (x - centre) * (x - centre)
        return math.sqrt(total / (len(window) - 1)) if len(window) > 1 else 0.0

    def band(self, i: int, n: int, factor: float) -> float:
        """Mean of the close and ``factor`` deviations; 0 until n bars exist."""
        if i + 1 < n:
            return 0.0
        return self.sma(i, n, "close") + factor * self.stdev(i, n, "close")

    def rsi(self, i: int, n: int) -> float:
        """Relative strength from simple means; 50 until n bars exist, 100 when nothing was lost."""
        if i + 1 < n:
            return 50.0
        closes = self.window(i, min(n + 1, HISTORY_BARS), "close")
        changes = [after - before for before, after in pairwise(closes)]
        gain = loss = 0.0
        for change in changes:
            if change > 0:
                gain += change
            elif change < 0:
                loss += -change
        if loss == 0.0:
            return 100.0
        return 100.0 - 100.0 / (1.0 + (gain / len(changes)) / (loss / len(changes)))

    def true_range(self, i: int) -> float:
        """Range of the bar including the gap from the close before; the first bar has no close before."""
        bar = self.bars[i]
        if i == 0:
            return bar.high - bar.low
        before = self.bars[i - 1].close
        return max(bar.high - bar.low, abs(bar.high - before), abs(bar.low - before))

    def atr(self, i: int, n: int) -> float:
        """Mean true range."""
        return mean([self.true_range(j) for j in range(max(0, i - n + 1), i + 1)])

    def vwap(self, i: int) -> float:
        """Typical price weighted by volume since the session's first bar; the close when nothing was traded."""
        value = volume = 0.0
        for bar in self._session(i, self.bars[i].session):
            value += ((bar.high + bar.low + bar.close) / 3.0) * bar.volume
            volume += bar.volume
        return self.bars[i].close if volume == 0.0 else value / volume

    def day(self, i: int, figure: str) -> float:
        """``open``, ``high`` or ``low`` of bar ``i``'s session so far."""
        return _figure(self._session(i, self.bars[i].session), figure)

    def previous_day(self, i: int, figure: str) -> float:
        """``close``, ``high`` or ``low`` of the session before; NaN when no bar of it is there."""
        bars = self._session(i, self.bars[i].session - 1)
        return _figure(bars, figure) if bars else math.nan

    def _session(self, i: int, session: int) -> list[ReferenceBar]:
        """Bars of a session up to bar ``i``, oldest first."""
        found = []
        while i >= 0 and self.bars[i].session >= session:
            if self.bars[i].session == session:
                found.append(self.bars[i])
            i -= 1
        return found[::-1]

    def column(self, i: int, function: str, n: int, field: str, k: float) -> float:
        """Any function of the language on bar ``i``, by its name in strategy files; NaN when unknown."""
        windows: dict[str, Callable[[int, int, str], float]] = {
            "moving_avg": self.sma, "sma": self.sma, "ema": self.ema, "stdev": self.stdev,
            "highest": self.highest, "max": self.highest, "lowest": self.lowest, "min": self.lowest,
        }  # fmt: skip
        if function in windows:
            return windows[function](i, min(n, HISTORY_BARS), field)
        n = min(n, HISTORY_BARS)
        match function:
            case "bb_upper" | "bb_lower":
                return self.band(i, n, k if function == "bb_upper" else -k)
            case "rsi":
                return self.rsi(i, n)
            case "atr":
                return self.atr(i, n)
            case "vwap":
                return self.vwap(i)
            case "day_open" | "day_high" | "day_low":
                return self.day(i, function.removeprefix("day_"))
            case "prev_day_close" | "prev_day_high" | "prev_day_low":
                return self.previous_day(i, function.removeprefix("prev_day_"))
        raise KeyError(function)


def mean(values: Sequence[float]) -> float:
    """Sum over count, oldest first."""
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def _figure(bars: Sequence[ReferenceBar], figure: str) -> float:
    if figure == "open":
        return bars[0].open
    if figure == "close":
        return bars[-1].close
    return max(bar.high for bar in bars) if figure == "high" else min(bar.low for bar in bars)


def power(a: float, b: float) -> float:
    """``a ** b`` within the language's bounds.

    Raises:
        ArithmeticError: exponent beyond 64, or no finite real result.
    """
    if abs(b) > 64.0 or (a < 0.0 and not b.is_integer()):
        raise ArithmeticError(f"{a} ** {b} is outside the language")
    return finite(a**b)


def finite(value: float) -> float:
    """The value.

    Raises:
        ArithmeticError: it is infinite or not a number.
    """
    if not math.isfinite(value):
        raise ArithmeticError("no finite result")
    return value


SCALARS: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": lambda x: finite(math.exp(x)),
    "floor": lambda x: float(math.floor(x)),
    "ceil": lambda x: float(math.ceil(x)),
}
"""Raise ValueError or ArithmeticError where the language says error."""
