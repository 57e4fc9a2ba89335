"""One instrument's session trade by trade: what it has done up to any moment, in step with its candles.

A minute's volume is spread over its five-second steps, each step's trade at an irregular moment within it. Nothing of
a later moment is looked at; a minute is spread when it is first asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model_levels import generator
from sos_actors.simulator.model_paths import STEPS
from sos_actors.simulator.view import Candle
from sos_actors.types import NANOS_PER_MINUTE

SINGLE_TRADE_LOTS = 2
"""A contract's minute of at most so many lots has one trade, and so one price."""
_CHANCES = 4_099
_STEP_MS = 5_000
_NANOS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class InstrumentDay:
    """What an instrument does in one session.

    Attributes:
        bars: every minute of its segment's session; ``volume`` 0 where nothing trades, NaN for an index.
        steps: float64 (n_minutes, STEPS), prices at the five-second steps, within their minute's bar.
        unit: least quantity of a trade: 1 for a share, the lot of a contract, 0 for an index.
    """

    bars: BarSeries
    steps: NDArray[np.float64]
    unit: int

    @property
    def traded(self) -> BarSeries:
        """The bars of the minutes with a trade, as a vendor serves them."""
        return self.bars if self.unit == 0 else self.bars[self.bars.volume > 0]


class Moment(NamedTuple):
    """Where an instrument stands at a moment; as in ``State``.

    Attributes:
        turnover: rupees traded today.
        minute_row: row of the session's minute the moment lies in, the last one after the close.
    """

    ltp: float
    ltt: int
    ltq: int
    volume: int
    turnover: float
    oi: float
    open: float
    high: float
    low: float
    minute_row: int


class _Minute(NamedTuple):
    row: int
    times: list[int]
    prices: list[float]
    sizes: list[int]
    volumes: list[int]


def chances(seed: int) -> list[float]:
    """Uniform numbers that all tapes of a market share; each reads them from another place."""
    uniform: list[float] = generator(seed, "tape").random(_CHANCES).tolist()
    return uniform


