"""The monthly files of one folder: which exist, which are torn, and one reading across them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sos_actors.errors import MissingDataError, StoreDamagedError, StoreError
from sos_actors.store.connection import Database
from sos_actors.store.migrations import SHARD_MIGRATIONS
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, UnixNanos

logger = logging.getLogger(__name__)

_FEW = 6
_NAME = re.compile(r"sos_timeseries_(\d{4})_(\d{2})\.db")
T = TypeVar("T")


class Known(Protocol):
    """Whatever was known at a moment."""

    @property
    def ts_event(self) -> UnixNanos:
        """When."""
        ...


E = TypeVar("E", bound=Known)


class Shards:
    """The months of a folder, each a self-contained ``sos_timeseries_YYYY_MM.db``.

    A month is that of the trading day in India, counted as months since January 1970.
    """

    def __init__(self, folder: Path, origin: str, *, read_only: bool, busy_timeout_s: float) -> None:
        self._folder = folder
        self._origin = origin
        self._read_only = read_only
        self._busy_timeout_s = busy_timeout_s
        self._open: dict[int, Database] = {}
        self.damaged: list[StoreDamagedError] = []

    def months(self, first_s: int, last_s: int) -> list[int]:
        """Months that have a file and touch ``[first_s, last_s)`` (epoch seconds), oldest first."""
        if last_s <= first_s:
            return []
        low, high = month_of(first_s), month_of(last_s - 1)
        if high - low < _FEW:  # asking for a file costs less than listing the folder
            return [month for month in range(low, high + 1) if self.path(month).is_file()]
        return [month for month in self.all_months() if low <= month <= high]

    def all_months(self) -> list[int]:
        """Months that have a file, oldest first."""
        names = (_NAME.fullmatch(path.name) for path in self._folder.glob("sos_timeseries_*.db"))
        return sorted((int(name[1]) - 1970) * 12 + int(name[2]) - 1 for name in names if name)

    def exists(self, month: int) -> bool:
        """Whether a month has a file."""
        return self.path(month).is_file()

    def path(self, month: int) -> Path:
        """The file of a month."""
        return self._folder / f"sos_timeseries_{1970 + month // 12:04d}_{month % 12 + 1:02d}.db"

    def open(self, month: int) -> Database:
        """The file of a month, created when new; it stays open until ``close``.

        Raises:
            StoreError: it cannot be opened, or holds the other kind of data.
        """
        if month not in self._open:
            path = self.path(month)
            database = Database(path, SHARD_MIGRATIONS, read_only=self._read_only, busy_timeout_s=self._busy_timeout_s)
            try:
                database.claim_origin(self._origin)
            except StoreError:
                database.close()
                raise
            self._open[month] = database
        return self._open[month]

    def collect(self, first_s: int, last_s: int, read: Callable[[Database], T]) -> list[T]:
        """Read each month that touches the range; a torn one is noted in ``damaged`` and left out."""
        return self._collect(self.months(first_s, last_s), read)

    def collect_all(self, read: Callable[[Database], T]) -> list[T]:
        """Read every month; a torn one is noted in ``damaged`` and left out."""
        return self._collect(self.all_months(), read)

    def _collect(self, months: list[int], read: Callable[[Database], T]) -> list[T]:
        results = []
        for month in months:
            try:
                results.append(read(self.open(month)))
            except MissingDataError:
                continue  # made and never written to: an import was interrupted right there
            except StoreDamagedError as error:
                self._note(error)
        return results

    def _note(self, error: StoreDamagedError) -> None:
        if str(error) not in map(str, self.damaged):
            logger.warning("%s", error)
            self.damaged.append(error)

    def set_aside(self, month: int) -> Path:
        """Rename a month's file so that it can be rebuilt; returns the new path.

        Raises:
            StoreError: the file cannot be renamed.
        """
        if (database := self._open.pop(month, None)) is not None:
            database.close()
        path = self.path(month)
        aside = next(name for name in _spare_names(path) if not name.exists())
        try:
            path.rename(aside)
            path.with_name(path.name + "-shm").unlink(missing_ok=True)
            # The write-ahead log goes with its file: it may hold rows that a repair can still reach.
            if (log := path.with_name(path.name + "-wal")).exists():
                log.rename(aside.with_name(aside.name + "-wal"))
        except OSError as error:
            raise StoreError(f"{path} cannot be set aside: {error}.") from error
        self.damaged = [error for error in self.damaged if str(path.absolute()) not in str(error)]
        return aside

    def close(self) -> None:
        """Close every file."""
        while self._open:
            self._open.popitem()[1].close()


def month_of(second: int) -> int:
    """The month of the trading day in India that an epoch second falls in."""
    return int(np.datetime64(second + IST_OFFSET_S, "s").astype("datetime64[M]").astype(np.int64))


def month_day(path: Path) -> date:
    """The first day of the month whose shard ``path`` is.

    Raises:
        StoreError: it is not a shard.
    """
    name = _NAME.fullmatch(path.name)
    if name is None:
        raise StoreError(f"{path} is not a monthly shard.")
    return date(int(name[1]), int(name[2]), 1)


def month_slices(seconds: NDArray[np.int64]) -> Iterator[tuple[int, slice]]:
    """Cut ascending epoch seconds into months: the month and the rows that belong to it."""
    if not len(seconds):
        return
    months = (seconds + IST_OFFSET_S).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(months)) + 1).tolist(), len(months)]
    for low, high in pairwise(edges):
        yield int(months[low]), slice(low, high)


def by_month(events: Iterable[E]) -> dict[int, list[E]]:
    """Events by the month that each was known in, rounded up to the second as they are stored."""
    months: dict[int, list[E]] = {}
    for event in events:
        months.setdefault(month_of(-(-event.ts_event // NANOS_PER_SECOND)), []).append(event)
    return months


def _spare_names(path: Path) -> Iterator[Path]:
    number = 1
    while True:
        yield path.with_name(f"{path.name}.damaged-{number}")
        number += 1
