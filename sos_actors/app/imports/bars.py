"""Imports one-minute bars of indices, shares and contracts."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.imports import report as reasons
from sos_actors.app.imports.job import Held, ImportJob
from sos_actors.app.imports.reading import Batch
from sos_actors.app.imports.rows import DAY_NS, days_of, expiry_of, groups, hours, leg_of, repeats
from sos_actors.errors import ImportRefusedError
from sos_actors.market.lots import lot_size
from sos_actors.market.symbols import contract_symbol, parse_contract_symbol, short_name_of
from sos_actors.messages.market import BarSeries
from sos_actors.store import DayRecord
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment

_PRICES = ("open", "high", "low", "close")
_VALUES = (*_PRICES, "volume", "oi")
_COARSE_ROWS = 20
"""So many bars of one symbol, all two minutes apart or more, are not one-minute bars."""
_DAILY_ROWS = 3
"""So many bars of an index or a share at the same time of different days, and no others, are not either."""


class BarImport:
    """One-minute bars; each batch is compared with the store, and what is new or replaces is written."""

    def __init__(self, job: ImportJob) -> None:
        self._job = job
        # Eight bytes a row is all that stays in memory from batch to batch.
        self._seen: dict[str, NDArray[np.int64]] = {}

    def take(self, batch: Batch) -> None:
        """Write what is good of one batch.

        Raises:
            ImportRefusedError: no column says which symbol, a symbol looks misspelled, or the bars are not of one
                minute.
        """
        missing = [name for name in _PRICES if name not in batch.numbers]
        if missing:
            raise ImportRefusedError(f"No column for {', '.join(missing)}: name it with --map {missing[0]}=COLUMN.")
        parts = [batch[rows] for rows in groups(*self._keys(batch))]
        named = [(self._symbol(part), part) for part in parts]
        for symbol, part in named:
            if symbol is not None:
                _require_minutes(symbol, part.ts)
        for symbol, part in named:
            if symbol is not None:
                self._write(symbol, part)

    def finish(self) -> None:
        """Mark the days that are now complete."""
        job = self._job
        for symbol, ts in self._seen.items():
            segment = Segment(symbol.split("|")[1])
            held = job.store.candle_days(symbol)
            for ordinal in np.unique(days_of(ts)).tolist():
                day = date.fromordinal(ordinal)
                expected = job.calendar.session(day, segment, fno_stock=True).minutes
                job.store.mark_day(symbol, day, DayRecord(held.get(day, 0), expected, job.source))

    def _keys(self, batch: Batch) -> list[NDArray[np.str_] | NDArray[np.float64]]:
        names = ("underlying", "symbol", "expiry", "option_type")
        keys: list[NDArray[np.str_] | NDArray[np.float64]] = [batch.texts[n] for n in names if n in batch.texts]
        if not {"symbol", "underlying"} & batch.texts.keys():
            raise ImportRefusedError("No column says which symbol the rows belong to: give it with --set symbol=NAME.")
        if "strike" in batch.numbers:
            if "expiry" not in batch.texts:
                raise ImportRefusedError(
                    "No column says when the contracts expire: give it with --set expiry=2026-01-13."
                )
            keys.append(batch.numbers["strike"])
        return keys

    def _symbol(self, part: Batch) -> str | None:
        """The canonical symbol of rows that share their key; None when they were rejected."""
        job = self._job
        texts = {name: str(column[0]) for name, column in part.texts.items()}
        contract = "strike" in part.numbers
        named = (texts.get("underlying") or texts.get("symbol", "")) if contract else texts.get("symbol", "")
        symbol = job.naming.symbol(named, shares_may_be_new=True)
        if symbol is None:
            job.report.reject(reasons.UNKNOWN_SYMBOL, part.line, repr(named))
        if symbol is None or not contract:
            return symbol
        strike, leg = float(part.numbers["strike"][0]), leg_of(texts.get("option_type", ""))
        expiry = expiry_of(texts["expiry"])
        if leg is None or expiry is None or not np.isfinite(strike):
            job.report.reject(reasons.MISSING_KEY, part.line)
            return None
        if strike <= 0:
            job.report.reject(reasons.NOT_POSITIVE, part.line)
            return None
        job.naming.doubt_expiry(short_name_of(symbol), expiry, job.calendar)
        return contract_symbol(short_name_of(symbol), strike, leg, expiry)

    def _good(self, symbol: str, part: Batch) -> tuple[Batch, NDArray[np.int64], NDArray[np.float64]]:
        """The rows of one symbol that can be bars, in order of time: rows, UnixNanos (n,), ``_VALUES`` (6, n)."""
        job, segment = self._job, Segment(symbol.split("|")[1])
        ts = part.ts - (NANOS_PER_MINUTE if job.options.label == "close" else 0)
        order = np.argsort(ts, kind="stable")
        part, ts = part[order], ts[order]
        values = np.stack([part.numbers.get(name, np.full(len(part), np.nan)) for name in _VALUES])
        values[5] *= self._oi_factor(symbol, segment)
        prices, sizes = values[:4], values[4:]
        checks = {
            reasons.MISSING_NUMBER: np.isnan(prices).any(axis=0),
            reasons.NOT_POSITIVE: (prices <= 0).any(axis=0),
            reasons.NEGATIVE: (sizes < 0).any(axis=0),
            reasons.OHLC: (prices[1] < prices.max(axis=0)) | (prices[2] > prices.min(axis=0)),
            reasons.OFF_MINUTE: ts % NANOS_PER_MINUTE != 0,
            reasons.FUTURE: job.future(ts),
            **hours(job.calendar, ts, segment),
        }
        if segment is Segment.FO:
            checks[reasons.EXPIRED] = days_of(ts) > parse_contract_symbol(symbol).expiry.toordinal()
        good = job.reject(checks, part, symbol)
        return part[good], ts[good], values[:, good]

    def _oi_factor(self, symbol: str, segment: Segment) -> int:
        if self._job.options.oi_unit == "units" or segment is not Segment.FO:
            return 1
        contract = parse_contract_symbol(symbol)
        return lot_size(contract.underlying, contract.expiry)

    def _write(self, symbol: str, part: Batch) -> None:
        """Compare the rows of one symbol with each other and with the store, and write what the store lacks."""
        job = self._job
        part, ts, values = self._good(symbol, part)
        if not len(ts):
            return
        stored = job.store.candles(symbol, int(ts[0]), int(ts[-1]) + NANOS_PER_SECOND)
        old = np.stack([getattr(stored, name) for name in _VALUES])
        against = Held.match(ts, values, stored.ts, old)
        same, other = repeats([ts], values)
        # What an earlier batch of this file wrote is a repetition within the file, not a replacement.
        again = np.isin(ts, self._seen.get(symbol, ()))
        replaces = against.differs & ~again
        details = against.changes(replaces & ~same & ~other, part.line, _VALUES)
        checks = {
            reasons.DUPLICATE: same | (again & against.same),
            reasons.CONFLICT: other | (again & against.differs),
            reasons.REPLACES: replaces & (not job.options.force),
        }
        good = job.reject(checks, part, symbol, details)
        if not good.any():
            return
        replaced = good & against.differs
        write = good & ~against.same
        job.report.replace(part.line[replaced], symbol, part.ts[replaced], details)
        if write.any():
            job.store.add_candles(symbol, BarSeries(ts[write], *values[:, write]), job.source)
        self._seen[symbol] = np.concatenate([self._seen.get(symbol, np.empty(0, np.int64)), ts[good]])
        counts = [int(rows.sum()) for rows in (good & ~against.held, good & against.same, replaced)]
        job.report.rows_accepted += sum(counts)
        job.report.took(symbol, new=counts[0], unchanged=counts[1], replaced=counts[2])
        still = (values[4] == 0) & (values[1] == values[2])
        job.report.note("bars without a trade (volume 0)", int((still & good).sum()))


def _require_minutes(symbol: str, ts: NDArray[np.int64]) -> None:
    """Refuse bars of five minutes, of an hour, of a day."""
    steps = np.diff(np.unique(ts)) // NANOS_PER_MINUTE
    least = int(steps.min()) if len(steps) else 0
    one_clock = len(np.unique(ts % DAY_NS)) == 1
    if one_clock and least >= 1_440 and len(ts) >= (_COARSE_ROWS if "|FO|" in symbol else _DAILY_ROWS):
        raise ImportRefusedError(f"One-minute bars are needed; these of {symbol} are a day apart.")
    if len(steps) >= _COARSE_ROWS and least > 1:
        raise ImportRefusedError(
            f"One-minute bars are needed; these of {symbol} are {least} minutes apart. Longer ones are made from them."
        )
