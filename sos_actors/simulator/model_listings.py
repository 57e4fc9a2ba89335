"""What the simulated exchange lists on a day, with the names, keys and numbers an instrument master gives it.

Indices and shares carry the built-in master's keys where that has them; contracts have five-digit numbers, unique among
what is listed on a day and given out again after an expiry, as the exchange does.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date

from sos_actors.errors import UnknownSymbolError
from sos_actors.market.instruments import default_master
from sos_actors.market.lots import largest_order, lot_size, strike_step, tick_size
from sos_actors.market.symbols import contract_symbol, future_symbol, parse_contract_symbol
from sos_actors.simulator.model import MarketModel
from sos_actors.simulator.model_futures import FUTURE_TICK
from sos_actors.simulator.model_series import Series
from sos_actors.simulator.model_symbols import ANCHOR_DAY, BANKNIFTY, LISTED, NIFTY, ListedSymbol, price_tick
from sos_actors.simulator.view import Listing
from sos_actors.types import OptionType, Segment

UNDERLYINGS = (NIFTY, BANKNIFTY)
_HALF_WEEKLY, _HALF_MONTHLY = 90, 125
"""Strikes on either side of the middle: enough for what the market may do while a series is listed."""
_KEPT_DAYS = 40
_FIRST_SHARE_TOKEN = 14_000
_SHARE_FREEZE = 100_000
"""As of every share in Upstox's instrument master of January 2026."""
_EXPIRED_KEY = re.compile(r"(NSE_FO\|\d{5})\|(\d\d)-(\d\d)-(\d{4})")


