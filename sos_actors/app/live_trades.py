"""A trade of the running day as it is stored: with its charges, exact to the paisa."""

from __future__ import annotations

from decimal import Decimal

from sos_actors.app.backtest import orders_for
from sos_actors.app.session_header import SessionHeader
from sos_actors.engine.engine import Engine
from sos_actors.engine.records import ExitReason, InstrumentKind
from sos_actors.engine.sessions import day_of
from sos_actors.market.charges import ChargeKind, ChargeTable
from sos_actors.messages.records import TradeRecord
from sos_actors.types import Side, UnixNanos


def trade_record(engine: Engine, header: SessionHeader, charges: ChargeTable, position_id: int) -> TradeRecord:
    """The trade of a position that has closed; others may have closed since."""
    number = int((engine.trades["id"] == position_id).nonzero()[0][-1])
    return trade_records(engine, header, charges, number, number + 1)[0]


def trade_records(
    engine: Engine, header: SessionHeader, charges: ChargeTable, first: int = 0, last: int | None = None
) -> list[TradeRecord]:
    """The engine's trades from number ``first`` on, before ``last``."""
    records = []
    plan = engine.followers.plan
    for trade in engine.trades[first:last]:
        number = int(trade["instrument"])
        instrument = engine.holdings.instruments[number]
        side, quantity = Side(int(trade["side"])), int(trade["quantity"])
        entry, exit_ = float(trade["entry_price"]), float(trade["exit_price"])
        bought, sold = (entry, exit_) if side is Side.BUY else (exit_, entry)
        option = int(instrument["kind"]) == InstrumentKind.OPTION
        kind = ChargeKind.OPTION if option else ChargeKind.EQUITY_INTRADAY
        orders = orders_for(quantity, int(instrument["freeze"]))
        cost = charges.itemise(day_of(int(trade["exit_ts"])), kind, bought, quantity, sold, quantity, orders, orders)
        gross = int(((Decimal(str(sold)) - Decimal(str(bought))) * quantity * 100).to_integral_value())
        records.append(TradeRecord(
            UnixNanos(int(trade["exit_ts"])), f"{header.day}-{header.nonce}-{int(trade['id'])}",
            UnixNanos(int(trade["entry_ts"])), plan.symbols[int(trade["symbol"])].symbol, engine.instruments[number],
            plan.strategies[int(trade["strategy"])].pattern_id, side, quantity, entry, exit_,
            ExitReason(int(trade["reason"])).name.lower(), gross, cost.total,
        ))  # fmt: skip
    return records
