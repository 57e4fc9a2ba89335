"""`sos status`: the running system at a glance, from the news it writes down; asks nobody and changes nothing."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
import time

import msgspec

from sos_actors.app.seeing import Seen, Verdict, look, sentences
from sos_actors.app.status_lines import Line, Piece, Tone, line, rendered
from sos_actors.app.status_view import Block, blocks, fit, patterns, tree
from sos_actors.cli.arguments import Subparsers, new_command
from sos_actors.cli.table import wants_colour
from sos_actors.config import Config
from sos_actors.errors import MissingDataError
from sos_actors.runtime.clock import wall_time
from sos_actors.types import NANOS_PER_SECOND

WATCH_EVERY_S = 1.0
MIN_WIDTH, MAX_WIDTH = 60, 120

EXAMPLE = """
sos status
sos status --watch              # again every second, until Ctrl-C
sos status --actors             # every actor, its restarts and why
sos status --patterns NIFTY     # how far each strategy is
sos status --json
"""


def add_parser(subparsers: Subparsers) -> None:
    """Describe the command line."""
    parser = new_command(
        subparsers, "status",
        "Show the running system: what it holds, what it waits for, how fast it is.\n\n"
        "Exit status 0 when it runs and its news is fresh, 1 when nothing runs or it hangs.",
        EXAMPLE,
    )  # fmt: skip
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--actors", action="store_true", help="the whole tree of actors")
    shown.add_argument("--patterns", metavar="SYMBOL", help="how far the strategies are on a symbol")
    shown.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--watch", action="store_true", help="again every second, until Ctrl-C")


def run(args: argparse.Namespace, config: Config) -> int:
    """Run the command; 0 when the system runs and its news is fresh."""
    if not args.watch:
        return _once(args, config, None)
    try:
        while True:
            _once(args, config, shutil.get_terminal_size().lines - 1 if sys.stdout.isatty() else None)
            time.sleep(WATCH_EVERY_S)
    except KeyboardInterrupt:
        return 0


def _once(args: argparse.Namespace, config: Config, height: int | None) -> int:
    """Look and print; with a height as a screen that replaces the one before."""
    data_dir = config.paths.data_dir
    seen = look(data_dir, wall_time(), config.status.every_s)
    if args.json:
        print(json.dumps(_document(seen), ensure_ascii=False, indent=None if args.watch else 1), flush=True)
    else:
        width = min(max(shutil.get_terminal_size((100, 24)).columns, MIN_WIDTH), MAX_WIDTH)
        loud = _told(seen, config, width)
        found = _chosen(args, seen, width)
        if height is None:
            parts = [loud, *(block.lines for block in found)]
            lines = [one for part in parts if part for one in (*part, line())][:-1]
        else:
            lines = [*loud, *fit(found, height - len(loud))][:height]
        _print(lines, width, height is not None)
    return 0 if seen.verdict in (Verdict.RUNNING, Verdict.STARTING) else 1


def _told(seen: Seen, config: Config, width: int) -> list[Line]:
    tone = Tone.BAD if seen.verdict is Verdict.HUNG else Tone.LOUD
    texts = [row for text in sentences(seen, config.paths.data_dir) for row in textwrap.wrap(text, width)]
    return [line(Piece(text, tone)) for text in texts]


def _chosen(args: argparse.Namespace, seen: Seen, width: int) -> list[Block]:
    """What was asked for.

    Raises:
        MissingDataError: no pattern has begun on the symbol.
    """
    status = seen.status
    if status is None or seen.holder is None:
        return []
    if args.actors:
        return [Block(tree(status, width), 0)]
    if args.patterns:
        lines = patterns(status, args.patterns, width)
        if not lines:
            raise MissingDataError(f"No pattern has begun on {args.patterns}; `sos status` lists what is in play.")
        return [Block(lines, 0, len(lines))]
    return blocks(status, width)


def _print(lines: list[Line], width: int, screen: bool) -> None:
    text = rendered(lines, width, wants_colour(sys.stdout, os.environ))
    if screen:  # written over the old one, so nothing flickers
        text = "\x1b[H" + text.replace("\n", "\x1b[K\n") + "\x1b[J"
    print(text, end="", flush=True)


def _document(seen: Seen) -> dict[str, object]:
    age_s = None if seen.age is None else round(seen.age / NANOS_PER_SECOND, 3)
    return {
        "verdict": seen.verdict,
        "age_s": age_s,
        "pid": seen.holder.pid if seen.holder else None,
        "flat": seen.flat,
        "status": msgspec.to_builtins(seen.status),
    }
