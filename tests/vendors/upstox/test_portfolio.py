from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from sos_actors.messages.broker import BrokerOrder, OrderState
from sos_actors.messages.feed import FeedState
from sos_actors.simulator.fault_socket import FaultySocket
from sos_actors.simulator.faults import FaultKind
from sos_actors.simulator.upstox.sockets import PORTFOLIO_PATH
from sos_actors.types import Side, UnixNanos
from sos_actors.vendors.upstox.feed_addresses import order_stream_address
from sos_actors.vendors.upstox.portfolio import UpstoxOrderStream
from tests.simulator.markets import small_world
from tests.vendors.upstox.sockets import BOUND_S, QUICK, RELIANCE, Rig, rigged

UPDATE = {
    "update_type": "order", "user_id": "**", "userId": "**", "exchange": "NSE", "instrument_token": RELIANCE,
    "instrument_key": RELIANCE, "trading_symbol": "RELIANCE", "tradingsymbol": "RELIANCE", "product": "I",
    "order_type": "LIMIT", "average_price": 0, "price": 1000.5, "trigger_price": 0, "quantity": 5,
    "disclosed_quantity": 0, "pending_quantity": 5, "transaction_type": "BUY", "order_ref_id": "57744821658411",
    "exchange_order_id": "", "parent_order_id": None, "validity": "DAY", "status": "put order req received",
    "is_amo": False, "variety": "SIMPLE", "tag": "intent-7", "exchange_timestamp": None, "status_message": "",
    "order_id": "240221025997024", "order_request_id": "1", "order_timestamp": "2026-01-13 10:29:02",
    "filled_quantity": 0, "guid": None, "placed_by": "**", "status_message_raw": None,
}  # fmt: skip
"""Source: the sample of Upstox's documentation, with another instrument."""


@dataclass(slots=True)
class Told:
    orders: list[BrokerOrder] = field(default_factory=list)
    states: list[FeedState] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def on_order(self, received: UnixNanos, order: BrokerOrder) -> None:
        assert received > 0
        with self.changed:
            self.orders.append(order)
            self.changed.notify_all()

    def on_state(self, at: UnixNanos, state: FeedState, reason: str) -> None:
        assert at > 0
        with self.changed:
            self.states.append(state)
            self.reasons.append(reason)
            self.changed.notify_all()

    def until(self, condition: Any) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, BOUND_S), (self.states, self.reasons)

    def until_up(self, times: int) -> None:
        self.until(lambda: self.states.count(FeedState.UP) >= times)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with rigged(small_world()) as rig:
        yield rig


@contextmanager
def streaming(rig: Rig, told: Told, **more: Any) -> Iterator[UpstoxOrderStream]:
    stream = UpstoxOrderStream(rig.config, order_stream_address(rig.connection), policy=QUICK, **more)
    stream.start(told.on_order, told.on_state)
    try:
        told.until_up(1)
        yield stream
    finally:
        assert stream.stop()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said instead of the next frames."""
    texts: list[str] = []
    send = FaultySocket.send_str

    async def say(self: FaultySocket, frame: str) -> None:
        await send(self, texts.pop(0) if texts else frame)

    monkeypatch.setattr(FaultySocket, "send_str", say)
    return texts


def place(rig: Rig, tag: str = "intent-7") -> str:
    """An order that rests, placed by whoever it may be."""
    from upstox_client import OrderApiV3, PlaceOrderV3Request

    body = PlaceOrderV3Request(
        quantity=1, product="I", validity="DAY", price=1000.0, tag=tag, instrument_token=RELIANCE, order_type="LIMIT",
        transaction_type="BUY", disclosed_quantity=0, trigger_price=0.0, is_amo=False, slice=False,
    )  # fmt: skip
    answer = rig.connection.call(OrderApiV3(rig.connection.sdk).place_order, body, order=True)
    order_id: str = answer["data"]["order_ids"][0]
    return order_id


def test_an_order_is_told_as_it_goes_along(rig: Rig) -> None:
    told = Told()
    with streaming(rig, told) as stream:
        order_id = place(rig)
        rig.world.clock.step(2.0)
        told.until(lambda: len(told.orders) >= 1)
    first = told.orders[0]
    assert (first.order_id, first.tag, first.instrument_key, first.side) == (order_id, "intent-7", RELIANCE, Side.BUY)
    assert stream.counts.orders == len(told.orders)
    assert told.states == [FeedState.UP, FeedState.STOPPED]


def test_the_documented_sample_is_read(rig: Rig, said: list[str]) -> None:
    told = Told()
    said.append(json.dumps(UPDATE))
    with streaming(rig, told):
        place(rig)
        told.until(lambda: len(told.orders) >= 1)
    order = told.orders[0]
    assert (order.state, order.status, order.quantity) == (OrderState.PENDING, "put order req received", 5)
    assert (order.average_price, order.price, order.filled) == (None, 1000.5, 0)


def test_what_is_no_order_is_counted_and_what_cannot_be_read_is_told(rig: Rig, said: list[str]) -> None:
    told = Told()
    said += ['{"update_type":"position","quantity":1}', '{"news":1}', "<html>", '{"update_type":"order"}']
    with streaming(rig, told) as stream:
        for number in range(6):
            place(rig, f"intent-{number}")
            rig.world.clock.step(1.0)
        told.until(lambda: len(told.orders) >= 1)
        told.until_up(4)
    assert stream.counts.others == {"position": 1}
    assert stream.counts.corrupt == 3
    assert stream.socket_counts.connections == 1
    assert "ask the order book" in told.reasons[1]


def test_too_much_that_cannot_be_read_ends_the_connection(rig: Rig, said: list[str]) -> None:
    told = Told()
    said += ["[]", "{", "null"]
    with streaming(rig, told, most_corrupt=3) as stream:
        for number in range(6):
            place(rig, f"intent-{number}")
            rig.world.clock.step(1.0)
        told.until(lambda: FeedState.DOWN in told.states)
        told.until(lambda: stream.socket_counts.connections >= 2)


def test_a_broken_stream_comes_back(rig: Rig) -> None:
    told = Told()
    with streaming(rig, told):
        rig.fault(FaultKind.CLOSE, "portfolio", status=1000, times=1)
        place(rig)
        rig.world.clock.step(1.0)
        told.until_up(2)
        place(rig, "intent-8")
        rig.world.clock.step(1.0)
        told.until(lambda: any(order.tag == "intent-8" for order in told.orders))


def test_a_refused_stream_says_so_and_tries_again(rig: Rig) -> None:
    told = Told()
    rig.fault(FaultKind.STATUS, PORTFOLIO_PATH, status=403, times=1)
    with streaming(rig, told):
        pass
    assert told.states[:2] == [FeedState.REFUSED, FeedState.UP]


def test_a_mute_stream_is_given_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()

    async def no_pong(_: web.WebSocketResponse, __: bytes = b"") -> None:
        """The server's library answers pings by itself, faults or not."""

    with streaming(rig, told):
        rig.fault(FaultKind.MUTE, "portfolio")
        with monkeypatch.context() as muted:
            muted.setattr(web.WebSocketResponse, "pong", no_pong)
            told.until(lambda: FeedState.SILENT in told.states)
        rig.heal()
        told.until_up(2)
