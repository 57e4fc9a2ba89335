"""Option contracts and their prices: out of the store, or by a model where the store has none and the user agreed."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sos_actors.engine.records import PriceSource
from sos_actors.errors import MarketRuleError
from sos_actors.market.calendar import HOLIDAYS, Calendar
from sos_actors.market.expiries import expiries
from sos_actors.market.lots import tick_size
from sos_actors.market.pricing import black76_price, years_to_expiry
from sos_actors.market.symbols import parse_contract_symbol
from sos_actors.market.tables import path_of
from sos_actors.messages.market import BarSeries
from sos_actors.store.columns import ChainColumns
from sos_actors.store.database import Store
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND, OptionType, Segment

FORWARD_DAYS = 100
"""How far ahead expiries are looked for: monthly ones are 35 days apart at most, after up to 60 days of distance."""
DAY_NS = 86_400 * NANOS_PER_SECOND


def day_start(day: date) -> int:
    """Midnight IST of a day, UnixNanos."""
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * DAY_NS - IST_OFFSET_S * NANOS_PER_SECOND


class StoreBoard:
    """A ``ContractBoard`` over stored data: candles once there are any, else the last prices of chain snapshots.

    A chain snapshot known at T gives the bar that opened a minute before: open, high, low and close are the one price
    seen, so stops and targets are checked against one price a minute. Where the volume of the day did not grow, nothing
    traded, and the price is only the last one repeated.

    Args:
        store: what to read.
        calendar: for the expiries that the exchange listed.
    """

    def __init__(self, store: Store, calendar: Calendar) -> None:
        self._store = store
        self._calendar = calendar
        self._bars: dict[tuple[str, date, PriceSource], BarSeries] = {}
        self._listed = lru_cache(maxsize=4096)(self._list)
        self._chain_of = lru_cache(maxsize=4)(self._read_chain)
        self.read: list[tuple[str, BarSeries]] = []
        """Every series handed out, in order: part of the run's fingerprint."""

    def expiries(self, underlying: str, day: date) -> list[date]:
        """Expiries by the exchange's rules of that date, nearest first.

        Raises:
            MarketRuleError: the calendar ends before the next one.
        """
        return self._listed(underlying, day)

    def bars(self, contract: str, day: date, known_by: int) -> BarSeries | None:
        """Candles if one had closed by ``known_by``, else snapshots if one was known; None when neither."""
        for source in (PriceSource.CANDLES, PriceSource.CHAIN):
            bars = self._series(contract, day, source)
            if len(bars) and bars.ts[0] + NANOS_PER_MINUTE <= known_by:
                return bars
        return None

    def source(self, contract: str, day: date, known_by: int) -> int:
        """CANDLES or CHAIN."""
        candles = self._series(contract, day, PriceSource.CANDLES)
        known = len(candles) and candles.ts[0] + NANOS_PER_MINUTE <= known_by
        return int(PriceSource.CANDLES if known else PriceSource.CHAIN)

    def _list(self, underlying: str, day: date) -> list[date]:
        last = min(day + timedelta(days=FORWARD_DAYS), self._calendar.last)
        found = [expiry.day for expiry in expiries(underlying, day, last, self._calendar)]
        if not found:
            raise MarketRuleError(
                f"No expiry of {underlying} from {day} to {last}, where the calendar ends: add the next year to "
                f"{path_of(HOLIDAYS)}."
            )
        return found

    def _series(self, contract: str, day: date, source: PriceSource) -> BarSeries:
        key = (contract, day, source)
        if key not in self._bars:
            first = day_start(day)
            if source is PriceSource.CANDLES:
                self._bars[key] = self._store.candles(contract, first, first + DAY_NS)
            else:
                self._bars[key] = self._from_chain(contract, first)
            if len(self._bars[key]):
                self.read.append((f"{contract} {day} {source.name.lower()}", self._bars[key]))
        return self._bars[key]

    def _read_chain(self, underlying: str, first: int, expiry: date) -> ChainColumns:
        return self._store.chain(f"NSE|INDEX|{underlying}", first, first + DAY_NS, expiry)

    def _from_chain(self, contract: str, first: int) -> BarSeries:
        spec = parse_contract_symbol(contract)
        chain = self._chain_of(spec.underlying, first, spec.expiry)
        price = chain.ce_ltp if spec.option_type is OptionType.CE else chain.pe_ltp
        oi = chain.ce_oi if spec.option_type is OptionType.CE else chain.pe_oi
        volume = chain.ce_volume if spec.option_type is OptionType.CE else chain.pe_volume
        rows = (chain.strike == spec.strike) & (price > 0.0)
        ltp, grown = price[rows], np.diff(volume[rows], prepend=0.0)
        traded = np.where(grown >= 0.0, grown, np.nan)
        return BarSeries(chain.ts[rows] - NANOS_PER_MINUTE, ltp, ltp, ltp, ltp, traded, oi[rows])


