"""NSE's JSON in our words: chains in units, moments in India, counts that arrive as text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

import numpy as np

from sos_actors.errors import VendorAnswerError
from sos_actors.messages.snapshots import Breadth, OptionChain
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, UnixNanos

VENDOR = "nse"
NIFTY_50 = "NIFTY 50"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_INDIA = timezone(timedelta(seconds=IST_OFFSET_S))
_COLUMNS = {
    "oi": ("openInterest",),
    "oi_change": ("changeinOpenInterest",),
    "volume": ("totalTradedVolume",),
    "ltp": ("lastPrice",),
    "iv": ("impliedVolatility",),
    "bid": ("buyPrice1", "bidprice"),
    "ask": ("sellPrice1", "askPrice"),
}
"""Our columns and the keys of a leg, those of chain v3 first, then the older ones."""
_IN_CONTRACTS = ("oi", "oi_change", "volume")
_ZERO_IS_NONE = ("ltp", "iv", "bid", "ask")
"""What NSE prints as 0 where nothing was traded or quoted."""


@dataclass(frozen=True, slots=True)
class Holidays:
    """Weekdays and weekends without trading, with their occasion: of shares (CM) and of derivatives (FO)."""

    cm: Mapping[date, str]
    fo: Mapping[date, str]


def chain_of(answer: Any, underlying: str, short_name: str, expiry: date, lot: int) -> OptionChain:
    """The chain of one expiry out of ``option-chain-v3``, or of the older answer with all expiries.

    Args:
        answer: the decoded body.
        underlying: canonical symbol.
        short_name: NSE's, ``NIFTY``; a leg of another underlying is an answer to another question.
        expiry: rows of other expiries are left out.
        lot: units of a contract: NSE counts open interest and volume in contracts.

    Raises:
        VendorAnswerError: no chain of that expiry, no open interest in it, or a lot that does not fit it.
    """
    records = _member(answer, "records", dict)
    at = moment_of(records.get("timestamp"))
    rows: dict[float, dict[str, Any]] = {}
    for row in _member(records, "data", list):
        if not isinstance(row, dict) or _row_expiry(row) != expiry:
            continue
        strike = number(row.get("strikePrice"))
        if not strike > 0 or strike in rows:
            raise VendorAnswerError(VENDOR, f"The chain of {short_name} has a strike twice, or one that is none.")
        rows[strike] = row
    if not rows:
        raise VendorAnswerError(VENDOR, f"The chain of {short_name} has no row of the expiry {expiry}.")
    strikes = sorted(rows)
    columns = {
        f"{side.lower()}_{name}": np.array([leg[name] for leg in legs])
        for side in ("CE", "PE")
        for legs in [[_leg(rows[strike].get(side), short_name, strike, lot) for strike in strikes]]
        for name in _COLUMNS
    }
    if np.isnan(columns["ce_oi"]).all() and np.isnan(columns["pe_oi"]).all():
        raise VendorAnswerError(VENDOR, f"The chain of {short_name} has no open interest at any strike.")
    spot = number(records.get("underlyingValue"))
    return OptionChain(
        at, VENDOR, underlying, expiry, spot if spot > 0 else math.nan, np.array(strikes, np.float64), **columns
    )


def _row_expiry(row: Mapping[str, Any]) -> date | None:
    return day_of(row.get("expiryDates") or row.get("expiryDate"))


def _leg(leg: Any, short_name: str, strike: float, lot: int) -> dict[str, float]:
    """One contract's figures; all unknown where the contract is absent, or filled with zeros (``identifier`` null)."""
    if not isinstance(leg, dict) or leg.get("identifier") is None:
        return dict.fromkeys(_COLUMNS, math.nan)
    if leg.get("underlying") not in (short_name, None) or number(leg.get("strikePrice")) != strike:
        raise VendorAnswerError(VENDOR, f"The chain of {short_name} carries another contract at {strike:g}.")
    figures = {}
    for name, keys in _COLUMNS.items():
        value = number(next((leg[key] for key in keys if key in leg), None))
        figures[name] = math.nan if value == 0 and name in _ZERO_IS_NONE else value
    for name in _IN_CONTRACTS:
        figures[name] = _units(figures[name], lot, short_name)
    return figures


