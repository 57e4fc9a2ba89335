"""The candle calls: history V3 and V2, today's candles, and those of expired contracts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta

from aiohttp import web

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.upstox.answers import UpstoxRefusal, bytes_response, moment
from sos_actors.simulator.upstox.asked import EXPIRED_KEY, KEY, DayList, unknown_instrument
from sos_actors.simulator.upstox.candles import CandleShelf, encoded_days, months_between
from sos_actors.simulator.upstox.windows import Span, last_complete, span_v2, span_v3, window
from sos_actors.simulator.view import Listing
from sos_actors.simulator.world import World

_Answer = Callable[[web.Request], Awaitable[web.Response]]


class History:
    """Serves candles.

    Args:
        world: the market and what time it is.
        listed: what is listed.
    """

    def __init__(self, world: World, listed: DayList) -> None:
        self._world, self._listed = world, listed
        self._shelf = CandleShelf(world.market)

    def add_routes(self, app: web.Application) -> None:
        """Mount the candle calls."""
        routes: dict[str, _Answer] = {
            "/v3/historical-candle/intraday/{key}/{unit}/{interval}": self._intraday_v3,
            "/v3/historical-candle/{key}/{unit}/{interval}/{to_date}": self._history_v3,
            "/v3/historical-candle/{key}/{unit}/{interval}/{to_date}/{from_date}": self._history_v3,
            "/v2/historical-candle/intraday/{key}/{interval}": self._intraday_v2,
            "/v2/historical-candle/{key}/{interval}/{to_date}": self._history_v2,
            "/v2/historical-candle/{key}/{interval}/{to_date}/{from_date}": self._history_v2,
            "/v2/expired-instruments/historical-candle/{key}/{interval}/{to_date}/{from_date}": self._expired,
        }
        for path, answer in routes.items():
            app.router.add_get(path, answer)

    async def _history_v3(self, request: web.Request) -> web.Response:
        asked = request.match_info
        _check_key(asked["key"])
        span = span_v3(asked["unit"], asked["interval"])
        return await self._history(request, span)

    async def _history_v2(self, request: web.Request) -> web.Response:
        _check_key(request.match_info["key"])
        return await self._history(request, span_v2(request.match_info["interval"]))

    async def _history(self, request: web.Request, span: Span) -> web.Response:
        asked = request.match_info
        first, last = window(span, asked["to_date"], asked.get("from_date"))
        today = indian_day(moment(self._world, request.path))
        listing = self._listed.find(asked["key"], today)
        return await self._rows(listing, span, first, last_complete(last, today))

    async def _expired(self, request: web.Request) -> web.Response:
        require_plus(self._world)
        asked = request.match_info
        named = EXPIRED_KEY.fullmatch(asked["key"])
        if named is None:
            raise UpstoxRefusal(400, "UDAPI1021", "Instrument key is of invalid format", value=asked["key"])
        span = span_v2(asked["interval"], expired=True)
        first, last = window(span, asked["to_date"], asked["from_date"])
        today = indian_day(moment(self._world, request.path))
        listing = self._world.market.find(asked["key"], today)
        if listing is None or listing.expiry is None or not reachable(self._world, listing.expiry, today):
            raise unknown_instrument()
        return await self._rows(listing, span, first, last_complete(last, today))

    async def _intraday_v3(self, request: web.Request) -> web.Response:
        asked = request.match_info
        _check_key(asked["key"])
        return self._intraday(request, span_v3(asked["unit"], asked["interval"], intraday=True))

    async def _intraday_v2(self, request: web.Request) -> web.Response:
        _check_key(request.match_info["key"])
        return self._intraday(request, span_v2(request.match_info["interval"], intraday=True))

    def _intraday(self, request: web.Request, span: Span) -> web.Response:
        now = moment(self._world, request.path)
        today = indian_day(now)
        listing = self._listed.find(request.match_info["key"], today)
        if not self._shelf.has_session(today):
            return _candles([])
        if span.unit == "days":
            return _candles([self._shelf.day_so_far(listing, today, now)])
        return _candles([self._shelf.so_far(listing, today, span.length, now)])

    async def _rows(self, listing: Listing, span: Span, first: date, last: date) -> web.Response:
        first = max(first, span.since)
        if span.unit != "minutes":
            months = []
            for stretch in months_between(max(first, self._world.market.calendar.first), last):
                months.append(self._shelf.month(listing, *stretch))
                await asyncio.sleep(0)
            return _candles([encoded_days(months, span.unit)] if months else [])
        parts = []
        day = last
        while day >= first:
            if self._shelf.has_session(day):
                parts.append(self._shelf.session(listing, day, span.length))
                # A month of sessions takes a while to make: sockets must not wait for all of it.
                await asyncio.sleep(0)
            day -= timedelta(days=1)
        return _candles(parts)


def require_plus(world: World) -> None:
    """Let only a Plus account pass.

    Raises:
        UpstoxRefusal: 400 UDAPI1149.
    """
    if not world.strictness.plus_plan:
        raise UpstoxRefusal(400, "UDAPI1149", "This API is only available for users with an active Upstox Plus plan")


def reachable(world: World, expiry: date, today: date) -> bool:
    """Whether an expired contract is still served: not before it has expired, nor beyond the reach."""
    reach = world.strictness.expired_reach_days
    return expiry < today and (reach is None or expiry >= today - timedelta(days=reach))


def _check_key(key: str) -> None:
    if KEY.fullmatch(key) is None:
        raise UpstoxRefusal(400, "UDAPI1021", "Instrument key is of invalid format", value=key)


def _candles(parts: list[bytes]) -> web.Response:
    rows = b",".join(part for part in parts if part)
    return bytes_response(b'{"status":"success","data":{"candles":[' + rows + b"]}}")
