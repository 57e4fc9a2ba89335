"""The unmodified official SDK trades with the simulator; its own models parse the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sos_actors.simulator.faults import Fault, FaultKind
from tests.simulator.upstox.broker import Broker, broker, refusal, sdk
from tests.simulator.upstox.scripted import CALL, FUTURE, LATER, PUT, RELIANCE, ScriptedMarket, at, scripted_world

upstox_client = pytest.importorskip("upstox_client")
V2 = "2.0"


class Trader:
    """The SDK's order calls, aimed at a simulator whose clock stands still."""

    def __init__(self, upstox: Broker, client: Any) -> None:
        self.upstox, self.client = upstox, client
        self.v3, self.v2 = upstox_client.OrderApiV3(client), upstox_client.OrderApi(client)
        self.portfolio, self.user = upstox_client.PortfolioApi(client), upstox_client.UserApi(client)

    def wait(self, seconds: float = 1.0) -> None:
        self.upstox.world.clock.step(seconds)

    def fault(self, fault: Fault) -> None:
        self.upstox.simulator.call(lambda: self.upstox.world.faults.add(fault))

    def wish(self, **changes: Any) -> Any:
        return upstox_client.PlaceOrderV3Request(**wish(**changes))

    def place(self, **changes: Any) -> str:
        [order_id] = self.v3.place_order(self.wish(**changes), _request_timeout=(2.0, 5.0)).data.order_ids
        return str(order_id)

    def filled(self, **changes: Any) -> str:
        order_id = self.place(**changes)
        self.wait()
        assert self.v2.get_order_status(order_id=order_id).data.status == "complete"
        return order_id


def wish(**changes: Any) -> dict[str, Any]:
    """A limit order for a lot that crosses, with everything the SDK wants to be told."""
    usual = {
        "quantity": 65, "product": "I", "validity": "DAY", "price": 100.05, "tag": "t1", "slice": False,
        "instrument_token": CALL, "order_type": "LIMIT", "transaction_type": "BUY", "disclosed_quantity": 0,
        "trigger_price": 0.0, "is_amo": False,
    }  # fmt: skip
    return usual | changes


@pytest.fixture
def trader() -> Iterator[Trader]:
    with broker(scripted_world()) as upstox, sdk(upstox.address) as client:
        yield Trader(upstox, client)


def test_an_order_is_placed_fills_and_is_found_everywhere(trader: Trader) -> None:
    answer = trader.v3.place_order(trader.wish(), algo_name="SOS")
    [order_id] = answer.data.order_ids
    assert answer.metadata.latency > 0
    assert [order.status for order in trader.v2.get_order_book(V2).data] == ["put order req received"]
    trader.wait()

    [row] = trader.v2.get_order_book(V2).data
    assert (row.status, row.filled_quantity, row.pending_quantity, row.average_price) == ("complete", 65, 0, 100.05)
    assert (row.exchange, row.trading_symbol, row.instrument_token) == ("NFO", "NIFTY2611325500CE", CALL)
    assert row.order_timestamp == "2026-01-13 10:30:00"
    assert trader.v2.get_order_status(order_id=order_id).data.average_price == 100.05
    history = [step.status for step in trader.v2.get_order_details(V2, order_id=order_id).data]
    assert history[:3] == ["put order req received", "validation pending", "open pending"]
    assert history[-1] == "complete"
    assert [step.status for step in trader.v2.get_order_details(V2, tag="t1").data] == history
    assert trader.v2.get_order_details(V2, tag="t2").data == []
    [trade] = trader.v2.get_trade_history(V2).data
    assert (trade.quantity, trade.average_price, trade.order_id) == (65, 100.05, order_id)
    assert trader.v2.get_trades_by_order(order_id, V2).data[0].trade_id == trade.trade_id


def test_the_account_shows_the_position_and_the_money(trader: Trader) -> None:
    trader.filled()
    [position] = trader.portfolio.get_positions(V2).data
    assert (position.quantity, position.buy_price, position.average_price) == (65, 100.05, None)
    assert trader.portfolio.get_holdings(V2).data == []
    assert trader.portfolio.get_mtf_positions().data == []
    funds = trader.user.get_user_fund_margin(V2).data
    assert funds["equity"].available_margin == pytest.approx(1_000_000 - 65 * 100.05)
    assert set(trader.user.get_user_fund_margin(V2, segment="SEC").data) == {"equity"}
    full = trader.user.get_user_fund_margin_v3().data
    assert full.available_to_trade.total == pytest.approx(1_000_000 - 65 * 100.05)


