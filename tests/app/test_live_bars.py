"""Bars reach external engines oldest first and each once, whatever came late."""

from __future__ import annotations

import pytest

from sos_actors.app.live_bars import MOST_AHEAD, MOST_EARLY, BarsInOrder
from sos_actors.messages.market import BarClosed
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos

OPENS = 1_768_275_900 * 10**9
NIFTY, STOCK = "NSE|INDEX|NIFTY", "NSE|EQ|RELIANCE"


def bar(minute: int, symbol: str = NIFTY, price: float = 100.0) -> BarClosed:
    opened = OPENS + minute * NANOS_PER_MINUTE
    return BarClosed(UnixNanos(opened + NANOS_PER_MINUTE), symbol, UnixNanos(opened), price, price, price, price)


class Told:
    """What was passed on, as minutes after the open."""

    def __init__(self) -> None:
        self.bars: list[BarClosed] = []
        self.order = BarsInOrder(self.bars.append, {NIFTY})

    def minutes(self, symbol: str = NIFTY) -> list[int]:
        return [(one.ts_open - OPENS) // NANOS_PER_MINUTE for one in self.bars if one.symbol == symbol]


@pytest.fixture
def told() -> Told:
    return Told()


def test_bars_wait_until_the_past_is_there_and_follow_it(told: Told) -> None:
    told.order.bar(bar(3))
    told.order.bar(bar(4))
    assert told.minutes() == []
    told.order.past(NIFTY, [bar(minute) for minute in range(4)])
    told.order.bar(bar(5))
    assert told.minutes() == [0, 1, 2, 3, 4, 5]


def test_a_bar_is_told_once_as_it_was_known_first(told: Told) -> None:
    told.order.past(NIFTY, [bar(0, price=1.0)])
    told.order.bar(bar(0, price=2.0))
    told.order.bar(bar(1, price=3.0))
    told.order.past(NIFTY, [bar(0, price=4.0), bar(1, price=5.0)])
    assert [one.open for one in told.bars] == [1.0, 3.0]


def test_what_an_index_missed_comes_before_what_followed(told: Told) -> None:
    told.order.past(NIFTY, [bar(0)])
    told.order.bar(bar(2))
    told.order.bar(bar(3))
    assert told.minutes() == [0]
    told.order.bar(bar(1))
    assert told.minutes() == [0, 1, 2, 3]
    told.order.bar(bar(6))
    told.order.past(NIFTY, [bar(minute) for minute in range(6)])
    assert told.minutes() == [0, 1, 2, 3, 4, 5, 6]


def test_what_does_not_come_is_given_up(told: Told) -> None:
    told.order.past(NIFTY, [bar(0)])
    for minute in range(2, 2 + MOST_AHEAD):
        told.order.bar(bar(minute))
    assert told.minutes() == [0]
    told.order.bar(bar(2 + MOST_AHEAD))
    assert told.minutes() == [0, *range(2, 3 + MOST_AHEAD)]
    told.order.bar(bar(1))
    assert len(told.bars) == 2 + MOST_AHEAD


def test_a_stock_need_not_trade_every_minute(told: Told) -> None:
    told.order.past(STOCK, [])
    for minute in (0, 3, 4, 9):
        told.order.bar(bar(minute, STOCK))
    assert told.minutes(STOCK) == [0, 3, 4, 9]


def test_a_past_that_never_comes_is_not_waited_for_without_end(told: Told) -> None:
    for minute in range(MOST_EARLY):
        told.order.bar(bar(minute, STOCK))
    assert told.bars == []
    told.order.bar(bar(MOST_EARLY, STOCK))
    assert told.minutes(STOCK) == list(range(MOST_EARLY + 1))
