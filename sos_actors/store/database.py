"""The store: one logical history over a master and monthly shards in a folder, handed out as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import partial
from pathlib import Path
from typing import Literal, Self, TypeVar

import numpy as np

from sos_actors.errors import MissingDataError, StoreDamagedError, StoreError, StoreFullError
from sos_actors.market.symbols import contract_symbol, short_name_of
from sos_actors.messages.market import BarSeries, QuarantineChanged, ScreenerAlert
from sos_actors.messages.records import DepthRow
from sos_actors.store import candles, chains, quarantines, records
from sos_actors.store.columns import ChainColumns, StatsColumns
from sos_actors.store.connection import Database, Row
from sos_actors.store.fingerprint import fingerprint_of
from sos_actors.store.migrations import MASTER_MIGRATIONS
from sos_actors.store.reader import FAST_FROM_ROWS, count_rows
from sos_actors.store.records import DayRecord, RunRecord
from sos_actors.store.shards import Shards, by_month, month_day, month_of, month_slices
from sos_actors.store.trading import TradingTables
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, OptionType

Origin = Literal["real", "simulated"]
MASTER = "sos_master_data.db"
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_C = TypeVar("_C", BarSeries, ChainColumns, StatsColumns)


@dataclass(frozen=True, slots=True)
class ContractData:
    """What one day holds of one contract: traded or quoted minutes as candles, and prices in chain snapshots."""

    candles: int = 0
    snapshots: int = 0


class Store(TradingTables):
    """The databases of one folder. Use one Store per thread; any number of processes may share the folder.

    All ranges are half open, ``[first_ns, last_ns)``, in UnixNanos. Reading leaves out torn shards and lists them in
    ``damaged``; writing to one raises. Every method may raise StoreLockedError, StoreFullError or StoreError.
    """

    def __init__(self, folder: Path, master: Database, shards: Shards, origin: Origin, commit_rows: int) -> None:
        self.folder = folder
        self.origin = origin
        self._master = master
        self._shards = shards
        self._commit_rows = commit_rows

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        read_only: bool = False,
        origin: Origin | None = None,
        commit_rows: int = 10_000,
        busy_timeout_s: float = 5.0,
    ) -> Self:
        """Open a folder, creating it unless ``read_only``, and bring its schema up to date.

        Args:
            folder: where the databases lie.
            read_only: never write, not even the schema.
            origin: whether the data is real or simulated. None takes what the folder says and refuses a new folder.
            commit_rows: rows a transaction in bulk writes.
            busy_timeout_s: how long to wait for another process that writes.

        Raises:
            MissingDataError: ``read_only`` and there is no store.
            StoreError: the folder holds the other kind of data, or was written by a newer release.
        """
        path = folder / MASTER
        if origin is None and not path.is_file():
            raise MissingDataError(f"There is no store in {folder}: say whether to begin a real or a simulated one.")
        if not read_only:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreFullError(f"{folder} cannot be created: {error}. Choose another data_dir.") from error
        master = Database(path, MASTER_MIGRATIONS, read_only=read_only, busy_timeout_s=busy_timeout_s)
        try:
            kind = _claimed(master, origin)
        except StoreError:
            master.close()
            raise
        shards = Shards(folder, kind, read_only=read_only, busy_timeout_s=busy_timeout_s)
        return cls(folder, master, shards, kind, commit_rows)

    def close(self) -> None:
        """Close every file."""
        self._shards.close()
        self._master.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def damaged(self) -> tuple[StoreDamagedError, ...]:
        """The torn shards met so far; what was read does not contain their months."""
        return tuple(self._shards.damaged)

    def set_aside(self, day: date) -> Path:
        """Rename the shard of a day's month, so that ``sos ingest --force`` can rebuild it; returns the new path."""
        aside = self._shards.set_aside(month_of(_day_start_s(day)))
        records.forget_days(self._master, day.year, day.month)
        return aside

    def set_aside_damaged(self) -> list[Path]:
        """Look at every shard and set the torn ones aside; returns their new paths."""
        self.candle_symbols()
        return [self.set_aside(month_day(error.path)) for error in self.damaged]

    def add_candles(self, symbol: str, bars: BarSeries, source: str) -> int:
        """Insert or replace one-minute bars; returns how many were written.

        Raises:
            DataError: not in order, not on the minute, or a price unknown.
        """
        candles.check_bars(symbol, bars)
        for month, rows in month_slices(bars.ts // NANOS_PER_SECOND):
            candles.write_bars(self._shards.open(month), symbol, bars[rows], source, self._commit_rows)
        return len(bars)

    def candles(self, symbol: str, first_ns: int, last_ns: int) -> BarSeries:
        """One-minute bars that open in the range, across shards."""
        return self._read("candles", symbol, first_ns, last_ns, candles.read_bars, BarSeries.empty())

    def candle_symbols(self) -> list[str]:
        """Symbols that have bars, sorted."""
        return sorted({symbol for part in self._shards.collect_all(candles.symbols_with_bars) for symbol in part})

    def candle_days(self, symbol: str) -> dict[date, int]:
        """Bars of each day that has any, oldest first."""
        parts = self._shards.collect_all(lambda shard: candles.bars_per_day(shard, symbol))
        return {date.fromordinal(_EPOCH_ORDINAL + day): count for part in parts for day, count in part}

    def candle_sources(self, symbol: str, first_ns: int, last_ns: int) -> dict[str, int]:
        """Bars of each source in the range."""
        first, last = _seconds(first_ns, last_ns)
        read = self._shards.collect(first, last, lambda shard: candles.candle_sources(shard, symbol, first, last))
        totals: dict[str, int] = {}
        for name, count in (pair for part in read for pair in part):
            totals[name] = totals.get(name, 0) + count
        return totals

    def add_chain(self, underlying: str, chain: ChainColumns, source: str) -> int:
        """Insert or replace chain rows of one underlying (canonical symbol), ordered by time."""
        for month, rows in month_slices(chains.known_second(chain.ts)):
            chains.write_chain(self._shards.open(month), underlying, chain[rows], source, self._commit_rows)
        return len(chain)

    def chain(self, underlying: str, first_ns: int, last_ns: int, expiry: date | None = None) -> ChainColumns:
        """Chain rows known in the range, of one expiry or all, across shards."""
        read = partial(chains.read_chain, expiry=expiry)
        return self._read("option_chain", underlying, first_ns, last_ns, read, ChainColumns.empty())

    def contracts(self, underlying: str, day: date) -> dict[str, ContractData]:
        """The option contracts of an underlying (canonical symbol) with candles or chain prices on a day."""
        short, first = short_name_of(underlying), _day_start_s(day)
        last, prefix = first + candles.DAY_S, f"NSE|FO|{short_name_of(underlying)} "
        found: dict[str, ContractData] = {}
        for part in self._shards.collect(
            first, last, lambda shard: chains.contract_snapshots(shard, underlying, first, last)
        ):
            for expiry, strike, calls, puts in part:
                for kind, count in ((OptionType.CE, calls), (OptionType.PE, puts)):
                    if count:
                        found[contract_symbol(short, strike, kind, expiry)] = ContractData(snapshots=count)
        for bars in self._shards.collect(first, last, lambda shard: candles.contract_bars(shard, prefix, first, last)):
            for symbol, count in bars:
                found[symbol] = ContractData(count, found.get(symbol, ContractData()).snapshots)
        return dict(sorted(found.items()))

    def add_market_stats(self, symbol: str, stats: StatsColumns, source: str) -> int:
        """Update what is known at each ``ts``; an unknown value never erases a known one."""
        for month, rows in month_slices(chains.known_second(stats.ts)):
            records.write_stats(self._shards.open(month), symbol, stats[rows], source, self._commit_rows)
        return len(stats)

    def market_stats(self, symbol: str, first_ns: int, last_ns: int) -> StatsColumns:
        """Measures known in the range, across shards."""
        return self._read("market_stats", symbol, first_ns, last_ns, records.read_stats, StatsColumns.empty())

    def add_depth(self, rows: Iterable[DepthRow]) -> int:
        """Rows of ``market_depth_history``; an unknown value leaves what is there. Returns how many."""
        months: dict[int, list[Row]] = {}
        for row in rows:
            minute = -(-row.ts // (60 * NANOS_PER_SECOND)) * 60
            values = (minute, row.symbol, row.rvol, row.pcr, row.adv_dec_ratio)
            months.setdefault(month_of(minute), []).append(values)
        return sum(records.write_depth(self._shards.open(month), found) for month, found in months.items())

    def add_screener_alerts(self, alerts: Iterable[ScreenerAlert]) -> int:
        """Insert or replace alerts; returns how many."""
        return sum(records.write_alerts(self._shards.open(month), rows) for month, rows in by_month(alerts).items())

    def screener_alerts(self, first_ns: int, last_ns: int) -> list[ScreenerAlert]:
        """Alerts in the range, oldest first."""
        first, last = _seconds(first_ns, last_ns)
        parts = self._shards.collect(first, last, lambda shard: records.read_alerts(shard, first, last))
        return [alert for part in parts for alert in part]

    def add_quarantines(self, changes: Sequence[QuarantineChanged]) -> int:
        """Insert or replace changes; of two of one symbol within a second the last stands. Returns how many.

        Raises:
            DataError: a price is unknown.
        """
        quarantines.check_quarantines(changes)
        months = by_month(changes).items()
        return sum(quarantines.write_quarantines(self._shards.open(month), rows) for month, rows in months)

    def quarantines(self, first_ns: int, last_ns: int) -> list[QuarantineChanged]:
        """Changes in the range, oldest first, and before them the last earlier one of each symbol on the first day.

        So the state at ``first_ns`` is known: a quarantine does not outlive its day in India.
        """
        first, last = quarantines.day_begins_s(first_ns), _seconds(first_ns, max(first_ns, last_ns))[1]
        parts = self._shards.collect(first, last, lambda shard: quarantines.read_quarantines(shard, first, last))
        return quarantines.in_force_from([change for part in parts for change in part], first_ns)

    def fingerprint(self, symbols: Sequence[str], first_ns: int, last_ns: int) -> str:
        """SHA-256 (hexadecimal) of every stored column a run over these symbols may read: bars, measures, chains."""
        return fingerprint_of(
            part
            for symbol in sorted(symbols)
            for part in (
                (f"candles {symbol}", self.candles(symbol, first_ns, last_ns)),
                (f"stats {symbol}", self.market_stats(symbol, first_ns, last_ns)),
                (f"chain {symbol}", self.chain(symbol, first_ns, last_ns)),
            )
        )

    def save_run(self, run: RunRecord) -> None:
        """Insert or replace a run."""
        records.write_run(self._master, run)

    def runs(self) -> list[RunRecord]:
        """All runs, newest first."""
        return records.read_runs(self._master)

    def mark_day(self, symbol: str, day: date, record: DayRecord, kind: str = "candles") -> None:
        """Note how much of a day is stored."""
        records.write_day(self._master, symbol, day, kind, record)

    def days(self, symbol: str, first: date, last: date, kind: str = "candles") -> dict[date, DayRecord]:
        """The marks from ``first`` to ``last``, both included; those of a month whose file is gone do not count."""
        found = records.read_days(self._master, symbol, first, last, kind)
        return {day: record for day, record in found.items() if self._shards.exists(month_of(_day_start_s(day)))}

    def _read(
        self,
        table: str,
        symbol: str,
        first_ns: int,
        last_ns: int,
        read: Callable[[Database, str, int, int, bool], _C],
        empty: _C,
    ) -> _C:
        first, last = _seconds(first_ns, last_ns)
        rows = self._shards.collect(first, last, lambda shard: count_rows(shard, table, symbol, first, last))
        fast = sum(rows) >= FAST_FROM_ROWS
        return _joined(self._shards.collect(first, last, lambda shard: read(shard, symbol, first, last, fast)), empty)


def _claimed(master: Database, origin: Origin | None) -> Origin:
    if origin is not None:
        master.claim_origin(origin)
    stored = master.origin()
    if stored is None and origin is None:
        raise StoreError(f"{master.path} does not say whether its data is real or simulated; name the origin once.")
    return "simulated" if (stored or origin) == "simulated" else "real"


def _seconds(first_ns: int, last_ns: int) -> tuple[int, int]:
    """The half-open range in whole seconds that holds the same rows, which are stamped on whole seconds."""
    return -(-first_ns // NANOS_PER_SECOND), -(-last_ns // NANOS_PER_SECOND)


def _day_start_s(day: date) -> int:
    return (day.toordinal() - _EPOCH_ORDINAL) * candles.DAY_S - IST_OFFSET_S


def _joined(parts: list[_C], empty: _C) -> _C:
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else empty
    names = [field.name for field in fields(empty)]
    return type(empty)(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
