"""Which addresses a configuration names, and which of them are nobody's that SOS knows."""

from __future__ import annotations

from urllib.parse import urlsplit

from sos_actors.config import Config, is_loopback

_OWNERS = {"upstox": "Upstox", "tradingview": "TradingView", "nse": "NSE", "trendlyne": "Trendlyne"}


def addresses(config: Config) -> dict[str, str]:
    """Every address of the configuration, by what is there."""
    return {
        "upstox": config.upstox.rest_url,
        "upstox orders": config.upstox.order_url,
        "upstox instruments": config.upstox.instruments_url,
        "tradingview scan": config.tradingview.scanner_url,
        "tradingview chart": config.tradingview.chart_url,
        "nse": config.nse.url,
        "trendlyne": config.trendlyne.url,
    }


def strange_addresses(config: Config) -> list[str]:
    """What is to be said of each address that is neither its vendor's own nor of this machine."""
    own = {name: urlsplit(url).hostname for name, url in addresses(Config()).items()}
    told = []
    for name, url in addresses(config).items():
        host = urlsplit(url).hostname
        if host == own[name] or is_loopback(url):
            continue
        line = f"{name}: {host} is not {_OWNERS[name.split()[0]]}'s own address"
        told.append(f"{line}; the token would be sent there" if name in ("upstox", "upstox orders") else line)
    return told
