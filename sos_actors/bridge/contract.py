"""Our messages as the wire documents an external engine understands, encoded; the shapes are in ``schemas.json``.

Times are epoch milliseconds, in a history epoch seconds on the minute; what is unknown is null, never a default.
``timestamp`` is when the thing was known: a candle's is its close.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import msgspec

from sos_actors.market.symbols import Instrument, short_name_of
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.market import BarClosed, ScreenerAlert, Sentiment
from sos_actors.messages.snapshots import OptionChain
from sos_actors.types import NANOS_PER_MINUTE, Regime, UnixNanos

_NANOS_PER_MILLI = 1_000_000
_encode = msgspec.json.Encoder().encode
UNKNOWN_MOOD: dict[str, object] = {
    "pcr": None, "pcrVelocity": None, "advances": None, "declines": None,
    "oiWallAbove": None, "oiWallBelow": None, "regime": Regime.UNKNOWN.name,
}  # fmt: skip
"""The sentiment of a bar that closed before any was known."""


def schemas() -> dict[str, Any]:
    """The JSON Schema document (draft 2020-12): a definition a message type under ``$defs``.

    The document itself accepts what the bridge sends; ``$defs/FromEngine`` what it understands.
    """
    text = files("sos_actors.bridge").joinpath("schemas.json").read_bytes()
    return dict(msgspec.json.decode(text))


def minute_s(ts: int) -> int:
    """The minute a moment (UnixNanos) belongs to, epoch seconds."""
    return ts // NANOS_PER_MINUTE * 60


def market_update(bar: BarClosed, mood: Sentiment | None) -> bytes:
    """A one-minute bar that closed, with the sentiment in force then; None when none was known."""
    sentiment = UNKNOWN_MOOD if mood is None else _mood_numbers(mood) | {"regime": mood.regime.name}
    data = {"symbol": short_name_of(bar.symbol), "candle": _candle(bar), "sentiment": sentiment}
    return _message("MARKET_UPDATE", bar.ts_event, data)


def candle_update(bar: BarClosed) -> bytes:
    """A longer bar that closed; the wire does not say how long it is."""
    return _message("CANDLE_UPDATE", bar.ts_event, {"symbol": short_name_of(bar.symbol), "candle": _candle(bar)})


def sentiment_update(mood: Sentiment) -> bytes:
    """The market's mood; the wire does not say whose it is."""
    return _message("SENTIMENT_UPDATE", mood.ts_event, {"regime": mood.regime.name} | _mood_numbers(mood))


def option_chain_update(chain: OptionChain) -> bytes:
    """How the open interest of an underlying's strikes moved since the previous session's close, units."""
    columns = zip(chain.strike.tolist(), chain.ce_oi_change.tolist(), chain.pe_oi_change.tolist(), strict=True)
    rows = [
        {"strike": _whole(strike), "call_oi_chg": _whole(call), "put_oi_chg": _whole(put)}
        for strike, call, put in columns
    ]
    return _message("OPTION_CHAIN_UPDATE", chain.ts_event, {"symbol": short_name_of(chain.underlying), "chain": rows})


def screener_alert(alert: ScreenerAlert, timeframe: str) -> bytes:
    """A stock came into play or left; ``timeframe`` is that of the screener's figures, such as ``5m``."""
    metrics = {
        "rvol": _number(alert.rvol), "momentum_score": _whole(alert.momentum_score), "timeframe": timeframe,
    }  # fmt: skip
    head = {"type": "SCREENER_ALERT", "timestamp": _millis(alert.ts_event)}
    return _encode(head | {"symbol": short_name_of(alert.symbol), "action": alert.action, "metrics": metrics})


def instrument_sync(ts: UnixNanos, instruments: Iterable[Instrument]) -> bytes:
    """What can be traded; the first message of every recovery sequence, and of nothing else."""
    rows = [
        {
            "symbol": one.short_name, "instrument_key": one.instrument_key, "segment": one.segment.value,
            "lot_size": one.lot_size, "tick_size": _number(one.tick_size),
        }
        for one in instruments
    ]  # fmt: skip
    return _message("INSTRUMENT_SYNC", ts, {"instruments": rows})


def oi_rows(rows: Iterable[OiHistoryRow]) -> bytes:
    """Rows of a history as JSON objects with commas between them; ``backfill_data`` puts them together."""
    documents = [
        {
            "ts": minute_s(row.ts), "strike": _whole(row.strike), "ce_oi": _whole(row.ce_oi),
            "pe_oi": _whole(row.pe_oi), "max_pain": _whole(row.max_pain),
        }
        for row in rows
    ]  # fmt: skip
    return _encode(documents)[1:-1]


def backfill_data(ts: UnixNanos, symbol: str, rows: Sequence[bytes]) -> bytes:
    """The open interest of an underlying so far; ``rows`` as ``oi_rows`` makes them, none empty, in their order."""
    head = _encode({"type": "BACKFILL_DATA", "timestamp": _millis(ts), "symbol": short_name_of(symbol)})
    return b'%b,"history":[%b]}' % (head[:-1], b",".join(rows))


def heartbeat(ts: UnixNanos) -> bytes:
    """A sign of life."""
    return _encode({"type": "HEARTBEAT", "timestamp": _millis(ts)})


def error(ts: UnixNanos, code: str, message: str) -> bytes:
    """What was wrong with a message of the engine."""
    return _message("ERROR", ts, {"code": code, "message": message})


def _message(kind: str, ts: int, data: dict[str, Any]) -> bytes:
    return _encode({"type": kind, "timestamp": _millis(ts), "data": data})


def _candle(bar: BarClosed) -> dict[str, object]:
    return {
        "open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close, "volume": _whole(bar.volume),
    }  # fmt: skip


def _mood_numbers(mood: Sentiment) -> dict[str, object]:
    return {
        "pcr": _number(mood.pcr), "pcrVelocity": _number(mood.pcr_velocity),
        "advances": _whole(mood.advances), "declines": _whole(mood.declines),
        "oiWallAbove": _number(mood.oi_wall_above), "oiWallBelow": _number(mood.oi_wall_below),
    }  # fmt: skip


def _millis(ts: int) -> int:
    return ts // _NANOS_PER_MILLI


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _whole(value: float | None) -> float | int | None:
    """A count as an integer, which it nearly always is: ``15000``, not ``15000.0``; a strike of ``102.5`` stays."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value
