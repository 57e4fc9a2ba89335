"""TradingView's names of instruments: ``NSE:M_M``, ``NSE:INDIAVIX``, ``NSE:NIFTY1!``, ``NSE:NIFTY260127C25700``."""

from __future__ import annotations

import re
from datetime import date

from sos_actors.market.symbols import contract_symbol
from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import OptionType

_SPELLING = str.maketrans("&- ", "___")
_INDEX_NAMES = {
    "FINNIFTY": "CNXFINANCE",
    "MIDCPNIFTY": "NIFTY_MID_SELECT",
    "NIFTYNXT50": "NIFTYJR",
    "INDIA VIX": "INDIAVIX",
}
"""Where TradingView's name of an index is not NSE's; both are understood."""
_CONTINUOUS = re.compile(r"(?P<root>[A-Z0-9_]+)(?P<number>[12])!")
_OPTION = re.compile(r"(?P<root>[A-Z0-9_]+?)(?P<date>\d{6})(?P<side>[CP])(?P<strike>\d+(?:\.\d+)?)")


def ticker_of(name: str) -> str:
    """The ticker of a share or an index by its short name."""
    return "NSE:" + _INDEX_NAMES.get(name, name).translate(_SPELLING)


def find(market: MarketView, board: Board, ticker: str, day: date) -> Listing | None:
    """The instrument with a ticker on a day; None when there is none.

    ``1!`` and ``2!`` are the nearest future and the one after it.
    """
    exchange, _, name = ticker.strip().upper().partition(":")
    if exchange != "NSE":
        return None
    listed = board.day(day)
    for short, listing in (*listed.indices.items(), *listed.shares.items()):
        if name in (short, ticker_of(short).removeprefix("NSE:")):
            return listing
    if (match := _CONTINUOUS.fullmatch(name)) is not None:
        futures = listed.futures.get(match["root"], [])
        number = int(match["number"])
        return futures[number - 1] if len(futures) >= number else None
    return _option(market, name, day)


def _option(market: MarketView, name: str, day: date) -> Listing | None:
    match = _OPTION.fullmatch(name)
    if match is None:
        return None
    digits = match["date"]
    try:
        expiry = date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError:
        return None
    side = OptionType.CE if match["side"] == "C" else OptionType.PE
    return market.named(contract_symbol(match["root"], float(match["strike"]), side, expiry), day)
