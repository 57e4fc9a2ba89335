"""The market's mood, called regime: seven of them, read from PCR, its velocity, breadth and smart trend.

The table is in the docstring of ``classify``; ``regime_step`` adds memory: staleness and hysteresis.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sos_actors.compiled import compiled
from sos_actors.errors import DataError
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Regime, SmartTrend

PCR_BANDS = (0.65, 0.80, 0.93, 1.07, 1.20, 1.40)
"""Lower edges of the scores -2..+3, nearly symmetric in log(PCR): high PCR = puts written below = support."""
VELOCITY_THRESHOLD = 0.003
"""PCR per minute: 0.015 in five minutes, which NIFTY exceeds about a third of the time (real chains of 2026)."""
BREADTH_THRESHOLD = 1.5
"""Advances / declines: three rise for two that fall, or the reverse."""
_LARGEST_SHIFT = 2
_SIDEWAYS = 4
_NONE = -(2**62)
_REGIME, _RAW, _SINCE, _PENDING, _READ_AT = 0, 1, 2, 3, 4


@compiled
def classify_code(pcr: float, pcr_velocity: float, breadth_ratio: float, smart_trend: int) -> int:
    """The table of ``classify``, as the integer of ``Regime``; NaN and trend 0 mean unknown."""
    if math.isnan(pcr):
        return 0
    score = -3
    for edge in PCR_BANDS:
        if pcr >= edge:
            score += 1
    shift = 0
    if pcr_velocity >= VELOCITY_THRESHOLD:
        shift += 1
    elif pcr_velocity <= -VELOCITY_THRESHOLD:
        shift -= 1
    if breadth_ratio >= BREADTH_THRESHOLD:
        shift += 1
    elif breadth_ratio * BREADTH_THRESHOLD <= 1.0:
        shift -= 1
    if smart_trend == 1 or smart_trend == 3:
        shift += 1
    elif smart_trend == 2 or smart_trend == 4:
        shift -= 1
    score += min(max(shift, -_LARGEST_SHIFT), _LARGEST_SHIFT)
    return _SIDEWAYS - min(max(score, -3), 3)


def classify(pcr: float, pcr_velocity: float, breadth_ratio: float, smart_trend: SmartTrend) -> Regime:
    """The regime of one reading, without memory.

    Score (positive is bullish): PCR sets -3..+3, each other input that is known moves it by one step, all of them
    together by at most two; an input that is unknown moves nothing, and without PCR the regime is UNKNOWN.

    | PCR from     | below 0.65 | 0.65 | 0.80 | 0.93 | 1.07 | 1.20 | 1.40 |
    | score        | -3         | -2   | -1   | 0    | +1   | +2   | +3   |

    | moves it by       | -1                               | +1                             |
    | PCR velocity      | -0.003 a minute or less          | +0.003 a minute or more        |
    | breadth ratio     | 1/1.5 or less                    | 1.5 or more                    |
    | smart trend       | Short Buildup, Long Unwinding    | Long Buildup, Short Covering   |

    | +3               | +2      | +1               | 0        | -1               | -2      | -3               |
    | COMPLETE_BULLISH | BULLISH | SIDEWAYS_BULLISH | SIDEWAYS | SIDEWAYS_BEARISH | BEARISH | COMPLETE_BEARISH |

    Args:
        pcr: put OI / call OI; NaN unknown.
        pcr_velocity: PCR per minute; NaN unknown.
        breadth_ratio: advances / declines; infinite when nothing declines, NaN unknown.
        smart_trend: ``SmartTrend.UNKNOWN`` when unknown.
    """
    return Regime(classify_code(float(pcr), float(pcr_velocity), float(breadth_ratio), int(smart_trend)))


@compiled
def regime_step(
    state: NDArray[np.int64],
    ts: int,
    pcr: float,
    pcr_velocity: float,
    breadth_ratio: float,
    smart_trend: int,
    stale_ns: int,
    hysteresis_ns: int,
) -> int:
    """Advance ``state`` (from ``new_state``) to ``ts`` and return the regime in force, as an integer.

    A row whose PCR is NaN brings no reading: the last one stands until it is older than ``stale_ns``, then the regime
    is UNKNOWN at once. Out of UNKNOWN the first reading is adopted at once. Otherwise the regime moves when the
    readings have stood on the same side of it for ``hysteresis_ns``, and then to the mildest of them: what all of
    that time agreed on, so that a market changing between BULLISH and COMPLETE_BULLISH does not stay SIDEWAYS.
    """
    if ts - state[_READ_AT] > stale_ns:
        state[_REGIME], state[_PENDING] = 0, 0
    if not math.isnan(pcr):
        state[_RAW] = classify_code(pcr, pcr_velocity, breadth_ratio, smart_trend)
        state[_READ_AT] = ts
    if ts - state[_READ_AT] > stale_ns:
        return 0
    current, raw, pending = state[_REGIME], state[_RAW], state[_PENDING]
    if current == 0:
        state[_REGIME] = raw
    elif raw == current:
        state[_PENDING] = 0
    else:
        if pending == 0 or (pending > current) != (raw > current):
            state[_PENDING], state[_SINCE] = raw, ts
        elif abs(raw - current) < abs(pending - current):
            state[_PENDING] = raw
        if ts - state[_SINCE] >= hysteresis_ns:
            state[_REGIME], state[_PENDING] = state[_PENDING], 0
            if state[_REGIME] != raw:
                state[_PENDING], state[_SINCE] = raw, ts
    return int(state[_REGIME])


@compiled
def new_state() -> NDArray[np.int64]:
    """The state before the first reading: int64 (5,)."""
    return np.array([0, 0, 0, 0, _NONE], np.int64)


@compiled
def regime_path(
    ts: NDArray[np.int64],
    pcr: NDArray[np.float64],
    pcr_velocity: NDArray[np.float64],
    breadth_ratio: NDArray[np.float64],
    smart_trend: NDArray[np.int8],
    stale_ns: int,
    hysteresis_ns: int,
) -> NDArray[np.int8]:
    """The regime in force at each of n moments: int8 (n,), values of ``Regime``; the same steps as ``RegimeTracker``.

    Args:
        ts: int64 (n,), UnixNanos, not decreasing, for example every minute's close; several sessions are fine.
        pcr: float64 (n,); NaN where that moment brought no reading.
        pcr_velocity: float64 (n,), per minute; NaN unknown.
        breadth_ratio: float64 (n,), advances / declines; NaN unknown.
        smart_trend: int8 (n,), values of ``SmartTrend``.
        stale_ns: how old a reading may be.
        hysteresis_ns: how long a new regime must hold before it is adopted; 0 adopts at once.
    """
    state = new_state()
    path = np.zeros(len(ts), np.int8)
    for i in range(len(ts)):
        path[i] = regime_step(
            state, ts[i], pcr[i], pcr_velocity[i], breadth_ratio[i], int(smart_trend[i]), stale_ns, hysteresis_ns
        )
    return path


class RegimeTracker:
    """The regime in force, one reading at a time, with ``regime_path``'s rules.

    Args:
        stale_after_s: seconds after which a reading no longer counts.
        hysteresis_minutes: minutes a new regime must hold before it is adopted.
    """

    def __init__(self, stale_after_s: float, hysteresis_minutes: float) -> None:
        self._stale_ns = round(stale_after_s * NANOS_PER_SECOND)
        self._hysteresis_ns = round(hysteresis_minutes * NANOS_PER_MINUTE)
        self._state = new_state()
        self._ts = _NONE

    def update(
        self,
        ts: int,
        pcr: float = math.nan,
        pcr_velocity: float = math.nan,
        breadth_ratio: float = math.nan,
        smart_trend: SmartTrend = SmartTrend.UNKNOWN,
    ) -> Regime:
        """The regime in force at ``ts`` (UnixNanos) after this reading; without a PCR only time passes.

        Raises:
            DataError: ``ts`` is before the previous one.
        """
        if ts < self._ts:
            raise DataError(f"A regime reading of {ts} came after one of {self._ts}: readings must be in time order.")
        self._ts = ts
        inputs = float(pcr), float(pcr_velocity), float(breadth_ratio), int(smart_trend)
        return Regime(regime_step(self._state, int(ts), *inputs, self._stale_ns, self._hysteresis_ns))