class ModelBoard:
    """A ``ContractBoard`` that prices by Black-76 what the board behind it does not have.

    Args:
        board: asked first.
        underlyings: short name -> one-minute bars of the index.
        calendar: for the close of the expiry.
        volatility: fraction per square root of a year, the same for every strike.
    """

    def __init__(
        self, board: StoreBoard, underlyings: dict[str, BarSeries], calendar: Calendar, volatility: float
    ) -> None:
        self._board = board
        self._underlyings = underlyings
        self._calendar = calendar
        self._volatility = volatility

    def expiries(self, underlying: str, day: date) -> list[date]:
        """As the board behind."""
        return self._board.expiries(underlying, day)

    def bars(self, contract: str, day: date, known_by: int) -> BarSeries | None:
        """Stored bars if one was known, else modelled ones; None when the index has no bars that day."""
        stored = self._board.bars(contract, day, known_by)
        return stored if stored is not None else self._modelled(contract, day)

    def source(self, contract: str, day: date, known_by: int) -> int:
        """As the board behind, or MODEL."""
        if self._board.bars(contract, day, known_by) is None:
            return int(PriceSource.MODEL)
        return self._board.source(contract, day, known_by)

    def _modelled(self, contract: str, day: date) -> BarSeries | None:
        spec = parse_contract_symbol(contract)
        spot = self._underlyings.get(spec.underlying)
        if spot is None or spec.strike is None:
            return None
        low, high = np.searchsorted(spot.ts, [day_start(day), day_start(day) + DAY_NS])
        spot = spot[slice(int(low), int(high))]
        if not len(spot):
            return None
        if spot.ts[-1] + NANOS_PER_MINUTE == self._calendar.session(day, Segment.INDEX).close_ns:
            spot = _held_to(spot, int(self._calendar.session(day, Segment.FO).close_ns))
        expiry = int(self._calendar.session(spec.expiry, Segment.FO).close_ns)
        call = spec.option_type is OptionType.CE
        best, worst = (spot.high, spot.low) if call else (spot.low, spot.high)
        ends = spot.ts + NANOS_PER_MINUTE
        tick = float(tick_size(spec.underlying))
        open_, high, low, close = (
            self._price(prices, ends, spec.strike, expiry, call, tick)
            for prices in (spot.open, best, worst, spot.close)
        )
        unknown = np.full(len(spot), np.nan)
        return BarSeries(spot.ts, open_, high, low, close, unknown, unknown)

    def _price(
        self, spot: NDArray[np.float64], moments: NDArray[np.int64], strike: float, expiry: int, call: bool, tick: float
    ) -> NDArray[np.float64]:
        value = np.array(
            [
                black76_price(float(at), strike, years_to_expiry(int(ts), expiry), self._volatility, call)
                for at, ts in zip(spot, moments, strict=True)
            ]
        )
        ticks: NDArray[np.float64] = np.maximum(np.round(np.round(value / tick) * tick, 2), tick)
        return ticks


def _held_to(spot: BarSeries, close_ns: int) -> BarSeries:
    """An index that is no longer computed stands still while its options trade on (since August 2026, ten minutes)."""
    more = np.arange(int(spot.ts[-1]) + NANOS_PER_MINUTE, close_ns, NANOS_PER_MINUTE)
    last, unknown = np.full(len(more), spot.close[-1]), np.full(len(more), np.nan)
    still = BarSeries(more, last, last, last, last, unknown, unknown)
    return BarSeries(*(np.concatenate([getattr(spot, one.name), getattr(still, one.name)]) for one in fields(spot)))