def _units(contracts: float, lot: int, short_name: str) -> float:
    """Contracts as units; a contract whose lot was changed in its life has a fraction of the new ones, never of units.

    Source: captured chain of 5 December 2025, 4.333 contracts of 75.
    """
    units = contracts * lot
    if math.isnan(units):
        return units
    if abs(units - round(units)) > 1e-4:
        message = f"{contracts:g} contracts of {short_name} are no whole number of units where the lot is {lot}."
        raise VendorAnswerError(VENDOR, message)
    return float(round(units))


def expiries_of(answer: Any) -> list[date]:
    """The expiries of ``option-chain-contract-info``, ascending.

    Raises:
        VendorAnswerError: none, or one that is no date.
    """
    days = [day_of(text) for text in _member(answer, "expiryDates", list)]
    known = [day for day in days if day is not None]
    if not known or len(known) != len(days):
        raise VendorAnswerError(VENDOR, "The list of expiries is empty, or has one that is no date.")
    return sorted(set(known))


def breadth_of(answer: Any) -> Breadth:
    """Advances and declines of the NIFTY 50 out of ``allIndices``, where they are text.

    Raises:
        VendorAnswerError: no such row, or no counts in it.
    """
    for row in _member(answer, "data", list):
        if isinstance(row, dict) and row.get("index") == NIFTY_50:
            counts = [number(row.get(name)) for name in ("advances", "declines", "unchanged")]
            if not all(count >= 0 and count == int(count) for count in counts if not math.isnan(count)):
                break
            if any(map(math.isnan, counts)) or sum(counts) == 0:
                break
            advances, declines, unchanged = map(int, counts)
            return Breadth(moment_of(answer.get("timestamp")), VENDOR, NIFTY_50, advances, declines, unchanged)
    raise VendorAnswerError(VENDOR, f"The list of indices has no advances and declines of the {NIFTY_50}.")


def holidays_of(answer: Any) -> Holidays:
    """The holidays of shares and of derivatives out of ``holiday-master``.

    Raises:
        VendorAnswerError: a list is missing, or has a day that is none.
    """
    return Holidays(_holidays(answer, "CM"), _holidays(answer, "FO"))


def _holidays(answer: Any, segment: str) -> dict[date, str]:
    days: dict[date, str] = {}
    for row in _member(answer, segment, list):
        day = day_of(row.get("tradingDate")) if isinstance(row, dict) else None
        if day is None:
            raise VendorAnswerError(VENDOR, f"The holidays of {segment} have a day that is none.")
        days[day] = " ".join(str(row.get("description") or "").split())
    if not days:
        raise VendorAnswerError(VENDOR, f"The list of holidays of {segment} is empty.")
    return days


def day_text(day: date) -> str:
    """A day as NSE's queries want it: ``27-Jan-2026``, whatever the locale."""
    return f"{day.day:02d}-{_MONTHS[day.month - 1].title()}-{day.year}"


def day_of(text: Any) -> date | None:
    """``27-Jan-2026`` or ``27-01-2026``; None for what is no day."""
    parts = text.strip().lower().split("-") if isinstance(text, str) else []
    if len(parts) != 3:
        return None
    month = _MONTHS.index(parts[1]) + 1 if parts[1] in _MONTHS else parts[1]
    try:
        return date(int(parts[2]), int(month), int(parts[0]))
    except ValueError:
        return None


def moment_of(text: Any) -> UnixNanos:
    """``21-Aug-2026 15:30``, seconds or not, in India.

    Raises:
        VendorAnswerError: no moment.
    """
    words = text.split() if isinstance(text, str) else []
    day = day_of(words[0]) if len(words) == 2 else None
    try:
        clock = [int(part) for part in words[1].split(":")] if day is not None else []
        if day is None or len(clock) not in (2, 3):
            raise ValueError
        hour, minute, second = (*clock, 0)[:3]
        at = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=_INDIA)
    except ValueError:
        raise VendorAnswerError(VENDOR, f"An answer says no moment it describes, but {str(text)[:40]!r}.") from None
    return UnixNanos(int(at.timestamp()) * NANOS_PER_SECOND)


def number(value: Any) -> float:
    """A finite number, also as text; NaN for what is none (``"-"``, ``""``, null)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        found = float(value.replace(",", "") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return math.nan
    return found if math.isfinite(found) else math.nan


def _member(container: Any, key: str, kind: type) -> Any:
    value = container.get(key) if isinstance(container, dict) else None
    if not isinstance(value, kind):
        raise VendorAnswerError(VENDOR, f"An answer has no {key!r}, so it is not what was asked for.")
    return value
