"""Upstox's rate limits, counted in real time whatever the simulated clock does.

Source: the documentation's page on rate limits, September 2026.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from aiohttp import web

from sos_actors.simulator.upstox.answers import UpstoxRefusal

PER_API: tuple[tuple[int, float], ...] = ((50, 1.0), (500, 60.0), (2_000, 1_800.0))
"""Requests within seconds, of each API for itself."""
ORDERS: tuple[tuple[int, float], ...] = ((10, 1.0), (500, 60.0), (2_000, 1_800.0))
"""The same for placing, changing and cancelling orders, all of them together."""
_ORDER_GROUP = "orders"


class Limits:
    """Counts requests by API over sliding windows; a refused request does not count.

    Args:
        per_api: limits of one API.
        orders: limits of all order requests together.
        clock: real seconds that only grow.
    """

    def __init__(
        self,
        per_api: Sequence[tuple[int, float]] = PER_API,
        orders: Sequence[tuple[int, float]] = ORDERS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = {False: tuple(per_api), True: tuple(orders)}
        self._clock = clock
        self._seen: dict[str, deque[float]] = {}

    def count(self, request: web.Request) -> None:
        """Count a request.

        Raises:
            UpstoxRefusal: 429 UDAPI10005: one too many.
        """
        order = is_order(request)
        self.count_api(_ORDER_GROUP if order else _api(request), order)

    def count_api(self, api: str, order: bool = False) -> None:
        """Count a request to ``api``.

        Raises:
            UpstoxRefusal: 429 UDAPI10005: one too many.
        """
        limits, now = self._limits[order], self._clock()
        seen = self._seen.setdefault(api, deque())
        longest = max(seconds for _, seconds in limits)
        while seen and seen[0] <= now - longest:
            seen.popleft()
        for most, seconds in limits:
            if len(seen) >= most and seen[-most] > now - seconds:
                raise UpstoxRefusal(429, "UDAPI10005", "Too Many Request Sent")
        seen.append(now)


def is_order(request: web.Request) -> bool:
    """Whether a request places, changes or cancels orders, and so counts among them."""
    return request.method != "GET" and request.path.startswith(("/v2/order/", "/v3/order/"))


def _api(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return f"{request.method} {resource.canonical if resource else request.path}"
