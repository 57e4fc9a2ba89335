"""How NSE's website keeps programs out: cookies of a visited page, browsers only, few requests a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from hashlib import sha256

from aiohttp import web

from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.servers.answers import as_page
from sos_actors.simulator.world import World

WITHOUT_COOKIES = frozenset({"/api/allIndices", "/api/marketStatus", "/api/holiday-master"})
"""Routes that answer without a warmed-up session. Source: reports of users; the others answer 401."""

NO_AUTHORIZATION = (
    "<!DOCTYPE html><html><head><title>Oops</title></head><body><h1>Oops - No authorization token was found</h1>"
    "<h2>401</h2></body></html>"
)
ACCESS_DENIED = (
    "<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\n \nYou don't have permission "
    'to access "http&#58;&#47;&#47;www&#46;nseindia&#46;com&#47;" on this server.<P>\nReference&#32;&#35;18&#46;0\n'
    "</BODY>\n</HTML>\n"
)
ACCESS_RESTRICTED = (
    "<html><head><title>Access Restricted</title></head><body><center><h1>Access Restricted</h1><p>Your number of "
    "requests per second has exceeded the permissible threshold. Please try again after 10 minutes.</p></center>"
    "</body></html>"
)
NOT_FOUND = (
    "<!DOCTYPE html><html><head><title>404</title></head><body><h1>Resource not found</h1><h2>404</h2></body></html>"
)
PAGE = "<!DOCTYPE html><html><head><title>NSE - National Stock Exchange of India Ltd</title></head><body></body></html>"


class Gate:
    """Who may come in. Counts in real time, as its limits are about real requests.

    Args:
        world: whose strictness and faults hold.
        cookie_life_s: how long a visit of a page opens the interface, real seconds.
        most_a_second: requests answered within any second.
        block_s: how long nothing is answered after more than that, real seconds.
        monotonic: real seconds.
    """

    def __init__(
        self, world: World, cookie_life_s: float, most_a_second: int, block_s: float, monotonic: Callable[[], float]
    ) -> None:
        self._world = world
        self._life, self._most, self._block = cookie_life_s, most_a_second, block_s
        self._monotonic = monotonic
        self._issued: dict[str, float] = {}
        self._visits = 0
        self._voided_by = 0
        self._seen: deque[float] = deque()
        self._blocked_until = float("-inf")

    def refusal(self, request: web.Request) -> web.Response | None:
        """Why a request is not answered; None when it is."""
        self._void_expired()
        agent = request.headers.get("User-Agent", "")
        if self._world.strictness.rate_limits and self._too_many():
            return as_page(request, ACCESS_RESTRICTED, 403)
        if "Mozilla" not in agent or "python" in agent.lower():
            return as_page(request, ACCESS_DENIED, 403)
        closed = self._world.strictness.nse_cookies and request.path.startswith("/api/")
        if closed and request.path not in WITHOUT_COOKIES and not self._knows(request):
            return as_page(request, NO_AUTHORIZATION, 401)
        return None

    def visit(self, request: web.Request) -> web.Response:
        """A page, with the cookies that open the interface."""
        self._visits += 1
        token = sha256(f"nse/{self._world.seed}/{self._visits}".encode()).hexdigest()[:24]
        self._issued[token] = self._monotonic()
        response = as_page(request, PAGE)
        response.set_cookie("_abck", f"{token}~-1~", path="/")
        response.set_cookie("ak_bmsc", token, path="/", max_age=7200, httponly=True)
        response.set_cookie("nsit", token, path="/", httponly=True)
        response.set_cookie("nseappid", f"eyJhbGciOiJIUzI1NiJ9.{token}", path="/", max_age=7200, httponly=True)
        response.set_cookie("bm_sv", token, path="/", max_age=7200)
        return response

    def _void_expired(self) -> None:
        expired = self._world.faults.standing("nse", FaultKind.TOKEN_EXPIRED)
        if expired is not None and expired.id > self._voided_by:
            self._voided_by = expired.id
            self._issued.clear()
        now = self._monotonic()
        self._issued = {token: at for token, at in self._issued.items() if now - at < self._life}

    def _knows(self, request: web.Request) -> bool:
        token = request.cookies.get("nsit", "")
        return token in self._issued and request.cookies.get("nseappid", "").endswith(token)

    def _too_many(self) -> bool:
        now = self._monotonic()
        self._seen.append(now)
        while now - self._seen[0] >= 1.0:
            self._seen.popleft()
        if len(self._seen) > self._most:
            self._blocked_until = now + self._block
        return now < self._blocked_until
