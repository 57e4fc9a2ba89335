"""Longer bars against the obvious way of making them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.engine.bars import bucket_opens, closes, roll_up
from sos_actors.messages.market import BarSeries
from sos_actors.types import NANOS_PER_MINUTE
from tests.engine.markets import FIRST, SECOND, minute, series, walk


def naive(bars: BarSeries, opens: list[int], minutes: int) -> list[tuple[float, ...]]:
    buckets: dict[int, list[int]] = {}
    for row, (ts, start) in enumerate(zip(bars.ts.tolist(), opens, strict=True)):
        buckets.setdefault(
            start + (ts - start) // (minutes * NANOS_PER_MINUTE) * minutes * NANOS_PER_MINUTE, []
        ).append(row)
    return [
        (
            ts, bars.open[rows[0]], max(bars.high[rows]), min(bars.low[rows]), bars.close[rows[-1]],
            sum(bars.volume[rows]), bars.oi[rows[-1]],
        )
        for ts, rows in buckets.items()
    ]  # fmt: skip


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.sampled_from((3, 5, 15)), st.floats(0, 0.9), st.integers(1, 60))
def test_longer_bars_are_first_highest_lowest_last_and_sum(seed: int, minutes: int, holes: float, count: int) -> None:
    bars = walk([FIRST, SECOND], seed, bars=count, holes=holes)
    opens = [minute(FIRST if ts < minute(SECOND, 0) else SECOND, 0) for ts in bars.ts.tolist()]
    rolled = roll_up(bars, np.array(opens, np.int64), minutes)
    rows = list(
        zip(rolled.ts, rolled.open, rolled.high, rolled.low, rolled.close, rolled.volume, rolled.oi, strict=True)
    )
    assert np.array_equal(
        np.array(rows).reshape(-1, 7), np.array(naive(bars, opens, minutes)).reshape(-1, 7), equal_nan=True
    )


def test_one_minute_bars_are_themselves() -> None:
    bars = walk([FIRST], 1, bars=7)
    assert roll_up(bars, np.full(7, minute(FIRST, 0)), 1) is bars
    assert len(roll_up(BarSeries.empty(), np.empty(0, np.int64), 5)) == 0


def test_a_volume_unknown_in_one_minute_is_unknown_in_the_bar() -> None:
    bars = series([minute(FIRST, k) for k in range(6)], [[1.0, 1.0, 1.0, 1.0, v] for v in (1, 2, np.nan, 4, 5, 6)])
    assert roll_up(bars, np.full(6, minute(FIRST, 0)), 5).volume.tolist() == pytest.approx([np.nan, 6.0], nan_ok=True)


def test_bars_are_anchored_at_the_open_and_close_with_the_session() -> None:
    ts = np.array([minute(FIRST, k) for k in (0, 14, 15, 374)])
    opens = bucket_opens(ts, np.full(4, minute(FIRST, 0)), 15)
    assert ((opens - minute(FIRST, 0)) // NANOS_PER_MINUTE).tolist() == [0, 0, 15, 360]
    ends = closes(opens, np.full(4, minute(FIRST, 370)), 15)
    assert ((ends - minute(FIRST, 0)) // NANOS_PER_MINUTE).tolist() == [15, 15, 30, 370]
