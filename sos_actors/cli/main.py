"""The dispatcher behind `bin/sos`: finds the command, reads the configuration, turns errors into exit statuses.

Imports a command's module only when it is the one asked for, so that `sos --help` is quick. A command module has
`add_parser(subparsers)` and `run(args, config) -> int`; add it to `COMMANDS`.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from sos_actors import __version__
from sos_actors.cli.arguments import CommandParser, Subparsers, nearest, with_dashes
from sos_actors.cli.kernel_cache import prepare_kernel_cache
from sos_actors.config import Config, load_config
from sos_actors.errors import ConfigError, SosError, UsageError

COMMANDS = {
    "live": "trade a session with the whole system, on paper or for real",
    "backtest": "run strategies over history, with fills, charges and a report",
    "ingest": "bring market history into the store, from the vendors or from files of yours",
    "simulate": "run a market of all vendors on this machine",
    "validate": "check strategy files and the configuration",
    "login": "get the day's Upstox token",
    "doctor": "look at everything a run depends on: GO or NO-GO",
    "status": "the running system at a glance",
    "stop": "end the running system, closing everything first if asked to",
    "replay": "a session's journal through the engine, compared with what was decided then",
    "parity": "a day's decisions compared with a run over the stored day",
    "explain": "why a pattern did or did not fire, bar by bar",
}
"""Command -> what the list in `sos --help` says of it. The module is `sos_actors.cli.<command>`."""

FINE, NO, WRONG_USE, A_BUG, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 70, 130, 141
"""Exit statuses; the last two are what a shell reports for a program ended by Ctrl-C or by `| head`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: `sys.argv[1:]`) and return its exit status."""
    words = with_dashes(sys.argv[1:] if argv is None else argv)
    return _flushed(_guarded(words, "--debug" in words))


def _guarded(words: list[str], debug: bool) -> int:
    try:
        return _run(words)
    except SosError as error:
        return _complain(str(error), debug, WRONG_USE if isinstance(error, ConfigError | UsageError) else NO)
    except KeyboardInterrupt as stop:  # a command may say what is safe
        return _complain(str(stop) or "Stopped.", debug, INTERRUPTED)
    except BrokenPipeError:
        return PIPE_CLOSED
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        _discard_unwritable()
        return _complain(f"{error.strerror or error}{where}", debug, NO)
    except Exception:
        traceback.print_exc()
        return _complain("That is a bug in SOS; please report it with the lines above.", False, A_BUG)


def _flushed(status: int) -> int:
    """Write out what is still held back."""
    error = _discard_unwritable()
    if error is None:
        return status
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED
    return _complain(f"The output could not be written: {error.strerror}.", False, NO)


def _discard_unwritable() -> OSError | None:
    """Write out what is held back; where that fails it is dropped, else Python complains of it while it exits."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return error
    return None


def _run(words: list[str]) -> int:
    command = _command(words)
    parser, subparsers = _parser()
    module = None
    for name, summary in COMMANDS.items():
        if name == command:
            prepare_kernel_cache()
            module = import_module(f"sos_actors.cli.{name}")
            module.add_parser(subparsers)
            _add_common_flags(subparsers.choices[name], argparse.SUPPRESS)
        else:
            subparsers.add_parser(name, help=summary)
    try:
        args = parser.parse_args(words)
    except SystemExit as stop:  # --help is 0, a complaint 2
        return stop.code if isinstance(stop.code, int) else WRONG_USE
    if module is None:
        parser.print_help(sys.stderr)
        return WRONG_USE
    config = Config.default() if getattr(args, "reads_config_itself", False) else load_config(args.config)
    status: int = module.run(args, config)
    return status


def _command(words: list[str]) -> str | None:
    """The first word that is no flag and no flag's value.

    Raises:
        UsageError: there is no such command.
    """
    waiting = False
    for word in words:
        if waiting or word.startswith("-"):
            waiting = word == "--config" and not waiting
        elif word in COMMANDS:
            return word
        else:
            raise UsageError(f"There is no command {word!r}.{nearest(word, COMMANDS)} `sos --help` lists them.")
    return None


def _parser() -> tuple[CommandParser, Subparsers]:
    parser = CommandParser(
        prog="sos",
        description="SOS, the Scalping Orchestration System.",
        epilog="example: sos backtest --symbol NIFTY     A command's own flags: sos COMMAND --help",
    )
    parser.add_argument("--version", action="version", version=f"sos {__version__}")
    _add_common_flags(parser, None)
    return parser, parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=CommandParser)


def _add_common_flags(parser: argparse.ArgumentParser, default: object) -> None:
    """Both before and after the command; after it nothing is set unless given, so as not to undo the former."""
    group = parser.add_argument_group("flags of every command")
    group.add_argument(
        "--config", type=Path, default=default, metavar="FILE", help="another configuration than conf/sos.toml"
    )
    group.add_argument("--debug", action="store_true", default=default or False, help="show where an error comes from")


def _complain(message: str, debug: bool, status: int) -> int:
    if debug:
        traceback.print_exc()
    print(f"sos: {message}", file=sys.stderr)
    return status
