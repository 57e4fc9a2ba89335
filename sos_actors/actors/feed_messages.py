"""What the feed's actor is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Follow:
    """Stocks came into play; answered with those that do not flow: no room, or not listed.

    Attributes:
        symbols: canonical.
        known: open time (UnixNanos) of the last bar that history has of them; what lies between is told as a gap.
    """

    symbols: frozenset[str]
    known: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unfollow:
    """Stocks left."""

    symbols: frozenset[str]


@dataclass(frozen=True, slots=True)
class Hold:
    """A symbol is held, or about to be: its ticks are wanted, and it is not dropped."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Release:
    """A symbol is held no more."""

    symbol: str


@dataclass(frozen=True, slots=True)
class NewToken:
    """There is a new token: connect again at once. The order actor is told the same for its stream."""


@dataclass(frozen=True, slots=True)
class Look:
    """Time has passed: are the windows centred, does the feed flow, is a minute over?"""
