"""The order actor over the real client and the simulated Upstox: orders go out once and exits get through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sos_actors.engine.positions import order_of
from sos_actors.messages.broker import OrderState
from sos_actors.messages.trading import OrderStatus
from sos_actors.runtime.trading_gate import Rung
from sos_actors.simulator.faults import FaultKind
from tests.actors.ordering import Ordering, ordering

PLACE = "/v3/order/place"


@pytest.fixture
def orders() -> Iterator[Ordering]:
    with ordering() as made:
        yield made


def test_an_entry_and_its_exit_are_sliced_filled_and_told(orders: Ordering) -> None:
    orders.enter(1, 100)
    orders.until(lambda: orders.filled(order_of(1)) == 100)
    orders.leave(1, 100)
    orders.until(lambda: orders.filled(order_of(1, 1)) == 100)
    book = orders.book()
    assert sorted(row.quantity for row in book) == [20, 20, 40, 40, 40, 40]
    for order_id, side in ((order_of(1), "BUY"), (order_of(1, 1), "SELL")):
        cost = sum(row.filled * (row.average_price or 0) for row in book if row.side.name == side)
        told = sum(u.fill_quantity * u.fill_price for u in orders.told if u.order_id == order_id)
        assert told == pytest.approx(cost, abs=0.02)
    assert {intent.request.tag for intent in orders.intents} == {row.tag for row in book}
    assert {record.tag for record in orders.records if record.filled == record.quantity} == {row.tag for row in book}


def test_a_lost_acknowledgement_leads_to_one_order(orders: Ordering) -> None:
    orders.rig.fault(FaultKind.LOST_ACK, PLACE, times=1)
    orders.enter(1, 10)
    orders.until(lambda: orders.filled(order_of(1)) == 10)
    assert len(orders.book()) == 1


def test_an_entry_nobody_knows_of_is_searched_and_then_told_as_refused(orders: Ordering) -> None:
    orders.rig.fault(FaultKind.DROP, PLACE, times=1)
    orders.enter(1, 10)
    orders.until(lambda: bool(orders.told))
    assert orders.told[-1].status is OrderStatus.REJECTED
    assert orders.book() == []
    assert [outcome.fate for outcome in orders.outcomes] == ["unknown"]


def test_an_exit_outlives_everything_the_broker_says(orders: Ordering) -> None:
    orders.enter(1, 10)
    orders.until(lambda: orders.filled(order_of(1)) == 10)
    orders.rig.fault(FaultKind.STATUS, PLACE, status=429, times=2)
    orders.rig.fault(FaultKind.STATUS, PLACE, status=503, times=2)
    orders.rig.fault(FaultKind.DROP, PLACE, times=1)
    orders.leave(1, 10)
    orders.until(lambda: orders.filled(order_of(1, 1)) == 10)
    sold = [row for row in orders.book() if row.side.name == "SELL"]
    assert sum(row.filled for row in sold) == 10
    assert len([intent for intent in orders.intents if intent.order_id == order_of(1, 1)]) == 6


def test_a_token_that_expired_closes_entries_and_the_exit_goes_with_the_next(orders: Ordering) -> None:
    orders.enter(1, 10)
    orders.until(lambda: orders.filled(order_of(1)) == 10)
    orders.rig.fault(FaultKind.TOKEN_EXPIRED)
    orders.leave(1, 10)
    orders.until(lambda: bool(orders.holds))
    assert orders.holds[0] == ("broker account", Rung.EXITS_ONLY)
    orders.rig.heal()
    orders.rig.new_token()
    orders.until(lambda: orders.filled(order_of(1, 1)) == 10)
    orders.until(lambda: "broker account" in orders.releases)


def test_without_the_stream_the_book_tells(orders: Ordering) -> None:
    orders.rig.fault(FaultKind.MUTE, "portfolio")
    orders.enter(1, 10)
    orders.until(lambda: orders.filled(order_of(1)) == 10)


def test_an_entry_is_taken_back_and_its_end_told_once(orders: Ordering) -> None:
    orders.enter(1, 10, round(orders.price() * 0.96, 1))
    orders.until(lambda: any(outcome.fate == "placed" for outcome in orders.outcomes) or bool(orders.records))
    orders.cancel(1)
    orders.cancel(1)
    orders.until(lambda: bool(orders.told))
    assert [update.status for update in orders.told] == [OrderStatus.CANCELLED]
    assert all(row.state is OrderState.CANCELLED for row in orders.book())


def test_a_successor_goes_on_where_the_actor_was_killed(orders: Ordering) -> None:
    orders.enter(1, 100)
    orders.until(lambda: len(orders.intents) > 0)
    orders.tell("something it cannot read, and dies of")
    orders.refs[-1].stop()
    orders.start()
    orders.until(lambda: orders.filled(order_of(1)) == 100)
    orders.leave(1, 100)
    orders.until(lambda: orders.filled(order_of(1, 1)) == 100)
    assert sum(int(row.side) * row.filled for row in orders.book()) == 0
    assert sum(row.filled for row in orders.book()) == 200


def test_without_a_journal_no_entry_is_sent_but_every_exit(orders: Ordering) -> None:
    orders.enter(1, 10)
    orders.until(lambda: orders.filled(order_of(1)) == 10)
    orders.full = True
    orders.enter(2, 10)
    orders.until(lambda: orders.told[-1].order_id == order_of(2))
    assert orders.told[-1].status is OrderStatus.REJECTED
    orders.leave(1, 10)
    orders.until(lambda: orders.filled(order_of(1, 1)) == 10)
    assert len(orders.book()) == 2
