"""Stop orders that wait at the broker: one for what is held, gone before anything else sells, told when it sold."""

from __future__ import annotations

import pytest

from sos_actors.config.running import Orders
from sos_actors.engine.execution.commands import Cancel, LookUp, Need, Output, Place
from sos_actors.engine.execution.policy import Fate
from sos_actors.engine.positions import order_of
from sos_actors.messages.broker import OrderKind
from sos_actors.messages.trading import OrderStatus, OrderUpdated, PositionCorrected, Purpose
from sos_actors.types import Side
from tests.engine.execution.played import ENTRY, EXIT, Guarded, changing, guarded, of
from tests.engine.execution.rig import LOT, new_desk

STOP = order_of(1, 950_001)
FILLED, CANCELLED = OrderStatus.FILLED, OrderStatus.CANCELLED
CONFIG = Orders(broker_stop=True)


@pytest.fixture
def desk() -> Guarded:
    return Guarded(new_desk(broker_stop=True))


def test_without_the_setting_nothing_is_placed() -> None:
    plain = Guarded()
    plain.bought()
    assert plain.opened(LOT) == []
    assert changing(plain.wait(5.0)) == []


def test_what_is_held_has_a_stop_order_beyond_the_engines_stop(desk: Guarded) -> None:
    stop = guarded(desk)
    request = stop.intent.request
    assert (request.side, request.quantity, request.kind) == (Side.SELL, LOT, OrderKind.SL)
    assert (request.trigger_price, request.price) == (81.0, 78.55)
    assert (stop.intent.order_id, stop.intent.purpose) == (STOP, Purpose.EXIT)
    assert changing([*desk.wait(5.0), *desk.opened(LOT), *desk.wait(5.0)]) == []


def test_what_was_sold_first_has_one_that_buys(desk: Guarded) -> None:
    [entry] = of(desk.submit(ENTRY, Side.SELL, LOT), Place)
    desk.ack(entry)
    desk.seen(entry, "complete", LOT, 100.0)
    [stop] = of(desk.opened(LOT, 110.0, Side.SELL), Place)
    request = stop.intent.request
    assert (request.side, request.trigger_price, request.price) == (Side.BUY, 121.0, 124.65)


def test_it_is_sliced_like_every_order(desk: Guarded) -> None:
    for place in of(desk.enter(4 * LOT), Place):
        desk.ack(place)
        desk.seen(place, "complete", place.intent.request.quantity, 100.0)
    assert [place.intent.request.quantity for place in of(desk.opened(4 * LOT), Place)] == [3 * LOT, LOT]


@pytest.mark.parametrize("stop", [0.0, float("nan")])
def test_without_a_stop_of_the_engines_there_is_none(desk: Guarded, stop: float) -> None:
    desk.bought()
    assert changing(desk.opened(LOT, stop)) == []


def test_it_follows_fills_and_the_engines_stop_when_they_have_come_to_rest(desk: Guarded) -> None:
    [entry] = of(desk.enter(3 * LOT), Place)
    desk.ack(entry)
    desk.seen(entry, "open", LOT, 100.0)
    [stop] = of(desk.opened(LOT), Place)
    desk.ack(stop)
    desk.seen(stop, "trigger pending")
    desk.seen(entry, "complete", 3 * LOT, 100.0)
    assert changing([*desk.wait(0.5), *desk.opened(3 * LOT, 95.0), *desk.wait(0.9)]) == []
    assert [cancel.tag for cancel in of(desk.wait(0.1), Cancel)] == [stop.intent.request.tag]
    [new] = of(desk.gone(stop), Place)
    assert (new.intent.order_id, new.intent.request.quantity) == (STOP + 1, 3 * LOT)
    assert new.intent.request.trigger_price == 85.5


def test_an_exit_waits_until_the_stop_order_is_gone(desk: Guarded) -> None:
    stop = guarded(desk)
    assert [type(output) for output in changing(desk.leave())] == [Cancel]
    desk.take(desk.desk.changed(stop.intent.request.tag, Fate.PLACED, "", desk.when))
    assert changing(desk.wait(1.0)) == [], "that the request was taken is no proof"
    [place] = of(desk.gone(stop), Place)
    assert (place.intent.order_id, place.intent.request.quantity) == (EXIT, LOT)
    desk.ack(place)
    desk.seen(place, "complete", LOT, 99.0)
    assert desk.told(EXIT) == [(FILLED, LOT, 99.0)]
    assert desk.desk.is_idle


