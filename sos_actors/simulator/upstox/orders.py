"""Orders over REST: placing, changing and taking back, in V3 and V2; and what keeps the exchange moving."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from itertools import count

from aiohttp import web

from sos_actors.simulator.upstox.account_calls import AccountCalls
from sos_actors.simulator.upstox.answers import success
from sos_actors.simulator.upstox.exchange import Exchange
from sos_actors.simulator.upstox.gtt_calls import GttCalls
from sos_actors.simulator.upstox.order_access import EXCHANGE, admit, json_body
from sos_actors.simulator.upstox.order_bulk import BulkCalls
from sos_actors.simulator.upstox.order_reads import OrderReads
from sos_actors.simulator.upstox.order_rules import check_order_id, read_change, read_terms
from sos_actors.simulator.upstox.portfolio import PORTFOLIO_STREAM
from sos_actors.simulator.world import World
from sos_actors.types import NANOS_PER_SECOND

_log = logging.getLogger(__name__)
_BEAT_S = 0.01
"""Real seconds between two looks at the clock."""
_PART_NS = 600 * NANOS_PER_SECOND


def add_order_routes(app: web.Application, world: World, exchange: Exchange) -> None:
    """Mount orders, positions, funds, kill switch and good-till-triggered orders, and keep the exchange moving.

    Args:
        app: the simulated Upstox.
        world: what the exchange was made of.
        exchange: the one behind all calls.
    """
    app[EXCHANGE] = exchange
    for calls in (OrderCalls, OrderReads, BulkCalls, AccountCalls, GttCalls):
        calls(world, exchange).add_routes(app)

    async def moving(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_keep_moving(world, exchange))
        task.add_done_callback(_report)
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app.cleanup_ctx.append(moving)


async def _keep_moving(world: World, exchange: Exchange) -> None:
    """Bring the exchange to the present again and again; after a jump of the clock in parts, others come in between."""
    while True:
        now = world.clock.now()
        exchange.advance(min(now, exchange.now + _PART_NS))
        await asyncio.sleep(_BEAT_S if exchange.now >= now else 0)


def _report(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("The simulated exchange has stopped moving by itself.", exc_info=error)


class OrderCalls:
    """One order at a time.

    Args:
        world: clock and strictness.
        exchange: takes the orders.
    """

    def __init__(self, world: World, exchange: Exchange) -> None:
        self._world, self._exchange = world, exchange
        self._requests = count(1)

    def add_routes(self, app: web.Application) -> None:
        """Mount the calls."""
        app.router.add_post("/v3/order/place", self._place)
        app.router.add_post("/v2/order/place", self._place_v2)
        app.router.add_put("/v3/order/modify", self._modify)
        app.router.add_put("/v2/order/modify", self._modify_v2)
        app.router.add_delete("/v3/order/cancel", self._cancel)
        app.router.add_delete("/v2/order/cancel", self._cancel_v2)

    async def _place(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        order_ids = await self._placed(request, body, may_slice=True)
        return success({"order_ids": order_ids}, metadata=self._metadata())

    async def _place_v2(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        order_ids = await self._placed(request, body, may_slice=False)
        return success({"order_id": order_ids[0]})

    async def _modify(self, request: web.Request) -> web.Response:
        return success({"order_id": self._modified(await json_body(request))}, metadata=self._metadata())

    async def _modify_v2(self, request: web.Request) -> web.Response:
        return success({"order_id": self._modified(await json_body(request))})

    async def _cancel(self, request: web.Request) -> web.Response:
        return success({"order_id": self._cancelled(request)}, metadata=self._metadata())

    async def _cancel_v2(self, request: web.Request) -> web.Response:
        return success({"order_id": self._cancelled(request)})

    async def _placed(self, request: web.Request, body: object, may_slice: bool) -> list[str]:
        self._begin()
        terms = read_terms(body)
        order_ids = self._exchange.place(terms if may_slice else replace(terms, slice=False))
        stream = request.app.get(PORTFOLIO_STREAM)
        if stream is not None and self._exchange.answers_late(order_ids[0]):
            await stream.drain()
        return order_ids

    def _modified(self, body: object) -> str:
        self._begin()
        return self._exchange.modify(read_change(body))

    def _cancelled(self, request: web.Request) -> str:
        self._begin()
        return self._exchange.cancel(check_order_id(request.query.get("order_id")))

    def _begin(self) -> None:
        admit(self._world)
        self._exchange.advance(self._world.clock.now())

    def _metadata(self) -> dict[str, int]:
        return {"latency": self._exchange.latency_ms(next(self._requests))}
