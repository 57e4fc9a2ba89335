"""Prices of contracts as the engine hears them, in whatever order feed and history bring them."""

from __future__ import annotations

from sos_actors.engine.event_board import SPARE, EventBoard
from sos_actors.engine.options import last_price
from sos_actors.messages.market import BarClosed
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos
from tests.engine.markets import FIRST, SECOND, minute

CONTRACT = "NSE|FO|NIFTY 25600 CE 13 JAN 26"


def bar(index: int, price: float) -> BarClosed:
    opened = minute(FIRST, index)
    return BarClosed(
        UnixNanos(opened + NANOS_PER_MINUTE), CONTRACT, UnixNanos(opened), price, price, price, price, 75.0
    )  # fmt: skip


def board_of(*bars: BarClosed) -> EventBoard:
    board = EventBoard(lambda _name, _day: [])
    for one in bars:
        board.add(one, FIRST)
    return board


def test_minutes_that_were_missed_take_their_place_and_the_last_price_stays_the_last() -> None:
    board = board_of(bar(0, 100.0), bar(4, 140.0), bar(0, 99.0), bar(2, 120.0), bar(1, 110.0), bar(4, 1.0))
    bars = board.bars(CONTRACT, FIRST, minute(FIRST, 10))
    assert bars is not None
    assert bars.ts.tolist() == [minute(FIRST, index) for index in (0, 1, 2, 4)]
    assert bars.close.tolist() == [100.0, 110.0, 120.0, 140.0]


def test_nothing_is_known_before_the_first_minute_has_closed_nor_on_another_day() -> None:
    board = board_of(bar(3, 100.0), bar(2, 90.0))
    assert board.bars(CONTRACT, FIRST, minute(FIRST, 3) - 1) is None
    assert board.bars(CONTRACT, FIRST, minute(FIRST, 3)) is not None
    assert board.bars(CONTRACT, SECOND, minute(SECOND, 3)) is None


def test_old_minutes_are_forgotten_and_no_price_is_another_for_it() -> None:
    whole = EventBoard(lambda _name, _day: [])
    short = EventBoard(lambda _name, _day: [], 3 * NANOS_PER_MINUTE)
    for index in range(300):
        traded = bar(index, 100.0 + index)
        for board in (whole, short):
            board.add(traded, FIRST)
        moment = minute(FIRST, index + 1)
        kept, all_ = short.bars(CONTRACT, FIRST, moment), whole.bars(CONTRACT, FIRST, moment)
        assert kept is not None
        assert all_ is not None
        assert len(kept) <= 2 * (3 + SPARE)
        assert kept.ts[0] == all_.ts[0]
        for late in range(min(SPARE, index)):
            ts = moment - late * NANOS_PER_MINUTE
            assert last_price(kept, ts, 3 * NANOS_PER_MINUTE) == last_price(all_, ts, 3 * NANOS_PER_MINUTE)
