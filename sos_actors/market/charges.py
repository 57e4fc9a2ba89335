"""What a round trip costs, itemised, by the rates of its date. Exact: paise and billionths as integers.

``itemise`` serves one trade, ``itemise_many`` columns of them with identical results, ``rates`` an estimate beforehand.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sos_actors.market.charge_rates import BILLION, ChargeKind, default_rows, eras_of, uncovered
from sos_actors.types import Fraction, Inr, Paise

__all__ = ["CHARGE_LINES", "Brokerage", "ChargeKind", "ChargeRates", "ChargeTable", "Charges"]

_MAX_TURNOVER_PAISE = 1_000_000_000_000
"""Rs 1,000 crore a side: above it int64 could overflow, and no scalp is that large."""
_Whole = TypeVar("_Whole", int, NDArray[np.int64])


@dataclass(frozen=True, slots=True)
class Charges:
    """The lines of one round trip, in Paise."""

    brokerage: Paise
    stt: Paise
    exchange: Paise
    ipft: Paise
    sebi: Paise
    stamp: Paise
    gst: Paise
    total: Paise

    @property
    def total_inr(self) -> Inr:
        """The total in rupees, for reports."""
        return Inr(self.total / 100)

    def in_rupees(self) -> dict[str, float]:
        """Every line in rupees by name, ``total`` last."""
        return {name: getattr(self, name) / 100 for name in CHARGE_LINES}


CHARGE_LINES = tuple(field.name for field in fields(Charges))
"""The columns of ``itemise_many``: brokerage, stt, exchange, ipft, sebi, stamp, gst, total."""


@dataclass(frozen=True, slots=True)
class Brokerage:
    """The broker's own fee: options flat per executed order, everything else the lower of that and a share of turnover.

    Attributes:
        per_order_inr: rupees.
        equity_fraction: of turnover. Unresolved: Upstox's older official page says 0.05 %, a later copy 0.1 %.
        future_fraction: of turnover.
    """

    per_order_inr: float = 20.0
    equity_fraction: float = 0.0005
    future_fraction: float = 0.0005

    def cap_fraction(self, kind: ChargeKind) -> float:
        """The share of turnover that caps the fee; infinite for options."""
        if kind is ChargeKind.OPTION:
            return math.inf
        return self.future_fraction if kind is ChargeKind.FUTURE else self.equity_fraction


@dataclass(frozen=True, slots=True)
class ChargeRates:
    """What a trade will cost, as floats for an estimate before it is made. GST is included everywhere.

    Attributes:
        buy_fraction, sell_fraction: of that side's turnover, without brokerage.
        flat_per_order: brokerage of one order, rupees.
        brokerage_cap_fraction: brokerage is never more than this share of turnover; infinite for options.
    """

    buy_fraction: Fraction
    sell_fraction: Fraction
    flat_per_order: Inr
    brokerage_cap_fraction: float


class ChargeTable:
    """The dated rates together with one broker's fee. Immutable.

    Args:
        rows: the ``[[rate]]`` rows of charges.toml.
        brokerage: the broker's fee.
    """

    __slots__ = ("_cap", "_eras", "_flat", "brokerage")

    def __init__(self, rows: list[dict[str, Any]], brokerage: Brokerage | None = None) -> None:
        """Arrange the rows by kind and date."""
        self.brokerage = brokerage or Brokerage()
        self._eras = {kind: eras_of(rows, kind) for kind in ChargeKind}
        self._flat = round(self.brokerage.per_order_inr * 100)
        caps = {kind: self.brokerage.cap_fraction(kind) for kind in ChargeKind}
        self._cap = {kind: None if math.isinf(cap) else round(cap * BILLION) for kind, cap in caps.items()}

    @classmethod
    def default(cls, brokerage: Brokerage | None = None) -> Self:
        """The package's table."""
        return cls(default_rows(), brokerage)

    def itemise(
        self,
        day: date,
        kind: ChargeKind,
        buy_price: float | Decimal,
        buy_qty: int,
        sell_price: float | Decimal,
        sell_qty: int,
        buy_orders: int = 1,
        sell_orders: int = 1,
    ) -> Charges:
        """The charges of one round trip.

        Args:
            day: the trade date.
            kind: what was traded.
            buy_price: rupees, on the paisa grid (a finer price is rounded to the nearest paisa).
            buy_qty: units, 0 for a leg that did not happen.
            sell_price: as ``buy_price``.
            sell_qty: as ``buy_qty``.
            buy_orders: executed orders of the leg; an order above the freeze quantity counts once a slice.
            sell_orders: as ``buy_orders``.

        Raises:
            MarketRuleError: no rates for ``day``.
            ValueError: a negative or unknown price or quantity, or more than Rs 1,000 crore a side.
        """
        buy, sell = _turnover(buy_price, buy_qty), _turnover(sell_price, sell_qty)
        brokerage = self._brokerage(kind, buy, buy_qty, buy_orders) + self._brokerage(kind, sell, sell_qty, sell_orders)
        return Charges(*(Paise(line) for line in _lines(brokerage, buy, sell, self._rates_of(kind, day))))

    def itemise_many(
        self,
        day_ordinals: ArrayLike,
        kinds: ArrayLike,
        buy_prices: ArrayLike,
        buy_quantities: ArrayLike,
        sell_prices: ArrayLike,
        sell_quantities: ArrayLike,
        buy_orders: ArrayLike = 1,
        sell_orders: ArrayLike = 1,
    ) -> NDArray[np.int64]:
        """``itemise`` of many trades at once, to the paisa the same. All arguments are (n,) or scalars.

        Args:
            day_ordinals: ``date.toordinal()`` of the trade dates.
            kinds: ``ChargeKind`` values.
            buy_prices: float64, rupees.
            buy_quantities: units.
            sell_prices: float64, rupees.
            sell_quantities: units.
            buy_orders: executed orders of the leg.
            sell_orders: executed orders of the leg.

        Returns:
            int64 (n, 8), Paise, columns as in ``CHARGE_LINES``.

        Raises:
            MarketRuleError: no rates for a date.
            ValueError: as for ``itemise``.
        """
        whole = (day_ordinals, kinds, buy_quantities, sell_quantities, buy_orders, sell_orders)
        columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(c, np.int64)) for c in whole), buy_prices, sell_prices)
        days, kind_column, bought, sold, buys, sells, paid, got = columns
        if not np.isin(kind_column, list(ChargeKind)).all():
            raise ValueError("a kind is none of ChargeKind")
        buy, sell = _turnovers(paid, bought), _turnovers(got, sold)
        out = np.empty((len(days), len(CHARGE_LINES)), np.int64)
        for kind in ChargeKind:
            of_kind = np.flatnonzero(kind_column == kind)
            if not len(of_kind):
                continue
            legs = ((buy, bought, buys), (sell, sold, sells))
            brokerage = sum(self._brokerage_many(kind, *(column[of_kind] for column in leg)) for leg in legs)
            out[of_kind] = np.stack(
                _lines(np.asarray(brokerage), buy[of_kind], sell[of_kind], self._rates_many(kind, days[of_kind])),
                axis=1,
            )
        return out

    def rates(self, day: date, kind: ChargeKind) -> ChargeRates:
        """The rates of ``day`` as fractions, for an estimate.

        Raises:
            MarketRuleError: no rates for ``day``.
        """
        stt_buy, stt_sell, exchange, ipft, sebi, stamp, gst = (rate / BILLION for rate in self._rates_of(kind, day))
        both = (exchange + sebi) * (1 + gst) + ipft
        flat = self._flat / 100 * (1 + gst)
        cap = self.brokerage.cap_fraction(kind) * (1 + gst)
        return ChargeRates(Fraction(both + stt_buy + stamp), Fraction(both + stt_sell), Inr(flat), cap)

    def _brokerage_many(
        self, kind: ChargeKind, turnover: NDArray[np.int64], quantity: NDArray[np.int64], orders: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        fee: NDArray[np.int64] = np.where(quantity > 0, orders * self._flat, 0)
        cap = self._cap[kind]
        return fee if cap is None else np.minimum(fee, _share(turnover, cap))

    def _brokerage(self, kind: ChargeKind, turnover: int, quantity: int, orders: int) -> int:
        fee = orders * self._flat if quantity else 0
        cap = self._cap[kind]
        return fee if cap is None else min(fee, _share(turnover, cap))

    def _rates_of(self, kind: ChargeKind, day: date) -> list[int]:
        starts, rates = self._eras[kind]
        era = bisect_right(starts, day.toordinal()) - 1
        if era < 0:
            raise uncovered(day, starts)
        return [int(rate) for rate in rates[era]]

    def _rates_many(self, kind: ChargeKind, days: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        starts, rates = self._eras[kind]
        era = np.searchsorted(starts, days, side="right") - 1
        if (era < 0).any():
            raise uncovered(date.fromordinal(int(days[era < 0][0])), starts)
        return list(rates[era].T)


def _share(amount: _Whole, rate: _Whole | int) -> _Whole:
    """``amount`` paise times ``rate`` billionths, rounded half up."""
    return (amount * rate + BILLION // 2) // BILLION


def _lines(brokerage: _Whole, buy: _Whole, sell: _Whole, rates: list[_Whole]) -> list[_Whole]:
    """The lines from the two turnovers and the rates in the order of ``charge_rates.RATES``, as in ``CHARGE_LINES``."""
    stt_buy, stt_sell, exchange_rate, ipft_rate, sebi_rate, stamp_rate, gst_rate = rates
    stt = (buy * stt_buy + sell * stt_sell + BILLION // 2) // BILLION
    exchange = _share(buy + sell, exchange_rate)
    ipft = _share(buy + sell, ipft_rate)
    sebi = _share(buy + sell, sebi_rate)
    stamp = _share(buy, stamp_rate)
    gst = _share(brokerage + exchange + sebi, gst_rate)
    return [brokerage, stt, exchange, ipft, sebi, stamp, gst, brokerage + stt + exchange + ipft + sebi + stamp + gst]


def _turnover(price: float | Decimal, quantity: int) -> int:
    if not 0 <= price < math.inf or quantity < 0:
        raise ValueError(f"price {price} and quantity {quantity} are not those of a trade")
    turnover = round(price * 100) * int(quantity)
    if turnover > _MAX_TURNOVER_PAISE:
        raise ValueError(f"a turnover of {turnover // 100} rupees is more than one trade can have")
    return turnover


def _turnovers(prices: NDArray[Any], quantities: NDArray[np.int64]) -> NDArray[np.int64]:
    rupees = np.asarray(prices, np.float64)
    if not (np.isfinite(rupees) & (rupees >= 0) & (quantities >= 0)).all():
        raise ValueError("a price or a quantity is not that of a trade (negative, or unknown)")
    paise = np.rint(rupees * 100)
    if (paise * quantities > _MAX_TURNOVER_PAISE).any():
        raise ValueError(f"a turnover of {(paise * quantities).max() / 100:.0f} rupees is more than one trade can have")
    return paise.astype(np.int64) * quantities