class Tape:
    """One instrument's session, to be looked at from any moment at or after its open.

    Args:
        day: what it does.
        opens: when its minutes open, UnixNanos; shared by all of a segment.
        previous_close: rupees, its price before the first trade.
        opening_interest: units; 0.0 where there is none.
        salt: sets it apart from other instruments and sessions.
        uniform: ``chances`` of the market.
    """

    def __init__(
        self, day: InstrumentDay, opens: list[int], previous_close: float, opening_interest: float, salt: int,
        uniform: list[float],
    ) -> None:  # fmt: skip
        bars = day.bars
        self._day, self._salt, self._uniform = day, salt, uniform
        self._previous_close, self._opening_interest = previous_close, opening_interest
        self._opens = opens
        volume = np.nan_to_num(bars.volume)
        moves = np.ones(len(bars), bool) if day.unit == 0 else volume > 0
        self._volume = np.concatenate([[0], np.cumsum(volume)]).astype(np.int64)
        self._mean = day.steps.mean(axis=1)
        self._turnover = np.concatenate([[0.0], np.cumsum(volume * self._mean)])
        self._high = np.maximum.accumulate(np.where(moves, bars.high, -np.inf))
        self._low = np.minimum.accumulate(np.where(moves, bars.low, np.inf))
        rows = np.arange(len(bars))
        self._last = np.maximum.accumulate(np.where(moves, rows, -1))
        self._first = int(np.argmax(moves)) if moves.any() else -1
        self._minute = self._past = _Minute(-1, [], [], [], [])
        self._completed: Candle | None = None
        self._has_interest = not np.isnan(bars.oi).any()

    @property
    def previous_close(self) -> float:
        """Rupees."""
        return self._previous_close

    @property
    def opening_interest(self) -> float:
        """Units."""
        return self._opening_interest

    @property
    def first_open(self) -> int:
        """When its first minute opens, UnixNanos."""
        return self._opens[0]

    def at(self, ts: int) -> Moment:
        """Where it stands at ``ts`` (UnixNanos), not before the session's open; after the close, the final state."""
        row = bisect_right(self._opens, ts) - 1
        trades = self._spread(row)
        done = bisect_right(trades.times, ts)
        oi = self._interest(row, ts)
        if not done:
            return self._before_a_trade(row, oi)
        last = done - 1
        price, high, low = trades.prices[last], max(trades.prices[:done]), min(trades.prices[:done])
        opened = trades.prices[0] if row == self._first else self._day.bars.open.item(self._first)
        if row > self._first:
            high, low = max(high, self._high.item(row - 1)), min(low, self._low.item(row - 1))
        before = self._volume.item(row)
        traded = trades.volumes[last]
        turnover = self._turnover.item(row) + traded * self._mean.item(row)
        return Moment(
            price, trades.times[last], trades.sizes[last], before + traded, turnover, oi, opened, high, low,
            row,
        )  # fmt: skip

    def completed(self, ts: int) -> Candle | None:
        """The last minute with a trade that is over at ``ts``."""
        row = bisect_right(self._opens, ts - NANOS_PER_MINUTE) - 1
        if row < 0 or (row := self._last.item(row)) < 0:
            return None
        if self._completed is None or self._completed.ts != self._opens[row]:
            self._completed = self._candle(row)
        return self._completed

    def _candle(self, row: int) -> Candle:
        bars, volume = self._day.bars, self._volume
        return Candle(
            self._opens[row], bars.open.item(row), bars.high.item(row), bars.low.item(row), bars.close.item(row),
            volume.item(row + 1) - volume.item(row),
        )  # fmt: skip

    def _interest(self, row: int, ts: int) -> float:
        if not self._has_interest:
            return 0.0
        known = row if ts >= self._opens[row] + NANOS_PER_MINUTE else row - 1
        return self._day.bars.oi.item(known) if known >= 0 else self._opening_interest

    def _before_a_trade(self, row: int, oi: float) -> Moment:
        """The moment in a minute before its first trade, if it has any."""
        last = self._last.item(row - 1) if row > 0 else -1
        if last < 0:
            nothing = self._previous_close
            return Moment(nothing, 0, 0, 0, 0.0, oi, nothing, nothing, nothing, row)
        if self._past.row != last:
            self._past = self._trades(last)
        trades = self._past
        return Moment(
            trades.prices[-1], trades.times[-1], trades.sizes[-1], self._volume.item(row), self._turnover.item(row), oi,
            self._day.bars.open.item(self._first), self._high.item(last), self._low.item(last), row,
        )  # fmt: skip

    def _spread(self, row: int) -> _Minute:
        if self._minute.row != row:
            if self._minute.times:
                self._past = self._minute
            self._minute = self._trades(row)
        return self._minute

    def _trades(self, row: int) -> _Minute:
        """The trades of a minute: at most one a step, the first at its open, the last at its close."""
        day, uniform = self._day, self._uniform
        prices: list[float] = day.steps[row].tolist()
        units = (self._volume.item(row + 1) - self._volume.item(row)) // max(day.unit, 1)
        place = (self._salt + row * 37) % _CHANCES
        draws = (uniform[place:] + uniform)[: 2 * STEPS]
        if day.unit == 0:
            steps = list(range(STEPS))
        elif units == 0:
            return _Minute(row, [], [], [], [])
        else:
            steps = self._steps_with_trades(prices, units, draws)
        start = self._opens[row]
        within = [step * _STEP_MS + int(_STEP_MS * (0.02 + 0.96 * draws[step])) for step in steps]
        times = [start + after * _NANOS_PER_MS for after in within]
        volumes = _shared_out(units, [0.25 + draws[STEPS + step] for step in steps])
        sizes = [(b - a) * day.unit for a, b in zip([0, *volumes], volumes, strict=False)]
        paid = [prices[step] for step in steps]
        least = day.unit
        return _Minute(row, times, paid, [size or least for size in sizes], [volume * day.unit for volume in volumes])

    def _steps_with_trades(self, prices: list[float], units: int, draws: list[float]) -> list[int]:
        if units <= SINGLE_TRADE_LOTS and self._day.unit > 1:
            return [int(draws[0] * STEPS)]
        if units >= STEPS:
            return list(range(STEPS))
        needed = {0, STEPS - 1, prices.index(max(prices)), prices.index(min(prices))}
        order = sorted(range(STEPS), key=draws.__getitem__)
        more = [step for step in order if step not in needed]
        return sorted(needed | set(more[: max(units - len(needed), 0)]))


class QuietTape:
    """The session of a contract too far from the money to trade; looked at as a ``Tape``.

    Args:
        opens: when its minutes open, UnixNanos.
        previous_close: rupees.
        opening_interest: units.
    """

    def __init__(self, opens: list[int], previous_close: float, opening_interest: float) -> None:
        self._opens = opens
        self.previous_close, self.opening_interest = previous_close, opening_interest

    def at(self, ts: int) -> Moment:
        """Where it stands: at its previous close."""
        price, row = self.previous_close, bisect_right(self._opens, ts) - 1
        return Moment(price, 0, 0, 0, 0.0, self.opening_interest, price, price, price, row)

    def completed(self, _ts: int) -> Candle | None:
        """No minute has a trade."""
        return None


def _shared_out(units: int, weights: list[float]) -> list[int]:
    """Cumulative whole numbers up to ``units``, one each where there is enough, the rest by weight."""
    count, total, so_far = len(weights), sum(weights), 0.0
    spare = max(units - count, 0)
    volumes = []
    for place, weight in enumerate(weights):
        so_far += weight
        volumes.append(min(place + 1 + int(spare * so_far / total), units))
    volumes[-1] = units
    return volumes
