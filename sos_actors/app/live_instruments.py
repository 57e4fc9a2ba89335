"""What the running system knows of instruments: how the engine follows them, what the exchange asks of an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sos_actors.app.backtest import followed
from sos_actors.app.session_header import ListedContract
from sos_actors.engine.execution.terms import InstrumentTerms
from sos_actors.engine.holdings import UNSLICED
from sos_actors.engine.plan import FollowedSymbol
from sos_actors.engine.strikes import StrikeWindow, traded_expiry
from sos_actors.errors import MarketRuleError, MissingDataError, UnknownSymbolError
from sos_actors.market.instruments import Instrument, SymbolMaster
from sos_actors.market.lots import largest_order, lot_size, strike_step, tick_size
from sos_actors.market.symbols import canonical_for
from sos_actors.types import Segment

_EXPIRIES = 8
"""Of each index that are kept in the journal's header."""


@dataclass(frozen=True)
class Instruments:
    """The broker's list of the day.

    Attributes:
        master: the list.
        by_key: canonical symbols by the broker's key.
        indices: always followed, as the engine follows them.
    """

    master: SymbolMaster
    by_key: Mapping[str, str]
    indices: tuple[FollowedSymbol, ...]

    @classmethod
    def of(cls, master: SymbolMaster, indices: Sequence[str]) -> Instruments:
        """Read the list.

        Args:
            master: the list.
            indices: short names.

        Raises:
            UnknownSymbolError: an index is not in it.
        """
        by_key = {one.instrument_key: one.symbol for one in master if one.instrument_key}
        return cls(master, by_key, tuple(followed(master.resolve(canonical_for(name))) for name in indices))

    def followed(self, symbol: str) -> FollowedSymbol:
        """A canonical symbol as the engine follows it.

        Raises:
            UnknownSymbolError: it is not listed.
            UsageError: it is a contract.
        """
        return followed(self.master.resolve(symbol))

    def key_of(self, symbol: str) -> str | None:
        """The broker's key of a canonical symbol; None when it is not listed."""
        try:
            return self.master.resolve(symbol).instrument_key
        except UnknownSymbolError:
            return None

    def terms_of(self, symbol: str) -> InstrumentTerms | None:
        """What the exchange asks of an order in a canonical symbol; None when nobody knows it."""
        try:
            one = self.master.resolve(symbol)
        except UnknownSymbolError:
            return None
        if one.instrument_key is None or not one.tick_size:
            return None
        freeze = int(one.freeze_quantity or 0)
        return InstrumentTerms(one.instrument_key, max(one.lot_size, 1), float(one.tick_size), freeze, one.segment)

    def listed(self, day: date) -> list[ListedContract]:
        """The next expiries of every index with the terms of their contracts, by the list, else by the dated tables.

        Raises:
            MissingDataError: an index has no contract.
        """
        found = []
        for index in self.indices:
            expiries = [one for one in self.master.expiries(index.symbol) if one >= day][:_EXPIRIES]
            if not expiries:
                raise MissingDataError(
                    f"The instrument list has no option of {index.short_name} that expires on {day} or later."
                )
            found += [self._contract(index.short_name, expiry, day) for expiry in expiries]
        return found

    def windows(self, day: date, min_days: int, each_side: int, recentre_after: float) -> dict[str, StrikeWindow]:
        """The option window of every index, around no price yet."""
        windows = {}
        for index in self.indices:
            expiry = traded_expiry(self.master.expiries(index.symbol), day, min_days)
            if expiry is not None:
                names = frozenset(one.symbol for one in self.master.contracts(index.symbol, expiry))
                step = float(strike_step(index.short_name))
                windows[index.symbol] = StrikeWindow(index.short_name, expiry, step, each_side, recentre_after, names)
        return windows

    def known(self, symbols: Sequence[str]) -> list[Instrument]:
        """The instruments of canonical symbols, those that are listed."""
        return [self.master.resolve(symbol) for symbol in symbols if self.key_of(symbol) is not None]

    def _contract(self, underlying: str, expiry: date, day: date) -> ListedContract:
        options = self.master.contracts(underlying, expiry)
        if options and options[0].segment is Segment.FO and options[0].lot_size and options[0].tick_size:
            one = options[0]
            freeze = int(one.freeze_quantity or 0) // one.lot_size * one.lot_size
            return ListedContract(underlying, expiry, one.lot_size, float(one.tick_size), freeze or UNSLICED)
        try:
            freeze = largest_order(underlying, expiry, day)
        except MarketRuleError:
            freeze = UNSLICED
        return ListedContract(underlying, expiry, lot_size(underlying, expiry), float(tick_size(underlying)), freeze)
