"""The past of a symbol while the day runs: stored sessions, today's candles from the vendors, stored moods and alerts.

Read as a run over the stored rows reads them, so that a pattern warmed up here stands where it would stand there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import date

import numpy as np

from sos_actors.app.backtest import charge_table, warm_up_days
from sos_actors.app.board import DAY_NS, day_start
from sos_actors.app.histories import HistoryLoader
from sos_actors.app.ingest.candles import CandleIngest
from sos_actors.app.ingest.job import Ingestion, Steps
from sos_actors.app.ingest.request import HistorySources, IngestReport, IngestRequest, gap_lines
from sos_actors.config import Config, Mood
from sos_actors.engine.following import SymbolPast
from sos_actors.engine.plan import FollowedSymbol
from sos_actors.errors import MissingDataError, VendorError
from sos_actors.market.calendar import Calendar
from sos_actors.market.chain_kernels import max_pain
from sos_actors.market.mood_path import MoodPath
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.market import BarSeries
from sos_actors.messages.records import MoodMeasures
from sos_actors.ports import CandleSource, ChainSource
from sos_actors.runtime.clock import Clock, indian_day
from sos_actors.store.columns import ChainColumns, StatsColumns
from sos_actors.store.database import Store
from sos_actors.store.recording import chain_columns
from sos_actors.types import NANOS_PER_MINUTE, Segment, SmartTrend, UnixNanos
from sos_actors.vendors.trust import Ladder

log = logging.getLogger(__name__)
PATIENCE_NS = 5 * NANOS_PER_MINUTE
"""After the open, a share may not have traded for so long."""


class StoredPast:
    """Implements ``actors.backfill_words.PastSource``. Thread-safe: every call opens the store for itself.

    Args:
        config: how moods are read, how many requests go at a time.
        open_store: opens the store for writing.
        calendar: sessions.
        candles: who is asked for candles, in the order of trust.
        interest: who is asked for open interest as it is now; None asks nobody.
        followed: a canonical symbol as the engine follows it.
        now: what time it is for the vendors.
    """

    def __init__(
        self, config: Config, open_store: Callable[[], Store], calendar: Calendar, candles: Sequence[CandleSource],
        interest: ChainSource | None, followed: Callable[[str], FollowedSymbol], now: Clock,
    ) -> None:  # fmt: skip
        self._config, self._open_store, self._calendar = config, open_store, calendar
        self._candles, self._interest, self._followed, self._now = tuple(candles), interest, followed, now
        self._charges = charge_table(config)

    def past(self, symbol: str, until: UnixNanos) -> SymbolPast:
        """What was known at ``until``; sessions of warm-up that are missing, and today's candles, are fetched first.

        Raises:
            MissingDataError: the last session before, or today's candles, cannot be had.
            StoreError: the store refuses.
        """
        today = indian_day(until)
        warm_up = warm_up_days(self._calendar, today)
        with self._open_store() as store:
            self._fill(store, symbol, warm_up)
            self._keep_today(store, symbol, until)
            loader = HistoryLoader(store, self._calendar, self._charges, self._config.mood, warm_up, [today])
            loaded = loader.load(self._followed(symbol))
            bars, alerts = loaded.history.bars, loader.alerts
        alerts = [alert for alert in alerts if alert.symbol == symbol and alert.ts_event <= until]
        closed = bars[bars.ts + NANOS_PER_MINUTE <= until]
        return SymbolPast(closed, loaded.sentiment.stats.ts, loaded.sentiment.values, tuple(alerts))

    def today(self, symbol: str, until: UnixNanos) -> BarSeries:
        """Today's bars that closed by ``until``, as the vendors have them now; they are stored, too.

        Raises:
            MissingDataError: nobody has them.
            StoreError: the store refuses.
        """
        with self._open_store() as store:
            return self._keep_today(store, symbol, until)

    def oi_history(self, symbol: str) -> list[OiHistoryRow]:
        """Today's open interest of the nearest expiry: the chains that are stored, and the one of now.

        Raises:
            StoreError: the store refuses.
        """
        now = self._now()
        first = day_start(indian_day(now))
        with self._open_store() as store:
            chain = store.chain(symbol, first, now + 1)
        parts = [chain[chain.expiry == chain.expiry.min()]] if len(chain) else []
        if self._interest is not None:
            try:
                parts.append(chain_columns(self._interest.chain(short_name_of(symbol))))
            except VendorError as error:
                log.warning("No open interest of now of %s: %s", short_name_of(symbol), error)
        rows = {(row.ts, row.strike): row for part in parts for row in _interest_rows(part) if first <= row.ts <= now}
        return [rows[key] for key in sorted(rows)]

    def _fill(self, store: Store, symbol: str, days: Sequence[date]) -> None:
        """Fetch the sessions before today that are not whole.

        Raises:
            MissingDataError: the last of them has no candles then.
        """
        report = IngestReport()
        job = Ingestion(
            store, lambda: HistorySources(self._candles, None), IngestRequest([symbol], (), days), self._calendar,
            self._config.ingest, self._now, report, Steps(lambda _done, _known, _what: None, report),
        )  # fmt: skip
        CandleIngest(job).run()
        if not len(store.candles(symbol, day_start(days[-1]), day_start(days[-1]) + DAY_NS)):
            told = " ".join(gap_lines(report)) or f"The store has none of {days[-1]}."
            raise MissingDataError(f"No history of {short_name_of(symbol)}: {told}")

    def _keep_today(self, store: Store, symbol: str, until: UnixNanos) -> BarSeries:
        today, segment = indian_day(until), Segment(symbol.split("|")[1])
        opened = self._calendar.session(today, segment).open_ns
        if until < opened + NANOS_PER_MINUTE:
            return BarSeries.empty()
        answer = Ladder(self._candles, f"candles of today of {short_name_of(symbol)}").ask(
            lambda source: source.candles(symbol, today, today), lambda bars: len(bars) > 0
        )
        bars = answer.value
        if not len(bars) and (segment is Segment.INDEX or until > opened + PATIENCE_NS):
            raise MissingDataError(f"{answer.source} has no candles of today of {short_name_of(symbol)} yet.")
        inside = self._calendar.in_session(bars.ts, segment, fno_stock=False) if len(bars) else np.empty(0, bool)
        bars = bars[inside & (bars.ts + NANOS_PER_MINUTE <= until)]
        store.add_candles(symbol, bars, answer.source)
        return bars


def moods_so_far(store: Store, symbols: Sequence[str], mood: Mood, now: UnixNanos) -> dict[str, MoodPath]:
    """The mood of each underlying as today's stored rows leave it: what a start or restart goes on from."""
    first, paths = day_start(indian_day(now)), {}
    for symbol in symbols:
        path = MoodPath(symbol, float(mood.stale_after_s), float(mood.hysteresis_minutes))
        for row in _measures(symbol, store.market_stats(symbol, first, now + 1)):
            path, _ = path.with_row(row)
        paths[symbol] = path
    return paths


