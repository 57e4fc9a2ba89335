"""Trendlyne SmartOptions: open interest by strike, stored under the moment the site says, never the one asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from threading import Lock
from typing import Any, Self
from urllib.parse import urlsplit

from sos_actors.config import Trendlyne
from sos_actors.errors import UnknownSymbolError, VendorAnswerError, VendorRefusedError
from sos_actors.market.symbols import canonical_for, short_name_of
from sos_actors.messages.snapshots import OptionChain
from sos_actors.runtime.clock import Clock, indian_day, wall_time
from sos_actors.types import NANOS_PER_SECOND
from sos_actors.vendors.answers import json_of, status_error
from sos_actors.vendors.trendlyne.parse import (
    CLOSE,
    VENDOR,
    Interest,
    body_of,
    expiries_of,
    interest_of,
    stock_id_of,
)
from sos_actors.vendors.web import WebSession

OPEN = "09:15"
_AHEAD_S = 120.0
_ANONYMOUS = "ignores the time window for callers who are not logged in"


class SmartOptions:
    """The site, as anybody may ask it. Implements ``ports.ChainSource``; calls take turns.

    A browser is shown pages, so JSON is asked for by name.

    Args:
        settings: the address, the time-out, the gap between two requests.
        clock: what time it is.
        sleep: waits so many seconds.
    """

    def __init__(
        self, settings: Trendlyne, *, clock: Clock = wall_time, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        parts = urlsplit(settings.url)
        self._root = parts.path.rstrip("/")
        self._web = WebSession(
            VENDOR,
            f"{parts.scheme}://{parts.netloc}",
            timeout_s=settings.timeout_s,
            min_gap_s=settings.min_gap_s,
            headers={"Accept": "application/json", "Accept-Language": "en-US,en;q=0.9"},
            sleep=sleep,
        )
        self._clock = clock
        self._turn = Lock()
        self._ids: dict[str, int] = {}

    @property
    def name(self) -> str:
        """What is stored beside every row."""
        return VENDOR

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections."""
        self._web.close()

    def stock_id(self, underlying: str) -> int:
        """The site's number of an underlying, canonical or short; looked up once.

        Raises:
            UnknownSymbolError: the site knows no stock of exactly that code.
            VendorError: no answer that is data.
        """
        short = short_name_of(underlying).upper()
        if short not in self._ids:
            found = stock_id_of(self._body("/search-contract-stock/", {"query": short.lower()}), short)
            if found is None:
                raise UnknownSymbolError(f"Trendlyne knows no stock with the code {short}.")
            self._ids[short] = found
        return self._ids[short]

    def expiries(self, underlying: str) -> list[date]:
        """Listed option expiries, ascending.

        Raises:
            UnknownSymbolError: the site does not know the underlying.
            VendorError: no answer that is data.
        """
        query = {"mtype": "options", "stock_id": str(self.stock_id(underlying))}
        return expiries_of(self._body("/fno/get-expiry-dates/", query))

    def chain(self, underlying: str, expiry: date | None = None) -> OptionChain:
        """Open interest as it is now; last prices, volumes and quotes are unknown.

        Args:
            underlying: canonical or short.
            expiry: the nearest one from today on unless given.

        Raises:
            UnknownSymbolError: the site does not know the underlying.
            VendorError: no answer that is data; VendorAnswerError also where it describes a window that ended before
                the moment it was updated, for then it is not said which of the two its figures are of.
        """
        interest = self._interest(underlying, expiry or self._nearest(underlying), CLOSE)
        if interest.until < min(interest.updated_at, CLOSE) or interest.day != interest.updated_on:
            raise VendorAnswerError(
                VENDOR,
                f"An answer describes {interest.day} until {interest.until} and was updated at {interest.updated_at}: "
                "it does not say which moment its figures are of.",
            )
        return interest.chain

    def window(self, underlying: str, expiry: date, day: date, until: str) -> OptionChain:
        """Open interest as it was on a day until a time, where the site really gives that.

        Args:
            underlying: canonical or short.
            expiry: which.
            day: in India.
            until: ``HH:MM`` in India.

        Returns:
            A chain whose ``ts_event`` is what the answer reports; it lies on ``day`` and not after ``until``.

        Raises:
            VendorRefusedError: the answer is of another window, or of the moment of the call, as whoever is not
                logged in gets it.
            UnknownSymbolError: the site does not know the underlying.
            VendorError: no answer that is data.
        """
        interest = self._interest(underlying, expiry, until, day)
        if interest.window_hidden or interest.until != until or interest.day != day:
            told = f"asked until {until}, told until {interest.until}"
            raise VendorRefusedError(VENDOR, f"The site {_ANONYMOUS}: {told}.")
        if interest.updated_on != day or interest.updated_at > until:
            # The figures may be of the window, the time is not: under neither moment would they be true for certain.
            raise VendorRefusedError(
                VENDOR,
                f"The site answers for {day} until {until} with figures updated on {interest.updated_on} at "
                f"{interest.updated_at}: it {_ANONYMOUS}, or does not say of which moment they are.",
            )
        return interest.chain

    def history(self, underlying: str, expiry: date, day: date, minutes: Sequence[str]) -> list[OptionChain]:
        """``window`` for each of these times; every chain later than the one before.

        Args:
            underlying: canonical or short.
            expiry: which.
            day: in India.
            minutes: ``HH:MM`` in India, ascending, at least as far apart as the site's figures (three minutes).

        Raises:
            VendorRefusedError: as ``window``, or two windows report the same moment; nothing is returned then, for
                what was answered before cannot be trusted either.
            UnknownSymbolError: the site does not know the underlying.
            VendorError: no answer that is data.
        """
        chains: list[OptionChain] = []
        for until in minutes:
            chain = self.window(underlying, expiry, day, until)
            if chains and chain.ts_event <= chains[-1].ts_event:
                told = f"until {until} it tells the moment it told before"
                raise VendorRefusedError(VENDOR, f"The site {_ANONYMOUS}: {told}.")
            chains.append(chain)
        return chains

    def _nearest(self, underlying: str) -> date:
        today = indian_day(self._clock())
        for day in self.expiries(underlying):
            if day >= today:
                return day
        raise VendorAnswerError(VENDOR, f"No expiry of {short_name_of(underlying)} from {today} on is listed.")

    def _interest(self, underlying: str, expiry: date, until: str, day: date | None = None) -> Interest:
        query = {"stockId": str(self.stock_id(underlying)), "expDateList": expiry.isoformat()}
        query |= {"minTime": OPEN, "maxTime": until} | ({"tradingDate": day.isoformat()} if day else {})
        symbol = canonical_for(short_name_of(underlying))
        interest = interest_of(self._body("/live-oi-data/", query), symbol, expiry)
        ahead = (interest.chain.ts_event - self._clock()) / NANOS_PER_SECOND
        if ahead > _AHEAD_S:
            raise VendorAnswerError(VENDOR, f"An answer says it is {ahead:.0f} s ahead of this machine's clock.")
        return interest

    def _body(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        """The body of an answer; when the site does not know us, after one visit of its first page."""
        with self._turn:
            try:
                return self._once(path, query)
            except VendorRefusedError:
                self._web.forget()
                self._web.get("/", headers={"Accept": "text/html"})
            return self._once(path, query)

    def _once(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        where = self._web.where(self._root + path)
        answer = self._web.get(self._root + path, {**query, "format": "json"})
        if (error := status_error(VENDOR, where, answer)) is not None:
            raise error
        return body_of(json_of(VENDOR, where, answer))
