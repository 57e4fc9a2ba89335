"""Smaller tables: market measures, depth history, screener alerts; runs and complete days in the master."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

import numpy as np

from sos_actors.messages.market import ScreenerAlert
from sos_actors.store.chains import known_second
from sos_actors.store.columns import StatsColumns
from sos_actors.store.connection import Database, Row
from sos_actors.store.reader import read_columns
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

_STATS = tuple(column.name for column in fields(StatsColumns))[1:]
_ALERT = tuple(column.name for column in fields(ScreenerAlert))[1:]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One backtest or replay.

    Attributes:
        id: unique; saving it again replaces it.
        created: ISO time, UTC.
        kind: for example ``backtest``.
        config: the configuration that mattered.
        strategies: pattern id to the hash of its file.
        fingerprint: of the data it read, see ``Store.fingerprint``.
        summary: its result.
    """

    id: str
    created: str
    kind: str
    config: dict[str, Any] = field(default_factory=dict)
    strategies: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DayRecord:
    """How much of a day is stored; ``expected`` is the number of rows of a full session."""

    rows: int
    expected: int
    source: str

    @property
    def complete(self) -> bool:
        """Nothing is missing."""
        return 0 < self.expected <= self.rows


def write_stats(database: Database, symbol: str, stats: StatsColumns, source: str, commit_rows: int) -> int:
    """Update what is known; breadth and chain measures come from different sources and share a row.

    An unknown value never erases a known one. UPDATE, then INSERT OR IGNORE, because SQLite has UPSERT only from 3.24.
    """
    series = database.identify("series", "symbol", symbol)
    origin = database.identify("sources", "name", source)
    trend = np.where(stats.smart_trend == 0, np.nan, stats.smart_trend.astype(np.float64))
    columns = [trend if name == "smart_trend" else getattr(stats, name) for name in _STATS]
    rows = list(zip(known_second(stats.ts).tolist(), *(column.tolist() for column in columns), strict=True))
    changes = ", ".join(f"{name} = coalesce(?{place}, {name})" for place, name in enumerate(_STATS, start=2))
    marks = ", ".join(f"?{place}" for place in range(1, len(_STATS) + 2))
    update = f"UPDATE market_stats SET {changes}, source = {origin} WHERE series = {series} AND ts = ?1"
    insert = (
        f"INSERT OR IGNORE INTO market_stats (series, ts, {', '.join(_STATS)}, source) "
        f"VALUES ({series}, {marks}, {origin})"
    )
    return database.write_rows((update, insert), rows, commit_rows)


def read_stats(database: Database, symbol: str, first_s: int, last_s: int, fast: bool = False) -> StatsColumns:
    """The measures of one shard known in ``[first_s, last_s)``; unknown where an older file has no such column."""
    series = database.identity("series", "symbol", symbol)
    if series is None:
        return StatsColumns.empty()
    stored = database.columns("market_stats")
    names = [name for name in _STATS if name in stored]
    statement = f"SELECT ts, {', '.join(names)} FROM market_stats WHERE series = ? AND ts >= ? AND ts < ? ORDER BY ts"
    ts, values = read_columns(database, statement, (series, first_s, last_s), len(names), fast=fast)
    columns: dict[str, Any] = dict(zip(names, values, strict=True))
    columns["smart_trend"] = np.nan_to_num(columns["smart_trend"], nan=0.0).astype(np.int8)
    return StatsColumns.of(ts * NANOS_PER_SECOND, **columns)


def write_depth(database: Database, rows: list[Row]) -> int:
    """Rows of (timestamp, symbol, rvol, pcr, adv_dec_ratio); an unknown value never erases a known one."""
    update = (
        "UPDATE market_depth_history SET rvol = coalesce(?3, rvol), pcr = coalesce(?4, pcr), "
        "adv_dec_ratio = coalesce(?5, adv_dec_ratio) WHERE timestamp = ?1 AND symbol = ?2"
    )
    insert = "INSERT OR IGNORE INTO market_depth_history VALUES (?1, ?2, ?3, ?4, ?5)"
    return database.write_rows((update, insert), rows, 1000)


def write_alerts(database: Database, alerts: list[ScreenerAlert]) -> int:
    """Insert or replace whole alerts."""
    rows = [
        (int(-(-alert.ts_event // NANOS_PER_SECOND)), *(getattr(alert, name) for name in _ALERT)) for alert in alerts
    ]
    marks = ", ".join("?" * (1 + len(_ALERT)))
    return database.write_rows((f"INSERT OR REPLACE INTO screener_alerts VALUES ({marks})",), rows, 1000)


def read_alerts(database: Database, first_s: int, last_s: int) -> list[ScreenerAlert]:
    """The alerts of one shard in ``[first_s, last_s)``, oldest first."""
    statement = f"SELECT ts, {', '.join(_ALERT)} FROM screener_alerts WHERE ts >= ? AND ts < ? ORDER BY ts, symbol"
    return [
        ScreenerAlert(UnixNanos(int(row[0]) * NANOS_PER_SECOND), *row[1:])
        for row in database.rows(statement, (first_s, last_s))
    ]


def write_run(master: Database, run: RunRecord) -> None:
    """Insert or replace one run."""
    row = (
        *(run.id, run.created, run.kind, _json(run.config), _json(run.strategies)),
        *(run.fingerprint, _json(run.summary)),
    )
    with master.writing() as connection:
        connection.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def read_runs(master: Database) -> list[RunRecord]:
    """All runs, newest first."""
    statement = (
        "SELECT id, created, kind, config, strategies, fingerprint, summary FROM runs ORDER BY created DESC, id DESC"
    )
    return [
        RunRecord(id_, created, kind, json.loads(config), json.loads(strategies), fingerprint, json.loads(summary))
        for id_, created, kind, config, strategies, fingerprint, summary in master.rows(statement)
    ]


def write_day(master: Database, symbol: str, day: date, kind: str, record: DayRecord) -> None:
    """Insert or replace the mark of one day."""
    row = (symbol, day.isoformat(), kind, record.rows, record.expected, record.source)
    with master.writing() as connection:
        connection.execute("INSERT OR REPLACE INTO days VALUES (?, ?, ?, ?, ?, ?)", row)


def read_days(master: Database, symbol: str, first: date, last: date, kind: str) -> dict[date, DayRecord]:
    """The marks of one symbol from ``first`` to ``last``, both included."""
    statement = (
        "SELECT day, rows, expected, source FROM days "
        "WHERE symbol = ? AND kind = ? AND day >= ? AND day <= ? ORDER BY day"
    )
    found = master.rows(statement, (symbol, kind, first.isoformat(), last.isoformat()))
    return {date.fromisoformat(day): DayRecord(rows, expected, source) for day, rows, expected, source in found}


def forget_days(master: Database, year: int, month: int) -> None:
    """Remove the marks of a month whose file was set aside."""
    with master.writing() as connection:
        connection.execute("DELETE FROM days WHERE day LIKE ?", (f"{year:04d}-{month:02d}-%",))


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
