"""Faults on demand: what goes wrong at which vendor, on which path or channel, how often.

Servers ask ``FaultBook.take`` where the fault would strike; ``fault_middleware`` and ``fault_socket`` do so for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import count
from math import isfinite

VENDORS = ("upstox", "tradingview", "nse", "trendlyne")


class FaultKind(StrEnum):
    """What goes wrong."""

    REFUSE = "refuse"
    """The vendor's port refuses connections, and those there were are reset; stands until it is removed."""
    DROP = "drop"
    """The connection is reset: instead of an answer, or in the middle of a socket."""
    MUTE = "mute"
    """Connected, but nothing comes any more; a request is neither carried out nor answered."""
    DELAY = "delay"
    """Answers and frames come ``seconds`` late, in real time; a request is carried out at once."""
    DUPLICATE = "duplicate"
    """Frames come twice."""
    REORDER = "reorder"
    """Each two frames swap places."""
    CORRUPT = "corrupt"
    """Bytes of an answer or a frame are flipped, the first one always, so that it can be told from data."""
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
    """A socket is closed politely with the close code ``status``, 1001 when that is below 1000."""
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

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: no such vendor, or a number out of its range.
        """
        if self.vendor not in VENDORS:
            raise ValueError(f"No vendor is called {self.vendor!r}: one of {', '.join(VENDORS)}.")
        if self.skip < 0 or (self.times is not None and self.times < 1):
            raise ValueError("A fault skips 0 or more requests and strikes once or more.")
        if not isfinite(self.seconds) or (self.kind is FaultKind.DELAY and self.seconds < 0):
            raise ValueError(f"{self.seconds:g} seconds is not allowed.")
        if self.kind is FaultKind.STATUS and not 200 <= self.status <= 599:
            raise ValueError(f"{self.status} is no HTTP status of an answer: 200 to 599.")
        if self.kind is FaultKind.CLOSE and self.status > 4999:
            raise ValueError(f"{self.status} is no close code: 1000 to 4999.")

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Fault:
        """Read ``{"vendor": "nse", "kind": "status", "status": 403, "path": "/api/*"}``.

        Raises:
            ValueError: a key is missing, unknown or of the wrong kind; the message is a full sentence.
        """
        unknown = sorted(set(document) - set(_KEYS))
        if unknown:
            raise ValueError(f"A fault has no key {unknown[0]!r}: it has {', '.join(_KEYS)}.")
        for key in ("vendor", "kind"):
            if key not in document:
                raise ValueError(f"A fault needs a {key!r}.")
        for key, value in document.items():
            if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
                wanted = "text" if _KEYS[key] == (str,) else "a number"
                raise ValueError(f"{key!r} of a fault is {value!r}: it must be {wanted}.")
        if document["kind"] not in [kind.value for kind in FaultKind]:
            raise ValueError(f"No fault is called {document['kind']!r}: one of {', '.join(FaultKind)}.")
        return cls(**{**document, "kind": FaultKind(str(document["kind"]))})  # type: ignore[arg-type]

    def as_document(self) -> dict[str, object]:
        """Plain values, as ``from_document`` reads them, with ``id`` and ``begun``."""
        return {**asdict(self), "kind": self.kind.value}


_KEYS: dict[str, tuple[type, ...]] = {
    "vendor": (str,), "kind": (str,), "path": (str,), "skip": (int,), "times": (int, type(None)), "status": (int,),
    "seconds": (int, float),
}  # fmt: skip


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
    _watchers: list[Callable[[], None]] = field(default_factory=list)

    def watch(self, changed: Callable[[], None]) -> None:
        """Have a function called whenever a fault was put in force or taken back; it must return at once."""
        self._watchers.append(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Call it no more."""
        self._watchers.remove(changed)

    def add(self, fault: Fault, now: int = 0) -> Fault:
        """Put a fault in force; returns it with its id."""
        added = replace(fault, id=next(self._ids), begun=now)
        self._entries[added.id] = _Entry(added)
        self._tell()
        return added

    def remove(self, fault_id: int) -> bool:
        """Take a fault back; whether it was in force."""
        found = self._entries.pop(fault_id, None) is not None
        self._tell()
        return found

    def clear(self) -> None:
        """Take all back."""
        self._entries.clear()
        self._tell()

    def _tell(self) -> None:
        for changed in self._watchers:
            changed()

    def active(self) -> list[tuple[Fault, int]]:
        """Faults in force, with how often each has struck."""
        return [(entry.fault, entry.struck) for entry in self._entries.values()]

    def take(self, vendor: str, path: str, kinds: Iterable[FaultKind]) -> Fault | None:
        """The first fault of these kinds that strikes now; it counts as having struck."""
        if not self._entries:
            return None
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
