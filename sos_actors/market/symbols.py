"""Instruments and their names: canonical symbols, contract names, writing them and reading them back."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date

from sos_actors.errors import UnknownSymbolError
from sos_actors.types import OptionType, Segment

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CONTRACT = re.compile(
    r"(?:NSE\|FO\|)?(?P<underlying>[A-Z0-9&-]+) (?:(?P<strike>\d+(?:\.\d+)?) (?P<type>CE|PE)|FUT)"
    r" (?P<day>\d{1,2}) (?P<month>[A-Z]{3}) (?P<year>\d\d)"
)
INDEX_SHORT_NAMES = frozenset({"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50"})
"""The indices with options on NSE (source: Upstox instrument master, January 2026)."""


@dataclass(frozen=True, slots=True)
class ContractSpec:
    """What the name of a contract says.

    Attributes:
        underlying: short name, for example ``NIFTY``.
        expiry: the last trading day.
        strike: rupees; None for a future.
        option_type: None for a future.
    """

    underlying: str
    expiry: date
    strike: float | None
    option_type: OptionType | None


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument of the exchange.

    Attributes:
        symbol: canonical, ``NSE|FO|NIFTY 25600 CE 13 JAN 26``.
        short_name: the exchange's trading symbol, ``NIFTY 25600 CE 13 JAN 26``.
        segment: INDEX, EQ or FO.
        lot_size: units in one lot; 0 for an index, which cannot be traded.
        tick_size: rupees; NaN for an index.
        freeze_quantity: most units in one order; 0 for an index.
        instrument_key: Upstox's key; None for an instrument no broker file has named.
        exchange_token: the number of the feed; None as above. The exchange reuses it after an expiry.
        isin: shares only.
        underlying: canonical symbol; None for an index or a share.
        expiry: last trading day; None for an index or a share.
        strike: rupees; None for whatever is not an option.
        option_type: None for whatever is not an option.
    """

    symbol: str
    short_name: str
    segment: Segment
    lot_size: int
    tick_size: float
    freeze_quantity: int
    instrument_key: str | None = None
    exchange_token: str | None = None
    isin: str | None = None
    underlying: str | None = None
    expiry: date | None = None
    strike: float | None = None
    option_type: OptionType | None = None


def canonical_for(short_name: str) -> str:
    """The canonical symbol of an index or a share, without asking a master whether it is listed.

    ``"NIFTY"`` gives ``"NSE|INDEX|NIFTY"``; whatever is not one of the F&O indices is taken for a share.
    """
    name = short_name.strip().upper()
    segment = Segment.INDEX if name in INDEX_SHORT_NAMES else Segment.EQ
    return f"NSE|{segment}|{name}"


def short_name_of(symbol: str) -> str:
    """What follows the segment: ``NIFTY`` of ``NSE|INDEX|NIFTY``; a short name comes back unchanged."""
    return symbol.rpartition("|")[2]


def imported_instrument(short_name: str) -> Instrument:
    """An index or share known only from the user's own data: tradable in units of 1, tick 0.05, no broker key.

    For ``SymbolMaster.added``, so that imported history can be named; an order for it has no ``instrument_key``.
    """
    symbol = canonical_for(short_name)
    name = short_name_of(symbol)
    if symbol.startswith(f"NSE|{Segment.INDEX}|"):
        return Instrument(symbol, name, Segment.INDEX, 0, math.nan, 0)
    return Instrument(symbol, name, Segment.EQ, 1, 0.05, 100_000)


def strike_text(strike: float) -> str:
    """A strike as the exchange prints it, without trailing zeros: ``24350``, ``102.5``."""
    return f"{strike:.2f}".rstrip("0").rstrip(".")


def expiry_text(expiry: date) -> str:
    """``13 JAN 26``: day two digits, month in capitals whatever the locale, year two digits."""
    return f"{expiry.day:02d} {_MONTHS[expiry.month - 1]} {expiry.year % 100:02d}"


def contract_symbol(underlying_short: str, strike: float, option_type: OptionType, expiry: date) -> str:
    """The canonical symbol of an option: ``NSE|FO|NIFTY 25600 CE 13 JAN 26``; ``strike`` in rupees."""
    return f"NSE|FO|{underlying_short} {strike_text(strike)} {option_type} {expiry_text(expiry)}"


def future_symbol(underlying_short: str, expiry: date) -> str:
    """The canonical symbol of a future: ``NSE|FO|NIFTY FUT 27 JAN 26``."""
    return f"NSE|FO|{underlying_short} FUT {expiry_text(expiry)}"


def is_contract_name(text: str) -> bool:
    """Whether ``text`` has the form of a contract's name, in any case; the contract need not exist."""
    match = _CONTRACT.fullmatch(text.strip().upper())
    return match is not None and match["month"] in _MONTHS


def parse_contract_symbol(symbol: str) -> ContractSpec:
    """Read a contract's canonical symbol, or its short name, in any case.

    Raises:
        UnknownSymbolError: it does not name an option or a future.
    """
    match = _CONTRACT.fullmatch(symbol.strip().upper())
    if match is None or match["month"] not in _MONTHS:
        raise UnknownSymbolError(f"{symbol!r} does not name a contract. Write it like 'NIFTY 25600 CE 13 JAN 26'.")
    try:
        expiry = date(2000 + int(match["year"]), _MONTHS.index(match["month"]) + 1, int(match["day"]))
    except ValueError as error:
        raise UnknownSymbolError(f"{symbol!r} names a day that does not exist: {error}.") from error
    if match["strike"] is None:
        return ContractSpec(match["underlying"], expiry, None, None)
    return ContractSpec(match["underlying"], expiry, float(match["strike"]), OptionType(match["type"]))
