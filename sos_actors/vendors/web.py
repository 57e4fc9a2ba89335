"""Asking a website within bounds: time-outs, a total deadline, bounded bodies, every failure one of our errors.

Messages name host and path, never a query, a header or a cookie.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Protocol, Self, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from sos_actors.config import is_loopback
from sos_actors.errors import VendorAnswerError, VendorError, VendorRefusedError, VendorUnreachableError
from sos_actors.vendors.answers import Answer, retry_after
from sos_actors.vendors.pacing import RateLimiter

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0.0.0 Safari/537.36"  # fmt: skip  # noqa: E501
"""What the websites insist on being asked by."""
MOST_BYTES = 32 * 1024 * 1024
"""The largest body taken; the largest genuine one, an NSE chain of all expiries, has about 1 MB."""
_PIECE = 65_536
_MOST_REDIRECTS = 3

T = TypeVar("T")


class Transport(Protocol):
    """Who carries a website's requests. Another implementation may bring a browser's TLS fingerprint."""

    def get(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Ask once, with the cookies so far.

        Raises:
            VendorUnreachableError: no answer in time.
            VendorAnswerError: no HTTP answer, or one too large.
        """
        ...

    def forget(self) -> None:
        """Drop the cookies."""
        ...

    def close(self) -> None:
        """Drop the connections."""
        ...


class OneAtATime:
    """Runs calls one after the other, each on a thread of its own, and stops waiting for one at its deadline.

    Libraries know a time-out between two bytes, which a peer that trickles never reaches. A call that was given up
    keeps its thread until its peer ends it; until then further calls are refused, so such threads never pile up.
    """

    def __init__(self, vendor: str) -> None:
        self._vendor = vendor
        self._turn, self._free = Lock(), Lock()

    def run(self, call: Callable[[], T], deadline_s: float, where: str) -> T:
        """What ``call`` returns or raises.

        Raises:
            VendorUnreachableError: it took longer than ``deadline_s``, or the call before it still has not ended.
        """
        with self._turn:  # every holder is bounded, so this wait is
            return self._run(call, deadline_s, where)

    def _run(self, call: Callable[[], T], deadline_s: float, where: str) -> T:
        if not self._free.acquire(timeout=deadline_s):
            raise VendorUnreachableError(self._vendor, f"{where} is not asked: the request before it has not ended.")
        outcome: Future[T] = Future()
        try:
            Thread(target=self._work, args=(call, outcome), name=f"ask-{self._vendor}", daemon=True).start()
        except RuntimeError as error:
            self._free.release()
            message = f"{where} is not asked: this machine gives no thread ({error})."
            raise VendorUnreachableError(self._vendor, message) from error
        try:
            return outcome.result(deadline_s)
        except TimeoutError:
            if outcome.done():
                return outcome.result()
            raise VendorUnreachableError(
                self._vendor, f"{where} gave no complete answer within {deadline_s:g} s."
            ) from None

    def _work(self, call: Callable[[], T], outcome: Future[T]) -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # whatever it is belongs to the caller
            outcome.set_exception(error)
        finally:
            self._free.release()


