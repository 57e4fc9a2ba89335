"""One chart session: symbols resolved, series created, changed and kept up to date.

Each method returns framed messages in the order the server sends them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from sos_actors.simulator.servers.board import Board
from sos_actors.simulator.servers.chart_bars import MOST_BARS, RESOLUTIONS, Bar, ChartBars, Resolution
from sos_actors.simulator.servers.chart_words import message, series_part, symbol_info
from sos_actors.simulator.servers.nse_holidays import holiday_master
from sos_actors.simulator.servers.tickers import find
from sos_actors.simulator.servers.times import Shown, indian, read_dashed, shown, trading
from sos_actors.simulator.view import Listing
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_SECOND, Segment

MOST_COUNT = 5_000
"""Bars one request may ask for without a subscription. Source: reports of users."""


class WrongDataError(Exception):
    """The client sent what the protocol does not know; the server says so and closes."""


class _Request(NamedTuple):
    """What a series is asked for: so many bars, or those between two moments (epoch seconds)."""

    most: int
    first_s: float | None = None
    last_s: float | None = None


@dataclass(slots=True)
class _Series:
    turnaround: str
    listing: Listing
    resolution: Resolution
    bars: list[Bar]
    asked: _Request
    last: list[Bar]


class Source(NamedTuple):
    """What every session of a server looks at."""

    world: World
    board: Board
    bars: ChartBars

    def at(self) -> Shown:
        """The moment shown."""
        return shown(self.world, "tradingview", "chart", self.world.strictness.delayed_s)

    def listing(self, ticker: str) -> Listing | None:
        """The instrument of a ticker."""
        market, at = self.world.market, self.at()
        return find(market, self.board, ticker, trading(market.calendar, at.ts, Segment.INDEX).day)

    def stamp(self) -> int:
        """The vendor's time, UnixNanos."""
        return int(self.world.now("tradingview"))

    def mode(self) -> str:
        """What the vendor says of its delay."""
        delay = self.world.strictness.delayed_s
        return f"delayed_streaming_{int(delay)}" if delay > 0 else "streaming"


