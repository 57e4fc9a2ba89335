"""What the feed is to carry, in which order, and what waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sos_actors.actors.feed_roster import FeedRoster
from tests.actors.feeds import BANKNIFTY, NIFTY, RELIANCE, TCS, call, windows


def test_indices_come_first_then_what_is_held_then_contracts_then_stocks_as_they_came() -> None:
    roster = FeedRoster((NIFTY, BANKNIFTY), windows())
    roster.follow([TCS])
    roster.follow([RELIANCE, TCS])
    roster.held.add(call(25_000))
    assert roster.recentre({NIFTY: 25_600.0, "NSE|INDEX|OTHER": 1.0})
    contracts = [call(25_550), call(25_600), call(25_650)]
    assert roster.wanted() == ([NIFTY, BANKNIFTY, call(25_000), *contracts, TCS, RELIANCE], [])


def test_an_index_that_has_hardly_moved_changes_nothing() -> None:
    roster = FeedRoster([NIFTY], windows())
    assert not roster.recentre({})
    assert roster.recentre({NIFTY: 25_600.0})
    assert not roster.recentre({NIFTY: 25_630.0})
    assert roster.recentre({NIFTY: 25_640.0})


def test_a_stock_that_left_makes_room_for_the_one_that_waits() -> None:
    roster = FeedRoster([NIFTY], {}, most=2)
    roster.follow([RELIANCE])
    roster.follow([TCS])
    assert roster.wanted() == ([NIFTY, RELIANCE], [TCS])
    roster.unfollow([RELIANCE, "NSE|EQ|NOBODY"])
    assert roster.wanted() == ([NIFTY, TCS], [])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=60), st.integers(2, 12))
def test_never_more_than_the_connection_takes_and_nothing_is_forgotten(
    steps: list[tuple[bool, int]], most: int
) -> None:
    roster, followed = FeedRoster((NIFTY, BANKNIFTY), {}, most), set()
    for comes, number in steps:
        symbol = f"NSE|EQ|S{number}"
        if comes:
            roster.follow([symbol])
            followed.add(symbol)
        else:
            roster.unfollow([symbol])
            followed.discard(symbol)
        carried, waiting = roster.wanted()
        assert len(carried) <= most
        assert set(carried) | set(waiting) == {NIFTY, BANKNIFTY} | followed
        assert not waiting or len(carried) == most
