"""Connects the vendors a configuration names: one set of clients, whoever is at the other end of the addresses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sos_actors.app.ingest.request import HistorySources
from sos_actors.config import Config
from sos_actors.errors import VendorError
from sos_actors.market.instruments import SymbolMaster
from sos_actors.ports import BreadthSource, CandleSource, ChainSource
from sos_actors.runtime.clock import Clock
from sos_actors.types import Secret
from sos_actors.vendors.nse.client import NseSite
from sos_actors.vendors.tradingview.chart import TradingViewChart
from sos_actors.vendors.tradingview.screener import TradingViewScreener
from sos_actors.vendors.trendlyne.client import SmartOptions
from sos_actors.vendors.upstox.client import UpstoxClient
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.instruments import upstox_master
from sos_actors.vendors.upstox.instruments_download import download_instruments, is_current


@dataclass(frozen=True, slots=True)
class Vendors:
    """The connected vendors.

    Attributes:
        master: the instruments that can be named.
        upstox: the broker's REST API.
        screener, nse, trendlyne, chart: the others.
        history: who is asked for what of the past and of today, in the order of trust.
    """

    master: SymbolMaster
    upstox: UpstoxClient
    screener: TradingViewScreener
    nse: NseSite
    trendlyne: SmartOptions
    chart: TradingViewChart
    history: HistorySources


@contextmanager
def connect_vendors(
    config: Config, token: Secret, instruments: Path, now: Clock, patience_s: float = 60.0
) -> Iterator[Vendors]:
    """All vendors of a configuration; the instrument file is fetched first when there is no current one.

    Args:
        config: addresses, time-outs, order of trust.
        token: of Upstox; what needs one is refused without.
        instruments: where Upstox's instrument file lies or is to lie.
        now: what time it is for the vendors.
        patience_s: no reading call to Upstox waits longer for its turn within the rates.

    Raises:
        VendorError: there is no instrument file, and none can be fetched.
        DataError: the instrument file cannot be read.
    """
    with ExitStack() as stack:
        connection = UpstoxConnection(config.upstox, token or None, clock=now, patience_s=patience_s)
        stack.enter_context(connection)
        master, notes = _master(connection, instruments, now)
        upstox = UpstoxClient(connection, master)
        chart = stack.enter_context(TradingViewChart(config.tradingview, clock=now))
        screener = TradingViewScreener(config.tradingview, config.screener, master=master, clock=now)
        nse = stack.enter_context(NseSite(config.nse, master=master, clock=now))
        trendlyne = stack.enter_context(SmartOptions(config.trendlyne, clock=now))
        candles: dict[str, CandleSource] = {"upstox": upstox.candles, "tradingview": chart}
        chains: dict[str, ChainSource] = {
            "nse": nse, "trendlyne": trendlyne, "upstox": upstox.chain,
        }  # fmt: skip
        breadth: dict[str, BreadthSource] = {"nse": nse, "tradingview": screener}
        trust = config.trust
        history = HistorySources(
            [candles[name] for name in trust.candles], upstox.contracts, [chains[name] for name in trust.chain],
            [breadth[name] for name in trust.breadth], screener, notes,
        )  # fmt: skip
        yield Vendors(master, upstox, screener, nse, trendlyne, chart, history)


def _master(upstox: UpstoxConnection, path: Path, now: Clock) -> tuple[SymbolMaster, tuple[str, ...]]:
    """The instruments, and what a reader should know of them: an older file serves when no newer one comes."""
    notes: tuple[str, ...] = ()
    if not is_current(path, now()):
        try:
            download_instruments(upstox, path)
        except VendorError as error:
            if not path.is_file():
                raise
            notes = (f"The instrument file is an older one: {error}",)
    return upstox_master(path), notes
