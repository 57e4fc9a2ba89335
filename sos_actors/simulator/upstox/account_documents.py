"""Positions, holdings and funds as Upstox writes them down. Source: the samples of its documentation, 2026."""

from __future__ import annotations

from typing import Any, Final

from sos_actors.simulator.upstox.account import Money
from sos_actors.simulator.upstox.order_documents import exchange_of
from sos_actors.simulator.upstox.positions import Holding, Position
from sos_actors.simulator.upstox.rows import exchange_symbol

_NO_COMMODITIES: Final = {
    "used_margin": 0.0,
    "payin_amount": 0.0,
    "span_margin": 0.0,
    "adhoc_margin": 0.0,
    "notional_cash": 0.0,
    "available_margin": 0.0,
    "exposure_margin": 0.0,
}


def position_row(position: Position, last: float, close: float) -> dict[str, Any]:
    """A row of the short-term positions.

    ``average_price`` is null unless something of the position was carried over, as in the documentation's sample: what
    was bought today stands in ``buy_price``. ``buy_value`` and ``sell_value`` count today only.

    Args:
        position: the position.
        last: its instrument's last price, rupees.
        close: the close of the session before, rupees.
    """
    symbol = exchange_symbol(position.listing)
    unrealised = position.unrealised(last)
    return {
        "exchange": exchange_of(position.listing),
        "multiplier": 1.0,
        "value": _money(position.quantity * position.average),
        "pnl": _money(position.realised + unrealised),
        "product": position.product,
        "instrument_token": position.listing.key,
        "average_price": _money(position.average) if position.overnight else None,
        **_quantities(position),
        "last_price": last,
        "unrealised": _money(unrealised),
        "realised": _money(position.realised),
        "trading_symbol": symbol,
        "tradingsymbol": symbol,
        "close_price": close,
    }


def position_update(position: Position) -> dict[str, Any]:
    """A position as the portfolio stream tells of it: ``exchange`` is the segment, and no price is known."""
    return {
        "update_type": "position",
        "instrument_token": position.listing.key,
        "instrument_key": position.listing.key,
        "average_price": _money(position.average) if position.overnight else 0.0,
        "exchange": position.listing.upstox_segment,
        "multiplier": 1.0,
        "product": position.product,
        **_quantities(position),
    }


def holding_row(holding: Holding, last: float, close: float) -> dict[str, Any]:
    """A row of the long-term holdings; prices in rupees."""
    symbol, change = exchange_symbol(holding.listing), last - close
    return {
        "isin": holding.listing.isin,
        "cnc_used_quantity": 0,
        "collateral_type": "WC",
        "company_name": holding.listing.name,
        "haircut": 0.2,
        "product": "D",
        "quantity": holding.quantity,
        "trading_symbol": symbol,
        "tradingsymbol": symbol,
        "last_price": last,
        "close_price": close,
        "pnl": _money(holding.quantity * (last - holding.average)),
        "day_change": _money(change),
        "day_change_percentage": _money(100 * change / close) if close else 0.0,
        "instrument_token": holding.listing.key,
        "average_price": _money(holding.average),
        "collateral_quantity": 0,
        "collateral_update_quantity": 0,
        "t1_quantity": 0,
        "exchange": "NSE",
    }


def funds_v2(money: Money, segment: str | None) -> dict[str, Any]:
    """Funds by kind of market.

    Args:
        money: the account's.
        segment: ``SEC``, ``COM``, or None for both.
    """
    equity = {
        "used_margin": _money(money.used),
        "payin_amount": 0.0,
        "span_margin": _money(money.blocked.span),
        "adhoc_margin": 0.0,
        "notional_cash": 0.0,
        "available_margin": _money(money.available),
        "exposure_margin": _money(money.blocked.exposure),
    }
    both = {"equity": equity, "commodity": dict(_NO_COMMODITIES)}
    return {"SEC": {"equity": equity}, "COM": {"commodity": both["commodity"]}}.get(segment or "", both)


def funds_v3(money: Money) -> dict[str, Any]:
    """Funds in full: what can be traded with, what uses it, and what cannot be traded with yet.

    Source: the sample of ``get-funds-and-margin-v3``, April 2026.
    """
    blocked, delivery = money.blocked, _money(money.blocked.delivery)
    loss = {"total": _money(money.loss + money.unrealised_loss), "realised": _money(money.loss)}
    cash = {
        "opening_balance": _money(money.opening),
        "added_today": 0.0,
        "withdrawn_today": 0.0,
        "amount_from_stock_sale": _money(money.stock_sale),
        "unpaid_charges": 0.0,
    }
    used = {
        "total": _money(money.used),
        "mtf": 0.0,
        "loss": {**loss, "unrealised": _money(money.unrealised_loss)},
        "span_exposure": _money(blocked.span + blocked.exposure),
        "cash_margin_var_elm": _money(blocked.equity),
        "premium_present": _money(blocked.premium),
        "delivery_margin": {"total": delivery, "equity": delivery, "fo_settlement": 0.0},
    }
    available = _money(money.available)
    return {
        "available_to_trade": {
            "total": available,
            "cash_available_to_trade": {"total": available, "cash": cash, "margin_used": used},
            "pledge_available_to_trade": _no_pledge(),
        },
        "unavailable_to_trade": {
            "cash_unavailable_to_trade": {
                "unsettled_profit": {"todays_profit": _money(money.profit), "previous_days": 0.0}
            },
            "pledge_unavailable_to_trade": {"equity": 0.0, "mutual_funds": 0.0},
        },
    }


def _no_pledge() -> dict[str, Any]:
    delivery = {"total": 0.0, "equity": 0.0, "fo_settlement": 0.0}
    used = {"total": 0.0, "mtf": 0.0, "span_exposure": 0.0, "cash_margin_var_elm": 0.0, "premium_present": 0.0}
    return {
        "total": 0.0,
        "margin_from_pledge": {"total": 0.0, "equity": 0.0, "mutual_funds": 0.0},
        "margin_used": {**used, "delivery_margin": delivery},
    }


def _quantities(position: Position) -> dict[str, Any]:
    bought, sold = position.day_bought, position.day_sold
    overnight = position.overnight
    carried_buy, carried_sell = max(overnight, 0), max(-overnight, 0)
    price = position.overnight_price
    return {
        "buy_value": _money(position.day_bought_value),
        "overnight_quantity": overnight,
        "day_buy_value": _money(position.day_bought_value),
        "day_buy_price": _per(position.day_bought_value, bought),
        "overnight_buy_amount": _money(carried_buy * price),
        "overnight_buy_quantity": carried_buy,
        "day_buy_quantity": bought,
        "day_sell_value": _money(position.day_sold_value),
        "day_sell_price": _per(position.day_sold_value, sold),
        "overnight_sell_amount": _money(carried_sell * price),
        "overnight_sell_quantity": carried_sell,
        "day_sell_quantity": sold,
        "quantity": position.quantity,
        "sell_value": _money(position.day_sold_value),
        "buy_price": _per(position.day_bought_value + carried_buy * price, bought + carried_buy),
        "sell_price": _per(position.day_sold_value + carried_sell * price, sold + carried_sell),
    }


def _per(value: float, quantity: int) -> float:
    return round(value / quantity, 4) if quantity else 0.0


def _money(rupees: float) -> float:
    return round(rupees, 2) + 0.0
