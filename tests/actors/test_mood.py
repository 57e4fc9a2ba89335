"""The mood is read from whoever answers, told and kept once a minute; entries wait while nobody does."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sos_actors.actors.describing import Describe
from sos_actors.actors.errands import spawn_thread
from sos_actors.actors.mood import Look, MoodActor
from sos_actors.actors.mood_book import MoodHearers, MoodSettings
from sos_actors.actors.mood_look import MoodSources
from sos_actors.errors import VendorAnswerError, VendorUnreachableError
from sos_actors.market.mood_path import MoodPath
from sos_actors.messages.market import Sentiment
from sos_actors.messages.records import DepthRow, Fact, MoodMeasures
from sos_actors.messages.snapshots import Breadth, OptionChain
from sos_actors.runtime.trading_gate import Rung
from sos_actors.types import NANOS_PER_SECOND, Regime
from tests.actors.staged import Stage
from tests.market.chains import BANKNIFTY, EXPIRY_CLOSE, NIFTY, breadth, chain, minute


class Vendor:
    """Gives chains and breadth of some age, or an error."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.name, self._stage = name, stage
        self.error: Exception | None = None
        self.age_s, self.puts = 20.0, 1.0
        self.spoil = False

    def _moment(self) -> int:
        if self.error is not None:
            raise self.error
        return int(self._stage.clock()) - round(self.age_s * NANOS_PER_SECOND)

    def chain(self, underlying: str, _expiry: object = None) -> OptionChain:
        told = chain(self._moment(), source=self.name, underlying=f"NSE|INDEX|{underlying}", puts=self.puts)
        return replace(told, strike=told.strike[::-1]) if self.spoil else told

    def breadth(self) -> Breadth:
        return replace(breadth(self._moment()), source=self.name)


class Floor(Stage):
    """A mood actor between two vendors."""

    def __init__(self, at: float = 5.0) -> None:
        super().__init__(at)
        self.nse, self.upstox = Vendor(self, "nse"), Vendor(self, "upstox")
        self.kept: list[Fact] = []
        self.shown: list[Sentiment | OptionChain] = []
        self.is_open = True
        self.begun = {one: MoodPath(one, 600, 3) for one in (NIFTY, BANKNIFTY)}

        self.arguments: tuple[Any, ...] = (
            MoodSettings(NIFTY, 60.0, 600.0), MoodSources([self.nse, self.upstox], [self.nse], self.clock),
            lambda: self.begun, self.sink, MoodHearers(self.kept.append, self.shown.append), self.gate, self.timers,
            self.clock,
        )  # fmt: skip
        self.keywords: dict[str, Any] = {
            "spot": lambda _: math.nan, "expiry_close": lambda _: EXPIRY_CLOSE, "is_open": lambda _: self.is_open,
            "spawn": self.spawn, "mailbox": self.mailbox,
        }  # fmt: skip

    def make(self) -> MoodActor:
        return MoodActor(*self.arguments, **self.keywords)

    def begin(self) -> MoodActor:
        actor = self.make()
        self.start(actor)
        return actor

    def fail_both(self) -> None:
        for vendor in (self.nse, self.upstox):
            vendor.error = VendorUnreachableError(vendor.name, "no answer.")

    @property
    def sentiments(self) -> list[Sentiment]:
        return [one for one in self.sink.events if isinstance(one, Sentiment)]


@pytest.fixture
def floor() -> Floor:
    return Floor()


def test_each_index_is_read_told_shown_and_kept(floor: Floor) -> None:
    floor.begin()
    assert [one.symbol for one in floor.sentiments] == [NIFTY, BANKNIFTY]
    assert {one.ts_event for one in floor.sentiments} == {minute(6)}
    assert floor.sentiments[0].regime is not Regime.UNKNOWN
    assert {type(one) for one in floor.kept} == {MoodMeasures, Sentiment, DepthRow, OptionChain}
    assert [type(one) for one in floor.shown] == [Sentiment, OptionChain] * 2
    depth = next(one for one in floor.kept if isinstance(one, DepthRow))
    assert (depth.symbol, depth.ts, depth.pcr, depth.adv_dec_ratio) == (
        "NIFTY", minute(6), floor.sentiments[0].pcr, 30 / 19
    )  # fmt: skip


