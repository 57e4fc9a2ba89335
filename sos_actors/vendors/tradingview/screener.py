"""TradingView's screener on its unmodified library: stocks in play, closes to check prices by, breadth."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import requests
import urllib3

from sos_actors.config import Screener, Tradingview, is_loopback
from sos_actors.errors import VendorAnswerError, VendorBusyError, VendorError
from sos_actors.market.instruments import SymbolMaster, default_master
from sos_actors.messages.snapshots import Breadth, ScreenerScan
from sos_actors.runtime.clock import Clock, wall_time
from sos_actors.types import NANOS_PER_SECOND, Secret, UnixNanos
from sos_actors.vendors.answers import Answer, retry_after, status_error, title_of
from sos_actors.vendors.pacing import Backoff, RateLimiter
from sos_actors.vendors.tradingview import query as questions
from sos_actors.vendors.tradingview.parse import VENDOR, Row, Symbols, breadth_of, moment, number, rows_of, scan_of
from sos_actors.vendors.tradingview.tickers import ticker_of
from sos_actors.vendors.web import OneAtATime, place, read_body, translated

_UNKNOWN_FIELD = re.compile(r'Unknown field \\*"([^"\\]{1,80})')
_AHEAD_S = 120.0
_log = logging.getLogger(__name__)


class TradingViewScreener:
    """The screener. Implements ``ports.Screener`` and ``ports.BreadthSource``.

    Args:
        settings: the address, the time-out, and from which age on data is called delayed.
        funnel: which stocks are in play.
        cookies: the ``sessionid`` of a logged-in browser, for real-time data; None asks anonymously. It dies within
            three months without a word (source: tradingview-screener issue 50), hence the look at the data's age.
        master: reads TradingView's tickers.
        clock: what time it is.
        sleep: waits so many seconds; after a 429 or 5xx each question waits longer than the one before, and is not
            put at all where that is longer than the time-out.
        rng: for the jitter of that wait.
    """

    def __init__(
        self,
        settings: Tradingview,
        funnel: Screener,
        *,
        cookies: Secret | None = None,
        master: SymbolMaster | None = None,
        clock: Clock = wall_time,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._settings, self._funnel, self._cookies, self._clock = settings, funnel, cookies, clock
        self._symbols = Symbols(master or default_master())
        self._line = OneAtATime(VENDOR)
        self._where = place(f"{settings.scanner_url.rstrip('/')}/india/scan")
        self._was_delayed = False
        self._pace = RateLimiter([], time.monotonic, sleep)
        self._backoff = Backoff(1.0, 120.0, 0.5, rng or random.Random())

    @property
    def name(self) -> str:
        """What is stored beside every row."""
        return VENDOR

    def scan(self) -> ScreenerScan:
        """Ask the funnel query once.

        A row's ``values`` are close, rvol, change, change_from_open, adx, atr, macd, volume, average_volume,
        atr_percent, momentum_score, and updated_s (epoch seconds).

        Raises:
            VendorError: no answer that is data; a column TradingView does not know is named.
        """
        total, rows = self._ask(questions.funnel(self._settings.scanner_url, self._funnel))
        found = scan_of(total, rows, self._funnel.min_atr_percent, self._clock(), self._symbols)
        self._tell_delay(found)
        return found

    def prices(self, symbols: Collection[str]) -> dict[str, tuple[float, UnixNanos | None]]:
        """The last price of each symbol, rupees or points, and when it was updated; unknown symbols are left out.

        Raises:
            UnknownSymbolError: not a symbol of NSE.
            VendorError: no answer that is data.
        """
        by_ticker = {ticker_of(symbol): symbol for symbol in symbols}
        if not by_ticker:
            return {}
        _, rows = self._ask(questions.prices(self._settings.scanner_url, list(by_ticker)))
        closes = ((ticker, number(columns["close"]), moment(columns[questions.UPDATED])) for ticker, columns in rows)
        return {
            by_ticker[ticker]: (close, updated)
            for ticker, close, updated in closes
            if ticker in by_ticker and close is not None and close > 0
        }

    def breadth(self) -> Breadth:
        """Advances and declines over all common stocks of NSE, by one question.

        Raises:
            VendorError: no answer that is data.
        """
        return breadth_of(*self._ask(questions.changes(self._settings.scanner_url)), self._where)

    def _tell_delay(self, found: ScreenerScan) -> None:
        delayed = found.delay_s is not None and found.delay_s > self._settings.delayed_after_s
        if delayed and not self._was_delayed:
            _log.warning("TradingView's data is %.0f s old (%s).", found.delay_s, ", ".join(found.update_modes))
        self._was_delayed = delayed

    def _ask(self, query: Any) -> tuple[int, list[Row]]:
        timeout_s = self._settings.timeout_s
        try:
            self._pace.acquire(timeout_s)
        except TimeoutError as error:
            message = f"{self._where} was too busy and is left alone for a while: {error}"
            raise VendorBusyError(VENDOR, message, retry_after_s=timeout_s) from error
        try:
            answer = self._line.run(lambda: self._post(query), 2 * timeout_s, self._where)
        except VendorBusyError as error:
            self._pace.hold(max(self._backoff.next(), error.retry_after_s))
            raise
        self._backoff.reset()
        total, rows = rows_of(answer, query.query["columns"], self._where)
        self._refuse_the_future(rows)
        return total, rows

    def _refuse_the_future(self, rows: Sequence[Row]) -> None:
        """Times to come would make old prices look new, and hide a clock that is wrong."""
        newest = max((at for _, columns in rows if (at := moment(columns[questions.UPDATED])) is not None), default=0)
        ahead_s = (newest - self._clock()) / NANOS_PER_SECOND
        if ahead_s > _AHEAD_S:
            raise VendorAnswerError(VENDOR, f"An answer says it is {ahead_s:.0f} s ahead of this machine's clock.")

    def _post(self, query: Any) -> Any:
        cookies = {"sessionid": self._cookies.reveal()} if self._cookies else None
        own = is_loopback(self._settings.scanner_url)
        try:
            return query.get_scanner_data_raw(
                timeout=self._settings.timeout_s,
                cookies=cookies,
                allow_redirects=False,
                hooks={"response": self._read},
                proxies={"http": None, "https": None, "all": None} if own else None,
            )
        except requests.exceptions.JSONDecodeError:
            raise VendorAnswerError(VENDOR, f"{self._where} answers with what is no JSON.") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # The cause may carry headers and, with them, the cookie.
            raise translated(VENDOR, self._where, error) from None

    def _read(self, response: requests.Response, *_: object, **__: object) -> None:
        """Take a response over from the library: its body within bounds, and what is no data as one of our errors."""
        with response:
            body = read_body(VENDOR, self._where, response)
        if self._cookies:  # its words may go into a message
            body = body.replace(self._cookies.reveal().encode(), b"***")
        headers = response.headers
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        wait_s = retry_after(headers.get("retry-after", ""))
        if (error := self._refusal(Answer(response.status_code, content_type, body, "", wait_s))) is not None:
            raise error
        response._content, response._content_consumed = body, True

    def _refusal(self, answer: Answer) -> VendorError | None:
        unknown = _UNKNOWN_FIELD.search(answer.body[:4096].decode("utf-8", "replace")) if answer.status == 400 else None
        if unknown is not None:
            message = f"{self._where} does not know the column {unknown[1]!r}, so the whole query failed."
            return VendorAnswerError(VENDOR, message, "400")
        if (error := status_error(VENDOR, self._where, answer)) is not None:
            return error
        if answer.is_page:
            message = f"{self._where} answers with a page instead of data: {title_of(answer.body)}."
            return VendorAnswerError(VENDOR, message)
        return None
