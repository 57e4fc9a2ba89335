"""The ports of the vendors in worker processes: each call is a question to the process, and its answer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sos_actors.app.worker_vendors import Part, Question, WorkerVendors
from sos_actors.config import Trust
from sos_actors.messages.market import BarSeries
from sos_actors.messages.snapshots import Breadth, OptionChain, ScreenerScan
from sos_actors.types import UnixNanos

CHAIN_S, BREADTH_S, SCAN_S, CANDLES_S = 30.0, 20.0, 20.0, 75.0
"""Real seconds an answer may take; longer than the clients' own time-outs, which say more of what went wrong."""
SCREENER = "tradingview"


@dataclass(frozen=True, slots=True)
class RemoteChain:
    """Implements ``ports.ChainSource``."""

    vendors: WorkerVendors
    name: str

    def chain(self, underlying: str, expiry: date | None = None) -> OptionChain:
        """As the vendor's client."""
        found = self.vendors.ask(Question(Part.CHAIN, self.name, "chain", (underlying, expiry)), CHAIN_S)
        assert isinstance(found, OptionChain)
        return found


@dataclass(frozen=True, slots=True)
class RemoteBreadth:
    """Implements ``ports.BreadthSource``."""

    vendors: WorkerVendors
    name: str

    def breadth(self) -> Breadth:
        """As the vendor's client."""
        found = self.vendors.ask(Question(Part.BREADTH, self.name, "breadth"), BREADTH_S)
        assert isinstance(found, Breadth)
        return found


@dataclass(frozen=True, slots=True)
class RemoteScreener:
    """Implements ``ports.Screener``."""

    vendors: WorkerVendors

    def scan(self) -> ScreenerScan:
        """As the vendor's client."""
        found = self.vendors.ask(Question(Part.SCREENER, SCREENER, "scan"), SCAN_S)
        assert isinstance(found, ScreenerScan)
        return found


@dataclass(frozen=True, slots=True)
class RemotePrices:
    """Implements ``ports.ReferencePrices``."""

    vendors: WorkerVendors
    name: str = SCREENER

    def prices(self, symbols: Collection[str]) -> dict[str, tuple[float, UnixNanos | None]]:
        """As the vendor's client."""
        found = self.vendors.ask(Question(Part.SCREENER, self.name, "prices", (tuple(symbols),)), SCAN_S)
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True, slots=True)
class RemoteCandles:
    """Implements ``ports.CandleSource``."""

    vendors: WorkerVendors
    name: str

    def candles(self, symbol: str, first: date, last: date) -> BarSeries:
        """As the vendor's client."""
        found = self.vendors.ask(Question(Part.CANDLES, self.name, "candles", (symbol, first, last)), CANDLES_S)
        assert isinstance(found, BarSeries)
        return found


@dataclass(frozen=True, slots=True)
class RemoteSources:
    """All of them, each kind in the order of trust."""

    chains: tuple[RemoteChain, ...]
    breadth: tuple[RemoteBreadth, ...]
    candles: tuple[RemoteCandles, ...]
    screener: RemoteScreener
    prices: RemotePrices


def remote_sources(vendors: WorkerVendors, trust: Trust) -> RemoteSources:
    """The sources over these processes."""
    return RemoteSources(
        tuple(RemoteChain(vendors, name) for name in trust.chain),
        tuple(RemoteBreadth(vendors, name) for name in trust.breadth),
        tuple(RemoteCandles(vendors, name) for name in trust.candles),
        RemoteScreener(vendors), RemotePrices(vendors),
    )  # fmt: skip
