"""Prices within one session: a path of a few seconds' steps between a plan's open and close, and its one-minute bars.

NIFTY's path carries the shape of the day; every other symbol follows it by its beta plus a path of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model_days import DayType
from sos_actors.simulator.model_levels import DayPlan, generator, on_tick
from sos_actors.simulator.model_symbols import NIFTY, ListedSymbol
from sos_actors.types import NANOS_PER_MINUTE, Segment

STEPS = 12
"""Price steps a minute, five seconds each."""
_FULL_SESSION = 375
_NOISE = {
    DayType.SIDEWAYS: 0.62,
    DayType.TREND_UP: 0.66,
    DayType.TREND_DOWN: 0.70,
    DayType.REVERSAL: 0.66,
    DayType.GAP_AND_GO: 0.74,
    DayType.VOLATILE: 0.85,
}
_CLUSTER_PERSISTENCE = 0.90
_CLUSTER_SCALE = 0.20
_JUMP_PROBABILITY = 1.2e-4
_JUMP_SCALE = 14.0


@dataclass(frozen=True, slots=True)
class SessionGrid:
    """The minutes of a session: the union over segments, and how each segment's bars lie in it.

    Attributes:
        minutes: int64 (n,), bar opens in UnixNanos, ascending.
        rows: per segment, the rows of ``minutes`` on which it trades.
    """

    minutes: NDArray[np.int64]
    rows: dict[Segment, NDArray[np.int64]]

    @classmethod
    def of(cls, bar_opens: dict[Segment, NDArray[np.int64]]) -> SessionGrid:
        """The grid of segments whose bar opens are given."""
        minutes = np.unique(np.concatenate(list(bar_opens.values())))
        return cls(minutes, {segment: np.searchsorted(minutes, opens) for segment, opens in bar_opens.items()})

    @property
    def closes(self) -> NDArray[np.int64]:
        """int64 (n,), when each minute's figures are known."""
        return self.minutes + NANOS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class PricePath:
    """Prices of one symbol on the whole grid, rounded to the tick.

    Attributes:
        steps: float64 (n_minutes, STEPS).
    """

    steps: NDArray[np.float64]

    def bars(self, grid: SessionGrid, segment: Segment, volume: NDArray[np.float64] | None = None) -> BarSeries:
        """One-minute bars of the minutes on which the segment trades; volume (n_bars,) or unknown."""
        rows = grid.rows[segment]
        steps = self.steps[rows]
        unknown = np.full(len(rows), np.nan)
        return BarSeries(
            grid.minutes[rows],
            steps[:, 0].copy(),
            steps.max(axis=1),
            steps.min(axis=1),
            steps[:, -1].copy(),
            unknown if volume is None else volume,
            unknown.copy(),
        )


class SessionPaths:
    """Price paths of one session, drawn when asked for and kept.

    Args:
        seed: of the market.
        grid: minutes of the session.
        plan: gives the plan of a symbol.
    """

    def __init__(self, seed: int, grid: SessionGrid, plan: Callable[[ListedSymbol], DayPlan]) -> None:
        self._seed = seed
        self._grid = grid
        self._plan = plan
        self._ordinal = plan(NIFTY).day.toordinal()
        self._paths: dict[str, PricePath] = {}
        length = len(grid.rows[Segment.INDEX]) / _FULL_SESSION
        self._session_scale = float(np.sqrt(length))
        self._market: NDArray[np.float64] | None = None

    def path(self, listed: ListedSymbol, keep: bool = True) -> PricePath:
        """The path of a symbol of ``LISTED``, kept for the next time unless it is not to be."""
        path = self._paths.get(listed.symbol)
        if path is None:
            plan = self._plan(listed)
            log_path = self._market_path() if listed is NIFTY else self._follow(listed, plan)
            steps = np.maximum(on_tick(plan.open * np.exp(log_path), plan.tick), plan.tick).reshape(-1, STEPS)
            path = PricePath(steps)
            if keep:
                self._paths[listed.symbol] = path
        return path

    def volume(self, listed: ListedSymbol, path: PricePath) -> NDArray[np.float64]:
        """Shares traded a minute, float64 (n_bars,) of whole numbers, at least one: heavy at both ends of the day."""
        rows = self._grid.rows[listed.segment]
        plan = self._plan(listed)
        rng = generator(self._seed, f"volume/{listed.short_name}", self._ordinal)
        steps = path.steps[rows]
        travel = (steps.max(axis=1) - steps.min(axis=1)) / plan.open
        activity = 0.6 + 0.4 * travel / travel.mean()
        shape = volume_profile(len(rows)) * activity * np.exp(clustered(rng, len(rows), 0.6, 0.35))
        day_volume = listed.daily_volume * plan.relative_volume * self._session_scale**2
        shares: NDArray[np.float64] = np.maximum(np.round(shape / shape.sum() * day_volume), 1.0)
        return shares

    def _market_path(self) -> NDArray[np.float64]:
        """Log of NIFTY over its open, (n_minutes * STEPS,): shape of the day plus bridged noise."""
        if self._market is None:
            self._market = self._draw_market()
        return self._market

    def _draw_market(self) -> NDArray[np.float64]:
        plan = self._plan(NIFTY)
        rng = generator(self._seed, "path/NIFTY", self._ordinal)
        end = self._last_step(Segment.INDEX)
        move = float(np.log(plan.close / plan.open))
        scale = plan.volatility * self._session_scale
        noise = self._noise(rng, scale * _NOISE[plan.day_type], end)
        knots, values = day_shape(plan.day_type, rng, move, scale)
        fraction = np.minimum(np.arange(len(noise)) / end, 1.0)
        return np.interp(fraction, knots, values) + noise

    def _follow(self, listed: ListedSymbol, plan: DayPlan) -> NDArray[np.float64]:
        """Log of a symbol over its own open: beta times NIFTY plus its own way to its own close."""
        rng = generator(self._seed, f"path/{listed.short_name}", self._ordinal)
        end = self._last_step(listed.segment)
        shared = listed.beta * self._market_path()
        own_move = float(np.log(plan.close / plan.open)) - float(shared[end])
        scale = listed.own_volatility * self._session_scale * (1.7 if plan.in_play else 0.75)
        noise = self._noise(rng, scale, end)
        shape = DayType.TREND_UP if plan.in_play else DayType.SIDEWAYS
        knots, values = day_shape(shape, rng, own_move, scale)
        fraction = np.minimum(np.arange(len(noise)) / end, 1.0)
        return shared + np.interp(fraction, knots, values) + noise

    def _last_step(self, segment: Segment) -> int:
        return (int(self._grid.rows[segment][-1]) + 1) * STEPS - 1

    def _noise(self, rng: np.random.Generator, scale: float, end: int) -> NDArray[np.float64]:
        """A random walk of ``scale`` from open to ``end`` that starts there and returns there at zero.

        Volatility is high at the open and clusters; steps have fat tails and rare jumps.
        """
        n_minutes = len(self._grid.minutes)
        minute_scale = volatility_profile(n_minutes) * np.exp(
            clustered(rng, n_minutes, _CLUSTER_PERSISTENCE, _CLUSTER_SCALE)
        )
        minute_scale /= np.sqrt(np.mean(minute_scale**2))
        steps = np.clip(rng.standard_t(5, (n_minutes, STEPS)), -9.0, 9.0) * np.sqrt(3.0 / 5.0)
        jumps = rng.random((n_minutes, STEPS)) < _JUMP_PROBABILITY
        steps = np.where(jumps, steps * _JUMP_SCALE, steps) * minute_scale[:, None]
        steps.flat[0] = 0.0
        walk = np.cumsum(steps) * scale / np.sqrt(end + 1)
        spent = np.repeat(minute_scale**2, STEPS)
        spent[0] = 0.0
        clock = np.cumsum(spent)
        bridged: NDArray[np.float64] = walk - np.minimum(clock / clock[end], 1.0) * walk[end]
        return bridged


