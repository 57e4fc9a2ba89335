"""Reads the times of a user's file: epochs, ISO, day or month first, with a zone or without."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import ImportRefusedError

if TYPE_CHECKING:
    import polars as pl

_ZONES = {"IST": "Asia/Kolkata", "GMT": "UTC", "Z": "UTC"}
_NUMERIC = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(\s|$)"
_SHORT_YEAR = r"^(\d{1,2}/\d{1,2}/)(\d\d)(\s|$)"
_CLOCKS = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_FORMATS = (
    *(f"%Y-%m-%d {clock}" for clock in _CLOCKS),
    *("%Y-%m-%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y%m%d %H:%M:%S", "%Y%m%d %H:%M", "%Y%m%d"),
    *("%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M", "%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%d-%b-%Y"),
)
_ZONE = r"(:\d\d(?:\.\d+)?)\s*(Z|[+-]\d\d:?\d\d)$"
_CALENDAR_NUMBERS = (19_000_101, 21_001_231)
"""Numbers between these are dates written without separators; as epoch seconds they would lie in 1970."""


def zone_of(name: str) -> str:
    """The IANA name of a zone, ``IST`` being India's.

    Raises:
        ImportRefusedError: there is no such zone.
    """
    import polars as pl

    zone = _ZONES.get(name.strip().upper(), name.strip())
    try:
        pl.Series([0], dtype=pl.Datetime("ns")).dt.replace_time_zone(zone)
    except pl.exceptions.PolarsError:
        raise ImportRefusedError(
            f"There is no time zone {name!r}. Names are, for example, Asia/Kolkata (or IST), UTC, Asia/Dubai, "
            f"Asia/Singapore, Europe/London, America/New_York."
        ) from None
    return zone


class TimeReader:
    """Times of one file; whether the day or the month comes first is found once.

    Args:
        timezone: of times without one.
        date_format: ``dmy``, ``mdy``, a strptime pattern, or empty to find out.
        whole: the file's whole column, asked for only if a batch does not decide the order.
    """

    def __init__(self, timezone: str, date_format: str, whole: Callable[[], pl.Series]) -> None:
        self._zone = zone_of(timezone)
        self._pattern = date_format if "%" in date_format else ""
        self._order = date_format if date_format in ("dmy", "mdy") else ""
        self._whole = whole

    def instants(self, when: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Times as UnixNanos, and which of them could be read.

        Numbers are epoch seconds, milli-, micro- or nanoseconds, told apart by their size (source: 1e11 seconds is the
        year 5138, 1e11 milliseconds is 1973). Text without a zone is in the reader's zone.

        Raises:
            ImportRefusedError: nothing tells whether the day or the month comes first.
        """
        import polars as pl

        if when.dtype == pl.Date:
            when = when.cast(pl.Datetime("ns"))
        if isinstance(when.dtype, pl.Datetime):
            zoned = when if when.dtype.time_zone else when.dt.replace_time_zone(self._zone)
            return _known(zoned.dt.cast_time_unit("ns").to_physical())
        if when.dtype == pl.String:
            when = when.str.strip_chars().str.strip_suffix(".0")
        if not self._pattern:
            numbers = when.cast(pl.Int64, strict=False)
            if numbers.null_count() <= when.null_count() + len(when) // 2 and not _are_dates(numbers):
                return _epochs(numbers)
        return self._spelled(when.cast(pl.String))

    def iso(self, text: pl.Series) -> pl.Series:
        """Dates that are written as three numbers, the year last, turned into ``year-month-day``.

        Raises:
            ImportRefusedError: as ``instants``.
        """
        text = text.str.replace(_SHORT_YEAR, "${1}20${2}${3}")
        if not text.str.contains(_NUMERIC).any():
            return text
        if not self._order:
            whole = self._whole().str.strip_chars().str.replace(_SHORT_YEAR, "${1}20${2}${3}")
            self._order = _order(text) or _order(whole)
        if not self._order:
            example = text.filter(text.str.contains(_NUMERIC).fill_null(False))[0]
            raise ImportRefusedError(
                f"Is the day or the month first in {example!r}? No date of the file has a day above 12, so nothing "
                f"tells. Say --date-format dmy or --date-format mdy."
            )
        return text.str.replace(_NUMERIC, "${3}-${2}-${1}${4}" if self._order == "dmy" else "${3}-${1}-${2}${4}")

    def expiries(self, text: pl.Series) -> pl.Series:
        """Expiry dates, the month first only where the file's times have it so."""
        reader = self if self._order else TimeReader(self._zone, "dmy", self._whole)
        return reader.iso(text)

    def _spelled(self, when: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        import polars as pl

        frame = pl.DataFrame({"text": when.str.replace(_ZONE, "$1"), "zone": when.str.extract(_ZONE, 2)})
        if not self._pattern:
            text = self.iso(frame["text"].str.replace(r"(\d)T(\d)", "${1} ${2}"))
            frame = frame.with_columns(text.alias("text"))
        local = pl.coalesce(
            pl.col("text").str.to_datetime(form, strict=False, time_unit="ns") for form in self._formats()
        )
        digits = pl.col("zone").str.replace("Z", "+0000").str.replace(":", "")
        minutes = digits.str.slice(1, 2).cast(pl.Int64) * 60 + digits.str.slice(3, 2).cast(pl.Int64)
        offset = pl.when(digits.str.starts_with("-")).then(-minutes).otherwise(minutes)
        unzoned = local.dt.replace_time_zone(self._zone, ambiguous="earliest", non_existent="null").dt.epoch("ns")
        at = pl.when(pl.col("zone").is_null()).then(unzoned).otherwise(local.dt.epoch("ns") - offset * 60_000_000_000)
        return _known(frame.select(at.alias("at"))["at"])

    def _formats(self) -> tuple[str, ...]:
        """The patterns to try; one of the user's that names only the date goes with every way to write a clock."""
        if not self._pattern:
            return _FORMATS
        pattern = self._pattern.replace("%z", "").strip()
        if any(part in pattern for part in ("%H", "%I", "%T", "%X", "%R")):
            return (pattern,)
        return (*(f"{pattern} {clock}" for clock in _CLOCKS), pattern)


def _order(text: pl.Series) -> str:
    """``dmy`` or ``mdy``; empty when both are possible and differ.

    Raises:
        ImportRefusedError: both occur.
    """
    import polars as pl

    first, second = (text.str.extract(_NUMERIC, group).cast(pl.Int64) for group in (1, 2))
    days, months = bool(((first > 12) & (second <= 12)).any()), bool(((second > 12) & (first <= 12)).any())
    if days and months:
        raise ImportRefusedError(
            "Some dates of the file have the day first and others the month. Say --date-format dmy or --date-format "
            "mdy; the rows that are not so are refused."
        )
    if months:
        return "mdy"
    return "dmy" if days or not (first != second).any() else ""


def _are_dates(numbers: pl.Series) -> bool:
    least, most = _CALENDAR_NUMBERS
    return numbers.null_count() < len(numbers) and bool(numbers.is_between(least, most).all())


def _epochs(numbers: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    import polars as pl

    sizes = np.abs(numbers.fill_null(0).to_numpy())
    scale = np.select([sizes < limit for limit in (1e11, 1e14, 1e17)], [10**9, 10**6, 1000], 1)
    return _known(numbers * pl.Series(scale))


def _known(nanos: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    return nanos.fill_null(0).to_numpy().astype(np.int64), nanos.is_not_null().to_numpy()
