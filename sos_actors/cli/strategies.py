"""The strategies a command was pointed at: refused files are told on stderr, the others go on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sos_actors.errors import StrategyError
from sos_actors.strategy.findings import Severity
from sos_actors.strategy.load import load_files
from sos_actors.strategy.tree import Strategy


def usable_strategies(paths: Sequence[Path]) -> list[Strategy]:
    """Load files and folders; a refused file is reported and left out.

    Raises:
        StrategyError: a path does not exist, or no strategy is left.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise StrategyError(f"There are no strategies at {path}: no such file or folder.")
        files += sorted(path.rglob("*.json")) if path.is_dir() else [path]
    loaded = load_files(files)
    for finding in loaded.findings:
        if finding.severity is Severity.ERROR:
            print(f"sos: {finding.render()}", file=sys.stderr)
    if not loaded.strategies:
        where = ", ".join(str(path) for path in paths)
        raise StrategyError(f"No usable strategy in {where}. 'sos validate {where}' says what is wrong with each file.")
    return list(loaded.strategies)
