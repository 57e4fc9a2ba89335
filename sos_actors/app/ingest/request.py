"""What is to be ingested, from whom, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from sos_actors.market.symbols import short_name_of
from sos_actors.ports import BreadthSource, CandleSource, ChainSource, ContractSource, ReferencePrices

CANDLES, OPTIONS, FULL_OPTIONS, BREADTH = "candles", "options", "options_full", "breadth"
"""What a day can be marked whole for."""


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """What is wanted.

    Attributes:
        symbols: canonical, indices and shares.
        days: sessions to be whole, oldest first: candles, option contracts, chains, measures.
        warm_up: sessions of which only candles are wanted.
        full_options: every listed strike, and a chain snapshot every minute.
        force: ask again for days that are whole, and replace what is stored.
        min_days_to_expiry: as the engine chooses expiries; those are fetched beside the nearest.
    """

    symbols: Sequence[str]
    days: Sequence[date]
    warm_up: Sequence[date] = ()
    full_options: bool = False
    force: bool = False
    min_days_to_expiry: int = 0


    def option_marks(self) -> tuple[str, ...]:
        """What a day may be marked for to be whole, what this request marks it for first.

        A run that trades a later expiry than the nearest needs its contracts too, so its days have marks of their own.
        """
        ending = f"_from_{self.min_days_to_expiry}_days" if self.min_days_to_expiry else ""
        kinds = (FULL_OPTIONS,) if self.full_options else (OPTIONS, FULL_OPTIONS)
        return tuple(f"{kind}{ending}" for kind in kinds)


@dataclass(frozen=True, slots=True)
class HistorySources:
    """Who is asked, the most trusted first; ``reference`` is whose prices ours are held against."""

    candles: Sequence[CandleSource]
    contracts: ContractSource | None
    chains: Sequence[ChainSource] = ()
    breadth: Sequence[BreadthSource] = ()
    reference: ReferencePrices | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is still missing, and why."""

    symbol: str
    what: str
    first: date
    last: date
    reason: str


@dataclass(slots=True)
class IngestReport:
    """What came of it.

    Attributes:
        rows: written, by what they are.
        sources: rows written, by who gave them.
        whole: (symbol, day, what) that are whole now and were not before.
        skipped: how many were whole already.
        asked: requests for candles or contracts.
        gaps: what is still missing.
        notes: what a reader should know besides.
    """

    rows: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    whole: list[tuple[str, date, str]] = field(default_factory=list)
    skipped: int = 0
    asked: int = 0
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def wrote(self, what: str, source: str, rows: int) -> None:
        """Count rows."""
        self.rows[what] = self.rows.get(what, 0) + rows
        self.sources[source] = self.sources.get(source, 0) + rows

    def note(self, text: str) -> None:
        """Say something, once."""
        if text not in self.notes:
            self.notes.append(text)


def gap_lines(report: IngestReport, symbol: str | None = None) -> list[str]:
    """What is still missing, gaps of one symbol with one reason as one line; of one symbol or all."""
    together: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in report.gaps:
        if symbol in (None, gap.symbol):
            together.setdefault((gap.symbol, gap.what, gap.reason), []).append(gap)
    lines = []
    for (name, what, reason), same in together.items():
        first, last = min(gap.first for gap in same), max(gap.last for gap in same)
        when = f"{first}" if first == last else f"{first} to {last}"
        lines.append(f"{short_name_of(name)} {what} {when}: {reason}")
    return lines
