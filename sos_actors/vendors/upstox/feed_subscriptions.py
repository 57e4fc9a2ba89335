"""What is subscribed on a market feed, the vendor's limits on it, and the requests that say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from uuid import uuid4

import msgspec

from sos_actors.errors import VendorRefusedError
from sos_actors.messages.feed import FeedMode

ALONE = MappingProxyType({FeedMode.LTPC: 5000, FeedMode.GREEKS: 3000, FeedMode.FULL: 2000, FeedMode.DEPTH: 50})
"""Most instruments of a connection that uses one mode. Source: Upstox's documentation of the feed V3, 2026."""
TOGETHER = MappingProxyType({FeedMode.LTPC: 2000, FeedMode.GREEKS: 2000, FeedMode.FULL: 1500, FeedMode.DEPTH: 50})
"""Most of each mode when a connection uses several; the documentation's 1500 for the deep book exceed its own 50."""


class Subscriptions:
    """The instruments wanted, each with its mode. The caller holds a lock around every call.

    Args:
        chunk: most instruments named in one request.
        alone, together: limits by mode.

    Raises:
        ValueError: a chunk that holds nothing.
    """

    def __init__(
        self,
        chunk: int = 500,
        alone: Mapping[FeedMode, int] = ALONE,
        together: Mapping[FeedMode, int] = TOGETHER,
    ) -> None:
        if chunk < 1:
            raise ValueError(f"a request must name at least one instrument: {chunk}")
        self._chunk, self._alone, self._together = chunk, alone, together
        self._modes: dict[str, FeedMode] = {}

    def __len__(self) -> int:
        return len(self._modes)

    def __contains__(self, key: str) -> bool:
        return key in self._modes

    def add(self, keys: Collection[str], mode: FeedMode) -> list[bytes]:
        """Want instruments in a mode; returns the requests that make it so.

        Raises:
            VendorRefusedError: more than the vendor allows; nothing is changed.
        """
        wanted = self._modes | dict.fromkeys(keys, mode)
        self._check(wanted)
        changed = [key for key in dict.fromkeys(keys) if key in self._modes and self._modes[key] is not mode]
        fresh = [key for key in dict.fromkeys(keys) if key not in self._modes]
        self._modes = wanted
        return [*self._requests("sub", fresh, mode), *self._requests("change_mode", changed, mode)]

    def remove(self, keys: Collection[str]) -> list[bytes]:
        """Want instruments no more, unknown ones ignored; returns the requests that make it so."""
        gone = [key for key in dict.fromkeys(keys) if self._modes.pop(key, None) is not None]
        return list(self._requests("unsub", gone, None))

    def renewal(self) -> list[bytes]:
        """The requests a new connection begins with."""
        requests: list[bytes] = []
        for mode in FeedMode:
            requests += self._requests("sub", [key for key, wanted in self._modes.items() if wanted is mode], mode)
        return requests

    def _check(self, wanted: Mapping[str, FeedMode]) -> None:
        counts = Counter(wanted.values())
        limits = self._alone if len(counts) == 1 else self._together
        for mode, count in counts.items():
            if count > limits[mode]:
                others = "" if len(counts) == 1 else " beside other modes"
                raise VendorRefusedError(
                    "upstox",
                    f"{count} instruments in mode {mode.value} are more than one feed connection may have{others} "
                    f"({limits[mode]}). Watch fewer, or some in a smaller mode.",
                )

    def _requests(self, method: str, keys: Sequence[str], mode: FeedMode | None) -> Iterator[bytes]:
        for start in range(0, len(keys), self._chunk):
            data: dict[str, object] = {"instrumentKeys": list(keys[start : start + self._chunk])}
            if mode is not None:
                data["mode"] = mode.value
            yield msgspec.json.encode({"guid": str(uuid4()), "method": method, "data": data})
