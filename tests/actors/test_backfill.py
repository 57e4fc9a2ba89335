"""The past comes before a symbol is followed, indices first, as often as it takes; gaps are filled in order."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sos_actors.actors.backfill import BackfillActor
from sos_actors.actors.backfill_queue import BackfillQueue, Progress
from sos_actors.actors.backfill_words import BackfillHearers, Forget, GapFound, OiWanted, Want
from sos_actors.actors.describing import Describe
from sos_actors.engine.following import SymbolPast
from sos_actors.errors import VendorUnreachableError
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.market import BarClosed, BarSeries
from sos_actors.types import NANOS_PER_MINUTE, UnixNanos
from tests.actors.staged import Stage
from tests.market.chains import BANKNIFTY, NIFTY, minute

A, B = "NSE|EQ|A", "NSE|EQ|B"


def bars(*minutes: int) -> BarSeries:
    ts = np.array([minute(number) for number in minutes], np.int64)
    price = 100.0 + np.arange(len(ts), dtype=np.float64)
    return BarSeries(ts, price, price + 1, price - 1, price, np.full(len(ts), 500.0), np.full(len(ts), np.nan))


class Source:
    """A ``PastSource`` that remembers who was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.until: list[int] = []
        self.error: Exception | None = None
        self.bars = bars(1, 2, 3)

    def past(self, symbol: str, until: UnixNanos) -> SymbolPast:
        self.asked.append(symbol)
        self.until.append(until)
        if self.error is not None:
            raise self.error
        return SymbolPast(self.bars)

    def today(self, symbol: str, _until: UnixNanos) -> BarSeries:
        self.asked.append(f"today {symbol}")
        if self.error is not None:
            raise self.error
        return self.bars

    def oi_history(self, symbol: str) -> list[OiHistoryRow]:
        if self.error is not None:
            raise self.error
        return [OiHistoryRow(minute(1), 25_600.0, float(len(symbol)), None, 25_550.0)]


class Floor(Stage):
    def __init__(self) -> None:
        super().__init__()
        self.source, self.queue = Source(), BackfillQueue()
        self.delivered: list[tuple[str, SymbolPast]] = []
        self.shown: list[tuple[str, list[OiHistoryRow]]] = []
        self.last: dict[str, int] = {}

    def begin(self) -> BackfillActor:
        actor = BackfillActor(
            self.source, self.sink,
            BackfillHearers(lambda symbol, past: self.delivered.append((symbol, past)),
                            lambda symbol, rows: self.shown.append((symbol, rows))),
            self.timers, self.clock, last_bar=lambda symbol: self.last.get(symbol, -1), timeout_s=90.0,
            spawn=self.spawn, queue=self.queue, mailbox=self.mailbox,
        )  # fmt: skip
        actor._errands._now_ns = lambda: self.clock()
        self.start(actor)
        return actor

    def tell(self, *messages: object) -> None:
        for message in messages:
            assert self.actor is not None
            self.actor.on_receive(message)
        self.pump()

    @property
    def progress(self) -> Progress:
        assert self.actor is not None
        found = self.actor.on_receive(Describe())
        assert isinstance(found, Progress)
        return found

    @property
    def names(self) -> list[str]:
        return [symbol for symbol, _ in self.delivered]


@pytest.fixture
def floor() -> Floor:
    return Floor()


def test_a_past_is_fetched_as_of_now_and_delivered(floor: Floor) -> None:
    floor.begin()
    floor.tell(Want(A))
    assert floor.names == [A]
    assert floor.source.until == [floor.clock()]
    assert floor.progress == Progress(1, (), (), {})


def test_two_are_fetched_at_a_time_and_indices_go_before_stocks(floor: Floor) -> None:
    floor.hold_errands = True
    floor.begin()
    floor.tell(Want(A), Want(B), Want("NSE|EQ|C"), Want(NIFTY), Want(BANKNIFTY), Want(A))
    assert floor.progress == Progress(0, (A, B), ("NSE|EQ|C", NIFTY, BANKNIFTY), {})
    floor.run_errands()
    assert floor.source.asked == [A, B, NIFTY, BANKNIFTY, "NSE|EQ|C"]
    assert floor.names == floor.source.asked


def test_a_failure_is_told_and_tried_again_later_and_later_until_it_is_there(floor: Floor) -> None:
    floor.begin()
    floor.source.error = VendorUnreachableError("upstox", "no answer.")
    floor.tell(Want(A))
    assert floor.progress == Progress(0, (), (), {A: "upstox: no answer."})
    moments = [floor.clock()]
    for _ in range(200):
        asked = len(floor.source.asked)
        floor.pass_time(1)
        moments += [floor.clock()] * (len(floor.source.asked) - asked)
    gaps = [round((later - before) / 1e9) for before, later in pairwise(moments)]
    assert gaps == [2, 4, 8, 16, 32, 60, 60]
    floor.source.error = None
    floor.pass_time(60)
    assert floor.names == [A]


