"""Who the simulated user is, from which addresses orders may come, and logging out."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final

from aiohttp import web

from sos_actors.simulator.moments import spoken
from sos_actors.simulator.upstox.answers import VENDOR, UpstoxRefusal, success
from sos_actors.simulator.upstox.asked import json_object
from sos_actors.simulator.upstox.tokens import TOKENS
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_SECOND

USER_ID: Final = "SIM001"
_WEEK_NS: Final = 7 * 86_400 * NANOS_PER_SECOND
_PLACES: Final = ("primary_ip", "secondary_ip")


def person() -> dict[str, Any]:
    """What profile and login say of the user."""
    return {
        "email": "simulated@example.com",
        "exchanges": ["NSE", "NFO", "BSE", "CDS", "BFO", "BCD"],
        "products": ["D", "CO", "I"],
        "broker": "UPSTOX",
        "user_id": USER_ID,
        "user_name": "Simulated User",
        "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
        "user_type": "individual",
        "poa": False,
        "ddpi": False,
        "is_active": True,
    }


class User:
    """Serves profile, registered addresses and log-out.

    Args:
        world: says what time it is.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._addresses: dict[str, str | None] = {"primary_ip": "127.0.0.1", "secondary_ip": None}
        self._changed: dict[str, int] = {}

    def add_routes(self, app: web.Application) -> None:
        """Mount the calls."""
        app.router.add_get("/v2/user/profile", self._profile)
        app.router.add_get("/v2/user/ip", self._ips)
        app.router.add_put("/v2/user/ip", self._set_ips)
        app.router.add_delete("/v2/logout", self._logout)

    async def _profile(self, _: web.Request) -> web.Response:
        return success(person())

    async def _logout(self, request: web.Request) -> web.Response:
        tokens = request.app[TOKENS]
        tokens.revoke(tokens.check(request))
        return success(True)

    async def _ips(self, _: web.Request) -> web.Response:
        return success(self._registered(invalidated=False))

    async def _set_ips(self, request: web.Request) -> web.Response:
        """Register addresses: each at most once a week, and the token that did it dies."""
        document = await json_object(request)
        now = self._world.now(VENDOR)
        changes = {name: document[name] for name in _PLACES if document.get(name)}
        changes = {name: text for name, text in changes.items() if text != self._addresses[name]}
        for name, text in changes.items():
            if not _is_address(text):
                raise UpstoxRefusal(400, "UDAPI1179", "The IP address is invalid", field=name, value=text)
            if name in self._changed and now < self._changed[name] + _WEEK_NS:
                raise UpstoxRefusal(400, "UDAPI1180", "The IP address can be changed only once a week", field=name)
        for name, text in changes.items():
            self._addresses[name], self._changed[name] = text, now
        if changes:
            tokens = request.app[TOKENS]
            tokens.revoke(tokens.check(request))
        return success(self._registered(invalidated=bool(changes)))

    def _registered(self, *, invalidated: bool) -> dict[str, Any]:
        times = {f"{name}_updated_at": self._time(name) for name in _PLACES}
        return {**self._addresses, **times, "access_tokens_invalidated": invalidated}

    def _time(self, name: str) -> str | None:
        changed = self._changed.get(name)
        return None if changed is None else spoken(changed).replace(" ", "T") + "+05:30"


def _is_address(text: object) -> bool:
    try:
        ip_address(str(text))
    except ValueError:
        return False
    return isinstance(text, str)
