"""Exits at the execution desk: they outlive every fault, and never sell twice what is held once."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sos_actors.engine.execution.commands import Cancel, Cleared, LookUp, Modify, Need, Place, Severity
from sos_actors.engine.execution.policy import MOST_TRIES_A_MINUTE, Fate
from sos_actors.engine.positions import order_of
from sos_actors.messages.trading import OrderStatus, PositionCorrected, Purpose
from sos_actors.types import Side
from tests.engine.execution.played import ENTRY, EXIT, Played, changing, of
from tests.engine.execution.rig import LOT, new_desk
from tests.engine.execution.small_engine import SYMBOL

FILLED, CANCELLED, REJECTED = OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED


@pytest.fixture
def played() -> Played:
    return holding(LOT)


def holding(quantity: int) -> Played:
    """A desk whose entry has filled, and whose book is known."""
    played = Played()
    places = of(played.enter(quantity), Place)
    for place in places:
        played.ack(place)
        played.seen(place, "complete", place.intent.request.quantity, 100.0)
    rows = [played.row(place, "complete", place.intent.request.quantity, 100.0) for place in places]
    played.take(played.desk.book(rows, [], played.when, played.when))
    played.outputs.clear()
    return played


def fail(played: Played, place: Place, fate: Fate) -> list[object]:
    return [*played.take(played.desk.not_placed(place.intent.request.tag, fate, "no", played.when))]


def test_an_exit_is_limited_around_the_latest_price(played: Played) -> None:
    played.desk.last_price(SYMBOL, 90.0)
    played.desk.last_price(SYMBOL, float("nan"))
    [place] = of(played.leave(price=100.0), Place)
    assert place.intent.request.price == 87.3
    assert place.intent.purpose is Purpose.EXIT


def test_an_exit_without_any_price_waits_for_one_and_says_so() -> None:
    played = Played()
    assert changing(played.leave(price=float("nan"))) == []
    assert played.troubles(f"exit {EXIT}")[0].need is Need.STOP_ENTRIES
    played.desk.last_price(SYMBOL, 50.0)
    assert of(played.wait(2.0), Place)[0].intent.request.price == 48.5


def test_a_refused_exit_is_sent_again_with_a_new_price_for_ever(played: Played) -> None:
    [place] = of(played.leave(), Place)
    limits = [place.intent.request.price]
    for _ in range(12):
        fail(played, place, Fate.REFUSED)
        assert changing(played.wait(0.5)) == []
        [place] = of([output for _ in range(70) for output in played.wait(0.5)], Place)
        limits.append(place.intent.request.price)
    assert limits[:6] == [97.0, 98.5, 99.25, 99.6, 99.8, 99.8]
    needs = [trouble.need for trouble in played.troubles(f"exit {EXIT}")]
    assert needs[:3] == [Need.NOTHING, Need.NOTHING, Need.STOP_ENTRIES]
    assert needs[-1] is Need.EXITS_ONLY
    assert played.told(EXIT) == []
    played.ack(place)
    played.seen(place, "complete", LOT, 99.0)
    assert played.told(EXIT) == [(FILLED, LOT, 99.0)]
    assert f"exit {EXIT}" in [cleared.key for cleared in of(played.outputs, Cleared)]


def test_a_refused_exit_is_not_tried_more_often_than_so_many_times_a_minute() -> None:
    played = Played(new_desk(reprice_after_s=0.2))
    played.bought()
    played.leave()
    for _ in range(590):
        waiting = [place for place in of(played.outputs, Place) if place.intent.order_id == EXIT]
        fail(played, waiting[-1], Fate.REFUSED)
        played.wait(0.1)
    assert len([p for p in of(played.outputs, Place) if p.intent.order_id == EXIT]) <= MOST_TRIES_A_MINUTE


def test_an_exit_rejected_at_the_exchange_is_sent_again() -> None:
    played = holding(2 * LOT)
    [place] = of(played.leave(2 * LOT), Place)
    played.ack(place)
    played.seen(place, "rejected")
    [again] = of(played.wait(2.0), Place)
    assert again.intent.attempt == 1
    assert again.intent.request.quantity == 2 * LOT
    assert played.told(EXIT) == []


def test_what_the_exchange_cancels_of_an_exit_is_sent_again() -> None:
    played = holding(3 * LOT)
    [place] = of(played.leave(3 * LOT), Place)
    played.ack(place)
    played.seen(place, "cancelled", LOT, 99.0)
    [again] = of(played.wait(2.0), Place)
    assert again.intent.request.quantity == 2 * LOT


def test_an_unknown_exit_is_searched_before_it_is_sent_again(played: Played) -> None:
    [place] = of(played.leave(), Place)
    fail(played, place, Fate.UNKNOWN)
    found = played.search_in_vain()
    [again] = of(found, Place)
    assert again.intent.request.tag == f"SOSab12-{EXIT}-0-1"
    assert found.index(again) > max(at for at, output in enumerate(found) if isinstance(output, LookUp))


def test_the_copy_of_an_exit_that_surfaces_is_cancelled_and_what_it_sold_bought_back(played: Played) -> None:
    [place] = of(played.leave(), Place)
    fail(played, place, Fate.UNKNOWN)
    [again] = of(played.search_in_vain(), Place)
    played.ack(again)
    assert len(of(played.seen(place, "open"), Cancel)) == 1
    played.seen(again, "complete", LOT, 99.0)
    outputs = played.seen(place, "complete", LOT, 99.0)
    [back] = of(outputs, Place)
    assert (back.intent.request.side, back.intent.request.quantity) == (Side.BUY, LOT)
    assert played.troubles("own")[0].severity is Severity.ERROR


def test_an_exit_that_does_not_fill_follows_the_price(played: Played) -> None:
    [place] = of(played.leave(), Place)
    number = played.ack(place)
    tag = place.intent.request.tag
    played.desk.last_price(SYMBOL, 95.0)
    assert changing(played.wait(1.9)) == []
    [modify] = of(played.wait(0.1), Modify)
    assert (modify.change.order_id, modify.change.quantity, modify.change.price) == (number, LOT, 92.15)
    assert changing(played.wait(10.0)) == [], "one request about an order at a time"
    played.take(played.desk.changed(tag, Fate.PLACED, "", played.when))
    played.desk.last_price(SYMBOL, 99.0)
    assert changing(played.wait(5.0)) == [], "a limit is never made tamer"
    played.desk.last_price(SYMBOL, 90.0)
    assert of(played.wait(2.0), Modify)[0].change.price == 87.3


def test_with_a_dead_feed_an_exit_that_does_not_fill_is_moved_by_itself(played: Played) -> None:
    [place] = of(played.leave(), Place)
    played.ack(place)
    limits = [place.intent.request.price]
    for _ in range(3):
        assert changing(played.wait(9.9)) == []
        [modify] = of(played.wait(0.1), Modify)
        played.take(played.desk.changed(modify.tag, Fate.PLACED, "", played.when))
        limits.append(modify.change.price)
    assert limits == [97.0, 94.05, 88.4, 80.4], "further each time: nobody knows how far the market has gone"


@pytest.mark.parametrize("fate", [Fate.REFUSED, Fate.UNKNOWN])
def test_a_modify_that_came_too_late_is_no_failure(played: Played, fate: Fate) -> None:
    [place] = of(played.leave(), Place)
    played.ack(place)
    played.desk.last_price(SYMBOL, 95.0)
    played.wait(2.0)
    played.take(played.desk.changed(place.intent.request.tag, fate, "over", played.when, code="UDAPI100041"))
    played.seen(place, "complete", LOT, 97.0)
    assert played.told(EXIT) == [(FILLED, LOT, 97.0)]
    assert changing(played.wait(10.0)) == []


def test_after_most_reprices_a_limit_goes_on_moving_more_slowly_for_ever() -> None:
    played = Played(new_desk(most_reprices=1))
    played.bought()
    [place] = of(played.leave(), Place)
    played.ack(place)
    moves = []
    for second in range(60):
        for modify in of(played.wait(1.0), Modify):
            played.take(played.desk.changed(modify.tag, Fate.PLACED, "", played.when))
            moves.append(second)
    assert len(moves) == 6
    assert min(b - a for a, b in pairwise(moves)) >= 9


def test_after_most_reprices_it_is_watched_and_said() -> None:
    played = Played(new_desk(most_reprices=2))
    played.bought()
    [place] = of(played.leave(), Place)
    played.ack(place)
    for step in range(1, 6):
        played.desk.last_price(SYMBOL, 100.0 - step)
        played.wait(2.0)
        played.take(played.desk.changed(place.intent.request.tag, Fate.PLACED, "", played.when))
    assert len(of(played.outputs, Modify)) == 2
    assert [trouble.need for trouble in played.troubles(f"exit {EXIT}")] == [Need.STOP_ENTRIES]


def test_exits_are_sliced_and_one_slice_failing_leaves_the_others() -> None:
    played = holding(6 * LOT)
    first, second = of(played.leave(6 * LOT), Place)
    played.ack(second)
    fail(played, first, Fate.LOCKED)
    played.seen(second, "complete", 3 * LOT, 99.0)
    [again] = of(played.wait(2.0), Place)
    assert (again.intent.piece, again.intent.attempt) == (0, 1)
    assert played.told(EXIT) == [(FILLED, 3 * LOT, 99.0)]


def test_the_cancel_of_an_entry_in_an_exits_way_goes_first() -> None:
    played = Played(new_desk(requests_per_second=2, kept_for_exits=0.5))
    [place] = of(played.enter(3 * LOT), Place)
    played.ack(place)
    played.seen(place, "open", LOT, 100.0)
    played.leave(LOT)
    assert len(of(played.outputs, Place)) == 2
    played.cancel()
    assert [type(output) for output in changing(played.wait(1.0))] == [Cancel]


def test_flatten_sells_what_nothing_in_motion_covers_and_takes_no_more_entries(played: Played) -> None:
    [waiting] = of(played.submit(order_of(2), Side.BUY, LOT), Place)
    played.ack(waiting)
    outputs = played.take(played.desk.flatten(played.when))
    assert [cancel.tag for cancel in of(outputs, Cancel)] == [waiting.intent.request.tag]
    [own] = of(outputs, Place)
    assert (own.intent.position_id, own.intent.request.side, own.intent.request.quantity) == (1, Side.SELL, LOT)
    [late] = of(played.seen(waiting, "complete", LOT, 100.0), Place)
    assert (late.intent.position_id, late.intent.request.quantity) == (2, LOT)
    assert changing(played.submit(order_of(3), Side.BUY, LOT)) == []
    assert played.told(order_of(3)) == [(REJECTED, 0, 0.0)]
    for place in (own, late):
        played.ack(place)
        played.seen(place, "complete", LOT, 99.0)
    assert played.desk.held() == {}


def test_flatten_leaves_an_exit_that_works_alone(played: Played) -> None:
    [place] = of(played.leave(), Place)
    played.ack(place)
    assert changing(played.take(played.desk.flatten(played.when))) == []


def test_an_exit_for_what_the_desk_has_sold_already_is_not_sent(played: Played) -> None:
    [own] = of(played.take(played.desk.flatten(played.when)), Place)
    played.ack(own)
    played.seen(own, "complete", LOT, 99.0)
    assert changing(played.leave()) == []
    assert played.told(EXIT) == [(CANCELLED, 0, 0.0)]


def test_an_exit_of_the_engines_leaves_the_desks_own_alone(played: Played) -> None:
    [own] = of(played.take(played.desk.flatten(played.when)), Place)
    played.ack(own)
    played.seen(own, "open", 0, 99.0)
    assert changing(played.leave()) == []
    assert played.told(EXIT) == [(CANCELLED, 0, 0.0)]
    played.seen(own, "complete", LOT, 99.0)
    assert played.desk.held() == {}


def test_a_corrected_position_is_taken_as_the_broker_has_it(played: Played) -> None:
    played.take(played.desk.correct(PositionCorrected(played.when, 1, 0, 100.0), played.when))
    assert played.desk.held() == {}
    assert changing(played.take(played.desk.flatten(played.when))) == []


def test_outcomes_that_were_lost_leave_everything_in_doubt_but_what_is_in_hand(played: Played) -> None:
    [place] = of(played.leave(), Place)
    assert of(played.take(played.desk.doubt({place.intent.request.tag}, played.when)), LookUp) == []
    assert of(played.take(played.desk.doubt((), played.when)), LookUp) == [LookUp(place.intent.request.tag)]


def test_orders_of_others_change_nothing(played: Played) -> None:
    [place] = of(played.leave(), Place)
    played.ack(place)
    row = played.row(place, "complete", LOT, 99.0, broker_id="X-1")
    for tag in ("", "mine", "SOSzz99-1000001-0-0"):
        theirs = type(row)(row.ts_event, "X-1", tag, *[getattr(row, name) for name in list(row.__slots__)[3:]])
        assert played.take(played.desk.seen(theirs, played.when)) == []
    assert played.told(ENTRY) == []


def test_a_second_order_under_one_tag_is_taken_back(played: Played) -> None:
    [place] = of(played.leave(), Place)
    played.ack(place)
    outputs = played.take(played.desk.seen(played.row(place, "open", broker_id="X-2"), played.when))
    assert [cancel.broker_id for cancel in of(outputs, Cancel)] == ["X-2"]
