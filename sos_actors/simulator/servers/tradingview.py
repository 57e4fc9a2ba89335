"""TradingView as programs meet it: the screener and the chart socket under one address."""

from __future__ import annotations

import msgspec
from aiohttp import web

from sos_actors.simulator.fault_middleware import ERROR_BODY
from sos_actors.simulator.servers.chart import ChartOptions, add_chart_routes
from sos_actors.simulator.servers.scan import add_scan_routes
from sos_actors.simulator.world import World


def make_app(world: World, *, chart: ChartOptions | None = None) -> web.Application:
    """The application of TradingView.

    Args:
        world: the market and what goes wrong.
        chart: how the chart socket behaves; as the real one, unless said otherwise.
    """
    app = web.Application()
    app[ERROR_BODY] = _error_body
    add_scan_routes(app, world)
    add_chart_routes(app, world, chart or ChartOptions())
    return app


def _error_body(status: int) -> tuple[bytes, str]:
    body = {"totalCount": 0, "error": f"error {status}", "data": None}
    return msgspec.json.encode(body), "application/json; charset=utf-8"
