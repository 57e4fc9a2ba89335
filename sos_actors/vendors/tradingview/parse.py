"""The screener's answers in our words: rows by canonical symbol, prices, advances and declines."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from sos_actors.errors import UnknownSymbolError, VendorAnswerError
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.momentum import momentum_score
from sos_actors.messages.snapshots import Breadth, ScreenerRow, ScreenerScan
from sos_actors.types import NANOS_PER_SECOND, Segment, UnixNanos
from sos_actors.vendors.tradingview.query import COLUMNS, MODE, UPDATED

VENDOR = "tradingview"
_log = logging.getLogger(__name__)

Row = tuple[str, Mapping[str, Any]]
"""A ticker and its columns by name."""


def rows_of(answer: Any, columns: Sequence[str], where: str) -> tuple[int, list[Row]]:
    """The count of all matches, and the rows of an answer.

    Raises:
        VendorAnswerError: not what a scan looks like.
    """
    total = answer.get("totalCount") if isinstance(answer, dict) else None
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(total, int) or isinstance(total, bool) or not isinstance(data, list) or total < len(data):
        raise VendorAnswerError(VENDOR, f"{where} answers with what is no scan: no totalCount and data.")
    return total, [_row(entry, columns, where) for entry in data]


def _row(entry: Any, columns: Sequence[str], where: str) -> Row:
    ticker, values = (entry.get("s"), entry.get("d")) if isinstance(entry, dict) else (None, None)
    if not isinstance(ticker, str) or not isinstance(values, list) or len(values) != len(columns):
        raise VendorAnswerError(VENDOR, f"{where} gives a row that does not have the {len(columns)} columns asked for.")
    return ticker, dict(zip(columns, values, strict=True))


def scan_of(
    total: int, rows: Sequence[Row], min_atr_percent: float, at: UnixNanos, symbols: Symbols
) -> ScreenerScan:
    """A scan: rows whose ATR is at least so many percent of the close, and how old the newest of all rows is."""
    parsed = [_screener_row(symbols.canonical(ticker), ticker, columns) for ticker, columns in rows]
    updated_s = max((age for row in parsed if (age := row.values["updated_s"]) is not None), default=None)
    updated = None if updated_s is None else UnixNanos(int(updated_s * NANOS_PER_SECOND))
    return ScreenerScan(
        at,
        tuple(row for row in parsed if (row.values["atr_percent"] or 0.0) >= min_atr_percent),
        total,
        updated,
        None if updated is None else (at - updated) / NANOS_PER_SECOND,
        tuple(sorted({mode for _, columns in rows if isinstance(mode := columns[MODE], str)})),
    )


def _screener_row(symbol: str, ticker: str, columns: Mapping[str, Any]) -> ScreenerRow:
    values = {ours: number(columns[theirs]) for ours, theirs in COLUMNS.items()}
    atr, close = values["atr"], values["close"]
    percent = None if atr is None or close is None or close <= 0 else atr / close * 100
    score = momentum_score(
        values["rvol"], values["adx"], values["change"], values["change_from_open"], percent, values["macd"]
    )
    return ScreenerRow(symbol, ticker, {**values, "atr_percent": percent, "momentum_score": score})


def breadth_of(total: int, rows: Sequence[Row], where: str) -> Breadth:
    """Advances and declines of all rows that have a change, at the newest moment any of them was updated.

    Raises:
        VendorAnswerError: rows are missing, or none says when it was updated.
    """
    if total > len(rows):
        raise VendorAnswerError(VENDOR, f"{where} gives {len(rows)} of {total} stocks, too few to count advances by.")
    updated = max((at for _, columns in rows if (at := moment(columns[UPDATED])) is not None), default=None)
    changes = [change for _, columns in rows if (change := number(columns["change"])) is not None]
    if updated is None or not changes:
        raise VendorAnswerError(VENDOR, f"{where} does not say how stocks changed, or when.")
    advances, declines = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    return Breadth(updated, VENDOR, "NSE", advances, declines, len(changes) - advances - declines)


def number(value: Any) -> float | None:
    """A finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def moment(value: Any) -> UnixNanos | None:
    """Epoch seconds as UnixNanos; None for what is no time."""
    seconds = number(value)
    return None if seconds is None or seconds <= 0 else UnixNanos(int(seconds * NANOS_PER_SECOND))


class Symbols:
    """Tickers of stocks as canonical symbols; one the master does not know keeps its spelling, which is said once."""

    def __init__(self, master: SymbolMaster) -> None:
        self._master = master
        self._found: dict[str, str] = {}

    def canonical(self, ticker: str) -> str:
        """``NSE:M_M`` gives ``NSE|EQ|M&M``."""
        if ticker not in self._found:
            self._found[ticker] = self._look_up(ticker)
        return self._found[ticker]

    def _look_up(self, ticker: str) -> str:
        try:
            instrument = self._master.resolve(ticker)
        except UnknownSymbolError:
            instrument = None
        if instrument is not None and instrument.segment is Segment.EQ:
            return instrument.symbol
        symbol = f"NSE|{Segment.EQ}|{ticker.rpartition(':')[2]}"
        # An underscore may stand for "&" or "-": such a name may well be wrong, any other is right.
        level = logging.WARNING if "_" in ticker else logging.INFO
        _log.log(level, "TradingView's %s is not in the instrument list; it is called %s.", ticker, symbol)
        return symbol
