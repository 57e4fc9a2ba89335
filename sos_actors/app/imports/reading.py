"""Reads a user's CSV or Parquet file in batches, in whatever dialect; knows nothing of what the columns mean."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.imports.columns import NUMBERS, TEXTS, find_columns, unused_columns
from sos_actors.app.imports.report import EXAMPLES, ImportOptions, ImportReport
from sos_actors.app.imports.times import TimeReader
from sos_actors.errors import ImportRefusedError

if TYPE_CHECKING:
    import polars as pl

_GROUPED = r"^[+-]?\d{1,3}(,\d{2,3})*,\d{3}(\.\d*)?$"
"""Thousands separated, as in Excel (4,094.40) or in India (1,23,456)."""
_DELIMITERS = ",;\t|"
_SPREADSHEET = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of the file.

    Attributes:
        line: int64 (n,), line in the file; the heading is line 1.
        ts: int64 (n,), UnixNanos; only where ``timed``.
        timed: bool (n,), the time could be read.
        garbled: bool (n,), something that is not a number stands where one should.
        texts: name to strings (n,), stripped, empty where missing.
        numbers: name to float64 (n,), NaN where missing.
        cells: line to the cell that could not be read, of the first few such rows.
        overruled: name to the distinct texts of a column in place of which a constant was taken.
    """

    line: NDArray[np.int64]
    ts: NDArray[np.int64]
    timed: NDArray[np.bool_]
    garbled: NDArray[np.bool_]
    texts: dict[str, NDArray[np.str_]]
    numbers: dict[str, NDArray[np.float64]]
    cells: Mapping[int, str] = field(default_factory=dict)
    overruled: Mapping[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.line)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Batch:
        return Batch(
            *(self.line[rows], self.ts[rows], self.timed[rows], self.garbled[rows]),
            {name: column[rows] for name, column in self.texts.items()},
            {name: column[rows] for name, column in self.numbers.items()},
        )


def read_batches(path: Path, options: ImportOptions, report: ImportReport) -> Iterator[Batch]:
    """The file in pieces of about ``options.batch_rows``; notes in the report which columns go unused.

    Raises:
        ImportRefusedError: no such file, not CSV or Parquet, or a column that must be there is not.
    """
    import polars as pl

    line = 2
    try:
        frame = _scan(path)
        names = frame.collect_schema().names()
        found = find_columns(names, options)
        report.unused_columns += unused_columns(names, found)
        if "volume" not in found and "volume" not in options.constants and options.kind != "chain":
            report.remarks.append("no volume column was found: volume unknown")
        day = found.get("timestamp") or found["date"]
        times = TimeReader(
            options.timezone, options.date_format, lambda: frame.select(pl.col(day).cast(pl.String)).collect()[day]
        )
        for piece in frame.collect_batches(chunk_size=options.batch_rows, maintain_order=True):
            yield _batch(piece, found, options, times, line)
            line += len(piece)
    except pl.exceptions.PolarsError as error:
        raise ImportRefusedError(f"{path} cannot be read: {_plainly(path, error)}") from error
    except OSError as error:
        reason = error.strerror or "the file ends too early or is damaged"
        raise ImportRefusedError(f"{path} cannot be read: {reason}.") from error


def _scan(path: Path) -> pl.LazyFrame:
    import polars as pl

    if not path.is_file():
        raise ImportRefusedError(f"There is no file {path}.")
    if path.suffix == ".parquet":
        return pl.scan_parquet(path)
    with path.open("rb") as raw:
        start = raw.read(4)
    if start == _SPREADSHEET:
        raise ImportRefusedError(f"{path} is a spreadsheet or an archive: save the sheet as CSV.")
    with gzip.open(path) if start[:2] == b"\x1f\x8b" else path.open("rb") as stream:
        heading = stream.readline().decode("utf-8", "replace")
    if not heading.strip():
        raise ImportRefusedError(f"{path} is empty or does not begin with the names of its columns.")
    # The first of equals: a comma, as in a file of one column.
    separator = max(_DELIMITERS, key=heading.count)
    return pl.scan_csv(path, infer_schema=False, separator=separator)


def _plainly(path: Path, error: Exception) -> str:
    """What a library's message means for a trader."""
    text = str(error)
    if path.suffix == ".parquet":
        return "it is not a Parquet file, or it is damaged."
    if "more fields" in text:
        return "a line has more values than the heading has columns. Put numbers with commas in quotes."
    if "utf-8" in text.lower() or "utf8" in text.lower():
        return "its text is not UTF-8. Save it as 'CSV UTF-8'."
    return "it is not CSV, or it is damaged."


def _batch(piece: pl.DataFrame, found: dict[str, str], options: ImportOptions, times: TimeReader, line: int) -> Batch:
    import polars as pl

    size = len(piece)
    when = (
        piece[found["timestamp"]]
        if "timestamp" in found
        else piece[found["date"]].cast(pl.String) + " " + piece[found["time"]].cast(pl.String)
    )
    ts, timed = times.instants(when)
    cells = _cells("time", when, ~timed, line)
    texts, numbers, garbled, overruled = {}, {}, np.zeros(size, np.bool_), {}
    for ours in (*TEXTS[options.kind], *NUMBERS[options.kind]):
        if ours in options.constants:
            column = pl.repeat(options.constants[ours], size, dtype=pl.String, eager=True)
            if ours in found and ours in TEXTS[options.kind]:
                overruled[ours] = piece[found[ours]].cast(pl.String).str.strip_chars().unique().drop_nulls().to_list()
        elif ours in found:
            column = piece[found[ours]]
        else:
            continue
        if ours in TEXTS[options.kind]:
            column = column.cast(pl.String).fill_null("").str.strip_chars()
            column = times.expiries(column) if ours == "expiry" else column
            texts[ours] = column.to_numpy().astype(np.str_)
            continue
        numbers[ours], bad = _floats(column)
        cells |= _cells(found.get(ours, ours), column, bad & ~garbled, line)
        garbled |= bad
    lines = np.arange(line, line + size, dtype=np.int64)
    return Batch(lines, ts, timed, garbled, texts, numbers, cells, overruled)


def _floats(column: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A column as float64, NaN where empty, and which cells hold something that is no finite number."""
    import polars as pl

    if column.dtype == pl.String:
        column = column.str.strip_chars().replace("", None)
    values = column.cast(pl.Float64, strict=False)
    if column.dtype == pl.String and values.null_count() > column.null_count():
        grouped = column.str.contains(_GROUPED).fill_null(False)
        column = column.str.replace_all(",", "").zip_with(grouped, column)
        values = column.cast(pl.Float64, strict=False)
    bad = (values.is_null() & column.is_not_null()) | values.is_infinite().fill_null(False)
    return values.fill_null(np.nan).to_numpy().astype(np.float64), bad.to_numpy()


def _cells(name: str, column: pl.Series, bad: NDArray[np.bool_], line: int) -> dict[int, str]:
    rows = np.flatnonzero(bad)[:EXAMPLES].tolist()
    return {line + row: f"{name} is empty" if column[row] is None else f"{name} {column[row]!r}" for row in rows}
