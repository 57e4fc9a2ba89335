"""`sos parity`: a session's decisions beside those of a run over the stored day, each difference with its cause."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sos_actors.app.document import exchange_times
from sos_actors.app.filling import own_folder
from sos_actors.app.headline import plural
from sos_actors.app.journaling import FOLDER, find_journal
from sos_actors.app.parity import Cause, Difference, Parity, find_parity
from sos_actors.app.sources import symbol_master
from sos_actors.cli.arguments import Subparsers, new_command
from sos_actors.cli.kernel_cache import kernels_are_cold
from sos_actors.cli.progress import Progress
from sos_actors.config import Config
from sos_actors.market.calendar import Calendar
from sos_actors.market.symbols import short_name_of
from sos_actors.store.database import Store

EXAMPLE = """
sos parity 2026-01-13
sos parity 2026-01-13 --run evening --show 50
sos parity --json                the latest session, as one JSON document
"""
_SHOWN = 20


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's flags."""
    parser = new_command(
        subparsers,
        "parity",
        "Compare a session with what 'sos backtest' makes of the stored day.\n"
        "Each difference is one of: data (the engine was told something else than is stored), timing (too late), fill\n"
        "(orders filled otherwise, and what follows), configuration. The exit status is 1 when one has no cause.",
        EXAMPLE,
    )
    parser.add_argument("day", nargs="?", default="", metavar="DATE", help="a day or a journal; default the latest")
    parser.add_argument(
        "--run", default="", metavar="NAME", help="which run, where a day has several; default the last"
    )
    parser.add_argument("--show", type=int, default=_SHOWN, metavar="N", help=f"differences shown; default {_SHOWN}")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead, with all differences")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the command; 0 when every difference has a cause, 1 when one has none."""
    path = find_journal(config, args.day, args.run)
    with Progress("Comparing"), Store.open(_folder(path, config), read_only=True) as store:
        if kernels_are_cold():
            print("Compiling the engine, once; this takes up to a minute.", file=sys.stderr)
        found = find_parity(path, config, store, Calendar.default(), symbol_master(config))
    if args.json:
        print(json.dumps(_document(found, path), ensure_ascii=False))
    else:
        print("\n".join(_lines(found, path, args.show)))
    return 0 if found.explained else 1


def _folder(journal: Path, config: Config) -> Path:
    """The data folder a journal lies in; that of the configuration when it lies elsewhere."""
    return journal.parent.parent if journal.parent.name == FOLDER else own_folder(config)


def _lines(found: Parity, path: Path, most: int) -> list[str]:
    header = found.header
    simulated = "SIMULATED DATA. " if header.origin == "simulated" else ""
    lines = [
        f"{simulated}{path}: {header.day}, {header.mode} with {header.broker}, run {header.run}.",
        f"Session {plural(found.signals, 'signal')}, {plural(found.trades, 'trade')}; stored day "
        f"{plural(found.stored_signals, 'signal')}, {plural(found.stored_trades, 'trade')}; {found.alike} went alike.",
    ]
    lines += [f"Changed since: {one}." for one in found.configuration]
    if found.torn:
        lines.append(f"The journal's end is torn: {found.torn}")
    counts = found.counts
    lines.append("Differences: " + ", ".join(f"{count} {cause}" for cause, count in counts.items()))
    for one in found.differences[:most]:
        lines += _difference_lines(one)
    if len(found.differences) > most > 0:
        lines.append(f"and {len(found.differences) - most} more (--show N)")
    unexplained = counts[Cause.UNEXPLAINED]
    lines.append(
        "Every difference has a cause." if found.explained
        else f"{plural(unexplained, 'difference')} without a cause: 'sos replay' and 'sos explain' show more."
    )  # fmt: skip
    return lines


def _difference_lines(one: Difference) -> list[str]:
    time = exchange_times([one.key.ts])[0][11:16]
    return [
        f"{one.cause:13} {time} {short_name_of(one.key.symbol)} {one.key.strategy}: {one.why}",
        f"    session  {one.then or 'no such signal'}",
        f"    stored   {one.stored or 'no such signal'}",
    ]


def _document(found: Parity, path: Path) -> dict[str, Any]:
    return {
        "journal": str(path), "run": found.header.run, "day": str(found.header.day),
        "simulated": found.header.origin == "simulated", "explained": found.explained, "alike": found.alike,
        "signals": found.signals, "stored_signals": found.stored_signals, "trades": found.trades,
        "stored_trades": found.stored_trades, "counts": {str(cause): n for cause, n in found.counts.items()},
        "configuration": list(found.configuration), "torn": found.torn,
        "differences": [
            {
                "cause": str(one.cause), "time": exchange_times([one.key.ts])[0], "symbol": one.key.symbol,
                "strategy": one.key.strategy, "session": one.then, "stored": one.stored, "why": one.why,
            }
            for one in found.differences
        ],
    }  # fmt: skip
