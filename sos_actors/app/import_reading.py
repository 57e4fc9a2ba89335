"""Reads a user's CSV or Parquet file in batches and finds our columns in it; knows nothing of what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.import_report import ImportOptions
from sos_actors.errors import ImportRefusedError

if TYPE_CHECKING:
    import polars as pl

_QUOTES = {
    "ltp": ("ltp", "lastprice", "last", "close", "premium"),
    "oi": ("oi", "openinterest", "openint"),
    "volume": ("volume", "vol", "v", "totaltradedvolume"),
    "iv": ("iv", "impliedvolatility"),
    "oi_change": ("oichange", "oichg", "changeinoi", "chginoi", "changeinopeninterest"),
}
TEXTS = ("symbol", "underlying", "option_type", "expiry")
NUMBERS: dict[str, tuple[str, ...]] = {
    "candles": ("open", "high", "low", "close", "volume", "oi"),
    "options": ("strike", "open", "high", "low", "close", "volume", "oi"),
    "chain": ("strike", "spot", *_QUOTES, *(f"{leg}_{name}" for leg in ("ce", "pe") for name in _QUOTES)),
}
_NAMES: dict[str, tuple[str, ...]] = {
    "timestamp": ("timestamp", "datetime", "ts", "dateandtime"),
    "date": ("date", "day", "tradedate"),
    "time": ("time",),
    "symbol": ("symbol", "ticker", "tradingsymbol", "scrip", "stock", "instrument"),
    "underlying": ("underlying", "underlyingsymbol"),
    "open": ("open", "o", "openprice"),
    "high": ("high", "h", "highprice"),
    "low": ("low", "l", "lowprice"),
    "close": ("close", "c", "closeprice"),
    "strike": ("strike", "strikeprice"),
    "option_type": ("optiontype", "type", "right", "cepe"),
    "expiry": ("expiry", "expirydate"),
    "spot": ("spot", "spotprice", "underlyingvalue", "underlyingprice"),
    **_QUOTES,
    **{f"ce_{name}": tuple(p + a for p in ("ce", "call", "calls") for a in names) for name, names in _QUOTES.items()},
    **{f"pe_{name}": tuple(p + a for p in ("pe", "put", "puts") for a in names) for name, names in _QUOTES.items()},
}
_FORMATS = (
    *("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M"),
    *("%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%Y%m%d %H:%M:%S", "%Y%m%d %H:%M"),
)
_ZONE = r"(:\d\d(?:\.\d+)?)\s*(Z|[+-]\d\d:?\d\d)$"


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
    """

    line: NDArray[np.int64]
    ts: NDArray[np.int64]
    timed: NDArray[np.bool_]
    garbled: NDArray[np.bool_]
    texts: dict[str, NDArray[np.str_]]
    numbers: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.line)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Batch:
        return Batch(
            *(self.line[rows], self.ts[rows], self.timed[rows], self.garbled[rows]),
            {name: column[rows] for name, column in self.texts.items()},
            {name: column[rows] for name, column in self.numbers.items()},
        )


def read_batches(path: Path, options: ImportOptions) -> Iterator[Batch]:
    """The file in pieces of about ``options.batch_rows``.

    Raises:
        ImportRefusedError: no such file, not CSV or Parquet, or a column that must be there is not.
    """
    import polars as pl

    if not path.is_file():
        raise ImportRefusedError(f"There is no file {path}.")
    line = 2
    try:
        frame = pl.scan_parquet(path) if path.suffix == ".parquet" else pl.scan_csv(path, infer_schema=False)
        found = find_columns(frame.collect_schema().names(), options)
        for piece in frame.collect_batches(chunk_size=options.batch_rows, maintain_order=True):
            yield _batch(piece, found, options, line)
            line += len(piece)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ImportRefusedError(f"{path} cannot be read as {path.suffix.lstrip('.') or 'a table'}: {error}") from error