def test_a_stop_order_on_its_way_bars_the_exit_too(desk: Guarded) -> None:
    desk.bought()
    [stop] = of(desk.opened(LOT), Place)
    assert changing(desk.leave()) == []
    desk.take(desk.desk.not_placed(stop.intent.request.tag, Fate.REFUSED, "no", desk.when))
    assert [place.intent.order_id for place in of(desk.outputs, Place)][-1] == EXIT


def test_one_that_sold_before_its_cancel_makes_the_exit_needless(desk: Guarded) -> None:
    stop = guarded(desk)
    desk.leave()
    desk.seen(stop, "complete", LOT, 80.5)
    assert desk.corrected() == [(0, 80.5, STOP)]
    assert desk.told(EXIT) == [(OrderStatus.REJECTED, 0, 0.0)]
    assert [p.intent.order_id for p in of(desk.outputs, Place)] == [ENTRY, STOP]
    assert desk.desk.held() == {}


def test_the_end_of_a_needless_exit_is_told_after_the_price_of_the_sale(desk: Guarded) -> None:
    stop = guarded(desk)
    desk.leave()
    desk.seen(stop, "complete", LOT)
    desk.take(desk.desk.book([desk.row(stop, "complete", LOT)], [], desk.when, desk.when))
    assert (desk.corrected(), desk.told(EXIT)) == ([], [])
    desk.seen(stop, "complete", LOT, 80.5)
    words = [type(each) for each in desk.outputs if isinstance(each, OrderUpdated | PositionCorrected)]
    assert words[-2:] == [PositionCorrected, OrderUpdated]


def test_what_it_sold_in_part_is_left_out_of_the_exit(desk: Guarded) -> None:
    stop = guarded(desk, 3 * LOT)
    desk.leave(3 * LOT)
    [place] = of(desk.gone(stop, LOT, 80.0), Place)
    assert place.intent.request.quantity == 2 * LOT
    assert desk.corrected() == [(2 * LOT, 80.0, STOP)]
    desk.ack(place)
    desk.seen(place, "complete", 2 * LOT, 79.0)
    assert desk.told(EXIT) == [(FILLED, 2 * LOT, 79.0), (CANCELLED, 0, 0.0)]


def test_one_that_fires_alone_is_told_fill_by_fill_and_left_to_work(desk: Guarded) -> None:
    stop = guarded(desk, 2 * LOT)
    assert changing(desk.seen(stop, "open", LOT, 80.0)) == []
    assert changing(desk.wait(3.0)) == []
    desk.seen(stop, "complete", 2 * LOT, 79.0)
    assert desk.corrected() == [(LOT, 80.0, STOP), (0, 78.0, STOP)]
    assert desk.desk.is_idle


def test_one_that_does_not_go_is_searched_and_cancelled_again_and_at_last_passed_by(desk: Guarded) -> None:
    stop = guarded(desk)
    tag, searched, cancelled = stop.intent.request.tag, 0, 0
    pending: list[Output] = [*desk.leave()]
    for _ in range(200):
        for output in pending:
            if isinstance(output, Cancel):
                cancelled += 1
                pending += desk.take(desk.desk.changed(tag, Fate.REFUSED, "try later", desk.when))
            elif isinstance(output, LookUp):
                searched += 1
                pending += desk.take(desk.desk.looked_up(tag, [desk.row(stop, "trigger pending")], desk.when))
        if any(place.intent.order_id == EXIT for place in of(desk.outputs, Place)):
            break
        pending = desk.wait(0.1)
    assert searched == 4
    assert cancelled >= 4
    assert desk.now - stop.intent.ts_event < 15_000_000_000
    assert "cannot be cancelled" in desk.troubles("stop 1")[0].text


