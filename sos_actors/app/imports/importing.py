"""Imports a user's file into the store. Nothing bad goes in silently: a row is written, or counted with its reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from sos_actors.app.imports import report as reasons
from sos_actors.app.imports.bars import BarImport
from sos_actors.app.imports.chain import ChainImport
from sos_actors.app.imports.job import ImportJob
from sos_actors.app.imports.naming import Naming
from sos_actors.app.imports.reading import Batch, read_batches
from sos_actors.app.imports.report import ImportOptions, ImportReport, ist_text
from sos_actors.app.imports.rows import DAY_NS, expiry_of, hours, leg_of
from sos_actors.errors import ImportRefusedError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import SymbolMaster
from sos_actors.store import Store
from sos_actors.types import NANOS_PER_MINUTE, Segment, UnixNanos

__all__ = ["ImportOptions", "ImportReport", "import_file"]


class _Importer(Protocol):
    def take(self, batch: Batch) -> None: ...

    def finish(self) -> None: ...


def import_file(
    store: Store,
    path: Path,
    options: ImportOptions,
    calendar: Calendar,
    master: SymbolMaster,
    progress: Callable[[int], None] | None = None,
    now: UnixNanos | None = None,
) -> ImportReport:
    """Import a CSV (also gzipped) or Parquet file.

    Rows are committed in batches; after an interruption the same call goes on where nothing was lost and nothing is
    written twice. A row that is stored already counts as unchanged; one that would replace a different row is refused
    unless ``options.force``. A second row of the file for the same minute is always refused.

    Args:
        store: where to.
        path: the file.
        options: how to read it.
        calendar: the market's hours.
        master: what symbols mean; shares it does not know are taken on trust and listed in the report.
        progress: called with the rows read so far.
        now: rows later than this are refused; None takes any the calendar covers.

    Raises:
        ImportRefusedError: the file cannot be read as described; what was committed before stays.
        MarketRuleError: open interest in contracts, and no lot size for an expiry.
        StoreError: the database refuses.
    """
    report = ImportReport(path)
    naming = Naming(master, report, new_symbol=options.new_symbol)
    job = ImportJob(store, options, calendar, naming, report, options.source or path.name, now)
    importer: _Importer = ChainImport(job) if options.kind == "chain" else BarImport(job)
    for batch in read_batches(path, options, report):
        _refuse_other_constants(batch, job)
        if not report.rows_read:
            _refuse_other_hours(batch, job)
        report.rows_read += len(batch)
        report.reject(reasons.UNREADABLE_TIME, batch.line[~batch.timed], details=batch.cells)
        report.reject(reasons.UNREADABLE_NUMBER, batch.line[batch.timed & batch.garbled], details=batch.cells)
        importer.take(batch[batch.timed & ~batch.garbled])
        if progress is not None:
            progress(report.rows_read)
    if not report.rows_read:
        raise ImportRefusedError(f"{path} has a heading but no rows.")
    importer.finish()
    return report


def _refuse_other_constants(batch: Batch, job: ImportJob) -> None:
    """A constant must say what the column says that it stands for; ``force`` takes it all the same.

    Raises:
        ImportRefusedError: it says something else.
    """
    if job.options.force:
        return
    columns = dict(batch.overruled)
    if "symbol" in job.options.constants and "underlying" in batch.texts and "symbol" not in columns:
        columns["symbol"] = np.unique(batch.texts["underlying"]).tolist()
    for name, texts in columns.items():
        constant = job.options.constants[name]
        meant = _meaning(name, constant, job.naming)
        other = sorted(text for text in texts if text and _meaning(name, text, job.naming) != meant)
        if other:
            more = f" and {len(other) - 3} more" if len(other) > 3 else ""
            raise ImportRefusedError(
                f"--set {name}={constant}: the file's own column says {', '.join(other[:3])}{more}. Leave the constant "
                f"out to take the column, or add --force to take the constant."
            )


def _meaning(name: str, text: str, naming: Naming) -> object:
    """Something equal for two spellings of the same."""
    if name == "expiry":
        return expiry_of(text) or text
    if name == "option_type":
        return leg_of(text) or text
    return naming.known(text) or text.upper()


def _refuse_other_hours(batch: Batch, job: ImportJob) -> None:
    """Before anything is written: a file mostly outside the market's hours has its time zone wrong.

    Raises:
        ImportRefusedError: more than half of the first batch is outside.
    """
    if job.options.force or not batch.timed.any():
        return
    timed = batch[batch.timed]
    chain = job.options.kind == "chain"
    shift = NANOS_PER_MINUTE if chain or job.options.label == "close" else 0
    segment = Segment.EQ if job.options.kind == "candles" else Segment.FO
    outside = hours(job.calendar, timed.ts - shift, segment)[reasons.NO_SESSION]
    if chain:  # A snapshot of the opening minute is as good as one of the closing time.
        outside &= hours(job.calendar, timed.ts, segment)[reasons.NO_SESSION]
    count = int(outside.sum())
    if 2 * count > len(batch):
        first, steps = int(np.argmax(outside)), np.diff(np.unique(timed.ts))
        if len(steps) and steps.min() >= DAY_NS // 2 and not chain:
            raise ImportRefusedError("One-minute bars are needed; these are a day apart.")
        raise ImportRefusedError(
            f"Nothing was stored: {count:,} of the first {len(batch):,} rows are outside the market's hours (line "
            f"{timed.line[first]} is {ist_text(int(timed.ts[first]))} in India). Is the time zone right? Times without "
            f"one were read as {job.options.timezone}; another is named with --timezone. --force stores the others."
        )
