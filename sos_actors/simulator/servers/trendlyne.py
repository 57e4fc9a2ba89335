"""Trendlyne SmartOptions as programs meet it: JSON in an envelope, or a page for whoever prefers HTML.

The status in the envelope is the text ``"0"``; a session the site does not know gets a text instead of the head.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from typing import Any

import msgspec
from aiohttp import web

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.fault_middleware import ERROR_BODY
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.servers.answers import answer, as_json
from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.servers.times import Shown, read_dashed, shown
from sos_actors.simulator.servers.trendlyne_oi import InterestDesk
from sos_actors.simulator.servers.trendlyne_tables import TableDesk
from sos_actors.simulator.view import Listing
from sos_actors.simulator.world import World

ROOT = "/phoenix/api"
NIFTY_ID = 1887
"""Source: captured ``search-contract-stock``. Other ids differ between public clients: they must be looked up."""
_HEADERS = {"Allow": "GET, HEAD, OPTIONS", "Vary": "Accept"}
_SIDES = {"call": "CE", "put": "PE"}


def make_app(world: World, *, needs_session: bool = False) -> web.Application:
    """The application of Trendlyne SmartOptions.

    Args:
        world: the market and what goes wrong.
        needs_session: whether the cookie of a visited page is asked for, as some users report.
    """
    site = _Site(world, needs_session)
    app = web.Application()
    app[ERROR_BODY] = lambda status: (msgspec.json.encode({"detail": f"Error {status}."}), "application/json")
    app.router.add_get("/", site.visit)
    for path, handler in (
        ("search-contract-stock/", site.search),
        ("fno/get-expiry-dates/", site.expiries),
        ("search-contract-expiry-dates/", site.expiry_list),
        ("live-oi-data/", site.open_interest),
        ("fno/option/chain/", site.option_chain),
        ("fno/buildup-{minutes:5|15}/{expiry}/{stock}/", site.buildup),
        ("fno/market/filter/", site.market_filter),
    ):
        app.router.add_get(f"{ROOT}/{path}", handler)
    app.router.add_route("*", "/{anything:.*}", site.unknown)
    return app


class _Site:
    def __init__(self, world: World, needs_session: bool) -> None:
        board = Board(world.market)
        self._world, self._board, self._needs_session = world, board, needs_session
        self._interest = InterestDesk(world.market, board)
        self._tables = TableDesk(world.market, board, self._interest)
        self._visits, self._voided_by = 0, 0
        self._issued: set[str] = set()

    async def visit(self, request: web.Request) -> web.Response:
        self._expired()
        self._visits += 1
        token = sha256(f"trendlyne/{self._world.seed}/{self._visits}".encode()).hexdigest()[:32]
        self._issued.add(token)
        response = answer(request, b"<!DOCTYPE html><html><body></body></html>", "text/html; charset=utf-8")
        response.set_cookie("csrftoken", token, path="/")
        return response

    async def search(self, request: web.Request) -> web.Response:
        wanted = request.query.get("query", "").upper()

        def found(at: Shown) -> dict[str, Any]:
            rows = [
                {"stock_id": number, "stock_code": name, "stock_name": listing.name, "get_full_name": listing.name}
                for number, (name, listing) in self._stocks(at).items()
                if wanted and (wanted in name or wanted in listing.name.upper())
            ]
            return {"data": rows}

        return self._data(request, found)

    async def expiries(self, request: web.Request) -> web.Response:
        kind, number = request.query.get("mtype", "options"), request.query.get("stock_id", "")

        def dates(at: Shown) -> dict[str, Any]:
            name = self._stock(number, at)[0]
            days = self._options(name, at) if kind == "options" else self._futures(name, at)
            return {"expiryDates": days, "default_expiry_date": days[0] if days else None}

        return self._data(request, dates)

    async def expiry_list(self, request: web.Request) -> web.Response:
        number = request.query.get("stock_pk", "")

        def dates(at: Shown) -> dict[str, Any]:
            name = self._stock(number, at)[0]
            return {"data": {"all_exp_list": sorted({*self._options(name, at), *self._futures(name, at)})}}

        return self._data(request, dates)

    async def open_interest(self, request: web.Request) -> web.Response:
        query = request.query
        window = None
        if self._world.strictness.trendlyne_window:
            window = query.get("minTime", "09:15"), query.get("maxTime", "15:30")

        def data(at: Shown) -> dict[str, Any] | None:
            name, listing = self._stock(query.get("stockId", ""), at)
            expiry = _iso(query.get("expDateList", ""))
            if listing is None or expiry is None or expiry.isoformat() not in self._options(name, at):
                return None
            return self._interest.open_interest(listing, name, expiry, window, at)

        return self._data(request, data)

    async def option_chain(self, request: web.Request) -> web.Response:
        name, expiry = request.query.get("stockCode", "").upper(), _iso(request.query.get("expDate", ""))

        def table(at: Shown) -> dict[str, Any] | None:
            listed = self._options(name, at)
            if expiry is None or expiry.isoformat() not in listed:
                return None
            return self._tables.option_chain(name, expiry, [date.fromisoformat(day) for day in listed], at)

        return self._data(request, table)

    async def buildup(self, request: web.Request) -> web.Response:
        expiry = read_dashed("-".join(request.match_info["expiry"].split("-")[:3]))
        name, query = request.match_info["stock"].upper(), request.query
        futures = query.get("fno_mtype", "futures") == "futures"
        side = "FUT" if futures else _SIDES.get(query.get("option_type", "call"), "CE")
        strike = _number(query.get("strikePrice", ""))
        return self._data(
            request, lambda at: self._tables.buildup(name, expiry, side, strike, at) if expiry is not None else None
        )

    async def market_filter(self, request: web.Request) -> web.Response:
        kind, expiry = request.query.get("mtype", "futures"), _iso(request.query.get("expDate", ""))
        return self._data(
            request, lambda at: self._tables.gainers(kind, expiry, at) if expiry is not None else {"tableData": []}
        )

    async def unknown(self, request: web.Request) -> web.Response:
        return self._shown(request, {"detail": "Not found."}, 404)

    def _stocks(self, at: Shown) -> dict[int, tuple[str, Listing]]:
        """Underlyings by id; ids of all but NIFTY are ours."""
        listed = self._board.day(indian_day(at.ts))
        named = {**listed.indices, **listed.shares}
        underlyings = {*listed.expiries, *listed.futures} - {"NIFTY"}
        others = [name for name in sorted(named) if name in underlyings]
        numbered = {NIFTY_ID: "NIFTY"} | {NIFTY_ID + 1 + row: name for row, name in enumerate(others)}
        return {number: (name, named[name]) for number, name in numbered.items() if name in named}

    def _stock(self, number: str, at: Shown) -> tuple[str, Listing | None]:
        return self._stocks(at).get(int(number) if number.isdecimal() else 0, ("", None))

    def _options(self, name: str, at: Shown) -> list[str]:
        return [day.isoformat() for day in self._board.day(indian_day(at.ts)).expiries.get(name, [])]

    def _futures(self, name: str, at: Shown) -> list[str]:
        futures = self._board.day(indian_day(at.ts)).futures.get(name, [])
        return [future.expiry.isoformat() for future in futures if future.expiry is not None]

    def _expired(self) -> bool:
        """Forget the visits made before a fault ended them; whether it has ever happened."""
        fault = self._world.faults.standing("trendlyne", FaultKind.TOKEN_EXPIRED)
        if fault is not None and fault.id > self._voided_by:
            self._voided_by = fault.id
            self._issued.clear()
        return self._voided_by > 0

    def _data(self, request: web.Request, make: Callable[[Shown], dict[str, Any] | None]) -> web.Response:
        if (self._expired() or self._needs_session) and request.cookies.get("csrftoken", "") not in self._issued:
            return self._shown(request, {"head": "Session expired, please log in again.", "body": {}}, 200)
        body = make(shown(self._world, "trendlyne", request.path))
        told = ("0", "Success") if body is not None else ("1", "No data found")
        head = {"status": told[0], "statusDescription": told[1], "responseCode": None}
        return self._shown(request, {"head": head, "body": body if body is not None else {}}, 200)

    def _shown(self, request: web.Request, content: dict[str, Any], status: int) -> web.Response:
        """JSON, or the page that shows it to a browser."""
        if "text/html" in request.headers.get("Accept", "") and request.query.get("format") != "json":
            text = html.escape(msgspec.json.format(msgspec.json.encode(content)).decode())
            title = "<!DOCTYPE html><html><head><title>Django REST framework</title></head>"
            page = f"{title}<body><pre>{text}</pre></body></html>"
            return answer(request, page.encode(), "text/html; charset=utf-8", status, _HEADERS)
        return as_json(request, content, status, _HEADERS | {"Content-Type": "application/json"})


def _iso(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
