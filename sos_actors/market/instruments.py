"""What can be traded or watched, and the one place where a name, whoever spelled it, becomes an instrument.

``symbols`` writes and reads the names; a vendor reads the broker's file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from importlib.resources import files
from typing import Self

from sos_actors.errors import DataError, UnknownSymbolError
from sos_actors.market.symbols import (
    ContractSpec,
    Instrument,
    canonical_for,
    contract_symbol,
    expiry_text,
    imported_instrument,
    is_contract_name,
    parse_contract_symbol,
    strike_text,
)
from sos_actors.types import OptionType, Segment

__all__ = [
    "ContractSpec",
    "Instrument",
    "SymbolMaster",
    "canonical_for",
    "contract_symbol",
    "default_master",
    "imported_instrument",
    "parse_contract_symbol",
]

_SEGMENT_ORDER = {Segment.INDEX: 0, Segment.EQ: 1, Segment.FO: 2}
_TRADINGVIEW_SPELLING = str.maketrans("&- ", "___")
_TRADINGVIEW_NAMES = {
    "CNXFINANCE": "FINNIFTY",
    "NIFTY_MID_SELECT": "MIDCPNIFTY",
    "NIFTYJR": "NIFTYNXT50",
    "INDIAVIX": "INDIA VIX",
}
"""TradingView's names of indices where they are not NSE's."""


class SymbolMaster:
    """Every instrument known, found by any of its names.

    Args:
        instruments: each canonical symbol once.
        origin: where they come from, for messages: a path, or "the built-in list".

    Raises:
        DataError: two instruments share a canonical symbol.
    """

    def __init__(self, instruments: Iterable[Instrument], origin: str) -> None:
        self._origin = origin
        self._instruments = sorted(instruments, key=lambda instrument: _SEGMENT_ORDER[instrument.segment])
        self._by_symbol = {instrument.symbol: instrument for instrument in self._instruments}
        if len(self._by_symbol) != len(self._instruments):
            raise DataError(f"{origin} names an instrument twice: {_first_double(self._instruments)}. Remove one.")
        self._by_name: dict[str, Instrument] = {}
        self._derivatives: dict[str, list[Instrument]] = {}
        for instrument in self._instruments:
            for name in (instrument.short_name, instrument.instrument_key, instrument.exchange_token):
                if name is not None:
                    # An index comes before a share and a share before a contract of the same name.
                    self._by_name.setdefault(name.upper(), instrument)
            if instrument.underlying is not None:
                self._derivatives.setdefault(instrument.underlying, []).append(instrument)
            else:
                self._by_name.setdefault("NSE:" + instrument.short_name.translate(_TRADINGVIEW_SPELLING), instrument)

    @classmethod
    def from_instruments(cls, instruments: Iterable[Instrument], origin: str = "the list") -> Self:
        """A master of these instruments.

        Raises:
            DataError: two instruments share a canonical symbol.
        """
        return cls(instruments, origin)

    def added(self, *instruments: Instrument) -> Self:
        """This master and these instruments; one whose canonical symbol is already known replaces it."""
        merged = self._by_symbol | {instrument.symbol: instrument for instrument in instruments}
        return type(self)(merged.values(), self._origin)

    def __len__(self) -> int:
        return len(self._instruments)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._instruments)

    def resolve(self, text: str) -> Instrument:
        """The instrument of that name.

        Args:
            text: canonical symbol, short name (any case), Upstox key, feed token or TradingView ticker.

        Raises:
            UnknownSymbolError: there is none; the message names the nearest matches.
        """
        name = text.strip().upper()
        found = self._by_symbol.get(name) or self._by_name.get(name) or self._tradingview(name)
        if found is not None:
            return found
        if is_contract_name(name):
            return self._contract(text)
        raise UnknownSymbolError(self._no_such(text))

    def option(self, underlying: str, expiry: date, strike: float, option_type: OptionType) -> Instrument:
        """The option of that strike; ``underlying`` in any spelling, ``strike`` in rupees.

        Raises:
            UnknownSymbolError: the underlying, the expiry or the strike is not listed.
        """
        short = self.resolve(underlying).short_name
        return self.resolve(contract_symbol(short, strike, option_type, expiry))

    def contracts(self, underlying: str, expiry: date) -> list[Instrument]:
        """The options of one expiry by strike, call before put; empty when none is listed.

        Raises:
            UnknownSymbolError: the underlying is not known.
        """
        options = (i for i in self._of(underlying) if i.expiry == expiry and i.strike is not None)
        return sorted(options, key=lambda option: (option.strike, option.option_type))

    def futures(self, underlying: str) -> list[Instrument]:
        """The futures, nearest expiry first.

        Raises:
            UnknownSymbolError: the underlying is not known.
        """
        found = (i for i in self._of(underlying) if i.strike is None)
        return sorted(found, key=lambda future: future.expiry or date.max)

    def expiries(self, underlying: str) -> list[date]:
        """The days on which options of the underlying expire, nearest first.

        Raises:
            UnknownSymbolError: the underlying is not known.
        """
        return sorted({i.expiry for i in self._of(underlying) if i.expiry is not None and i.strike is not None})

    def _of(self, underlying: str) -> list[Instrument]:
        return self._derivatives.get(self.resolve(underlying).symbol, [])

    def _tradingview(self, name: str) -> Instrument | None:
        if not name.startswith("NSE:"):
            return None
        ticker = name.removeprefix("NSE:")
        return self._by_name.get(_TRADINGVIEW_NAMES.get(ticker, ticker))

    def _contract(self, text: str) -> Instrument:
        """The contract of a name spelled freely (``nifty 25600.0 ce 6 jan 26``)."""
        spec = parse_contract_symbol(text)
        underlying = self.resolve(spec.underlying)
        if spec.strike is None or spec.option_type is None:
            listed = [future for future in self.futures(underlying.symbol) if future.expiry == spec.expiry]
            if listed:
                return listed[0]
            raise UnknownSymbolError(f"No future is called {text!r}. {self._listed(underlying)}")
        found = self._by_symbol.get(contract_symbol(underlying.short_name, spec.strike, spec.option_type, spec.expiry))
        if found is not None:
            return found
        strike = spec.strike
        near = {o.strike for o in self.contracts(underlying.symbol, spec.expiry) if o.strike is not None}
        if not near:
            raise UnknownSymbolError(f"No contract is called {text!r}. {self._listed(underlying)}")
        nearest = sorted(sorted(near, key=lambda other: abs(other - strike))[:3])
        raise UnknownSymbolError(
            f"No contract is called {text!r}. The nearest strikes listed for {expiry_text(spec.expiry)} are "
            f"{', '.join(strike_text(other) for other in nearest)}."
        )

    def _listed(self, underlying: Instrument) -> str:
        days = sorted({i.expiry for i in self._of(underlying.symbol) if i.expiry is not None})
        if not days:
            return f"{self._origin} lists no contract of {underlying.short_name}."
        return f"The next expiries of {underlying.short_name} are {', '.join(expiry_text(day) for day in days[:4])}."

    def _no_such(self, text: str) -> str:
        wanted = text.strip().upper().rpartition("|")[2].rpartition(":")[2]
        names = [i.short_name for i in self._instruments if i.segment is not Segment.FO]
        near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.6)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Nothing has a similar name."
        return f"No instrument is called {text!r} in {self._origin} ({len(self)} instruments). {hint}"


def default_master() -> SymbolMaster:
    """NIFTY, BANKNIFTY and a dozen large shares, from the package's own table: enough without a broker's file."""
    table = tomllib.loads(files("sos_actors.market").joinpath("tables/instruments.toml").read_text("utf-8"))
    indices = [
        replace(imported_instrument(row["name"]), instrument_key=row["key"], exchange_token=row["token"])
        for row in table["index"]
    ]
    shares = [
        replace(
            imported_instrument(row["name"]),
            tick_size=row["tick_inr"],
            instrument_key=f"NSE_EQ|{row['isin']}",
            exchange_token=row["token"],
            isin=row["isin"],
        )
        for row in table["share"]
    ]
    return SymbolMaster(indices + shares, "the built-in list")


def _first_double(instruments: list[Instrument]) -> str:
    seen: set[str] = set()
    for instrument in instruments:
        if instrument.symbol in seen:
            return instrument.symbol
        seen.add(instrument.symbol)
    return ""
