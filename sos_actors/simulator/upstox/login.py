"""Logging in: the page in the browser, the code it sends back, the token for the code, and the request for approval."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from sos_actors.simulator.upstox.answers import VENDOR, UpstoxRefusal, json_response, success
from sos_actors.simulator.upstox.asked import json_object
from sos_actors.simulator.upstox.tokens import TOKENS, expiry_of
from sos_actors.simulator.upstox.user import person
from sos_actors.simulator.world import World

_DIALOG: Final = "/v2/login/authorization/dialog"
_PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Simulated Upstox login</title></head>
<body><h1>Simulated Upstox</h1><p>Nothing real is logged in to here.</p>
<form method="post" action="{action}">{fields}<button type="submit">Log in</button></form></body></html>
"""
_NEEDED: Final = (
    ("client_id", "UDAPI1017", "API Key is required"),
    ("redirect_uri", "UDAPI1018", "Redirect URI is required"),
    ("code", "UDAPI1022", "Code is required"),
    ("grant_type", "UDAPI1023", "Grant type is required"),
    ("client_secret", "UDAPI1024", "App Secret is required"),
)
_KEPT: Final = ("response_type", "client_id", "redirect_uri", "state", "scope")


class Login:
    """Serves everything that ends in a token.

    Args:
        world: says what time it is.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def add_routes(self, app: web.Application) -> None:
        """Mount the calls."""
        app.router.add_get(_DIALOG, self._dialog)
        app.router.add_post(_DIALOG, self._allowed)
        app.router.add_post("/v2/login/authorization/token", self._token)
        app.router.add_post("/v3/login/auth/token/request/{client_id}", self._request)

    async def _dialog(self, request: web.Request) -> web.Response:
        """The page a user logs in on; here one button is enough."""
        _check_client(request.query)
        fields = "".join(
            f'<input type="hidden" name="{name}" value="{escape(request.query[name])}">'
            for name in _KEPT
            if name in request.query
        )
        return web.Response(text=_PAGE.format(action=_DIALOG, fields=fields), content_type="text/html")

    async def _allowed(self, request: web.Request) -> web.Response:
        """The button: back to the caller's own address with a code and the state it gave."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        client, target = _check_client(form)
        added = {"code": request.app[TOKENS].login_code(client, target)}
        if form.get("state"):
            added["state"] = form["state"]
        parts = urlsplit(target)
        query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added.items()])
        return web.Response(status=302, headers={"Location": urlunsplit(parts._replace(query=query))})

    async def _token(self, request: web.Request) -> web.Response:
        """A token for a code; the answer is flat, without ``status`` and ``data``."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        for name, code, message in _NEEDED:
            if not form.get(name):
                raise UpstoxRefusal(400, code, message, field=name)
        if form["grant_type"] != "authorization_code":
            raise UpstoxRefusal(400, "UDAPI100036", "Invalid Input", field="grant_type", value=form["grant_type"])
        token = request.app[TOKENS].redeem_login(form["code"], form["client_id"], form["redirect_uri"])
        return json_response(person() | {"access_token": token, "extended_token": ""})

    async def _request(self, request: web.Request) -> web.Response:
        """Ask the user for approval on the telephone; nobody approves here, so no notifier is ever called."""
        document = await json_object(request)
        if not document.get("client_secret"):
            raise UpstoxRefusal(400, "UDAPI1024", "App Secret is required", field="client_secret")
        until = expiry_of(self._world.now(VENDOR)) // 1_000_000
        return success({"authorization_expiry": str(until), "notifier_url": "https://127.0.0.1/simulated-notifier"})


def _check_client(fields: Mapping[str, str]) -> tuple[str, str]:
    """The client and where it wants to be sent back to."""
    client, target = fields.get("client_id", ""), fields.get("redirect_uri", "")
    if not client:
        raise UpstoxRefusal(400, "UDAPI1017", "API Key is required", field="client_id")
    if not target:
        raise UpstoxRefusal(400, "UDAPI1018", "Redirect URI is required", field="redirect_uri")
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UpstoxRefusal(401, "UDAPI100068", "Check your 'client_id' and 'redirect_uri'; one or both are incorrect.")
    return client, target
