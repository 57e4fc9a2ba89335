"""One connection to Upstox's REST API through the official SDK: paced, bounded, every failure one of our errors.

The SDK builds the requests (paths, headers, models, hosts), ``rest_wire`` carries them, ``answers`` reads the answers.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event, Lock
from typing import Any, Self
from urllib.parse import urlsplit

import upstox_client

from sos_actors.config import is_loopback
from sos_actors.config.vendors import Upstox
from sos_actors.errors import (
    ConfigError,
    TokenRefusedError,
    VendorBusyError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.runtime.clock import Clock, wall_time
from sos_actors.types import Secret
from sos_actors.vendors.pacing import Backoff, RateLimiter
from sos_actors.vendors.upstox.answers import LOG_IN, document_of, refusal
from sos_actors.vendors.upstox.rest_wire import VENDOR, WHOLE_ANSWER, Answer, Wire

SANDBOX_URL = "https://api-sandbox.upstox.com"
ORDERS_PER_SECOND = 9
"""Below the 10 a second of all order calls together. Source: Upstox's rate limit page, September 2026."""
ORDER_PATIENCE_S = 2.0
"""No order call waits longer for its turn; the market has moved by then."""
_REPEATS = 2
_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.25, 2.0
_PAUSE_AFTER_429_S, _MOST_HOLD_S = 1.0, 60.0
"""After a 429 nothing more is sent for so long at least and at most, whatever it asks: exits go through this too."""
_SHORTEST_SECRET = 4
"""A shorter text would be found, and hidden, in the midst of ordinary words."""

logger = logging.getLogger(__name__)


class ApiLimits:
    """The rate limits of one account: one for each API, one for all orders together. Thread-safe.

    Share it among connections of the same account.
    """

    def __init__(self, settings: Upstox, sleep: Callable[[float], None] = time.sleep) -> None:
        per_minute = (settings.requests_per_minute, 60.0)
        per_half_hour = (settings.requests_per_half_hour, 1800.0)
        orders = settings.requests_per_second if settings.algo_name else ORDERS_PER_SECOND
        self._limits = [(settings.requests_per_second, 1.0), per_minute, per_half_hour]
        self._sleep = sleep
        self._orders = self._limiter([(min(orders, settings.requests_per_second), 1.0), per_minute, per_half_hour])
        self._by_api: dict[str, RateLimiter] = {}
        self._lock = Lock()

    def of(self, api: str, *, order: bool) -> RateLimiter:
        """The limiter a call has to pass; ``api`` is the SDK method's name."""
        if order:
            return self._orders
        with self._lock:
            if api not in self._by_api:
                self._by_api[api] = self._limiter(self._limits)
            return self._by_api[api]

    def _limiter(self, limits: list[tuple[int, float]]) -> RateLimiter:
        return RateLimiter(limits, sleep=self._sleep)


