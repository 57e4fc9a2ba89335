"""The application as a whole: everything the SDK can ask is mounted, once, behind the same gate."""

from __future__ import annotations

import re
from typing import Any

import pytest
from aiohttp import web

from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.upstox.app import make_app
from tests.simulator.upstox.broker import broker
from tests.simulator.upstox.staged import staged_world

SERVED = """
    GET /v2/charges/brokerage
    POST /v2/charges/margin
    GET /v2/expired-instruments/future/contract
    GET /v2/expired-instruments/historical-candle/{}/{}/{}/{}
    GET /v2/expired-instruments/option/contract
    GET /v2/expired-instruments/expiries
    GET /v3/historical-candle/{}/{}/{}/{}
    GET /v3/historical-candle/{}/{}/{}/{}/{}
    GET /v3/historical-candle/intraday/{}/{}/{}
    GET /v2/instruments/search
    GET /v2/login/authorization/dialog
    POST /v3/login/auth/token/request/{}
    DELETE /v2/logout
    POST /v2/login/authorization/token
    GET /v2/market/timings/{}
    GET /v2/market/holidays/{}
    GET /v2/market/holidays
    GET /v2/market/status/{}
    GET /v2/market-quote/quotes
    GET /v2/market-quote/ohlc
    GET /v2/market-quote/ltp
    GET /v3/market-quote/quotes
    GET /v3/market-quote/ltp
    GET /v3/market-quote/ohlc
    GET /v3/market-quote/option-greek
    GET /v2/option/contract
    GET /v2/option/chain
    DELETE /v2/order/multi/cancel
    DELETE /v2/order/cancel
    POST /v2/order/positions/exit
    GET /v2/order/retrieve-all
    GET /v2/order/history
    GET /v2/order/details
    GET /v2/order/trades/get-trades-for-day
    GET /v2/order/trades
    PUT /v2/order/modify
    POST /v2/order/multi/place
    POST /v2/order/place
    DELETE /v3/order/gtt/cancel
    DELETE /v3/order/cancel
    GET /v3/order/gtt
    PUT /v3/order/gtt/modify
    PUT /v3/order/modify
    POST /v3/order/gtt/place
    POST /v3/order/place
    PUT /v2/portfolio/convert-position
    GET /v2/portfolio/long-term-holdings
    GET /v3/portfolio/mtf-positions
    GET /v2/portfolio/short-term-positions
    GET /v2/user/kill-switch
    GET /v2/user/profile
    GET /v2/user/get-funds-and-margin
    GET /v3/user/get-funds-and-margin
    GET /v2/user/ip
    POST /v2/user/kill-switch
    PUT /v2/user/ip
    GET /v2/feed/market-data-feed
    GET /v2/feed/market-data-feed/authorize
    GET /v3/feed/market-data-feed
    GET /v3/feed/market-data-feed/authorize
    GET /v2/feed/portfolio-stream-feed
    GET /v2/feed/portfolio-stream-feed/authorize
    GET /market-quote/instruments/exchange/{}
"""


def routes(app: web.Application) -> set[str]:
    """Method and path of everything mounted, with ``{}`` for parameters."""
    return {
        f"{route.method} {re.sub(r'{[^}]*}', '{}', route.resource.canonical)}"
        for route in app.router.routes()
        if route.resource is not None
    }


def test_every_path_the_sdk_has_for_us_is_mounted() -> None:
    wanted = {line.strip() for line in SERVED.splitlines() if line.strip()}

    assert wanted - routes(make_app(staged_world())) == set()


@pytest.mark.parametrize(("status", "code"), [(401, "UDAPI100050"), (429, "UDAPI10005"), (503, "UDAPI100500")])
def test_a_status_fault_has_upstoxs_envelope(status: int, code: str) -> None:
    with broker(staged_world()) as upstox:
        fault = Fault("upstox", FaultKind.STATUS, status=status)
        upstox.simulator.call(lambda: upstox.world.faults.add(fault, upstox.world.clock.now()))
        answer = upstox.ask("/v2/user/profile")

    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("path", ["/v2/order/retrieve-all", "/v2/option/chain", "/v3/user/get-funds-and-margin"])
def test_what_is_the_users_needs_a_token(path: str) -> None:
    with broker(staged_world()) as upstox:
        assert upstox.ask(path, token=None).code == "UDAPI100050"


def test_the_eleventh_order_request_of_a_second_is_too_many_whatever_it_asks() -> None:
    def real_time() -> float:
        return 100.0

    with broker(staged_world(), real_time) as upstox:
        statuses: list[Any] = []
        for number in range(11):
            path = ("/v3/order/cancel", "/v2/order/multi/cancel", "/v3/order/gtt/cancel")[number % 3]
            statuses.append(upstox.ask(path, method="DELETE", body="{}").status)
        book = upstox.ask("/v2/order/retrieve-all").status

    assert 429 not in statuses[:10]
    assert (statuses[10], book) == (429, 200)


def test_the_plain_feed_path_leads_to_a_one_time_address() -> None:
    with broker(staged_world()) as upstox:
        answers = [upstox.ask(f"/{version}/feed/market-data-feed") for version in ("v2", "v3")]
        refused = upstox.ask("/v2/feed/market-data-feed", token=None)

    assert [answer.status for answer in answers] == [302, 302]
    assert all(answer.headers["Location"].startswith("ws://127.0.0.1:") for answer in answers)
    assert refused.status == 401
