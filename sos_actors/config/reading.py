"""Reads `conf/sos.toml`, or the file named instead of it, to the end: every mistake is told with its line."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sos_actors.config.section import Section, table_name, values_of
from sos_actors.config.sections import Config, anchored, home
from sos_actors.errors import ConfigError
from sos_actors.types import Regime


def load_config(path: Path | None = None) -> Config:
    """Read the configuration: `path`, else the file `SOS_CONFIG` names, else `conf/sos.toml` under `home()`.

    Keys the file leaves out have their default, and so has everything when only the last of the three is missing.

    Raises:
        ConfigError: no such file, not TOML, or unknown keys and values that are not allowed, a line for each.
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
    return anchored(_read_tables(tables, file, text), home())


def _read_tables(tables: Mapping[str, Any], file: Path, text: str) -> Config:
    default = Config()
    defaults: dict[str, Section] = {item.name: getattr(default, item.name) for item in dataclasses.fields(default)}
    sections: dict[str, Section] = {}
    mistakes: list[tuple[int, str]] = []
    for name, table in tables.items():
        if name not in defaults:
            mistakes.append((_line(text, name), f"unknown section [{name}].{_nearest(name, defaults)}"))
        elif not isinstance(table, dict):
            mistakes.append((_line(text, "", name), f"{name} must be a section: write [{name}]."))
        else:
            sections[name], wrong = _read_section(defaults[name], table)
            mistakes += [(_line(text, name, key), message) for key, message in wrong.items()]
    if mistakes:
        raise ConfigError("\n".join(f"{file}:{line}: {message}" for line, message in sorted(mistakes)))
    return Config(**sections)  # type: ignore[arg-type]


def _read_section(section: Section, table: Mapping[str, Any]) -> tuple[Section, dict[str, str]]:
    """The section with the values of the table that are allowed, and by key what is wrong with the others."""
    values, name = values_of(section), table_name(section)
    wrong: dict[str, str] = {}
    for key, value in table.items():
        if key not in values:
            wrong[key] = f"unknown key {name}.{key}.{_nearest(key, values)}"
            continue
        try:
            section = dataclasses.replace(section, **{key: _typed(value, values[key])})
        except (ConfigError, ValueError) as error:
            wrong[key] = f"{name}.{key}: {str(error).removeprefix(f'{name}.{key}: ')}"
    return section, wrong


def _typed(value: object, default: object) -> object:
    """The TOML value in the type of its default; what does not fit is left for `complaint` to name.

    Raises:
        ValueError: a regime that does not exist.
    """
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if isinstance(default, Path) and isinstance(value, str):
        return Path(value)
    if isinstance(default, tuple) and isinstance(value, list):
        regimes = bool(default) and isinstance(default[0], Regime)
        return tuple(_regime(name) for name in value) if regimes else tuple(value)
    return value


def _regime(name: object) -> Regime:
    if isinstance(name, str) and name in Regime.__members__:
        return Regime[name]
    raise ValueError(
        f"no regime is called {name!r}: one of {', '.join(Regime.__members__)}."
        f"{_nearest(str(name).upper(), Regime.__members__)}"
    )


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
