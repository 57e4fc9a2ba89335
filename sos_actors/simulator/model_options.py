"""The option market of one underlying in one session: a chain every minute, and candles of the contracts that trade.

Values are Black's on a volatility that moves against the price, with a smile and a term structure; a last traded price
only changes in a minute with a trade, so the chain known at T and the candle of minute T-1 always agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.market.pricing import NANOS_PER_YEAR, black76_price
from sos_actors.market.pricing_chain import black76_prices
from sos_actors.market.symbols import contract_symbol
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model_flows import (
    OptionSeries,
    OptionTerms,
    RestingState,
    open_interest,
    resting_interest,
    traded_lots,
)
from sos_actors.simulator.model_levels import TICKS_PER_RUPEE, DayPlan, generator, on_tick
from sos_actors.simulator.model_paths import STEPS, PricePath, SessionGrid, clustered
from sos_actors.simulator.model_tape import SINGLE_TRADE_LOTS, InstrumentDay
from sos_actors.types import NANOS_PER_MINUTE, OptionType, Segment

CHAIN_STEPS = 20
"""Every snapshot shows at least so many strikes on either side of the money."""
CANDLE_STEPS = 10
"""Contracts so many strikes beyond the day's range have candles."""
_SPARE_STEPS = 4
_TICK = 0.05
CARRY = 0.065
"""Interest at which a price is carried forward to an expiry, continuously compounded, fraction a year."""
_SESSIONS_PER_YEAR = 252
_IMPLIED_OVER_REALISED = 1.2
_SIDES = (OptionType.CE, OptionType.PE)


@dataclass(frozen=True, slots=True)
class ChainPath:
    """Chain snapshots of a session as columns, sorted by time, then strike; all (n_minutes * n_strikes,).

    Attributes:
        underlying: short name.
        expiry: of every contract.
        ts: int64, UnixNanos at which the snapshot is known: the close of each minute.
        strike, spot: rupees; the spot is the index, which stands still once it is no longer computed.
        ce_ltp, pe_ltp: last traded price, rupees.
        ce_oi, pe_oi: open interest, units.
        ce_oi_change, pe_oi_change: units, since the close of the session before.
        ce_volume, pe_volume: units traded since the session's open.
    """

    underlying: str
    expiry: date
    ts: NDArray[np.int64]
    strike: NDArray[np.float64]
    spot: NDArray[np.float64]
    ce_ltp: NDArray[np.float64]
    ce_oi: NDArray[np.float64]
    ce_volume: NDArray[np.float64]
    ce_oi_change: NDArray[np.float64]
    pe_ltp: NDArray[np.float64]
    pe_oi: NDArray[np.float64]
    pe_volume: NDArray[np.float64]
    pe_oi_change: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ts)


