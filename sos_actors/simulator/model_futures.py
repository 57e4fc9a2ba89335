"""Index futures: the index carried forward to the expiry, on a tick of their own, with volume and open interest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.pricing import NANOS_PER_YEAR
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model_flows import in_lots
from sos_actors.simulator.model_levels import generator
from sos_actors.simulator.model_options import CARRY
from sos_actors.simulator.model_paths import PricePath, SessionGrid, clustered, volume_profile
from sos_actors.simulator.model_tape import SINGLE_TRADE_LOTS, InstrumentDay
from sos_actors.types import Segment

FUTURE_TICK = {"NIFTY": 0.10, "BANKNIFTY": 0.20}
"""Rupees. Source: Upstox instrument master of January 2026 (tick_size 10 and 20 paise)."""
_DAY_UNITS = {"NIFTY": 7.5e6, "BANKNIFTY": 2.4e6}
_TOTAL_UNITS = {"NIFTY": 15e6, "BANKNIFTY": 2.1e6}
_RANK_SHARE = (1.0, 0.16, 0.03)


@dataclass(frozen=True, slots=True)
class FutureTerms:
    """One future in one session.

    Attributes:
        expiry_close_ns: when it stops trading, UnixNanos.
        lot: units.
        rank: 0 for the front month, 1 for the next, 2 for the far one.
        following: the session after this one, and ``following_rank`` the rank then; below 0 once expired.
    """

    underlying: str
    expiry: date
    expiry_close_ns: int
    lot: int
    rank: int
    following: date
    following_rank: int


def future_day(seed: int, grid: SessionGrid, path: PricePath, day: date, terms: FutureTerms) -> InstrumentDay:
    """A future's session.

    Args:
        seed: of the market.
        grid: minutes of the session.
        path: the index on the grid; after its last minute, what the derivatives make of it.
        day: the session.
        terms: of the contract.
    """
    rows = grid.rows[Segment.FO]
    steps = _carried(path.steps[rows], grid.closes[rows], terms)
    rng = generator(seed, f"future/{terms.underlying}/{terms.expiry}", day.toordinal())
    lots = _lots(rng, terms, len(rows))
    steps = np.where((lots <= SINGLE_TRADE_LOTS)[:, None], steps[:, -1:], steps)
    bars = BarSeries(
        grid.minutes[rows], steps[:, 0].copy(), steps.max(axis=1), steps.min(axis=1), steps[:, -1].copy(),
        (lots * terms.lot).astype(np.float64), _interest(rng, seed, terms, day, len(rows)),
    )  # fmt: skip
    return InstrumentDay(bars, steps, terms.lot)


def future_settlement(grid: SessionGrid, path: PricePath, terms: FutureTerms) -> float:
    """Where a future closes, rupees; arguments as in ``future_day``."""
    last = grid.rows[Segment.FO][-1:]
    return float(_carried(path.steps[last], grid.closes[last], terms)[0, -1])


def future_interest(seed: int, underlying: str, lot: int, expiry: date, day: date, rank: int) -> float:
    """Open interest before the session of ``day``, units in whole lots: holders roll over in the last week."""
    left = (expiry - day).days
    share = _RANK_SHARE[min(rank, 2)] if rank >= 0 else 0.25
    rolled = 0.55 * float(np.exp(-max(left, 0) / 3.0))
    if rank == 0:
        share *= 1.0 - rolled
    draw = float(generator(seed, f"future-interest/{underlying}/{expiry}", day.toordinal()).standard_normal())
    units = _TOTAL_UNITS[underlying] * share * float(np.exp(0.02 * draw))
    return float(in_lots(np.array([units]), lot)[0])


def _carried(steps: NDArray[np.float64], known: NDArray[np.int64], terms: FutureTerms) -> NDArray[np.float64]:
    """Prices of the index (n_minutes, STEPS) carried forward to the expiry, on the future's tick."""
    years = np.maximum(terms.expiry_close_ns - known, 0) / NANOS_PER_YEAR
    per_rupee = round(1.0 / FUTURE_TICK[terms.underlying])
    forward: NDArray[np.float64] = np.round(steps * np.exp(CARRY * years)[:, None] * per_rupee) / per_rupee
    return forward


def _lots(rng: np.random.Generator, terms: FutureTerms, n_minutes: int) -> NDArray[np.int64]:
    shape = volume_profile(n_minutes) * np.exp(clustered(rng, n_minutes, 0.7, 0.3))
    units = _DAY_UNITS[terms.underlying] * _RANK_SHARE[terms.rank] * (n_minutes / 375.0)
    lots: NDArray[np.int64] = rng.poisson(shape / shape.sum() * units / terms.lot)
    return lots


def _interest(
    rng: np.random.Generator, seed: int, terms: FutureTerms, day: date, n_minutes: int
) -> NDArray[np.float64]:
    """Open interest at each minute's close, from the session's start to where the next one begins."""
    ends = [
        future_interest(seed, terms.underlying, terms.lot, terms.expiry, at, rank)
        for at, rank in ((day, terms.rank), (terms.following, terms.following_rank))
    ]
    spent = np.cumsum(volume_profile(n_minutes))
    progress = spent / spent[-1]
    wander = clustered(rng, n_minutes, 0.98, 0.0012)
    wander -= (1.0 - progress) * wander[0] + progress * wander[-1]
    units = np.exp(np.log(ends[0]) * (1.0 - progress) + np.log(ends[1]) * progress + wander)
    return in_lots(units, terms.lot)
