"""The patterns of many symbols in one set of arrays, so that a minute's bars of all of them are one compiled call.

Each row is an ordinary ``Matcher``; stepping rows together gives what stepping each alone gives, bit for bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import compiled
from sos_actors.strategy import opcodes as op
from sos_actors.strategy.column_kernel import fill_columns
from sos_actors.strategy.kernel import MATCH, Progress, Surroundings, match
from sos_actors.strategy.matcher import KEEP, Matcher, Storage
from sos_actors.strategy.program import CompiledStrategies, Program
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND

MINUTES_OF_DAY = 480
"""More than any session has."""
BASE_FIELDS = 7
"""Values of a bar that a caller gives: open, high, low, close, volume, oi, and the session's number."""


@compiled
def match_rows(program: Program, columns: NDArray[np.float64], states: NDArray[np.int64],
               captures: NDArray[np.float64], errors: NDArray[np.int64], counts: NDArray[np.int64],
               rows: NDArray[np.int64], opens: NDArray[np.int64], bars: NDArray[np.float64], around: Surroundings,
               out: NDArray[np.void]) -> int:  # fmt: skip
    """Append one bar to each of several rows and step their patterns, row after row.

    Args:
        program: what to run.
        columns: float64 (n_rows, n_columns, capacity), with room for one more bar in each.
        states: int64 (n_rows, n_strategies, 2), written.
        captures: float64 (n_rows, n_captures), written.
        errors: int64 (n_rows, n_expressions), written.
        counts: int64 (n_rows, 1), bars in each row, written.
        rows: int64 (k,), which rows, none twice.
        opens: int64 (k,), open times of the bars, UnixNanos.
        bars: float64 (k, BASE_FIELDS).
        around: one row a bar.
        out: MATCH records, at least k * n_strategies; ``bar`` is the index into ``rows``.

    Returns:
        How many patterns fired.
    """
    fired = 0
    for j in range(rows.shape[0]):
        row = rows[j]
        cols = columns[row]
        i = counts[row, 0]
        seconds = opens[j] // NANOS_PER_SECOND
        cols[op.BASE_OPEN, i], cols[op.BASE_HIGH, i], cols[op.BASE_LOW, i] = bars[j, 0], bars[j, 1], bars[j, 2]
        cols[op.BASE_CLOSE, i], cols[op.BASE_VOLUME, i], cols[op.BASE_OI, i] = bars[j, 3], bars[j, 4], bars[j, 5]
        cols[op.BASE_TIMESTAMP, i] = seconds
        cols[op.BASE_MINUTE, i] = (seconds + IST_OFFSET_S) % 86_400 // 60
        cols[op.BASE_SESSION, i] = bars[j, 6]
        fill_columns(program.columns, program.factors, cols, i, i + 1)
        progress = Progress(states[row], captures[row], errors[row])
        count = match(program, cols, around, progress, i, i + 1, i - j, out[fired:])
        for k in range(fired, fired + count):
            out[k].bar = j
        counts[row, 0] = i + 1
        fired += count
    return fired


def row_capacity(strategies: CompiledStrategies) -> int:
    """Bars a row holds: what windows read, and a day or two."""
    return KEEP + max(KEEP // 4, 2 * -(-MINUTES_OF_DAY // strategies.timeframe_minutes))


class RowPool:
    """Matchers of one program as rows of common arrays, given out and taken back.

    Args:
        strategies: compiled, of one timeframe.
        rows: how many symbols there is room for.
    """

    def __init__(self, strategies: CompiledStrategies, rows: int) -> None:
        self.strategies = strategies
        self._columns = np.empty((rows, strategies.n_columns, row_capacity(strategies)))
        self._states = np.zeros((rows, len(strategies.strategies), 2), np.int64)
        self._captures = np.full((rows, strategies.captures), np.nan)
        self._errors = np.zeros((rows, len(strategies.expressions)), np.int64)
        self._counts = np.zeros((rows, 1), np.int64)
        self._free = list(range(rows))[::-1]
        self._matchers: dict[int, Matcher] = {}
        self._out = np.empty(rows * len(strategies.strategies), MATCH)

    def take(self) -> int | None:
        """A fresh row, None when all are in use."""
        if not self._free:
            return None
        row = self._free.pop()
        self._states[row], self._captures[row], self._errors[row], self._counts[row] = 0, np.nan, 0, 0
        progress = Progress(self._states[row], self._captures[row], self._errors[row])
        storage = Storage(self._columns[row], progress, self._counts[row])
        self._matchers[row] = Matcher(self.strategies, storage=storage)
        return row

    def give_back(self, row: int) -> None:
        """The row's symbol is no longer followed."""
        del self._matchers[row]
        self._free.append(row)

    def matcher(self, row: int) -> Matcher:
        """The row as a matcher: for its past, or one bar alone."""
        return self._matchers[row]

    def adopt(self, row: int, other: Matcher) -> None:
        """Make a row what another matcher of the same strategies and capacity is."""
        n = other.n_bars
        self._columns[row, :, :n] = other.columns[:, :n]
        self._states[row], self._captures[row], self._errors[row] = other.progress
        self._counts[row] = n

    def step(
        self, rows: NDArray[np.int64], opens: NDArray[np.int64], bars: NDArray[np.float64], around: Surroundings
    ) -> NDArray[np.void]:
        """One more bar for each of several rows; returns MATCH (n,), ``bar`` the index into ``rows``, in that order."""
        for row in rows[self._counts[rows, 0] >= self._columns.shape[2]]:
            self._matchers[int(row)].make_room(1)
        fired = match_rows(
            self.strategies.program, self._columns, self._states, self._captures, self._errors, self._counts, rows,
            opens, bars, around, self._out,
        )  # fmt: skip
        return self._out[:fired]
