"""The chart socket's framing, ``~m~<length>~m~<payload>``, and bars out of its payloads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from sos_actors.errors import VendorAnswerError
from sos_actors.messages.market import BarSeries
from sos_actors.types import NANOS_PER_SECOND

VENDOR = "tradingview"
_HEAD = re.compile(r"~m~(\d{1,9})~m~")
_VALUES = 5
"""Open time, open, high, low, close; a sixth, the volume, where the symbol has one."""

Bar = tuple[float, float, float, float, float]
"""Open, high, low, close in rupees or points; volume, NaN where the vendor has none."""


def framed(payload: str) -> str:
    """A payload as it is sent; ours are ASCII, so its length is the same in every count."""
    return f"~m~{len(payload)}~m~{payload}"


def command(name: str, parameters: list[Any]) -> str:
    """One command, framed."""
    return framed(msgspec.json.encode({"m": name, "p": parameters}).decode())


def payloads(text: str) -> Iterator[str]:
    """The payloads of one message: it may carry many, a heartbeat ahead of data among them.

    Lengths count UTF-16 units, as JavaScript does.

    Raises:
        VendorAnswerError: not framed like that.
    """
    wide = not text.isascii() and max(text) > "\uffff"
    place = 0
    while place < len(text):
        head = _HEAD.match(text, place)
        if head is None:
            raise VendorAnswerError(VENDOR, f"The chart socket sends what is no frame: {text[place : place + 40]!r}.")
        start, length = head.end(), int(head[1])
        payload = _units(text, start, length) if wide else text[start : start + length]
        if not wide and len(payload) != length:
            raise VendorAnswerError(VENDOR, f"The chart socket sends a frame cut off: {len(payload)} of {length}.")
        yield payload
        place = start + len(payload)


def _units(text: str, start: int, length: int) -> str:
    encoded = text[start:].encode("utf-16-le")
    if len(encoded) < 2 * length:
        raise VendorAnswerError(VENDOR, f"The chart socket sends a frame cut off: less than {length}.")
    return encoded[: 2 * length].decode("utf-16-le", "replace")


def event_of(payload: str) -> tuple[str, list[Any]] | None:
    """The name and parameters of an event; None for the greeting and for what has neither.

    Raises:
        VendorAnswerError: no JSON object.
    """
    try:
        decoded = msgspec.json.decode(payload)
    except (ValueError, RecursionError) as error:
        raise VendorAnswerError(VENDOR, f"The chart socket sends what is no JSON: {error}.") from error
    if not isinstance(decoded, dict):
        raise VendorAnswerError(VENDOR, "The chart socket sends JSON that is no object.")
    name, parameters = decoded.get("m"), decoded.get("p")
    return (name, parameters) if isinstance(name, str) and isinstance(parameters, list) else None


def bars_in(series: Any) -> dict[int, Bar]:
    """The bars of a ``timescale_update`` or ``du``, by open time in epoch seconds.

    Raises:
        VendorAnswerError: a bar that is none, or not at a full minute.
    """
    entries = series.get("s", []) if isinstance(series, Mapping) else None
    if not isinstance(entries, list):
        raise VendorAnswerError(VENDOR, "The chart socket sends a series without bars.")
    return dict(map(_bar, entries))


def _bar(entry: Any) -> tuple[int, Bar]:
    values = entry.get("v") if isinstance(entry, Mapping) else None
    if not isinstance(values, list) or len(values) < _VALUES or not all(map(_is_number, values[:_VALUES])):
        raise VendorAnswerError(VENDOR, "The chart socket sends a bar without its five numbers.")
    at, opened, high, low, close = values[:_VALUES]
    if at % 60 or not low <= min(opened, close) <= max(opened, close) <= high or low <= 0:
        raise VendorAnswerError(VENDOR, f"The chart socket sends an impossible bar: {values[:6]}.")
    volume = float(values[5]) if len(values) > _VALUES and _is_number(values[5]) else float("nan")
    return int(at), (float(opened), float(high), float(low), float(close), volume)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def series_of(bars: Mapping[int, Bar]) -> BarSeries:
    """Bars by open time (epoch seconds) as columns, oldest first; open interest unknown."""
    if not bars:
        return BarSeries.empty()
    times = sorted(bars)
    opened, high, low, close, volume = np.ascontiguousarray(np.array([bars[at] for at in times], np.float64).T)
    ts = np.array(times, np.int64) * NANOS_PER_SECOND
    return BarSeries(ts, opened, high, low, close, volume, np.full(len(ts), np.nan))
