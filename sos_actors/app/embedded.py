"""Fills a store with sessions of the seeded market model, for a machine that has no data of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from sos_actors.market.chain import measure_many
from sos_actors.market.symbols import short_name_of
from sos_actors.simulator.model import MarketModel, SimulatedDay
from sos_actors.simulator.model_options import ChainPath
from sos_actors.store.columns import ChainColumns, StatsColumns
from sos_actors.store.database import Store
from sos_actors.store.records import DayRecord

SOURCE = "simulated"
CANDLES, OPTIONS = "candles", "options"


def simulated_folder(data_dir: Path, seed: int) -> Path:
    """Where the simulated market of a seed lies: never in the folder of real data."""
    return data_dir / "simulated" / f"seed-{seed}"


def fill_sessions(
    store: Store, model: MarketModel, symbols: Sequence[str], warm_up: Sequence[date], days: Sequence[date],
    progress: Callable[[int, int], None] | None = None,
) -> int:  # fmt: skip
    """Write what is missing: candles of ``symbols`` for all days, chains and contracts for ``days`` only.

    A day is marked when it is whole, so an interrupted fill goes on where it stopped.

    Args:
        store: of origin ``simulated``.
        model: the market.
        symbols: canonical.
        warm_up: sessions that only warm up indicators.
        days: sessions to trade.
        progress: called with (days done, days in all).

    Returns:
        How many days were written.
    """
    everything = [*warm_up, *days]
    if not everything:
        return 0
    first, last = min(everything), max(everything)
    have = {
        (symbol, kind): store.days(symbol, first, last, kind) for symbol in symbols for kind in (CANDLES, OPTIONS)
    }
    written = 0
    for done, day in enumerate(everything):
        simulated = model.session(day)
        missing = [symbol for symbol in symbols if day not in have[symbol, CANDLES]]
        for symbol in missing:
            bars = simulated.candles(symbol)
            store.add_candles(symbol, bars, SOURCE)
            store.mark_day(symbol, day, DayRecord(len(bars), len(bars), SOURCE), CANDLES)
        if day in days:
            missing += [symbol for symbol in symbols if _fill_options(store, simulated, symbol, have[symbol, OPTIONS])]
        written += bool(missing)
        if progress is not None:
            progress(done + 1, len(everything))
    return written


def _fill_options(store: Store, simulated: SimulatedDay, symbol: str, have: dict[date, DayRecord]) -> bool:
    underlying = short_name_of(symbol)
    if simulated.day in have or underlying not in simulated.option_underlyings:
        return False
    for contract, bars in simulated.option_candles(underlying).items():
        store.add_candles(contract, bars, SOURCE)
    chain = simulated.chain(underlying)
    store.add_chain(symbol, _columns(chain), SOURCE)
    store.add_market_stats(symbol, _stats(chain, simulated), SOURCE)
    store.mark_day(symbol, simulated.day, DayRecord(len(chain), len(chain), SOURCE), OPTIONS)
    return True


def _columns(chain: ChainPath) -> ChainColumns:
    n = len(chain)
    unknown = np.full(n, np.nan)
    return ChainColumns(
        ts=chain.ts, expiry=np.full(n, chain.expiry.toordinal()), strike=chain.strike,
        ce_ltp=chain.ce_ltp, ce_oi=chain.ce_oi, ce_volume=chain.ce_volume, ce_iv=unknown,
        ce_oi_change=chain.ce_oi_change, pe_ltp=chain.pe_ltp, pe_oi=chain.pe_oi, pe_volume=chain.pe_volume,
        pe_iv=unknown, pe_oi_change=chain.pe_oi_change, spot=chain.spot,
    )  # fmt: skip


def _stats(chain: ChainPath, simulated: SimulatedDay) -> StatsColumns:
    """Measures of every snapshot, with the breadth in force when it was known."""
    starts = np.flatnonzero(np.r_[True, chain.ts[1:] != chain.ts[:-1]])
    measures = measure_many(
        chain.ts[starts], np.append(starts, len(chain)), chain.strike, chain.ce_oi, chain.pe_oi, chain.ce_oi_change,
        chain.pe_oi_change, chain.spot[starts],
    )  # fmt: skip
    breadth = simulated.breadth()
    at = np.searchsorted(breadth.ts, measures.ts, side="right") - 1
    known = at >= 0
    return StatsColumns.of(
        measures.ts, pcr=measures.pcr, pcr_velocity=measures.pcr_velocity,
        advances=np.where(known, breadth.advances[at], np.nan), declines=np.where(known, breadth.declines[at], np.nan),
        oi_wall_above=measures.oi_wall_above, oi_wall_below=measures.oi_wall_below, max_pain=measures.max_pain,
        ce_oi_change=measures.ce_oi_change, pe_oi_change=measures.pe_oi_change, smart_trend=measures.smart_trend,
        total_oi=measures.total_oi, spot=measures.spot,
    )  # fmt: skip
