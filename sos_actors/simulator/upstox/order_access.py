"""What every order request goes through before anything is done: where it comes from, when, and what its body says."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.upstox.answers import VENDOR, UpstoxRefusal, bytes_response, json_response
from sos_actors.simulator.upstox.exchange import Exchange
from sos_actors.simulator.upstox.order_rules import check_hours
from sos_actors.simulator.upstox.request_fields import refused
from sos_actors.simulator.world import World

EXCHANGE: web.AppKey[Exchange] = web.AppKey("upstox_exchange", Exchange)
"""Where the app keeps its exchange."""
_MOST_KEPT = 200


def admit(world: World) -> None:
    """Whether orders may be sent now, from here.

    Raises:
        UpstoxRefusal: 403 UDAPI1154: not from the registered address; 423 UDAPI100074: at this time of day.
    """
    if not world.strictness.static_ip:
        message = "Access to this API is blocked due to static IP restrictions"
        raise UpstoxRefusal(403, "UDAPI1154", message)
    check_hours(world.now(VENDOR), "UDAPI100074", "Order API")


async def json_body(request: web.Request) -> Any:
    """The JSON in a request's body.

    Raises:
        UpstoxRefusal: 400: none.
    """
    try:
        return msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise refused("UDAPI100036", "Invalid Input") from error


class Readings:
    """Answers to reading requests, which a fault may make stale: then the last one is given again.

    Args:
        world: says which faults stand.
        exchange: is brought to the present before every fresh answer.
    """

    def __init__(self, world: World, exchange: Exchange) -> None:
        self._world, self._exchange = world, exchange
        self._last: dict[str, bytes] = {}

    def stale(self, request: web.Request) -> web.Response | None:
        """The old answer, while a fault wants it; else None, and the exchange is at the present moment."""
        if self._world.faults.standing(VENDOR, FaultKind.STALE, request.path) is None:
            self._exchange.advance(self._world.clock.now())
            return None
        body = self._last.get(request.path_qs)
        return None if body is None else bytes_response(body)

    def fresh(self, request: web.Request, data: object) -> web.Response:
        """The success envelope around ``data``."""
        response = json_response({"status": "success", "data": data})
        assert isinstance(response.body, bytes)
        self._last.pop(request.path_qs, None)
        self._last[request.path_qs] = response.body
        if len(self._last) > _MOST_KEPT:
            del self._last[next(iter(self._last))]
        return response