class ListingBook:
    """Listings of every day.

    Args:
        model: whose calendar, expiries and levels they follow.
    """

    def __init__(self, model: MarketModel) -> None:
        self._model = model
        self._days: OrderedDict[date, tuple[Listing, ...]] = OrderedDict()
        self._keys: OrderedDict[date, dict[str, Listing]] = OrderedDict()
        self._symbols: OrderedDict[date, dict[str, Listing]] = OrderedDict()
        self._master = {one.symbol: one for one in default_master()}
        self._cash: dict[tuple[float, ...], tuple[Listing, ...]] = {}
        indices = self._standing(ANCHOR_DAY)[: len(UNDERLYINGS)]
        self._index_keys = {one.trading_symbol: one.key for one in indices}
        self._options: dict[tuple[str, date, int], tuple[Listing, ...]] = {}

    def listings(self, day: date) -> Sequence[Listing]:
        """Indices, shares, futures, options, in that order."""
        if day not in self._days:
            contracts: list[Listing] = []
            for index in UNDERLYINGS:
                contracts += self.futures(index.short_name, day)
            for index in UNDERLYINGS:
                for series in self._model.series.options(index.short_name, day):
                    contracts += self._chain(series, day)
            self._days[day] = (*self._standing(day), *contracts)
            while len(self._days) > _KEPT_DAYS:
                self._days.popitem(last=False)
        return self._days[day]

    def contracts(self, underlying: str, expiry: date) -> Sequence[Listing]:
        """The options of an expiry by strike, call before put; empty when there is no such expiry."""
        series = self._model.series.series(underlying, expiry)
        if series is None or not self._model.series.between(underlying, expiry, expiry):
            return ()
        return self._chain(series, expiry)

    def futures(self, underlying: str, day: date) -> tuple[Listing, ...]:
        """Front, next and far month."""
        return tuple(self._future(underlying, expiry, day) for expiry in self._model.series.futures(underlying, day))

    def find(self, key: str, day: date) -> Listing | None:
        """By Upstox's key, also that of an expired contract."""
        expired = _EXPIRED_KEY.fullmatch(key)
        if expired is None:
            return self._by_key(day).get(key)
        try:
            expiry = date(int(expired[4]), int(expired[3]), int(expired[2]))
        except ValueError:
            return None
        return next((one for one in self._of_expiry(expiry) if one.key == expired[1]), None) if expiry <= day else None

    def named(self, symbol: str, day: date) -> Listing | None:
        """By canonical symbol, if it is listed on the day or has expired before."""
        found = self._by_symbol(day).get(symbol)
        if found is not None or not symbol.startswith("NSE|FO|"):
            return found
        try:
            expiry = parse_contract_symbol(symbol).expiry
        except UnknownSymbolError:
            return None
        if expiry >= day:
            return None
        return next((one for one in self._of_expiry(expiry) if one.symbol == symbol), None)

    def _of_expiry(self, expiry: date) -> list[Listing]:
        """Every contract that expires on a day."""
        found: list[Listing] = []
        for index in UNDERLYINGS:
            found += self.contracts(index.short_name, expiry)
            series = self._model.series.series(index.short_name, expiry)
            if series is not None and not series.expiry.weekly and found:
                found.append(self._future(index.short_name, expiry, expiry))
        return found

    def _by_key(self, day: date) -> dict[str, Listing]:
        if day not in self._keys:
            self._keys[day] = {one.key: one for one in self.listings(day)}
            while len(self._keys) > _KEPT_DAYS:
                self._keys.popitem(last=False)
        return self._keys[day]

    def _by_symbol(self, day: date) -> dict[str, Listing]:
        if day not in self._symbols:
            self._symbols[day] = {one.symbol: one for one in self.listings(day)}
            while len(self._symbols) > _KEPT_DAYS:
                self._symbols.popitem(last=False)
        return self._symbols[day]

    def _standing(self, day: date) -> tuple[Listing, ...]:
        """Indices and shares: the same every day but for their ticks."""
        ticks = tuple(price_tick(listed, day) for listed in LISTED)
        if ticks not in self._cash:
            entries = zip(LISTED, ticks, strict=True)
            self._cash[ticks] = tuple(self._in_cash(place, *entry) for place, entry in enumerate(entries))
        return self._cash[ticks]

    def _in_cash(self, place: int, listed: ListedSymbol, tick: float) -> Listing:
        known, name = self._master.get(listed.symbol), listed.short_name
        token = (known.exchange_token if known else None) or str(_FIRST_SHARE_TOKEN + 7 * place)
        if listed.segment is Segment.INDEX:
            key = (known.instrument_key if known else None) or f"NSE_INDEX|{listed.name}"
            return Listing(listed.symbol, key, token, name, listed.name, Segment.INDEX, 0.0, 0, 0)
        isin = (known.isin if known else None) or made_up_isin(place)
        return Listing(
            listed.symbol, f"NSE_EQ|{isin}", token, name, listed.name, Segment.EQ, tick, 1, _SHARE_FREEZE, isin=isin
        )

    def _future(self, underlying: str, expiry: date, day: date) -> Listing:
        symbol = future_symbol(underlying, expiry)
        token = str(self._model.series.future_token(underlying, expiry))
        return Listing(
            symbol, f"NSE_FO|{token}", token, symbol.rpartition("|")[2], underlying, Segment.FO,
            FUTURE_TICK[underlying], lot_size(underlying, expiry), largest_order(underlying, expiry, day),
            underlying=underlying, underlying_key=self._index_keys[underlying], expiry=expiry,
        )  # fmt: skip

    def _chain(self, series: Series, day: date) -> tuple[Listing, ...]:
        underlying, expiry = series.underlying, series.expiry.day
        freeze = largest_order(underlying, expiry, day)
        cached = self._options.get((underlying, expiry, freeze))
        if cached is not None:
            return cached
        step, lot, tick = strike_step(underlying), lot_size(underlying, expiry), float(tick_size(underlying))
        index = next(one for one in UNDERLYINGS if one.short_name == underlying)
        centre = round(self._model.last_close(index.symbol, series.listed_after) / step)
        half = _HALF_WEEKLY if series.expiry.weekly else _HALF_MONTHLY
        token, found = series.first_token, []
        for strike in range((centre - half) * step, (centre + half) * step + 1, step):
            for option_type in (OptionType.CE, OptionType.PE):
                symbol = contract_symbol(underlying, float(strike), option_type, expiry)
                found.append(
                    Listing(
                        symbol, f"NSE_FO|{token}", str(token), symbol[7:], underlying, Segment.FO, tick, lot, freeze,
                        underlying=underlying, underlying_key=self._index_keys[underlying], expiry=expiry,
                        strike=float(strike), option_type=option_type, weekly=series.expiry.weekly,
                    )
                )  # fmt: skip
                token += 1
        self._options[underlying, expiry, freeze] = tuple(found)
        return self._options[underlying, expiry, freeze]


def made_up_isin(place: int) -> str:
    """An ISIN of the right form, check digit included, for the share at a place of the list."""
    body = f"INE{900 - place:03d}Z01{place % 90 + 10:02d}"
    digits = "".join(str(int(letter, 36)) for letter in body)
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    total = sum(number // 10 + number % 10 for number in doubled)
    return f"{body}{-total % 10}"

