"""How Upstox writes down an instrument: in its instrument file, in its contract lists, and as a key of its quotes."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from sos_actors.market.symbols import strike_text
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.view import Listing
from sos_actors.types import Segment

_MONTH_LETTERS: Final = "123456789OND"
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_LAST_SECOND_MS: Final = 86_399_000


def master_row(listing: Listing) -> dict[str, Any]:
    """A row of the instrument file: prices in rupees but ticks in paise, expiry at 23:59:59 in India, epoch ms.

    Source: the NSE file of mid-January 2026.
    """
    row: dict[str, Any] = {
        "segment": listing.upstox_segment,
        "name": listing.name,
        "exchange": "NSE",
        "instrument_type": listing.kind,
        "instrument_key": listing.key,
        "exchange_token": listing.token,
        "trading_symbol": listing.trading_symbol,
    }
    if listing.segment is Segment.INDEX:
        return row
    row |= {
        "lot_size": listing.lot,
        "freeze_quantity": float(listing.freeze),
        "tick_size": _paise(listing.tick),
        "qty_multiplier": 1.0,
    }
    if listing.segment is Segment.EQ:
        return row | {"isin": listing.isin, "short_name": listing.trading_symbol, "security_type": "NORMAL"}
    kind = _underlying_type(listing)
    return row | {
        "weekly": listing.weekly,
        "expiry": expiry_ms(listing),
        "asset_symbol": listing.underlying,
        "underlying_symbol": listing.underlying,
        "minimum_lot": listing.lot,
        "asset_key": listing.underlying_key,
        "underlying_key": listing.underlying_key,
        "asset_type": kind,
        "underlying_type": kind,
        "strike_price": listing.strike,
    }


def contract_row(listing: Listing, *, expired: bool = False) -> dict[str, Any]:
    """A row of a contract list, where the expiry is a date; an expired one carries it in its key."""
    row: dict[str, Any] = {
        "name": listing.name,
        "segment": listing.upstox_segment,
        "exchange": "NSE",
        "expiry": _expiry(listing).isoformat(),
        "instrument_key": expired_key(listing) if expired else listing.key,
        "exchange_token": listing.token,
        "trading_symbol": listing.trading_symbol,
        "tick_size": _paise(listing.tick),
        "lot_size": listing.lot,
        "instrument_type": listing.kind,
        "freeze_quantity": float(listing.freeze),
        "underlying_key": listing.underlying_key,
        "underlying_type": _underlying_type(listing),
        "underlying_symbol": listing.underlying,
        "minimum_lot": listing.lot,
    }
    if listing.option_type is not None:
        row |= {"strike_price": listing.strike, "weekly": listing.weekly}
    return row


def found_row(listing: Listing) -> dict[str, Any]:
    """A row of the instrument search: that of the file, with the expiry as a date."""
    row = master_row(listing)
    if listing.expiry is not None:
        row["expiry"] = listing.expiry.isoformat()
    return row


def expired_key(listing: Listing) -> str:
    """``NSE_FO|54452|24-04-2025``; an exchange token alone is used again after an expiry."""
    expiry = _expiry(listing)
    bare = listing.key if listing.key.count("|") == 1 else listing.key.rpartition("|")[0]
    return f"{bare}|{expiry:%d-%m-%Y}"


def expiry_ms(listing: Listing) -> int:
    """The last second of the expiry day in India, epoch milliseconds."""
    return moment_of(_expiry(listing)) // 1_000_000 + _LAST_SECOND_MS


def quote_name(listing: Listing) -> str:
    """The key of a quote: the exchange's name of the instrument, not the key that was asked with.

    ``NSE_FO:NIFTY2611325600CE`` of a week (year, month as one letter, day), ``NSE_FO:NIFTY26JAN25600CE`` of a month.
    """
    if listing.segment is Segment.INDEX:
        return listing.key.replace("|", ":", 1)
    return f"{listing.upstox_segment}:{exchange_symbol(listing)}"


def exchange_symbol(listing: Listing) -> str:
    """The instrument's name at the exchange, without blanks."""
    if listing.segment is not Segment.FO:
        return listing.trading_symbol
    expiry = _expiry(listing)
    if listing.weekly:
        when = f"{expiry:%y}{_MONTH_LETTERS[expiry.month - 1]}{expiry.day:02d}"
    else:
        when = f"{expiry:%y}{_MONTHS[expiry.month - 1]}"
    return f"{listing.underlying}{when}{strike_text(listing.strike) if listing.option_type else ''}{listing.kind}"


def _expiry(listing: Listing) -> date:
    if listing.expiry is None:
        raise ValueError(f"{listing.symbol} is no contract")
    return listing.expiry


def _underlying_type(listing: Listing) -> str:
    return "INDEX" if listing.underlying_key.startswith("NSE_INDEX|") else "EQUITY"


def _paise(rupees: float) -> float:
    return round(rupees * 100, 4)
