"""Runs every compiled function once before the market is looked at: compiling in the middle of a session costs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from sos_actors.app.backtest import latest_sessions
from sos_actors.app.journaling import build_engine, listed_contracts, make_header
from sos_actors.app.live_instruments import Instruments
from sos_actors.app.session_header import SessionHeader, StrategyText
from sos_actors.config import Config
from sos_actors.engine import rules, sweep
from sos_actors.engine.engine import Engine
from sos_actors.engine.following import SymbolFollowed, SymbolPast
from sos_actors.engine.plan import FollowedSymbol
from sos_actors.engine.positions import order_of
from sos_actors.engine.records import InstrumentKind
from sos_actors.market.calendar import Calendar
from sos_actors.market.instruments import default_master
from sos_actors.market.mood_path import MoodPath
from sos_actors.market.pricing import greeks, implied_volatility
from sos_actors.messages.market import BarClosed, BarSeries, Tick, TimerFired
from sos_actors.messages.records import MoodMeasures
from sos_actors.messages.trading import OrderStatus, OrderUpdated, SubmitOrder
from sos_actors.runtime.clock import indian_day, wall_time
from sos_actors.runtime.latency import Stage, StageLatency
from sos_actors.types import NANOS_PER_MINUTE, Segment, UnixNanos
from sos_actors.vendors.upstox.feed_decode import FeedDecoder

_STOCK = FollowedSymbol("NSE|EQ|WARMING", InstrumentKind.EQUITY)
_EMPTY_FRAME = b""


def warm_up(config: Config, strategies: Sequence[StrategyText], calendar: Calendar) -> None:
    """Follow symbols nobody trades, in an engine of its own, through minutes and trades; look at a mood and a price.

    Args:
        config: of the session.
        strategies: of the session.
        calendar: sessions.
    """
    header = _header(config, strategies, calendar)
    engine = build_engine(header, calendar)
    opens = int(calendar.session(header.day, Segment.EQ).open_ns)
    before = int(calendar.session(calendar.previous_session(header.day), Segment.EQ).open_ns)
    names = [*header.indices, _STOCK, replace(_STOCK, symbol="NSE|EQ|WARMED")]
    for one in names:
        engine.step(SymbolFollowed(UnixNanos(opens), one, SymbolPast(_bars(before, 300))))
    for minute in range(20):
        at = opens + minute * NANOS_PER_MINUTE
        bars = [_bar(one.symbol, at, 100.0 + minute) for one in names]
        decided = [decision for answer in engine.step_batch(bars) for decision in answer]
        _fill(engine, [one for one in decided if isinstance(one, SubmitOrder)], at + NANOS_PER_MINUTE)
        engine.step(TimerFired(UnixNanos(at + NANOS_PER_MINUTE)))
    _warm_rules(engine, opens)
    _warm_looks(header.day)


def _header(config: Config, strategies: Sequence[StrategyText], calendar: Calendar) -> SessionHeader:
    """Of a day that is over, with contracts that expire on it."""
    day = latest_sessions(calendar, min(indian_day(wall_time()), calendar.last), 1)[0]
    indices = Instruments.of(default_master(), config.trading.indices).indices
    contracts = [contract for one in indices for contract in listed_contracts(one.short_name, [day], day)]
    return make_header(
        config, strategies, indices, contracts, run="warming", day=day, origin="simulated", broker="paper",
        source="none", speed=1.0, nonce="warm",
    )  # fmt: skip


def _warm_rules(engine: Engine, opens: int) -> None:
    """Rules that no signal happened to reach are run on an account of their own."""
    account, grounds = engine.account, engine.grounds
    copy = account._replace(
        book=account.book.copy(), positions=account.positions.copy(), signals=account.signals.copy(),
        trades=account.trades.copy(),
    )  # fmt: skip
    instruments = engine.holdings.instruments.copy()
    copy.signals[0]["side"], copy.signals[0]["entry"], copy.signals[0]["stop"] = 1, 100.0, 99.0
    copy.signals[0]["target"], copy.signals[0]["quantity_mod"], copy.signals[0]["ts"] = 102.0, 1.0, opens
    copy.signals[0]["symbol"] = len(grounds.symbol_instrument) - 1
    sweep.judge(copy, grounds, 0)
    choice = np.zeros(1, sweep.CHOICE)
    choice["price"], choice["stop_distance"], choice["target_distance"] = 100.0, 5.0, 5.0
    sweep.enter_option(copy, grounds, instruments, 0, choice)
    slot = sweep.enter_equity(copy, grounds, instruments, 0)
    if slot >= 0:
        rules.fill_entry(copy.positions, slot, opens, 100.0, 10, 0.05)
        rules.exit_touch(1, 99.0, 102.0, 100.0, 100.0, 100.0)
        rules.close_position(copy.book, copy.positions, slot, instruments, opens, 101.0, 1, copy.trades)
        slot = sweep.enter_equity(copy, grounds, instruments, 0)
        rules.drop_entry(copy.book, copy.positions, copy.signals, slot, 34)


def _warm_looks(day: date) -> None:
    path = MoodPath("NSE|INDEX|NIFTY", 600.0, 3.0)
    path.with_row(MoodMeasures(UnixNanos(day.toordinal()), "NSE|INDEX|NIFTY", "warming", pcr=1.0))
    greeks(100.0, 100.0, 0.01, implied_volatility(1.0, 100.0, 100.0, 0.01, True), True)
    recorder, times = StageLatency().recorder(Stage.DECIDED), np.ones((2, 3), np.int64)
    recorder.record(1)
    recorder.record_until(times, 2)
    recorder.record_between(times)
    FeedDecoder(5).decode(_EMPTY_FRAME)


def _fill(engine: Engine, orders: list[SubmitOrder], at: int) -> None:
    for order in orders:
        update = OrderUpdated(UnixNanos(at), order.order_id, OrderStatus.FILLED, order.quantity, order.reference_price)
        engine.step(update)
        engine.step(Tick(UnixNanos(at), order.symbol, order.reference_price * 0.5))
        out = OrderUpdated(UnixNanos(at), order_of(order.position_id, 1), OrderStatus.FILLED, order.quantity, 1.0)
        engine.step(out)


def _bars(first: int, n: int) -> BarSeries:
    prices = np.asarray(100.0 + np.arange(n) % 7, np.float64)
    return BarSeries(
        first + np.arange(n) * NANOS_PER_MINUTE, prices, prices + 1, prices - 1, prices, np.full(n, 100.0),
        np.full(n, np.nan),
    )  # fmt: skip


def _bar(symbol: str, opens: int, price: float) -> BarClosed:
    closes = UnixNanos(opens + NANOS_PER_MINUTE)
    return BarClosed(closes, symbol, UnixNanos(opens), price, price + 1, price - 1, price, 100.0)
