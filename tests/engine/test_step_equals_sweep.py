"""The promise: the same decisions, bit for bit, whether history is swept or plays event by event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from enum import Enum
from typing import Any, get_type_hints

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sos_actors.config import Fills, Risk, Sizing
from sos_actors.engine.engine import Event
from sos_actors.engine.history import HistoryResult
from sos_actors.engine.records import ExitReason, Outcome, Reason
from sos_actors.messages.market import BarClosed, BarSeries, PriceSpan, QuarantineChanged, Sentiment, Tick, TimerFired
from sos_actors.messages.trading import OrderUpdated
from sos_actors.simulator.model import MarketModel
from sos_actors.strategy.tree import Strategy
from sos_actors.types import NANOS_PER_SECOND, Regime, UnixNanos
from tests.engine.brokers import Playback, make_engine, signal_rows, trade_rows
from tests.engine.markets import CALENDAR, FIRST, NIFTY, SECOND, STOCKS, THIRD, Market, joined, minute, strategy, walk

EXPIRY = date(2026, 1, 13)
MOODS = [
    Sentiment(UnixNanos(minute(FIRST, k)), NIFTY.symbol, regime, pcr=1.0 + k / 100, advances=30.0, declines=20.0)
    for k, regime in ((5, Regime.BULLISH), (20, Regime.SIDEWAYS), (27, Regime.BEARISH), (60, Regime.UNKNOWN))
]


def mixed_strategies() -> list[Strategy]:
    return [
        strategy("UP_1", "close > prev_candle.close"),
        strategy("DOWN_1", "close < lowest(history, 3, 'low') + 0.1", side="SELL"),
        strategy("UP_5", "close > moving_avg(history, 3, 'close')", timeframe="5m", sl="entry - 0.4", tp="entry + 0.6"),
        strategy("DOWN_15", "close < open", side="SELL", timeframe="15m", symbols=("TCS", "SBIN")),
    ]  # fmt: skip


def assert_same(played: Playback, swept: HistoryResult) -> None:
    assert signal_rows(played.engine.signals) == signal_rows(swept.signals)
    assert trade_rows(played.engine.trades, played.engine.instruments) == trade_rows(swept.trades, swept.instruments)


def both(market: Market, strategies: Sequence[Strategy], risk: Risk | None = None, sizing: Sizing | None = None,
         fills: Fills | None = None) -> tuple[Playback, HistoryResult]:  # fmt: skip
    plan = market.plan(strategies, risk, sizing, fills)
    played, swept = Playback(market, plan, risk).run(), market.run(plan, risk)
    assert_same(played, swept)
    return played, swept


def stocks(seed: int, days: Sequence[date] = (FIRST, SECOND), *, bars: int = 375, holes: float = 0.0,
           idle: float = 0.0, count: int = 3, warm_up: Sequence[date] = ()) -> Market:  # fmt: skip
    followed = STOCKS[:count]
    series = {
        one.symbol: walk([*warm_up, *days], seed + k, start=100.0 + 50 * k, bars=bars, holes=holes, idle=idle)
        for k, one in enumerate(followed)
    }
    return Market(followed, series, days, warm_up, sentiments=MOODS)


@pytest.fixture(scope="module")
def simulated() -> Market:
    """NIFTY of the market model over three sessions, expiry day included, with all its contracts."""
    model = MarketModel(7, CALENDAR)
    days = (FIRST, SECOND, THIRD)
    sessions = [model.session(day) for day in days]
    parts: dict[str, list[BarSeries]] = {}
    for session in sessions:
        for name, bars in session.option_candles("NIFTY").items():
            parts.setdefault(name, []).append(bars)
    contracts = {name: joined(bars) for name, bars in parts.items()}
    spot = joined([session.candles(NIFTY.symbol) for session in sessions])
    return Market((NIFTY,), {NIFTY.symbol: spot}, days, (), contracts, (EXPIRY, date(2026, 1, 20)), MOODS)


def test_stocks_with_complete_data_trade_alike() -> None:
    played, swept = both(stocks(1), mixed_strategies())
    assert len(swept.trades) > 30
    assert {ExitReason(int(reason)) for reason in swept.trades["reason"]} >= {ExitReason.STOP, ExitReason.TARGET}
    assert len(played.engine.trades) == len(swept.trades)


def test_holes_and_idle_minutes_change_nothing_about_the_agreement() -> None:
    _, swept = both(stocks(2, holes=0.25, idle=0.2), mixed_strategies(), Risk(max_per_symbol=2, max_open_positions=5))
    assert any(swept.signals["late"])
    assert {Outcome(int(outcome)) for outcome in swept.signals["outcome"]} >= {Outcome.TRADED, Outcome.DENIED}


def test_warm_up_reaches_the_patterns_and_trades_nothing() -> None:
    market = stocks(3, days=(SECOND,), warm_up=(FIRST,), holes=0.1)
    _, swept = both(market, mixed_strategies())
    assert len(swept.trades)
    assert swept.signals["ts"].min() > minute(SECOND, 0)


def test_positions_that_never_trade_again_are_valued_alike() -> None:
    market = stocks(4, days=(FIRST,), bars=345)
    plan_fills = Fills(slippage_ticks=2)
    never = [strategy("UP", "close > prev_candle.close", sl="entry - 50", tp="entry + 500")]
    _, swept = both(market, never, fills=plan_fills)
    assert {ExitReason(int(reason)) for reason in swept.trades["reason"]} == {ExitReason.SESSION_END}


def test_square_off_is_alike() -> None:
    never = [strategy("UP", "close > prev_candle.close", sl="entry - 50", tp="entry + 500")]
    _, swept = both(stocks(5, holes=0.2), never)
    assert ExitReason.SQUARE_OFF in {ExitReason(int(reason)) for reason in swept.trades["reason"]}


def quarantine(symbol: str, ts: int, on: bool = True) -> QuarantineChanged:
    return QuarantineChanged(UnixNanos(ts), symbol, on, 101.0, 100.0, "tradingview")


def test_quarantines_deny_alike_and_leave_what_is_held_alone() -> None:
    """On from minute 30 to 60 (to the nanosecond), and from minute 300 to the end of the day nobody releases it."""
    market = stocks(1, holes=0.1)
    name = STOCKS[0].symbol
    told = [quarantine(name, minute(FIRST, 30)), quarantine(name, minute(FIRST, 60) + 1, on=False),
            quarantine(name, minute(FIRST, 300)), quarantine("NSE|EQ|NOBODY", minute(FIRST, 5))]  # fmt: skip
    always = [strategy("UP", "close > 0", sl="entry - 0.6", tp="entry + 0.6", symbols=("RELIANCE",))]
    risk = Risk(max_trades_per_day=1_000, max_daily_loss_inr=1e9)
    _, swept = both(replace(market, quarantines=told), always, risk)
    denied = swept.signals["ts"][swept.signals["reason"] == Reason.QUARANTINED]
    within = [(first, last) for first, last in ((30, 61), (300, 376))]
    assert all(any(minute(FIRST, a) <= ts < minute(FIRST, b) for a, b in within) for ts in denied.tolist())
    assert denied.min() == minute(FIRST, 30)
    assert set(swept.signals["outcome"][swept.signals["reason"] == Reason.QUARANTINED]) == {Outcome.DENIED}
    _, free = both(market, always, risk)
    held = free.trades[(free.trades["entry_ts"] < minute(FIRST, 30)) & (free.trades["exit_ts"] >= minute(FIRST, 30))]
    assert len(held)
    assert trade_rows(held, free.instruments)[0] in trade_rows(swept.trades, swept.instruments)
    assert (swept.trades["entry_ts"] > minute(SECOND, 0)).any()


def test_a_matcher_that_ran_out_of_room_goes_on_alike() -> None:
    days = CALENDAR.sessions(date(2025, 12, 22), date(2026, 1, 14))
    market = stocks(6, days=days, count=1)
    assert len(market.bars[STOCKS[0].symbol]) > 4096
    _, swept = both(market, [strategy("EMA", "crosses_above(close, ema(history, 100, 'close'))")])
    assert len(swept.trades) > 20


def test_index_signals_become_the_same_option_trades(simulated: Market) -> None:
    strategies = [
        strategy("UP", "close > highest(history, 5, 'close') - 1", sl="entry - 12", tp="entry + 20"),
        strategy("DOWN", "close < prev_candle.low", side="SELL", sl="entry + 10", tp="entry - 25", option="OTM_PUT_1"),
        strategy("FIVE", "close > open", timeframe="5m", sl="entry - 30", tp="entry + 30", option="ITM_CALL_2"),
        strategy("NONE", "close > open + 10", option="NONE"),
    ]  # fmt: skip
    risk = Risk(max_open_positions=4, max_per_symbol=3, max_trades_per_day=60)
    _, swept = both(simulated, strategies, risk)
    assert len(swept.trades) > 50
    assert all(name.startswith("NSE|FO|NIFTY") for name in swept.instruments)
    by_risk = Sizing(mode="risk", risk_budget_inr=5000.0)
    _, risked = both(simulated, strategies, risk, by_risk, Fills(slippage_ticks=0, entry_valid_minutes=1))
    assert len(set(risked.trades["quantity"].tolist())) > 3


def test_stocks_that_stop_before_the_options_agree_after_august_2026() -> None:
    """A stock that trades no more is valued at 15:15 and frees its slot, while options are still entered."""
    day = date(2026, 8, 10)
    session = MarketModel(7, CALENDAR).session(day)
    stock = walk([day], 8, bars=330)
    market = Market(
        (STOCKS[0], NIFTY), {NIFTY.symbol: session.candles(NIFTY.symbol), STOCKS[0].symbol: stock}, (day,), (),
        session.option_candles("NIFTY"), (date(2026, 8, 11),),
    )  # fmt: skip
    strategies = [
        strategy("STOCK", "close > 0", sl="entry - 50", tp="entry + 500", symbols=("RELIANCE",)),
        strategy("INDEX", "close != prev_candle.close", sl="entry - 8", tp="entry + 8", symbols=("NIFTY",)),
    ]
    risk = Risk(
        max_open_positions=1, max_trades_per_day=500, last_entry_before_close_min=5, square_off_before_close_min=1
    )
    _, swept = both(market, strategies, risk)
    valued = swept.trades[swept.trades["reason"] == ExitReason.SESSION_END]
    assert valued["exit_ts"].tolist() == [minute(day, 360)]
    assert swept.trades["entry_ts"].max() > minute(day, 360)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Market, list[Strategy], Risk, Sizing, Fills]:
    market = stocks(
        draw(st.integers(0, 10_000)), days=(FIRST, SECOND), bars=draw(st.sampled_from((16, 40))),
        holes=draw(st.sampled_from((0.0, 0.3))), idle=draw(st.sampled_from((0.0, 0.4))), count=draw(st.integers(1, 3)),
    )  # fmt: skip
    distances = st.sampled_from(("0.02", "0.1", "0.5", "3"))
    strategies = []
    for number in range(draw(st.integers(1, 3))):
        up = draw(st.booleans())
        away, near = ("-", "+") if up else ("+", "-")
        strategies.append(strategy(
            f"S{number}", draw(st.sampled_from(("close > open", "low <= prev_candle.low", "close != open"))),
            side="BUY" if up else "SELL", timeframe=draw(st.sampled_from(("1m", "3m", "5m"))),
            sl=f"entry {away} {draw(distances)}", tp=f"entry {near} {draw(distances)}",
            regimes={"SIDEWAYS": {"allow_entry": True, "quantity_mod": draw(st.sampled_from((0.0, 0.5, 2.0)))}},
        ))  # fmt: skip
    risk = Risk(
        draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 12)), draw(st.sampled_from((50.0, 1e4))),
        draw(st.sampled_from((0, 30, 345))), draw(st.sampled_from((1, 10, 340))),
    )  # fmt: skip
    told = st.tuples(
        st.sampled_from([one.symbol for one in market.followed]), st.sampled_from((FIRST, SECOND)),
        st.integers(-600, 45 * 60).map(lambda second: second * NANOS_PER_SECOND), st.booleans(),
    )  # fmt: skip
    ever = {(name, minute(day, 0) + at): on for name, day, at, on in draw(st.lists(told, max_size=12))}
    every = [quarantine(name, at + draw(st.sampled_from((0, 1, -1))), on) for (name, at), on in ever.items()]
    market = replace(market, quarantines=every)
    sizing = Sizing(draw(st.sampled_from(("lots", "risk"))), 1, 500.0, 20_000.0)
    return market, strategies, risk, sizing, Fills(draw(st.integers(0, 3)), draw(st.sampled_from((1, 3, 375))))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(worlds())
def test_any_limits_and_any_strategies_agree(
    world: tuple[Market, list[Strategy], Risk, Sizing, Fills],
) -> None:
    market, strategies, risk, sizing, fills = world
    both(market, strategies, risk, sizing, fills)


def test_the_same_events_give_the_same_decisions_twice_and_through_a_journal(simulated: Market) -> None:
    first_day = {name: bars[bars.ts < minute(SECOND, 0)] for name, bars in simulated.bars.items()}
    told = [quarantine(NIFTY.symbol, minute(FIRST, 100)), quarantine(NIFTY.symbol, minute(FIRST, 130), on=False)]
    market = Market((NIFTY,), first_day, (FIRST,), (), simulated.contracts, simulated.expiries, MOODS, quarantines=told)
    plan = market.plan([strategy("UP", "close > prev_candle.close", sl="entry - 12", tp="entry + 20")])
    played = Playback(market, plan).run()
    assert len(played.engine.trades)
    again, unpacked = make_engine(market, plan), make_engine(market, plan)
    repeated = [decision for event in played.events for decision in again.step(event)]
    journalled = [decision for event in played.events for decision in unpacked.step(round_trip(event))]
    assert repeated == played.decisions
    assert journalled == played.decisions
    assert again.signals.tobytes() == unpacked.signals.tobytes() == played.engine.signals.tobytes()
    assert again.trades.tobytes() == unpacked.trades.tobytes() == played.engine.trades.tobytes()


_KINDS = (BarClosed, PriceSpan, QuarantineChanged, Sentiment, Tick, TimerFired, OrderUpdated)


def round_trip(event: Event) -> Event:
    """Through msgpack: a tuple of plain values with the name of its kind."""
    kinds = {kind.__name__: kind for kind in _KINDS}
    plain = [type(event).__name__, *(getattr(event, field.name) for field in fields(event))]
    name, *values = msgpack.unpackb(msgpack.packb(plain))
    kind: Any = kinds[name]
    hints = get_type_hints(kind)
    typed = [
        hints[field.name](value)
        if isinstance(hints[field.name], type) and issubclass(hints[field.name], Enum)
        else value
        for field, value in zip(fields(kind), values, strict=True)
    ]
    return kind(*typed)  # type: ignore[no-any-return]
