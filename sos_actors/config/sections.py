"""The sections of the configuration: one frozen value a table of `conf/sos.toml`, checked where it is made.

What a key means stands beside it in `conf/sos.toml`.
"""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from sos_actors.errors import ConfigError
from sos_actors.types import Regime

SIZING_MODES = ("lots", "risk")
MARKET_SYMBOLS = ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50")
"""Indices with an option chain; a test holds them to those of `market/symbols.py`, which stands above this leaf."""


def _setting(
    default: Any, *, at_least: float | None = None, at_most: float | None = None, one_of: tuple[str, ...] = ()
) -> Any:
    """A field with a default and the limits `_check` holds it to; every number is also refused unless finite."""
    return field(default=default, metadata={"at_least": at_least, "at_most": at_most, "one_of": one_of})


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the file. Making one with a value that is not allowed raises ConfigError."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            wrong = _complaint(item, getattr(self, item.name))
            if wrong:
                raise ConfigError(f"{table_name(self)}.{item.name}: {wrong}")


@dataclass(frozen=True, slots=True)
class Paths(Section):
    """Folders. Relative ones are taken from `home()`, never from the folder the command was typed in."""

    data_dir: Path = _setting(Path("var"))
    strategies: Path = _setting(Path("strategies"))


@dataclass(frozen=True, slots=True)
class Risk(Section):
    """What the risk gate denies an entry for. Minutes count back from the end of continuous trading."""

    max_open_positions: int = _setting(3, at_least=1)
    max_per_symbol: int = _setting(1, at_least=1)
    max_trades_per_day: int = _setting(20, at_least=1)
    max_daily_loss_inr: float = _setting(10000.0, at_least=0)
    last_entry_before_close_min: int = _setting(30, at_least=0, at_most=375)
    square_off_before_close_min: int = _setting(10, at_least=1, at_most=375)


@dataclass(frozen=True, slots=True)
class Sizing(Section):
    """How much of an instrument one entry buys."""

    mode: str = _setting("lots", one_of=SIZING_MODES)
    lots: int = _setting(1, at_least=1)
    risk_budget_inr: float = _setting(2000.0, at_least=1)
    equity_value_inr: float = _setting(100000.0, at_least=1)


@dataclass(frozen=True, slots=True)
class Options(Section):
    """Which option contract stands for an index."""

    min_days_to_expiry: int = _setting(0, at_least=0, at_most=60)
    max_quote_age_s: int = _setting(180, at_least=1)


@dataclass(frozen=True, slots=True)
class Mood(Section):
    """The market's mood (regime) as a veto."""

    veto_regimes: tuple[Regime, ...] = _setting((Regime.SIDEWAYS,))
    market_symbol: str = _setting("NIFTY", one_of=MARKET_SYMBOLS)
    stale_after_s: int = _setting(600, at_least=1)
    hysteresis_minutes: int = _setting(3, at_least=1, at_most=375)


@dataclass(frozen=True, slots=True)
class Fills(Section):
    """How simulated fills are priced."""

    slippage_ticks: int = _setting(1, at_least=0)
    entry_valid_minutes: int = _setting(3, at_least=1, at_most=375)
    model_volatility: float = _setting(0.14, at_least=0.01, at_most=5)


@dataclass(frozen=True, slots=True)
class Charges(Section):
    """The broker's part of the charges; taxes and exchange fees are dated tables in `market/tables/`."""

    equity_brokerage_fraction: float = _setting(0.0005, at_least=0, at_most=1)
    brokerage_per_order_inr: float = _setting(20.0, at_least=0)


@dataclass(frozen=True, slots=True)
class Simulation(Section):
    """The simulated market."""

    seed: int = _setting(7, at_least=0)


@dataclass(frozen=True, slots=True)
class StoreSettings(Section):
    """The databases (table `[store]`)."""

    commit_rows: int = _setting(10000, at_least=1)


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
    simulation: Simulation = field(default_factory=Simulation)
    store: StoreSettings = field(default_factory=StoreSettings)

    @classmethod
    def default(cls) -> Config:
        """Every value as documented in `conf/sos.toml`, folders taken from `home()`."""
        return anchored(cls(), home())

    def as_document(self) -> dict[str, dict[str, object]]:
        """Plain values by section for a report; without `[paths]`, which differ from machine to machine."""
        sections = (item.name for item in dataclasses.fields(self) if item.name != "paths")
        return {name: {k: _plain(v) for k, v in values_of(getattr(self, name)).items()} for name in sections}


def home() -> Path:
    """The folder relative paths of the configuration are taken from: `SOS_HOME`, or the checkout.

    An installed package has no checkout around it; then it is the current folder.
    """
    if os.environ.get("SOS_HOME"):
        return Path(os.environ["SOS_HOME"]).expanduser().absolute()
    checkout = Path(__file__).resolve().parent.parent.parent
    return checkout if (checkout / "conf" / "sos.toml").is_file() else Path.cwd()


def _complaint(item: dataclasses.Field[Any], value: object) -> str:
    """What is wrong with the value of a field, with what is allowed; empty when nothing is."""
    expected = type(item.default)
    if not isinstance(value, expected) or isinstance(value, bool):
        words = {int: "a whole number", float: "a number", tuple: "a list of regimes"}
        return f"{_plain(value)!r} is not {words.get(expected, 'a text')}."
    if isinstance(value, (str, Path)) and not str(value).strip("."):
        return "must not be empty."
    low, high, choices = (item.metadata[key] for key in ("at_least", "at_most", "one_of"))
    if choices and value not in choices:
        return f"{value!r} is not allowed: one of {', '.join(choices)}."
    if isinstance(value, (int, float)) and not isinstance(value, Enum):
        outside = not math.isfinite(value) or (low is not None and value < low) or (high is not None and value > high)
        if outside:
            return f"{value!r} is not allowed: {_range(low, high)}."
    return ""


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    return f"{low:g} or more" if low is not None else "a finite number"


def table_name(section: Section) -> str:
    """`store` of `StoreSettings`."""
    return type(section).__name__.removesuffix("Settings").lower()


def values_of(section: Section) -> dict[str, Any]:
    """The values by key."""
    return {item.name: getattr(section, item.name) for item in dataclasses.fields(section)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value.name if isinstance(value, Regime) else value


def anchored(config: Config, folder: Path) -> Config:
    """The configuration with relative folders taken from `folder`."""
    paths = {name: folder / path.expanduser() for name, path in values_of(config.paths).items()}
    return dataclasses.replace(config, paths=Paths(**paths))
