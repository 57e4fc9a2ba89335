from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.simulator.upstox.matching import Book, Fill, Resting, is_triggered, paise
from sos_actors.simulator.view import Level, State
from sos_actors.types import NANOS_PER_SECOND, Side

LONG_AGO = 60 * NANOS_PER_SECOND


def shown(ts: float, ltp: float, volume: int = 0, bids: object = ((99.95, 100),), asks: object = ((100.05, 100),),
          ltt: int = 1) -> State:  # fmt: skip
    """A moment, ``ts`` in seconds."""
    wanted, offered = list(bids), list(asks)  # type: ignore[call-overload]
    rows = max(len(wanted), len(offered))
    wanted += [(0.0, 0)] * (rows - len(wanted))
    offered += [(0.0, 0)] * (rows - len(offered))
    depth = tuple(Level(b[1], b[0], a[1], a[0]) for b, a in zip(wanted, offered, strict=True))
    nothing = (0.0, 0.0, 0.0, 0.0, 0.0)
    return State(
        int(ts * NANOS_PER_SECOND), ltp, ltt, 1, 100.0, volume, ltp, 0.0, 0.0, 0.0, nothing, None, None, depth, 0, 0,
        1.0, 1_000.0,
    )  # fmt: skip


def buy(limit: float, quantity: int, name: str = "a", rank: int = 1) -> Resting:
    return Resting(name, Side.BUY, limit, quantity, rank)


def sell(limit: float, quantity: int, name: str = "s", rank: int = 1) -> Resting:
    return Resting(name, Side.SELL, limit, quantity, rank)


def test_a_crossing_order_takes_the_levels_one_by_one_up_to_its_limit() -> None:
    book = Book()
    state = shown(0, 100.0, asks=[(100.05, 100), (100.10, 50), (100.20, 500)])
    assert book.enter(buy(100.10, 200), state) == [Fill(100, 100.05), Fill(50, 100.10)]
    assert book.orders["a"].remaining == 50


def test_a_crossing_sell_order_takes_the_bids() -> None:
    state = shown(0, 100.0, bids=[(99.95, 100), (99.90, 100)])
    assert Book().enter(sell(99.90, 150), state) == [Fill(100, 99.95), Fill(50, 99.90)]


def test_what_was_taken_is_not_there_for_the_next_order_until_it_is_replenished() -> None:
    book = Book(replenish_ns=2 * NANOS_PER_SECOND)
    book.enter(buy(100.05, 100), shown(0, 100.0))
    assert book.enter(buy(100.05, 60, "b"), shown(1, 100.0)) == []
    assert book.sample(shown(1.5, 100.0)) == []
    [(order, fills)] = book.sample(shown(2.5, 100.0))
    assert (order.order_id, fills) == ("b", [Fill(60, 100.05)])


def test_the_rest_of_a_crossing_order_pays_what_the_book_shows() -> None:
    book = Book(replenish_ns=0)
    book.enter(buy(105.0, 150), shown(0, 100.0))
    [(_, fills)] = book.sample(shown(1, 100.0, asks=[(100.15, 100)]))
    assert fills == [Fill(50, 100.15)]


def test_a_resting_order_is_filled_at_its_limit_when_quotes_come_to_it() -> None:
    book = Book()
    assert book.enter(buy(99.0, 70), shown(0, 100.0)) == []
    [(_, fills)] = book.sample(shown(1, 98.9, bids=[(98.85, 100)], asks=[(98.95, 40), (99.0, 10)]))
    assert fills == [Fill(50, 99.0)]


def test_a_resting_order_is_filled_by_no_more_than_what_traded_beyond_its_price() -> None:
    book = Book()
    book.enter(buy(99.0, 70), shown(0, 100.0, volume=1_000))
    assert book.sample(shown(1, 98.9, volume=1_000, asks=[])) == []
    [(_, fills)] = book.sample(shown(2, 98.9, volume=1_030, asks=[]))
    assert fills == [Fill(30, 99.0)]
    [(_, fills)] = book.sample(shown(3, 98.9, volume=1_200, asks=[]))
    assert fills == [Fill(40, 99.0)]
    assert book.orders == {}


def test_at_its_price_an_order_waits_for_those_before_it() -> None:
    book = Book()
    queue = [(99.95, 100)]
    book.enter(buy(99.95, 50), shown(0, 100.0, volume=0, bids=queue))
    assert book.orders["a"].ahead == 100
    assert book.sample(shown(1, 99.95, volume=60, bids=queue)) == []
    [(_, fills)] = book.sample(shown(2, 99.95, volume=130, bids=queue))
    assert fills == [Fill(30, 99.95)]