def volatility_profile(n_minutes: int) -> NDArray[np.float64]:
    """Relative volatility of each minute: the open twice the midday, a second rise before the close.

    Source: shape of NIFTY's one-minute candles of January to June 2024.
    """
    minute = np.arange(n_minutes)
    late = np.exp(-(((minute / n_minutes) - 0.91) ** 2) / (2 * 0.05**2))
    return 1.0 + 1.0 * np.exp(-minute / 28.0) + 0.9 * np.exp(-minute / 3.0) + 0.25 * late


def volume_profile(n_minutes: int) -> NDArray[np.float64]:
    """Relative volume of each minute: strong first half hour, strongest last half hour.

    Source: shape of TCS's one-minute candles of January 2025.
    """
    minute = np.arange(n_minutes)
    left = n_minutes - 1 - minute
    return 0.75 + 2.2 * np.exp(-minute / 14.0) + 2.1 * np.exp(-left / 22.0)


def day_shape(
    day_type: DayType, rng: np.random.Generator, move: float, scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Knots in fractions of the session and log returns at them, from 0 at the open to ``move`` at the close."""
    if day_type in (DayType.TREND_UP, DayType.TREND_DOWN, DayType.GAP_AND_GO):
        early = 0.10 if day_type is DayType.GAP_AND_GO else 0.0
        inner = np.array([0.11, 0.20, 0.46, 0.56, 0.80, 0.89]) + rng.uniform(-0.03, 0.03, 6)
        values = np.array([0.34, 0.20, 0.66, 0.52, 1.04, 0.93]) + rng.normal(0.0, 0.05, 6)
        heights = move * (values + early)
    elif day_type is DayType.REVERSAL:
        turn = rng.uniform(0.22, 0.5)
        inner = np.array([turn * 0.5, turn, turn + 0.2])
        away = -np.sign(move) if move else 1.0
        heights = away * scale * np.array([0.55, 1.0, 0.35]) * rng.uniform(0.8, 1.3)
    else:
        size = 0.55 if day_type is DayType.VOLATILE else 0.26
        count = int(rng.integers(4, 8))
        inner = (np.arange(1, count + 1) + rng.uniform(-0.3, 0.3, count)) / (count + 1)
        swing = np.where(np.arange(count) % 2 == 0, 1.0, -1.0) * (1.0 if rng.random() < 0.5 else -1.0)
        heights = move * inner + swing * size * scale * rng.uniform(0.4, 1.3, count)
    return np.concatenate([[0.0], inner, [1.0]]), np.concatenate([[0.0], heights, [move]])


def clustered(rng: np.random.Generator, count: int, persistence: float, scale: float) -> NDArray[np.float64]:
    """A stationary first-order autoregression (count,) with innovations of ``scale``, by convolution."""
    memory = persistence ** np.arange(min(80, count))
    draws = rng.standard_normal(count + len(memory) - 1) * scale
    return np.convolve(draws, memory, mode="valid")
