"""Option chains that move, for tests of whoever reads them."""

from __future__ import annotations

from datetime import date

import numpy as np

from sos_actors.messages.snapshots import Breadth, OptionChain
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos

NIFTY, BANKNIFTY = "NSE|INDEX|NIFTY", "NSE|INDEX|BANKNIFTY"
OPEN = 1_768_275_900 * NANOS_PER_SECOND
"""13 January 2026, 09:15 in India."""
EXPIRY = date(2026, 1, 13)
EXPIRY_CLOSE = OPEN + 375 * NANOS_PER_MINUTE


def minute(number: float) -> UnixNanos:
    """So many minutes after the open."""
    return UnixNanos(OPEN + round(number * 60) * NANOS_PER_SECOND)


def chain(
    ts: int, *, seed: int = 1, source: str = "nse", spot: float = 25_600.0, underlying: str = NIFTY, puts: float = 1.0
) -> OptionChain:
    """Eleven strikes around 25,600; ``puts`` scales the put open interest."""
    random = np.random.default_rng(seed)
    strike = 25_600.0 + 50.0 * np.arange(-5, 6, dtype=np.float64)
    value = np.maximum(spot - strike, 0.0).astype(np.float64)
    oi = random.integers(1_000, 9_000, (2, 11)).astype(np.float64) * 65
    change = random.integers(-500, 500, (2, 11)).astype(np.float64) * 65
    oi[0, 10], change[1, 0] = np.nan, np.nan
    unknown = np.full(11, np.nan)
    return OptionChain(
        UnixNanos(ts), source, underlying, EXPIRY, spot, strike, 40.0 + value, 40.0 + value - spot + strike,
        oi[0], puts * oi[1], change[0], change[1], *(unknown,) * 8,
    )  # fmt: skip


def breadth(ts: int, advances: int = 30, declines: int = 19, universe: str = "NIFTY 50") -> Breadth:
    return Breadth(UnixNanos(ts), "nse", universe, advances, declines, 1)
