"""What an import was told, and what it did with every row: accepted, or rejected with a reason and examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import ImportRefusedError
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND

Kind = Literal["candles", "options", "chain"]
EXAMPLES = 3

UNREADABLE_TIME = "the time cannot be read"
UNREADABLE_NUMBER = "a number cannot be read"
MISSING_NUMBER = "a price is missing"
MISSING_KEY = "strike, option type or expiry is missing"
UNKNOWN_SYMBOL = "the symbol is unknown"
NOT_POSITIVE = "a price or strike is not positive"
NEGATIVE = "a quantity or premium is negative"
OHLC = "high and low do not enclose open and close"
OFF_MINUTE = "the time is not on a minute"
NO_SESSION = "outside the market's hours"
NO_RULE = "on a day the calendar knows nothing about"
EXPIRED = "after the contract's expiry"
DUPLICATE = "the same row again"
CONFLICT = "a second row for the same minute with other values (the first is kept)"
REPLACES = "another row is stored for the same minute (kept; --force replaces it)"
FUTURE = "in the future"
SUPERSEDED = "a later snapshot of the same minute replaced it"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read a user's file.

    Attributes:
        kind: one-minute ``candles`` of indices or stocks, those of ``options``, or option ``chain`` snapshots.
        columns: our name to the file's, for example ``{"open": "Open"}``; the usual names are recognised without.
        constants: our name to a value for every row, for example ``{"expiry": "2024-01-10"}``; stronger than a column.
        oi_unit: what open interest is counted in; ``contracts`` is multiplied by the lot (a chain's volume too).
        timezone: of times without one, an IANA name or ``IST``.
        date_format: ``dmy``, ``mdy`` or a strptime pattern; found out when empty.
        label: whether a bar's time is its open or its close. Snapshots of a chain are labelled when they were known.
        source: stored beside each row; the file's name when empty.
        force: replace stored rows by different ones, and import what looks like a mistake.
        new_symbol: take a share on trust even if its name is close to a known one.
        batch_rows: rows in memory at a time.
    """

    kind: Kind = "candles"
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    oi_unit: Literal["units", "contracts"] = "units"
    timezone: str = "Asia/Kolkata"
    date_format: str = ""
    label: Literal["open", "close"] = "open"
    source: str = ""
    force: bool = False
    new_symbol: bool = False
    batch_rows: int = 250_000

    def __post_init__(self) -> None:
        choices = {
            "kind": ("candles", "options", "chain"),
            "oi_unit": ("units", "contracts"),
            "label": ("open", "close"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ImportRefusedError(f"{name} is {getattr(self, name)!r}; it may be {' or '.join(allowed)}.")
        if self.date_format not in ("", "dmy", "mdy") and "%" not in self.date_format:
            raise ImportRefusedError(
                f"The date format is {self.date_format!r}; it may be dmy, mdy or a pattern like '%d/%m/%Y %H:%M'."
            )


@dataclass(slots=True)
class Rejection:
    """Rows refused for one reason, with the first few."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ImportReport:
    """The result, filled while the file is read.

    Attributes:
        path: the file.
        rows_read: data rows of the file.
        rows_accepted: rows written (or, in a chain of one row a leg, merged into one that was).
        rejected: by reason; their counts and ``rows_accepted`` add up to ``rows_read``.
        symbols: bars or snapshot rows accepted of each canonical symbol.
        new, unchanged, replaced: bars or snapshot rows, against what the store held.
        replacements: the first replaced rows, old -> new.
        new_symbols: accepted though no instrument master knows them.
        notes: on accepted rows, for example premiums of zero stored as unknown; text to count.
        remarks: on the whole file.
        unused_columns: of the file, nothing was read from them.
    """

    path: Path
    rows_read: int = 0
    rows_accepted: int = 0
    rejected: dict[str, Rejection] = field(default_factory=dict)
    symbols: dict[str, int] = field(default_factory=dict)
    new_symbols: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)
    new: int = 0
    unchanged: int = 0
    replaced: int = 0
    replacements: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unused_columns: list[str] = field(default_factory=list)

    @property
    def rows_rejected(self) -> int:
        """Rows refused for any reason."""
        return sum(rejection.count for rejection in self.rejected.values())

    def reject(
        self,
        reason: str,
        lines: NDArray[np.int64],
        what: str = "",
        ts: NDArray[np.int64] | None = None,
        details: Mapping[int, str] | None = None,
    ) -> None:
        """Count rows under a reason.

        Args:
            reason: one of this module's sentences.
            lines: int64 (n,), their lines in the file.
            what: the symbol, for the examples.
            ts: int64 (n,), UnixNanos, for the examples.
            details: line to what is wrong in it, for the examples.
        """
        if not len(lines):
            return
        rejection = self.rejected.setdefault(reason, Rejection())
        for row in range(min(len(lines), EXAMPLES - len(rejection.examples))):
            rejection.examples.append(_example(int(lines[row]), what, None if ts is None else int(ts[row]), details))
        rejection.count += len(lines)

    def replace(self, lines: NDArray[np.int64], what: str, ts: NDArray[np.int64], details: Mapping[int, str]) -> None:
        """Keep the first examples of rows that replace others; arguments as ``reject``."""
        for row in range(min(len(lines), EXAMPLES - len(self.replacements))):
            self.replacements.append(_example(int(lines[row]), what, int(ts[row]), details))

    def note(self, text: str, count: int) -> None:
        """Count a remark on accepted rows."""
        if count:
            self.notes[text] = self.notes.get(text, 0) + count

    def took(self, symbol: str, *, new: int, unchanged: int, replaced: int) -> None:
        """Count bars or snapshot rows against the store."""
        self.symbols[symbol] = self.symbols.get(symbol, 0) + new + unchanged + replaced
        self.new += new
        self.unchanged += unchanged
        self.replaced += replaced


def _example(line: int, what: str, ts: int | None, details: Mapping[int, str] | None) -> str:
    parts = (f"line {line}", "" if ts is None else ist_text(ts), what, (details or {}).get(line, ""))
    return ", ".join(part for part in parts if part)


def ist_text(nanos: int) -> str:
    """UnixNanos as the time in India, ``2026-01-16 09:15:00``."""
    seconds = np.datetime64(nanos // NANOS_PER_SECOND + IST_OFFSET_S, "s")
    return str(seconds).replace("T", " ")
