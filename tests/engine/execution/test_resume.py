"""The desk after a crash: every intent found again or searched, what others did left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sos_actors.config.running import Orders
from sos_actors.engine.execution.commands import Cancel, LookUp, Outcome, Place
from sos_actors.engine.execution.policy import Fate
from sos_actors.engine.execution.resume import AtBroker, Journaled, Resumed, resume
from sos_actors.engine.positions import order_of
from sos_actors.messages.broker import BrokerOrder, BrokerPosition
from sos_actors.messages.trading import OrderStatus, OrderUpdated, Purpose, SubmitOrder
from sos_actors.types import Side
from tests.engine.execution.played import ENTRY, EXIT, Played, of
from tests.engine.execution.rig import KEY, LOT, NONCE, name_of, terms_of
from tests.engine.execution.small_engine import SYMBOL

CANCELLED, REJECTED, FILLED = OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.FILLED


class Before(Played):
    """A run that is about to be killed; keeps what its journal would."""

    def journaled(self, cancelled: Sequence[int] = (), told: bool = True) -> Journaled:
        updates = of(self.outputs, OrderUpdated) if told else []
        return Journaled(self.submits(), cancelled, [place.intent for place in of(self.outputs, Place)], updates)

    def submits(self) -> list[SubmitOrder]:
        return [order.submit for order in self.desk.ledger.orders.values() if order.order_id % 1_000_000 < 900_000]

    def again(
        self, rows: Sequence[BrokerOrder], held: int, cancelled: Sequence[int] = (), told: bool = True
    ) -> Resumed:  # fmt: skip
        positions = [BrokerPosition(KEY, "I", held, None, 100.0, None, None)] if held else []
        broker = AtBroker(rows, (), positions, self.when)
        journaled = self.journaled(cancelled, told)
        return resume(Orders(), NONCE, terms_of, name_of, journaled, broker, self.when)


def told(resumed: Resumed) -> list[tuple[int, OrderStatus, int]]:
    return [(u.order_id, u.status, u.fill_quantity) for u in of(resumed.outputs, OrderUpdated)]


@pytest.fixture
def before() -> Before:
    return Before()


def test_what_filled_while_nobody_looked_is_told_and_what_was_told_is_not_told_again(before: Before) -> None:
    [place] = of(before.enter(3 * LOT), Place)
    before.ack(place)
    before.seen(place, "open", LOT, 100.0)
    resumed = before.again([before.row(place, "complete", 3 * LOT, 100.5)], 3 * LOT)
    assert told(resumed) == [(ENTRY, FILLED, 2 * LOT)]
    assert of(resumed.outputs, OrderUpdated)[0].fill_price == pytest.approx(100.75)
    assert resumed.differences == []
    assert of(resumed.outputs, Place) == []


def test_an_intent_that_is_not_in_the_book_is_searched_first(before: Before) -> None:
    [entry] = of(before.enter(), Place)
    resumed = before.again([], 0)
    assert of(resumed.outputs, LookUp) == [LookUp(entry.intent.request.tag)]
    assert told(resumed) == []
    after = Played(resumed.desk, before.now, resumed.outputs)
    found = after.search_in_vain()
    assert [update.status for update in of(found, OrderUpdated)] == [REJECTED]
    assert of(found, Place) == []


def test_an_entry_never_sent_is_refused_and_an_exit_never_sent_goes_out(before: Before) -> None:
    entry = before.bought()
    journaled = before.journaled()
    [first] = journaled.orders
    never = [
        replace(first, order_id=order_of(2), position_id=2),
        replace(first, order_id=EXIT, side=Side.SELL, purpose=Purpose.EXIT),
    ]
    journaled = replace(journaled, orders=[*journaled.orders, *never])
    row = before.row(entry, "complete", LOT, 100.0)
    broker = AtBroker([row], (), [BrokerPosition(KEY, "I", LOT, None, 100.0, None, None)], before.when)
    resumed = resume(Orders(), NONCE, terms_of, name_of, journaled, broker, before.when)
    assert told(resumed) == [(order_of(2), REJECTED, 0)]
    [place] = of(resumed.outputs, Place)
    assert (place.intent.order_id, place.intent.attempt) == (EXIT, 0)


def test_an_exit_that_works_is_not_sent_a_second_time(before: Before) -> None:
    entry = before.bought()
    [place] = of(before.leave(), Place)
    rows = [before.row(entry, "complete", LOT, 100.0), before.row(place, "open")]
    resumed = before.again(rows, LOT)
    assert of(resumed.outputs, Place) == []
    assert resumed.desk.held() == {1: (before.submits()[0].symbol, LOT)}
    after = Played(resumed.desk, before.now)
    assert after.seen(place, "complete", LOT, 98.0) != []
    assert after.told() == [(FILLED, LOT, 98.0)]


def test_an_entry_that_was_taken_back_is_cancelled_again(before: Before) -> None:
    [place] = of(before.enter(), Place)
    before.ack(place)
    resumed = before.again([before.row(place, "open")], 0, cancelled=[ENTRY])
    assert [cancel.broker_id for cancel in of(resumed.outputs, Cancel)] == [f"B-{place.intent.request.tag}"]


def test_an_entry_told_as_over_that_filled_after_all_is_sold(before: Before) -> None:
    [place] = of(before.enter(), Place)
    before.ack(place)
    before.seen(place, "cancelled")
    resumed = before.again([before.row(place, "complete", LOT, 100.0)], LOT)
    [own] = of(resumed.outputs, Place)
    assert (own.intent.request.side, own.intent.request.quantity) == (Side.SELL, LOT)


def test_a_late_fill_that_was_told_before_the_crash_is_still_an_orphan(before: Before) -> None:
    [place] = of(before.enter(), Place)
    before.ack(place)
    before.seen(place, "cancelled")
    before.seen(place, "complete", LOT, 100.0)
    assert before.told(ENTRY) == [(REJECTED, 0, 0.0), (FILLED, LOT, 100.0)]
    journaled = before.journaled()
    journaled = replace(journaled, intents=[place.intent])  # the crash came before the intent of the sale
    broker = AtBroker(
        [before.row(place, "complete", LOT, 100.0)], (), [BrokerPosition(KEY, "I", LOT, None, 100.0, None, None)],
        before.when,
    )  # fmt: skip
    resumed = resume(Orders(), NONCE, terms_of, name_of, journaled, broker, before.when)
    [own] = of(resumed.outputs, Place)
    assert (own.intent.request.side, own.intent.request.quantity) == (Side.SELL, LOT)


def test_what_the_desk_had_begun_to_sell_by_itself_is_gone_on_with(before: Before) -> None:
    entry = before.bought()
    [own] = of(before.take(before.desk.flatten(before.when)), Place)
    rows = [before.row(entry, "complete", LOT, 100.0), before.row(own, "complete", LOT, 99.0)]
    resumed = before.again(rows, 0)
    assert resumed.desk.held() == {}
    assert of(resumed.outputs, Place) == []
    half = before.again([rows[0], before.row(own, "cancelled", 0)], LOT)
    after = Played(half.desk, before.now)
    [again] = of([*half.outputs, *after.wait(5.0)], Place)
    assert again.intent.request.quantity == LOT


def stranger(before: Before, word: str, filled: int, tag: str = "SOSzz99-1000000-0-0") -> BrokerOrder:
    [place] = of(Before().enter(), Place)
    return replace(before.row(place, word, filled, 100.0, broker_id="Z-1"), tag=tag)


def test_orphans_of_an_earlier_journal_are_sold_and_recorded(before: Before) -> None:
    resumed = before.again([stranger(before, "complete", LOT)], LOT)
    [own] = of(resumed.outputs, Place)
    assert (own.intent.position_id, own.intent.request.side, own.intent.request.quantity) == (0, Side.SELL, LOT)
    assert any("earlier journal" in difference.what for difference in resumed.differences)


def test_orphans_without_a_price_wait_for_one(before: Before) -> None:
    positions = [BrokerPosition(KEY, "I", LOT, None, None, None, None)]
    broker = AtBroker([stranger(before, "complete", LOT)], (), positions, before.when)
    resumed = resume(Orders(), NONCE, terms_of, name_of, Journaled([], [], [], []), broker, before.when)
    assert of(resumed.outputs, Place) == []
    resumed.desk.last_price(SYMBOL, 80.0)
    [own] = of(Played(resumed.desk, before.now).wait(2.0), Place)
    assert own.intent.request.price == 77.6


def test_orphans_that_somebody_has_sold_already_are_left_alone(before: Before) -> None:
    resumed = before.again([stranger(before, "complete", LOT)], 0)
    assert of(resumed.outputs, Place) == []


def test_an_open_order_of_an_earlier_journal_is_cancelled(before: Before) -> None:
    resumed = before.again([stranger(before, "open", 0)], 0)
    assert [cancel.broker_id for cancel in of(resumed.outputs, Cancel)] == ["Z-1"]
    assert "still open" in resumed.differences[0].what


def test_the_users_own_orders_and_positions_are_told_and_not_touched(before: Before) -> None:
    resumed = before.again([stranger(before, "complete", LOT, tag="mine")], LOT)
    assert of(resumed.outputs, Place) == []
    assert [(d.ours, d.brokers) for d in resumed.differences] == [(0, LOT)]


def test_half_sold_orphans_are_not_sold_twice(before: Before) -> None:
    first = before.again([stranger(before, "complete", 2 * LOT)], 2 * LOT)
    [own] = of(first.outputs, Place)
    sold = before.row(own, "cancelled", LOT, 99.0)
    journaled = Journaled([], [], [own.intent], [])
    broker = AtBroker(
        [stranger(before, "complete", 2 * LOT), sold], (), [BrokerPosition(KEY, "I", LOT, None, 100.0, None, None)],
        before.when,
    )  # fmt: skip
    second = resume(Orders(), NONCE, terms_of, name_of, journaled, broker, before.when)
    after = Played(second.desk, before.now)
    places = of([*second.outputs, *after.wait(3.0)], Place)
    assert [place.intent.request.quantity for place in places] == [LOT]


def test_what_was_refused_before_the_crash_is_not_searched(before: Before) -> None:
    entry = before.bought()
    [place] = of(before.leave(), Place)
    outcome = Outcome(before.when, "place", place.intent.request.tag, Fate.REFUSED)
    journaled = replace(before.journaled(), outcomes=[outcome])
    row = before.row(entry, "complete", LOT, 100.0)
    broker = AtBroker([row], (), [BrokerPosition(KEY, "I", LOT, None, 100.0, None, None)], before.when)
    resumed = resume(Orders(), NONCE, terms_of, name_of, journaled, broker, before.when)
    assert of(resumed.outputs, LookUp) == []
    [again] = of(resumed.outputs, Place)
    assert (again.intent.order_id, again.intent.attempt) == (EXIT, 1)


def test_an_entry_that_was_not_placed_before_the_crash_is_not_sent_after_it(before: Before) -> None:
    [place] = of(before.enter(), Place)
    outcome = Outcome(before.when, "place", place.intent.request.tag, Fate.THROTTLED)
    journaled = replace(before.journaled(), outcomes=[outcome])
    resumed = resume(Orders(), NONCE, terms_of, name_of, journaled, AtBroker([], (), [], before.when), before.when)
    assert told(resumed) == [(ENTRY, REJECTED, 0)]
    assert of(Played(resumed.desk, before.now).wait(10.0), Place) == []