class UpstoxConnection:
    """Calls methods of the SDK. Thread-safe; ``close`` it, or use it in a ``with``.

    Args:
        settings: addresses, time-outs and limits.
        token: None when there is none yet; calls that need one are refused then.
        sandbox: orders go to Upstox's sandbox, unless the addresses are this machine's (a simulator).
        clock: what time it is, for whoever builds on this connection.
        limiter: shared with other connections of the account; its own when None.
        patience_s: no reading call waits longer for its turn.
        sleep: waits so many seconds, for a turn or between two tries; by default until ``close`` at most.

    Raises:
        ConfigError: one address is this machine's and the other is not, or an address does not fit the mode.
    """

    def __init__(
        self,
        settings: Upstox,
        token: Secret | None,
        *,
        sandbox: bool = False,
        clock: Clock = wall_time,
        limiter: ApiLimits | None = None,
        patience_s: float = 60.0,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.settings = _addresses(settings, sandbox)
        self.clock = clock
        self._closing = Event()
        self._sandbox, self._patience_s, self._sleep = sandbox, patience_s, sleep or self._wait
        self._limits = limiter or ApiLimits(settings, self._sleep)
        self._rng = random.Random()
        self._token: Secret | None = None
        self.is_token_refused = False  # whether Upstox said so of the present one the last time it was asked
        self._configuration = _configuration(self.settings, sandbox)
        self._wire = Wire()
        self.sdk = _client(self._configuration, self._wire)
        self.set_token(token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every wait, and close every connection that is not in use, for good; may be called from any thread."""
        self._closing.set()
        self._wire.close()

    def set_token(self, token: Secret | None) -> None:
        """Use another token from the next call on.

        Raises:
            TokenRefusedError: the text cannot be a token; the old one stays.
        """
        text = token.reveal() if token else ""
        if not all("!" <= character <= "~" for character in text):
            raise TokenRefusedError(VENDOR, f"The token holds characters no token has. {LOG_IN}")
        self._token, self.is_token_refused = token, False
        self._configuration.access_token = text

    @property
    def has_token(self) -> bool:
        """Whether a token is known; not whether it is still good."""
        return bool(self._token)

    def call(
        self,
        method: Callable[..., Any],
        *args: Any,
        order: bool = False,
        anonymous: bool = False,
        flat: bool = False,
        secrets: Sequence[Secret] = (),
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Call a method of one of the SDK's API objects, made with ``sdk``: ``call(OptionsApi(c.sdk).get_…, key)``.

        What only reads (``get_…``) is tried up to three times; whatever changes something is sent once.

        Args:
            method: bound.
            order: the call places, changes or cancels orders, or exits positions.
            anonymous: no token is needed.
            flat: the answer has no envelope.
            secrets: texts that must not come back in a message.

        Returns:
            The whole document, ``data`` and all; ``status`` is success or partial_success.

        Raises:
            VendorError: every failure, see ``errors``. For an order only OrderRefusedError, VendorRefusedError and a
                VendorBusyError of code 429 say that nothing was done.
        """
        if not (anonymous or self._token):
            raise TokenRefusedError(VENDOR, f"There is no token. {LOG_IN}")
        if order:
            self._assert_order_host()
        limiter = self._limits.of(getattr(method, "__qualname__", repr(method)), order=order)
        kwargs["_request_timeout"] = (self.settings.connect_timeout_s, self.settings.read_timeout_s)
        kwargs["_preload_content"] = False
        pause = Backoff(_FIRST_PAUSE_S, _MOST_PAUSE_S, 0.5, self._rng)
        repeats = _REPEATS if not order and method.__name__.startswith("get_") else 0
        give_up = time.monotonic() + WHOLE_ANSWER * self.settings.read_timeout_s
        while True:
            self._wait_for_turn(limiter, ORDER_PATIENCE_S if order else self._patience_s)
            try:
                answer = self._ask(method, args, kwargs)
                if not flat or answer.status != 200:  # the login's own answer is a secret as a whole
                    answer = _without(answer, (*secrets, self._token))
                document = document_of(answer, order=order, flat=flat)
                self.is_token_refused = self.is_token_refused and anonymous
                return document
            except TokenRefusedError:
                self.is_token_refused = self.is_token_refused or not anonymous
                raise
            except (VendorUnreachableError, VendorBusyError) as error:
                wait_s = pause.next()
                if isinstance(error, VendorBusyError):
                    wait_s = max(wait_s, error.retry_after_s)
                    if error.code == "429":
                        limiter.hold(min(max(error.retry_after_s, _PAUSE_AFTER_429_S), _MOST_HOLD_S))
                repeats -= 1
                if repeats < 0 or time.monotonic() + wait_s > give_up:
                    raise
                logger.debug("asked again in %.2f s: %s", wait_s, error)
            self._sleep(wait_s)

    def fetch(self, url: str, *, user_agent: str) -> bytes:
        """A file of Upstox's that the SDK has no method for; asked without the token.

        Raises:
            VendorError: no file came.
        """
        timeout = (self.settings.connect_timeout_s, self.settings.read_timeout_s)
        answer = self._wire.GET(url, headers={"User-Agent": user_agent}, _request_timeout=timeout)
        if answer.status != 200:
            raise refusal(answer)
        return answer.body

    def _ask(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Answer:
        try:
            answer: Answer = method(*args, **kwargs)
        except ValueError as error:  # the SDK's own checks
            raise VendorRefusedError(VENDOR, f"{method.__name__} cannot be asked: {str(error)[:200]}") from error
        return answer

    def _wait(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise VendorRefusedError(VENDOR, "This program has closed its connection; nothing was sent.")

    def _wait_for_turn(self, limiter: RateLimiter, patience_s: float) -> None:
        self._wait(0.0)
        try:
            limiter.acquire(patience_s)
        except TimeoutError as error:
            message = f"Our own rate limit leaves no room within {patience_s:g} s; nothing was sent."
            raise VendorBusyError(VENDOR, message, "429", patience_s) from error

    def _assert_order_host(self) -> None:
        """Orders reach the host configured for the mode, or are not sent."""
        settings, actual = self.settings, self._configuration
        if (actual.host, actual.order_host) != (settings.rest_url, settings.order_url):
            raise VendorRefusedError(VENDOR, "The SDK's hosts are not the configured ones; no order is sent.")
        if bool(actual.sandbox) != self._sandbox:
            raise VendorRefusedError(VENDOR, "The SDK is not in the configured mode; no order is sent.")
        _addresses(settings, self._sandbox)


def _without(answer: Answer, secrets: Sequence[Secret | None]) -> Answer:
    """The answer without our secrets: whatever it holds may go into a message."""
    body = answer.body
    for secret in secrets:
        if secret and len(secret.reveal()) >= _SHORTEST_SECRET:
            body = body.replace(secret.reveal().encode(), b"***")
    return answer if body is answer.body else replace(answer, body=body)


def _addresses(settings: Upstox, sandbox: bool) -> Upstox:
    """The settings with the addresses of the mode.

    Raises:
        ConfigError: they contradict the mode or each other.
    """
    local = [is_loopback(url) for url in (settings.rest_url, settings.order_url)]
    if any(local) and not all(local):
        raise ConfigError(
            "[upstox] rest_url and order_url contradict each other: one is this machine, the other is not. "
            "Set both, or orders would go to another market than the data comes from."
        )
    if sandbox and not all(local):
        return replace(settings, rest_url=SANDBOX_URL, order_url=SANDBOX_URL)
    sandboxed = urlsplit(SANDBOX_URL).hostname
    if not sandbox and sandboxed in (urlsplit(settings.rest_url).hostname, urlsplit(settings.order_url).hostname):
        raise ConfigError(f"[upstox] rest_url or order_url is {sandboxed}, which is for sandbox mode only.")
    return replace(settings, rest_url=settings.rest_url.rstrip("/"), order_url=settings.order_url.rstrip("/"))


def _configuration(settings: Upstox, sandbox: bool) -> Any:
    """The SDK's configuration: a new one (its class hands out copies of the first), without its log handler.

    The level it gives its loggers stays: below WARNING they print requests.
    """
    configuration = type.__call__(upstox_client.Configuration, sandbox)
    handler = configuration.logger_stream_handler
    for sdk_logger in configuration.logger.values():
        sdk_logger.removeHandler(handler)
    handler.close()
    configuration.host, configuration.order_host = settings.rest_url, settings.order_url
    return configuration


def _client(configuration: Any, wire: Wire) -> Any:
    """The SDK's client on our wire, without the threads it starts for asynchronous calls."""
    client = upstox_client.ApiClient(configuration)
    client.pool.terminate()
    client.pool.join()
    client.rest_client.pool_manager.clear()
    client.rest_client = wire
    return client
