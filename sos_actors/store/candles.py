"""Bars in one shard: SQL in and out of columns."""

from __future__ import annotations

import numpy as np

from sos_actors.errors import DataError
from sos_actors.messages.market import BarSeries
from sos_actors.store.connection import Database
from sos_actors.store.reader import read_columns
from sos_actors.types import IST_OFFSET_S, NANOS_PER_MINUTE, NANOS_PER_SECOND

DAY_S = 86_400


def check_bars(symbol: str, bars: BarSeries) -> None:
    """Refuse bars that cannot be rows of the table.

    Raises:
        DataError: times not strictly increasing or not on the minute, or a price unknown.
    """
    if np.any(np.diff(bars.ts) <= 0):
        raise DataError(f"Bars of {symbol} are not in strictly increasing order of time.")
    if np.any(bars.ts % NANOS_PER_MINUTE):
        raise DataError(f"Bars of {symbol} are not stamped on the minute.")
    for name in ("open", "high", "low", "close"):
        if not np.all(np.isfinite(getattr(bars, name))):
            raise DataError(f"Bars of {symbol} have an unknown {name}: a bar without prices cannot be stored.")


def write_bars(database: Database, symbol: str, bars: BarSeries, source: str, commit_rows: int) -> int:
    """Insert or replace whole bars; a bar comes from one source, so nothing of an older one is kept."""
    series = database.identify("series", "symbol", symbol)
    origin = database.identify("sources", "name", source)
    columns = (
        *(bars.ts // NANOS_PER_SECOND, bars.open, bars.high, bars.low),
        *(bars.close, bars.volume, bars.oi),
    )
    statement = f"INSERT OR REPLACE INTO candles VALUES ({series}, ?, ?, ?, ?, ?, ?, ?, {origin})"
    return database.write_columns(statement, columns, commit_rows)


def read_bars(database: Database, symbol: str, first_s: int, last_s: int, fast: bool = False) -> BarSeries:
    """The bars of one shard whose open lies in ``[first_s, last_s)``."""
    series = database.identity("series", "symbol", symbol)
    if series is None:
        return BarSeries.empty()
    statement = (
        "SELECT ts, open, high, low, close, volume, oi FROM candles WHERE series = ? AND ts >= ? AND ts < ? ORDER BY ts"
    )
    ts, prices = read_columns(database, statement, (series, first_s, last_s), 6, fast=fast)
    return BarSeries(ts * NANOS_PER_SECOND, *prices)


def bars_per_day(database: Database, symbol: str) -> list[tuple[int, int]]:
    """(days since 1970 in India, bars) of one symbol."""
    statement = (
        f"SELECT (ts + {IST_OFFSET_S}) / {DAY_S}, count(*) FROM candles "
        f"WHERE series = (SELECT id FROM series WHERE symbol = ?) GROUP BY 1 ORDER BY 1"
    )
    return [(int(day), int(count)) for day, count in database.rows(statement, (symbol,))]


def candle_sources(database: Database, symbol: str, first_s: int, last_s: int) -> list[tuple[str, int]]:
    """(source, bars) of one symbol in ``[first_s, last_s)``."""
    statement = (
        "SELECT name, count(*) FROM candles JOIN sources ON sources.id = source "
        "WHERE series = (SELECT id FROM series WHERE symbol = ?) AND ts >= ? AND ts < ? GROUP BY name"
    )
    return [(str(name), int(count)) for name, count in database.rows(statement, (symbol, first_s, last_s))]


def symbols_with_bars(database: Database) -> list[str]:
    """Symbols that have at least one bar."""
    statement = (
        "SELECT symbol FROM series "
        "WHERE EXISTS (SELECT 1 FROM candles WHERE candles.series = series.id) ORDER BY symbol"
    )
    return [str(row[0]) for row in database.rows(statement)]


def contract_bars(database: Database, prefix: str, first_s: int, last_s: int) -> list[tuple[str, int]]:
    """(symbol, bars) of the symbols that begin with ``prefix`` and have bars in ``[first_s, last_s)``."""
    statement = (
        "SELECT symbol, count(*) FROM series JOIN candles ON candles.series = series.id "
        "WHERE substr(symbol, 1, ?) = ? AND ts >= ? AND ts < ? GROUP BY symbol"
    )
    return [(str(s), int(n)) for s, n in database.rows(statement, (len(prefix), prefix, first_s, last_s))]
