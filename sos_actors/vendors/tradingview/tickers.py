"""Canonical symbols in TradingView's spelling; back again it is ``SymbolMaster.resolve`` that reads them."""

from __future__ import annotations

from sos_actors.errors import UnknownSymbolError
from sos_actors.market.symbols import (
    INDEX_SHORT_NAMES,
    is_contract_name,
    parse_contract_symbol,
    short_name_of,
    strike_text,
)
from sos_actors.types import Segment

_SPELLING = str.maketrans("&- ", "___")
_INDICES = {
    "FINNIFTY": "CNXFINANCE",
    "MIDCPNIFTY": "NIFTY_MID_SELECT",
    "NIFTYNXT50": "NIFTYJR",
    "INDIA VIX": "INDIAVIX",
}
"""Indices whose names are not NSE's; the same as ``SymbolMaster`` reads."""
_MONTHS = "FGHJKMNQUVXZ"
"""The futures months of the trade, January first."""


def ticker_of(symbol: str) -> str:
    """TradingView's ticker of a canonical symbol.

    ``NSE|EQ|M&M`` gives ``NSE:M_M``, ``NSE|FO|NIFTY 25700 CE 27 JAN 26`` gives ``NSE:NIFTY260127C25700``,
    ``NSE|FO|NIFTY FUT 27 JAN 26`` gives ``NSE:NIFTYF2026``.

    Raises:
        UnknownSymbolError: not a symbol of NSE.
    """
    exchange, _, rest = symbol.strip().upper().partition("|")
    name = short_name_of(rest)
    if exchange != "NSE" or not name:
        raise UnknownSymbolError(f"{symbol!r} is no symbol of NSE, so TradingView's ticker of it is not known.")
    if is_contract_name(name):
        return f"NSE:{_contract(name)}"
    return f"NSE:{_INDICES.get(name, name.translate(_SPELLING))}"


def front_future_of(symbol: str) -> str | None:
    """The continuous future of an index, ``NSE:NIFTY1!``; None for an index without futures."""
    name = short_name_of(symbol)
    return f"NSE:{_INDICES.get(name, name)}1!" if is_index(symbol) and name in INDEX_SHORT_NAMES else None


def is_index(symbol: str) -> bool:
    """Whether a canonical symbol is an index."""
    return symbol.startswith(f"NSE|{Segment.INDEX}|")


def _contract(name: str) -> str:
    spec = parse_contract_symbol(name)
    root = spec.underlying.translate(_SPELLING)
    if spec.strike is None or spec.option_type is None:
        return f"{root}{_MONTHS[spec.expiry.month - 1]}{spec.expiry.year}"
    return f"{root}{spec.expiry:%y%m%d}{spec.option_type[0]}{strike_text(spec.strike)}"