class OptionMarket:
    """One underlying's options of one expiry in one session.

    Args:
        seed: of the market.
        underlying: short name.
        grid: minutes of the session.
        path: the underlying's prices on the grid; after the index's last minute, what the derivatives make of it.
        plan: of the underlying.
        terms: of the series.
        resting: state of open interest before and after the session.
    """

    def __init__(
        self,
        seed: int,
        underlying: str,
        grid: SessionGrid,
        path: PricePath,
        plan: DayPlan,
        terms: OptionTerms,
        resting: tuple[RestingState, RestingState],
    ) -> None:
        self._seed, self._plan, self._resting = seed, plan, resting
        rows = grid.rows[Segment.FO]
        self._ts = grid.minutes[rows]
        self._opens: list[int] = self._ts.tolist()
        self._known = grid.closes[rows]
        steps = path.steps[rows]
        self._steps = steps
        self._corners = (steps[:, 0], steps.max(axis=1), steps.min(axis=1), steps[:, -1])
        last_index_row = int(grid.rows[Segment.INDEX][-1])
        self._spot = path.steps[np.minimum(rows, last_index_row), -1]
        self._years = np.maximum(terms.expiry_close_ns - self._known, 0) / NANOS_PER_YEAR
        self._series = OptionSeries(
            underlying, terms.expiry, self._strikes(terms.step), terms.step, terms.lot, terms.rank
        )
        self._volatility = self._at_the_money_volatility()
        self._beyond: dict[float, NDArray[np.float64]] = {}
        self._trade()

    @property
    def series(self) -> OptionSeries:
        """The contracts the chain shows."""
        return self._series

    def chain(self) -> ChainPath:
        """A snapshot a minute."""
        n_minutes, n_strikes = len(self._ts), len(self._series.strikes)
        traded = (np.cumsum(self._lots, axis=0) * self._series.lot).astype(np.float64)
        change = self._interest - self._opening
        sides = [
            column[:, :, side].ravel()
            for side in (0, 1)
            for column in (self._last_price, self._interest, traded, change)
        ]
        return ChainPath(
            self._series.underlying,
            self._series.expiry,
            np.repeat(self._known, n_strikes),
            np.tile(self._series.strikes, n_minutes),
            np.repeat(self._spot, n_strikes),
            *sides,
        )

    def candles(self) -> dict[str, BarSeries]:
        """Bars of the contracts within ``CANDLE_STEPS`` of the day's range, by canonical symbol; no trade, no bar."""
        step, strikes = self._series.step, self._series.strikes
        low = round(float(self._corners[2].min()) / step) * step - CANDLE_STEPS * step
        high = round(float(self._corners[1].max()) / step) * step + CANDLE_STEPS * step
        columns = np.flatnonzero((strikes >= low) & (strikes <= high))
        corners = [self._values(prices, columns) for prices in self._corners[:3]]
        bars = {}
        for place, column in enumerate(columns):
            for side, option_type in enumerate(_SIDES):
                corner = [values[:, place, side] for values in corners]
                name = contract_symbol(self._series.underlying, strikes[column], option_type, self._series.expiry)
                minutes = self._contract_bars(corner, int(column), side)
                bars[name] = minutes[minutes.volume > 0]
        return bars

    def minutes(self, strike: float, option_type: OptionType) -> BarSeries | None:
        """One contract's bars, volume 0 where nothing trades; None for a strike the chain does not show."""
        column = self._column(strike)
        if column is None:
            return None
        corners = [self._values(prices, np.array([column]), (option_type,))[:, 0, 0] for prices in self._corners[:3]]
        return self._contract_bars(corners, column, _SIDES.index(option_type))

    def contract(self, strike: float, option_type: OptionType) -> InstrumentDay | None:
        """One contract's session in every detail; None for a strike the chain does not show, which does not trade."""
        bars, column = self.minutes(strike, option_type), self._column(strike)
        if bars is None or column is None:
            return None
        steps = self._values(self._steps, np.array([column]), (option_type,))[:, 0, 0].reshape(-1, STEPS)
        # A minute of one trade has one price; the clip only guards against a last bit of rounding.
        return InstrumentDay(bars, np.clip(steps, bars.low[:, None], bars.high[:, None]), self._series.lot)

    def settlement(self, strike: float, option_type: OptionType) -> float:
        """The session's closing price, rupees: of the last trade, else the value at the close."""
        column, side = self._column(strike), _SIDES.index(option_type)
        if column is not None and self._lots[:, column, side].any():
            return float(self._last_price[-1, column, side])
        return self.value(strike, option_type, len(self._ts) - 1, STEPS - 1)

    def opening_interest(self, strike: float, option_type: OptionType) -> float:
        """Open interest before the session's first trade, units."""
        column, side = self._column(strike), _SIDES.index(option_type)
        if column is not None:
            return float(self._opening[column, side])
        if strike not in self._beyond:
            alone = replace(self._series, strikes=np.array([strike]))
            self._beyond[strike] = resting_interest(self._seed, alone, self._resting[0])[0]
        return float(self._beyond[strike][side])

    def terms_at(self, strike: float, minute: int, step: int) -> tuple[float, float, float]:
        """Forward (rupees), years to expiry and volatility (a fraction a year) of a strike at a step of a minute."""
        years = float(self._years[minute])
        forward = float(self._steps[minute, step]) * math.exp(CARRY * years)
        deviation = float(self._volatility[minute]) * math.sqrt(years)
        spread = min(max(math.log(strike / forward) / max(deviation, 1e-9), -6.0), 6.0)
        bend = 1.0 - 0.05 * spread + 0.055 * spread * spread / (1.0 + 0.08 * abs(spread))
        return forward, years, float(self._volatility[minute]) * bend

    def step_of(self, minute: int, ts: int) -> int:
        """The five-second step of a minute that a moment lies in; the last one after the minute."""
        return min(max(ts - self._opens[minute], 0) * STEPS // NANOS_PER_MINUTE, STEPS - 1)

    def value(self, strike: float, option_type: OptionType, minute: int, step: int) -> float:
        """What a contract is worth at a step of a minute, on the tick, at least one tick, rupees."""
        forward, years, volatility = self.terms_at(strike, minute, step)
        worth = black76_price(forward, strike, years, volatility, option_type is OptionType.CE)
        return max(round(worth / _TICK) / TICKS_PER_RUPEE, _TICK)

    def _column(self, strike: float) -> int | None:
        column = round((strike - float(self._series.strikes[0])) / self._series.step)
        shown = 0 <= column < len(self._series.strikes) and self._series.strikes[column] == strike
        return column if shown else None

    def _contract_bars(self, corners: list[NDArray[np.float64]], column: int, side: int) -> BarSeries:
        lots = self._lots[:, column, side]
        close = self._value_at_close[:, column, side]
        volume = (lots * self._series.lot).astype(np.float64)
        alone = lots <= SINGLE_TRADE_LOTS
        prices = np.where(alone, close, np.stack([*corners, close]))
        return BarSeries(
            self._ts,
            prices[0],
            prices.max(axis=0),
            prices.min(axis=0),
            close,
            volume,
            self._interest[:, column, side],
        )

    def _strikes(self, step: float) -> NDArray[np.float64]:
        """Strikes about the opening price, wider only when the day's range leaves too few on one side."""
        centre = round(self._plan.open / step)
        reach = max(
            centre - int(np.floor(self._corners[2].min() / step)), int(np.ceil(self._corners[1].max() / step)) - centre
        )
        half = CHAIN_STEPS + max(_SPARE_STEPS, reach)
        return np.arange(centre - half, centre + half + 1).astype(np.float64) * step

    def _trade(self) -> None:
        """Open interest, volume, values and last prices, each (n_minutes, n_strikes, 2)."""
        day = self._plan.day
        self._opening, closing = (resting_interest(self._seed, self._series, state) for state in self._resting)
        self._interest = open_interest(self._seed, self._series, self._opening, closing, self._corners[3], day)
        self._lots = traded_lots(self._seed, self._series, self._opening, self._corners[3], day)
        self._value_at_close = self._values(self._corners[3], np.arange(len(self._series.strikes)))
        minutes = np.arange(len(self._ts))[:, None, None]
        latest = np.maximum.accumulate(np.where(self._lots > 0, minutes, 0), axis=0)
        self._last_price = np.take_along_axis(self._value_at_close, latest, axis=0)

    def _at_the_money_volatility(self) -> NDArray[np.float64]:
        """Per root calendar year, (n_minutes,): up when prices fall, wandering, and higher the nearer the expiry.

        Near the expiry a calendar-time volatility must rise, because the hours left are all trading hours.
        """
        rng = generator(self._seed, f"volatility/{self._series.underlying}", self._plan.day.toordinal())
        base = self._plan.expected_volatility * np.sqrt(_SESSIONS_PER_YEAR) * _IMPLIED_OVER_REALISED
        if self._series.underlying == "BANKNIFTY":
            base *= 1.1
        moves = np.log(self._corners[3] / self._plan.previous_close)
        wander = clustered(rng, len(self._ts), 0.985, 0.005)
        days = self._years * 365.0
        term = 1.0 + 0.15 * np.exp(-days / 1.5) + 0.6 * np.exp(-days / 0.35)
        scaled: NDArray[np.float64] = base * np.exp(-8.0 * moves + wander) * term
        return scaled

    def _values(
        self, prices: NDArray[np.float64], columns: NDArray[np.int64], sides: tuple[OptionType, ...] = _SIDES
    ) -> NDArray[np.float64]:
        """Values at prices (n_minutes,) or (n_minutes, STEPS), (n_prices, n_columns, n_sides), on the tick, not 0."""
        often = prices.size // len(self._ts)
        carry = np.repeat(np.exp(CARRY * self._years), often)
        forward = (prices.ravel() * carry)[:, None]
        deviation = np.repeat(self._volatility * np.sqrt(self._years), often)[:, None]
        relative = self._series.strikes[columns] / forward
        spread = np.clip(np.log(relative) / np.maximum(deviation, 1e-9), -6.0, 6.0)
        width = (deviation * smile(spread)).ravel()
        # Black's formula scales with the forward and knows time only in volatility * sqrt(years): one flat call does.
        flat = relative.ravel()
        values = [
            black76_prices(1.0, flat, 1.0, width, np.full(len(flat), option_type is OptionType.CE)).reshape(
                relative.shape
            )
            for option_type in sides
        ]
        return np.maximum(on_tick(np.stack(values, axis=2) * forward[:, :, None]), _TICK)


def smile(spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Volatility over that at the money, by log moneyness in standard deviations to expiry.

    Source: fitted by eye to NIFTY and BANKNIFTY chains of 22 January to 5 February 2026.
    """
    return 1.0 - 0.05 * spread + 0.055 * spread**2 / (1.0 + 0.08 * np.abs(spread))
