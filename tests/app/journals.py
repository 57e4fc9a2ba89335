"""Journals for tests: a market played to the engine of a header, everything written down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sos_actors.app.backtest import followed
from sos_actors.app.journaling import build_engine, listed_contracts, make_header
from sos_actors.app.session_header import SessionHeader, StrategyText
from sos_actors.config import Config, Risk
from sos_actors.engine.engine import Engine
from sos_actors.engine.events import Event
from sos_actors.engine.following import SymbolFollowed, SymbolPast
from sos_actors.engine.plan import FollowedSymbol
from sos_actors.engine.positions import Decision
from sos_actors.engine.recording import encode_decision, encode_document, encode_event
from sos_actors.market.instruments import default_master
from sos_actors.messages.market import BarSeries
from sos_actors.runtime.journal import JournalReader, JournalWriter, Record, RecordKind
from sos_actors.store.database import Store
from sos_actors.types import UnixNanos
from tests.engine.brokers import Playback
from tests.engine.markets import FIRST, NIFTY, SECOND, STOCKS, Market, minute, walk

RISK = Risk(max_open_positions=4, max_trades_per_day=60)
CONFIG = replace(Config(), risk=RISK)


def strategy_text(pattern_id: str, when: str, *, side: str = "BUY", timeframe: str = "1m", sl: str = "", tp: str = "",
                  symbols: Sequence[str] = ()) -> StrategyText:  # fmt: skip
    away, near = ("-", "+") if side == "BUY" else ("+", "-")
    document = {
        "pattern_id": pattern_id, "timeframe": timeframe, "symbols": list(symbols),
        "phases": [{"id": "GO", "conditions": [when]}],
        "execution": {
            "side": side, "entry": "close", "sl": sl or f"entry {away} 0.4", "tp": tp or f"entry {near} 0.6",
            "option_selection": "ATM_CALL",
        },
    }  # fmt: skip
    return StrategyText(f"{pattern_id}.json", json.dumps(document))


STRATEGIES = (
    strategy_text("UP_1", "close > prev_candle.close"),
    strategy_text("DOWN_5", "close < moving_avg(history, 3, 'close')", side="SELL", timeframe="5m"),
)


def header_of(symbols: Sequence[FollowedSymbol] = (NIFTY,), strategies: Sequence[StrategyText] = STRATEGIES,
              day: date = SECOND, config: Config = CONFIG) -> SessionHeader:  # fmt: skip
    contracts = listed_contracts("NIFTY", [date(2026, 1, 13), date(2026, 1, 20)], day)
    return make_header(
        config, strategies, symbols, contracts, run="one", day=day, origin="simulated", broker="paper",
        source="simulator", speed=60.0, nonce="ab12", created="2026-01-13T03:45:00Z",
    )  # fmt: skip


class Journaled:
    """An engine that writes down what it is told and what it decides."""

    def __init__(self, engine: Engine, writer: JournalWriter) -> None:
        self.engine, self.writer = engine, writer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def step(self, event: Event) -> list[Decision]:
        self.writer.append(RecordKind.EVENT, encode_event(event))
        decisions = self.engine.step(event)
        for decision in decisions:
            self.writer.append(RecordKind.DECISION, encode_decision(decision))
        return decisions


def terms_of(name: str) -> FollowedSymbol:
    """A stock as a run over history follows it that day."""
    return replace(followed(default_master().resolve(name)), tick=0.01)


def stocks(day: date = SECOND, *, bars: int = 120, warm_up: Sequence[date] = (FIRST,), **options: Any) -> Market:
    symbols = [terms_of(one.short_name) for one in STOCKS[:2]]
    series = {
        one.symbol: walk([*warm_up, day], 11 + k, start=100.0 + 50 * k, bars=bars, **options)
        for k, one in enumerate(symbols)
    }
    return Market(symbols, series, (day,), warm_up)


def play(path: Path, market: Market, header: SessionHeader, *, follow: bool = False) -> Playback:
    """Write the journal of a session; with ``follow`` the symbols come while it runs, with their past.

    Then the bars of the warm-up are that past, else they are events.
    """
    with JournalWriter.create(path, header.encode()) as writer:
        played = Playback(market, build_engine(header)._plan, RISK)
        journaled: Any = Journaled(build_engine(header), writer)
        played.engine = journaled
        if follow:
            first = minute(market.days[0], 0)
            for one in market.followed:
                past = SymbolPast(market.bars[one.symbol][market.bars[one.symbol].ts < first])
                played.send(SymbolFollowed(UnixNanos(first), one, past))
            for day in market.days:
                played._day(day)
        else:
            played.run()
        writer.append(RecordKind.NOTE, encode_document({"what": "ended"}))
    return played


def records(path: Path) -> list[Record]:
    return list(JournalReader(path).records())


def rewritten(path: Path, kept: Sequence[Record], to: Path) -> Path:
    """A journal of the same header with these records."""
    with JournalWriter.create(to, JournalReader(path).header) as writer:
        for record in kept:
            if b"opened_by" not in record.payload:
                writer.append(record.kind, record.payload)
    return to


def write_events(path: Path, header: SessionHeader, events: Sequence[Event]) -> Path:
    """The journal of an engine that was told these events."""
    with JournalWriter.create(path, header.encode()) as writer:
        engine = Journaled(build_engine(header), writer)
        for event in events:
            engine.step(event)
    return path


def kept(folder: Path, bars: Mapping[str, BarSeries]) -> Store:
    """A store of simulated data that holds the bars."""
    store = Store.open(folder, origin="simulated")
    for symbol, series in bars.items():
        store.add_candles(symbol, series, "upstox")
    return store
