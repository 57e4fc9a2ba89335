"""Symbols that come into play and leave while the engine runs, with the past that warms up their patterns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sos_actors.engine.plan import FollowedSymbol
from sos_actors.messages.market import BarSeries, ScreenerAlert
from sos_actors.strategy.tree import SENTIMENT_FIELDS
from sos_actors.types import UnixNanos


@dataclass(frozen=True, slots=True)
class SymbolPast:
    """What is known of a symbol before the engine follows it; nothing of it is traded.

    Attributes:
        bars: one-minute bars of earlier sessions and of today so far, oldest first; an index's ``oi`` is that of its
            options, as ``Sentiment.total_oi`` says it.
        sentiment_ts: int64 (n,), when each sentiment was known, UnixNanos, not decreasing; the market's, where the
            symbol has none of its own.
        sentiments: float64 (n, 12) in the order of ``SENTIMENT_FIELDS``, NaN where unknown.
        alerts: what the screener said of it, oldest first.
        own_mood: whether the last of the sentiments are the symbol's own, not lent by the market.
    """

    bars: BarSeries = field(default_factory=BarSeries.empty)
    sentiment_ts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    sentiments: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, len(SENTIMENT_FIELDS))))
    alerts: tuple[ScreenerAlert, ...] = ()
    own_mood: bool = False


@dataclass(frozen=True, slots=True)
class SymbolFollowed:
    """A symbol is followed from now on; one that is followed already begins anew with this past."""

    ts_event: UnixNanos
    followed: FollowedSymbol
    past: SymbolPast


@dataclass(frozen=True, slots=True)
class SymbolDropped:
    """A symbol is no longer followed; what is held of it goes on to its exit."""

    ts_event: UnixNanos
    symbol: str
