"""The seeded model as a vendor without a wire: candles and contracts, with a log of what was asked and faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date
from functools import lru_cache

import numpy as np

from sos_actors.app.board import day_start
from sos_actors.app.ingest.ingesting import ingest
from sos_actors.app.ingest.request import HistorySources, IngestRequest
from sos_actors.config import Ingest
from sos_actors.errors import SosError, UnknownSymbolError
from sos_actors.market.calendar import Calendar
from sos_actors.market.expiries import next_expiry
from sos_actors.market.symbols import parse_contract_symbol
from sos_actors.messages.market import BarSeries
from sos_actors.simulator.model import MarketModel, SimulatedDay
from sos_actors.store.database import Store
from sos_actors.types import OptionType, UnixNanos

CALENDAR = Calendar.default()


@lru_cache(maxsize=2)
def model(seed: int) -> MarketModel:
    return MarketModel(seed, CALENDAR)


@lru_cache(maxsize=32)
def session(day: date, seed: int = 7) -> SimulatedDay:
    return model(seed).session(day)


@lru_cache(maxsize=32)
def option_candles(underlying: str, day: date, seed: int = 7, expiry: date | None = None) -> dict[str, BarSeries]:
    return session(day, seed).option_candles(underlying, expiry)


def joined(parts: list[BarSeries]) -> BarSeries:
    if not parts:
        return BarSeries.empty()
    return BarSeries(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(BarSeries)))


class ModelSource:
    """A ``CandleSource`` and ``ContractSource`` over the model.

    Attributes:
        asked: (symbol, first, last) of every question for candles.
        fault: called with each question; may raise, or return fewer bars.
    """

    def __init__(self, name: str = "upstox", now: Callable[[], UnixNanos] | None = None, seed: int = 7) -> None:
        self.name, self.now, self.seed = name, now, seed
        self.asked: list[tuple[str, date, date]] = []
        self.listed: list[tuple[str, date]] = []
        self.fault: Callable[[str, BarSeries], BarSeries] = lambda _symbol, bars: bars
        self.contract_error: SosError | None = None

    def candles(self, symbol: str, first: date, last: date) -> BarSeries:
        self.asked.append((symbol, first, last))
        bars = joined([self._of_day(symbol, day) for day in CALENDAR.sessions(first, last)])
        if self.now is not None:
            bars = bars[bars.ts + 60_000_000_000 <= self.now()]
        return self.fault(symbol, bars)

    def _of_day(self, symbol: str, day: date) -> BarSeries:
        if symbol.startswith("NSE|FO|"):
            spec = parse_contract_symbol(symbol)
            nearest = next_expiry(spec.underlying, day, CALENDAR).day == spec.expiry
            found = option_candles(spec.underlying, day, self.seed, None if nearest else spec.expiry)
            return found.get(symbol, BarSeries.empty())
        if symbol not in session(day, self.seed).symbols:
            raise UnknownSymbolError(f"{symbol!r} is not listed.")
        return session(day, self.seed).candles(symbol)

    def expiries(self, underlying: str) -> list[date]:
        raise NotImplementedError

    def contracts(self, underlying: str, expiry: date) -> list[str]:
        self.listed.append((underlying, expiry))
        if self.contract_error is not None:
            raise self.contract_error
        days = [day for day in CALENDAR.sessions(date(expiry.year, expiry.month, 1), expiry) if (expiry - day).days < 8]
        found = {symbol for day in days for symbol in option_candles(underlying, day, self.seed)}
        specs = {symbol: parse_contract_symbol(symbol) for symbol in found}
        right = [symbol for symbol in found if specs[symbol].expiry == expiry]
        puts = {symbol for symbol in right if specs[symbol].option_type is OptionType.PE}
        return sorted(right, key=lambda symbol: (specs[symbol].strike or 0.0, symbol in puts))


def fill(store: Store, symbols: list[str], warm_up: Sequence[date], days: Sequence[date], seed: int = 7) -> None:
    """Fill a store with days of the model, as an ingest does, without a wire."""
    source, evening = ModelSource(seed=seed), UnixNanos(day_start(days[-1]) + 20 * 3_600_000_000_000)
    request = IngestRequest(symbols, days, warm_up)
    report = ingest(store, lambda: HistorySources([source], source), request, CALENDAR, Ingest(), lambda: evening)
    assert report.gaps == []
