"""Positions, holdings, funds and the kill switch over REST."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sos_actors.simulator.upstox.account_documents import funds_v2, funds_v3, holding_row, position_row
from sos_actors.simulator.upstox.answers import VENDOR, success
from sos_actors.simulator.upstox.exchange import Exchange
from sos_actors.simulator.upstox.order_access import Readings, admit, json_body
from sos_actors.simulator.upstox.order_rules import check_hours
from sos_actors.simulator.upstox.positions import Position
from sos_actors.simulator.upstox.request_fields import fields_of, refused, text, whole, word
from sos_actors.simulator.world import World
from sos_actors.types import Segment

_PRODUCTS = ("I", "D", "CO", "OCO", "MTF")


class AccountCalls:
    """What the account holds and may trade.

    Args:
        world: clock, faults and strictness.
        exchange: keeps the account.
    """

    def __init__(self, world: World, exchange: Exchange) -> None:
        self._world, self._exchange = world, exchange
        self._readings = Readings(world, exchange)

    def add_routes(self, app: web.Application) -> None:
        """Mount the calls."""
        app.router.add_get("/v2/portfolio/short-term-positions", self._positions)
        app.router.add_get("/v3/portfolio/mtf-positions", self._mtf_positions)
        app.router.add_get("/v2/portfolio/long-term-holdings", self._holdings)
        app.router.add_put("/v2/portfolio/convert-position", self._convert)
        app.router.add_get("/v2/user/get-funds-and-margin", self._funds_v2)
        app.router.add_get("/v3/user/get-funds-and-margin", self._funds_v3)
        app.router.add_get("/v2/user/kill-switch", self._kill_switch)
        app.router.add_post("/v2/user/kill-switch", self._set_kill_switch)

    async def _positions(self, request: web.Request) -> web.Response:
        stale = self._readings.stale(request)
        if stale is not None:
            return stale
        return self._readings.fresh(request, [self._row(each) for each in self._exchange.account.positions.values()])

    def _row(self, position: Position) -> dict[str, Any]:
        state = self._exchange.state(position.listing)
        return position_row(position, state.ltp, state.previous_close)

    async def _mtf_positions(self, request: web.Request) -> web.Response:
        """Shares bought on margin: this account cannot."""
        return self._readings.stale(request) or self._readings.fresh(request, [])

    async def _holdings(self, request: web.Request) -> web.Response:
        stale = self._readings.stale(request)
        if stale is not None:
            return stale
        rows = []
        for holding in self._exchange.account.holdings.values():
            state = self._exchange.state(holding.listing)
            rows.append(holding_row(holding, state.ltp, state.previous_close))
        return self._readings.fresh(request, rows)

    async def _convert(self, request: web.Request) -> web.Response:
        """Move units of an open position to another product."""
        fields = fields_of(await json_body(request))
        key = text(fields, "instrument_token", "UDAPI1026", "Instrument key is required")
        old, new = (
            word(fields, name, _PRODUCTS, "UDAPI1006", "UDAPI1054") for name in ("old_product", "new_product")
        )
        side = word(fields, "transaction_type", ("BUY", "SELL"), "UDAPI1005", "UDAPI1057")
        quantity = whole(fields, "quantity")
        admit(self._world)
        self._exchange.advance(self._world.clock.now())
        account = self._exchange.account
        position = account.positions.get((key, old))
        if new not in ("I", "D") or new == old:
            raise refused("UDAPI1054", "The 'new_product' is invalid", "new_product", new)
        held = 0 if position is None else position.quantity * (1 if side == "BUY" else -1)
        if position is None or quantity > held or quantity % max(position.listing.lot, 1):
            raise refused("UDAPI100036", "Invalid Input", "quantity", quantity)
        if position.listing.segment is Segment.EQ and side == "SELL":
            raise refused("UDAPI100036", "A short position in shares cannot be carried over", "new_product", new)
        if account.need_to_convert(position, new, quantity) > self._exchange.money().available:
            raise refused("UDAPI100036", "Insufficient funds to convert the position", "quantity", quantity)
        account.convert(position, new, quantity)
        return success({"status": "complete"})

    async def _funds_v2(self, request: web.Request) -> web.Response:
        segment = request.query.get("segment") or None
        if segment not in (None, "SEC", "COM"):
            raise refused("UDAPI1019", "segment is invalid", "segment", segment)
        self._check_funds_hours()
        stale = self._readings.stale(request)
        return stale or self._readings.fresh(request, funds_v2(self._exchange.money(), segment))

    async def _funds_v3(self, request: web.Request) -> web.Response:
        self._check_funds_hours()
        return self._readings.stale(request) or self._readings.fresh(request, funds_v3(self._exchange.money()))

    def _check_funds_hours(self) -> None:
        check_hours(self._world.now(VENDOR), "UDAPI100072", "Funds service")

    async def _kill_switch(self, request: web.Request) -> web.Response:
        return self._readings.stale(request) or self._readings.fresh(request, self._exchange.kill_switch.rows())

    async def _set_kill_switch(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        self._exchange.advance(self._world.clock.now())
        self._exchange.kill_switch.update(body, self._exchange.now)
        return success(self._exchange.kill_switch.rows())
