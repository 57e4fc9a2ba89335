"""Which store a run reads: the trader's own data where it is, else a simulated market that says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sos_actors.app.backtest import warm_up_days
from sos_actors.app.board import DAY_NS, day_start
from sos_actors.app.embedded import fill_sessions, simulated_folder
from sos_actors.config import Config
from sos_actors.errors import MissingDataError, StoreFullError, UnknownSymbolError
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import Instrument, SymbolMaster, default_master, imported_instrument
from sos_actors.market.symbols import canonical_for, short_name_of
from sos_actors.simulator.model import MarketModel
from sos_actors.store.database import MASTER, Store
from sos_actors.types import Segment
from sos_actors.vendors.upstox.instruments import upstox_master

INSTRUMENTS = "instruments.json.gz"
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
    return (config.paths.data_dir / MASTER).is_file()


def symbol_master(config: Config) -> SymbolMaster:
    """The instruments that can be named: of the broker's list, and those with candles in the trader's store.

    The list is Upstox's ``NSE.json.gz``, put into the data folder as INSTRUMENTS; without it the built-in one serves.

    Raises:
        DataError: the list cannot be read.
    """
    listed = config.paths.data_dir / INSTRUMENTS
    master = upstox_master(listed) if listed.is_file() else default_master()
    if not has_store(config):
        return master
    with _open(config.paths.data_dir, config)[0] as store:
        stored = [symbol for symbol in store.candle_symbols() if symbol.startswith(f"NSE|{Segment.EQ}|")]
    known = {instrument.symbol for instrument in master}
    return master.added(*(imported_instrument(short_name_of(symbol)) for symbol in stored if symbol not in known))


def open_source(
    config: Config, instruments: Sequence[Instrument], days: Sequence[date], calendar: Calendar,
    wishes: SourceWishes, progress: Callable[[int, int], None] | None = None,
) -> Source:  # fmt: skip
    """Open the store that has the data, filling a simulated one when the trader has none of it.

    Raises:
        MissingDataError: days are missing and may not be filled or skipped; they are listed.
    """
    if has_store(config) and not wishes.simulated:
        source = _real(config, instruments, days, wishes)
        if source is not None:
            return source
    if not wishes.backfill:
        where = config.paths.data_dir
        raise MissingDataError(
            f"--no-backfill: the store in {where} has none of the {len(days)} sessions asked for: "
            f"{_listed(days)}. Import them with 'sos ingest --file …', or leave --no-backfill out to run on a "
            "simulated market."
        )
    return _simulated(config, instruments, days, calendar, progress)


def _open(folder: Path, config: Config) -> tuple[Store, bool]:
    """Writable if possible: a read-only folder can still be run on, the run is just not kept."""
    try:
        return Store.open(folder, origin="real", commit_rows=config.store.commit_rows), True
    except StoreFullError:
        return Store.open(folder, read_only=True), False


def _real(
    config: Config, instruments: Sequence[Instrument], days: Sequence[date], wishes: SourceWishes
) -> Source | None:
    """The trader's own store, None when it has nothing of what is asked."""
    store, writable = _open(config.paths.data_dir, config)
    try:
        present = {instrument.short_name: set(store.candle_days(instrument.symbol)) for instrument in instruments}
        found = [day for day in days if any(day in have for have in present.values())]
        missing = {name: [day for day in days if day not in have] for name, have in present.items()}
        missing = {name: absent for name, absent in missing.items() if absent}
        notes = [] if writable else [f"{config.paths.data_dir} cannot be written: this run is not kept."]
        if not any(present.values()) and not store.damaged and not _has_chain(store, instruments, days):
            store.close()
            return None
        if missing and not (wishes.skip_missing and found):
            lines = "; ".join(f"{name}: {_listed(absent)}" for name, absent in missing.items())
            torn = "".join(f" {error}" for error in store.damaged)
            raise MissingDataError(
                f"The store in {config.paths.data_dir} lacks sessions. {lines}. Import them with "
                f"'sos ingest --file …', choose other dates, or add --skip-missing (the days there are) or "
                f"--simulated (an invented market).{torn}"
            )
        notes += [f"Left out, not in the store: {name} {_listed(absent)}." for name, absent in missing.items()]
        return Source(store, found, None, notes, writable)
    except BaseException:
        store.close()
        raise


def _has_chain(store: Store, instruments: Sequence[Instrument], days: Sequence[date]) -> bool:
    """Whether there are option chains of these days, so that only the candles are missing."""
    first, last = day_start(days[0]), day_start(days[-1]) + DAY_NS
    return any(len(store.market_stats(instrument.symbol, first, last)) for instrument in instruments)


def _simulated(
    config: Config, instruments: Sequence[Instrument], days: Sequence[date], calendar: Calendar,
    progress: Callable[[int, int], None] | None,
) -> Source:  # fmt: skip
    seed = config.simulation.seed
    model = MarketModel(seed, calendar)
    listed = set(model.session(days[0]).symbols)
    for instrument in instruments:
        if instrument.symbol not in listed:
            names = ", ".join(short_name_of(symbol) for symbol in sorted(listed))
            raise UnknownSymbolError(
                f"There is no data of {instrument.short_name} in {config.paths.data_dir}, and the simulated market "
                f"does not list it. It lists {names}. Import your own candles with 'sos ingest --file …'."
            )
    symbols = [instrument.symbol for instrument in instruments]
    market = canonical_for(config.mood.market_symbol)
    symbols += [market] if market in listed and market not in symbols else []
    folder = simulated_folder(config.paths.data_dir, seed)
    store = Store.open(folder, origin="simulated", commit_rows=config.store.commit_rows)
    try:
        fill_sessions(store, model, symbols, warm_up_days(calendar, days[0]), days, progress)
    except BaseException:
        store.close()
        raise
    return Source(store, days, seed, [], True)


def _listed(days: Sequence[date]) -> str:
    named = ", ".join(str(day) for day in days[:LISTED_AT_MOST])
    more = len(days) - LISTED_AT_MOST
    return f"{named} and {more} more" if more > 0 else named
