"""The days of the simulated market: what kind of day each session is, how it gaps and where it closes.

One random row a calendar day, so that a holiday added to the calendar leaves the draws of the other days alone; one
linear pass over the sessions turns the rows into closes that return towards the backbone. No intraday detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from sos_actors.simulator.model_symbols import ANCHOR_DAY, LISTED, NIFTY_BACKBONE

_EPOCH = date(2019, 1, 1).toordinal()
_ROW_COUNT = 4_383
"""Calendar days from 2019 to 2030."""
_REVERSION = 0.04
_BASE_VOLATILITY = 0.0062
_GAP_SHARE = 0.48
_IN_PLAY_PROBABILITY = 0.06
_IN_PLAY_PERSISTENCE = 0.30
_PCR_CENTRE = float(np.log(0.97))
TICKS_PER_RUPEE = 20


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


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What is decided about one symbol's session before its first trade.

    Attributes:
        day_type: shape of NIFTY's session, the same for all symbols.
        previous_close, open, close: on the tick, rupees or index points.
        volatility: NIFTY's standard deviation from open to close, as a fraction, with what the day type does to it.
        expected_volatility: the same before the day showed its type; what options are priced from.
        relative_volume: volume of the session over an ordinary one.
        in_play: a stock with news: gap, range and volume are several times the usual.
    """

    day: date
    day_type: DayType
    previous_close: float
    open: float
    close: float
    volatility: float
    expected_volatility: float
    relative_volume: float
    in_play: bool


