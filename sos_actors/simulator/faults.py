"""Faults on demand: what goes wrong at which vendor, on which path or channel, how often.

Servers ask ``FaultBook.take`` where the fault would strike; ``fault_middleware`` and ``fault_socket`` do so for all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import count

VENDORS = ("upstox", "tradingview", "nse", "trendlyne")


class FaultKind(StrEnum):
    """What goes wrong."""

    REFUSE = "refuse"
    """The vendor's port refuses connections."""
    DROP = "drop"
    """The connection is reset: instead of an answer, or in the middle of a socket."""
    MUTE = "mute"
    """Connected, but nothing comes any more; a request is never answered."""
    DELAY = "delay"
    """Answers and frames come ``seconds`` late."""
    DUPLICATE = "duplicate"
    """Frames come twice."""
    REORDER = "reorder"
    """Each two frames swap places."""
    CORRUPT = "corrupt"
    """Bytes of an answer or a frame are flipped."""
    WRONG_JSON = "wrong_json"
    """Well-formed JSON of another shape."""
    EMPTY = "empty"
    """``{}`` with status 200."""
    HTML = "html"
    """A page instead of data, with status 200."""
    STATUS = "status"
    """The HTTP status ``status``, with the body the vendor sends with it; on a socket, at the handshake."""
    TOKEN_EXPIRED = "token_expired"
    """Every token made before now is refused; a new one works."""
    LOST_ACK = "lost_ack"
    """The request is carried out, its answer is lost."""
    CLOCK_SKEW = "clock_skew"
    """The vendor's own times are ``seconds`` ahead (negative: behind)."""
    CLOSE = "close"
    """A socket is closed politely with the close code ``status``."""
    STALE = "stale"
    """Answers repeat those of the moment the fault began, with their old times."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        path: pattern as of a shell, matched against a request's path or a socket's channel
            (``feed``, ``portfolio``, ``chart``).
        skip: how many matching requests or frames pass before it strikes.
        times: how often it strikes; None without end.
        status: HTTP status or close code.
        seconds: of a delay or skew.
        begun: simulated time at which it was added, UnixNanos; set by the book.
        id: set by the book.
    """

    vendor: str
    kind: FaultKind
    path: str = "*"
    skip: int = 0
    times: int | None = None
    status: int = 500
    seconds: float = 0.0
    begun: int = 0
    id: int = 0


@dataclass(slots=True)
class _Entry:
    fault: Fault
    seen: int = 0
    struck: int = 0


@dataclass(slots=True)
class FaultBook:
    """The faults in force. Used by one event loop only."""

    _entries: dict[int, _Entry] = field(default_factory=dict)
    _ids: count[int] = field(default_factory=lambda: count(1))

    def add(self, fault: Fault, now: int = 0) -> Fault:
        """Put a fault in force; returns it with its id.

        Raises:
            ValueError: no such vendor.
        """
        if fault.vendor not in VENDORS:
            raise ValueError(f"no vendor is called {fault.vendor!r}: one of {', '.join(VENDORS)}")
        added = replace(fault, id=next(self._ids), begun=now)
        self._entries[added.id] = _Entry(added)
        return added

    def remove(self, fault_id: int) -> bool:
        """Take a fault back; whether it was in force."""
        return self._entries.pop(fault_id, None) is not None

    def clear(self) -> None:
        """Take all back."""
        self._entries.clear()

    def active(self) -> list[tuple[Fault, int]]:
        """Faults in force, with how often each has struck."""
        return [(entry.fault, entry.struck) for entry in self._entries.values()]

    def take(self, vendor: str, path: str, kinds: Iterable[FaultKind]) -> Fault | None:
        """The first fault of these kinds that strikes now; it counts as having struck."""
        wanted = frozenset(kinds)
        for entry in list(self._entries.values()):
            fault = entry.fault
            if fault.kind not in wanted or fault.vendor != vendor or not fnmatchcase(path, fault.path):
                continue
            entry.seen += 1
            if entry.seen <= fault.skip:
                continue
            entry.struck += 1
            if fault.times is not None and entry.struck >= fault.times:
                del self._entries[fault.id]
            return fault
        return None

    def standing(self, vendor: str, kind: FaultKind, path: str = "") -> Fault | None:
        """A fault in force, looked at without striking: for states such as skew or a refused port."""
        for entry in self._entries.values():
            fault = entry.fault
            if fault.vendor == vendor and fault.kind is kind and (not path or fnmatchcase(path, fault.path)):
                return fault
        return None
