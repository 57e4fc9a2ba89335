"""Stocks come into play and leave; what is held stays until it is flat."""

from __future__ import annotations

import pytest

from sos_actors.actors.funnel import Funnel, FunnelState
from sos_actors.engine.plan import FollowedSymbol
from sos_actors.engine.records import InstrumentKind
from sos_actors.errors import UnknownSymbolError
from sos_actors.messages.market import ScreenerAlert
from sos_actors.types import UnixNanos


class World:
    """Who is followed, and what is held."""

    def __init__(self, most: int = 2) -> None:
        self.followed: list[str] = []
        self.held: set[str] = set()
        self.asked = 0
        self.funnel = Funnel(self.lookup, self.begin, self.followed.remove, self.holdings, most)
        self.now = 0

    def lookup(self, symbol: str) -> FollowedSymbol:
        if symbol == "NSE|EQ|NOBODY":
            raise UnknownSymbolError("nobody lists it")
        return FollowedSymbol(symbol, InstrumentKind.EQUITY)

    def begin(self, followed: FollowedSymbol) -> None:
        assert followed.symbol not in self.followed
        self.followed.append(followed.symbol)

    def holdings(self) -> frozenset[str]:
        self.asked += 1
        return frozenset(self.held)

    def tell(self, action: str, *names: str) -> None:
        for name in names:
            self.now += 1
            self.funnel.alert(ScreenerAlert(UnixNanos(self.now), f"NSE|EQ|{name}", action))

    def states(self) -> dict[str, str]:
        return {row.symbol.rpartition("|")[2]: row.state.value for row in self.funnel.rows()}


@pytest.fixture
def world() -> World:
    return World()


def test_a_stock_is_followed_from_add_to_remove(world: World) -> None:
    world.tell("ADD", "TCS")
    assert world.followed == ["NSE|EQ|TCS"]
    world.tell("ADD", "TCS")
    assert world.followed == ["NSE|EQ|TCS"]
    world.tell("REMOVE", "TCS", "TCS", "SBIN")
    assert world.followed == []
    assert world.states() == {}


def test_a_stock_that_is_held_stays_until_it_is_flat(world: World) -> None:
    world.tell("ADD", "TCS")
    world.held = {"NSE|EQ|TCS"}
    world.tell("REMOVE", "TCS")
    assert world.states() == {"TCS": "leaving"}
    world.funnel.settle()
    assert world.followed == ["NSE|EQ|TCS"]
    world.held = set()
    world.funnel.settle()
    assert world.followed == []
    assert world.states() == {}


def test_a_stock_that_comes_back_while_it_is_held_is_followed_without_a_break(world: World) -> None:
    world.tell("ADD", "TCS")
    world.held = {"NSE|EQ|TCS"}
    world.tell("REMOVE", "TCS")
    world.tell("ADD", "TCS")
    assert world.states() == {"TCS": "followed"}
    world.held = set()
    world.funnel.settle()
    assert world.followed == ["NSE|EQ|TCS"]


def test_further_stocks_wait_for_a_place(world: World) -> None:
    world.tell("ADD", "TCS", "SBIN", "ITC", "LT")
    assert world.states() == {"TCS": "followed", "SBIN": "followed", "ITC": "waiting", "LT": "waiting"}
    world.tell("REMOVE", "SBIN", "LT")
    world.funnel.settle()
    assert world.states() == {"TCS": "followed", "ITC": "followed"}
    assert world.followed == ["NSE|EQ|TCS", "NSE|EQ|ITC"]


def test_a_leaving_stock_keeps_its_place(world: World) -> None:
    world.tell("ADD", "TCS", "SBIN", "ITC")
    world.held = {"NSE|EQ|TCS"}
    world.tell("REMOVE", "TCS")
    world.funnel.settle()
    assert world.states()["ITC"] == "waiting"


def test_a_stock_nobody_lists_is_told_with_the_reason_and_takes_no_place(world: World) -> None:
    world.tell("ADD", "NOBODY", "TCS", "SBIN")
    (refused, *_) = world.funnel.rows()
    assert (refused.state, refused.reason) == (FunnelState.REFUSED, "nobody lists it")
    assert len(world.followed) == 2
    world.tell("REMOVE", "NOBODY")
    assert "NOBODY" not in world.states()


def test_nobody_is_asked_what_is_held_while_nothing_leaves(world: World) -> None:
    world.tell("ADD", "TCS", "SBIN")
    world.funnel.settle()
    assert world.asked == 0