def generator(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """A generator of its own for ``(seed, name, numbers)``, so that nothing depends on who asked before."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, crc32(name.encode()), *numbers])))


def on_tick(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prices rounded to 0.05; dividing whole ticks gives the double nearest to the decimal price."""
    ticks: NDArray[np.float64] = np.round(prices * TICKS_PER_RUPEE)
    return ticks / TICKS_PER_RUPEE


class LevelTable:
    """Closes, gaps, day types and sentiment of every session, from the first the calendar has to the last.

    Args:
        seed: not negative.
        sessions: every session day of the calendar, ascending, the anchor day among them.
        lengths: float64 (n_sessions,), one-minute bars of the index session over 375.

    Raises:
        ValueError: the anchor day is not a session, the seed is negative, or a session lies before 2019 or after 2030.
    """

    def __init__(self, seed: int, sessions: Sequence[date], lengths: NDArray[np.float64]) -> None:
        if seed < 0:
            raise ValueError(f"the seed must not be negative: {seed}")
        self._row = {day: row for row, day in enumerate(sessions)}
        if ANCHOR_DAY not in self._row:
            raise ValueError(f"the calendar has no session on the model's anchor day {ANCHOR_DAY}")
        ordinals = np.array([day.toordinal() for day in sessions])
        if ordinals[0] < _EPOCH or ordinals[-1] >= _EPOCH + _ROW_COUNT:
            raise ValueError(f"the model has no random numbers for all of {sessions[0]} to {sessions[-1]}")
        self._sessions = tuple(sessions)
        self._draw(seed, ordinals - _EPOCH, np.sqrt(lengths))
        self._integrate(ordinals)
        self._pcr = self._put_call_path(seed, ordinals - _EPOCH)

    def plan(self, day: date, symbol_row: int) -> DayPlan:
        """The plan of a session for the symbol at ``LISTED[symbol_row]``."""
        row = self._row[day]
        return DayPlan(
            day,
            DayType(self._types[row]),
            float(self._closes[row, symbol_row]),
            float(self._opens[row, symbol_row]),
            float(self._closes[row + 1, symbol_row]),
            float(self._volatility[row]),
            float(self._expected_volatility[row]),
            float(self._relative_volume[row, symbol_row]),
            bool(self._in_play[row, symbol_row]),
        )

    def put_call_ratios(self, day: date) -> tuple[float, float]:
        """Target put/call ratio of open interest at the open and at the close of a session."""
        row = self._row[day]
        return float(self._pcr[row]), float(self._pcr[row + 1])

    def next_session(self, day: date) -> date | None:
        """The session after, None at the end of the calendar."""
        row = self._row[day] + 1
        return self._sessions[row] if row < len(self._sessions) else None

    def _draw(self, seed: int, rows: NDArray[np.int64], length: NDArray[np.float64]) -> None:
        """Day types, volatility, gaps and open-to-close returns, (n_sessions, n_symbols) where per symbol."""
        shape = (_ROW_COUNT, len(LISTED))
        common = generator(seed, "day/common").standard_normal((_ROW_COUNT, 4))[rows]
        # This stream gives the default seed a varied second week of January 2026, the one the README shows.
        chance = generator(seed, "day/kind").random((_ROW_COUNT, 3))[rows]
        tails = np.clip(generator(seed, "day/return").standard_t(6, shape), -6.0, 6.0)[rows] * np.sqrt(4.0 / 6.0)
        gaps = np.clip(generator(seed, "day/gap").standard_t(5, shape), -6.0, 6.0)[rows] * np.sqrt(3.0 / 5.0)
        play = generator(seed, "day/play").random((*shape, 2))[rows]
        self._types = _day_types(chance)
        kinds = self._types
        log_volatility = np.zeros(len(rows))
        for row in range(1, len(rows)):
            log_volatility[row] = 0.95 * log_volatility[row - 1] + 0.07 * common[row, 0]
        self._expected_volatility = _BASE_VOLATILITY * np.exp(log_volatility)
        self._volatility = self._expected_volatility * np.where(kinds == DayType.VOLATILE, 1.6, 1.0)
        self._in_play = _in_play(play)
        own = np.array([listed.own_volatility for listed in LISTED]) * np.exp(0.5 * log_volatility)[:, None]
        beta = np.array([listed.beta for listed in LISTED])
        loud = np.where(self._in_play, 2.4, 1.0)
        index_gap, index_move = _index_moves(kinds, self._volatility, chance[:, 2], gaps[:, 0], tails[:, 0])
        self._gaps = beta * index_gap[:, None] + own * 0.45 * loud * gaps
        self._moves = (beta * index_move[:, None] + own * 0.85 * loud * tails) * length[:, None]
        quiet_volume = np.exp(0.30 * generator(seed, "day/volume").standard_normal(shape)[rows])
        surge = np.exp(0.9 + 0.3 * common[:, 1:2] + 0.5 * np.abs(tails))
        self._relative_volume = quiet_volume * np.where(self._in_play, surge, 1.0)

    def _integrate(self, ordinals: NDArray[np.int64]) -> None:
        """Closes (n_sessions + 1, n_symbols), the first row the close before the first session, out from the anchor."""
        points = np.array([(day.toordinal(), np.log(level)) for day, level in NIFTY_BACKBONE])
        backbone = np.interp(np.concatenate([[ordinals[0] - 1], ordinals]), points[:, 0], points[:, 1])
        anchor = self._row[ANCHOR_DAY] + 1
        beta = np.array([listed.beta for listed in LISTED])
        drift = (backbone - backbone[anchor])[:, None] * beta
        noise = self._gaps + self._moves
        deviation = np.zeros((len(ordinals) + 1, len(LISTED)))
        for row in range(anchor, len(ordinals)):
            deviation[row + 1] = (1.0 - _REVERSION) * deviation[row] + noise[row]
        for row in range(anchor - 1, -1, -1):
            deviation[row] = (1.0 - _REVERSION) * deviation[row + 1] - noise[row]
        levels = np.array([listed.anchor for listed in LISTED]) * np.exp(drift + deviation)
        self._closes = on_tick(levels)
        self._opens = on_tick(levels[1:] * np.exp(-self._moves))
        self._returns = np.diff(np.log(levels[:, 0]))

    def _put_call_path(self, seed: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Put/call ratio before each session and after the last: falling markets write calls, rising ones puts."""
        noise = generator(seed, "day/pcr").standard_normal(_ROW_COUNT)[rows]
        path = np.zeros(len(rows) + 1)
        for row, (change, draw) in enumerate(zip(self._returns, noise, strict=True)):
            path[row + 1] = 0.70 * path[row] + 20.0 * float(np.clip(change, -0.02, 0.02)) + 0.07 * draw
        return np.exp(_PCR_CENTRE + np.clip(path, -0.55, 0.50))


def _day_types(chance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Types from uniforms (n, >= 2): one draws from the mixture, one decides whether yesterday's type stays."""
    fresh = np.searchsorted(np.cumsum(list(DAY_MIXTURE.values()))[:-1], chance[:, 0], side="right")
    stays = chance[:, 1] < DAY_PERSISTENCE
    stays[0] = False
    source = np.maximum.accumulate(np.where(stays, 0, np.arange(len(stays))))
    return fresh[source].astype(np.int64)


def _in_play(chance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Stocks in play from uniforms (n, n_symbols, 2); news of yesterday may carry on for a day."""
    news = chance[:, :, 0] < _IN_PLAY_PROBABILITY
    news[1:] |= news[:-1] & (chance[1:, :, 1] < _IN_PLAY_PERSISTENCE)
    news[:, [row for row, listed in enumerate(LISTED) if listed.daily_volume == 0]] = False
    return news


def _index_moves(
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
