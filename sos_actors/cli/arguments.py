"""What the commands' parsers share: `--from_date` for `--from-date`, suggestions, dates, the help's layout."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable, Sequence
from datetime import date, time
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from sos_actors.simulator.moments import read_time

if TYPE_CHECKING:
    Subparsers: TypeAlias = argparse._SubParsersAction["CommandParser"]
else:
    Subparsers = Any


class CommandParser(argparse.ArgumentParser):
    """Keeps the line breaks of examples, takes no abbreviated flags, and suggests the nearest flag to a wrong one."""

    hushed = ""
    """What is said instead of repeating words that do not belong there, where such a word may be a secret."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Print usage and the complaint, exit with 2."""
        message = self._without_secrets(message) if self.hushed else message
        wrong = message.removeprefix("unrecognized arguments: ")
        if wrong != message and wrong.startswith("-"):
            message += nearest(wrong.split()[0].split("=")[0], self.flags())
        super().error(message)

    def _without_secrets(self, message: str) -> str:
        wrong = message.removeprefix("unrecognized arguments: ")
        if wrong != message:
            flags = [word.partition("=")[0] for word in wrong.split() if word.startswith("--")]
            return f"unrecognized arguments: {' '.join(flags)}" if flags else self.hushed
        return self.hushed if "ignored explicit argument" in message else message

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the parent does, but a subcommand complains of its own wrong flags, since it knows the right ones."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def flags(self) -> list[str]:
        """Every `--flag` this parser takes."""
        return [flag for flag in self._option_string_actions if flag.startswith("--")]


def new_command(subparsers: Subparsers, name: str, description: str, example: str) -> CommandParser:
    """The parser of a command, with an example at the end of its help.

    Args:
        subparsers: what `add_parser` of the command's module was given.
        name: the word typed.
        description: a sentence or more, the first line also in the list of commands.
        example: one command line a line, each with or without a comment.
    """
    lines = "\n".join(f"  {line}" for line in example.strip().splitlines())
    return subparsers.add_parser(
        name, help=description.splitlines()[0], description=description, epilog=f"example:\n{lines}"
    )


def a_date(text: str) -> date:
    """Read `2026-01-12`, for `type=` of an argument.

    Raises:
        argparse.ArgumentTypeError: not a date of the calendar.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date: write it like 2026-01-12") from error


def a_time(text: str) -> time:
    """Read `10:30`, for `type=` of an argument.

    Raises:
        argparse.ArgumentTypeError: not a time of the day.
    """
    try:
        return read_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def with_dashes(words: Sequence[str]) -> list[str]:
    """The words with `_` turned into `-` in the names of flags, up to `--`; values stay as they are."""
    spelled: list[str] = []
    for number, word in enumerate(words):
        if word == "--":
            return spelled + list(words[number:])
        name, equals, value = word.partition("=")
        spelled.append(name.replace("_", "-") + equals + value if word.startswith("--") else word)
    return spelled


def nearest(word: str, known: Iterable[str]) -> str:
    """`` Did you mean backtest?`` with a leading space, or nothing."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {matches[0]}?" if matches else ""
