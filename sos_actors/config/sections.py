"""The sections of the configuration: one frozen value a table of `conf/sos.toml`, checked where it is made.

What a key means stands beside it in `conf/sos.toml`.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path

from sos_actors.config.running import Bridge, Feed, Orders, Runtime, Status, Trading
from sos_actors.config.section import Section, plain, setting, values_of
from sos_actors.config.vendors import Ingest, Nse, Screener, Tradingview, Trendlyne, Trust, Upstox
from sos_actors.types import Regime

SIZING_MODES = ("lots", "risk")
PLACES = frozenset({"paths", "upstox", "tradingview", "nse", "trendlyne", "runtime", "bridge", "status"})
"""Sections that say where things are and how the machinery runs, not what is decided."""
MARKET_SYMBOLS = ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50")
"""Indices with an option chain; a test holds them to those of `market/symbols.py`, which stands above this leaf."""


@dataclass(frozen=True, slots=True)
class Paths(Section):
    """Folders. Relative ones are taken from `home()`, never from the folder the command was typed in."""

    data_dir: Path = setting(Path("var"))
    strategies: Path = setting(Path("strategies"))


@dataclass(frozen=True, slots=True)
class Risk(Section):
    """What the risk gate denies an entry for. Minutes count back from the end of continuous trading."""

    max_open_positions: int = setting(3, at_least=1)
    max_per_symbol: int = setting(1, at_least=1)
    max_trades_per_day: int = setting(20, at_least=1)
    max_daily_loss_inr: float = setting(10000.0, at_least=0)
    last_entry_before_close_min: int = setting(30, at_least=0, at_most=375)
    square_off_before_close_min: int = setting(10, at_least=1, at_most=375)


@dataclass(frozen=True, slots=True)
class Sizing(Section):
    """How much of an instrument one entry buys."""

    mode: str = setting("lots", one_of=SIZING_MODES)
    lots: int = setting(1, at_least=1)
    risk_budget_inr: float = setting(2000.0, at_least=1)
    equity_value_inr: float = setting(100000.0, at_least=1)


@dataclass(frozen=True, slots=True)
class Options(Section):
    """Which option contract stands for an index."""

    min_days_to_expiry: int = setting(0, at_least=0, at_most=60)
    max_quote_age_s: int = setting(180, at_least=1)


@dataclass(frozen=True, slots=True)
class Mood(Section):
    """The market's mood (regime) as a veto."""

    veto_regimes: tuple[Regime, ...] = setting((Regime.SIDEWAYS,))
    market_symbol: str = setting("NIFTY", one_of=MARKET_SYMBOLS)
    stale_after_s: int = setting(600, at_least=1)
    hysteresis_minutes: int = setting(3, at_least=1, at_most=375)
    period_s: int = setting(60, at_least=5, at_most=3600)


@dataclass(frozen=True, slots=True)
class Fills(Section):
    """How simulated fills are priced."""

    slippage_ticks: int = setting(1, at_least=0)
    entry_valid_minutes: int = setting(3, at_least=1, at_most=375)
    model_volatility: float = setting(0.14, at_least=0.01, at_most=5)


@dataclass(frozen=True, slots=True)
class Charges(Section):
    """The broker's part of the charges; taxes and exchange fees are dated tables in `market/tables/`."""

    equity_brokerage_fraction: float = setting(0.0005, at_least=0, at_most=1)
    brokerage_per_order_inr: float = setting(20.0, at_least=0)


@dataclass(frozen=True, slots=True)
class Simulation(Section):
    """The simulated market."""

    seed: int = setting(7, at_least=0)
    speed: float = setting(60.0, at_least=0.1, at_most=1000)


@dataclass(frozen=True, slots=True)
class StoreSettings(Section):
    """The databases (table `[store]`)."""

    commit_rows: int = setting(10000, at_least=1)


@dataclass(frozen=True, slots=True)
class Config:
    """All sections. A frozen value: change one with `dataclasses.replace`, which checks it again."""

    paths: Paths = field(default_factory=Paths)
    risk: Risk = field(default_factory=Risk)
    sizing: Sizing = field(default_factory=Sizing)
    options: Options = field(default_factory=Options)
    mood: Mood = field(default_factory=Mood)
    fills: Fills = field(default_factory=Fills)
    charges: Charges = field(default_factory=Charges)
    upstox: Upstox = field(default_factory=Upstox)
    tradingview: Tradingview = field(default_factory=Tradingview)
    screener: Screener = field(default_factory=Screener)
    nse: Nse = field(default_factory=Nse)
    trendlyne: Trendlyne = field(default_factory=Trendlyne)
    trust: Trust = field(default_factory=Trust)
    ingest: Ingest = field(default_factory=Ingest)
    simulation: Simulation = field(default_factory=Simulation)
    trading: Trading = field(default_factory=Trading)
    feed: Feed = field(default_factory=Feed)
    orders: Orders = field(default_factory=Orders)
    runtime: Runtime = field(default_factory=Runtime)
    bridge: Bridge = field(default_factory=Bridge)
    status: Status = field(default_factory=Status)
    store: StoreSettings = field(default_factory=StoreSettings)

    @classmethod
    def default(cls) -> Config:
        """Every value as documented in `conf/sos.toml`, folders taken from `home()`."""
        return anchored(cls(), home())

    def as_document(self) -> dict[str, dict[str, object]]:
        """Plain values by section for a report; without folders and vendors' addresses, which decide nothing."""
        sections = (item.name for item in dataclasses.fields(self) if item.name not in PLACES)
        return {name: {k: plain(v) for k, v in values_of(getattr(self, name)).items()} for name in sections}


def home() -> Path:
    """The folder relative paths of the configuration are taken from: `SOS_HOME`, or the checkout.

    An installed package has no checkout around it; then it is the current folder.
    """
    if os.environ.get("SOS_HOME"):
        return Path(os.environ["SOS_HOME"]).expanduser().absolute()
    checkout = Path(__file__).resolve().parent.parent.parent
    return checkout if (checkout / "conf" / "sos.toml").is_file() else Path.cwd()


def anchored(config: Config, folder: Path) -> Config:
    """The configuration with relative folders taken from `folder`."""
    paths = {name: folder / path.expanduser() for name, path in values_of(config.paths).items()}
    return dataclasses.replace(config, paths=Paths(**paths))