def test_one_that_is_not_wanted_any_more_is_not_delivered(floor: Floor) -> None:
    floor.hold_errands = True
    floor.begin()
    floor.tell(Want(A), Want(B), Want(NIFTY), Forget(A), Forget(NIFTY))
    floor.run_errands()
    assert floor.names == [B]
    assert floor.progress.waiting == ()


def test_one_that_leaves_and_comes_again_while_it_is_fetched_is_delivered_once(floor: Floor) -> None:
    floor.hold_errands = True
    floor.begin()
    floor.tell(Want(A), Forget(A), Want(A))
    floor.run_errands()
    assert floor.names == [A]


def test_one_that_takes_too_long_frees_its_lane_and_is_tried_again(floor: Floor) -> None:
    floor.hold_errands = True
    floor.begin()
    floor.tell(Want(A), Want(B), Want(NIFTY))
    floor.pass_time(96)
    assert floor.progress.failed == {A: "It took too long.", B: "It took too long."}
    assert floor.progress.running == (NIFTY,)
    floor.pass_time(4)
    floor.run_errands()
    assert sorted(floor.names) == sorted([A, B, NIFTY])


def test_a_successor_fetches_again_what_was_under_way(floor: Floor) -> None:
    floor.hold_errands = True
    floor.begin()
    floor.tell(Want(A))
    lost = floor.threads.pop()
    floor.begin()
    lost()
    floor.pump()
    assert floor.names == []
    floor.run_errands()
    assert floor.names == [A]


def test_missed_bars_are_told_in_order_and_only_those(floor: Floor) -> None:
    floor.begin()
    floor.last[A], floor.source.bars = minute(2), bars(1, 2, 3, 4)
    floor.tell(GapFound(A, minute(3), minute(4)))
    found = [one for one in floor.sink.events if isinstance(one, BarClosed)]
    assert [(one.symbol, one.ts_open, one.ts_event - one.ts_open) for one in found] == [
        (A, minute(3), NANOS_PER_MINUTE), (A, minute(4), NANOS_PER_MINUTE),
    ]  # fmt: skip
    assert (found[0].close, found[0].volume, found[0].oi, found[0].provisional) == (102.0, 500.0, None, False)
    assert floor.names == []


def test_of_a_contract_only_what_was_missed_is_told(floor: Floor) -> None:
    contract = "NSE|FO|NIFTY 25600 CE 13 JAN 26"
    floor.begin()
    floor.source.bars = bars(1, 2, 3, 4)
    floor.tell(GapFound(contract, minute(3), minute(4)))
    found = [(one.symbol, one.ts_open) for one in floor.sink.events if isinstance(one, BarClosed)]
    assert found == [(contract, minute(3)), (contract, minute(4))]


def test_a_symbol_that_went_on_past_its_gap_begins_anew(floor: Floor) -> None:
    floor.begin()
    floor.last[A], floor.source.bars = minute(5), bars(1, 2, 3, 4, 5)
    floor.tell(GapFound(A, minute(3), minute(4)))
    assert floor.source.asked == [A], "its whole past is asked for at once"
    assert floor.names == [A]
    assert floor.sink.events == []


def test_one_that_goes_on_while_its_gap_is_fetched_begins_anew_too(floor: Floor) -> None:
    floor.hold_errands = True
    floor.begin()
    floor.last[A], floor.source.bars = minute(2), bars(1, 2, 3, 4, 5)
    floor.tell(GapFound(A, minute(3), minute(4)))
    floor.last[A] = minute(5)
    floor.run_errands()
    assert floor.source.asked == [f"today {A}", A]
    assert floor.sink.events == []
    assert floor.names == [A]


def test_open_interest_is_shown_whenever_it_is_asked_for_and_a_failure_is_not_the_end(floor: Floor) -> None:
    floor.begin()
    floor.tell(OiWanted(NIFTY), OiWanted(BANKNIFTY))
    assert [(symbol, rows[0].ce_oi) for symbol, rows in floor.shown] == [(NIFTY, 15.0), (BANKNIFTY, 19.0)]
    floor.source.error = VendorUnreachableError("trendlyne", "no answer.")
    floor.tell(OiWanted(NIFTY))
    assert len(floor.shown) == 2
    floor.source.error = None
    floor.tell(OiWanted(NIFTY))
    assert len(floor.shown) == 3


def test_a_past_that_lacks_a_bar_the_engine_has_had_meanwhile_is_fetched_again(floor: Floor) -> None:
    floor.hold_errands = True
    floor.begin()
    floor.source.bars = bars(1, 2, 3)
    floor.tell(Want(A))
    floor.last[A] = minute(4)
    floor.run_errands()
    assert floor.names == []
    assert "newer bars" in floor.progress.failed[A]
    floor.source.bars = bars(1, 2, 3, 4)
    floor.pass_time(2)
    floor.run_errands()
    assert floor.names == [A]