def test_those_before_it_may_leave() -> None:
    book = Book()
    book.enter(buy(99.95, 50), shown(0, 100.0, bids=[(99.95, 100)]))
    [(_, fills)] = book.sample(shown(1, 99.95, volume=60, bids=[(99.95, 20)]))
    assert fills == [Fill(40, 99.95)]


def test_trades_at_better_prices_than_the_limit_do_not_concern_an_order() -> None:
    book = Book()
    book.enter(buy(99.0, 50), shown(0, 100.0))
    assert book.sample(shown(1, 99.05, volume=5_000, asks=[(99.10, 100)])) == []


def test_better_prices_come_first_then_earlier_orders_and_all_share_what_traded() -> None:
    book = Book()
    for order in (buy(99.0, 50, "low", 1), buy(99.5, 50, "late", 3), buy(99.5, 50, "early", 2)):
        book.enter(order, shown(0, 100.0))
    filled = book.sample(shown(1, 98.0, volume=120, asks=[]))
    assert [(order.order_id, fills[0].quantity) for order, fills in filled] == [
        ("early", 50), ("late", 50), ("low", 20),
    ]  # fmt: skip


def test_an_order_that_has_left_is_not_filled() -> None:
    book = Book()
    book.enter(buy(99.0, 50), shown(0, 100.0))
    book.leave("a")
    book.leave("nobody")
    assert book.sample(shown(1, 90.0, volume=1_000, asks=[(90.0, 100)])) == []


def test_an_order_that_meets_an_empty_book_pays_what_is_offered_next_not_its_limit() -> None:
    book = Book()
    assert book.enter(buy(105.0, 50), shown(0, 100.0, bids=[], asks=[])) == []
    assert book.orders["a"].ahead == 0
    assert book.sample(shown(1, 100.0, volume=500, bids=[], asks=[])) == []
    [(_, fills)] = book.sample(shown(2, 100.0, volume=500, asks=[(100.5, 100)]))
    assert fills == [Fill(50, 100.5)]


@pytest.mark.parametrize(
    ("side", "last", "ltt", "set_off"),
    [
        (Side.BUY, 101.0, 1, True), (Side.BUY, 100.95, 1, False), (Side.BUY, 102.0, 0, False),
        (Side.SELL, 101.0, 1, True), (Side.SELL, 101.05, 1, False),
    ],
)  # fmt: skip
def test_a_trigger_is_reached_by_the_last_price_of_today(side: Side, last: float, ltt: int, set_off: bool) -> None:
    assert is_triggered(side, 101.0, shown(0, last, ltt=ltt)) is set_off


prices = st.integers(1_980, 2_020).map(lambda ticks: ticks / 20)
offers = st.lists(st.integers(0, 300), min_size=0, max_size=4)


@st.composite
def moments(draw: st.DrawFn) -> list[State]:
    """A market that moves each second; its volume only grows."""
    volume, states = 0, []
    for second in range(draw(st.integers(2, 12))):
        last = draw(prices)
        volume += draw(st.integers(0, 200))
        bids = [(round(last - 0.05 * (place + 1), 2), size) for place, size in enumerate(draw(offers))]
        asks = [(round(last + 0.05 * (place + 1), 2), size) for place, size in enumerate(draw(offers))]
        states.append(shown(second, last, volume, bids, asks))
    return states


entries = st.tuples(st.sampled_from(Side), prices, st.integers(1, 400), st.integers(0, 11))


@settings(derandomize=True, max_examples=80, deadline=None)
@given(moments(), st.lists(entries, min_size=1, max_size=6))
def test_nobody_gets_more_than_asked_for_than_shown_or_a_worse_price(
    states: list[State], wishes: list[tuple[Side, float, int, int]]
) -> None:
    book, got = Book(), dict.fromkeys(range(len(wishes)), 0)
    for second, state in enumerate(states):
        offered = sum(level.ask_quantity + level.bid_quantity for level in state.depth)
        traded = state.volume - (states[second - 1].volume if second else 0)
        step: list[tuple[int, Fill]] = []
        for order, fills in book.sample(state):
            step += [(int(order.order_id), fill) for fill in fills]
        for number, (side, limit, quantity, when) in enumerate(wishes):
            if when == second:
                fills = book.enter(Resting(str(number), side, limit, quantity, number), state)
                step += [(number, fill) for fill in fills]
        for number, fill in step:
            side, limit, quantity, _ = wishes[number]
            assert fill.quantity > 0
            assert (paise(limit) - paise(fill.price)) * side >= 0
            got[number] += fill.quantity
            assert got[number] <= quantity
            left = book.orders[str(number)].remaining if str(number) in book.orders else 0
            assert left <= quantity - got[number] or number in [n for n, _ in step]
        assert sum(fill.quantity for _, fill in step) <= offered + traded
