"""What every part of an import needs, and how rows compare with those already stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.imports.naming import Naming
from sos_actors.app.imports.reading import Batch
from sos_actors.app.imports.report import EXAMPLES, ImportOptions, ImportReport
from sos_actors.app.imports.rows import same_values
from sos_actors.market.calendar import Calendar
from sos_actors.store import Store
from sos_actors.types import UnixNanos


@dataclass(frozen=True, slots=True)
class ImportJob:
    """One file on its way into the store.

    Attributes:
        store: where to.
        options: how to read the file.
        calendar: the market's hours.
        naming: what symbols mean.
        report: filled on the way.
        source: stored beside each row.
        now: bars later than this are refused; None takes any.
    """

    store: Store
    options: ImportOptions
    calendar: Calendar
    naming: Naming
    report: ImportReport
    source: str
    now: UnixNanos | None = None

    def future(self, ts: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which times are later than now."""
        return np.zeros(len(ts), np.bool_) if self.now is None else ts > self.now

    def reject(
        self,
        checks: Mapping[str, NDArray[np.bool_]],
        part: Batch,
        symbol: str,
        details: Mapping[int, str] | None = None,
    ) -> NDArray[np.bool_]:
        """Count each bad row under the first reason that holds; returns the good ones."""
        good = np.ones(len(part), np.bool_)
        for reason, bad in checks.items():
            self.report.reject(reason, part.line[good & bad], symbol, part.ts[good & bad], details)
            good &= ~bad
        return good


@dataclass(frozen=True, slots=True)
class Held:
    """Rows beside those of the store with the same keys.

    Attributes:
        held: bool (n,), the store has a row of that key.
        same: bool (n,), with the same values; unknown equals unknown.
        values: float64 (columns, n), the file's.
        stored: float64 (columns, n), the store's, NaN where it has none.
    """

    held: NDArray[np.bool_]
    same: NDArray[np.bool_]
    values: NDArray[np.float64]
    stored: NDArray[np.float64]

    @classmethod
    def match(
        cls,
        keys: NDArray[np.int64],
        values: NDArray[np.float64],
        stored_keys: NDArray[np.int64],
        stored_values: NDArray[np.float64],
    ) -> Held:
        """Compare.

        Args:
            keys: int64 (n,), of the file's rows.
            values: float64 (columns, n).
            stored_keys: int64 (m,), ascending.
            stored_values: float64 (columns, m).
        """
        held = np.zeros(len(keys), np.bool_)
        stored = np.full(values.shape, np.nan)
        if len(stored_keys):
            places = np.minimum(np.searchsorted(stored_keys, keys), len(stored_keys) - 1)
            held = stored_keys[places] == keys
            stored[:, held] = stored_values[:, places[held]]
        return cls(held, held & same_values(values, stored), values, stored)

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Which rows would replace one with other values."""
        return self.held & ~self.same

    @property
    def contradicts(self) -> NDArray[np.bool_]:
        """Which rows would replace a known value with another; giving an unknown one is no contradiction."""
        other = (self.values != self.stored) & ~np.isnan(self.stored) & ~np.isnan(self.values)
        result: NDArray[np.bool_] = self.held & other.any(axis=0)
        return result

    def keeping_what_is_known(self) -> Self:
        """The same with the file's unknown values filled from the store."""
        values = np.where(np.isnan(self.values), self.stored, self.values)
        return type(self)(self.held, self.held & same_values(values, self.stored), values, self.stored)

    def changes(self, rows: NDArray[np.bool_], lines: NDArray[np.int64], names: Sequence[str]) -> dict[int, str]:
        """``close 100 -> 101`` of the first of some rows, by line.

        Args:
            rows: bool (n,), which.
            lines: int64 (n,), their lines in the file.
            names: of the columns.
        """
        texts = {}
        for row in np.flatnonzero(rows)[:EXAMPLES].tolist():
            pairs = zip(names, self.stored[:, row].tolist(), self.values[:, row].tolist(), strict=True)
            differing = [f"{name} {_text(old)} -> {_text(new)}" for name, old, new in pairs if _text(old) != _text(new)]
            texts[int(lines[row])] = ", ".join(differing)
        return texts


def _text(value: float) -> str:
    return "unknown" if np.isnan(value) else f"{value!r}".removesuffix(".0")
