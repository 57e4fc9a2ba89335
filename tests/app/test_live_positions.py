"""Somebody else sells what we hold: it takes two looks alike, and nothing of ours under way, to believe it."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from sos_actors.app.live_instruments import Instruments
from sos_actors.app.live_positions import PositionWatch
from sos_actors.app.live_reconcile import Holding
from sos_actors.errors import ActorTimeoutError, SosError, VendorUnreachableError
from sos_actors.market.instruments import default_master
from sos_actors.messages.broker import BrokerPosition
from sos_actors.messages.trading import PositionCorrected
from sos_actors.types import UnixNanos

NAME, NOW = "NSE|EQ|RELIANCE", UnixNanos(1_768_274_400_000_000_000)
MASTER = default_master()
KEY = str(MASTER.resolve(NAME).instrument_key)
INSTRUMENTS = Instruments(MASTER, MappingProxyType({KEY: NAME}), ())


class World:
    """What the broker and the engine hold."""

    def __init__(self) -> None:
        self.ours = [Holding(1, NAME, 75, 100.0)]
        self.brokers: int | SosError = 75
        self.busy = False
        self.asked = 0
        self.told: list[PositionCorrected] = []
        self.watch = PositionWatch(
            self.positions, lambda: self.ours, lambda: self.busy, self.told.append, lambda: NOW, INSTRUMENTS,
            lambda _: 90.0,
        )  # fmt: skip

    def positions(self) -> list[BrokerPosition]:
        self.asked += 1
        if isinstance(self.brokers, SosError):
            raise self.brokers
        return [BrokerPosition(KEY, "I", self.brokers, 100.0, None, None, None)]

    def look(self, times: int = 1) -> list[tuple[int, int, float]]:
        for _ in range(times):
            self.watch.look()
        return [(one.position_id, one.quantity, one.price) for one in self.told]


@pytest.fixture
def world() -> World:
    return World()


def test_what_both_hold_is_left_alone(world: World) -> None:
    assert world.look(3) == []
    assert world.asked == 3


def test_what_somebody_else_sold_is_corrected_at_the_second_look(world: World) -> None:
    world.brokers = 25
    assert world.look() == []
    assert world.look() == [(1, 25, 90.0)]


def test_two_looks_that_differ_correct_nothing(world: World) -> None:
    for there in (25, 50, 25, 75):
        world.brokers = there
        assert world.look() == []


def test_while_an_order_works_nobody_is_asked_and_what_was_seen_is_forgotten(world: World) -> None:
    world.brokers = 0
    world.look()
    world.busy = True
    world.look(5)
    assert world.asked == 1
    world.busy = False
    assert world.look() == []
    assert world.look() == [(1, 0, 90.0)]


def test_where_nothing_is_held_the_traders_own_positions_are_nobodys_business(world: World) -> None:
    world.ours, world.brokers = [], 500
    assert world.look(3) == []
    assert world.asked == 0


@pytest.mark.parametrize("error", [VendorUnreachableError("upstox", "reset"), ActorTimeoutError("busy")])
def test_who_does_not_answer_corrects_nothing(world: World, error: SosError) -> None:
    world.brokers = 0
    world.look()
    world.brokers = error
    assert world.look(2) == []
