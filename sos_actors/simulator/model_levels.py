"""The days of the simulated market: what kind of day each session is, how it gaps and where it closes.

One random row a calendar day, so that a holiday added to the calendar leaves the draws of the other days alone; one
linear pass over the sessions turns the rows into closes that return towards the backbone. No intraday detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from sos_actors.simulator.model_days import DayType, day_types, deviations, in_play, index_moves
from sos_actors.simulator.model_symbols import (
    ANCHOR_DAY,
    FIRST_LISTED,
    LISTED,
    NIFTY_BACKBONE,
    ListedSymbol,
    price_tick,
)

_EPOCH = date(2019, 1, 1).toordinal()
_ROW_COUNT = 4_383
"""Calendar days from 2019 to 2030."""
_BASE_VOLATILITY = 0.0062
_PCR_CENTRE = float(np.log(0.97))
TICKS_PER_RUPEE = 20
"""The indices, their options and the first listed shares all move in steps of 0.05."""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """What is decided about one symbol's session before its first trade.

    Attributes:
        day_type: shape of NIFTY's session, the same for all symbols.
        previous_close, open, close: on the tick, rupees or index points.
        tick: of the session, rupees or index points.
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
    tick: float
    volatility: float
    expected_volatility: float
    relative_volume: float
    in_play: bool


