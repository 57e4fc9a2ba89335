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

    def bars(self, contract: str, day: date) -> BarSeries | None:
        """One-minute bars of a contract (canonical symbol) in the session of ``day``; None when there are none.

        Every bar is stamped at its open; the caller must not look at one before it closed.
        """
        ...

    def source(self, contract: str, day: date) -> int:
        """Where ``bars`` come from: a ``PriceSource``."""
        ...
