"""What the running system leaves behind: sentiment in force, orders, closed trades, and what happened to its actors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TypeVar

from sos_actors.messages.market import Sentiment
from sos_actors.messages.records import ActorEvent, OrderRecord, TradeRecord
from sos_actors.store.connection import Database
from sos_actors.store.shards import Shards, by_month
from sos_actors.types import NANOS_PER_SECOND, Regime, Side, SmartTrend, UnixNanos

_SENTIMENT = tuple(column.name for column in fields(Sentiment))[1:]
_ORDER = ("tag", "symbol", "side", "quantity", "filled", "status", "price", "average_price", "broker_id", "strategy",
          "reason")  # fmt: skip
_TRADE = ("id", "symbol", "instrument", "strategy", "side", "quantity", "entry_price", "exit_price", "exit_reason",
          "gross_paise", "charges_paise")  # fmt: skip
_EVENT = ("ts", "actor", "event", "detail")
T = TypeVar("T")


class TradingTables:
    """The part of a ``Store`` that keeps these tables; times are rounded up to the second, ranges are half open."""

    _shards: Shards

    def add_sentiment(self, sentiments: Iterable[Sentiment]) -> int:
        """Insert or replace; of two of one symbol within a second the last stands. Returns how many."""
        return sum(_write_sentiment(self._shards.open(month), rows) for month, rows in by_month(sentiments).items())

    def sentiment(self, first_ns: int, last_ns: int) -> list[Sentiment]:
        """Sentiments that came into force in the range, oldest first."""
        return self._between(first_ns, last_ns, _read_sentiment)

    def add_orders(self, orders: Iterable[OrderRecord]) -> int:
        """Insert orders, or replace what is known of a tag. Returns how many."""
        return sum(_write_orders(self._shards.open(month), rows) for month, rows in by_month(orders).items())

    def orders(self, first_ns: int, last_ns: int) -> list[OrderRecord]:
        """Orders decided in the range, each in its last state, oldest first."""
        return self._between(first_ns, last_ns, _read_orders)

    def add_trades(self, trades: Iterable[TradeRecord]) -> int:
        """Insert or replace trades by their id. Returns how many."""
        return sum(_write_trades(self._shards.open(month), rows) for month, rows in by_month(trades).items())

    def trades(self, first_ns: int, last_ns: int) -> list[TradeRecord]:
        """Trades closed in the range, in that order."""
        return self._between(first_ns, last_ns, _read_trades)

    def add_actor_events(self, events: Iterable[ActorEvent]) -> int:
        """Insert events; the same one twice within a second is one. Returns how many were told."""
        return sum(_write_events(self._shards.open(month), rows) for month, rows in by_month(events).items())

    def actor_events(self, first_ns: int, last_ns: int) -> list[ActorEvent]:
        """Events in the range, in the order they were told in."""
        return self._between(first_ns, last_ns, _read_events)

    def _between(self, first_ns: int, last_ns: int, read: Callable[[Database, int, int], list[T]]) -> list[T]:
        first, last = _second(first_ns), _second(last_ns)
        return [row for part in self._shards.collect(first, last, lambda one: read(one, first, last)) for row in part]


def _second(ts: int) -> int:
    """The whole second at or after UnixNanos: a fact is never stored as known before it was."""
    return int(-(-ts // NANOS_PER_SECOND))


def _at(second: int) -> UnixNanos:
    return UnixNanos(int(second) * NANOS_PER_SECOND)


def _replace(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _write_sentiment(database: Database, sentiments: list[Sentiment]) -> int:
    rows = [
        (_second(one.ts_event), *(int(value) if isinstance(value, Regime | SmartTrend) else value
                                  for value in (getattr(one, name) for name in _SENTIMENT)))
        for one in sentiments
    ]  # fmt: skip
    return database.write_rows((_replace("sentiment", ("ts", *_SENTIMENT)),), rows, 1000)


def _read_sentiment(database: Database, first_s: int, last_s: int) -> list[Sentiment]:
    """A file older than some of the columns does not know them."""
    stored = database.columns("sentiment")
    names = [name for name in _SENTIMENT if name in stored]
    statement = f"SELECT ts, {', '.join(names)} FROM sentiment WHERE ts >= ? AND ts < ? ORDER BY ts, symbol"
    found = []
    for second, *values in database.rows(statement, (first_s, last_s)):
        row = dict(zip(names, values, strict=True))
        row["regime"], row["smart_trend"] = Regime(row["regime"]), SmartTrend(row.get("smart_trend") or 0)
        found.append(Sentiment(_at(second), **row))
    return found


def _write_orders(database: Database, orders: list[OrderRecord]) -> int:
    rows = [(_second(one.ts_event), *_plain(one, _ORDER)) for one in orders]
    return database.write_rows((_replace("orders", ("ts", *_ORDER)),), rows, 1000)


def _read_orders(database: Database, first_s: int, last_s: int) -> list[OrderRecord]:
    statement = f"SELECT ts, {', '.join(_ORDER)} FROM orders WHERE ts >= ? AND ts < ? ORDER BY ts, rowid"
    found = []
    for second, *values in database.rows(statement, (first_s, last_s)):
        row = dict(zip(_ORDER, values, strict=True))
        found.append(OrderRecord(_at(second), **(row | {"side": Side(row["side"])})))
    return found


def _write_trades(database: Database, trades: list[TradeRecord]) -> int:
    rows = [(_second(one.ts_event), _second(one.entry_ts), *_plain(one, _TRADE)) for one in trades]
    return database.write_rows((_replace("trades", ("exit_ts", "entry_ts", *_TRADE)),), rows, 1000)


def _read_trades(database: Database, first_s: int, last_s: int) -> list[TradeRecord]:
    statement = (
        f"SELECT exit_ts, entry_ts, {', '.join(_TRADE)} FROM trades "
        "WHERE exit_ts >= ? AND exit_ts < ? ORDER BY exit_ts, rowid"
    )
    found = []
    for closed, entered, *values in database.rows(statement, (first_s, last_s)):
        row = dict(zip(_TRADE, values, strict=True))
        found.append(TradeRecord(_at(closed), entry_ts=_at(entered), **(row | {"side": Side(row["side"])})))
    return found


def _write_events(database: Database, events: list[ActorEvent]) -> int:
    statement = (
        f"INSERT INTO actor_events ({', '.join(_EVENT)}) SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM "
        "actor_events WHERE ts = ?1 AND actor = ?2 AND event = ?3 AND coalesce(detail, '') = coalesce(?4, ''))"
    )
    rows = [(_second(one.ts_event), one.actor, one.event, one.detail) for one in events]
    return database.write_rows((statement,), rows, 1000)


def _read_events(database: Database, first_s: int, last_s: int) -> list[ActorEvent]:
    statement = f"SELECT {', '.join(_EVENT)} FROM actor_events WHERE ts >= ? AND ts < ? ORDER BY ts, rowid"
    return [ActorEvent(_at(second), *rest) for second, *rest in database.rows(statement, (first_s, last_s))]


def _plain(record: OrderRecord | TradeRecord, names: tuple[str, ...]) -> tuple[object, ...]:
    values = (getattr(record, name) for name in names)
    return tuple(int(value) if isinstance(value, Side) else value for value in values)
