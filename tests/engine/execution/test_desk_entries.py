"""Entries at the execution desk: sent once, told exactly, taken back, and never sent again when in doubt."""

from __future__ import annotations

import pytest

from sos_actors.engine.execution.commands import Cancel, Cleared, LookUp, Need, Place, PollBook
from sos_actors.engine.execution.policy import Fate
from sos_actors.engine.positions import order_of
from sos_actors.messages.broker import BrokerFill
from sos_actors.messages.trading import OrderStatus, OrderUpdated, Purpose
from sos_actors.types import Side
from tests.engine.execution.played import ENTRY, Played, changing, of
from tests.engine.execution.rig import KEY, LOT, new_desk

FILLED, CANCELLED, REJECTED = OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED


@pytest.fixture
def played() -> Played:
    return Played()


def test_an_entry_goes_out_with_its_intent_its_tag_and_a_limit(played: Played) -> None:
    [place] = of(played.enter(LOT, 100.0), Place)
    intent, request = place.intent, place.intent.request
    assert (request.tag, request.instrument_key, request.side) == (f"SOSab12-{ENTRY}-0-0", KEY, Side.BUY)
    assert (request.quantity, request.kind.value, request.price) == (LOT, "LIMIT", 101.0)
    assert (intent.order_id, intent.position_id, intent.purpose) == (ENTRY, 1, Purpose.ENTRY)
    assert played.enter() == []


def test_the_engine_is_told_of_each_fill_at_its_own_price(played: Played) -> None:
    [place] = of(played.enter(3 * LOT), Place)
    played.ack(place)
    played.seen(place, "open", LOT, 100.0)
    played.seen(place, "open", 2 * LOT, 100.25)
    played.seen(place, "open", LOT, 100.0)
    played.seen(place, "complete", 3 * LOT, 100.3)
    assert played.told() == [(FILLED, LOT, 100.0), (FILLED, LOT, 100.5), (FILLED, LOT, 100.4)]


def test_units_that_are_told_before_their_price_wait_for_it(played: Played) -> None:
    [place] = of(played.enter(2 * LOT), Place)
    played.ack(place)
    played.take(played.desk.book([], [], played.when, played.when))
    played.seen(place, "open", LOT, 100.0)
    played.wait(1.1)
    outputs = played.seen(place, "open", 2 * LOT, 100.0)
    assert of(outputs, PollBook) == [PollBook(fills=True)]
    played.seen(place, "complete", 2 * LOT, 100.5)
    assert played.told() == [(FILLED, LOT, 100.0), (FILLED, LOT, 101.0)]


def test_trades_tell_what_the_book_does_not(played: Played) -> None:
    [place] = of(played.enter(2 * LOT), Place)
    number = played.ack(place)
    played.seen(place, "open", 2 * LOT, None)
    trades = [BrokerFill(played.when, f"T{n}", number, KEY, Side.BUY, LOT, 100.0 + n) for n in (0, 1)]
    played.take(played.desk.book([played.row(place, "open", 2 * LOT)], [*trades, *trades], played.when, played.when))
    assert played.told() == [(FILLED, 2 * LOT, 100.5)]


def test_a_fill_whose_price_never_comes_is_told_at_its_limit_and_put_right_in_words(played: Played) -> None:
    [place] = of(played.enter(), Place)
    played.ack(place)
    played.seen(place, "open", LOT, None)
    played.wait(4.9)
    assert played.told() == []
    played.wait(0.2)
    assert played.told() == [(FILLED, LOT, 101.0)]
    played.seen(place, "complete", LOT, 100.0)
    assert len(played.told()) == 1
    assert "-75.00 rupees" in played.troubles("price")[-1].text


def test_an_entry_taken_back_is_told_once_with_what_it_filled(played: Played) -> None:
    [place] = of(played.enter(2 * LOT), Place)
    number = played.ack(place)
    played.seen(place, "open", LOT, 100.0)
    assert of(played.cancel(), Cancel) == [Cancel(place.intent.request.tag, number)]
    assert changing(played.cancel()) == []
    played.take(played.desk.changed(place.intent.request.tag, Fate.PLACED, "", played.when))
    assert played.told() == [(FILLED, LOT, 100.0)]
    played.seen(place, "cancelled", LOT, 100.0)
    played.seen(place, "open", LOT, 100.0)
    played.cancel()
    assert played.told() == [(FILLED, LOT, 100.0), (CANCELLED, 0, 0.0)]