def test_orders_are_changed_and_taken_back(trader: Trader) -> None:
    order_id = trader.place(price=95.0)
    trader.wait()
    change = upstox_client.ModifyOrderRequest(
        validity="DAY", price=96.0, order_id=order_id, order_type="LIMIT", trigger_price=0.0
    )
    assert trader.v3.modify_order(change).data.order_id == order_id
    trader.wait()
    assert trader.v2.get_order_status(order_id=order_id).data.price == 96.0
    assert trader.v3.cancel_order(order_id).data.order_id == order_id
    trader.wait()
    assert trader.v2.get_order_status(order_id=order_id).data.status == "cancelled"
    assert refusal(lambda: trader.v3.cancel_order(order_id)) == (400, "UDAPI100040")
    assert refusal(lambda: trader.v3.modify_order(change)) == (400, "UDAPI100041")
    assert refusal(lambda: trader.v2.get_order_status(order_id="260113025999999")) == (400, "UDAPI100010")


def test_the_old_calls_do_the_same(trader: Trader) -> None:
    terms = {name: value for name, value in wish(price=95.0).items() if name != "slice"}
    order_id = trader.v2.place_order(upstox_client.PlaceOrderRequest(**terms), V2).data.order_id
    trader.wait()
    change = upstox_client.ModifyOrderRequest(
        quantity=130, validity="DAY", price=95.5, order_id=order_id, order_type="LIMIT", trigger_price=0.0
    )
    assert trader.v2.modify_order(change, V2).data.order_id == order_id
    trader.wait()
    row = trader.v2.get_order_status(order_id=order_id).data
    assert (row.quantity, row.price, row.order_request_id) == (130, 95.5, "2")
    assert trader.v2.cancel_order(order_id, V2).data.order_id == order_id


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": 64}, "UDAPI1104"),
        ({"quantity": 0}, "UDAPI1052"),
        ({"quantity": 1755 * 26, "slice": True}, "UDAPI1118"),
        ({"price": 0.0}, "UDAPI1043"),
        ({"order_type": "MARKET", "price": 0.0}, "UDAPI1158"),
        ({"order_type": "MARKET", "price": 0.0, "market_protection": 0.0}, "UDAPI1158"),
        ({"order_type": "MARKET", "price": 0.0, "market_protection": 26.0}, "UDAPI1176"),
        ({"order_type": "MARKET", "price": 0.0, "market_protection": -2.0}, "UDAPI1177"),
        ({"order_type": "MARKET", "market_protection": 3.0}, "UDAPI1040"),
        ({"market_protection": 3.0}, "UDAPI1177"),
        ({"order_type": "SL", "trigger_price": 101.0}, "UDAPI1037"),
        ({"order_type": "SL", "trigger_price": 99.0, "transaction_type": "SELL"}, "UDAPI1038"),
        ({"instrument_token": "NSE_FO|99999"}, "UDAPI100011"),
        ({"instrument_token": "NSE_INDEX|Nifty 50"}, "UDAPI100011"),
        ({"instrument_token": "MCX_FO|1"}, "UDAPI1161"),
        ({"tag": "x" * 41}, "UDAPI1119"),
    ],
)
def test_what_no_session_could_accept_is_refused_at_once(trader: Trader, changes: dict[str, Any], code: str) -> None:
    answer = trader.upstox.post("/v3/order/place", wish(**changes))
    assert (answer.status, answer.code) == (400, code)
    assert trader.upstox.ask("/v2/order/retrieve-all").data == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"price": 100.02}, "tick size"),
        ({"price": 200_000.0, "quantity": 65}, "You need to add"),
        ({"quantity": 65 * 28}, "freeze quantity"),
        ({"price": 0.05, "instrument_token": RELIANCE, "quantity": 1}, "tick size"),
        ({"price": 0.10, "instrument_token": PUT}, "circuit limits"),
        ({"product": "D", "instrument_token": RELIANCE, "transaction_type": "SELL", "price": 1400.0}, "0 shares"),
        ({"product": "MTF", "instrument_token": RELIANCE, "price": 1400.0}, "Margin trading"),
    ],
)
def test_what_risk_system_and_exchange_refuse_is_rejected(trader: Trader, changes: dict[str, Any], said: str) -> None:
    market = trader.upstox.world.market
    assert isinstance(market, ScriptedMarket)
    market.set(PUT, at("10:00"), 50.0, band=(1.0, 200.0))
    order_id = trader.place(**changes)
    trader.wait()
    row = trader.v2.get_order_status(order_id=order_id).data
    assert row.status == "rejected"
    assert said in row.status_message
    assert (row.filled_quantity, row.pending_quantity, row.exchange_timestamp) == (0, 0, None)


