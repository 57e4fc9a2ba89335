"""The rows and candles of a document as compact columns for the report's script: small files, nothing executable.

Amounts are whole paise, times epoch seconds, texts an index into their distinct values, unknown is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from sos_actors.app.summary import CHARGE_LINES
from sos_actors.types import IST_OFFSET_S

Record = Mapping[str, Any]
MAX_BARS = 300_000
"""Candles embedded at most: about 6 MB. Sessions with trades come first."""
SESSION_S = 86_400

TRADE_TEXTS = ("strategy", "symbol", "instrument", "side", "exit_reason", "regime", "priced_from")
TRADE_TIMES = ("entry_time", "exit_time")
TRADE_PRICES = ("entry_price", "exit_price", "stop", "target", "underlying_entry", "gross_inr", "net_inr")
TRADE_COUNTS = ("id", "quantity", "lots", "signal", "delta")
SIGNAL_TEXTS = ("strategy", "symbol", "side", "regime", "outcome", "reason")
SIGNAL_PRICES = ("entry", "stop", "target")


def script_json(value: object) -> str:
    """JSON that cannot leave the script element it stands in, whatever its texts are."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def paise(rupees: float | None) -> int | None:
    """Whole paise for display, None when unknown."""
    return None if rupees is None or not math.isfinite(rupees) else round(rupees * 100)


def epoch(text: str) -> int:
    """An ISO time with its offset as epoch seconds."""
    return int(datetime.fromisoformat(text).timestamp())


def text_column(values: Iterable[object]) -> dict[str, list[Any]]:
    """Distinct texts in the order met, and the index of each row's text."""
    places: dict[str, int] = {}
    index = [places.setdefault("" if value is None else str(value), len(places)) for value in values]
    return {"texts": list(places), "index": index}


def trade_columns(trades: Sequence[Record]) -> dict[str, Any]:
    """All trades, column by column; ``charge_*`` are the itemised charges."""
    return {
        **{name: text_column(trade.get(name) for trade in trades) for name in TRADE_TEXTS},
        **{name: [epoch(trade[name]) for trade in trades] for name in TRADE_TIMES},
        **{name: [paise(trade.get(name)) for trade in trades] for name in TRADE_PRICES},
        **{name: [trade.get(name) for trade in trades] for name in TRADE_COUNTS},
        **{f"charge_{line}": [paise(trade["charges"][line]) for trade in trades] for line in CHARGE_LINES},
    }


def signal_columns(signals: Sequence[Record]) -> dict[str, Any]:
    """All signals, column by column."""
    return {
        **{name: text_column(signal.get(name) for signal in signals) for name in SIGNAL_TEXTS},
        **{name: [paise(signal.get(name)) for signal in signals] for name in SIGNAL_PRICES},
        "time": [epoch(signal["time"]) for signal in signals],
        "id": [signal.get("id") for signal in signals],
        "trade": [signal.get("trade") for signal in signals],
    }


def candle_columns(document: Record, limit: int = MAX_BARS) -> tuple[dict[str, list[dict[str, Any]]], int]:
    """Candles by symbol and session.

    A session is ``{"day", "start", "minutes", "bars"}``: ``minutes`` are the bars' offsets from ``start`` or just their
    number when none is missing; ``bars`` holds four numbers a bar, in paise: open less the previous close, close less
    open, high above and low below the body.

    Returns:
        The sessions of each symbol in order of time, and how many sessions were left out to keep the file small.
    """
    traded = {(str(trade["symbol"]), trade["entry_time"][:10]) for trade in document["trades"]}
    pieces = [
        (symbol, session) for symbol, columns in (document.get("candles") or {}).items() for session in _days(columns)
    ]
    order = sorted(range(len(pieces)), key=lambda i: ((pieces[i][0], pieces[i][1]["day"]) not in traded, i))
    kept: set[int] = set()
    bars = 0
    for place in order:
        bars += len(pieces[place][1]["bars"]) // 4
        if bars > limit:
            break
        kept.add(place)
    result: dict[str, list[dict[str, Any]]] = {}
    for place, (symbol, session) in enumerate(pieces):
        if place in kept:
            result.setdefault(symbol, []).append(session)
    return result, len(pieces) - len(kept)


def _days(columns: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    days: dict[int, list[tuple[int, ...]]] = {}
    rows = zip(columns["time"], columns["open"], columns["high"], columns["low"], columns["close"], strict=True)
    for time, *prices in rows:
        if all(map(math.isfinite, prices)):
            bar = (int(time), *(round(float(price) * 100) for price in prices))
            days.setdefault((bar[0] + IST_OFFSET_S) // SESSION_S, []).append(bar)
    return [_session(days[day]) for day in sorted(days)]


def _session(bars: list[tuple[int, ...]]) -> dict[str, Any]:
    start = bars[0][0]
    offsets = [(bar[0] - start) // 60 for bar in bars]
    whole = all(after - before == 1 for before, after in pairwise(offsets))
    numbers: list[int] = []
    previous = 0
    for _, opened, high, low, close in bars:
        numbers += [opened - previous, close - opened, high - max(opened, close), min(opened, close) - low]
        previous = close
    day = datetime.fromtimestamp(start + IST_OFFSET_S, tz=UTC).date().isoformat()
    return {"day": day, "start": start, "minutes": len(bars) if whole else offsets, "bars": numbers}
