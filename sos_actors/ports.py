"""What decisions and actors need from outside, as Protocols; stores, vendors and the simulator implement them."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from sos_actors.messages.market import BarSeries


class ContractBoard(Protocol):
    """The option contracts of an underlying and their prices, as far as they are known."""

    def expiries(self, underlying: str, day: date) -> list[date]:
        """Expiries of ``underlying`` (short name) listed on ``day``, that day's own included, nearest first."""
        ...

    def bars(self, contract: str, day: date, known_by: int) -> BarSeries | None:
        """One-minute bars of a contract (canonical symbol) in the session of ``day``, all from one source.

        The source is the best that had a bar closed by ``known_by`` (UnixNanos); None when none had. What came later
        never changes the choice. Bars are stamped at their open; the caller must not look at one before it closed.
        """
        ...

    def source(self, contract: str, day: date, known_by: int) -> int:
        """Where ``bars`` of the same arguments come from: a ``PriceSource``."""
        ...
