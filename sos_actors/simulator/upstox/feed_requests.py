"""What a client of the market feed asks for, and how much of it one connection may have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sos_actors.simulator.upstox.feed_frames import MODES

_ALONE = {"ltpc": 5000, "option_greeks": 3000, "full": 2000, "full_d30": 50}
_TOGETHER = {"ltpc": 2000, "option_greeks": 2000, "full": 1500, "full_d30": 50}
"""Most instruments of a connection, with one mode or several. Source: Upstox's documentation of the feed V3, 2026."""


class _Data(msgspec.Struct):
    instrumentKeys: list[str]  # noqa: N815 - the vendor's word
    mode: str | None = None


class _Request(msgspec.Struct):
    method: str
    data: _Data
    guid: Any = None


_decode = msgspec.json.Decoder(_Request).decode


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request.

    Attributes:
        fresh: keys of which a snapshot is due.
        refusal: the text frame that says no; empty when nothing is said. Nothing was changed then.
    """

    fresh: tuple[str, ...] = ()
    refusal: str = ""


@dataclass(slots=True)
class Subscribed:
    """The instruments of one connection, each with its mode.

    Attributes:
        plus: whether the account may have the deep book.
    """

    plus: bool
    modes: dict[str, str] = field(default_factory=dict)

    def take(self, raw: bytes | str) -> Outcome:
        """Do what a request says. One that is no JSON of the known shape is ignored, as no answer to it is known."""
        try:
            request = _decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Outcome()
        keys, mode = request.data.instrumentKeys, request.data.mode
        if request.method == "unsub":
            for key in keys:
                self.modes.pop(key, None)
            return Outcome()
        if request.method == "sub":
            return self._add(request.method, keys, mode or "ltpc")
        if request.method == "change_mode":
            return self._add(request.method, [key for key in keys if key in self.modes], mode or "")
        return Outcome()

    def _add(self, method: str, keys: list[str], mode: str) -> Outcome:
        if mode not in MODES:
            return _refused(method, f"Invalid mode: {mode}")
        wanted = self.modes | dict.fromkeys(keys, mode)
        excess = _excess(wanted, self.plus)
        if excess:
            return _refused(method, excess)
        self.modes = wanted
        return Outcome(tuple(dict.fromkeys(keys)))


def _excess(wanted: Mapping[str, str], plus: bool) -> str:
    """What is too much, empty when nothing is."""
    counts = Counter(wanted.values())
    limits = _ALONE if len(counts) == 1 else _TOGETHER
    for mode, count in counts.items():
        limit = limits[mode] if plus or mode != "full_d30" else 0
        if count > limit:
            return f"Subscription limit exceeded: {count} instruments in mode {mode}, {limit} allowed"
    return ""


def _refused(method: str, reason: str) -> Outcome:
    """The only form of refusal anybody reports. Source: openalgo's handling of such text frames, 2026."""
    document = {"status": "failed", "method": method, "error": reason}
    return Outcome(refusal=msgspec.json.encode(document).decode())
