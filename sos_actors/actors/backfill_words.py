"""What the backfill is asked, whom it tells, and the port its histories come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sos_actors.engine.following import SymbolPast
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.market import BarSeries
from sos_actors.types import UnixNanos


class PastSource(Protocol):
    """Where the past comes from; may be called from several threads, and ends within bounds."""

    def past(self, symbol: str, until: UnixNanos) -> SymbolPast:
        """What was known of a symbol (canonical) at ``until``: sessions of warm-up and today's.

        Raises:
            SosError: it cannot be had.
        """
        ...

    def today(self, symbol: str, until: UnixNanos) -> BarSeries:
        """Today's bars that closed by ``until``, oldest first.

        Raises:
            SosError: they cannot be had.
        """
        ...

    def oi_history(self, symbol: str) -> list[OiHistoryRow]:
        """Today's open interest of an index by time, then strike, up to now.

        Raises:
            SosError: it cannot be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class Want:
    """The past of a symbol is wanted; it is delivered as soon as it is there, however often that has to be tried."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Forget:
    """It is not wanted any more."""

    symbol: str


@dataclass(frozen=True, slots=True)
class GapFound:
    """Minutes of a symbol that the feed has not seen; open times of the first and the last, UnixNanos."""

    symbol: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class OiWanted:
    """Open interest of an index is wanted, by an engine or at the start."""

    symbol: str


@dataclass(frozen=True, slots=True)
class BackfillHearers:
    """Who is given a past, and who open interest (the bridge)."""

    deliver: Callable[[str, SymbolPast], object]
    show_oi: Callable[[str, list[OiHistoryRow]], object]


@dataclass(frozen=True, slots=True)
class Wake:
    """A job (its key) may be tried again; without a key: look after what is under way."""

    key: str = ""
