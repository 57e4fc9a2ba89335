"""What the user wrote: the configuration and the strategies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sos_actors.app.checks.finding import Finding, Status
from sos_actors.app.headline import plural
from sos_actors.config import Config
from sos_actors.config.sections import home
from sos_actors.errors import ConfigError
from sos_actors.strategy.load import LoadedStrategy

GROUP = "settings"
CheckedFiles = Callable[[Sequence[Path]], Sequence[LoadedStrategy]]
"""Reads strategy files and folders to the end."""


def configuration_finding(named: Path | None, outcome: Config | ConfigError) -> Finding:
    """Which file the configuration comes from, or what is wrong with it.

    Args:
        named: on the command line.
        outcome: what reading it gave.
    """
    if isinstance(outcome, ConfigError):
        return Finding(GROUP, "configuration", Status.FAIL, str(outcome), "Correct it; 'sos validate' checks again.")
    told = named or os.environ.get("SOS_CONFIG")
    file = Path(told) if told else home() / "conf" / "sos.toml"
    if not told and not file.exists():
        return Finding(GROUP, "configuration", Status.OK, f"the built-in one; there is no {file}")
    return Finding(GROUP, "configuration", Status.OK, str(file))


def check_strategies(config: Config, checked: CheckedFiles) -> Iterator[Finding]:
    """How many strategies there are, and how many cannot be used."""
    folder = config.paths.strategies
    files = list(checked([folder]))
    wrong = [file for file in files if file.errors]
    if not files:
        told, advice = f"none in {folder}", "Put strategy files (*.json) there, or set [paths] strategies."
        yield Finding(GROUP, "strategies", Status.FAIL, told, advice)
    elif len(wrong) == len(files):
        told = f"none of {len(files)} in {folder} can be used"
        yield Finding(GROUP, "strategies", Status.FAIL, told, "'sos validate' says what is wrong with each.")
    elif wrong:
        told = f"{len(wrong)} of {len(files)} in {folder} cannot be used"
        yield Finding(GROUP, "strategies", Status.WARN, told, "'sos validate' says what is wrong with each.")
    else:
        yield Finding(GROUP, "strategies", Status.OK, f"{plural(len(files), 'valid file')} in {folder}")
