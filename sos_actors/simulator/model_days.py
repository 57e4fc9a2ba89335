"""What kind of day each session of the simulated market is, and what that makes of random numbers; no levels."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

_REVERSION = 0.04
_GAP_SHARE = 0.48
_IN_PLAY_PROBABILITY = 0.06
_IN_PLAY_PERSISTENCE = 0.30


class DayType(IntEnum):
    """The shape of a session. Mixture and persistence: ``DAY_MIXTURE`` and ``DAY_PERSISTENCE``."""

    SIDEWAYS = 0
    TREND_UP = 1
    TREND_DOWN = 2
    REVERSAL = 3
    GAP_AND_GO = 4
    VOLATILE = 5


DAY_MIXTURE: dict[DayType, float] = {
    DayType.SIDEWAYS: 0.28,
    DayType.TREND_UP: 0.20,
    DayType.TREND_DOWN: 0.19,
    DayType.REVERSAL: 0.15,
    DayType.GAP_AND_GO: 0.10,
    DayType.VOLATILE: 0.08,
}
"""Share of sessions of each type in the long run."""
DAY_PERSISTENCE = 0.20
"""Probability that a session repeats the type of the one before; otherwise it is drawn from the mixture."""
_MOVE = {
    DayType.SIDEWAYS: 0.12,
    DayType.TREND_UP: 0.95,
    DayType.TREND_DOWN: 0.95,
    DayType.REVERSAL: 0.30,
    DayType.GAP_AND_GO: 0.80,
    DayType.VOLATILE: 1.10,
}



def day_types(chance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Types from uniforms (n, >= 2): one draws from the mixture, one decides whether yesterday's type stays."""
    fresh = np.searchsorted(np.cumsum(list(DAY_MIXTURE.values()))[:-1], chance[:, 0], side="right")
    stays = chance[:, 1] < DAY_PERSISTENCE
    stays[0] = False
    source = np.maximum.accumulate(np.where(stays, 0, np.arange(len(stays))))
    return fresh[source].astype(np.int64)


def in_play(chance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Stocks in play from uniforms (n, n_symbols, 2); news of yesterday may carry on for a day."""
    news = chance[:, :, 0] < _IN_PLAY_PROBABILITY
    news[1:] |= news[:-1] & (chance[1:, :, 1] < _IN_PLAY_PERSISTENCE)
    return news


def deviations(noise: NDArray[np.float64], anchor: int) -> NDArray[np.float64]:
    """Log levels over the backbone (n_sessions + 1, n_symbols): 0 at the anchor row, returning there on both sides."""
    if noise.shape[1] == 1:
        return np.array(_deviation(noise[:, 0].tolist(), anchor))[:, None]
    deviation = np.zeros((len(noise) + 1, noise.shape[1]))
    for row in range(anchor, len(noise)):
        deviation[row + 1] = (1.0 - _REVERSION) * deviation[row] + noise[row]
    for row in range(anchor - 1, -1, -1):
        deviation[row] = (1.0 - _REVERSION) * deviation[row + 1] - noise[row]
    return deviation


def _deviation(noise: list[float], anchor: int) -> list[float]:
    """``_deviations`` of one symbol; plain numbers are quicker than arrays of one."""
    deviation = [0.0] * (len(noise) + 1)
    for row in range(anchor, len(noise)):
        deviation[row + 1] = (1.0 - _REVERSION) * deviation[row] + noise[row]
    for row in range(anchor - 1, -1, -1):
        deviation[row] = (1.0 - _REVERSION) * deviation[row + 1] - noise[row]
    return deviation


def index_moves(
    kinds: NDArray[np.int64],
    volatility: NDArray[np.float64],
    chance: NDArray[np.float64],
    gap_draws: NDArray[np.float64],
    move_draws: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """NIFTY's gap and open-to-close log returns, (n_sessions,) each, by day type."""
    side = np.where(chance < 0.5, -1.0, 1.0)
    side = np.where(kinds == DayType.TREND_UP, 1.0, np.where(kinds == DayType.TREND_DOWN, -1.0, side))
    scale = np.array([_MOVE[kind] for kind in DayType])[kinds] * volatility
    directed = (kinds == DayType.TREND_UP) | (kinds == DayType.TREND_DOWN) | (kinds == DayType.GAP_AND_GO)
    move = np.where(directed, side * (0.6 + 0.5 * np.abs(move_draws)), move_draws) * scale
    gap = gap_draws * _GAP_SHARE * volatility
    goes = kinds == DayType.GAP_AND_GO
    return np.where(goes, side * volatility * (0.7 + 0.4 * np.abs(gap_draws)), gap), move
