"""Imports option chain snapshots, a row a strike or a row a leg, and the market measures that follow from them."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.app.imports import report as reasons
from sos_actors.app.imports.columns import NUMBERS
from sos_actors.app.imports.job import Held, ImportJob
from sos_actors.app.imports.reading import Batch
from sos_actors.app.imports.report import EXAMPLES
from sos_actors.app.imports.rows import day_range, days_of, expiry_of, groups, hours, leg_of, repeats
from sos_actors.errors import ImportRefusedError
from sos_actors.market.chain import measure_many
from sos_actors.market.lots import lot_size
from sos_actors.market.symbols import short_name_of
from sos_actors.store import ChainColumns, DayRecord, StatsColumns
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, Segment

_QUOTES = ("ltp", "oi", "volume", "iv", "oi_change")
_IN_LOTS = ("oi", "volume", "oi_change")
_VALUES = tuple(field.name for field in fields(ChainColumns))[3:]


class ChainImport:
    """Snapshots of option chains; the file must be in order of time, because a snapshot is written whole."""

    def __init__(self, job: ImportJob) -> None:
        self._job = job
        self._waiting: Batch | None = None
        self._days: set[tuple[str, int]] = set()
        self._legs_read = 0

    def take(self, batch: Batch) -> None:
        """Write the snapshots that are complete; the last minute waits for the next batch.

        Raises:
            ImportRefusedError: a column is missing, or the file is not in order of time.
        """
        batch = self._joined(batch)
        if not len(batch):
            return
        minute = _minute(batch.ts)
        if self._waiting is not None and minute.min() < _minute(self._waiting.ts).min():
            raise ImportRefusedError("The file is not in order of time: sort it, a snapshot must be read in one piece.")
        last = minute == minute.max()
        self._waiting = batch[last]
        self._write(batch[~last])

    def finish(self) -> None:
        """Write the last snapshot, then measure every day that was touched."""
        if self._waiting is not None:
            self._write(self._waiting)
        for underlying, ordinal in sorted(self._days):
            self._measure(underlying, date.fromordinal(ordinal))
        if self._legs_read:
            report = self._job.report
            report.remarks.append(f"{self._legs_read:,} legs in {sum(report.symbols.values()):,} rows")

    def _joined(self, batch: Batch) -> Batch:
        waiting = self._waiting
        if waiting is None or not len(batch):
            return batch if waiting is None else waiting
        return Batch(
            np.concatenate([waiting.line, batch.line]),
            np.concatenate([waiting.ts, batch.ts]),
            np.concatenate([waiting.timed, batch.timed]),
            np.concatenate([waiting.garbled, batch.garbled]),
            {name: np.concatenate([waiting.texts[name], column]) for name, column in batch.texts.items()},
            {name: np.concatenate([waiting.numbers[name], column]) for name, column in batch.numbers.items()},
        )

    def _write(self, batch: Batch) -> None:
        named = batch.texts.get("underlying", batch.texts.get("symbol"))
        if named is None or "expiry" not in batch.texts or "strike" not in batch.numbers:
            raise ImportRefusedError(
                "A chain needs the underlying, the expiry and the strike of each row: name the columns with --map, or "
                "give one for all rows, for example --set symbol=NIFTY."
            )
        for rows in groups(named, batch.texts["expiry"]):
            part, text = batch[rows], str(named[rows[0]])
            underlying, expiry = self._job.naming.symbol(text), expiry_of(str(batch.texts["expiry"][rows[0]]))
            if underlying is None:
                self._job.report.reject(reasons.UNKNOWN_SYMBOL, part.line, repr(text))
            elif expiry is None:
                self._job.report.reject(reasons.MISSING_KEY, part.line)
            else:
                self._job.naming.doubt_expiry(short_name_of(underlying), expiry, self._job.calendar)
                self._write_expiry(underlying, expiry, part)

    def _write_expiry(self, underlying: str, expiry: date, part: Batch) -> None:
        ts, leg = _minute(part.ts), self._legs(part)
        order = np.lexsort((part.ts, leg, part.numbers["strike"], ts))
        part, ts, leg = part[order], ts[order], leg[order]
        names = [name for name in NUMBERS["chain"] if name in part.numbers]
        values = np.stack([part.numbers[name] for name in names])
        same, other = repeats([part.ts, part.numbers["strike"], leg], values)
        counted = [n for n in names if n not in ("strike", "spot") and not n.endswith("oi_change")]
        strike = part.numbers["strike"]
        # A snapshot is labelled when it was known, so the last of the day bears the closing time itself.
        now, before = (hours(self._job.calendar, at, Segment.FO) for at in (ts, ts - NANOS_PER_MINUTE))
        checks = {
            reasons.MISSING_KEY: np.isnan(strike) | (leg < 0),
            reasons.NOT_POSITIVE: strike <= 0,
            reasons.NEGATIVE: np.any([part.numbers[name] < 0 for name in counted], axis=0),
            reasons.FUTURE: self._job.future(part.ts),
            reasons.NO_RULE: now[reasons.NO_RULE],
            reasons.NO_SESSION: now[reasons.NO_SESSION] & before[reasons.NO_SESSION],
            reasons.EXPIRED: days_of(ts) > expiry.toordinal(),
            reasons.DUPLICATE: same,
            reasons.CONFLICT: other,
            reasons.SUPERSEDED: part.ts < _latest_in_minute(ts, part.ts),
        }
        good = self._job.reject(checks, part, underlying)
        if good.any():
            self._store_rows(underlying, expiry, part[good], ts[good], leg[good])

    def _store_rows(
        self, underlying: str, expiry: date, part: Batch, ts: NDArray[np.int64], leg: NDArray[np.int8]
    ) -> None:
        strike = part.numbers["strike"]
        first = np.ones(len(part), np.bool_)
        first[1:] = (ts[1:] != ts[:-1]) | (strike[1:] != strike[:-1])
        place = np.cumsum(first) - 1
        lot = lot_size(short_name_of(underlying), expiry) if self._job.options.oi_unit == "contracts" else 1
        columns: dict[str, NDArray[np.float64]] = {}
        for code, side in enumerate(("ce", "pe")):
            rows = leg == code if "option_type" in part.texts else np.ones(len(part), np.bool_)
            for quote in _QUOTES:
                name = quote if "option_type" in part.texts else f"{side}_{quote}"
                column = columns[f"{side}_{quote}"] = np.full(int(place[-1]) + 1, np.nan)
                column[place[rows]] = part.numbers.get(name, np.full(len(part), np.nan))[rows]
                if quote in _IN_LOTS:
                    column *= lot
                if quote == "ltp":
                    self._job.report.note("premiums of zero, stored as unknown", int((column == 0).sum()))
                    column[column == 0] = np.nan
        spot = part.numbers.get("spot", np.full(len(part), np.nan))[first]
        columns["spot"] = np.where(spot > 0, spot, np.nan)
        rows = ChainColumns(
            ts[first], np.full(int(first.sum()), expiry.toordinal(), np.int64), strike[first], **columns
        )
        self._write_changes(underlying, expiry, rows, part, place)

    def _write_changes(
        self, underlying: str, expiry: date, rows: ChainColumns, part: Batch, place: NDArray[np.int64]
    ) -> None:
        """Write what the store lacks; ``place`` is the row each of the file's rows went into.

        A leg or a figure that this file does not know stays as it is: calls and puts may come in files of their own.
        """
        job = self._job
        stored = job.store.chain(underlying, int(rows.ts[0]), int(rows.ts[-1]) + NANOS_PER_SECOND, expiry)
        strikes = np.unique(np.concatenate([rows.strike, stored.strike]))
        old, new = (np.stack([getattr(columns, name) for name in _VALUES]) for columns in (stored, rows))
        against = Held.match(_keys(rows, strikes), new, _keys(stored, strikes), old).keeping_what_is_known()
        rows = replace(rows, **dict(zip(_VALUES, against.values, strict=True)))
        differs = against.contradicts
        lines = part.line[np.unique(place, return_index=True)[1]]
        by_row = against.changes(differs, lines, _VALUES)
        refused = np.flatnonzero(differs[place])[:EXAMPLES]
        details = {int(part.line[row]): by_row.get(int(lines[place[row]]), "") for row in refused}
        good = job.reject({reasons.REPLACES: differs[place] & (not job.options.force)}, part, underlying, details)
        taken = np.ones(len(rows), np.bool_) if job.options.force else ~differs
        job.report.replace(lines[differs & taken], underlying, rows.ts[differs & taken], by_row)
        write = taken & ~against.same
        if write.any():
            job.store.add_chain(underlying, rows[write], job.source)
        added = ~against.held | (against.differs & ~differs)
        counts = [int(chosen.sum()) for chosen in (added, against.same, differs & taken)]
        job.report.took(underlying, new=counts[0], unchanged=counts[1], replaced=counts[2])
        job.report.rows_accepted += int(good.sum())
        if "option_type" in part.texts:
            self._legs_read += int(good.sum())
        self._days |= {(underlying, day) for day in np.unique(days_of(rows.ts[taken])).tolist()}

    def _legs(self, part: Batch) -> NDArray[np.int8]:
        """0 for a call, 1 for a put, -1 unreadable; 0 throughout when a row holds both."""
        legs = np.zeros(len(part), np.int8)
        if "option_type" in part.texts:
            for rows in groups(part.texts["option_type"]):
                leg = leg_of(str(part.texts["option_type"][rows[0]]))
                legs[rows] = -1 if leg is None else ("CE", "PE").index(leg)
        return legs

    def _measure(self, underlying: str, day: date) -> None:
        """Market measures of the day's nearest expiry, known when the snapshot was."""
        chain = self._job.store.chain(underlying, *day_range(day))
        chain = chain[chain.expiry == chain.expiry.min()]
        ts, offsets = np.unique(chain.ts, return_index=True)
        measures = measure_many(
            ts,
            np.append(offsets, len(chain)).astype(np.int64),
            *(chain.strike, chain.ce_oi, chain.pe_oi, chain.ce_oi_change, chain.pe_oi_change),
            chain.spot[offsets],
        )
        names = ("pcr", "pcr_velocity", "oi_wall_above", "oi_wall_below", "max_pain", "total_oi", "spot", "smart_trend")
        known = {name: getattr(measures, name) for name in (*names, "ce_oi_change", "pe_oi_change")}
        self._job.store.add_market_stats(underlying, StatsColumns.of(ts, **known), self._job.source)
        expected = self._job.calendar.session(day, Segment.FO).minutes
        self._job.store.mark_day(underlying, day, DayRecord(len(ts), expected, self._job.source), kind="chain")


def _keys(rows: ChainColumns, strikes: NDArray[np.float64]) -> NDArray[np.int64]:
    """One number for the second and the strike of each row of an expiry, ascending as the rows are."""
    return rows.ts // NANOS_PER_SECOND * len(strikes) + np.searchsorted(strikes, rows.strike)


def _minute(ts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The minute at or after: a snapshot was not known before its label."""
    return -(-ts // NANOS_PER_MINUTE) * NANOS_PER_MINUTE


def _latest_in_minute(minute: NDArray[np.int64], label: NDArray[np.int64]) -> NDArray[np.int64]:
    """The latest label among the rows of each row's minute; ``minute`` ascending."""
    starts = np.flatnonzero(np.r_[True, minute[1:] != minute[:-1]])
    return np.repeat(np.maximum.reduceat(label, starts), np.diff(np.r_[starts, len(minute)]))
