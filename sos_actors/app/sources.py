"""Which store a run reads: the trader's own data where it is, else a simulated market that says so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sos_actors.app.backtest import warm_up_days
from sos_actors.app.board import DAY_NS, day_start
from sos_actors.app.filling import INSTRUMENTS, is_logged_in, open_filling, origin_of, own_folder, simulated_folder
from sos_actors.app.ingest.job import Progress
from sos_actors.app.ingest.request import IngestRequest, gap_lines
from sos_actors.app.ingest.whole import missing_days
from sos_actors.config import Config, Trust
from sos_actors.errors import MissingDataError, StoreFullError, VendorError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import Instrument, SymbolMaster, default_master, imported_instrument
from sos_actors.market.symbols import canonical_for, short_name_of
from sos_actors.simulator.model_symbols import LISTED
from sos_actors.store.database import MASTER, Store
from sos_actors.types import Segment
from sos_actors.vendors.upstox.instruments import upstox_master

CANDLE_VENDORS = frozenset(Trust().candles)
LISTED_AT_MOST = 12
"""Missing days named one by one in a message."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open store and what is to be run on it.

    Attributes:
        days: the sessions to run, oldest first.
        seed: of the simulated market; None for real data.
        notes: what a reader of the results must know.
        writable: whether the run can be kept.
    """

    store: Store
    days: Sequence[date]
    seed: int | None
    notes: Sequence[str]
    writable: bool

    @property
    def simulated(self) -> bool:
        """Whether the market is invented."""
        return self.store.origin == "simulated"


@dataclass(frozen=True, slots=True)
class SourceWishes:
    """What the user said of missing data.

    Attributes:
        backfill: fill what is missing; without it a missing day is an error.
        skip_missing: leave out the days that the store does not have.
        simulated: run on the simulated market though there is a store of one's own.
    """

    backfill: bool = True
    skip_missing: bool = False
    simulated: bool = False


def has_store(config: Config) -> bool:
    """Whether the trader has a store of real data."""
    return (own_folder(config) / MASTER).is_file()


def symbol_master(config: Config) -> SymbolMaster:
    """The instruments that can be named: of the broker's list, those of the simulated market, and those in the store.

    The list is Upstox's ``NSE.json.gz``, in the data folder as INSTRUMENTS; without it the built-in one serves.

    Raises:
        DataError: the list cannot be read.
    """
    listed = own_folder(config) / INSTRUMENTS
    master = upstox_master(listed) if listed.is_file() else default_master()
    names = [entry.short_name for entry in LISTED]
    if has_store(config):
        with _open(own_folder(config), config)[0] as store:
            stored = [symbol for symbol in store.candle_symbols() if symbol.startswith(f"NSE|{Segment.EQ}|")]
        names += [short_name_of(symbol) for symbol in stored]
    known = {instrument.symbol for instrument in master}
    more = {one.symbol: one for one in map(imported_instrument, names) if one.symbol not in known}
    return master.added(*more.values())


def open_source(
    config: Config, instruments: Sequence[Instrument], days: Sequence[date], calendar: Calendar,
    wishes: SourceWishes, progress: Progress = lambda _done, _known, _what: None,
) -> Source:  # fmt: skip
    """Open the store that has the data, filling what is missing from the vendors, or from a simulated market.

    Raises:
        MissingDataError: days are missing and may not be filled or skipped; they are listed.
    """
    filler = _Filler(config, instruments, days, calendar, wishes, progress)
    if not wishes.simulated and (has_store(config) or is_logged_in(config)):
        source = filler.real()
        if source is not None:
            return source
    return filler.simulated()


def _open(folder: Path, config: Config) -> tuple[Store, bool]:
    """Writable if possible: a read-only folder can still be run on, the run is just not kept."""
    try:
        return Store.open(folder, origin=origin_of(config), commit_rows=config.store.commit_rows), True
    except StoreFullError:
        return Store.open(folder, read_only=True), False


@dataclass(frozen=True, slots=True)
class _Filler:
    """One search for a source."""

    config: Config
    instruments: Sequence[Instrument]
    days: Sequence[date]
    calendar: Calendar
    wishes: SourceWishes
    progress: Progress

    def real(self) -> Source | None:
        """The trader's own store, None when it has nothing of what is asked and may not be filled."""
        logged_in = is_logged_in(self.config)
        notes = self._fill_real() if logged_in and self.wishes.backfill else []
        store, writable = _open(own_folder(self.config), self.config)
        try:
            present = {one.short_name: set(store.candle_days(one.symbol)) for one in self.instruments}
            if not logged_in and not any(present.values()) and not store.damaged and not self._has_chain(store):
                store.close()
                return None
            if not writable:
                notes.append(f"{own_folder(self.config)} cannot be written: this run is not kept.")
            return self._checked(store, present, notes, writable)
        except BaseException:
            store.close()
            raise

    def _checked(self, store: Store, present: dict[str, set[date]], notes: list[str], writable: bool) -> Source:
        """The store, if nothing is missing or what is missing may be left out."""
        found = [day for day in self.days if any(day in have for have in present.values())]
        missing = {name: [day for day in self.days if day not in have] for name, have in present.items()}
        missing = {name: absent for name, absent in missing.items() if absent}
        if missing and not (self.wishes.skip_missing and found):
            lines = "; ".join(f"{name}: {_listed(absent)}" for name, absent in missing.items())
            told = " ".join(["", *notes, *(str(error) for error in store.damaged)])
            raise MissingDataError(
                f"The store in {own_folder(self.config)} lacks sessions. {lines}. Import them with "
                f"'sos ingest --file …', log in to Upstox ('sos login') to have them fetched, choose other dates, or "
                f"add --skip-missing (the days there are) or --simulated (an invented market).{told}"
            )
        notes += [f"Left out, not in the store: {name} {_listed(absent)}." for name, absent in missing.items()]
        return Source(store, found, None, notes, writable)

    def _fill_real(self) -> list[str]:
        """Ask the vendors for sessions that are missing, or that they have begun to give; what the user imported is
        left as it is. Returns what could not be had."""
        symbols = self._symbols()
        warm_up = warm_up_days(self.calendar, self.days[0])
        with open_filling(self.config, self.days) as filling:
            wanted = [day for day in self.days if any(_wants(filling.store, symbol, day) for symbol in symbols)]
            before = [day for day in warm_up if any(_wants(filling.store, symbol, day) for symbol in symbols)]
            if not wanted and not before:
                return []
            try:
                report = filling.fill(symbols, wanted, before, self.calendar, self.progress)
            except VendorError as error:
                return [f"Nothing could be fetched: {error}"]
        return [*report.notes, *gap_lines(report)]

    def _has_chain(self, store: Store) -> bool:
        """Whether there are option chains of these days, so that only the candles are missing."""
        first, last = day_start(self.days[0]), day_start(self.days[-1]) + DAY_NS
        return any(len(store.market_stats(instrument.symbol, first, last)) for instrument in self.instruments)

    def _symbols(self) -> list[str]:
        """What a run reads: the symbols, and the index whose mood serves the others."""
        symbols = [instrument.symbol for instrument in self.instruments]
        market = canonical_for(self.config.mood.market_symbol)
        return symbols if market in symbols else [*symbols, market]

    def simulated(self) -> Source:
        """The simulated market, filled as far as it is not whole."""
        warm_up = warm_up_days(self.calendar, self.days[0])
        least = self.config.options.min_days_to_expiry
        request = IngestRequest(self._symbols(), self.days, warm_up, min_days_to_expiry=least)
        if (found := self._filled_before(request)) is not None:
            return found
        with open_filling(self.config, self.days, simulated=True) as filling:
            if not self.wishes.backfill and (missing := missing_days(filling.store, request)):
                raise self._not_filled(missing)
            report = filling.fill(request.symbols, self.days, warm_up, self.calendar, self.progress)
            folder, seed = filling.folder, filling.seed
            for one in self.instruments:
                if not set(filling.store.candle_days(one.symbol)) & set(self.days):
                    told = " ".join(gap_lines(report, one.symbol))
                    raise MissingDataError(f"The simulated market has no candles of {one.short_name}. {told}")
        store = Store.open(folder, origin="simulated", commit_rows=self.config.store.commit_rows)
        return Source(store, self.days, seed, gap_lines(report), True)

    def _filled_before(self, request: IngestRequest) -> Source | None:
        """The simulated market, if it is whole and its folder can only be read."""
        seed = self.config.simulation.seed
        folder = simulated_folder(self.config.paths.data_dir, seed)
        if not (folder / MASTER).is_file() or os.access(folder, os.W_OK):
            return None
        store = Store.open(folder, read_only=True)
        if missing_days(store, request):
            store.close()
            return None
        return Source(store, self.days, seed, [f"{folder} cannot be written: this run is not kept."], False)

    def _not_filled(self, missing: Sequence[date]) -> MissingDataError:
        """Why nothing is run without filling in what is missing; the days asked for are named first."""
        asked = [day for day in self.days if day in missing]
        before = len(missing) - len(asked)
        parts = [f"{len(asked)} of the sessions asked for: {_listed(asked)}"] if asked else []
        parts += [f"{before} of the sessions before them, which warm up the indicators"] if before else []
        return MissingDataError(
            f"--no-backfill: the store in {self.config.paths.data_dir} has none of these sessions, and the simulated "
            f"market there lacks {'; and '.join(parts)}. Import them with 'sos ingest --file …', or leave "
            "--no-backfill out to have the simulated market filled and run on it."
        )


def _wants(store: Store, symbol: str, day: date) -> bool:
    """Whether a session should be asked for: there is nothing of it, or a vendor has given some of it."""
    mark = store.days(symbol, day, day).get(day)
    if mark is not None:
        return mark.source in CANDLE_VENDORS
    return not len(store.candles(symbol, day_start(day), day_start(day) + DAY_NS))


def _listed(days: Sequence[date]) -> str:
    named = ", ".join(str(day) for day in days[:LISTED_AT_MOST])
    more = len(days) - LISTED_AT_MOST
    return f"{named} and {more} more" if more > 0 else named
