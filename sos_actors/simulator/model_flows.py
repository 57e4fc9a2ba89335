"""Who holds and who trades which option: open interest and volume of every strike, minute by minute.

Open interest rests on round strikes, calls above and puts below the market, and moves overnight without a break: a
session starts from a target that depends only on the past and ends at the next session's target.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.simulator.model_levels import generator
from sos_actors.simulator.model_paths import clustered, volume_profile

_WINDOW_STEPS = 40
_STRIKE_SLOTS = 4_096
_CALL, _PUT = 0, 1
_TOTAL_UNITS = {"NIFTY": 210e6, "BANKNIFTY": 17e6}
_AFTER_EXPIRY = 0.62
_RANK_THINNING = 1.6


@dataclass(frozen=True, slots=True)
class OptionSeries:
    """The contracts of one underlying and one expiry that a session's chain shows.

    Attributes:
        underlying: short name.
        expiry: last trading day.
        strikes: float64 (n_strikes,), ascending, rupees.
        step: distance of strikes, rupees.
        lot: units of one contract.
        rank: how many series of the underlying expire before this one; holders crowd in the nearest.
    """

    underlying: str
    expiry: date
    strikes: NDArray[np.float64]
    step: float
    lot: int
    rank: int = 0

    @property
    def stream(self) -> str:
        """Names the random numbers of its trading; those of the nearest series carry the underlying's name alone."""
        return f"{self.underlying}/{self.expiry}" if self.rank else self.underlying


@dataclass(frozen=True, slots=True)
class OptionTerms:
    """What the exchange's rules say of the series: the expiry and when it stops trading, strike step and lot size.

    ``rank`` is how many series of the underlying expire before it.
    """

    expiry: date
    expiry_close_ns: int
    step: float
    lot: int
    rank: int = 0


@dataclass(frozen=True, slots=True)
class RestingState:
    """What open interest depends on between two sessions: the next session, the last close and the put/call target.

    ``rank`` is how many series expire before this one on the next session.
    """

    day: date
    centre: float
    put_call_ratio: float
    rank: int = 0


def resting_interest(seed: int, series: OptionSeries, state: RestingState) -> NDArray[np.float64]:
    """Open interest between two sessions, float64 (n_strikes, 2), calls then puts, units in whole lots, at least one.

    A function of the strike alone, so that two sessions whose chains differ agree on the strikes they share. A state
    whose day lies after the expiry is what is left when the series has just stopped trading.
    """
    index = np.round(series.strikes / series.step).astype(np.int64)
    centre = np.float64(state.centre / series.step)
    centre_index = round(float(centre))
    window = np.arange(centre_index - _WINDOW_STEPS, centre_index + _WINDOW_STEPS + 1)
    left = (series.expiry - state.day).days
    total = _TOTAL_UNITS[series.underlying] * (0.42 + 0.65 * float(np.exp(-max(left, 0) / 2.5)))
    draw = generator(seed, f"interest/{series.underlying}", state.day.toordinal()).standard_normal()
    total *= float(np.exp(0.12 * draw)) * (_AFTER_EXPIRY if left < 0 else 1.0)
    total /= 1.0 + _RANK_THINNING * state.rank
    tilt = float(np.sqrt(state.put_call_ratio))
    crowd = generator(seed, f"crowd/{series.underlying}", series.expiry.toordinal()).standard_normal((_STRIKE_SLOTS, 2))
    units = np.empty((len(index), 2))
    for side, side_total in ((_CALL, total / tilt), (_PUT, total * tilt)):
        sign = 1.0 if side == _CALL else -1.0
        weight = _interest_shape(sign, index - centre, index)
        whole = _interest_shape(sign, window - centre, window)
        taste = np.exp(0.35 * crowd[:, side])
        share = weight * taste[index % _STRIKE_SLOTS] / (whole * taste[window % _STRIKE_SLOTS]).sum()
        units[:, side] = share * side_total
    return in_lots(units, series.lot)


