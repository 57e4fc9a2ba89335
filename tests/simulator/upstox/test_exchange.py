from __future__ import annotations

import pytest

from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.exchange_orders import FOLLOWS, TERMINAL, Conduct, OrderChange, OrderRow, Status
from sos_actors.types import Side
from tests.simulator.upstox.scripted import CALL, FUTURE, LATER, RELIANCE, Floor, at, floor

SENT = ["put order req received", "validation pending", "open pending"]
SLOW = Conduct(validation_ms=(100, 100), risk_ms=(100, 100), exchange_ms=(100, 100))


def change(order_id: str, price: float, kind: str = "LIMIT", trigger: float = 0.0, quantity: int | None = None,
           protection: float | None = None) -> OrderChange:  # fmt: skip
    return OrderChange(order_id, kind, "DAY", price, trigger, quantity, None, protection)


def resting(here: Floor, price: float = 95.0, quantity: int = 65, side: Side = Side.BUY) -> str:
    order_id = here.place(quantity=quantity, price=price, side=side)
    here.wait(0.5)
    assert here.row(order_id).status is Status.OPEN
    return order_id


def refusal(call: object, *arguments: object) -> str:
    with pytest.raises(UpstoxRefusal) as raised:
        call(*arguments)  # type: ignore[operator]
    return raised.value.code


def test_there_are_upstox_s_seventeen_statuses_and_four_of_them_are_the_end() -> None:
    assert len(Status) == 17
    assert set(FOLLOWS) == {None, *Status}
    assert {str(status) for status in TERMINAL} == {
        "complete", "rejected", "cancelled", "cancelled after market order",
    }  # fmt: skip


def test_an_order_that_crosses_goes_through_every_status_and_completes() -> None:
    here = floor()
    order_id = here.place(price=100.05)
    assert here.statuses(order_id) == SENT[:1]
    here.wait(1)
    assert here.statuses(order_id) == [*SENT, "open", "open", "complete"]
    steps = here.exchange.order(order_id).history
    assert [(row.filled, row.average_price) for row in steps[3:]] == [(0, 0.0), (65, 0.0), (65, 100.05)]
    assert steps[2].exchange_order_id == ""
    assert steps[2].exchange_ts is None
    assert steps[3].exchange_order_id == steps[-1].exchange_order_id != ""


def test_nothing_happens_while_the_clock_stands_still() -> None:
    here = floor()
    order_id = here.place(price=100.05)
    here.exchange.advance(here.world.clock.now())
    assert here.statuses(order_id) == SENT[:1]


def test_a_stop_order_waits_for_its_trigger() -> None:
    here = floor()
    order_id = here.place(side=Side.BUY, kind="SL", trigger_price=101.0, price=102.0)
    here.wait(5)
    assert here.statuses(order_id) == [*SENT, "trigger pending"]
    here.market.set(CALL, at("10:30:10"), 101.0, 65)
    here.wait_until(at("10:30:09"))
    assert here.row(order_id).status is Status.TRIGGER_PENDING
    here.wait_until(at("10:30:11"))
    assert here.statuses(order_id)[3:] == ["trigger pending", "open", "open", "complete"]
    assert here.row(order_id).average_price == 101.05


def test_a_stop_order_at_the_market_gets_a_limit_when_it_triggers() -> None:
    here = floor()
    here.fill()
    order_id = here.place(side=Side.SELL, kind="SL-M", trigger_price=99.0, market_protection=5.0)
    here.market.set(CALL, at("10:30:10"), 98.9, 65)
    here.wait_until(at("10:30:12"))
    row = here.row(order_id)
    assert (row.status, row.order_type, row.price) == (Status.COMPLETE, "SL-M", 94.0)
    assert row.average_price == 98.85


def test_a_market_order_becomes_a_limit_order_with_protection_and_may_stay_open() -> None:
    here = floor()
    here.market.set(CALL, at("10:00"), 100.0, 0, bids=[(99.0, 650)], asks=[(104.0, 650)])
    order_id = here.place(kind="MARKET", market_protection=2.0)
    here.wait(3)
    row = here.row(order_id)
    assert (row.status, row.order_type, row.price, row.filled) == (Status.OPEN, "LIMIT", 102.0, 0)


def test_a_change_goes_through_its_statuses_and_the_order_stands_with_its_new_terms() -> None:
    here = floor()
    order_id = resting(here)
    here.exchange.modify(change(order_id, 96.0, quantity=130))
    here.wait(0.5)
    assert here.statuses(order_id)[4:] == ["modify validation pending", "modify pending", "modified", "open"]
    row = here.row(order_id)
    assert (row.price, row.quantity, row.request_id) == (96.0, 130, 2)


def test_a_change_that_makes_an_order_cross_fills_it() -> None:
    here = floor()
    order_id = resting(here)
    here.exchange.modify(change(order_id, 0.0, "MARKET", protection=-1.0))
    here.wait(0.5)
    row = here.row(order_id)
    assert (row.status, row.order_type, row.average_price) == (Status.COMPLETE, "LIMIT", 100.05)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (lambda i: change(i, 96.02), "tick size"),
        (lambda i: change(i, 96.0, quantity=65 * 5000), "freeze quantity"),
        (lambda i: change(i, 96.0, quantity=1755), "You need to add Rs."),
    ],
)
def test_a_change_the_exchange_does_not_want_leaves_the_order_as_it_was(wish: object, said: str) -> None:
    here = floor(funds=100_000)
    order_id = resting(here)
    here.exchange.modify(wish(order_id))  # type: ignore[operator]
    here.wait(0.5)
    assert here.statuses(order_id)[-2:] == ["not modified", "open"]
    row = here.row(order_id)
    assert (row.price, row.quantity) == (95.0, 65)
    assert said in str(row.message)


