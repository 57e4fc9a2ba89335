"""What passes between the bridge and the session of an external engine, and open interest as the bridge keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from sos_actors.types import UnixNanos

MOST_WORDS = 65_536
"""Bytes of a message of an engine that are looked at; a longer one is refused unread."""


@dataclass(frozen=True, slots=True)
class EngineSpoke:
    """An engine sent a message.

    Attributes:
        words: its bytes as they came; empty when there were more than ``MOST_WORDS``.
        size: how many there were, bytes.
        binary: it came as a binary message.
    """

    ts_event: UnixNanos
    words: bytes
    size: int
    binary: bool = False


@dataclass(frozen=True, slots=True)
class EngineLeft:
    """The connection of an engine is over, for whatever reason; nothing more can be said to it."""

    ts_event: UnixNanos
    reason: str


@dataclass(frozen=True, slots=True)
class OiHistoryRow:
    """Open interest of one strike at one moment of the past.

    Attributes:
        ts: when it was known; it counts for its minute.
        strike: rupees.
        ce_oi, pe_oi: units; None unknown.
        max_pain: rupees, of the whole snapshot; None unknown.
    """

    ts: UnixNanos
    strike: float
    ce_oi: float | None
    pe_oi: float | None
    max_pain: float | None