def generator(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """A generator of its own for ``(seed, name, numbers)``, so that nothing depends on who asked before."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, crc32(name.encode()), *numbers])))


def on_tick(prices: NDArray[np.float64], tick: float = 1.0 / TICKS_PER_RUPEE) -> NDArray[np.float64]:
    """Prices rounded to the tick; dividing whole ticks gives the double nearest to the decimal price."""
    if tick >= 1.0:
        return np.round(prices / tick) * tick
    per_rupee = round(1.0 / tick)
    ticks: NDArray[np.float64] = np.round(prices * per_rupee)
    return ticks / per_rupee


@dataclass(frozen=True, slots=True)
class _Draws:
    """Random numbers of some symbols, (n_sessions, n_symbols) each: of returns, gaps, volumes and news."""

    tails: NDArray[np.float64]
    gaps: NDArray[np.float64]
    volume: NDArray[np.float64]
    in_play: NDArray[np.bool_]

    @classmethod
    def of(cls, seed: int, listed: Sequence[ListedSymbol], suffix: str, rows: NDArray[np.int64]) -> _Draws:
        """Those of ``listed``, who share streams that end in ``suffix``."""
        shape = (_ROW_COUNT, len(listed))
        tails = np.clip(generator(seed, f"day/return{suffix}").standard_t(6, shape), -6.0, 6.0)[rows]
        gaps = np.clip(generator(seed, f"day/gap{suffix}").standard_t(5, shape), -6.0, 6.0)[rows]
        play = in_play(generator(seed, f"day/play{suffix}").random((*shape, 2))[rows])
        play[:, [row for row, entry in enumerate(listed) if entry.daily_volume == 0]] = False
        volume = generator(seed, f"day/volume{suffix}").standard_normal(shape)[rows]
        return cls(tails * np.sqrt(4.0 / 6.0), gaps * np.sqrt(3.0 / 5.0), volume, play)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Some symbols, before rounding: closes (n_sessions + 1, n_symbols), the first row before the first session."""

    closes: NDArray[np.float64]
    opens: NDArray[np.float64]
    relative_volume: NDArray[np.float64]
    in_play: NDArray[np.bool_]


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
        self._ordinals = np.array([day.toordinal() for day in sessions])
        if self._ordinals[0] < _EPOCH or self._ordinals[-1] >= _EPOCH + _ROW_COUNT:
            raise ValueError(f"the model has no random numbers for all of {sessions[0]} to {sessions[-1]}")
        self._seed, self._sessions = seed, tuple(sessions)
        self._rows, self._length = self._ordinals - _EPOCH, np.sqrt(lengths)
        draws = self._draw_days()
        self._first = self._columns(FIRST_LISTED, draws)
        self._others: dict[int, _Columns] = {}
        self._pcr = self._put_call_path(seed, self._rows)

    def plan(self, day: date, symbol_row: int) -> DayPlan:
        """The plan of a session for the symbol at ``LISTED[symbol_row]``."""
        row = self._row[day]
        columns, column = self._of(symbol_row)
        listed = LISTED[symbol_row]
        tick, tick_before = price_tick(listed, day), price_tick(listed, self._sessions[max(row - 1, 0)])
        return DayPlan(
            day,
            DayType(self._types[row]),
            float(on_tick(columns.closes[row, column], tick_before)),
            float(on_tick(columns.opens[row, column], tick)),
            float(on_tick(columns.closes[row + 1, column], tick)),
            tick,
            float(self._volatility[row]),
            float(self._expected_volatility[row]),
            float(columns.relative_volume[row, column]),
            bool(columns.in_play[row, column]),
        )

    def put_call_ratios(self, day: date) -> tuple[float, float]:
        """Target put/call ratio of open interest at the open and at the close of a session."""
        row = self._row[day]
        return float(self._pcr[row]), float(self._pcr[row + 1])

    def next_session(self, day: date) -> date | None:
        """The session after, None at the end of the calendar."""
        row = self._row[day] + 1
        return self._sessions[row] if row < len(self._sessions) else None

    def _of(self, symbol_row: int) -> tuple[_Columns, int]:
        """The columns a symbol stands in: the first listed ones share theirs, each other one has its own, when asked.

        So a symbol added to or taken off the list leaves the prices of all others alone.
        """
        if symbol_row < len(FIRST_LISTED):
            return self._first, symbol_row
        if symbol_row not in self._others:
            listed = LISTED[symbol_row]
            draws = _Draws.of(self._seed, (listed,), f"/{listed.short_name}", self._rows)
            self._others[symbol_row] = self._columns((listed,), draws)
        return self._others[symbol_row], 0

    def _draw_days(self) -> _Draws:
        """What all symbols share: day types, volatility and NIFTY's moves; the draws of the first listed."""
        seed, rows = self._seed, self._rows
        common = generator(seed, "day/common").standard_normal((_ROW_COUNT, 4))[rows]
        # This stream gives the default seed a varied second week of January 2026, the one the README shows.
        chance = generator(seed, "day/kind").random((_ROW_COUNT, 3))[rows]
        draws = _Draws.of(seed, FIRST_LISTED, "", rows)
        self._types = day_types(chance)
        log_volatility = np.zeros(len(rows))
        for row in range(1, len(rows)):
            log_volatility[row] = 0.95 * log_volatility[row - 1] + 0.07 * common[row, 0]
        self._expected_volatility = _BASE_VOLATILITY * np.exp(log_volatility)
        self._volatility = self._expected_volatility * np.where(self._types == DayType.VOLATILE, 1.6, 1.0)
        self._own_scale, self._surge = np.exp(0.5 * log_volatility), 0.9 + 0.3 * common[:, 1]
        self._index_gap, self._index_move = index_moves(
            self._types, self._volatility, chance[:, 2], draws.gaps[:, 0], draws.tails[:, 0]
        )
        return draws

    def _columns(self, listed: Sequence[ListedSymbol], draws: _Draws) -> _Columns:
        """Levels of some symbols, out from the anchor day, where each has its anchor."""
        own = np.array([entry.own_volatility for entry in listed]) * self._own_scale[:, None]
        beta = np.array([entry.beta for entry in listed])
        loud = np.where(draws.in_play, 2.4, 1.0)
        gaps = beta * self._index_gap[:, None] + own * 0.45 * loud * draws.gaps
        moves = (beta * self._index_move[:, None] + own * 0.85 * loud * draws.tails) * self._length[:, None]
        points = np.array([(day.toordinal(), np.log(level)) for day, level in NIFTY_BACKBONE])
        before = self._ordinals[0] - 1
        backbone = np.interp(np.concatenate([[before], self._ordinals]), points[:, 0], points[:, 1])
        anchor = self._row[ANCHOR_DAY] + 1
        drift = (backbone - backbone[anchor])[:, None] * beta
        deviation = deviations(gaps + moves, anchor)
        levels = np.array([entry.anchor for entry in listed]) * np.exp(drift + deviation)
        surge = np.exp(self._surge[:, None] + 0.5 * np.abs(draws.tails))
        volume = np.exp(0.30 * draws.volume) * np.where(draws.in_play, surge, 1.0)
        return _Columns(levels, levels[1:] * np.exp(-moves), volume, draws.in_play)

    def _put_call_path(self, seed: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Put/call ratio before each session and after the last: falling markets write calls, rising ones puts."""
        noise = generator(seed, "day/pcr").standard_normal(_ROW_COUNT)[rows]
        path = np.zeros(len(rows) + 1)
        returns = np.diff(np.log(self._first.closes[:, 0]))
        for row, (change, draw) in enumerate(zip(returns, noise, strict=True)):
            path[row + 1] = 0.70 * path[row] + 20.0 * float(np.clip(change, -0.02, 0.02)) + 0.07 * draw
        return np.exp(_PCR_CENTRE + np.clip(path, -0.55, 0.50))
