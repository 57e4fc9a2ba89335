"""Volatility and greeks of the call nearest to the money, out of one chain's last prices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.pricing import greeks, implied_volatility, years_to_expiry
from sos_actors.market.pricing_chain import implied_forward

ATM_FIGURES = 5


def at_the_money(
    strike: NDArray[np.float64], ce_ltp: NDArray[np.float64], pe_ltp: NDArray[np.float64], spot: float, ts: int,
    expiry_close: int,
) -> NDArray[np.float64]:  # fmt: skip
    """Volatility in percent a year, then delta, gamma, theta, vega: float64 (5,), NaN where none exists.

    Args:
        strike: float64 (n,), rupees, ascending.
        ce_ltp, pe_ltp: float64 (n,), rupees.
        spot: the underlying, rupees or points.
        ts: when that was so, UnixNanos.
        expiry_close: when the contracts stop trading, UnixNanos.
    """
    unknown = np.full(ATM_FIGURES, np.nan)
    years = years_to_expiry(ts, expiry_close)
    forward = implied_forward(strike, ce_ltp, pe_ltp, spot)
    if np.isnan(forward) or not years > 0.0:
        return unknown
    row = int(np.argmin(np.abs(strike - spot)))
    volatility = implied_volatility(float(ce_ltp[row]), forward, float(strike[row]), years, True)
    if not volatility > 0.0:
        return unknown
    found = greeks(forward, float(strike[row]), years, volatility, True)
    return np.array([100.0 * volatility, found.delta, found.gamma, found.theta, found.vega])
