"""The strategies a command was pointed at: refused files are told on stderr, the others go on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sos_actors.app.backtest import followed
from sos_actors.app.headline import plural
from sos_actors.app.strategy_files import validate_paths
from sos_actors.engine.plan import follows
from sos_actors.errors import StrategyError
from sos_actors.market.instruments import Instrument
from sos_actors.strategy.findings import Finding, Severity
from sos_actors.strategy.load import LoadedStrategy
from sos_actors.strategy.program import compile_strategies
from sos_actors.strategy.tree import Strategy

IDLE_NAMED = 5
"""Strategies named one by one in the line on those that follow no symbol of the run."""


def checked_files(paths: Sequence[Path]) -> list[LoadedStrategy]:
    """Every file below the paths, checked to the end: what `sos validate` tells and what a run goes by."""
    return [_compiled(file) for file in validate_paths(paths).files]


def usable_strategies(paths: Sequence[Path]) -> list[Strategy]:
    """Load and check files and folders; a file that `sos validate` refuses is reported and left out.

    Raises:
        StrategyError: a path does not exist, or no strategy is left.
    """
    for path in paths:
        if not path.exists():
            raise StrategyError(f"There are no strategies at {path}: no such file or folder.")
    files = checked_files(paths)
    for file in files:
        for finding in file.errors:
            print(f"sos: {finding.render()}", file=sys.stderr)
    strategies = [file.strategy for file in files if file.strategy is not None and not file.errors]
    if not strategies:
        where = ", ".join(str(path) for path in paths)
        raise StrategyError(f"No usable strategy in {where}. 'sos validate {where}' says what is wrong with each file.")
    return strategies


def tell_idle(strategies: Sequence[Strategy], instruments: Sequence[Instrument], *, aloud: bool) -> None:
    """Say on stderr which strategies name other symbols only, so that the run does not follow them.

    Args:
        strategies: of the run.
        instruments: of the run.
        aloud: False when the user did not choose the strategies, and so expects some to be for other symbols.

    Raises:
        StrategyError: that is all of them.
    """
    symbols = [followed(instrument) for instrument in instruments]
    idle = [one for one in strategies if not any(follows(one, symbol) for symbol in symbols)]
    if not idle:
        return
    names = ", ".join(symbol.short_name for symbol in symbols)
    if len(idle) == len(strategies):
        wanted = ", ".join(dict.fromkeys(name for one in idle for name in one.symbols))
        raise StrategyError(f"No strategy follows {names}: the files name {wanted}. Choose --symbol accordingly.")
    if not aloud:
        return
    listed = ", ".join(one.pattern_id for one in idle[:IDLE_NAMED]) + (", ..." if len(idle) > IDLE_NAMED else "")
    verb = "follows" if len(idle) == 1 else "follow"
    print(f"sos: {plural(len(idle), 'strategy')} {verb} none of {names}: {listed}", file=sys.stderr)


def _compiled(file: LoadedStrategy) -> LoadedStrategy:
    """The file with one more finding when it is fine but for the compiled form, which cannot express it."""
    if file.strategy is None or file.errors:
        return file
    try:
        compile_strategies((file.strategy,))
    except StrategyError as error:
        return replace(file, findings=(*file.findings, Finding(Severity.ERROR, file.path, "$", str(error))))
    return file