def test_what_fills_while_it_is_taken_back_counts_and_ends_it(played: Played) -> None:
    [place] = of(played.enter(), Place)
    played.ack(place)
    played.cancel()
    outputs = played.take(
        played.desk.changed(place.intent.request.tag, Fate.REFUSED, "complete", played.when, code="UDAPI100040")
    )
    played.wait(1.1)
    assert any(isinstance(output, PollBook) for output in [*outputs, *played.outputs])
    played.seen(place, "complete", LOT, 100.0)
    assert played.told() == [(FILLED, LOT, 100.0)]


def test_slices_that_wait_are_dropped_and_those_on_their_way_cancelled_when_known() -> None:
    played = Played()
    sent = of(played.enter(9 * LOT), Place)
    assert len(sent) == 2, "so many may be on the way at once"
    assert of(played.cancel(), Cancel) == []
    for place in sent:
        played.ack(place)
    assert len(of(played.outputs, Cancel)) == 2
    assert len(of(played.outputs, Place)) == 2
    for place in sent:
        played.seen(place, "cancelled")
    assert played.told() == [(CANCELLED, 0, 0.0)]


def test_a_refused_slice_ends_with_the_others(played: Played) -> None:
    first, second = of(played.enter(6 * LOT), Place)
    played.take(played.desk.not_placed(first.intent.request.tag, Fate.REFUSED, "margin", played.when))
    assert played.told() == []
    played.ack(second)
    played.seen(second, "complete", 3 * LOT, 100.0)
    assert played.told() == [(FILLED, 3 * LOT, 100.0), (CANCELLED, 0, 0.0)]


@pytest.mark.parametrize("fate", [Fate.REFUSED, Fate.LOCKED, Fate.UNSENT])
def test_an_entry_that_was_not_placed_is_refused_and_not_sent_again(played: Played, fate: Fate) -> None:
    [place] = of(played.enter(), Place)
    played.take(played.desk.not_placed(place.intent.request.tag, fate, "no", played.when))
    assert played.told() == [(REJECTED, 0, 0.0)]
    assert changing(played.wait(30.0)) == []


def test_a_word_nobody_knows_is_alive(played: Played) -> None:
    [place] = of(played.enter(), Place)
    played.ack(place)
    played.seen(place, "gone fishing")
    played.seen(place, "complete", LOT, 99.0)
    assert played.told() == [(FILLED, LOT, 99.0)]


def test_too_many_requests_send_it_again_under_another_tag(played: Played) -> None:
    [place] = of(played.enter(), Place)
    outputs = played.take(played.desk.not_placed(place.intent.request.tag, Fate.THROTTLED, "429", played.when))
    assert changing(outputs) == []
    [again] = of(played.wait(0.6), Place)
    assert again.intent.request.tag == f"SOSab12-{ENTRY}-0-1"
    assert played.told() == []


def test_an_unknown_entry_is_searched_and_never_sent_again(played: Played) -> None:
    [place] = of(played.enter(), Place)
    outputs = played.take(played.desk.not_placed(place.intent.request.tag, Fate.UNKNOWN, "time-out", played.when))
    assert of(outputs, LookUp) == [LookUp(place.intent.request.tag)]
    found = played.search_in_vain()
    assert of(found, OrderUpdated) == [OrderUpdated(of(found, OrderUpdated)[0].ts_event, ENTRY, REJECTED)]
    assert len(of(found, LookUp)) == 2
    assert of(found, Place) == []


def test_a_look_up_without_an_answer_does_not_count(played: Played) -> None:
    [place] = of(played.enter(), Place)
    tag = place.intent.request.tag
    played.take(played.desk.not_placed(tag, Fate.UNKNOWN, "time-out", played.when))
    for _ in range(10):
        played.take(played.desk.look_up_failed(tag, played.when))
        played.wait(1.0)
        played.take(played.desk.book([], [], played.when, played.when))
    assert played.told() == []


