"""Imports a user's file into the store. Nothing bad goes in silently: a row is written, or counted with its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sos_actors.app import import_report as reasons
from sos_actors.app.import_chain import ChainImport
from sos_actors.app.import_reading import Batch, read_batches
from sos_actors.app.import_report import ImportOptions, ImportReport
from sos_actors.app.import_rows import (
    Naming,
    days_of,
    expiry_of,
    groups,
    hours,
    leg_of,
    repeats,
    same_values,
)
from sos_actors.errors import ImportRefusedError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.lots import lot_size
from sos_actors.market.symbols import contract_symbol, parse_contract_symbol, short_name_of
from sos_actors.messages.market import BarSeries
from sos_actors.store import DayRecord, Store
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment

__all__ = ["ImportOptions", "ImportReport", "import_file"]

_PRICES = ("open", "high", "low", "close")
_COARSE_ROWS = 20
"""So many bars of one day, all two minutes apart or more, are not one-minute bars."""


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
) -> ImportReport:
    """Import a CSV (also gzipped) or Parquet file.

    Rows are committed in batches; after an interruption the same call goes on where nothing was lost and nothing is
    written twice. A row that is already stored is replaced, a second row of the file for the same minute is not.

    Args:
        store: where to.
        path: the file.
        options: how to read it.
        calendar: the market's hours.
        master: what symbols mean; shares it does not know are taken on trust and listed in the report.
        progress: called with the rows read so far.

    Raises:
        ImportRefusedError: the file cannot be read as described; what was committed before stays.
        MarketRuleError: open interest in contracts, and no lot size for an expiry.
        StoreError: the database refuses.
    """
    report = ImportReport(path)
    source = options.source or path.name
    naming = Naming(master, report)
    chain = ChainImport(store, options, calendar, naming, report, source)
    importer: _Importer = (
        chain if options.kind == "chain" else BarImport(store, options, calendar, naming, report, source)
    )
    for batch in read_batches(path, options):
        report.rows_read += len(batch)
        report.reject(reasons.UNREADABLE_TIME, batch.line[~batch.timed])
        report.reject(reasons.UNREADABLE_NUMBER, batch.line[batch.timed & batch.garbled])
        importer.take(batch[batch.timed & ~batch.garbled])
        if progress is not None:
            progress(report.rows_read)
    importer.finish()
    return report


class BarImport:
    """One-minute bars of indices, shares and contracts."""

    def __init__(
        self,
        store: Store,
        options: ImportOptions,
        calendar: Calendar,
        naming: Naming,
        report: ImportReport,
        source: str,
    ) -> None:
        self._store = store
        self._options = options
        self._calendar = calendar
        self._naming = naming
        self._report = report
        self._source = source
        # Eight bytes a row is all that stays in memory from batch to batch.
        self._seen: dict[str, NDArray[np.int64]] = {}

    def take(self, batch: Batch) -> None:
        """Write what is good of one batch.

        Raises:
            ImportRefusedError: no column says which symbol, or the bars are not of one minute.
        """
        missing = [name for name in _PRICES if name not in batch.numbers]
        if missing:
            raise ImportRefusedError(f"No column for {', '.join(missing)}: name it with --map {missing[0]}=COLUMN.")
        for rows in groups(*self._keys(batch)):
            part = batch[rows]
            symbol = self._symbol(part)
            if isinstance(symbol, str):
                self._write(symbol, self._good(symbol, part))

    def finish(self) -> None:
        """Mark the days that are now complete."""
        for symbol, ts in self._seen.items():
            segment = Segment(symbol.split("|")[1])
            held = self._store.candle_days(symbol)
            for ordinal in np.unique(days_of(ts)).tolist():
                day = date.fromordinal(ordinal)
                expected = self._calendar.session(day, segment, fno_stock=True).minutes
                self._store.mark_day(symbol, day, DayRecord(held.get(day, 0), expected, self._source))

    def _keys(self, batch: Batch) -> list[NDArray[np.str_] | NDArray[np.float64]]:
        names = ("underlying", "symbol", "expiry", "option_type") if self._options.kind == "options" else ("symbol",)
        keys: list[NDArray[np.str_] | NDArray[np.float64]] = [batch.texts[n] for n in names if n in batch.texts]
        if not {"symbol", "underlying"} & batch.texts.keys() or not keys:
            raise ImportRefusedError("No column says which symbol the rows belong to: give it with --set symbol=NAME.")
        if self._options.kind == "options" and "strike" in batch.numbers:
            if "expiry" not in batch.texts:
                raise ImportRefusedError(
                    "No column says when the contracts expire: give it with --set expiry=2026-01-13."
                )
            keys.append(batch.numbers["strike"])
        return keys

    def _symbol(self, part: Batch) -> str | None:
        """The canonical symbol of rows that share their key; None when they were rejected."""
        texts = {name: str(column[0]) for name, column in part.texts.items()}
        contract = self._options.kind == "options" and "strike" in part.numbers
        named = (texts.get("underlying") or texts.get("symbol", "")) if contract else texts.get("symbol", "")
        symbol = self._naming.symbol(named, shares_may_be_new=True)
        if symbol is None:
            self._report.reject(reasons.UNKNOWN_SYMBOL, part.line, repr(named))
        if symbol is None or not contract:
            return symbol
        strike, leg = float(part.numbers["strike"][0]), leg_of(texts.get("option_type", ""))
        expiry = expiry_of(texts["expiry"])
        if leg is None or expiry is None or not np.isfinite(strike):
            self._report.reject(reasons.MISSING_KEY, part.line)
            return None
        if strike <= 0:
            self._report.reject(reasons.NOT_POSITIVE, part.line)
            return None
        return contract_symbol(short_name_of(symbol), strike, leg, expiry)

    def _good(self, symbol: str, part: Batch) -> BarSeries:
        """The rows of one symbol without those that are rejected, in order of time."""
        segment = Segment(symbol.split("|")[1])
        ts = part.ts - (NANOS_PER_MINUTE if self._options.label == "close" else 0)
        order = np.argsort(ts, kind="stable")
        part, ts = part[order], ts[order]
        prices = np.stack([part.numbers[name] for name in _PRICES])
        sizes = np.stack([part.numbers.get(name, np.full(len(part), np.nan)) for name in ("volume", "oi")])
        sizes[1] *= self._oi_factor(symbol, segment)
        values = np.concatenate([prices, sizes])
        checks = {
            reasons.MISSING_NUMBER: np.isnan(prices).any(axis=0),
            reasons.NOT_POSITIVE: (prices <= 0).any(axis=0),
            reasons.NEGATIVE: (sizes < 0).any(axis=0),
            reasons.OHLC: (prices[1] < prices.max(axis=0)) | (prices[2] > prices.min(axis=0)),
            reasons.OFF_MINUTE: ts % NANOS_PER_MINUTE != 0,
            **hours(self._calendar, ts, segment),
        }
        if segment is Segment.FO:
            checks[reasons.EXPIRED] = days_of(ts) > parse_contract_symbol(symbol).expiry.toordinal()
        good = self._reject(checks, part, symbol)
        part, ts, values = part[good], ts[good], values[:, good]
        same, other = repeats([ts], values)
        stored_same, stored_other = self._repeats_of_earlier_batches(symbol, ts, values)
        good = self._reject(
            {reasons.DUPLICATE: same | stored_same, reasons.CONFLICT: other | stored_other}, part, symbol
        )
        self._require_minutes(symbol, ts[good])
        return BarSeries(ts[good], *values[:, good])

    def _reject(self, checks: dict[str, NDArray[np.bool_]], part: Batch, symbol: str) -> NDArray[np.bool_]:
        """Count each bad row under the first reason that holds; returns the good ones."""
        good = np.ones(len(part), np.bool_)
        for reason, bad in checks.items():
            self._report.reject(reason, part.line[good & bad], symbol, part.ts[good & bad])
            good &= ~bad
        return good

    def _oi_factor(self, symbol: str, segment: Segment) -> int:
        if self._options.oi_unit == "units" or segment is not Segment.FO:
            return 1
        contract = parse_contract_symbol(symbol)
        return lot_size(contract.underlying, contract.expiry)

    def _repeats_of_earlier_batches(
        self, symbol: str, ts: NDArray[np.int64], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Rows for minutes that an earlier batch of this file has already written: the same, and others."""
        again = np.isin(ts, self._seen.get(symbol, ()))
        if not again.any():
            return again, again
        stored = self._store.candles(symbol, int(ts[0]), int(ts[-1]) + NANOS_PER_SECOND)
        places = np.searchsorted(stored.ts, ts[again])
        columns = (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.oi)
        same = np.zeros(len(ts), np.bool_)
        same[again] = same_values(values[:, again], np.stack([column[places] for column in columns]))
        return same, again & ~same

    def _require_minutes(self, symbol: str, ts: NDArray[np.int64]) -> None:
        steps = np.diff(ts) // NANOS_PER_MINUTE
        if len(steps) >= _COARSE_ROWS and steps.min() > 1:
            raise ImportRefusedError(
                f"The bars of {symbol} are {int(steps.min())} minutes apart. The store holds one-minute bars; "
                f"longer ones are made from them."
            )

    def _write(self, symbol: str, bars: BarSeries) -> None:
        if not len(bars):
            return
        written = self._store.add_candles(symbol, bars, self._source)
        self._seen[symbol] = np.concatenate([self._seen.get(symbol, np.empty(0, np.int64)), bars.ts])
        self._report.rows_accepted += written
        self._report.wrote(symbol, written)
        still = (bars.volume == 0) & (bars.high == bars.low)
        self._report.note("bars without a trade (volume 0)", int(still.sum()))