def open_interest(
    seed: int,
    series: OptionSeries,
    opening: NDArray[np.float64],
    closing: NDArray[np.float64],
    prices: NDArray[np.float64],
    day: date,
) -> NDArray[np.float64]:
    """Open interest at each minute's close, float64 (n_minutes, n_strikes, 2), units in whole lots.

    Rising prices write puts and unwind calls, falling ones the reverse; on top lie slow common and per-strike flows.
    The last minute is exactly ``closing``.

    Args:
        seed: of the market.
        series: the contracts.
        opening, closing: float64 (n_strikes, 2), resting interest before and after the session.
        prices: float64 (n_minutes,), the underlying at each minute's close.
        day: the session.
    """
    n_minutes, n_strikes = len(prices), len(series.strikes)
    rng = generator(seed, f"flows/{series.stream}", day.toordinal())
    spent = np.cumsum(volume_profile(n_minutes))
    progress = (spent / spent[-1])[:, None, None]
    moves = np.log(prices / prices[0])
    memory = np.exp(-np.arange(min(60, n_minutes)) / 20.0)
    slow = np.convolve(moves, memory / memory.sum())[:n_minutes]
    pressure = 9.0 * moves + 6.0 * (moves - slow)
    distance = (series.strikes - prices[0]) / series.step
    near = np.stack([-np.exp(-((distance - 4.0) ** 2) / 72.0), np.exp(-((distance + 4.0) ** 2) / 72.0)], axis=1)
    common = clustered(rng, n_minutes, 0.985, 0.0030)
    sides = np.stack([clustered(rng, n_minutes, 0.985, 0.0030) for _ in (_CALL, _PUT)], axis=1)
    walks = np.cumsum(rng.standard_normal((n_minutes, n_strikes, 2)), axis=0) * (0.08 / np.sqrt(n_minutes))
    flow = pressure[:, None, None] * near + common[:, None, None] + sides[:, None, :] + walks
    flow -= (1.0 - progress) * flow[0] + progress * flow[-1]
    start, end = np.log(opening), np.log(closing)
    return in_lots(np.exp(start + progress * (end - start) + flow), series.lot)


def traded_lots(
    seed: int,
    series: OptionSeries,
    interest: NDArray[np.float64],
    prices: NDArray[np.float64],
    day: date,
) -> NDArray[np.int64]:
    """Contracts traded in each minute, int64 (n_minutes, n_strikes, 2): thick at the money, absent deep in it.

    Args:
        seed: of the market.
        series: the contracts.
        interest: float64 (n_strikes, 2), opening open interest in units.
        prices: float64 (n_minutes,), the underlying.
        day: the session.
    """
    n_minutes = len(prices)
    rng = generator(seed, f"turnover/{series.stream}", day.toordinal())
    left = (series.expiry - day).days
    turnover = 4.0 + 41.0 * np.exp(-left / 1.2) + 6.0 * np.exp(-left / 5.0)
    distance = (series.strikes - prices[:, None]) / series.step
    liquidity = np.stack([_liquidity(distance), _liquidity(-distance)], axis=2)
    liquidity *= np.sqrt(_roundness(np.round(series.strikes / series.step).astype(np.int64)))[:, None]
    clock = volume_profile(n_minutes) * np.exp(clustered(rng, n_minutes, 0.8, 0.2))
    total_lots = turnover * interest.sum() / series.lot * (n_minutes / 375.0)
    rate = liquidity * (clock / clock.sum())[:, None, None] * (total_lots / liquidity.sum(axis=(1, 2)).mean())
    lots: NDArray[np.int64] = rng.poisson(rate * np.exp(0.35 * rng.standard_normal(rate.shape)))
    return lots


def in_lots(units: NDArray[np.float64], lot: int) -> NDArray[np.float64]:
    """Units rounded to whole lots, at least one."""
    lots: NDArray[np.float64] = np.maximum(np.round(units / lot), 1.0)
    return lots * lot


def _interest_shape(sign: float, distance: NDArray[np.float64], index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Relative interest by distance from the centre in steps, counted out of the money for ``sign`` (call +1)."""
    out = sign * distance
    hump = np.exp(-((out - 5.0) ** 2) / (2.0 * 9.0**2)) * np.where(out < 0, np.exp(out / 5.0), 1.0)
    return (hump + 0.004) * _roundness(index)


def _roundness(index: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much more a strike attracts for being a round number; ``index`` counts strike steps."""
    return np.select([index % 20 == 0, index % 10 == 0, index % 2 == 0], [5.0, 3.2, 1.3], 0.5)


def _liquidity(out: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative turnover by steps out of the money; negative is in the money."""
    return np.where(out >= 0, 1.0 / (1.0 + (out / 5.0) ** 2), np.exp(np.minimum(out, 0.0) / 2.0))
