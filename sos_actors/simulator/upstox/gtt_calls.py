"""Good-till-triggered orders over REST."""

from __future__ import annotations

from itertools import count

from aiohttp import web

from sos_actors.simulator.upstox.answers import success
from sos_actors.simulator.upstox.exchange import Exchange
from sos_actors.simulator.upstox.gtt_rules import order_id_of
from sos_actors.simulator.upstox.order_access import admit, json_body
from sos_actors.simulator.upstox.order_documents import gtt_row
from sos_actors.simulator.upstox.request_fields import refused
from sos_actors.simulator.world import World


class GttCalls:
    """Placing, changing, taking back and listing.

    Args:
        world: clock and strictness.
        exchange: keeps the orders.
    """

    def __init__(self, world: World, exchange: Exchange) -> None:
        self._world, self._exchange = world, exchange
        self._requests = count(1)

    def add_routes(self, app: web.Application) -> None:
        """Mount the calls."""
        app.router.add_post("/v3/order/gtt/place", self._place)
        app.router.add_put("/v3/order/gtt/modify", self._modify)
        app.router.add_delete("/v3/order/gtt/cancel", self._cancel)
        app.router.add_get("/v3/order/gtt", self._list)

    async def _place(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        self._begin()
        return self._ids(self._exchange.gtt.place(body))

    async def _modify(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        self._begin()
        return self._ids(self._exchange.gtt.modify(body))

    async def _cancel(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        self._begin()
        return self._ids(self._exchange.gtt.cancel(order_id_of(body)))

    async def _list(self, request: web.Request) -> web.Response:
        self._exchange.advance(self._world.clock.now())
        orders = self._exchange.gtt.orders
        wanted = request.query.get("gtt_order_id")
        if wanted and wanted not in orders:
            raise refused("UDAPI100010", "Unknown order id | order request rejected", "gtt_order_id", wanted)
        chosen = [orders[wanted]] if wanted else list(orders.values())
        return success([gtt_row(order) for order in chosen], metadata=self._metadata())

    def _begin(self) -> None:
        admit(self._world)
        self._exchange.advance(self._world.clock.now())

    def _ids(self, order_id: str) -> web.Response:
        return success({"gtt_order_ids": [order_id]}, metadata=self._metadata())

    def _metadata(self) -> dict[str, int]:
        return {"latency": self._exchange.latency_ms(-next(self._requests) & 0xFFFF)}
