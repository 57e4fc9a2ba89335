"""Stop orders after a crash: found by their tags, kept or replaced, and told of when they sold meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sos_actors.config.running import Orders
from sos_actors.engine.execution.commands import Cancel, Place
from sos_actors.engine.execution.resume import AtBroker, Journaled, Resumed, resume
from sos_actors.engine.positions import order_of
from sos_actors.messages.broker import BrokerOrder, BrokerPosition
from sos_actors.messages.trading import OrderUpdated, PositionCorrected, PositionOpened
from sos_actors.types import Side
from tests.engine.execution.played import Guarded, changing, guarded, of
from tests.engine.execution.rig import KEY, LOT, NONCE, name_of, new_desk, terms_of
from tests.engine.execution.small_engine import SYMBOL

STOP = order_of(1, 950_001)
CONFIG = Orders(broker_stop=True)


@pytest.fixture
def desk() -> Guarded:
    return Guarded(new_desk(broker_stop=True))


def again(desk: Guarded, rows: Sequence[BrokerOrder], held: int) -> Resumed:
    """The desk after a crash; the engine had been told everything so far."""
    orders = [order.submit for order in desk.desk.ledger.orders.values() if order.order_id < STOP - 1]
    told = [each for each in desk.outputs if isinstance(each, OrderUpdated | PositionCorrected)]
    intents = [place.intent for place in of(desk.outputs, Place)]
    opened = [PositionOpened(desk.when, 1, SYMBOL, Side.BUY, LOT, 100.0, 90.0, 130.0)]
    broker = AtBroker(rows, (), [BrokerPosition(KEY, "I", held, None, 100.0, None, None)] if held else [], desk.when)
    return resume(CONFIG, NONCE, terms_of, name_of, Journaled(orders, (), intents, told, (), opened), broker, desk.when)


def rows_of(desk: Guarded, stop: Place, word: str, filled: int = 0, average: float | None = None) -> list[BrokerOrder]:
    entry = of(desk.outputs, Place)[0]
    return [desk.row(entry, "complete", LOT, 100.0), desk.row(stop, word, filled, average)]


def test_after_a_crash_it_is_found_and_kept(desk: Guarded) -> None:
    stop = guarded(desk)
    resumed = again(desk, rows_of(desk, stop, "trigger pending"), LOT)
    after = Guarded(resumed.desk, desk.now, resumed.outputs)
    assert changing([*resumed.outputs, *after.wait(10.0)]) == []
    assert [cancel.broker_id for cancel in of(after.leave(), Cancel)] == [f"B-{stop.intent.request.tag}"]


def test_after_a_crash_one_that_is_gone_is_replaced_under_a_new_number(desk: Guarded) -> None:
    stop = guarded(desk)
    [new] = of(again(desk, rows_of(desk, stop, "cancelled"), LOT).outputs, Place)
    assert (new.intent.order_id, new.intent.request.trigger_price) == (STOP + 1, 81.0)


def test_what_it_sold_while_nobody_looked_is_told_once(desk: Guarded) -> None:
    stop = guarded(desk)
    rows = rows_of(desk, stop, "complete", LOT, 80.5)
    resumed = again(desk, rows, 0)
    assert [each.quantity for each in of(resumed.outputs, PositionCorrected)] == [0]
    assert (resumed.desk.held(), resumed.differences) == ({}, [])
    desk.outputs += of(resumed.outputs, PositionCorrected)
    second = again(desk, rows, 0)
    assert of(second.outputs, PositionCorrected) == []
    assert changing(second.outputs) == []
    assert second.desk.held() == {}


def test_a_correction_of_somebody_elses_sale_outlives_a_crash(desk: Guarded) -> None:
    stop = guarded(desk)
    desk.take(desk.desk.correct(PositionCorrected(desk.when, 1, 0, 97.0), desk.when))
    desk.gone(stop)
    resumed = again(desk, rows_of(desk, stop, "cancelled"), 0)
    assert (resumed.desk.held(), resumed.differences) == ({}, [])
    assert changing(resumed.desk.flatten(desk.when)) == []
