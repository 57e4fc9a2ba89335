"""TradingView's screener: ``POST /{market}/scan``, whatever the content type says the body is.

Source: bodies and answers of the official clients, 2025 and 2026.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from sos_actors.simulator.servers import columns
from sos_actors.simulator.servers.answers import as_json
from sos_actors.simulator.servers.columns import Column
from sos_actors.simulator.servers.frames import SHORT
from sos_actors.simulator.servers.scan_query import QueryError, Values, in_order, matching
from sos_actors.simulator.servers.scan_table import Table, Tables
from sos_actors.simulator.servers.times import Shown, shown
from sos_actors.simulator.world import World

MARKETS = frozenset({"india", "global"})
_DEFAULT_RANGE = (0, 50)
_SHALLOW = frozenset({SHORT})


def add_scan_routes(app: web.Application, world: World) -> None:
    """Add the screener to an application."""
    screener = _Screener(world)
    app.router.add_post("/{market}/scan", screener.scan)


class _Screener:
    def __init__(self, world: World) -> None:
        self._world = world
        self._tables = Tables(world.market)

    async def scan(self, request: web.Request) -> web.Response:
        if request.match_info["market"] not in MARKETS:
            return as_json(request, _refused("Unknown market"), 404)
        try:
            query = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return as_json(request, _refused("Wrong JSON"), 400)
        delay_s = self._world.strictness.delayed_s
        try:
            answer = await self._answer(query, shown(self._world, "tradingview", request.path, delay_s), delay_s)
        except QueryError as error:
            return as_json(request, _refused(str(error)), 400)
        return as_json(request, answer)

    async def _answer(self, query: Any, at: Shown, delay_s: float) -> dict[str, Any]:
        if not isinstance(query, dict) or not isinstance(query.get("columns"), list):
            raise QueryError("Wrong query: no columns")
        asked = _Asked(query)
        needs, simple = asked.needs(), asked.simple_filters()
        shallow = needs <= _SHALLOW
        table = await self._tables.table(at, delay_s, needs if shallow else _needs(simple), None)
        if not shallow:
            # Whoever fails a simple filter needs no long history.
            left = matching(simple, asked.rows(table), asked.values(table), asked.is_column)
            table = await self._tables.table(at, delay_s, needs, [table.tickers[row] for row in left])
        values = asked.values(table)
        rows = in_order(query.get("sort"), matching(query, asked.rows(table), values, asked.is_column), values)
        first, last = asked.range()
        chosen = [values(str(name)) for name in query["columns"]]
        return {
            "totalCount": len(rows),
            "data": [{"s": table.tickers[row], "d": [column[row] for column in chosen]} for row in rows[first:last]],
        }


class _Asked:
    """What a query asks for, checked."""

    def __init__(self, query: dict[str, Any]) -> None:
        self._query = query
        self._lenient = query.get("ignore_unknown_fields") is True
        self._read: dict[str, Column | None] = {}

    def column(self, name: str) -> Column | None:
        """A column by name; None for one that does not exist where the query says to ignore that.

        Raises:
            QueryError: no such field.
        """
        if name not in self._read:
            self._read[name] = columns.read(name)
        column = self._read[name]
        if column is None and not self._lenient:
            raise QueryError(f'Unknown field "{name}"')
        return column

    def is_column(self, text: str) -> bool:
        """Whether a text names a column."""
        return columns.read(text) is not None

    def values(self, table: Table) -> Values:
        """The columns of a table by name."""

        def of(name: str) -> list[Any]:
            column = self.column(name)
            return [None] * len(table.tickers) if column is None else table.column(column)

        return of

    def needs(self) -> frozenset[int]:
        """The histories the query is answered from.

        Raises:
            QueryError: a column that is asked for does not exist.
        """
        for name in self._query["columns"]:
            self.column(str(name))
        return _needs([self._query.get(key) for key in ("columns", "filter", "filter2", "sort")])

    def simple_filters(self) -> dict[str, Any]:
        """The filters that need no long history; without those that are not understood."""
        simple = [one for one in self._query.get("filter") or [] if _needs(one) <= _SHALLOW and self._exists(one)]
        tree = self._query.get("filter2")
        return {"filter": simple, "filter2": tree if _needs(tree) <= _SHALLOW else None}

    def _exists(self, expression: Any) -> bool:
        return isinstance(expression, dict) and self.is_column(str(expression.get("left")))

    def rows(self, table: Table) -> list[int]:
        """The rows of the instruments asked for by name, in that order; all without any."""
        symbols = self._query.get("symbols") or {}
        wanted = symbols.get("tickers") if isinstance(symbols, dict) else None
        if not wanted:
            return list(range(len(table.tickers)))
        places = {ticker: row for row, ticker in enumerate(table.tickers)}
        named = [str(ticker).upper() for ticker in wanted]
        return [places[ticker] for ticker in named if ticker in places]

    def range(self) -> tuple[int, int]:
        """First row and the row after the last."""
        bounds = self._query.get("range") or _DEFAULT_RANGE
        if len(bounds) != 2 or not all(isinstance(bound, int) and bound >= 0 for bound in bounds):
            raise QueryError("Wrong range")
        return bounds[0], bounds[1]


def _needs(part: Any) -> frozenset[int]:
    """The histories of every column named in a part of a query."""
    found = [columns.read(text) for text in _texts(part)]
    return frozenset().union(*(column.needs for column in found if column is not None))


def _texts(part: Any) -> list[str]:
    """Every text in a part of a query."""
    if isinstance(part, str):
        return [part]
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [text for one in inner for text in _texts(one)]


def _refused(error: str) -> dict[str, Any]:
    return {"totalCount": 0, "error": error, "data": None}