def test_a_cancelled_order_is_pending_first_and_then_gone() -> None:
    here = floor()
    order_id = resting(here)
    assert here.exchange.cancel(order_id) == order_id
    here.wait(0.5)
    assert here.statuses(order_id)[-2:] == ["cancel pending", "cancelled"]
    here.market.set(CALL, at("10:31"), 90.0, 6500)
    here.wait(90)
    assert here.row(order_id).filled == 0


def test_an_order_is_taken_back_from_the_exchange_although_it_was_on_its_way() -> None:
    here = floor()
    order_id = here.place(price=95.0)
    here.exchange.cancel(order_id)
    assert here.exchange.cancel(order_id) == order_id
    here.wait(1)
    assert here.statuses(order_id) == [*SENT, "open", "cancel pending", "cancelled"]


def test_an_order_that_fills_before_its_cancellation_arrives_is_not_cancelled() -> None:
    here = floor(conduct=SLOW)
    order_id = here.place(price=95.0)
    here.wait_until(at("10:30:00") + 850_000_000)
    here.market.set(CALL, at("10:30:01"), 94.0, 650)
    here.exchange.cancel(order_id)
    here.wait(1)
    assert here.statuses(order_id)[-4:] == ["cancel pending", "not cancelled", "open", "complete"]


def test_an_order_that_fills_before_its_change_arrives_is_not_modified() -> None:
    here = floor(conduct=SLOW)
    order_id = here.place(price=95.0)
    here.wait_until(at("10:30:00") + 850_000_000)
    here.market.set(CALL, at("10:30:01"), 94.0, 650)
    here.exchange.modify(change(order_id, 96.0))
    here.wait(1)
    assert here.statuses(order_id)[-4:] == ["modify validation pending", "not modified", "open", "complete"]


def test_what_is_over_can_neither_be_cancelled_nor_changed() -> None:
    here = floor()
    order_id = here.fill()
    assert refusal(here.exchange.cancel, order_id) == "UDAPI100040"
    assert refusal(here.exchange.modify, change(order_id, 96.0)) == "UDAPI100041"
    assert refusal(here.exchange.cancel, "260113025999999") == "UDAPI100010"


def test_an_immediate_order_cancels_what_does_not_fill_at_once() -> None:
    here = floor()
    here.market.set(CALL, at("10:00"), 100.0, 0, asks=[(100.05, 65)])
    order_id = here.place(quantity=130, price=100.05, validity="IOC")
    here.wait(1)
    row = here.row(order_id)
    assert (row.status, row.filled, row.unfilled, row.average_price) == (Status.CANCELLED, 65, 65, 100.05)


def test_a_day_order_ends_at_the_close_of_its_segment() -> None:
    here = floor(conduct=Conduct(square_off_s=0))
    order_id = resting(here)
    here.wait_until(at("15:29:59"))
    assert here.row(order_id).status is Status.OPEN
    here.wait_until(at("15:30"))
    assert here.row(order_id).status is Status.CANCELLED


def test_an_after_market_order_waits_for_the_open_and_may_be_changed_or_taken_back() -> None:
    here = floor(when=at("20:00"))
    kept, gone = (here.place(RELIANCE, 10, price=1_400.0) for _ in range(2))
    assert here.row(kept).is_amo
    here.exchange.modify(change(kept, 1_401.0))
    here.exchange.cancel(gone)
    here.wait_until(at("09:14:59", LATER))
    assert here.statuses(gone) == ["after market order req received", "cancelled after market order"]
    assert here.statuses(kept) == ["after market order req received", "modify after market order req received"]
    here.wait_until(at("09:15:01", LATER))
    assert here.statuses(kept)[2:] == ["validation pending", "open pending", "open", "open", "complete"]
    assert here.row(kept).average_price == 1_400.1


def test_a_quantity_changed_before_the_open_is_checked_at_the_open() -> None:
    here = floor(when=at("20:00"))
    order_id = here.place(FUTURE, price=25_650.0, product="D")
    here.exchange.modify(change(order_id, 25_650.0, quantity=65 * 28))
    here.wait_until(at("09:16", LATER))
    assert "freeze quantity" in str(here.row(order_id).message)


def test_a_contract_that_has_expired_by_the_next_session_cannot_be_ordered() -> None:
    here = floor(when=at("15:45"))
    assert refusal(here.place) == "UDAPI100011"


def test_the_book_shows_the_orders_of_today() -> None:
    here = floor()
    order_id = here.fill(RELIANCE, 10, product="D")
    assert [order.row.order_id for order in here.exchange.orders()] == [order_id]
    here.wait_until(at("09:00", LATER))
    assert here.exchange.orders() == []
    assert here.exchange.trades() == []
    assert refusal(here.exchange.order, order_id) == "UDAPI100010"


def test_an_order_above_the_freeze_quantity_is_split_when_it_may_be() -> None:
    here = floor()
    order = here.exchange.listing(CALL)
    assert order.freeze == 1_755
    here.place(quantity=65 * 60, price=95.0, slice=True)
    quantities = [each.row.quantity for each in here.exchange.orders()]
    assert quantities == [1_755, 1_755, 390]
    assert refusal(lambda: here.place(quantity=1_755 * 25 + 65, price=95.0, slice=True)) == "UDAPI1118"


def test_it_tells_each_step_of_each_order_once_in_order() -> None:
    here = floor()
    ids = [here.place(price=100.05), here.place(price=95.0)]
    here.wait(2)
    told = [(row.order_id, row.status) for row in here.told if isinstance(row, OrderRow)]
    for order_id in ids:
        assert [status for each, status in told if each == order_id] == here.statuses(order_id)
