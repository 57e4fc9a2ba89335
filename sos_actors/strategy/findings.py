"""What is wrong with a strategy file, and where: the finding the trader reads, and the error an expression raises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from sos_actors.errors import StrategyError


class Severity(StrEnum):
    """An error refuses the file, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Note:
    """Something odd about an expression that does not stop it from being used.

    Attributes:
        column: characters before the place, 0 for the first.
        suggestion: the nearest valid spelling, or None.
    """

    message: str
    column: int = 0
    suggestion: str | None = None


class ExpressionError(StrategyError):
    """An expression is refused.

    Attributes:
        reason: what is wrong, one sentence.
        source: the expression as written.
        column: characters before the place, 0 for the first.
        suggestion: the nearest valid name, or None.
    """

    def __init__(self, reason: str, source: str, column: int = 0, suggestion: str | None = None) -> None:
        self.reason = reason
        self.source = source
        self.column = column
        self.suggestion = suggestion
        hint = f" Did you mean {suggestion}?" if suggestion else ""
        super().__init__(f"{reason} (column {column + 1} of {printable(source, 120)!r}).{hint}")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a file.

    Attributes:
        json_path: for example ``$.phases[0].conditions[1]``; ``$`` is the whole document.
        expression: the expression as written, or None when the finding is not about one.
        column: characters of the expression before the place, or None.
        suggestion: the nearest valid spelling, or None.
    """

    severity: Severity
    file: str
    json_path: str
    message: str
    expression: str | None = None
    column: int | None = None
    suggestion: str | None = None

    def render(self) -> str:
        """The finding as one to three lines; a caret stands under the column of the expression."""
        hint = f" (did you mean {printable(self.suggestion)}?)" if self.suggestion else ""
        lines = [f"{printable(self.file)}: {self.severity}: {self.json_path}: {printable(self.message)}{hint}"]
        if self.expression is not None:
            lines.extend(_excerpt(self.expression, self.column))
        return "\n".join(lines)


_EXCERPT_WIDTH = 100


def _excerpt(expression: str, column: int | None) -> list[str]:
    """The expression, cut around the column when it is long, with the caret line."""
    start = 0
    if column is not None and column > _EXCERPT_WIDTH - 20:
        start = column - _EXCERPT_WIDTH // 2
    shown = expression[start : start + _EXCERPT_WIDTH]
    before = "…" if start else ""
    after = "…" if start + _EXCERPT_WIDTH < len(expression) else ""
    lines = [f"    {before}{_one_for_one(shown)}{after}"]
    if column is not None:
        lines.append("    " + " " * (len(before) + column - start) + "^")
    return lines


def _one_for_one(text: str) -> str:
    """The text with every character that would disturb a terminal or the caret replaced by one ``?`` or blank."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)


def printable(text: str, limit: int = 300) -> str:
    """The text cut to ``limit`` characters, with control characters and lone surrogates made harmless."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    return _one_for_one(shown)


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name that looks most like ``name`` (case does not count), or None when none is close."""
    by_folded = {word.casefold(): word for word in valid}
    close = get_close_matches(name[:80].casefold(), by_folded, n=1, cutoff=0.55)
    return by_folded[close[0]] if close else None
