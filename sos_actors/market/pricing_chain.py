"""``pricing`` over a whole chain at once, and the forward a chain implies by put-call parity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import compiled
from sos_actors.market.pricing import black76_price, greeks, implied_volatility

_PARITY_STRIKES = 5
_PARITY_REACH = 0.02


@compiled
def black76_prices(
    forward: float,
    strikes: NDArray[np.float64],
    years: float,
    volatilities: NDArray[np.float64],
    is_call: NDArray[np.bool_],
    rate: float = 0.0,
) -> NDArray[np.float64]:
    """``black76_price`` of every contract: float64 (n,), rupees; arrays of shape (n,)."""
    values = np.empty(len(strikes))
    for i in range(len(strikes)):
        values[i] = black76_price(forward, strikes[i], years, volatilities[i], is_call[i], rate)
    return values


@compiled
def implied_volatilities(
    prices: NDArray[np.float64],
    forward: float,
    strikes: NDArray[np.float64],
    years: float,
    is_call: NDArray[np.bool_],
    rate: float = 0.0,
) -> NDArray[np.float64]:
    """``implied_volatility`` of every contract: float64 (n,), NaN where none exists; arrays of shape (n,)."""
    values = np.empty(len(strikes))
    for i in range(len(strikes)):
        values[i] = implied_volatility(prices[i], forward, strikes[i], years, is_call[i], rate)
    return values


@compiled
def chain_greeks(
    forward: float,
    strikes: NDArray[np.float64],
    years: float,
    volatilities: NDArray[np.float64],
    is_call: NDArray[np.bool_],
    rate: float = 0.0,
) -> NDArray[np.float64]:
    """``greeks`` of every contract: float64 (n, 4), columns delta, gamma, theta, vega; arrays of shape (n,)."""
    values = np.empty((len(strikes), 4))
    for i in range(len(strikes)):
        row = greeks(forward, strikes[i], years, volatilities[i], is_call[i], rate)
        values[i, 0], values[i, 1], values[i, 2], values[i, 3] = row.delta, row.gamma, row.theta, row.vega
    return values


@compiled
def implied_forward(
    strikes: NDArray[np.float64], ce_ltp: NDArray[np.float64], pe_ltp: NDArray[np.float64], spot: float
) -> float:
    """The forward by put-call parity: median of ``strike + call - put`` over the strikes nearest to the spot.

    Up to five strikes within 2 % of ``spot`` that have both prices (rupees, above 0); the median, because one stale
    last price would pull a mean away. NaN when there is none. Interest over a weekly option's life is left out:
    it moves ``call - put`` by less than a tick near the money.

    Args:
        strikes: float64 (n,), any order.
        ce_ltp, pe_ltp: float64 (n,), NaN where not traded.
        spot: the index, rupees.
    """
    forwards = np.empty(_PARITY_STRIKES)
    distances = np.empty(_PARITY_STRIKES)
    count = 0
    for i in range(len(strikes)):
        distance = abs(strikes[i] - spot)
        if not (ce_ltp[i] > 0.0 and pe_ltp[i] > 0.0 and distance <= _PARITY_REACH * spot):
            continue
        place = count
        while place > 0 and distances[place - 1] > distance:
            place -= 1
        count = min(count + 1, _PARITY_STRIKES)
        for j in range(count - 1, place, -1):
            distances[j], forwards[j] = distances[j - 1], forwards[j - 1]
        if place < count:
            distances[place], forwards[place] = distance, strikes[i] + ce_ltp[i] - pe_ltp[i]
    return _median(forwards[:count])


@compiled
def _median(values: NDArray[np.float64]) -> float:
    """Median by counting; NaN of nothing. For a handful of values: numpy's sort takes a second to compile."""
    count = len(values)
    total, found = 0.0, 0
    for i in range(count):
        rank = 0
        for j in range(count):
            rank += int(values[j] < values[i] or (values[j] == values[i] and j < i))
        if rank == count // 2 or rank == (count - 1) // 2:
            total += values[i]
            found += 1
    return total / found if found else np.nan
