"""The questions put to TradingView's screener, as bodies of the unmodified library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tradingview_screener.column import col
from tradingview_screener.query import And, Or, Query

from sos_actors.config import Screener

COLUMNS = {
    "close": "close",
    "rvol": "relative_volume_10d_calc",
    "change": "change",
    "change_from_open": "change_from_open",
    "adx": "ADX",
    "atr": "ATR",
    "macd": "MACD.macd|5",
    "volume": "volume",
    "average_volume": "average_volume_10d_calc",
    "updated_s": "last_bar_update_time",
}
"""Our names of a row's figures, and TradingView's columns. Source: TradingView field list of 22 August 2026."""
NAME, MODE, UPDATED = "name", "update_mode", "last_bar_update_time"
_MOST_ROWS = 10_000
"""More than NSE lists: one wide question instead of several that are answered at different moments."""


def funnel(scanner_url: str, settings: Screener) -> Any:
    """The stocks in play by the configured bounds, the highest relative volume first.

    A move counts either way: up by at least ``min_change_percent`` and from the open by
    ``min_change_from_open_percent``, or both down. ATR is compared with the close afterwards, for the query language
    knows no such quotient.
    """
    up, open_up = settings.min_change_percent, settings.min_change_from_open_percent
    query = _stocks(
        col("relative_volume_10d_calc") >= settings.min_relative_volume,
        col("ADX") >= settings.min_adx,
        col("close").between(settings.min_close_inr, settings.max_close_inr),
    )
    query.select(NAME, *COLUMNS.values(), MODE)
    query.where2(
        Or(
            And(col("change") >= up, col("change_from_open") >= open_up),
            And(col("change") <= -up, col("change_from_open") <= -open_up),
        )
    )
    query.order_by("relative_volume_10d_calc", ascending=False).limit(settings.limit)
    return _addressed(query, scanner_url)


def prices(scanner_url: str, tickers: Sequence[str]) -> Any:
    """The closes of these tickers, indices among them, which the library's own filters would drop unsaid."""
    query: Any = Query("india").select("close", UPDATED).limit(len(tickers))
    for default in ("filter", "filter2", "sort"):
        query.query.pop(default, None)
    query.query["symbols"] = {"tickers": list(tickers)}
    return _addressed(query, scanner_url)


def changes(scanner_url: str) -> Any:
    """The change of every common stock of NSE."""
    query: Any = _stocks().select("change", UPDATED).limit(_MOST_ROWS)
    for default in ("filter2", "sort"):
        query.query.pop(default, None)
    return _addressed(query, scanner_url)


def _stocks(*bounds: Any) -> Any:
    """Common stocks of NSE within bounds. ``where`` replaces the library's filter of primary listings.

    A company listed on both exchanges may be primary on the other one, and would be missing.
    """
    return Query("india").where(
        col("exchange") == "NSE", col("type") == "stock", col("typespecs").has(["common"]), *bounds
    )


def _addressed(query: Any, scanner_url: str) -> Any:
    query.url = f"{scanner_url.rstrip('/')}/india/scan"
    return query
