"""The sections of the vendors and of bringing their data in. What a key means stands beside it in `conf/sos.toml`."""

from __future__ import annotations

from dataclasses import dataclass

from sos_actors.config.section import Section, setting


@dataclass(frozen=True, slots=True)
class Upstox(Section):
    """Addresses and limits of Upstox. The token is no setting: `sos login` keeps it outside the checkout."""

    rest_url: str = setting("https://api.upstox.com")
    order_url: str = setting("https://api-hft.upstox.com")
    instruments_url: str = setting("https://assets.upstox.com/market-quote/instruments/exchange/NSE.json.gz")
    connect_timeout_s: float = setting(3.0, at_least=0.1, at_most=60)
    read_timeout_s: float = setting(10.0, at_least=0.1, at_most=120)
    requests_per_second: int = setting(45, at_least=1)
    requests_per_minute: int = setting(480, at_least=1)
    requests_per_half_hour: int = setting(1950, at_least=1)
    feed_silent_after_s: float = setting(60.0, at_least=1, at_most=3600)
    algo_name: str = setting("", may_be_empty=True)


@dataclass(frozen=True, slots=True)
class Tradingview(Section):
    """Addresses of TradingView's screener and chart socket."""

    scanner_url: str = setting("https://scanner.tradingview.com")
    chart_url: str = setting("wss://data.tradingview.com/socket.io/websocket")
    timeout_s: float = setting(10.0, at_least=0.1, at_most=120)
    delayed_after_s: float = setting(60.0, at_least=1)


@dataclass(frozen=True, slots=True)
class Screener(Section):
    """The funnel: which stocks are in play."""

    min_relative_volume: float = setting(2.0, at_least=0)
    min_change_percent: float = setting(1.0, at_least=0)
    min_change_from_open_percent: float = setting(0.5, at_least=0)
    min_adx: float = setting(20.0, at_least=0, at_most=100)
    min_atr_percent: float = setting(1.0, at_least=0)
    min_close_inr: float = setting(50.0, at_least=0)
    max_close_inr: float = setting(10000.0, at_least=1)
    limit: int = setting(50, at_least=1, at_most=500)
    period_s: int = setting(15, at_least=5, at_most=600)


@dataclass(frozen=True, slots=True)
class Nse(Section):
    """NSE's website."""

    url: str = setting("https://www.nseindia.com")
    timeout_s: float = setting(8.0, at_least=0.1, at_most=120)
    min_gap_s: float = setting(0.5, at_least=0)
    rest_after_block_s: float = setting(600.0, at_least=0)


@dataclass(frozen=True, slots=True)
class Trendlyne(Section):
    """Trendlyne SmartOptions."""

    url: str = setting("https://smartoptions.trendlyne.com/phoenix/api")
    timeout_s: float = setting(8.0, at_least=0.1, at_most=120)
    min_gap_s: float = setting(0.5, at_least=0)


@dataclass(frozen=True, slots=True)
class Trust(Section):
    """Which vendor is asked first for what, and how far prices may disagree."""

    candles: tuple[str, ...] = setting(("upstox", "tradingview"), one_of=("upstox", "tradingview"))
    chain: tuple[str, ...] = setting(("nse", "trendlyne", "upstox"), one_of=("nse", "trendlyne", "upstox"))
    breadth: tuple[str, ...] = setting(("nse", "tradingview"), one_of=("nse", "tradingview"))
    price_tolerance: float = setting(0.005, at_least=0, at_most=1)


@dataclass(frozen=True, slots=True)
class Ingest(Section):
    """How history is brought in."""

    strikes_around: int = setting(12, at_least=1, at_most=100)
    chain_every_min: int = setting(5, at_least=1, at_most=375)
    parallel: int = setting(4, at_least=1, at_most=16)
