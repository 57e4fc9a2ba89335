"""What a run may be told: one frozen section a table of `conf/sos.toml`, each value checked where it is made.

The file is read by `load_config`; what a key means stands beside it in `conf/sos.toml`. A leaf below all decisions.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from sos_actors.errors import ConfigError
from sos_actors.types import Regime

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
SIZING_MODES = ("lots", "risk")


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
                raise ConfigError(f"{_table(self)}.{item.name}: {wrong}")


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
    market_symbol: str = _setting("NIFTY")
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
class Logs(Section):
    """The day's log."""

    level: str = _setting("INFO", one_of=LOG_LEVELS)


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
    logs: Logs = field(default_factory=Logs)

    @classmethod
    def default(cls) -> Config:
        """Every value as documented in `conf/sos.toml`, folders taken from `home()`."""
        return _anchored(cls(), home())

    def as_document(self) -> dict[str, dict[str, object]]:
        """Plain values by section for a report; without `[paths]`, which differ from machine to machine."""
        sections = (item.name for item in dataclasses.fields(self) if item.name != "paths")
        return {name: {k: _plain(v) for k, v in _values(getattr(self, name)).items()} for name in sections}


def home() -> Path:
    """The folder relative paths of the configuration are taken from: `SOS_HOME`, or the checkout.

    An installed package has no checkout around it; then it is the current folder.
    """
    if os.environ.get("SOS_HOME"):
        return Path(os.environ["SOS_HOME"]).expanduser().absolute()
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "conf" / "sos.toml").is_file() else Path.cwd()


def load_config(path: Path | None = None) -> Config:
    """Read the configuration: `path`, else the file `SOS_CONFIG` names, else `conf/sos.toml` under `home()`.

    Keys the file leaves out have their default, and so has everything when only the last of the three is missing.

    Raises:
        ConfigError: no such file, not TOML, an unknown key, or a value that is not allowed.
    """
    named = path or (Path(os.environ["SOS_CONFIG"]) if os.environ.get("SOS_CONFIG") else None)
    file = named or home() / "conf" / "sos.toml"
    if named is None and not file.exists():
        return Config.default()
    try:
        text = file.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"Cannot read the configuration {file}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not a text file in UTF-8 ({error}).") from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = line[1] if line else len(text.splitlines())
        raise ConfigError(f"{file}:{where}: not valid TOML: {error}.") from error
    return _anchored(_read_tables(tables, file, text), home())


def _read_tables(tables: Mapping[str, Any], file: Path, text: str) -> Config:
    sections: dict[str, Section] = {}
    defaults = Config()
    for name, table in tables.items():
        if name not in (known := [item.name for item in dataclasses.fields(Config)]):
            raise ConfigError(f"{file}:{_line(text, name)}: unknown section [{name}].{_nearest(name, known)}")
        if not isinstance(table, dict):
            raise ConfigError(f"{file}:{_line(text, '', name)}: {name} must be a section: write [{name}].")
        default: Section = getattr(defaults, name)
        values = _values(default)
        for key, value in table.items():
            if key not in values:
                raise ConfigError(f"{file}:{_line(text, name, key)}: unknown key {name}.{key}.{_nearest(key, values)}")
            try:
                default = dataclasses.replace(default, **{key: _typed(value, values[key])})
            except (ConfigError, ValueError) as error:
                reason = str(error).removeprefix(f"{_table(default)}.{key}: ")
                raise ConfigError(f"{file}:{_line(text, name, key)}: {name}.{key}: {reason}") from error
        sections[name] = default
    return Config(**sections)  # type: ignore[arg-type]


def _typed(value: object, default: object) -> object:
    """The TOML value in the type of its default; what does not fit is left for `_complaint` to name.

    Raises:
        ValueError: a regime that does not exist.
    """
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if isinstance(default, Path) and isinstance(value, str):
        return Path(value)
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(_regime(name) for name in value)
    return value


def _regime(name: object) -> Regime:
    if isinstance(name, str) and name in Regime.__members__:
        return Regime[name]
    raise ValueError(
        f"no regime is called {name!r}: one of {', '.join(Regime.__members__)}."
        f"{_nearest(str(name).upper(), Regime.__members__)}"
    )


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


def _table(section: Section) -> str:
    return type(section).__name__.removesuffix("Settings").lower()


def _values(section: Section) -> dict[str, Any]:
    return {item.name: getattr(section, item.name) for item in dataclasses.fields(section)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value.name if isinstance(value, Regime) else value


def _anchored(config: Config, folder: Path) -> Config:
    paths = {name: folder / path.expanduser() for name, path in _values(config.paths).items()}
    return dataclasses.replace(config, paths=Paths(**paths))


def _nearest(word: str, known: Iterable[str]) -> str:
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {matches[0]}?" if matches else f" Known are {', '.join(known)}."


def _line(text: str, section: str, key: str | None = None) -> int:
    """The line a section or key stands on, 1 when it is written in a way that is not worth parsing for."""
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([^\]]+?)\s*\]", line)
        current = header[1] if header else current
        if current == section and (key is None or re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line)):
            return number
    return 1
