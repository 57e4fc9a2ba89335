"""Reading what a request asks for: dates, instrument keys, and the instruments they name on a day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec
from aiohttp import web

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.types import Segment

KEY: Final = re.compile(
    r"(NSE_EQ|NSE_FO|NCD_FO|BSE_EQ|BSE_FO|BCD_FO|MCX_FO|NSE_COM|NSE_INDEX|BSE_INDEX|MCX_INDEX|GLOBAL_INDEX"
    r"|GLOBAL_INDICATOR)\|[\w ^]+"
)
EXPIRED_KEY: Final = re.compile(
    r"(NSE_EQ|NSE_FO|NCD_FO|BSE_EQ|BSE_FO|BCD_FO|MCX_FO|NSE_INDEX|BSE_INDEX|MCX_INDEX|NSE_COM)\|[\w\-]+"
    r"\|(0[1-9]|[12]\d|3[01])-(0[1-9]|1[012])-(\d{4})"
)
"""Source of both patterns: the vendor's OpenAPI file."""
_DATE: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


def unknown_instrument() -> UpstoxRefusal:
    """The refusal of a well-formed key nothing listed has."""
    return UpstoxRefusal(400, "UDAPI100011", "Invalid Instrument key")


def day_of(text: str) -> date | None:
    """The date ``YYYY-MM-DD`` names; None when it names none."""
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def needed_day(request: web.Request, name: str) -> date:
    """The date in a query parameter.

    Raises:
        UpstoxRefusal: 400: missing, or no date.
    """
    text = request.query.get(name, "")
    day = day_of(text)
    if day is None:
        raise UpstoxRefusal(400, "UDAPI100038", "Invalid input passed to the API", field=name, value=text or None)
    return day


def needed_key(request: web.Request, name: str = "instrument_key") -> str:
    """One instrument key from the query.

    Raises:
        UpstoxRefusal: 400: missing, or not formed like one.
    """
    text = request.query.get(name, "")
    if not text:
        raise UpstoxRefusal(400, "UDAPI1009", f"{name} is required", field=name)
    if KEY.fullmatch(text) is None:
        raise UpstoxRefusal(400, "UDAPI1011", f"{name} is of invalid format", field=name, value=text)
    return text


def needed_keys(request: web.Request, most: int) -> Sequence[str]:
    """The instrument keys of a quote, from ``instrument_key`` or, in V2, ``symbol``; each once, in their order.

    Raises:
        UpstoxRefusal: 400: none, too many, or one is not formed like a key.
    """
    text = request.query.get("instrument_key") or request.query.get("symbol") or ""
    keys = tuple(dict.fromkeys(key.strip() for key in text.split(",") if key.strip()))
    if not keys:
        raise UpstoxRefusal(400, "UDAPI1009", "symbol is required", field="symbol")
    if len(keys) > most:
        raise UpstoxRefusal(400, "UDAPI100042", f"Maximum {most} instrument keys are allowed", field="symbol")
    for key in keys:
        if KEY.fullmatch(key) is None:
            raise UpstoxRefusal(400, "UDAPI1011", "symbol is of invalid format", field="symbol", value=key)
    return keys


async def json_object(request: web.Request) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        UpstoxRefusal: 400: it is not one.
    """
    try:
        document = msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise UpstoxRefusal(400, "UDAPI100036", "Invalid Input") from error
    if not isinstance(document, dict):
        raise UpstoxRefusal(400, "UDAPI100036", "Invalid Input")
    return document


class DayList:
    """What is listed on a day, by key and underlying; keeps the last day that was asked for.

    Args:
        market: that lists it.
    """

    def __init__(self, market: MarketView) -> None:
        self._market = market
        self._day: date | None = None
        self._by_key: dict[str, Listing] = {}
        self._contracts: dict[str, list[Listing]] = {}

    def all(self, day: date) -> Sequence[Listing]:
        """Everything listed on a day."""
        self._turn_to(day)
        return tuple(self._by_key.values())

    def get(self, key: str, day: date) -> Listing | None:
        """The instrument with an Upstox key on a day."""
        self._turn_to(day)
        return self._by_key.get(key)

    def find(self, key: str, day: date) -> Listing:
        """As ``get``.

        Raises:
            UpstoxRefusal: 400 UDAPI100011: nothing listed has the key.
        """
        listing = self.get(key, day)
        if listing is None:
            raise unknown_instrument()
        return listing

    def options(self, underlying_key: str, day: date, expiry: date | None = None) -> list[Listing]:
        """The options on an underlying that are listed on a day, by expiry, strike, call before put."""
        self._turn_to(day)
        contracts = self._contracts.get(underlying_key, ())
        return [each for each in contracts if each.option_type and expiry in (None, each.expiry)]

    def _turn_to(self, day: date) -> None:
        if day == self._day:
            return
        listings = self._market.listings(day)
        self._by_key = {listing.key: listing for listing in listings}
        self._contracts = {}
        for listing in sorted(listings, key=_contract_order):
            if listing.segment is Segment.FO:
                self._contracts.setdefault(listing.underlying_key, []).append(listing)
        self._day = day


def _contract_order(listing: Listing) -> tuple[date, float, str]:
    return listing.expiry or date.min, listing.strike, listing.kind
