"""How long the stages of the hot path take, in HdrHistogram's layout, and the worst stall of each minute.

Recording is one compiled call; percentiles are computed only when somebody looks. Read by status and benchmarks.
"""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from sos_actors.compiled import brief
from sos_actors.runtime.clock import monotonic_ns, wall_time
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos

HIGHEST_NS, DIGITS = 60 * NANOS_PER_SECOND, 3
_HALF_BITS = 10
"""Three digits need 2,048 sub-buckets; the upper half of them, 1,024, belongs to each further power of two."""
_HALF = 1 << _HALF_BITS
_BUCKETS = 26
"""The first holds 0 to 2,047 ns, each further one twice as much, the last 60 s."""
COUNTERS = (_BUCKETS + 1) * _HALF
_MAXIMUM, _REFUSED = COUNTERS, COUNTERS + 1
"""Behind the counters: the greatest figure, and how many were negative."""
MINUTES_KEPT = 400


@brief
def _count(cells: NDArray[np.int64], figures: NDArray[np.int64]) -> None:
    for ns in figures:
        if ns < 0:
            cells[_REFUSED] += 1
            continue
        cells[_MAXIMUM] = max(cells[_MAXIMUM], ns)
        scaled, bucket = min(ns, HIGHEST_NS), 0
        while scaled >= 2 * _HALF:
            scaled >>= 1
            bucket += 1
        cells[(bucket << _HALF_BITS) + scaled] += 1


@brief
def _count_until(cells: NDArray[np.int64], times: NDArray[np.int64], now: int, one: NDArray[np.int64]) -> None:
    for k in range(times.shape[0]):
        one[0] = (times[k, 2] if times[k, 2] > 0 else now) - times[k, 1]
        _count(cells, one)


@brief
def _count_between(cells: NDArray[np.int64], times: NDArray[np.int64], one: NDArray[np.int64]) -> None:
    for k in range(times.shape[0]):
        if times[k, 0] > 0:
            one[0] = times[k, 1] - times[k, 0]
            _count(cells, one)


class Stage(StrEnum):
    """The way of an event; each is timed from the one before it, the first from the frame's arrival."""

    DECODED = "decoded"
    PUBLISHED = "published"
    DECIDED = "decided"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class StageFigures:
    """What one stage took, microseconds; all 0 while ``count`` is 0. Percentiles are exact to three digits."""

    count: int
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float


class LatencyRecorder:
    """Counts of durations from 1 ns to 60 s, to three significant digits.

    Longer ones count as 60 s (their maximum stays exact), negative ones are refused and counted apart.
    One thread writes; any thread may read, and sees a copy.
    """

    def __init__(self) -> None:
        self._cells = np.zeros(COUNTERS + 2, np.int64)
        self._one = np.zeros(1, np.int64)

    def record(self, ns: int) -> None:
        """Count one duration, nanoseconds."""
        self._one[0] = ns
        _count(self._cells, self._one)

    def record_many(self, figures: NDArray[np.int64]) -> None:
        """Count durations: int64 (n,), nanoseconds."""
        _count(self._cells, figures)

    def record_until(self, times: NDArray[np.int64], now_ns: int) -> None:
        """Count the way from publication to the end of each event, else to now, of a batch's ``times``."""
        _count_until(self._cells, times, now_ns, self._one)

    def record_between(self, times: NDArray[np.int64]) -> None:
        """Count the way from receipt, where that is known, to publication, of a batch's ``times``."""
        _count_between(self._cells, times, self._one)

    @property
    def refused(self) -> int:
        """Negative durations: the clocks of the two ends differ."""
        return int(self._cells[_REFUSED])

    def cells(self) -> NDArray[np.int64]:
        """A copy of the counters, int64 (COUNTERS + 2,): the last two are the maximum and the negative ones."""
        return self._cells.copy()

    def histogram(self) -> HdrHistogram:
        """The same as a histogram of the HdrHistogram library, to merge, encode or store."""
        return _histogram(self.cells())

    def figures(self) -> StageFigures:
        """Percentiles of what was counted so far."""
        return figures_of(self.cells())


