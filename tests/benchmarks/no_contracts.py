"""A market without options, for benchmarks of stocks."""

from __future__ import annotations

from datetime import date
from typing import NoReturn

from sos_actors.engine.picking import ContractTerms
from sos_actors.messages.market import BarSeries


class NoContracts:
    """A ``ContractBoard`` with nothing on it."""

    def expiries(self, underlying: str, day: date) -> list[date]:
        """None are listed."""
        del underlying, day
        return []

    def bars(self, contract: str, day: date, known_by: int) -> BarSeries | None:
        """None are known."""
        del contract, day, known_by
        return None

    def source(self, contract: str, day: date, known_by: int) -> int:
        """Never asked, since there are no bars."""
        return self._refuse(contract, day, known_by)

    @staticmethod
    def terms(underlying: str, expiry: date, day: date) -> ContractTerms:
        """Never asked, since there are no contracts."""
        return NoContracts._refuse(underlying, expiry, day)

    @staticmethod
    def _refuse(*asked: object) -> NoReturn:
        raise AssertionError(f"a stock needs no contract: {asked}")
