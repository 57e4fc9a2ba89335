"""The instrument file, made anew at six in the morning, and the search over what it lists."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from typing import Final

import msgspec
from aiohttp import web

from sos_actors.runtime.clock import indian_day
from sos_actors.simulator.moments import moment_of
from sos_actors.simulator.upstox.answers import UpstoxRefusal, moment, success
from sos_actors.simulator.upstox.asked import DayList, day_of
from sos_actors.simulator.upstox.rows import found_row, master_row
from sos_actors.simulator.view import Listing
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_SECOND

FOLDER: Final = "/market-quote/instruments/exchange/"
_FILES: Final = frozenset(("NSE.json.gz", "complete.json.gz"))
_MADE_AT: Final = time(6)
_MOST_RECORDS: Final = 30
_FORBIDDEN = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)
_KINDS: Final = {"EQ": ("EQ",), "INDEX": ("INDEX",), "FO": ("CE", "PE", "FUT"), "OPT": ("CE", "PE"), "FUT": ("FUT",)}


class InstrumentFiles:
    """Serves the instrument file and the search.

    Args:
        world: the market and what time it is.
        listed: what is listed, for the search.
    """

    def __init__(self, world: World, listed: DayList) -> None:
        self._world, self._listed = world, listed
        self._made: tuple[date, bytes] | None = None

    def add_routes(self, app: web.Application) -> None:
        """Mount the file and the search."""
        app.router.add_get(FOLDER + "{name}", self._file)
        app.router.add_get("/v2/instruments/search", self._search)

    async def _file(self, request: web.Request) -> web.Response:
        """The file; callers that do not say who they are are turned away, as the real host does."""
        if not request.headers.get("User-Agent") or request.match_info["name"] not in _FILES:
            return web.Response(status=403, text=_FORBIDDEN, content_type="application/xml")
        now = moment(self._world, request.path)
        day = indian_day(now)
        if now < moment_of(day, _MADE_AT):
            day -= timedelta(days=1)
        if self._made is None or self._made[0] != day:
            rows = [master_row(listing) for listing in self._world.market.listings(day)]
            self._made = day, gzip.compress(msgspec.json.encode(rows), compresslevel=5, mtime=0)
        made_at = datetime.fromtimestamp(moment_of(day, _MADE_AT) // NANOS_PER_SECOND, UTC)
        headers = {"Content-Type": "application/gzip", "Last-Modified": format_datetime(made_at, usegmt=True)}
        return web.Response(body=self._made[1], headers=headers)

    async def _search(self, request: web.Request) -> web.Response:
        query = request.query
        words = query.get("query", "").upper().split()
        if not words:
            raise UpstoxRefusal(400, "UDAPI100036", "Invalid Input", field="query")
        page, records = _whole(request, "page_number", 1), min(_whole(request, "records", 10), _MOST_RECORDS)
        now = moment(self._world, request.path)
        found = [each for each in self._listed.all(indian_day(now)) if _is_meant(each, words)]
        found = _of_kinds(found, query.get("segments"), query.get("instrument_types"))
        if query.get("exchanges") and not {"ALL", "NSE"} & set(query["exchanges"].split(",")):
            found = []
        if query.get("expiry"):
            found = [each for each in found if each.expiry == day_of(query["expiry"])]
        if query.get("atm_offset"):
            found = self._from_the_money(found, request, now)
        shown = found[(page - 1) * records : page * records]
        counts = {
            "page_number": page,
            "total_pages": -(-len(found) // records),
            "records": len(shown),
            "total_records": len(found),
        }
        return success([found_row(each) for each in shown], meta_data={"page": counts})

    def _from_the_money(self, found: list[Listing], request: web.Request, now: int) -> list[Listing]:
        """The options so many strikes above the one nearest to the underlying's price."""
        offset = _whole(request, "atm_offset", 0, least=-1_000)
        chosen = []
        for key, expiry in sorted({(each.underlying_key, each.expiry or date.min) for each in found if each.strike}):
            underlying = self._listed.get(key, indian_day(now))
            ladder = sorted({each.strike for each in self._listed.options(key, indian_day(now), expiry)})
            if underlying is None or not ladder:
                continue
            spot = self._world.market.state(underlying, now).ltp
            place = min(range(len(ladder)), key=lambda row: abs(ladder[row] - spot)) + offset
            if 0 <= place < len(ladder):
                wanted = (key, expiry, ladder[place])
                chosen += [each for each in found if (each.underlying_key, each.expiry, each.strike) == wanted]
        return chosen


def _is_meant(listing: Listing, words: Iterable[str]) -> bool:
    text = f"{listing.trading_symbol} {listing.name} {listing.isin}".upper()
    return all(word in text for word in words)


def _of_kinds(found: list[Listing], segments: str | None, kinds: str | None) -> list[Listing]:
    wanted = {kind for segment in (segments or "ALL").split(",") for kind in _KINDS.get(segment, ())}
    if segments and "ALL" not in segments.split(","):
        found = [each for each in found if each.kind in wanted]
    if kinds:
        found = [each for each in found if each.kind in kinds.split(",")]
    return found


def _whole(request: web.Request, name: str, otherwise: int, least: int = 1) -> int:
    text = request.query.get(name)
    if not text:
        return otherwise
    try:
        number = int(text)
    except ValueError as error:
        raise UpstoxRefusal(400, "UDAPI100036", "Invalid Input", field=name, value=text) from error
    if number < least:
        raise UpstoxRefusal(400, "UDAPI100036", "Invalid Input", field=name, value=text)
    return number
