"""Our clients against the simulated Upstox: the whole way, and what they make of its faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from sos_actors.errors import (
    OrderRefusedError,
    TokenRefusedError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.market.calendar import Calendar
from sos_actors.messages.broker import OrderChange, OrderKind, OrderRequest, OrderState
from sos_actors.messages.feed import MarketPhase
from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.model_market import ModelMarket
from sos_actors.simulator.server import RunningSimulator, running
from sos_actors.simulator.upstox.app import make_app
from sos_actors.simulator.upstox.exchange import Exchange
from sos_actors.simulator.upstox.orders import add_order_routes
from sos_actors.simulator.world import World
from sos_actors.types import Secret, Side
from sos_actors.vendors.upstox.client import UpstoxClient
from sos_actors.vendors.upstox.connection import UpstoxConnection
from sos_actors.vendors.upstox.instruments import upstox_master
from sos_actors.vendors.upstox.instruments_download import download_instruments
from tests.vendors.upstox.connected import at, settings_for

TODAY, NOW = date(2026, 1, 13), at("2026-01-13 12:00:30")
NIFTY = "NSE|INDEX|NIFTY"


@pytest.fixture(scope="module")
def simulator() -> Iterator[RunningSimulator]:
    world = World(ModelMarket(7, Calendar.default()), SimulatedClock(NOW, 0.0))

    def apps() -> Mapping[str, web.Application]:
        app = make_app(world)
        paths = {resource.canonical for resource in app.router.resources()}
        if "/v3/order/place" not in paths:
            add_order_routes(app, world, Exchange(world))
        return {"upstox": app}

    with running(world, apps=apps) as server:
        yield server


@pytest.fixture(scope="module")
def connection(simulator: RunningSimulator) -> Iterator[UpstoxConnection]:
    url = simulator.addresses["upstox"]
    master = f"{url}/market-quote/instruments/exchange/NSE.json.gz"
    settings = settings_for(url, instruments_url=master, read_timeout_s=30.0)  # the first look computes the market
    with UpstoxConnection(
        settings, Secret("sim-token"), clock=simulator.world.clock.now, sleep=lambda seconds: time.sleep(seconds / 100)
    ) as made:
        yield made


@pytest.fixture(scope="module")
def client(connection: UpstoxConnection, tmp_path_factory: pytest.TempPathFactory) -> UpstoxClient:
    path = tmp_path_factory.mktemp("upstox") / "instruments.json.gz"
    found = download_instruments(connection, path)
    assert found.instruments > 100
    return UpstoxClient(connection, upstox_master(path))


@pytest.fixture(autouse=True)
def _without_faults(simulator: RunningSimulator) -> Iterator[None]:
    yield
    simulator.call(simulator.world.faults.clear)


def fault(simulator: RunningSimulator, kind: FaultKind, path: str = "*", **more: Any) -> None:
    made = Fault("upstox", kind, path, **more)
    simulator.call(lambda: simulator.world.faults.add(made, simulator.world.clock.now()))


def test_candles_of_the_past_and_of_today_are_those_of_the_market(
    client: UpstoxClient, simulator: RunningSimulator
) -> None:
    bars = client.candles.candles(NIFTY, date(2026, 1, 9), TODAY)
    assert len(bars) == 375 + 375 + 165
    assert bars.ts[-1] == at("2026-01-13 11:59:00")
    market = simulator.world.market
    listing = market.named(NIFTY, TODAY)
    assert listing is not None
    truth = simulator.call(lambda: market.candles(listing, date(2026, 1, 12)))
    np.testing.assert_allclose(bars.close[375:750], truth.close, atol=0.005)
    assert np.isnan(bars.volume).all()


def test_an_expired_contract_and_a_listed_one_have_candles_with_open_interest(client: UpstoxClient) -> None:
    expiries = client.contracts.expiries("NIFTY")
    gone, listed = max(day for day in expiries if day < TODAY), min(day for day in expiries if day >= TODAY)
    for expiry in (gone, listed):
        names = client.contracts.contracts("NIFTY", expiry)
        bars = client.candles.candles(names[len(names) // 2], date(2026, 1, 5), TODAY)
        assert len(bars) > 100
        assert (bars.oi >= 0).all()
        assert bars.ts[-1] < at(f"{expiry} 15:30:00")


def test_the_chain_is_that_of_the_nearest_expiry(client: UpstoxClient) -> None:
    chain = client.chain.chain("NIFTY")
    assert chain.expiry == min(client.contracts.listed("NIFTY"))
    assert chain.ts_event == client.connection.clock()
    assert len(chain) > 20
    near = np.abs(chain.strike - chain.spot).argmin()
    assert chain.ce_ltp[near] > 0
    assert 3 < chain.ce_iv[near] < 80


def test_the_account_the_calendar_and_the_charges_are_read(client: UpstoxClient) -> None:
    assert client.account.profile().active
    assert {switch.segment for switch in client.account.kill_switch()} >= {"NSE_FO"}
    assert client.account.static_ips().primary
    assert client.account.holdings() >= 0
    assert client.market.calendar(Calendar.default()).is_session(TODAY)
    assert client.market.timings(TODAY)["NFO"].opens == at("2026-01-13 09:15:00")
    assert client.market.status().phase is MarketPhase.NORMAL_OPEN
    key = client.contracts.key_of(next(iter(client.contracts.listed("NIFTY")[TODAY])))
    assert client.charges.charges(key, Side.BUY, 65, 100.0).total > 20


def near_contract(client: UpstoxClient) -> tuple[str, float]:
    """The key and price of a contract at the money."""
    chain = client.chain.chain("NIFTY")
    near = int(np.abs(chain.strike - chain.spot).argmin())
    return client.contracts.key_of(f"NIFTY {chain.strike[near]:g} CE 13 JAN 26"), float(chain.ce_ltp[near])


def settled(simulator: RunningSimulator, read: Callable[[], OrderState], wanted: OrderState) -> OrderState:
    """Let simulated time pass until an order is as wanted, or long enough."""
    for _ in range(100):
        simulator.world.clock.step(0.5)
        time.sleep(0.02)
        if (state := read()) is wanted:
            return state
    return state


def test_an_order_lives_from_its_placing_to_its_fill(client: UpstoxClient, simulator: RunningSimulator) -> None:
    broker = client.broker
    key, price = near_contract(client)
    order = OrderRequest("life-1", key, Side.BUY, 65, OrderKind.LIMIT, round(price * 1.1 * 20) / 20)
    number = broker.place(order)

    def state() -> OrderState:
        return broker.orders_by_tag("life-1")[0].state

    assert settled(simulator, state, OrderState.COMPLETE) is OrderState.COMPLETE
    [listed] = [each for each in broker.orders() if each.order_id == number]
    assert (listed.filled, listed.pending, listed.instrument_key, listed.tag) == (65, 0, key, "life-1")
    fills = [fill for fill in broker.fills() if fill.order_id == number]
    assert sum(fill.quantity for fill in fills) == 65
    assert [position.quantity for position in broker.positions() if position.instrument_key == key] == [65]
    assert broker.funds().used > 0
    broker.exit_all()


def test_an_order_that_rests_is_changed_and_taken_back(client: UpstoxClient, simulator: RunningSimulator) -> None:
    broker = client.broker
    key, price = near_contract(client)
    low = round(price * 0.8 * 20) / 20
    number = broker.place(OrderRequest("rest-1", key, Side.BUY, 65, OrderKind.LIMIT, low))

    def state() -> OrderState:
        return broker.orders_by_tag("rest-1")[0].state

    assert settled(simulator, state, OrderState.OPEN) is OrderState.OPEN
    broker.modify(OrderChange(number, 130, OrderKind.LIMIT, low - 0.05))
    assert settled(simulator, state, OrderState.OPEN) is OrderState.OPEN
    [changed] = [order for order in broker.orders() if order.order_id == number]
    assert changed.quantity == 130
    assert changed.price == pytest.approx(low - 0.05)
    broker.cancel(number)
    assert settled(simulator, state, OrderState.CANCELLED) is OrderState.CANCELLED
    with pytest.raises(OrderRefusedError):
        broker.cancel(number)
    assert broker.orders_by_tag("never-used") == []


def test_the_brokers_rules_refuse_with_their_codes(client: UpstoxClient) -> None:
    key, price = near_contract(client)
    order = OrderRequest("wrong-1", key, Side.BUY, 65, OrderKind.LIMIT, round(price * 20) / 20)
    with pytest.raises(OrderRefusedError) as caught:
        client.broker.place(replace(order, quantity=66))
    assert caught.value.code == "UDAPI1104"
    with pytest.raises(OrderRefusedError) as caught:
        client.broker.place(replace(order, kind=OrderKind.MARKET, price=0.0))
    assert caught.value.code == "UDAPI1158"


def test_a_lost_acknowledgement_leaves_one_order_that_is_found_by_its_tag(
    client: UpstoxClient, simulator: RunningSimulator
) -> None:
    key, price = near_contract(client)
    fault(simulator, FaultKind.LOST_ACK, "/v3/order/place", times=1)
    order = OrderRequest("lost-1", key, Side.BUY, 65, OrderKind.LIMIT, round(price * 0.8 * 20) / 20)
    with pytest.raises(VendorUnreachableError):
        client.broker.place(order)
    simulator.world.clock.step(2)
    assert len(client.broker.orders_by_tag("lost-1")) == 1


@pytest.mark.parametrize(
    ("kind", "more", "error"),
    [
        (FaultKind.DROP, {}, VendorUnreachableError),
        (FaultKind.MUTE, {}, VendorUnreachableError),
        (FaultKind.CORRUPT, {}, VendorAnswerError),
        (FaultKind.WRONG_JSON, {}, VendorAnswerError),
        (FaultKind.EMPTY, {}, VendorAnswerError),
        (FaultKind.HTML, {}, VendorAnswerError),
        (FaultKind.STATUS, {"status": 401}, TokenRefusedError),
        (FaultKind.STATUS, {"status": 403}, VendorRefusedError),
        (FaultKind.STATUS, {"status": 429}, VendorBusyError),
        (FaultKind.STATUS, {"status": 503}, VendorBusyError),
        (FaultKind.TOKEN_EXPIRED, {}, TokenRefusedError),
        (FaultKind.REFUSE, {}, VendorUnreachableError),
    ],
)
def test_every_fault_is_an_error_of_ours(
    client: UpstoxClient,
    simulator: RunningSimulator,
    kind: FaultKind,
    more: dict[str, Any],
    error: type[VendorError],
) -> None:
    fault(simulator, kind, **more)
    quick = replace(client.connection.settings, read_timeout_s=0.2 if kind is FaultKind.MUTE else 5.0)
    slow, client.connection.settings = client.connection.settings, quick
    try:
        with pytest.raises(error) as caught:
            client.broker.orders()
    finally:
        client.connection.settings = slow
    assert type(caught.value) is error
    assert "sim-token" not in str(caught.value)


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.STATUS])
def test_a_fault_that_strikes_once_is_recovered_from(
    client: UpstoxClient, simulator: RunningSimulator, kind: FaultKind
) -> None:
    fault(simulator, kind, times=1, status=503)
    assert client.account.profile().active


def test_the_old_instrument_file_survives_a_page(
    client: UpstoxClient, simulator: RunningSimulator, tmp_path: Path
) -> None:
    path = tmp_path / "instruments.json.gz"
    path.write_bytes(b"old")
    fault(simulator, FaultKind.HTML)
    with pytest.raises(VendorAnswerError):
        download_instruments(client.connection, path)
    assert path.read_bytes() == b"old"
