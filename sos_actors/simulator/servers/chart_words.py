"""How the chart socket writes: frames ``~m~<length>~m~<payload>``, heartbeats ``~h~<n>``, symbols and series.

Source: captured frames of August 2026 and three independent clients. Payloads are ASCII, so lengths are plain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from sos_actors.simulator.servers.board import short_name
from sos_actors.simulator.view import Listing
from sos_actors.types import NANOS_PER_SECOND, Segment

RELEASE = "release_209-23"
_HEAD = re.compile(r"~m~(\d+)~m~")
_KINDS = {Segment.EQ: "stock", Segment.INDEX: "index", Segment.FO: "futures"}


def framed(payload: str | dict[str, Any]) -> str:
    """One frame."""
    text = payload if isinstance(payload, str) else json.dumps(payload, separators=(",", ":"))
    return f"~m~{len(text)}~m~{text}"


def unframed(raw: str) -> list[str]:
    """The payloads of a message, read by their lengths.

    Raises:
        ValueError: the message is not made of frames.
    """
    payloads, at = [], 0
    while at < len(raw):
        head = _HEAD.match(raw, at)
        if head is None or head.end() + int(head[1]) > len(raw):
            raise ValueError("not a frame")
        at = head.end() + int(head[1])
        payloads.append(raw[head.end() : at])
    return payloads


def message(name: str, parameters: Sequence[Any], ts: int) -> str:
    """A framed message stamped with the vendor's time (UnixNanos)."""
    stamps = {"t": ts // NANOS_PER_SECOND, "t_ms": ts // 1_000_000}
    return framed({"m": name, "p": list(parameters), **stamps})


def hello(session_id: str, ts: int) -> str:
    """The first frame of a connection."""
    return framed(
        {
            "session_id": session_id,
            "timestamp": ts // NANOS_PER_SECOND,
            "timestampMs": ts // 1_000_000,
            "release": RELEASE,
            "studies_metadata_hash": "0fd29e4f1d3e9a1c6c1b8f5ef2a3b1f1c6f7a1d2e3b4c5d6e7f8091a2b3c4d5e",
            "auth_scheme_vsn": 2,
            "protocol": "json",
            "via": "127.0.0.1:443",
            "javastudies": ["3.66"],
        }
    )


def symbol_type(listing: Listing) -> str:
    """``stock``, ``index``, ``futures`` or ``option``."""
    return "option" if listing.option_type is not None else _KINDS[listing.segment]


def symbol_info(ticker: str, listing: Listing, has_volume: bool, hours: str, holidays: str) -> dict[str, Any]:
    """What ``symbol_resolved`` says of a symbol; hours like ``0915-1530``, holidays like ``20260126,20260303``."""
    name = ticker.partition(":")[2]
    regular = {"description": "Regular Trading Hours", "id": "regular", "private": False, "session": hours}
    return {
        "source_id": "NSE",
        "provider_id": "nse",
        "session_holidays": holidays,
        "subsession_id": "regular",
        "currency_code": "INR",
        "currency_id": "INR",
        "country": "IN",
        "measure": "price",
        "allowed_adjustment": "any",
        "short_description": listing.name,
        "variable_tick_size": "",
        "language": "en",
        "local_description": listing.name,
        "name": name,
        "full_name": ticker,
        "pro_name": ticker,
        "base_name": [ticker],
        "description": listing.name or short_name(listing),
        "exchange": "NSE",
        "listed_exchange": "NSE",
        "pricescale": 100,
        "pointvalue": 1.0,
        "minmov": max(round(listing.tick * 100), 1),
        "minmove2": 0,
        "session": hours,
        "session_display": hours,
        "subsessions": [{**regular, "session-display": hours}],
        "type": symbol_type(listing),
        "typespecs": ["common"] if listing.segment is Segment.EQ else [],
        "has_intraday": True,
        "fractional": False,
        "legs": [ticker],
        "is_tradable": listing.segment is not Segment.INDEX,
        "timezone": "Asia/Kolkata",
        "aliases": [],
        "alternatives": [],
        "is_replayable": True,
        "has_adjustment": False,
        "has_extended_hours": False,
        "bar_source": "trade",
        "bar_transform": "none",
        "bar_fillgaps": False,
        "visible_plots_set": "ohlcv" if has_volume else "ohlc",
    }


def series_part(
    series_id: str, turnaround: str, bars: Sequence[Sequence[float]], first: int, closes: int, du: bool
) -> dict[str, Any]:
    """The part of an update that belongs to one series.

    Args:
        series_id: as the client calls it.
        turnaround: the client's name of this request.
        bars: time (epoch seconds), open, high, low, close and, where there is one, volume.
        first: index of the first of them.
        closes: when the last of them closes, epoch seconds.
        du: whether this is an update rather than an answer.
    """
    rows = [{"i": first + row, "v": list(bar)} for row, bar in enumerate(bars)]
    names = {"d": "", "indexes": "nochange" if du else []}
    node = {} if du else {"node": "sim-1-studies-1"}
    return {series_id: {**node, "s": rows, "ns": names, "t": turnaround, "lbs": {"bar_close_time": closes}}}
