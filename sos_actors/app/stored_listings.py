"""What a store knows of, named as an exchange would: for the replay of stored days."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

from sos_actors.errors import MarketRuleError, UnknownSymbolError
from sos_actors.market.calendar import Calendar
from sos_actors.market.expiries import Expiry, expiries
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.lots import largest_order, lot_size, strike_step, tick_size
from sos_actors.market.symbols import INDEX_SHORT_NAMES, is_contract_name, parse_contract_symbol, short_name_of
from sos_actors.market.ticks import equity_tick
from sos_actors.simulator.view import Listing
from sos_actors.store.database import Store
from sos_actors.types import Segment

_UNDERLYINGS = sorted(INDEX_SHORT_NAMES)
_FIRST_TOKEN, _TOKENS = 35_000, 62_000
_WEEKS, _STRIKES = 12, 512
_LIFE = timedelta(days=100)
_SHARE_FREEZE = 100_000


class StoredListings:
    """Indices, shares and contracts that have data.

    An instrument carries the master's key where the master has one; what is only known from stored data gets a number
    made from its name, which is the same every day.

    Args:
        store: what to look into.
        calendar: for the expiries.
        master: for keys, tokens and ISINs.
        days: the sessions that are stored, ascending.
    """

    def __init__(self, store: Store, calendar: Calendar, master: SymbolMaster, days: Sequence[date]) -> None:
        self._store, self._calendar, self._master, self._days = store, calendar, master, days
        self._known = {instrument.symbol: instrument for instrument in master}
        self._standing = [name for name in store.candle_symbols() if not name.startswith("NSE|FO|")]
        self._futures = [name for name in store.candle_symbols() if " FUT " in name and is_contract_name(name)]
        self._days_of = cache(store.candle_days)
        self._by_day: dict[date, tuple[Listing, ...]] = {}

    def on(self, day: date) -> tuple[Listing, ...]:
        """What has data on the last stored day up to ``day``, or on the first one."""
        stored = [one for one in self._days if one <= day] or self._days[:1]
        if stored[-1] not in self._by_day:
            self._by_day[stored[-1]] = self._list(stored[-1])
        return self._by_day[stored[-1]]

    def of_expiry(self, expiry: date, underlying: str | None = None) -> list[Listing]:
        """Contracts of an expiry with data on any stored day, by symbol's strike, call before put."""
        found: dict[str, Listing] = {}
        for day in self._days:
            if expiry - _LIFE <= day <= expiry:
                for one in self.on(day):
                    if one.expiry == expiry and underlying in (None, one.underlying):
                        found[one.symbol] = one
        return sorted(found.values(), key=lambda one: (one.underlying, one.strike, str(one.option_type)))

    def expiries(self, underlying: str, first: date, last: date) -> list[date]:
        """Expiries of the options with data, ascending."""
        near = [day for day in self._days if first - _LIFE <= day <= last]
        every = {one.expiry for day in near for one in self.on(day) if one.option_type and one.underlying == underlying}
        return sorted(expiry for expiry in every if expiry is not None and first <= expiry <= last)

    def _list(self, day: date) -> tuple[Listing, ...]:
        cash = [self._in_cash(symbol, day) for symbol in self._standing if day in self._days_of(symbol)]
        contracts: list[str] = [name for name in self._futures if day in self._days_of(name)]
        for underlying in _UNDERLYINGS:
            contracts += self._store.contracts(f"NSE|{Segment.INDEX}|{underlying}", day)
        listed = [one for symbol in dict.fromkeys(contracts) if (one := self._contract(symbol, day)) is not None]
        return tuple(cash + _numbered(listed))

    def _in_cash(self, symbol: str, day: date) -> Listing:
        known, name = self._known.get(symbol), short_name_of(symbol)
        token = (known.exchange_token if known else None) or f"9{_number(symbol) % 100_000:05d}"
        if symbol.startswith(f"NSE|{Segment.INDEX}|"):
            key = (known.instrument_key if known else None) or f"NSE_INDEX|{name}"
            return Listing(symbol, key, token, name, name, Segment.INDEX, 0.0, 0, 0)
        isin = (known.isin if known else None) or ""
        key = (known.instrument_key if known else None) or f"NSE_EQ|{isin or token}"
        tick = known.tick_size if known and not math.isnan(known.tick_size) else float(equity_tick(day, math.inf))
        return Listing(symbol, key, token, name, name, Segment.EQ, tick, 1, _SHARE_FREEZE, isin=isin)

    def _contract(self, symbol: str, day: date) -> Listing | None:
        """The contract of a symbol; None when no table knows its lot, so that it cannot be traded."""
        try:
            spec = parse_contract_symbol(symbol)
            lot, freeze = lot_size(spec.underlying, spec.expiry), largest_order(spec.underlying, spec.expiry, day)
            tick = float(tick_size(spec.underlying))
        except (UnknownSymbolError, MarketRuleError):
            return None
        known, name = self._known.get(symbol), short_name_of(symbol)
        index = self._known.get(f"NSE|{Segment.INDEX}|{spec.underlying}")
        token = (known.exchange_token if known else None) or ""
        return Listing(
            symbol, f"NSE_FO|{token}" if token else "", token, name, spec.underlying, Segment.FO,
            known.tick_size if known else tick, lot, freeze, underlying=spec.underlying,
            underlying_key=(index.instrument_key if index else None) or f"NSE_INDEX|{spec.underlying}",
            expiry=spec.expiry, strike=spec.strike or 0.0, option_type=spec.option_type,
            weekly=spec.option_type is not None and self._is_weekly(spec.underlying, spec.expiry),
        )  # fmt: skip

    def _is_weekly(self, underlying: str, expiry: date) -> bool:
        try:
            return Expiry(expiry, True) in expiries(underlying, expiry, expiry, self._calendar)
        except MarketRuleError:
            return False


def _numbered(contracts: Iterable[Listing]) -> list[Listing]:
    """Contracts with five-digit numbers where the master gave none, each number once."""
    listed = list(contracts)
    taken = {one.token for one in listed if one.token}
    numbered = []
    for one in sorted(listed, key=lambda one: one.symbol):
        if not one.token:
            number = _contract_number(one)
            while str(_FIRST_TOKEN + number) in taken:
                number = (number + 1) % _TOKENS
            token = str(_FIRST_TOKEN + number)
            taken.add(token)
            one = replace(one, token=token, key=f"NSE_FO|{token}")
        numbered.append(one)
    return sorted(numbered, key=lambda one: (one.underlying, one.expiry or date.max, one.strike, str(one.option_type)))


def _contract_number(one: Listing) -> int:
    """A number from underlying, week of expiry, strike and side: no two contracts near each other share one."""
    assert one.expiry is not None
    place = _UNDERLYINGS.index(one.underlying) * _WEEKS + one.expiry.toordinal() // 7 % _WEEKS
    strike = int(one.strike // strike_step(one.underlying)) % (_STRIKES - 1) + 1 if one.option_type else 0
    return (place * _STRIKES + strike) * 2 + (one.option_type == "PE")


def _number(symbol: str) -> int:
    return sum(place * ord(letter) for place, letter in enumerate(symbol, 1)) * 37
