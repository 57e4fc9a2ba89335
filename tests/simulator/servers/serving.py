"""How these tests talk to a simulated vendor: one client in one event loop a test, over a market with few shares."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sos_actors.messages.market import BarSeries
from sos_actors.simulator.view import Listing, MarketView
from sos_actors.simulator.world import World
from sos_actors.types import Segment
from tests.simulator.markets import small_world

Client = TestClient[web.Request, web.Application]
_Result = TypeVar("_Result")
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/134.0 Safari/537.36"
}
SHARES = ("RELIANCE", "TCS", "INFY", "M&M", "BAJAJ-AUTO", "SBIN")


class FewShares:
    """A market of which only some shares are listed and whose candles are remembered: nothing is computed twice."""

    def __init__(self, market: MarketView) -> None:
        self._market = market
        self._candles: dict[tuple[str, date], BarSeries] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market, name)

    def listings(self, day: date) -> Sequence[Listing]:
        listed = self._market.listings(day)
        return [one for one in listed if one.segment is not Segment.EQ or one.symbol.rpartition("|")[2] in SHARES]

    def candles(self, listing: Listing, day: date) -> BarSeries:
        key = (listing.symbol, day)
        if key not in self._candles:
            self._candles[key] = self._market.candles(listing, day)
        return self._candles[key]


@lru_cache(maxsize=1)
def _market() -> FewShares:
    return FewShares(small_world().market)


def few_shares(at: str = "2026-01-13 10:30", speed: float = 0.0, **strictness: object) -> World:
    """A small world with six shares."""
    world = small_world(at, speed, **strictness)
    world.market = _market()
    return world


def served(app: web.Application, talk: Callable[[Client], Awaitable[_Result]]) -> _Result:
    """What a conversation with an application came to."""

    async def run() -> _Result:
        async with TestClient(TestServer(app)) as client:
            return await talk(client)

    return asyncio.run(run())


async def get_json(client: Client, path: str, headers: dict[str, str] | None = None) -> Any:
    """The JSON of an answer with status 200."""
    async with client.get(path, headers=BROWSER | (headers or {})) as response:
        assert response.status == 200, (path, response.status)
        return json.loads(await response.read())


def real_answer(folder: Path, name: str) -> Any:
    """A captured answer."""
    content = (folder / name).read_bytes()
    return json.loads(gzip.decompress(content) if name.endswith(".gz") else content)
