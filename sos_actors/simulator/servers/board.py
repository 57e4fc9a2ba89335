"""What the market lists on a day, sorted the way the vendors ask for it; the days asked for last are kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date

from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import Segment

_KEPT_DAYS = 4
_KEPT_EXPIRIES = 64


@dataclass(frozen=True, slots=True)
class ListedDay:
    """One day's listings.

    Attributes:
        indices, shares: by short name.
        futures: by underlying (short name), nearest expiry first.
        expiries: of options by underlying (short name), nearest first.
    """

    indices: dict[str, Listing]
    shares: dict[str, Listing]
    futures: dict[str, list[Listing]]
    expiries: dict[str, list[date]]


class Board:
    """Listings by day, and the options of an expiry by strike. Used by one event loop only."""

    def __init__(self, market: MarketView) -> None:
        self._market = market
        self._days: OrderedDict[date, ListedDay] = OrderedDict()
        self._options: OrderedDict[tuple[str, date], dict[tuple[float, str], Listing]] = OrderedDict()

    def day(self, day: date) -> ListedDay:
        """What is listed on a day."""
        if day not in self._days:
            self._days[day] = _sorted(list(self._market.listings(day)))
            while len(self._days) > _KEPT_DAYS:
                self._days.popitem(last=False)
        return self._days[day]

    def options(self, underlying: str, expiry: date) -> dict[tuple[float, str], Listing]:
        """The contracts of one expiry by strike and kind (``CE``, ``PE``)."""
        key = (underlying, expiry)
        if key not in self._options:
            contracts = self._market.contracts(underlying, expiry)
            self._options[key] = {(contract.strike, contract.kind): contract for contract in contracts}
            while len(self._options) > _KEPT_EXPIRIES:
                self._options.popitem(last=False)
        return self._options[key]


def short_name(listing: Listing) -> str:
    """``NIFTY`` of ``NSE|INDEX|NIFTY``."""
    return listing.symbol.rpartition("|")[2]


def _sorted(listings: list[Listing]) -> ListedDay:
    indices = {short_name(listing): listing for listing in listings if listing.segment is Segment.INDEX}
    shares = {short_name(listing): listing for listing in listings if listing.segment is Segment.EQ}
    futures: dict[str, list[Listing]] = {}
    expiries: dict[str, set[date]] = {}
    for listing in listings:
        if listing.segment is Segment.FO and listing.expiry is not None:
            if listing.option_type is None:
                futures.setdefault(listing.underlying, []).append(listing)
            else:
                expiries.setdefault(listing.underlying, set()).add(listing.expiry)
    for of_one in futures.values():
        of_one.sort(key=lambda listing: listing.expiry or date.max)
    return ListedDay(indices, shares, futures, {name: sorted(days) for name, days in expiries.items()})
