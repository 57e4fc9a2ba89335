"""Plays a market to the engine event by event, with a broker that fills orders as the sweep's documentation says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from sos_actors.config import Risk
from sos_actors.engine.engine import Engine, EngineRules, Event
from sos_actors.engine.plan import Plan
from sos_actors.engine.positions import Decision
from sos_actors.engine.sessions import minute_grid
from sos_actors.engine.sweep import fill_price
from sos_actors.messages.market import BarClosed, BarSeries, PriceSpan, TimerFired
from sos_actors.messages.trading import CancelOrder, OrderStatus, OrderUpdated, Purpose, SubmitOrder
from sos_actors.types import NANOS_PER_MINUTE, Segment, UnixNanos
from tests.engine.markets import CALENDAR, CONTRACT_RULES, NIFTY, RATES, Market


def make_engine(market: Market, plan: Plan, risk: Risk | None = None) -> Engine:
    rules = EngineRules(
        CALENDAR, risk or Risk(), market.stale_ns, NIFTY.symbol,
        lambda _, day: [expiry for expiry in market.expiries if expiry >= day], CONTRACT_RULES, RATES,
    )  # fmt: skip
    return Engine(plan, rules, market.days[0])


def none_if_unknown(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def bar_closed(symbol: str, bars: BarSeries, row: int) -> BarClosed:
    ts = int(bars.ts[row])
    return BarClosed(
        UnixNanos(ts + NANOS_PER_MINUTE), symbol, UnixNanos(ts), float(bars.open[row]), float(bars.high[row]),
        float(bars.low[row]), float(bars.close[row]), none_if_unknown(bars.volume[row]), none_if_unknown(bars.oi[row]),
    )  # fmt: skip


class Playback:
    """A broker and a clock around one engine; keeps every event and decision.

    Orders fill at the open of the instrument's bar if it traded, exits at stop or target where the engine saw them
    touched, both as the sweep does; what is still open when its session closes is valued at its last price.
    """

    def __init__(self, market: Market, plan: Plan, risk: Risk | None = None) -> None:
        self.market, self.plan = market, plan
        self.engine = make_engine(market, plan, risk)
        self.events: list[Event] = []
        self.decisions: list[Decision] = []
        self.pending: dict[int, SubmitOrder] = {}
        self.last: dict[str, float] = {}
        self.series = {**market.contracts, **market.bars}
        self.rows: dict[int, list[tuple[str, int]]] = {}
        order = [*market.contracts, *(followed.symbol for followed in market.followed)]
        for symbol in order:
            for row, ts in enumerate(self.series[symbol].ts.tolist()):
                self.rows.setdefault(ts, []).append((symbol, row))
        self.ticks = {followed.symbol: followed.tick for followed in market.followed}
        self.slippage = int(plan.limits["slippage_ticks"][0])
        self.told: list[Event] = sorted([*market.sentiments, *market.quarantines], key=lambda event: event.ts_event)

    def run(self) -> Playback:
        for day in self.market.warm_up:
            self._day(day)
        for day in self.market.days:
            self._day(day)
        return self

    def send(self, event: Event) -> None:
        self.events.append(event)
        decisions = self.engine.step(event)
        self.decisions += decisions
        for decision in decisions:
            if isinstance(decision, SubmitOrder):
                assert decision.order_id not in self.pending
                self.pending[decision.order_id] = decision
            elif isinstance(decision, CancelOrder) and decision.order_id in self.pending:
                del self.pending[decision.order_id]
                self.send(OrderUpdated(decision.ts_event, decision.order_id, OrderStatus.CANCELLED))

    def _day(self, day: date) -> None:
        for now in minute_grid([day], CALENDAR)[0].tolist():
            self.send(TimerFired(UnixNanos(now)))
            self._value_what_is_left(day, now)
            self._trade(now)
            self._close_bars(now)
        end = UnixNanos(now + NANOS_PER_MINUTE)
        self.send(TimerFired(end))
        self._value_what_is_left(day, end)

    def _trade(self, now: int) -> None:
        traded = {symbol: row for symbol, row in self.rows.get(now, []) if self.series[symbol].volume[row] != 0.0}
        for order in [order for order in self.pending.values() if order.purpose is Purpose.ENTRY]:
            if order.symbol in traded:
                self._fill(order, now, self._moved(order, float(self.series[order.symbol].open[traded[order.symbol]])))
        for symbol in self._held():
            if symbol in traded:
                bars, row = self.series[symbol], traded[symbol]
                prices = (float(column[row]) for column in (bars.open, bars.high, bars.low, bars.close))
                self.send(PriceSpan(UnixNanos(now), symbol, *prices))
                self.last[symbol] = float(bars.close[row])
        for order in self._exits():
            if order.symbol in traded:
                price = order.reference_price
                if order.reason == "square_off":
                    price = float(self.series[order.symbol].open[traded[order.symbol]])
                self._fill(order, now, price if order.reason == "target" else self._moved(order, price))

    def _close_bars(self, now: int) -> None:
        closed = self.rows.get(now, [])
        followed = set(self.ticks)
        for symbol, row in closed:
            if symbol not in followed:
                self.send(bar_closed(symbol, self.series[symbol], row))
        while self.told and self.told[0].ts_event <= now + NANOS_PER_MINUTE:
            self.send(self.told.pop(0))
        for symbol, row in closed:
            if symbol in followed:
                self.send(bar_closed(symbol, self.series[symbol], row))

    def _value_what_is_left(self, day: date, now: int) -> None:
        for order in self._exits():
            option = order.symbol.startswith("NSE|FO|")
            session = CALENDAR.session(day, Segment.FO if option else Segment.EQ)
            if now >= session.continuous_close_ns:
                self._fill(order, now, self.last[order.symbol])

    def _exits(self) -> list[SubmitOrder]:
        """Exits in the order of the slots they belong to."""
        slots = {int(p["id"]): k for k, p in enumerate(self.engine.account.positions) if p["state"] != 0}
        exits = [order for order in self.pending.values() if order.purpose is Purpose.EXIT]
        return sorted(exits, key=lambda order: slots[order.position_id])

    def _held(self) -> list[str]:
        names = self.engine.instruments
        held = [names[int(p["instrument"])] for p in self.engine.account.positions if p["state"] in (2, 3)]
        return list(dict.fromkeys(held))

    def _moved(self, order: SubmitOrder, price: float) -> float:
        return float(fill_price(price, int(order.side), self.slippage, self.ticks.get(order.symbol, 0.05)))

    def _fill(self, order: SubmitOrder, now: int, price: float) -> None:
        del self.pending[order.order_id]
        self.send(OrderUpdated(UnixNanos(now), order.order_id, OrderStatus.FILLED, order.quantity, price))


def trade_rows(trades: np.ndarray[Any, np.dtype[np.void]], instruments: Sequence[str]) -> list[dict[str, Any]]:
    """Trades with the instrument's name instead of its number."""
    names = trades.dtype.names or ()
    rows = [{name: record[name].item() for name in names} for record in trades]
    return [{**row, "instrument": instruments[row["instrument"]]} for row in rows]


def signal_rows(signals: np.ndarray[Any, np.dtype[np.void]]) -> list[dict[str, Any]]:
    return [{name: record[name].item() for name in signals.dtype.names or ()} for record in signals]
