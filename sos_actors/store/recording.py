"""Writes facts of the running system into a store: the ``Recorder`` that ``StoreActor`` is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TypeVar

import numpy as np

from sos_actors.messages.market import BarClosed, BarSeries, QuarantineChanged, ScreenerAlert, Sentiment
from sos_actors.messages.records import ActorEvent, DepthRow, Fact, MoodMeasures, OrderRecord, TradeRecord
from sos_actors.messages.snapshots import OptionChain
from sos_actors.store.columns import ChainColumns, StatsColumns
from sos_actors.store.database import Store

_MEASURES = tuple(column.name for column in fields(StatsColumns))[1:]
_CHAIN = tuple(column.name for column in fields(ChainColumns) if column.name not in ("ts", "expiry", "spot"))
T = TypeVar("T")


class StoreRecorder:
    """Implements ``ports.Recorder``. Whatever is recorded twice is stored once, so a batch that failed may be repeated.

    Args:
        store: open for writing, used by this thread alone.
        candle_source: whose the bars are, also those made of ticks: the vendor's own replace them when they come.
    """

    def __init__(self, store: Store, candle_source: str = "upstox") -> None:
        self._store, self._candle_source = store, candle_source
        self._writers: dict[type, Callable[[Sequence[Fact]], object]] = {
            BarClosed: self._bars, OptionChain: self._chains, MoodMeasures: self._measures,
            Sentiment: _of(Sentiment, store.add_sentiment),
            ScreenerAlert: _of(ScreenerAlert, store.add_screener_alerts),
            QuarantineChanged: _of(QuarantineChanged, store.add_quarantines), DepthRow: _of(DepthRow, store.add_depth),
            OrderRecord: _of(OrderRecord, store.add_orders), TradeRecord: _of(TradeRecord, store.add_trades),
            ActorEvent: _of(ActorEvent, store.add_actor_events),
        }  # fmt: skip

    def record(self, facts: Sequence[Fact]) -> None:
        """Write facts, those of one kind in the order given.

        Raises:
            StoreError: the database refuses; some may have been written.
            DataError: a fact cannot be stored as it is.
        """
        kinds: dict[type, list[Fact]] = {}
        for fact in facts:
            kinds.setdefault(type(fact), []).append(fact)
        for kind in sorted(kinds, key=list(self._writers).index, reverse=True):  # orders and trades first
            self._writers[kind](kinds[kind])

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _bars(self, facts: Sequence[Fact]) -> None:
        series: dict[str, dict[int, BarClosed]] = {}
        for bar in facts:
            if isinstance(bar, BarClosed):
                series.setdefault(bar.symbol, {})[bar.ts_open] = bar  # of two of one minute the later stands
        for symbol, bars in series.items():
            rows = [bars[ts] for ts in sorted(bars)]
            columns = ((np.nan if (value := getattr(bar, name)) is None else value for bar in rows)
                       for name in ("open", "high", "low", "close", "volume", "oi"))  # fmt: skip
            ts = np.array([bar.ts_open for bar in rows], np.int64)
            self._store.add_candles(
                symbol, BarSeries(ts, *(np.fromiter(column, np.float64) for column in columns)), self._candle_source
            )

    def _chains(self, facts: Sequence[Fact]) -> None:
        for chain in facts:
            if isinstance(chain, OptionChain):
                self._store.add_chain(chain.underlying, chain_columns(chain), chain.source)

    def _measures(self, facts: Sequence[Fact]) -> None:
        for row in facts:
            if isinstance(row, MoodMeasures):
                self._store.add_market_stats(row.symbol, stats_columns([row]), row.source)


def chain_columns(chain: OptionChain) -> ChainColumns:
    """One snapshot as rows of the store."""
    n = len(chain)
    return ChainColumns(
        ts=np.full(n, chain.ts_event, np.int64), expiry=np.full(n, chain.expiry.toordinal()),
        spot=np.full(n, chain.spot), **{name: getattr(chain, name) for name in _CHAIN},
    )  # fmt: skip


def stats_columns(rows: Sequence[MoodMeasures]) -> StatsColumns:
    """Measures of one underlying, oldest first, as columns."""
    known = {name: np.array([float(getattr(row, name)) for row in rows]) for name in _MEASURES if name != "smart_trend"}
    trend = np.array([int(row.smart_trend) for row in rows], np.int8)
    return StatsColumns.of(np.array([row.ts_event for row in rows], np.int64), smart_trend=trend, **known)


def _of(kind: type[T], write: Callable[[list[T]], object]) -> Callable[[Sequence[Fact]], object]:
    """A writer of one kind of fact; the kinds were told apart before."""
    return lambda facts: write([fact for fact in facts if isinstance(fact, kind)])