def find_columns(names: list[str], options: ImportOptions) -> dict[str, str]:
    """Our names to the file's: what the user said first, then the usual spellings.

    Raises:
        ImportRefusedError: the user named something that does not exist.
    """
    wanted = ("timestamp", "date", "time", *TEXTS, *NUMBERS[options.kind])
    for ours in (*options.columns, *options.constants):
        if ours not in wanted:
            raise ImportRefusedError(f"{options.kind} have no field {ours!r}; the fields are {', '.join(wanted)}.")
    for ours, theirs in options.columns.items():
        if theirs not in names:
            raise ImportRefusedError(f"The file has no column {theirs!r} (for {ours}); it has {', '.join(names)}.")
    plain = {re.sub(r"[^a-z0-9%]", "", name.lower()): name for name in reversed(names)}
    found = {}
    for ours in wanted:
        spelling = next((plain[alias] for alias in _NAMES[ours] if alias in plain), None)
        if chosen := options.columns.get(ours) or spelling:
            found[ours] = chosen
    if "timestamp" not in found:
        if not {"date", "time"} & found.keys():
            raise ImportRefusedError(
                f"No column looks like a time: name it with --map timestamp=...; the file has {names}."
            )
        if len({"date", "time"} & found.keys()) == 1:
            found["timestamp"] = found.pop("date", "") or found.pop("time")
    return found


def _batch(piece: pl.DataFrame, found: dict[str, str], options: ImportOptions, line: int) -> Batch:
    import polars as pl

    size = len(piece)
    when = (
        piece[found["timestamp"]]
        if "timestamp" in found
        else piece[found["date"]].cast(pl.String) + " " + piece[found["time"]].cast(pl.String)
    )
    ts, timed = instants(when, options.timezone)
    texts, numbers, garbled = {}, {}, np.zeros(size, np.bool_)
    for ours in (*TEXTS, *NUMBERS[options.kind]):
        if ours in options.constants:
            column = pl.repeat(options.constants[ours], size, dtype=pl.String, eager=True)
        elif ours in found:
            column = piece[found[ours]]
        else:
            continue
        if ours in TEXTS:
            texts[ours] = column.cast(pl.String).fill_null("").str.strip_chars().to_numpy().astype(np.str_)
            continue
        if column.dtype == pl.String:
            column = column.str.strip_chars().replace("", None)
        values = column.cast(pl.Float64, strict=False)
        garbled |= (values.is_null() & column.is_not_null()).to_numpy() | values.is_infinite().fill_null(
            False
        ).to_numpy()
        numbers[ours] = values.fill_null(np.nan).to_numpy().astype(np.float64)
    return Batch(np.arange(line, line + size, dtype=np.int64), ts, timed, garbled, texts, numbers)


def instants(when: pl.Series, timezone: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Times in any of the usual forms as UnixNanos, and which of them could be read.

    Numbers are epoch seconds, milli-, micro- or nanoseconds, told apart by their size (source: 1e11 seconds is the
    year 5138, 1e11 milliseconds is 1973). Text without a zone, and day before month, is in ``timezone``.
    """
    import polars as pl

    if when.dtype == pl.Date:
        when = when.cast(pl.Datetime("ns"))
    if isinstance(when.dtype, pl.Datetime):
        zoned = when if when.dtype.time_zone else when.dt.replace_time_zone(timezone)
        return _known(zoned.dt.cast_time_unit("ns").to_physical())
    if when.dtype == pl.String:
        when = when.str.strip_chars().str.strip_suffix(".0")
    numbers = when.cast(pl.Int64, strict=False)
    if numbers.null_count() <= when.null_count() + len(when) // 2:
        scale = pl.Series(
            np.select(
                [np.abs(numbers.fill_null(0).to_numpy()) < limit for limit in (1e11, 1e14, 1e17)],
                [10**9, 10**6, 1000],
                1,
            )
        )
        return _known(numbers * scale)
    text = when.cast(pl.String).str.replace("T", " ")
    frame = pl.DataFrame({"text": text.str.replace(_ZONE, "$1"), "zone": text.str.extract(_ZONE, 2)})
    local = pl.coalesce(pl.col("text").str.to_datetime(form, strict=False, time_unit="ns") for form in _FORMATS)
    digits = pl.col("zone").str.replace("Z", "+0000").str.replace(":", "")
    minutes = digits.str.slice(1, 2).cast(pl.Int64) * 60 + digits.str.slice(3, 2).cast(pl.Int64)
    offset = pl.when(digits.str.starts_with("-")).then(-minutes).otherwise(minutes)
    unzoned = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null").dt.epoch("ns")
    at = pl.when(pl.col("zone").is_null()).then(unzoned).otherwise(local.dt.epoch("ns") - offset * 60_000_000_000)
    return _known(frame.select(at.alias("at"))["at"])


def _known(nanos: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    return nanos.fill_null(0).to_numpy().astype(np.int64), nanos.is_not_null().to_numpy()
