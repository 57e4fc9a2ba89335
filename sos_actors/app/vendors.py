"""Connects the vendors a configuration names: one set of clients, whoever is at the other end of the addresses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sos_actors.app.ingest.request import HistorySources
from sos_actors.config import Config
from sos_actors.market.instruments import SymbolMaster
from sos_actors.ports import BreadthSource, CandleSource, ChainSource
from sos_actors.runtime.clock import Clock
from sos_actors.types import Secret
from sos_actors.vendors.nse.client import NseSite
from sos_actors.vendors.tradingview.chart import TradingViewChart
from sos_actors.vendors.tradingview.screener import TradingViewScreener
from sos_actors.vendors.trendlyne.client import SmartOptions
from sos_actors.vendors.upstox.candles import UpstoxCandles
from sos_actors.vendors.upstox.chain import UpstoxChain
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.contracts import UpstoxContracts
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
    upstox: UpstoxConnection
    screener: TradingViewScreener
    nse: NseSite
    trendlyne: SmartOptions
    chart: TradingViewChart
    history: HistorySources


@contextmanager
def connect_vendors(config: Config, token: Secret, instruments: Path, now: Clock) -> Iterator[Vendors]:
    """All vendors of a configuration; the instrument file is fetched first when there is no current one.

    Args:
        config: addresses, time-outs, order of trust.
        token: of Upstox; what needs one is refused without.
        instruments: where Upstox's instrument file lies or is to lie.
        now: what time it is for the vendors.

    Raises:
        VendorError: there is no instrument file, and none can be fetched.
        DataError: the instrument file cannot be read.
    """
    with ExitStack() as stack:
        upstox = stack.enter_context(UpstoxConnection(config.upstox, token or None, clock=now))
        master = _master(upstox, instruments, now)
        contracts = UpstoxContracts(upstox, master)
        chart = stack.enter_context(TradingViewChart(config.tradingview, clock=now))
        screener = TradingViewScreener(config.tradingview, config.screener, master=master, clock=now)
        nse = stack.enter_context(NseSite(config.nse, master=master, clock=now))
        trendlyne = stack.enter_context(SmartOptions(config.trendlyne, clock=now))
        candles: dict[str, CandleSource] = {"upstox": UpstoxCandles(upstox, master, contracts), "tradingview": chart}
        chains: dict[str, ChainSource] = {
            "nse": nse, "trendlyne": trendlyne, "upstox": UpstoxChain(upstox, master, contracts),
        }  # fmt: skip
        breadth: dict[str, BreadthSource] = {"nse": nse, "tradingview": screener}
        trust = config.trust
        history = HistorySources(
            [candles[name] for name in trust.candles], contracts, [chains[name] for name in trust.chain],
            [breadth[name] for name in trust.breadth], screener,
        )  # fmt: skip
        yield Vendors(master, upstox, screener, nse, trendlyne, chart, history)


def _master(upstox: UpstoxConnection, path: Path, now: Clock) -> SymbolMaster:
    if not is_current(path, now()):
        download_instruments(upstox, path)
    return upstox_master(path)
