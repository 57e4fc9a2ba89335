"""Option chains in one shard: SQL in and out of columns."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sos_actors.store.columns import ChainColumns
from sos_actors.store.connection import Database
from sos_actors.store.reader import read_columns
from sos_actors.types import NANOS_PER_SECOND

_VALUES = tuple(field.name for field in fields(ChainColumns))[3:]


def write_chain(database: Database, underlying: str, chain: ChainColumns, source: str, commit_rows: int) -> int:
    """Insert or replace whole rows."""
    series = database.identify("series", "symbol", underlying)
    origin = database.identify("sources", "name", source)
    columns = (
        known_second(chain.ts),
        _map_dates(chain.expiry, _written),
        chain.strike,
        *(getattr(chain, name) for name in _VALUES),
    )
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT OR REPLACE INTO option_chain VALUES ({series}, {marks}, {origin})"
    return database.write_columns(statement, columns, commit_rows)


def read_chain(
    database: Database, underlying: str, first_s: int, last_s: int, fast: bool = False, expiry: date | None = None
) -> ChainColumns:
    """The rows of one shard known in ``[first_s, last_s)``, of one expiry or all."""
    series = database.identity("series", "symbol", underlying)
    if series is None:
        return ChainColumns.empty()
    only = "AND expiry = ?" if expiry else ""
    bounds = (series, first_s, last_s, *((_written(expiry.toordinal()),) if expiry else ()))
    statement = (
        f"SELECT ts, expiry, strike, {', '.join(_VALUES)} FROM option_chain "
        f"WHERE series = ? AND ts >= ? AND ts < ? {only} ORDER BY ts, expiry, strike"
    )
    ts, values = read_columns(database, statement, bounds, 2 + len(_VALUES), fast=fast)
    expiries = _map_dates(values[0].astype(np.int64), _read)
    return ChainColumns(ts * NANOS_PER_SECOND, expiries, *values[1:])


def contract_snapshots(
    database: Database, underlying: str, first_s: int, last_s: int
) -> list[tuple[date, float, int, int]]:
    """(expiry, strike, call prices, put prices) of the contracts with a price in ``[first_s, last_s)``."""
    statement = (
        "SELECT expiry, strike, count(ce_ltp), count(pe_ltp) FROM option_chain "
        "WHERE series = (SELECT id FROM series WHERE symbol = ?) AND ts >= ? AND ts < ? GROUP BY expiry, strike"
    )
    return [
        (date.fromordinal(_read(int(expiry))), float(strike), int(calls), int(puts))
        for expiry, strike, calls, puts in database.rows(statement, (underlying, first_s, last_s))
    ]


def known_second(ts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The whole second at or after each UnixNanos: a fact is never stored as known before it was."""
    return -(-ts // NANOS_PER_SECOND)


def _written(ordinal: int) -> int:
    day = date.fromordinal(ordinal)
    return day.year * 10_000 + day.month * 100 + day.day


def _read(written: int) -> int:
    return date(written // 10_000, written // 100 % 100, written % 100).toordinal()


def _map_dates(values: NDArray[np.int64], convert: object) -> NDArray[np.int64]:
    """Convert the few distinct dates of a long column."""
    assert callable(convert)
    distinct, places = np.unique(values, return_inverse=True)
    converted = np.array([convert(int(value)) for value in distinct], np.int64)
    return converted[places] if len(distinct) else np.empty(0, np.int64)
