"""The order book, histories and trades over REST."""

from __future__ import annotations

from aiohttp import web

from sos_actors.simulator.upstox.exchange import Exchange
from sos_actors.simulator.upstox.order_access import Readings
from sos_actors.simulator.upstox.order_documents import book_row, detail, history_row, trade_row
from sos_actors.simulator.upstox.order_rules import check_order_id
from sos_actors.simulator.world import World


class OrderReads:
    """What became of today's orders.

    Args:
        world: clock and faults.
        exchange: knows the orders.
    """

    def __init__(self, world: World, exchange: Exchange) -> None:
        self._exchange = exchange
        self._readings = Readings(world, exchange)

    def add_routes(self, app: web.Application) -> None:
        """Mount the calls."""
        app.router.add_get("/v2/order/retrieve-all", self._book)
        app.router.add_get("/v2/order/details", self._detail)
        app.router.add_get("/v2/order/history", self._history)
        app.router.add_get("/v2/order/trades/get-trades-for-day", self._trades)
        app.router.add_get("/v2/order/trades", self._trades_of_order)

    async def _book(self, request: web.Request) -> web.Response:
        rows = self._readings.stale(request)
        return rows or self._readings.fresh(request, [book_row(order.row) for order in self._exchange.orders()])

    async def _detail(self, request: web.Request) -> web.Response:
        order_id = check_order_id(request.query.get("order_id"))
        stale = self._readings.stale(request)
        return stale or self._readings.fresh(request, detail(self._exchange.order(order_id).row))

    async def _history(self, request: web.Request) -> web.Response:
        """Every step of an order, of a tag's orders, or of an order if it has the tag; oldest first."""
        tag, order_id = request.query.get("tag"), request.query.get("order_id")
        if order_id or not tag:
            order_id = check_order_id(order_id)
        stale = self._readings.stale(request)
        if stale is not None:
            return stale
        orders = [self._exchange.order(order_id)] if order_id else self._exchange.orders()
        steps = [row for order in orders if not tag or order.row.terms.tag == tag for row in order.history]
        return self._readings.fresh(request, [history_row(row) for row in steps])

    async def _trades(self, request: web.Request) -> web.Response:
        stale = self._readings.stale(request)
        return stale or self._readings.fresh(request, [trade_row(trade) for trade in self._exchange.trades()])

    async def _trades_of_order(self, request: web.Request) -> web.Response:
        order_id = check_order_id(request.query.get("order_id"))
        stale = self._readings.stale(request)
        if stale is not None:
            return stale
        self._exchange.order(order_id)
        trades = [trade for trade in self._exchange.trades() if trade.order.order_id == order_id]
        return self._readings.fresh(request, [trade_row(trade) for trade in trades])