def test_it_looks_every_period_away_from_the_minutes_end_and_reads_once_a_minute(floor: Floor) -> None:
    floor.begin()
    moments: list[int] = []

    def noted(underlying: str, _expiry: object = None) -> OptionChain:
        moments.append(floor.clock())
        return chain(floor.clock(), underlying=f"NSE|INDEX|{underlying}")

    floor.nse.chain = noted  # type: ignore[method-assign]
    floor.pass_time(300)
    assert {moment // NANOS_PER_SECOND % 60 for moment in moments} == {7}
    times = [one.ts_event for one in floor.sentiments if one.symbol == NIFTY]
    assert times == sorted(set(times))
    assert len(times) == 5, "the first two looks were of one minute"


def test_nothing_is_asked_in_the_last_seconds_of_a_minute(floor: Floor) -> None:
    actor = floor.begin()
    before = len(floor.sentiments)
    floor.clock.advance(56)
    actor.on_receive(Look())
    assert floor.threads == []
    assert len(floor.sentiments) == before


def test_an_answer_in_the_last_seconds_counts_from_the_minute_after(floor: Floor) -> None:
    floor.hold_errands = True
    floor.begin()
    floor.clock.advance(57)
    floor.hold_errands = False
    floor.run_errands()
    assert {one.ts_event for one in floor.sentiments} == {minute(7)}


def test_the_next_vendor_answers_for_one_that_is_blocked_and_the_first_is_asked_again_later(floor: Floor) -> None:
    floor.nse.error = VendorAnswerError("nse", "a page instead of data.")
    actor = floor.begin()
    sources = [one.source for one in floor.kept if isinstance(one, MoodMeasures)]
    assert sources == ["upstox", "upstox"]
    assert "nse" in actor.on_receive(Describe())
    floor.nse.error = None
    floor.pass_time(120)
    assert [one.source for one in floor.kept if isinstance(one, MoodMeasures)][-1] == "nse"
    assert actor.on_receive(Describe()) == {}


def test_an_answer_that_is_older_than_what_is_known_or_of_long_ago_is_left_out(floor: Floor) -> None:
    floor.begin()
    floor.pass_time(60)
    count = len(floor.sentiments)
    floor.nse.age_s = floor.upstox.age_s = 290.0
    floor.pass_time(60)
    floor.nse.age_s = floor.upstox.age_s = 301.0
    floor.pass_time(600)
    assert len(floor.sentiments) == count


def test_a_chain_seen_before_is_read_again_but_not_kept_again(floor: Floor) -> None:
    floor.begin()
    floor.nse.age_s = floor.upstox.age_s = 87.0
    floor.pass_time(67)
    assert len([one for one in floor.sentiments if one.symbol == NIFTY]) == 2
    assert len([one for one in floor.kept if isinstance(one, OptionChain)]) == 2


def test_entries_wait_until_the_first_reading(floor: Floor) -> None:
    floor.fail_both()
    floor.begin()
    assert floor.rung() is Rung.STOP_ENTRIES
    assert floor.reasons() == ["The market's mood is unknown: nse: no answer. upstox: no answer."]
    floor.nse.error = None
    floor.pass_time(67)
    assert floor.rung() is Rung.OPEN


def test_entries_wait_when_nobody_answers_for_too_long_and_go_on_with_the_next_answer(floor: Floor) -> None:
    floor.begin()
    assert floor.rung() is Rung.OPEN
    floor.fail_both()
    floor.pass_time(590)
    assert floor.rung() is Rung.OPEN, "the last reading is not stale yet"
    told = len(floor.sentiments)
    floor.pass_time(80)
    assert floor.rung() is Rung.STOP_ENTRIES
    assert "nobody has answered for" in floor.reasons()[0]
    assert len(floor.sentiments) == told, "no reading, no sentiment"
    floor.nse.error = floor.upstox.error = None
    floor.pass_time(700)
    assert floor.rung() is Rung.OPEN


def test_a_mood_that_is_read_as_unknown_does_not_hold_entries(floor: Floor) -> None:
    floor.nse.puts = math.nan
    floor.begin()
    assert floor.sentiments[0].regime is Regime.UNKNOWN
    assert floor.rung() is Rung.OPEN


def test_only_the_markets_own_chain_opens_the_gate(floor: Floor) -> None:
    real = floor.nse.chain

    def only_banknifty(underlying: str, _expiry: object = None) -> OptionChain:
        if underlying == "NIFTY":
            raise VendorAnswerError("nse", "nothing.")
        return real(underlying)

    floor.nse.chain = only_banknifty  # type: ignore[method-assign]
    floor.upstox.error = VendorUnreachableError("upstox", "no answer.")
    floor.begin()
    assert floor.rung() is Rung.STOP_ENTRIES


def test_after_a_restart_within_the_minute_the_gate_opens_although_there_is_no_new_reading(floor: Floor) -> None:
    floor.begun = {NIFTY: MoodPath(NIFTY, 600, 3).with_row(MoodMeasures(minute(6), NIFTY, "nse", pcr=1.5))[0]}
    floor.begin()
    assert floor.sentiments == []
    assert floor.rung() is Rung.OPEN


def test_a_chain_that_cannot_be_read_leaves_the_breadth(floor: Floor) -> None:
    floor.nse.spoil = floor.upstox.spoil = True
    floor.begin()
    assert [one.pcr for one in floor.sentiments] == [None, None]
    assert floor.sentiments[0].advances == 30.0
    assert floor.rung() is Rung.STOP_ENTRIES


def test_while_the_market_is_closed_nobody_is_asked(floor: Floor) -> None:
    floor.is_open = False
    floor.begin()
    floor.pass_time(600)
    assert (floor.sentiments, "nobody has been asked yet" in floor.reasons()[0]) == ([], True)


def test_when_it_has_closed_the_last_reading_is_said_to_be_old(floor: Floor) -> None:
    floor.begin()
    floor.is_open = False
    floor.pass_time(700)
    assert floor.reasons()[0].endswith("unknown: nobody has answered for 667 s.")


def test_a_look_that_does_not_end_is_given_up_and_the_next_one_is_made(floor: Floor) -> None:
    floor.hold_errands = True
    actor = floor.make()
    actor._errands._now_ns = lambda: floor.clock()
    floor.start(actor)
    floor.pass_time(67)
    assert len(floor.threads) == 2, "the first was given up after 45 s"
    lost = floor.threads.pop(0)
    floor.hold_errands = False
    floor.run_errands()
    count = len(floor.sentiments)
    assert count == 2
    lost()
    floor.pump()
    assert len(floor.sentiments) == count


def test_a_successor_goes_on_from_what_is_stored(floor: Floor) -> None:
    floor.begin()
    floor.begun = {NIFTY: MoodPath(NIFTY, 600, 3).with_row(MoodMeasures(minute(6), NIFTY, "nse", pcr=1.5))[0]}
    assert floor.actor is not None
    floor.actor.on_stop()
    floor.begin()
    floor.pass_time(67)
    last = floor.sentiments[-1]
    assert (last.symbol, last.ts_event) == (NIFTY, minute(7))
    assert np.isfinite(last.pcr or math.nan)


def test_on_its_own_thread_it_answers_while_a_vendor_keeps_it_waiting_and_leaves_nothing_behind(floor: Floor) -> None:
    asked, go = threading.Event(), threading.Event()
    real = floor.nse.chain

    def slow(underlying: str, _expiry: object = None) -> OptionChain:
        asked.set()
        assert go.wait(10)
        return real(underlying)

    floor.nse.chain = slow  # type: ignore[method-assign]
    done = threading.Event()

    def publish(event: object, received_ns: int = 0) -> None:  # noqa: ARG001
        done.set()

    floor.sink.publish = publish  # type: ignore[method-assign]
    before = threading.active_count()
    reference = MoodActor.start(*floor.arguments, **(floor.keywords | {"spawn": spawn_thread, "mailbox": None}))
    assert asked.wait(10)
    assert reference.ask(Describe(), timeout=10) == {}
    go.set()
    assert done.wait(10)
    reference.stop(timeout=10)
    assert threading.active_count() <= before + 1
