"""Which option contracts of an index are watched: those around the money of the expiry that would be traded.

A value; called by the feed's actor whenever the index has moved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sos_actors.engine.options import strike_for
from sos_actors.market.symbols import contract_symbol
from sos_actors.strategy.tree import OptionChoice
from sos_actors.types import OptionType

_AT_THE_MONEY = OptionChoice("ATM", 0)


def traded_expiry(expiries: Iterable[date], day: date, min_days_to_expiry: int) -> date | None:
    """The nearest expiry at least so many calendar days after ``day``, as contracts are chosen; None without one."""
    earliest = day + timedelta(days=min_days_to_expiry)
    return min((expiry for expiry in expiries if expiry >= earliest), default=None)


@dataclass(frozen=True, slots=True)
class StrikeWindow:
    """The contracts watched of one index.

    Attributes:
        underlying: short name.
        expiry: of all its contracts.
        step: distance between strikes, points.
        each_side: strikes below and above the centre.
        recentre_after: strikes the index must be away from the centre before another becomes the centre.
        listed: canonical symbols of the contracts that exist.
        centre: the strike at the money when it was last centred; None before the first price.
        contracts: canonical symbols of what is watched.
    """

    underlying: str
    expiry: date
    step: float
    each_side: int
    recentre_after: float
    listed: frozenset[str]
    centre: float | None = None
    contracts: frozenset[str] = frozenset()

    def after(self, spot: float, held: Collection[str] = ()) -> tuple[StrikeWindow, frozenset[str], frozenset[str]]:
        """The window with the index at ``spot``, and which contracts came and went.

        Args:
            spot: index points, above zero.
            held: canonical symbols that are not dropped, wherever the index is.
        """
        centre = self.centre
        if centre is None or abs(spot - centre) > self.recentre_after * self.step:
            centre = strike_for(spot, self.step, OptionType.CE, _AT_THE_MONEY)
        contracts = self._around(centre) | self.contracts.intersection(held)
        if centre == self.centre and contracts == self.contracts:
            return self, frozenset(), frozenset()
        moved = replace(self, centre=centre, contracts=contracts)
        return moved, contracts - self.contracts, self.contracts - contracts

    def _around(self, centre: float) -> frozenset[str]:
        strikes = [centre + number * self.step for number in range(-self.each_side, self.each_side + 1)]
        wanted = {
            contract_symbol(self.underlying, strike, kind, self.expiry)
            for strike in strikes
            if strike > 0.0
            for kind in OptionType
        }
        return self.listed.intersection(wanted)
