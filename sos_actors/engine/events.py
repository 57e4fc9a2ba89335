"""Everything the engine can be told, and what it stands on beside its plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sos_actors.config import Risk
from sos_actors.engine.following import SymbolDropped, SymbolFollowed
from sos_actors.engine.picking import ContractRules
from sos_actors.market.calendar import Calendar
from sos_actors.market.charges import ChargeRates
from sos_actors.messages.market import (
    BarClosed,
    PriceSpan,
    QuarantineChanged,
    ScreenerAlert,
    Sentiment,
    Tick,
    Ticks,
    TimerFired,
)
from sos_actors.messages.trading import (
    EntriesStopped,
    EntriesWithdrawn,
    FlattenRequested,
    OrderUpdated,
    PositionCorrected,
)

Event = (
    BarClosed | Sentiment | ScreenerAlert | QuarantineChanged | Tick | Ticks | PriceSpan | OrderUpdated | TimerFired
    | EntriesStopped | EntriesWithdrawn | FlattenRequested | PositionCorrected | SymbolFollowed | SymbolDropped
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EngineRules:
    """What the engine stands on beside its plan; all of it values and pure functions.

    Attributes:
        stale_ns: how old a sentiment may be.
        market_symbol: canonical; its sentiment serves symbols that have none of their own.
        listed: expiries of an underlying (short name) on a day, nearest first.
        contracts: how contracts are chosen.
        stock_rates: estimated charges of stocks.
        most_followed: symbols whose patterns are stepped in one call.
    """

    calendar: Calendar
    risk: Risk
    stale_ns: int
    market_symbol: str
    listed: Callable[[str, date], list[date]]
    contracts: ContractRules
    stock_rates: ChargeRates
    most_followed: int = 8
