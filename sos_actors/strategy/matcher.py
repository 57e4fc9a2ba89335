"""The patterns of one symbol on one timeframe: its bars as columns, where each pattern stands, what fired.

One bar or a million go through the same call. The caller says what each bar was seen with.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sos_actors.messages.market import BarSeries
from sos_actors.strategy import opcodes as op
from sos_actors.strategy.column_kernel import fill_columns
from sos_actors.strategy.kernel import MATCH, Progress, Surroundings, match
from sos_actors.strategy.program import CompiledStrategies
from sos_actors.strategy.tree import SCREENER_FIELDS, SENTIMENT_FIELDS
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND

CHUNK = 8192
"""Bars matched in one call; bounds the memory for what may fire."""
KEEP = 512
"""Bars kept when the columns are full: more than any window reads."""


class Storage(NamedTuple):
    """The arrays of one matcher, which may be rows of a pool's.

    Attributes:
        columns: float64 (n_columns, capacity).
        progress: where the patterns stand.
        filled: int64 (1,), bars in the columns.
    """

    columns: NDArray[np.float64]
    progress: Progress
    filled: NDArray[np.int64]

    @classmethod
    def of(cls, strategies: CompiledStrategies, capacity: int) -> Storage:
        """Arrays of its own, as before the first bar."""
        progress = Progress(
            np.zeros((len(strategies.strategies), 2), np.int64),
            np.full(strategies.captures, np.nan),
            np.zeros(len(strategies.expressions), np.int64),
        )
        return cls(np.empty((strategies.n_columns, capacity)), progress, np.zeros(1, np.int64))


class Matcher:
    """Owns the column matrix and the progress of a set of strategies on one symbol.

    Args:
        strategies: compiled, of one timeframe.
        capacity: bars the matrix holds; when full, all but the last KEEP make room.
        storage: rows of a pool, which then never grow; fresh ones unless given.
    """

    def __init__(self, strategies: CompiledStrategies, capacity: int = 4096, storage: Storage | None = None) -> None:
        self.strategies = strategies
        self._fixed = storage is not None
        own = storage or Storage.of(strategies, max(capacity, 2 * KEEP))
        self.columns, self.progress, self._count = own
        self._out = np.empty(0, MATCH)

    @property
    def n_bars(self) -> int:
        """Bars in the columns."""
        return int(self._count[0])

    @n_bars.setter
    def n_bars(self, count: int) -> None:
        self._count[0] = count

    def extend(self, bars: BarSeries, session_numbers: NDArray[np.int64], around: Surroundings) -> NDArray[np.void]:
        """Append closed bars and step every pattern over them.

        Args:
            bars: of this symbol and timeframe, after those already seen.
            session_numbers: int64 (n,), the exchange's session count of each bar.
            around: one row a bar.

        Returns:
            MATCH records in order; ``bar`` counts from the first of ``bars``.
        """
        fired = []
        chunk = self.columns.shape[1] - KEEP if self._fixed else CHUNK
        for first in range(0, len(bars), chunk):
            piece = bars[first : first + chunk]
            self.make_room(len(piece))
            low, high = self.n_bars, self.n_bars + len(piece)
            self._fill(piece, session_numbers[first : first + chunk], low, high)
            needed = len(piece) * len(self.strategies.strategies)
            if len(self._out) < needed:
                self._out = np.empty(needed, MATCH)
            count = match(
                self.strategies.program, self.columns, around, self.progress, low, high, low - first, self._out
            )
            self.n_bars = high
            if count:
                fired.append(self._out[:count].copy())
                fired[-1]["bar"] += first - low
        return np.concatenate(fired) if fired else np.empty(0, MATCH)

    def make_room(self, more: int) -> None:
        """Forget bars no window reads any more, if ``more`` would not fit."""
        capacity = self.columns.shape[1]
        if self.n_bars + more <= capacity:
            return
        keep = min(self.n_bars, KEEP)
        kept = self.columns[:, self.n_bars - keep : self.n_bars].copy()
        if keep + more > capacity:
            self.columns = np.empty((len(self.columns), keep + more))
        self.columns[:, :keep] = kept
        self.n_bars = keep

    def _fill(self, bars: BarSeries, session_numbers: NDArray[np.int64], first: int, last: int) -> None:
        seconds = bars.ts // NANOS_PER_SECOND
        rows = self.columns[:, first:last]
        rows[op.BASE_OPEN], rows[op.BASE_HIGH], rows[op.BASE_LOW] = bars.open, bars.high, bars.low
        rows[op.BASE_CLOSE], rows[op.BASE_VOLUME], rows[op.BASE_OI] = bars.close, bars.volume, bars.oi
        rows[op.BASE_TIMESTAMP] = seconds
        rows[op.BASE_MINUTE] = (seconds + IST_OFFSET_S) % 86_400 // 60
        rows[op.BASE_SESSION] = session_numbers
        program = self.strategies.program
        fill_columns(program.columns, program.factors, self.columns, first, last)


def unknown_surroundings(n_bars: int) -> Surroundings:
    """Surroundings of bars for which neither sentiment nor screener is known."""
    missing = np.full(n_bars, -1)
    return Surroundings(
        missing,
        np.empty((0, len(SENTIMENT_FIELDS))),
        np.zeros(n_bars, np.int64),
        missing,
        np.empty((0, len(SCREENER_FIELDS))),
    )
