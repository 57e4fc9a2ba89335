"""What a run may be told: frozen sections, and the reading of the file they stand in. A leaf below all decisions."""

from sos_actors.config.reading import load_config
from sos_actors.config.running import Bridge, Feed, Orders, Runtime, Status, Trading
from sos_actors.config.section import Section, is_loopback, is_loopback_host
from sos_actors.config.sections import (
    MARKET_SYMBOLS,
    Charges,
    Config,
    Fills,
    Mood,
    Options,
    Paths,
    Risk,
    Simulation,
    Sizing,
    StoreSettings,
    home,
)
from sos_actors.config.vendors import Ingest, Nse, Screener, Tradingview, Trendlyne, Trust, Upstox

__all__ = [
    "MARKET_SYMBOLS",
    "Bridge",
    "Charges",
    "Config",
    "Feed",
    "Fills",
    "Ingest",
    "Mood",
    "Nse",
    "Options",
    "Orders",
    "Paths",
    "Risk",
    "Runtime",
    "Screener",
    "Section",
    "Simulation",
    "Sizing",
    "Status",
    "StoreSettings",
    "Trading",
    "Tradingview",
    "Trendlyne",
    "Trust",
    "Upstox",
    "home",
    "is_loopback",
    "is_loopback_host",
    "load_config",
]
