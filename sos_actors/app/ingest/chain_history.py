"""Chain snapshots and their measures out of the contracts' own candles: the only past a broker really has of them.

A snapshot known at T holds what was traded and held when the minute before T closed. Nothing here fetches or stores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.at_the_money import at_the_money
from sos_actors.market.chain import measure_many
from sos_actors.market.pricing import years_to_expiry
from sos_actors.market.pricing_chain import implied_forward, implied_volatilities
from sos_actors.market.symbols import parse_contract_symbol
from sos_actors.messages.market import BarSeries
from sos_actors.store.columns import ATM_CALL, ChainColumns, StatsColumns
from sos_actors.types import NANOS_PER_MINUTE, OptionType

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Session:
    """One session of the derivatives, as minutes.

    Attributes:
        opens: int64 (n_minutes,), UnixNanos at which the minutes open.
        start: midnight in India, UnixNanos: bars before it belong to the session before.
        spot: float64 (n_minutes,), the underlying at each minute's close; NaN before it is known.
    """

    opens: NDArray[np.int64]
    start: int
    spot: Floats

    @property
    def known(self) -> NDArray[np.int64]:
        """When each snapshot is known."""
        return self.opens + NANOS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class _Side:
    """One contract's columns, float64 (n_minutes,) each; NaN unknown."""

    ltp: Floats
    oi: Floats
    change: Floats
    volume: Floats


def last_known(bars: BarSeries, opens: NDArray[np.int64], values: Floats) -> Floats:
    """The value of the last bar that opened at or before each minute, NaN before the first: float64 (n_minutes,)."""
    rows = np.searchsorted(bars.ts, opens, side="right") - 1
    known = rows >= 0
    result = np.full(len(opens), np.nan)
    result[known] = values[rows[known]]
    return result


def _side(bars: BarSeries | None, session: Session) -> _Side:
    unknown = np.full(len(session.opens), np.nan)
    if bars is None or not len(bars):
        return _Side(unknown, unknown, unknown, unknown)
    first = int(np.searchsorted(bars.ts, session.start))
    today = bars[slice(first, None)]
    oi = last_known(bars, session.opens, bars.oi)
    before = float(bars.oi[first - 1]) if first else np.nan
    volume = last_known(today, session.opens, np.cumsum(today.volume))
    volume[: int(np.searchsorted(session.opens, today.ts[0])) if len(today) else None] = 0.0  # not traded yet
    return _Side(last_known(today, session.opens, today.close), oi, oi - before, volume)


def chain_of(contracts: Mapping[str, BarSeries], session: Session, expiry: date) -> ChainColumns:
    """A snapshot a minute, rows by time, then strike; volatilities are left unknown.

    Args:
        contracts: canonical symbol -> one-minute bars, those of the session before included where there are any.
        session: the minutes.
        expiry: of all the contracts.
    """
    specs = {symbol: parse_contract_symbol(symbol) for symbol in contracts}
    strikes = sorted({spec.strike for spec in specs.values() if spec.strike is not None})
    by_leg = {(spec.strike, spec.option_type): contracts[symbol] for symbol, spec in specs.items()}
    calls = [_side(by_leg.get((strike, OptionType.CE)), session) for strike in strikes]
    puts = [_side(by_leg.get((strike, OptionType.PE)), session) for strike in strikes]
    n, m = len(session.opens), len(strikes)
    strike = np.array(strikes)
    unknown = np.full(n * m, np.nan)
    return ChainColumns(
        ts=np.repeat(session.known, m), expiry=np.full(n * m, expiry.toordinal()), strike=np.tile(strike, n),
        ce_ltp=_rows(calls, "ltp"), ce_oi=_rows(calls, "oi"), ce_volume=_rows(calls, "volume"), ce_iv=unknown,
        ce_oi_change=_rows(calls, "change"), pe_ltp=_rows(puts, "ltp"), pe_oi=_rows(puts, "oi"),
        pe_volume=_rows(puts, "volume"), pe_iv=unknown, pe_oi_change=_rows(puts, "change"),
        spot=np.repeat(session.spot, m),
    )  # fmt: skip


def _rows(sides: Sequence[_Side], name: str) -> Floats:
    return np.stack([getattr(side, name) for side in sides], axis=1).ravel()


def with_volatilities(chain: ChainColumns, expiry_close: int) -> ChainColumns:
    """The same with implied volatilities in percent a year, NaN where none exists.

    Args:
        chain: snapshots of one expiry, each with the same strikes.
        expiry_close: when the contracts stop trading, UnixNanos.
    """
    starts = np.flatnonzero(np.r_[True, chain.ts[1:] != chain.ts[:-1]]) if len(chain) else np.empty(0, np.int64)
    ce_iv, pe_iv = np.full(len(chain), np.nan), np.full(len(chain), np.nan)
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(chain)], strict=True):
        rows = slice(first, last)
        strike, calls, puts = chain.strike[rows], chain.ce_ltp[rows], chain.pe_ltp[rows]
        forward = implied_forward(strike, calls, puts, float(chain.spot[first]))
        years = years_to_expiry(int(chain.ts[first]), expiry_close)
        if np.isnan(forward) or not years > 0.0:
            continue
        is_call = np.ones(len(strike), bool)
        ce_iv[rows] = 100.0 * implied_volatilities(calls, forward, strike, years, is_call)
        pe_iv[rows] = 100.0 * implied_volatilities(puts, forward, strike, years, ~is_call)
    return replace(chain, ce_iv=ce_iv, pe_iv=pe_iv)


def measures_of(chain: ChainColumns, expiry_close: int) -> StatsColumns:
    """The measures of every snapshot of one session and expiry; breadth is unknown here.

    Args:
        chain: snapshots, each with the same strikes.
        expiry_close: when the contracts stop trading, UnixNanos.
    """
    starts = np.flatnonzero(np.r_[True, chain.ts[1:] != chain.ts[:-1]])
    found = measure_many(
        chain.ts[starts], np.append(starts, len(chain)), chain.strike, chain.ce_oi, chain.pe_oi, chain.ce_oi_change,
        chain.pe_oi_change, chain.spot[starts],
    )  # fmt: skip
    rows = len(chain) // len(starts)
    snapshots = (chain[slice(first, first + rows)] for first in starts.tolist())
    atm = np.stack([
        at_the_money(one.strike, one.ce_ltp, one.pe_ltp, float(one.spot[0]), int(one.ts[0]), expiry_close)
        for one in snapshots
    ])  # fmt: skip
    return StatsColumns.of(
        found.ts, pcr=found.pcr, pcr_velocity=found.pcr_velocity, oi_wall_above=found.oi_wall_above,
        oi_wall_below=found.oi_wall_below, max_pain=found.max_pain, ce_oi_change=found.ce_oi_change,
        pe_oi_change=found.pe_oi_change, smart_trend=found.smart_trend, total_oi=found.total_oi, spot=found.spot,
        **dict(zip(ATM_CALL, atm.T, strict=True)),
    )  # fmt: skip


def every(chain: ChainColumns, minutes: int) -> ChainColumns:
    """Only the snapshots known on each so-many-th minute of the hour, and the last one."""
    if minutes <= 1 or not len(chain):
        return chain
    return chain[((chain.ts // NANOS_PER_MINUTE) % minutes == 0) | (chain.ts == chain.ts[-1])]
