"""The paper broker's own ways, and its stream; what every broker does is in the contract's test."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.paper import PaperOrderStream
from sos_actors.errors import OrderRefusedError, VendorRefusedError, VendorUnreachableError
from sos_actors.messages.broker import BrokerOrder, OrderKind, OrderState
from sos_actors.messages.feed import FeedState
from sos_actors.ports import Broker, OrderStream
from sos_actors.runtime.clock import ManualClock
from sos_actors.types import Side, UnixNanos
from tests.app.papers import CALL, FUNDS, NIFTY, RELIANCE, paper, request
from tests.simulator.markets import moment

BOUND_S = 10.0


def test_an_option_is_bought_and_sold_at_what_the_quotes_offer(tmp_path: Path) -> None:
    with paper(tmp_path / "account") as here:
        broker: Broker = here.broker
        broker.place(request("entry", kind=OrderKind.MARKET, price=0.0))
        here.wait(2)
        assert here.order("entry").average_price == 100.05
        here.show(110.0)
        broker.place(request("exit", Side.SELL, 109.0))
        here.wait(2)
        assert here.order("exit").average_price == 109.95
        [position] = broker.positions()
        assert position.quantity == 0
        assert position.realised == pytest.approx(65 * (109.95 - 100.05))


def test_what_is_bought_is_no_more_than_was_offered(tmp_path: Path) -> None:
    with paper(tmp_path / "account") as here:
        here.show(100.0, size=65)
        here.broker.place(request("large", price=100.05, quantity=650))
        here.wait(1)
        order = here.order("large")
        assert 0 < order.filled < 650
        assert order.state is OrderState.OPEN


def test_a_stop_order_waits_for_its_trigger(tmp_path: Path) -> None:

    with paper(tmp_path / "account") as here:
        here.broker.place(request("entry"))
        here.wait(2)
        here.broker.place(replace(request("stop", Side.SELL, 89.0, kind=OrderKind.SL), trigger_price=90.0))
        here.wait(2)
        assert here.order("stop").state is OrderState.TRIGGER_PENDING
        here.show(89.9)
        here.wait(2)
        assert here.order("stop").state is OrderState.COMPLETE


def test_nothing_fills_while_the_feed_is_down(tmp_path: Path) -> None:
    with paper(tmp_path / "account") as here:
        here.market.on_feed_state(here.clock(), FeedState.DOWN, "")
        here.broker.place(request("blind", price=101.0))
        here.wait(5)
        assert here.order("blind").filled == 0
        here.show(100.0)
        here.wait(2)
        assert here.order("blind").state is OrderState.COMPLETE


def test_an_instrument_without_a_price_or_an_order_without_a_tag_is_refused(tmp_path: Path) -> None:
    with paper(tmp_path / "account", priced=False) as here:
        here.show(100.0)
        with pytest.raises(OrderRefusedError, match="NSE_INDEX"):  # the underlying's
            here.broker.place(request("early"))
        with pytest.raises(OrderRefusedError, match="NSE_EQ"):
            here.broker.place(request("early", key=RELIANCE))
        here.show(25_600.0, key=NIFTY)
        with pytest.raises(OrderRefusedError, match="tag"):
            here.broker.place(request(""))
        assert here.broker.orders() == []


def test_at_night_the_broker_is_closed(tmp_path: Path) -> None:
    with paper(tmp_path / "account", ManualClock(moment("2026-01-13 03:00"))) as here:
        with pytest.raises(VendorRefusedError) as caught:
            here.broker.place(request("at night"))
        assert caught.value.code == "UDAPI100074"


def test_closing_all_buys_back_first_and_leaves_what_another_tag_opened(tmp_path: Path) -> None:
    with paper(tmp_path / "account") as here:
        here.show(1_400.0, key=RELIANCE)
        here.broker.place(request("short", Side.SELL, 1_390.0, 10, key=RELIANCE))
        here.broker.place(request("long"))
        here.broker.place(request("more"))
        here.wait(2)
        assert sorted(each.quantity for each in here.broker.positions()) == [-10, 130]
        here.broker.exit_all("more")
        here.wait(2)
        assert sorted(each.quantity for each in here.broker.positions()) == [-10, 65]
        here.broker.exit_all()
        here.wait(2)
        assert {each.quantity for each in here.broker.positions()} == {0}
        assert [each.side for each in here.broker.orders()[-2:]] == [Side.BUY, Side.SELL]


def test_closing_all_after_the_close_is_refused_with_the_brokers_code(tmp_path: Path) -> None:
    with paper(tmp_path / "account") as here:
        here.show(1_400.0, key=RELIANCE)
        here.broker.place(request("long", price=1_401.0, quantity=10, key=RELIANCE))
        here.wait(2)
        here.market.on_feed_state(here.clock(), FeedState.DOWN, "")  # so the broker's own square-off finds nobody
        here.clock.move_to(moment("2026-01-13 15:31"))
        assert [each.quantity for each in here.broker.positions()] == [10]
        with pytest.raises(OrderRefusedError) as caught:
            here.broker.exit_all()
        assert caught.value.code == "UDAPI1113"


def test_funds_are_those_it_began_with_less_what_is_used(tmp_path: Path) -> None:
    with paper(tmp_path / "account") as here:
        assert here.broker.funds().available == FUNDS
        here.broker.place(request("long"))
        here.wait(2)
        assert here.broker.funds().used == pytest.approx(65 * 100.05)


def test_the_stream_tells_every_state_of_an_order_on_a_thread_of_its_own(tmp_path: Path) -> None:
    told: list[BrokerOrder] = []
    states: list[FeedState] = []
    filled = threading.Event()

    def on_order(_: UnixNanos, order: BrokerOrder) -> None:
        told.append(order)
        if order.state is OrderState.COMPLETE:
            filled.set()

    with paper(tmp_path / "account") as here:
        stream: OrderStream = PaperOrderStream(here.account, here.clock)
        stream.start(on_order, lambda _at, state, _reason: states.append(state))
        here.broker.place(request("streamed"))
        here.clock.advance(2)
        assert filled.wait(BOUND_S)
        assert stream.stop()
    assert states == [FeedState.UP, FeedState.STOPPED]
    assert [order.status for order in told][:3] == ["put order req received", "validation pending", "open pending"]
    assert {order.tag for order in told} == {"streamed"}
    assert told[-1].filled == 65


def test_a_listener_that_fails_and_a_disk_that_refuses_do_not_stop_the_exchange(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[FeedState] = []
    changed = threading.Condition()

    def on_state(_at: UnixNanos, state: FeedState, _reason: str) -> None:
        with changed:
            states.append(state)
            changed.notify_all()

    def failing(_: UnixNanos, __: BrokerOrder) -> None:
        raise ValueError("a listener's own fault")

    with paper(tmp_path / "account") as here, caplog.at_level(logging.ERROR):
        stream = PaperOrderStream(here.account, here.clock)
        stream.start(failing, on_state)
        here.broker.place(request("unheard"))
        here.clock.advance(2)
        with monkeypatch.context() as patched:

            def full() -> None:
                raise VendorUnreachableError("paper", "The disk is full.")

            patched.setattr(here.account, "_flush", full)
            with changed:
                assert changed.wait_for(lambda: FeedState.DOWN in states, BOUND_S)
        with changed:
            assert changed.wait_for(lambda: states.count(FeedState.UP) == 2, BOUND_S)
        assert stream.stop()
        assert here.order("unheard").instrument_key == CALL
    assert "The disk is full" in caplog.text
