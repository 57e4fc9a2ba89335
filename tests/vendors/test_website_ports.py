from __future__ import annotations

from sos_actors.config import Nse, Screener, Tradingview, Trendlyne
from sos_actors.ports import BreadthSource, CandleSource, ChainSource
from sos_actors.ports import Screener as ScreenerPort
from sos_actors.vendors.nse.client import NseSite
from sos_actors.vendors.tradingview.chart import TradingViewChart
from sos_actors.vendors.tradingview.screener import TradingViewScreener
from sos_actors.vendors.trendlyne.client import SmartOptions


def test_clients_are_what_the_ports_ask_for_and_connect_to_nothing_by_themselves() -> None:
    screener: ScreenerPort = TradingViewScreener(Tradingview(), Screener())
    chart: CandleSource = TradingViewChart(Tradingview())
    chains: list[ChainSource] = [NseSite(Nse()), SmartOptions(Trendlyne())]
    breadths: list[BreadthSource] = [NseSite(Nse()), TradingViewScreener(Tradingview(), Screener())]
    assert callable(screener.scan)
    assert chart.name == "tradingview"
    assert [source.name for source in chains] == ["nse", "trendlyne"]
    assert [source.name for source in breadths] == ["nse", "tradingview"]