def test_a_book_asked_for_before_the_last_look_up_proves_nothing(played: Played) -> None:
    [place] = of(played.enter(), Place)
    tag, early = place.intent.request.tag, played.when
    played.take(played.desk.not_placed(tag, Fate.UNKNOWN, "time-out", played.when))
    for _ in range(3):
        played.take(played.desk.looked_up(tag, [], played.when))
        played.wait(1.0)
    played.take(played.desk.book([], [], early, played.when))
    assert played.told() == []
    played.take(played.desk.book([], [], played.when, played.when))
    assert played.told() == [(REJECTED, 0, 0.0)]


def test_an_unknown_entry_that_is_found_works_on(played: Played) -> None:
    [place] = of(played.enter(), Place)
    tag = place.intent.request.tag
    played.take(played.desk.not_placed(tag, Fate.UNKNOWN, "time-out", played.when))
    played.take(played.desk.looked_up(tag, [played.row(place, "open", LOT // 3, 100.0)], played.when))
    assert played.told() == [(FILLED, LOT // 3, 100.0)]
    assert changing(played.wait(5.0)) == []


def test_an_entry_that_surfaces_late_is_cancelled_and_what_it_bought_is_sold(played: Played) -> None:
    [place] = of(played.enter(), Place)
    played.take(played.desk.not_placed(place.intent.request.tag, Fate.UNKNOWN, "time-out", played.when))
    played.search_in_vain()
    outputs = played.seen(place, "open", LOT // 3, 100.0)
    assert len(of(outputs, Cancel)) == 1
    [own] = of(outputs, Place)
    assert (own.intent.request.side, own.intent.request.quantity) == (Side.SELL, LOT // 3)
    assert own.intent.order_id == order_of(1, 900_001)
    assert played.troubles("doubt")
    played.seen(place, "cancelled", LOT // 3, 100.0)
    played.ack(own)
    played.seen(own, "complete", LOT // 3, 99.0)
    assert played.desk.held() == {}
    assert played.desk.is_idle


def test_a_locked_account_takes_no_entries_until_it_is_tried_again(played: Played) -> None:
    [place] = of(played.enter(), Place)
    outputs = played.take(played.desk.not_placed(place.intent.request.tag, Fate.LOCKED, "token", played.when))
    assert Need.EXITS_ONLY in [trouble.need for trouble in played.troubles("broker account")]
    assert changing(played.submit(order_of(2), Side.BUY, LOT)) == []
    assert played.told(order_of(2)) == [(REJECTED, 0, 0.0)]
    outputs = played.wait(60.0)
    assert [cleared.key for cleared in of(outputs, Cleared)] == ["broker account"]
    assert len(of(played.submit(order_of(3), Side.BUY, LOT), Place)) == 1


def test_an_acknowledged_order_that_no_book_lists_is_searched(played: Played) -> None:
    [place] = of(played.enter(), Place)
    played.ack(place)
    for _ in range(3):
        played.wait(3.0)
        played.take(played.desk.book([], [], played.when, played.when))
    assert played.troubles("doubt")
    assert of(played.outputs, LookUp) == [LookUp(place.intent.request.tag)]


def test_the_cancel_of_an_order_never_heard_of_frees_the_engine(played: Played) -> None:
    played.cancel(order_of(7))
    assert played.told() == [(CANCELLED, 0, 0.0)]
    assert played.troubles("order")


def test_entries_never_use_what_is_kept_for_exits() -> None:
    played = Played(new_desk(requests_per_second=4))
    for number in range(1, 9):
        for place in of(played.submit(order_of(number), Side.BUY, LOT), Place):
            played.ack(place)
    assert len(of(played.outputs, Place)) == 2
    exits = [p for n in range(11, 14) for p in of(played.submit(order_of(n, 1), Side.SELL, LOT), Place)]
    assert len(exits) == 2, "what is left of the budget, before the entries that wait"
    later = of(played.wait(1.0), Place)
    assert later[0].intent.purpose is Purpose.EXIT