class StageLatency:
    """The durations of every stage. Hot writers take a recorder of their own, others share one under a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared = {stage: LatencyRecorder() for stage in Stage}
        self._recorders: dict[Stage, list[LatencyRecorder]] = {stage: [one] for stage, one in self._shared.items()}

    def recorder(self, stage: Stage) -> LatencyRecorder:
        """A new recorder for one more thread that writes this stage; it counts in every later snapshot."""
        recorder = LatencyRecorder()
        with self._lock:
            self._recorders[stage].append(recorder)
        return recorder

    def record(self, stage: Stage, ns: int) -> None:
        """Count one duration, nanoseconds; any thread."""
        with self._lock:
            self._shared[stage].record(ns)

    def histogram(self, stage: Stage) -> HdrHistogram:
        """All durations of a stage as a histogram of the HdrHistogram library."""
        return _histogram(self.cells(stage))

    def snapshot(self) -> dict[Stage, StageFigures]:
        """The figures of every stage as they are now."""
        return {stage: figures_of(self.cells(stage)) for stage in Stage}

    def cells(self, stage: Stage) -> NDArray[np.int64]:
        """The counters of a stage, as ``LatencyRecorder.cells``; those of two moments may be subtracted."""
        with self._lock:
            recorders = list(self._recorders[stage])
        merged = recorders[0].cells()
        for recorder in recorders[1:]:
            cells = recorder.cells()
            greatest = max(merged[_MAXIMUM], cells[_MAXIMUM])
            merged += cells
            merged[_MAXIMUM] = greatest
        return merged


@dataclass(frozen=True, slots=True)
class Stall:
    """The worst a minute saw: how long the oldest event of a batch waited for the dispatcher."""

    ts_minute: UnixNanos
    worst_us: float
    batches: int


class StallMeter:
    """The worst delay of each minute; one thread writes, any reads.

    Args:
        wall_offset_ns: what turns ``monotonic_ns`` into UnixNanos; measured now unless given.
        kept: minutes that are remembered.
    """

    def __init__(self, wall_offset_ns: int | None = None, kept: int = MINUTES_KEPT) -> None:
        self._offset = wall_time() - monotonic_ns() if wall_offset_ns is None else wall_offset_ns
        self._past: deque[Stall] = deque(maxlen=kept - 1)
        self._minute, self._worst, self._batches = -1, 0, 0

    def note(self, at_ns: int, delay_ns: int) -> None:
        """A batch began at ``at_ns`` (``monotonic_ns``), ``delay_ns`` after its oldest event was published."""
        minute = (at_ns + self._offset) // NANOS_PER_MINUTE
        if minute != self._minute:
            if self._batches:
                self._past.append(self._now())
            self._minute, self._worst, self._batches = minute, 0, 0
        self._batches += 1
        self._worst = max(self._worst, delay_ns)

    def minutes(self) -> list[Stall]:
        """Minutes that saw a batch, oldest first; the last one may still go on."""
        return [*self._past, self._now()] if self._batches else []

    def _now(self) -> Stall:
        return Stall(UnixNanos(self._minute * NANOS_PER_MINUTE), self._worst / 1000, self._batches)


def _highest_equal(index: int) -> int:
    """The greatest duration that is counted in a cell, nanoseconds: what HdrHistogram names the percentile."""
    bucket = max((index >> _HALF_BITS) - 1, 0)
    return ((index - (bucket << _HALF_BITS) + 1) << bucket) - 1


def figures_of(cells: NDArray[np.int64]) -> StageFigures:
    """The figures of counters, int64 (COUNTERS + 2,).

    Percentiles by HdrHistogram's rule, without its loop over all counters in Python.
    """
    totals = np.cumsum(cells[:COUNTERS])
    count = int(totals[-1])
    if not count:
        return StageFigures(0, 0.0, 0.0, 0.0, 0.0)

    def percentile_us(percent: float) -> float:
        rank = max(int(percent * count / 100 + 0.5), 1)
        return _highest_equal(int(np.searchsorted(totals, rank))) / 1000

    return StageFigures(count, percentile_us(50), percentile_us(99), percentile_us(99.9), int(cells[_MAXIMUM]) / 1000)


def _histogram(cells: NDArray[np.int64]) -> Any:
    histogram = HdrHistogram(1, HIGHEST_NS, DIGITS)
    counts = cells[:COUNTERS]
    ctypes.memmove(histogram.counts, counts.ctypes.data, counts.nbytes)
    found = np.flatnonzero(counts)
    if len(found):
        histogram.set_internal_tacking_values(int(found[0]), int(found[-1]), int(counts.sum()))
    return histogram