def _measures(symbol: str, stats: StatsColumns) -> list[MoodMeasures]:
    names = [column.name for column in fields(StatsColumns) if column.name not in ("ts", "smart_trend")]
    columns = [getattr(stats, name).tolist() for name in names]
    return [
        MoodMeasures(UnixNanos(ts), symbol, "", smart_trend=SmartTrend(trend), **dict(zip(names, values, strict=True)))
        for ts, trend, *values in zip(stats.ts.tolist(), stats.smart_trend.tolist(), *columns, strict=True)
    ]


def _interest_rows(chain: ChainColumns) -> list[OiHistoryRow]:
    """Rows of chains of one expiry, each with the max pain of its moment."""
    found = []
    starts = np.flatnonzero(np.r_[True, chain.ts[1:] != chain.ts[:-1]]) if len(chain) else np.empty(0, np.int64)
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(chain)], strict=True):
        rows = chain[slice(first, last)]
        pain = _or_none(max_pain(rows.strike, rows.ce_oi, rows.pe_oi))
        found += [
            OiHistoryRow(UnixNanos(int(rows.ts[0])), strike, _or_none(calls), _or_none(puts), pain)
            for strike, calls, puts in zip(rows.strike.tolist(), rows.ce_oi.tolist(), rows.pe_oi.tolist(), strict=True)
        ]
    return found


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
