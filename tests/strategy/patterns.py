"""Small strategies and hand-made bars for tests of the compiled machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sos_actors.messages.market import BarSeries
from sos_actors.strategy.kernel import Surroundings
from sos_actors.strategy.matcher import unknown_surroundings
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Regime
from tests.strategy.documents import loaded
from tests.strategy.samples import FIRST_OPEN_S


def phase(*conditions: str, timeout: int = 0, **capture: str) -> dict[str, object]:
    """A phase of a document."""
    return {"id": "P", "conditions": list(conditions), "capture": capture, "timeout": timeout}


def strategy(*phases: dict[str, object], entry: str = "close", sl: str = "low", tp: str = "high",
             timeframe: str = "1m", **regimes: dict[str, object]) -> Strategy:  # fmt: skip
    """A strategy of these phases."""
    execution = {"side": "BUY", "entry": entry, "sl": sl, "tp": tp, "option_selection": "NONE"}
    return loaded({"pattern_id": "P", "timeframe": timeframe, "regime_config": regimes, "phases": list(phases),
                   "execution": execution})  # fmt: skip


def closes(*prices: float) -> BarSeries:
    """Consecutive bars of one session that open at the close before and reach one point further on both sides."""
    close = np.array(prices, np.float64)
    before = np.concatenate([close[:1], close[:-1]])
    ts = FIRST_OPEN_S * NANOS_PER_SECOND + np.arange(len(close)) * NANOS_PER_MINUTE
    high, low = np.maximum(close, before) + 1.0, np.minimum(close, before) - 1.0
    return BarSeries(ts, before, high, low, close, np.full(len(close), 100.0), np.full(len(close), np.nan))


def in_regimes(regimes: Sequence[Regime]) -> Surroundings:
    """Bars whose regime is known and nothing else."""
    return unknown_surroundings(len(regimes))._replace(regime=np.array(regimes, np.int64))