class _Session(requests.Session):
    """Leaves redirects alone: the library reads their bodies whole, even when it is told not to follow them."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        return None


class WebSession:
    """One website: a connection kept open, cookies, polite gaps, one request at a time. A ``Transport``.

    Args:
        vendor: for messages.
        base_url: scheme, host and leading path; a query's path is appended.
        timeout_s: for the connection, and between two pieces of an answer; a whole request has twice as long.
        min_gap_s: between the starts of two requests.
        headers: sent with every request.
        most_bytes: of an unpacked body.
    """

    def __init__(
        self,
        vendor: str,
        base_url: str,
        *,
        timeout_s: float,
        min_gap_s: float = 0.0,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._vendor, self._url, self._timeout_s = vendor, base_url.rstrip("/"), timeout_s
        self._most_bytes = most_bytes
        self._pace = RateLimiter([(1, min_gap_s)] if min_gap_s > 0 else [], clock, sleep)
        self._line = OneAtATime(vendor)
        self._session = _Session()
        self._session.trust_env = not is_loopback(base_url)
        self._session.headers.clear()
        self._session.headers.update({"Accept-Encoding": "gzip, deflate", "User-Agent": BROWSER, **(headers or {})})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connections; the session may be used again."""
        self._session.close()

    def forget(self) -> None:
        """Drop the cookies."""
        self._session.cookies.clear()

    def where(self, path: str) -> str:
        """Host and path, for messages."""
        return place(self._url + path)

    def get(
        self, path: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask once; see ``Transport``. Redirects are followed on the same host only.

        Raises:
            VendorUnreachableError: refused, reset, or no complete answer in time.
            VendorAnswerError: no HTTP answer, a body that cannot be unpacked or is too large.
            VendorRefusedError: it wants to send us to another host.
        """
        self._pace.acquire()
        where = self.where(path)
        return self._line.run(lambda: self._follow(path, query, headers), 2 * self._timeout_s, where)

    def _follow(self, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Answer:
        url, where = self._url + path, self.where(path)
        try:
            for _ in range(_MOST_REDIRECTS + 1):
                with self._session.get(
                    url, params=query, headers=headers, timeout=self._timeout_s, stream=True, allow_redirects=False
                ) as response:
                    if not response.is_redirect:
                        return _answer(self._vendor, where, response, self._most_bytes)
                    target = urljoin(url, response.headers["location"])
                if urlsplit(target)[:2] != urlsplit(url)[:2]:
                    raise VendorRefusedError(
                        self._vendor, f"{where} redirects to {place(target)}, another host, which is not followed."
                    )
                url, query = target, None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # The cause's text carries the whole address, query included.
            raise translated(self._vendor, where, error) from None
        except ValueError:  # for one, a redirect to what is no address
            raise VendorAnswerError(self._vendor, f"{where} sends a header that cannot be read.") from None
        raise VendorAnswerError(self._vendor, f"{where} redirects more than {_MOST_REDIRECTS} times.")


def read_body(vendor: str, where: str, response: requests.Response, most_bytes: int = MOST_BYTES) -> bytes:
    """The unpacked body of a response that was asked for with ``stream``.

    Raises:
        VendorAnswerError: larger than ``most_bytes``.
        requests.RequestException, urllib3.exceptions.HTTPError: it broke off.
    """
    pieces, size = [], 0
    while piece := response.raw.read1(_PIECE, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > most_bytes:
            raise VendorAnswerError(vendor, f"{where} sends more than {most_bytes:,} bytes, which cannot be right.")
    return b"".join(pieces)


def _answer(vendor: str, where: str, response: requests.Response, most_bytes: int) -> Answer:
    headers = response.headers
    encoding = headers.get("content-encoding", "").strip().lower()
    return Answer(
        response.status_code,
        headers.get("content-type", "").partition(";")[0].strip().lower(),
        read_body(vendor, where, response, most_bytes),
        "" if encoding in ("", "gzip", "deflate", "identity") else encoding,
        retry_after(headers.get("retry-after", "")),
    )


def translated(vendor: str, where: str, error: Exception) -> VendorError:
    """An error of requests or urllib3 in our words."""
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return VendorUnreachableError(vendor, f"{where} did not answer in time.")
    if isinstance(error, requests.exceptions.ContentDecodingError | urllib3.exceptions.DecodeError):
        return VendorAnswerError(vendor, f"{where} answers with a body that cannot be unpacked.")
    if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        return VendorUnreachableError(vendor, f"{where} does not prove who it is (TLS). Check the date and the proxy.")
    return VendorUnreachableError(vendor, f"{where} cannot be reached: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Why there is no connection, in plain words."""
    kinds = urllib3.exceptions
    inner = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    cause = getattr(inner, "reason", None) or inner
    if isinstance(cause, kinds.NameResolutionError):
        return "the name is not known here. Check the network."
    proxies = kinds.ProxyError, kinds.ProxySchemeUnknown, kinds.ProxySchemeUnsupported, requests.exceptions.ProxyError
    if isinstance(cause, (*proxies, requests.exceptions.InvalidProxyURL, requests.exceptions.InvalidSchema)):
        return "the proxy cannot be used. Check http_proxy and https_proxy."
    if isinstance(cause, kinds.NewConnectionError):
        return "the connection was refused. Check the address and the network."
    return "the connection broke. Check the network."


def place(url: str) -> str:
    """Host and path of an address, without query, user or password."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