def test_while_the_broker_says_nothing_of_it_nothing_else_is_sold(desk: Guarded) -> None:
    stop = guarded(desk)
    desk.leave()
    for _ in range(600):
        for look in of(desk.wait(0.1), LookUp):
            desk.take(desk.desk.look_up_failed(look.tag, desk.when))
    assert [p.intent.order_id for p in of(desk.outputs, Place)] == [ENTRY, STOP]
    assert of(desk.gone(stop), Place)[0].intent.order_id == EXIT


def test_one_that_is_nowhere_is_gone(desk: Guarded) -> None:
    desk.bought()
    [stop] = of(desk.opened(LOT), Place)
    desk.take(desk.desk.not_placed(stop.intent.request.tag, Fate.UNKNOWN, "lost", desk.when))
    desk.leave()
    [place] = of(desk.search_in_vain(), Place)
    assert place.intent.order_id == EXIT


def test_flatten_takes_it_back_first(desk: Guarded) -> None:
    stop = guarded(desk)
    assert [type(output) for output in changing(desk.take(desk.desk.flatten(desk.when)))] == [Cancel]
    [own] = of(desk.gone(stop), Place)
    assert (own.intent.order_id, own.intent.request.quantity) == (order_of(1, 900_001), LOT)


def test_a_refused_one_is_tried_again_later_and_closes_entries_only(desk: Guarded) -> None:
    desk.bought()
    desk.opened(LOT)
    for _ in range(2000):
        last = of(desk.outputs, Place)[-1]
        desk.take(desk.desk.not_placed(last.intent.request.tag, Fate.REFUSED, "band", desk.when))
        desk.wait(0.1)
    needs = [trouble.need for trouble in desk.troubles(f"exit {STOP}")]
    assert needs[:3] == [Need.NOTHING, Need.NOTHING, Need.STOP_ENTRIES]
    assert len(needs) > 10
    assert Need.EXITS_ONLY not in needs


def test_a_correction_is_believed_when_the_stop_order_is_gone_unsold(desk: Guarded) -> None:
    stop = guarded(desk)
    found = PositionCorrected(desk.when, 1, 0, 97.0)
    assert [type(output) for output in changing(desk.take(desk.desk.correct(found, desk.when)))] == [Cancel]
    assert desk.corrected() == []
    desk.gone(stop)
    assert desk.corrected() == [(0, 97.0, 0)]
    assert changing(desk.wait(5.0)) == []
    assert desk.desk.is_idle


def test_a_correction_that_the_stop_order_explains_changes_nothing(desk: Guarded) -> None:
    stop = guarded(desk)
    desk.take(desk.desk.correct(PositionCorrected(desk.when, 1, 0, 97.0), desk.when))
    desk.seen(stop, "complete", LOT, 80.5)
    assert desk.corrected() == [(0, 80.5, STOP)]
    assert changing(desk.wait(5.0)) == []
    assert desk.desk.held() == {}


def test_one_that_waits_for_its_price_is_no_order_in_motion(desk: Guarded) -> None:
    stop = guarded(desk)
    assert (desk.desk.working(), desk.desk.moving()) == ([stop.intent.request.tag], [])
    desk.seen(stop, "open")
    assert desk.desk.moving() == [stop.intent.request.tag]


def test_the_engine_hears_of_what_was_bought_before_it_hears_of_its_sale(desk: Guarded) -> None:
    [entry] = of(desk.enter(2 * LOT), Place)
    desk.ack(entry)
    desk.seen(entry, "open", LOT, 100.0)
    [first] = of(desk.opened(LOT), Place)
    desk.ack(first)
    desk.seen(entry, "complete", 2 * LOT)  # without a price yet
    desk.wait(1.0)
    [stop] = of(desk.gone(first), Place)
    desk.ack(stop)
    desk.seen(stop, "complete", 2 * LOT, 80.0)
    assert desk.corrected() == []
    desk.take(desk.desk.book([desk.row(entry, "complete", 2 * LOT, 101.0)], [], desk.when, desk.when))
    assert (desk.told(ENTRY)[-1], desk.corrected()) == ((FILLED, LOT, 102.0), [(0, 80.0, stop.intent.order_id)])