class ChartSession:
    """Symbols and series of one ``chart_create_session``."""

    def __init__(self, source: Source, name: str, server: str) -> None:
        self._source, self._name, self._server = source, name, server
        self._symbols: dict[str, str] = {}
        self._told: set[str] = set()
        self._series: dict[str, _Series] = {}

    def resolve_symbol(self, reference: str, text: str) -> list[str]:
        """Remember what a reference stands for; a symbol is looked up when a series needs it, as the server does."""
        self._symbols[reference] = symbol_of(text)
        self._told.discard(reference)
        return []

    async def create_series(self, parameters: list[Any]) -> list[str]:
        """``[series, turnaround, symbol reference, resolution, count or range, range]``."""
        if len(parameters) < 4:
            raise WrongDataError
        series_id, turnaround, reference, resolution = (str(part) for part in parameters[:4])
        said = [self._say("series_loading", series_id, turnaround)]
        ticker = self._symbols.get(reference, "")
        listing = self._source.listing(ticker)
        if listing is None:
            said.append(self._say("symbol_error", reference, "invalid symbol"))
            return [*said, self._say("series_error", series_id, turnaround, "resolve error", self._server)]
        if reference not in self._told:
            self._told.add(reference)
            said.append(self._say("symbol_resolved", reference, self._info(ticker, listing)))
        if resolution not in RESOLUTIONS:
            wrong = f"unsupported resolution: {ticker}, {resolution}"
            return [*said, self._say("series_error", series_id, turnaround, wrong, self._server)]
        asked = _read_request(parameters[4:])
        series = _Series(turnaround, listing, RESOLUTIONS[resolution], [], asked, [])
        series.bars = await self._bars(series, asked)
        series.last = series.bars[-1:]
        self._series[series_id] = series
        return [*said, self._update(series_id, series, series.bars), self._completed(series_id, series, asked.most)]

    async def modify_series(self, parameters: list[Any]) -> list[str]:
        """As ``create_series``; the symbol and resolution may change, ``r,<from>:<to>`` asks for a range."""
        if not parameters or str(parameters[0]) not in self._series:
            raise WrongDataError
        return await self.create_series(parameters)

    async def more(self, series_id: str, count: int) -> list[str]:
        """Older bars than those there are."""
        series = self._series.get(series_id)
        if series is None or series.asked.first_s is not None:
            return []
        wanted = min(len(series.bars) + min(max(count, 0), MOST_COUNT), MOST_BARS)
        begun = series.bars[0][0] if series.bars else None
        bars = await self._bars(series, series.asked._replace(most=wanted))
        older = [bar for bar in bars if begun is None or bar[0] < begun]
        series.bars = older + series.bars
        said = [self._say("series_loading", series_id, series.turnaround)]
        return [*said, self._update(series_id, series, older), self._completed(series_id, series, wanted)]

    def remove_series(self, series_id: str) -> list[str]:
        """Forget a series; nothing is answered."""
        self._series.pop(series_id, None)
        return []

    async def updates(self) -> list[str]:
        """What has changed since the last call: the forming bar, and bars after it."""
        said = []
        for series_id, series in list(self._series.items()):
            if series.asked.last_s is not None or not series.last:
                continue
            at, begun = self._source.at(), series.last[0][0]
            bars = await self._source.bars.bars(series.listing, series.resolution, at.ts, MOST_COUNT, begun)
            if not bars or bars == series.last or self._series.get(series_id) is not series:
                continue
            first = len(series.bars) - 1
            series.bars[-1:] = bars
            series.last = bars[-1:]
            closes = self._source.bars.closes(bars[-1], series.resolution, series.listing.segment)
            part = series_part(series_id, series.turnaround, bars, first, closes, du=True)
            said.append(self._say("du", part))
        return said

    async def _bars(self, series: _Series, asked: _Request) -> list[Bar]:
        ts = self._source.at().ts
        if asked.last_s is not None:
            ts = min(ts, int(asked.last_s) * NANOS_PER_SECOND)
        return await self._source.bars.bars(series.listing, series.resolution, ts, asked.most, asked.first_s)

    def _update(self, series_id: str, series: _Series, bars: list[Bar]) -> str:
        closes = self._source.bars.closes(bars[-1], series.resolution, series.listing.segment) if bars else 0
        part = series_part(series_id, series.turnaround, bars, 0, closes, du=False)
        scale = {"index": 0, "zoffset": 0, "changes": [int(bar[0]) for bar in bars], "marks": [], "index_diff": []}
        return self._say("timescale_update", part, scale)

    def _completed(self, series_id: str, series: _Series, wanted: int) -> str:
        ended = {"data_completed": "limit"} if len(series.bars) < wanted or wanted >= MOST_BARS else {}
        state = {"rt_update_period": 5, **ended}
        return self._say("series_completed", series_id, self._source.mode(), series.turnaround, state)

    def _info(self, ticker: str, listing: Listing) -> dict[str, Any]:
        calendar = self._source.world.market.calendar
        rows = holiday_master(calendar, indian(self._source.at().ts).year)["CM"]
        days = [day for row in rows if (day := read_dashed(row["tradingDate"])) is not None]
        holidays = ",".join(f"{day:%Y%m%d}" for day in days if day.weekday() < 5)
        session = trading(calendar, self._source.at().ts, listing.segment).session
        hours = f"{indian(session.open_ns):%H%M}-{indian(session.close_ns):%H%M}"
        return symbol_info(ticker, listing, self._source.bars.has_volume(listing), hours, holidays)

    def _say(self, name: str, *parameters: Any) -> str:
        return message(name, [self._name, *parameters], self._source.stamp())


def symbol_of(text: str) -> str:
    """The ticker in ``={"symbol":"NSE:NIFTY",...}``, or the text itself.

    Raises:
        WrongDataError: neither.
    """
    if not text.startswith("="):
        return text.strip().upper()
    try:
        described = json.loads(text[1:])
    except ValueError:
        raise WrongDataError from None
    if not isinstance(described, dict) or not isinstance(described.get("symbol"), str):
        raise WrongDataError
    return str(described["symbol"]).strip().upper()


def _read_request(parameters: list[Any]) -> _Request:
    """A count, a range ``r,<from>:<to>``, or both; three hundred bars without either."""
    count, between = 300, None
    for part in parameters[:2]:
        if isinstance(part, int):
            count = max(part, 1)
        elif isinstance(part, str) and part.startswith("r,"):
            between = part[2:].split(":")
    if between is None:
        return _Request(min(count, MOST_COUNT))
    try:
        first, last = (float(bound) for bound in between)
    except ValueError:
        raise WrongDataError from None
    return _Request(MOST_BARS, first, last)
