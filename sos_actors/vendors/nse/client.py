"""NSE's website, asked as its own pages ask it: with their cookies, one question at a time, at a polite rate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from threading import Lock
from typing import Any, Self

from sos_actors.config import Nse
from sos_actors.errors import (
    MarketRuleError,
    UnknownSymbolError,
    VendorAnswerError,
    VendorBusyError,
    VendorRefusedError,
)
from sos_actors.market.instruments import SymbolMaster
from sos_actors.market.lots import lot_size
from sos_actors.market.symbols import canonical_for, short_name_of
from sos_actors.messages.snapshots import Breadth, OptionChain
from sos_actors.runtime.clock import Clock, indian_day, wall_time
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, Segment
from sos_actors.vendors.answers import Answer, json_of, status_error, title_of
from sos_actors.vendors.nse.parse import (
    VENDOR,
    Holidays,
    breadth_of,
    chain_of,
    day_text,
    expiries_of,
    holidays_of,
)
from sos_actors.vendors.pacing import RateLimiter
from sos_actors.vendors.web import Transport, WebSession, place

WARM_PATH = "/option-chain"
"""The page whose visit gives the cookies, and from which the questions then seem to come."""
WARM_FOR_S = 300.0
_BLOCKED = (401, 403, 421)
"""No cookie, not let in by Akamai, not the connection it wants. Source: reports of users of 2025 and 2026."""
_TOO_FAST = b"exceeded the permissible threshold"
"""In the page that answers too many requests a second; asking again makes the block longer."""
_AHEAD_S = 120.0
_log = logging.getLogger(__name__)


class NseSite:
    """The website. Implements ``ports.ChainSource`` and ``ports.BreadthSource``; calls take turns.

    After NSE has blocked us nothing is asked for ``rest_after_block_s``; every call then says until when.

    Args:
        settings: the address, the time-out, the gap between two requests, the rest after a block.
        master: knows the lot of a contract; without it, and for what it does not list, the dated table does.
        transport: who carries the requests; ours is plain ``requests``. Some networks are let in only with a
            browser's TLS fingerprint, which another transport can bring.
        clock: what time it is.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        settings: Nse,
        *,
        master: SymbolMaster | None = None,
        transport: Transport | None = None,
        clock: Clock = wall_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._rest_s = settings.url.rstrip("/"), settings.rest_after_block_s
        self._master, self._clock = master, clock
        self._transport = transport or WebSession(VENDOR, self._url, timeout_s=settings.timeout_s)
        gap = settings.min_gap_s
        self._pace = RateLimiter([(1, gap)] if gap > 0 else [], time.monotonic, sleep)
        self._turn = Lock()
        self._warmed: int | None = None
        self._rests_until = 0

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
        self._transport.close()

    def expiries(self, underlying: str) -> list[date]:
        """Listed option expiries of an underlying, canonical or short, ascending.

        Raises:
            VendorError: no answer that is data.
        """
        short = short_name_of(underlying).upper()
        return expiries_of(self._json("/api/option-chain-contract-info", {"symbol": short}))

    def chain(self, underlying: str, expiry: date | None = None) -> OptionChain:
        """The chain of one expiry, in units, as of the moment NSE says; NSE renews it every three minutes or so.

        Args:
            underlying: canonical or short; an index, or a share with options.
            expiry: the nearest one from today on unless given.

        Raises:
            VendorError: no answer that is data.
        """
        short = short_name_of(underlying).upper()
        symbol = canonical_for(short)
        day = expiry or self._nearest(short)
        kind = "Indices" if symbol.startswith(f"NSE|{Segment.INDEX}|") else "Equity"
        answer = self._json("/api/option-chain-v3", {"type": kind, "symbol": short, "expiry": day_text(day)})
        chain = chain_of(answer, symbol, short, day, self._lot(short, day))
        self._refuse_the_future(chain.ts_event)
        return chain

    def breadth(self) -> Breadth:
        """Advances and declines of the NIFTY 50's members.

        Raises:
            VendorError: no answer that is data.
        """
        breadth = breadth_of(self._json("/api/allIndices"))
        self._refuse_the_future(breadth.ts_event)
        return breadth

    def holidays(self) -> Holidays:
        """The trading holidays of the year, of shares and of derivatives.

        Raises:
            VendorError: no answer that is data.
        """
        return holidays_of(self._json("/api/holiday-master", {"type": "trading"}))

    def _nearest(self, short: str) -> date:
        today = indian_day(self._clock())
        for day in self.expiries(short):
            if day >= today:
                return day
        raise VendorAnswerError(VENDOR, f"No expiry of {short} from {today} on is listed.")

    def _lot(self, short: str, expiry: date) -> int:
        if self._master is not None:
            with suppress(UnknownSymbolError):
                lots = {option.lot_size for option in self._master.contracts(canonical_for(short), expiry)}
                if len(lots) == 1:
                    return lots.pop()
        try:
            return lot_size(short, expiry)
        except MarketRuleError as error:
            message = f"Contracts of {short} cannot be turned into units, for their lot is not known: {error}"
            raise VendorAnswerError(VENDOR, message) from error

    def _refuse_the_future(self, at: int) -> None:
        """What is stored under a moment to come would be read too late, and hide a clock that is wrong."""
        ahead = (at - self._clock()) / NANOS_PER_SECOND
        if ahead > _AHEAD_S:
            raise VendorAnswerError(VENDOR, f"An answer says it is {ahead:.0f} s ahead of this machine's clock.")

    def _json(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        with self._turn:
            answer = self._answer(path, query or {})
        where = self._where(path)
        if (error := status_error(VENDOR, where, answer)) is not None:
            raise error
        decoded = json_of(VENDOR, where, answer)
        if not decoded:
            raise VendorAnswerError(VENDOR, f"{where} answers with nothing: no such symbol or expiry, or a soft block.")
        return decoded

    def _answer(self, path: str, query: Mapping[str, str]) -> Answer:
        """What came back, after one more visit of the page when the cookies were refused."""
        if self._clock() < self._rests_until:
            raise VendorRefusedError(VENDOR, f"NSE blocked us; it is not asked before {self._rest_text()}.")
        for last_try in (False, True):
            answer = self._warm() or self._get(path, query, "application/json, text/plain, */*")
            if answer.status not in _BLOCKED and answer.status != 429:
                return answer
            self._warmed = None
            self._transport.forget()
            if last_try or answer.status not in (401, 403) or _TOO_FAST in answer.body:
                raise self._blocked(path, answer)
        raise AssertionError("the second try returns or raises")

    def _warm(self) -> Answer | None:
        """Visit the page where the cookies are missing or old; what came back when it did not let us in."""
        now = self._clock()
        if self._warmed is not None and 0 <= now - self._warmed < WARM_FOR_S * NANOS_PER_SECOND:
            return None
        self._transport.forget()
        answer = self._get(WARM_PATH, {}, "text/html,application/xhtml+xml,*/*")
        if answer.status in _BLOCKED or answer.status == 429:
            return answer
        if (error := status_error(VENDOR, self._where(WARM_PATH), answer)) is not None:
            raise error
        self._warmed = now
        return None

    def _get(self, path: str, query: Mapping[str, str], accept: str) -> Answer:
        self._pace.acquire()
        headers = {"Accept": accept, "Accept-Language": "en-US,en;q=0.9", "Referer": self._url + WARM_PATH}
        return self._transport.get(path, query, headers)

    def _blocked(self, path: str, answer: Answer) -> VendorRefusedError | VendorBusyError:
        where, code = self._where(path), str(answer.status)
        rest_s = max(self._rest_s, answer.retry_after_s)
        self._rests_until = self._clock() + int(rest_s * NANOS_PER_SECOND)
        if answer.status == 429:
            message = f"{where} gets too many requests (HTTP 429); not asked again before {self._rest_text()}."
            return VendorBusyError(VENDOR, message, code, rest_s)
        said = f": {title_of(answer.body)}" if answer.is_page else ""
        return VendorRefusedError(
            VENDOR, f"{where} blocks us (HTTP {code}){said}. It is not asked again before {self._rest_text()}.", code
        )

    def _rest_text(self) -> str:
        """When the rest ends, in India."""
        minutes = (self._rests_until // NANOS_PER_SECOND + IST_OFFSET_S + 59) // 60 % 1440
        return f"{minutes // 60:02d}:{minutes % 60:02d}"

    def _where(self, path: str) -> str:
        return place(self._url + path)
