"""Bars and stores for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sos_actors.messages.market import BarSeries
from sos_actors.store import Store
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND

NIFTY = "NSE|INDEX|NIFTY"
JAN_1_0915 = 1_704_080_700 * NANOS_PER_SECOND
"""1 January 2024, 09:15 in India."""
FOREVER = 4_000_000_000 * NANOS_PER_SECOND


def bars(count: int, first_ns: int = JAN_1_0915, seed: int = 1, step: int = 1) -> BarSeries:
    """``count`` bars, ``step`` minutes apart; volume known in every second, open interest in every third."""
    random = np.random.default_rng(seed)
    close = 20_000 + np.cumsum(random.normal(0, 2, count))
    row = np.arange(count)
    return BarSeries(
        first_ns + row * step * NANOS_PER_MINUTE,
        *(close - 1, close + 2, close - 2, close),
        np.where(row % 2, np.nan, row.astype(np.float64)),
        np.where(row % 3, np.nan, row * 10.0),
    )


def assert_same(some: object, others: object) -> None:
    """The same columns, bit for bit; unknown equals unknown."""
    assert type(some) is type(others)
    for name in type(some).__dataclass_fields__:  # type: ignore[attr-defined]
        np.testing.assert_array_equal(getattr(some, name), getattr(others, name), strict=True, err_msg=name)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new store for real data."""
    with Store.open(tmp_path, origin="real", busy_timeout_s=0.01) as opened:
        yield opened
