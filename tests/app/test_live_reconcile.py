"""What the engine is told where the broker holds less than our orders explain."""

from __future__ import annotations

from types import MappingProxyType

from sos_actors.app.live_instruments import Instruments
from sos_actors.app.live_reconcile import Holding, corrections
from sos_actors.engine.execution.resume import Difference
from sos_actors.market.instruments import default_master
from sos_actors.messages.trading import PositionCorrected
from sos_actors.types import UnixNanos

NAME, KEY, NOW = "NSE|EQ|RELIANCE", "NSE_EQ|RELIANCE", UnixNanos(1_768_274_400_000_000_000)
KNOWN = Instruments(default_master(), MappingProxyType({KEY: NAME}), ())


def told(held: list[Holding], brokers: int, price: float | None = 95.0) -> list[tuple[int, int, float]]:
    found = Difference(NOW, KEY, "another quantity", sum(one.units for one in held), brokers)
    made = corrections(held, [found], KNOWN, lambda _: price, NOW)
    assert all(isinstance(one, PositionCorrected) and one.ts_event == NOW for one in made)
    return [(one.position_id, one.quantity, one.price) for one in made]


def bought(number: int, units: int) -> Holding:
    return Holding(number, NAME, units, 100.0)


def test_a_position_of_which_the_broker_holds_less_is_corrected_to_that() -> None:
    assert told([bought(1, 75)], 0) == [(1, 0, 95.0)]
    assert told([bought(1, 75)], 25) == [(1, 25, 95.0)]
    assert told([bought(1, 75)], -30) == [(1, 0, 95.0)], "what is sold beyond it is the trader's own"
    assert told([bought(1, -75)], -25, None) == [(1, 25, 100.0)]


def test_what_the_broker_holds_beyond_it_is_left_alone() -> None:
    assert told([bought(1, 75)], 150) == []
    assert told([bought(1, -75)], -75) == []


def test_of_two_positions_in_one_contract_none_is_thought_to_be_there_when_it_is_gone() -> None:
    assert told([bought(1, 75), bought(2, 75)], 0) == [(1, 0, 95.0), (2, 0, 95.0)]
    assert told([bought(1, 75), bought(2, 75)], 100) == [(2, 25, 95.0)]


def test_where_one_is_bought_and_one_sold_nobody_can_say_which_is_gone() -> None:
    assert told([bought(1, 75), bought(2, -25)], 0) == []