def test_orders_come_from_the_registered_address_only_and_reading_is_free() -> None:
    with broker(scripted_world(static_ip=False)) as upstox:
        assert upstox.post("/v3/order/place", wish()).code == "UDAPI1154"
        requests = {
            "/v3/order/modify": "PUT", "/v2/order/multi/place": "POST", "/v3/order/gtt/place": "POST",
            "/v3/order/cancel?order_id=1": "DELETE", "/v2/order/positions/exit": "POST",
        }  # fmt: skip
        for path, method in requests.items():
            assert upstox.ask(path, method=method, body="{}").code == "UDAPI1154"
        assert upstox.ask("/v2/order/retrieve-all").data == []


def test_the_broker_sleeps_from_midnight_to_half_past_five() -> None:
    with broker(scripted_world(when=at("05:29:59", LATER))) as upstox:
        answer = upstox.post("/v3/order/place", wish(instrument_token=RELIANCE, quantity=1, price=1400.0))
        assert (answer.status, answer.code) == (423, "UDAPI100074")
        assert upstox.ask("/v3/user/get-funds-and-margin").code == "UDAPI100072"
        upstox.world.clock.step(1)
        assert upstox.post("/v3/order/place", wish(instrument_token=FUTURE, price=25_650.0)).data["order_ids"]


def test_an_order_whose_answer_is_lost_is_there_and_is_found_by_its_tag(trader: Trader) -> None:
    trader.fault(Fault("upstox", FaultKind.LOST_ACK, path="/v3/order/place", times=1))
    with pytest.raises(Exception, match=r"(?i)connection|protocol|reset"):
        trader.place(tag="lost-1")
    trader.wait()
    steps = trader.v2.get_order_details(V2, tag="lost-1").data
    assert steps[-1].status == "complete"
    assert len({step.order_id for step in steps}) == 1


def test_stale_books_repeat_what_they_said(trader: Trader) -> None:
    trader.place(price=95.0)
    assert len(trader.v2.get_order_book(V2).data) == 1
    trader.fault(Fault("upstox", FaultKind.STALE, path="/v2/order/*"))
    trader.place(price=95.0)
    assert len(trader.v2.get_order_book(V2).data) == 1
    trader.upstox.simulator.call(trader.upstox.world.faults.clear)
    assert len(trader.v2.get_order_book(V2).data) == 2


def test_a_cancellation_the_sdk_sends_again_by_itself_is_one(trader: Trader) -> None:
    order_id = trader.place(price=95.0)
    trader.wait()
    del trader.client.rest_client.pool_manager.connection_pool_kw["retries"]  # back to what the SDK does
    trader.fault(Fault("upstox", FaultKind.LOST_ACK, path="/v3/order/cancel", times=1))
    assert trader.v3.cancel_order(order_id).data.order_id == order_id
    trader.wait()
    statuses = [step.status for step in trader.v2.get_order_details(V2, order_id=order_id).data]
    assert statuses[-2:] == ["cancel pending", "cancelled"]


def test_the_same_requests_at_the_same_moments_give_the_same_bytes() -> None:
    def said() -> list[bytes]:
        with broker(scripted_world()) as upstox:
            answers = [upstox.post("/v3/order/place", wish(quantity=65 * 12, price=price)) for price in (100.05, 99.0)]
            upstox.world.clock.step(4)
            paths = ("/v2/order/retrieve-all", "/v2/order/trades/get-trades-for-day", "/v3/user/get-funds-and-margin")
            return [answer.body for answer in answers] + [upstox.ask(path).body for path in paths]

    assert said() == said()


@pytest.mark.parametrize("body", ["[]", "nonsense", "7", '{"quantity": "65"}'])
def test_a_body_that_is_no_order_is_refused(trader: Trader, body: str) -> None:
    assert trader.upstox.ask("/v3/order/place", method="POST", body=body).status == 400
    assert trader.upstox.ask("/v3/order/modify", method="PUT", body=body).status == 400
