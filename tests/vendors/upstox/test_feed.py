from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sos_actors.errors import VendorRefusedError
from sos_actors.messages.feed import FeedMode, FeedState, MarketPhase
from sos_actors.simulator.faults import FaultKind
from tests.simulator.markets import small_world
from tests.vendors.upstox.sockets import FEED_PATH, NIFTY, QUICK, RELIANCE, Heard, Rig, rigged, started

SPEED = 20.0
"""Simulated seconds a second: updates come some 20 times a second."""


@pytest.fixture
def rig() -> Iterator[Rig]:
    with rigged(small_world(speed=SPEED)) as rig:
        yield rig


def test_states_come_first_then_a_snapshot_then_updates(rig: Rig) -> None:
    heard = Heard()
    feed = rig.feed(heard, clock=lambda: 77)
    feed.subscribe([NIFTY, RELIANCE], FeedMode.FULL)
    with started(feed):
        heard.until_quotes(8)
    assert heard.states == [FeedState.UP, FeedState.STOPPED]
    assert {status.phase for status in heard.statuses if status.segment == "NSE_FO"} == {MarketPhase.NORMAL_OPEN}
    assert heard.keys() == {NIFTY, RELIANCE}
    assert set(heard.times) == {77}
    share = next(quote for quote in heard.quotes if quote.instrument_key == RELIANCE)
    assert len(share.depth) == 5
    assert share.minute is not None
    assert share.day is not None
    assert share.day.close == share.ltp
    assert feed.counts.quotes == len(heard.quotes)
    assert feed.socket_counts.frames >= 4


def test_instruments_are_added_changed_and_removed_while_it_runs(rig: Rig) -> None:
    heard = Heard()
    with started(rig.feed(heard)) as feed:
        heard.until_state(FeedState.UP)
        feed.subscribe([RELIANCE], FeedMode.LTPC)
        heard.until(lambda: any(quote.volume is None for quote in heard.quotes), "a last price alone")
        feed.subscribe([RELIANCE], FeedMode.FULL)
        heard.until(lambda: any(quote.volume is not None for quote in heard.quotes), "a full quote")
        feed.subscribe([NIFTY], FeedMode.LTPC)
        heard.until(lambda: NIFTY in {quote.instrument_key for quote in heard.quotes}, "the index")
        feed.unsubscribe([RELIANCE, "NSE_EQ|unheard of"])
        with heard.changed:
            heard.quotes.clear()
        heard.until_quotes(5)
        assert heard.keys() == {NIFTY}


@pytest.mark.parametrize("code", [1000, 1011, 1012])
def test_a_polite_end_is_followed_by_a_new_connection_with_all_subscriptions(rig: Rig, code: int) -> None:
    heard = Heard()
    feed = rig.feed(heard, chunk=1)
    feed.subscribe([NIFTY, RELIANCE], FeedMode.FULL)
    with started(feed):
        heard.until_quotes(4)
        rig.fault(FaultKind.CLOSE, status=code, times=1)
        heard.until_state(FeedState.UP, 2)
        with heard.changed:
            heard.quotes.clear()
        heard.until(lambda: {quote.instrument_key for quote in heard.quotes} == {NIFTY, RELIANCE}, "both again")
    assert str(code) in heard.reasons[1]


def test_a_dropped_connection_is_made_anew(rig: Rig) -> None:
    heard = Heard()
    feed = rig.feed(heard)
    feed.subscribe([NIFTY], FeedMode.LTPC)
    with started(feed):
        heard.until_quotes(1)
        rig.fault(FaultKind.DROP, times=1)
        heard.until_state(FeedState.UP, 2)
    assert heard.states[:3] == [FeedState.UP, FeedState.DOWN, FeedState.UP]


def test_a_connected_but_silent_feed_is_given_up_and_comes_back(rig: Rig) -> None:
    heard = Heard()
    feed = rig.feed(heard)
    feed.subscribe([NIFTY], FeedMode.LTPC)
    with started(feed):
        heard.until_quotes(1)
        rig.fault(FaultKind.MUTE)
        heard.until_state(FeedState.SILENT)
        rig.heal()
        heard.until_state(FeedState.UP, 2)
        heard.until_steady()


def test_a_closed_market_is_not_silence() -> None:
    heard = Heard()
    with rigged(small_world("2026-01-13 20:00")) as rig, started(rig.feed(heard)) as feed:
        feed.subscribe([NIFTY], FeedMode.LTPC)
        heard.until_quotes(1)
        signs = feed.socket_counts.signs
        heard.until_state(FeedState.UP)
        while feed.socket_counts.signs < signs + 25:  # more than the time after which silence is one
            with heard.changed:
                heard.changed.wait(0.02)
        assert heard.states == [FeedState.UP]


def test_unreadable_frames_are_counted_and_cost_the_connection_only_when_there_are_many(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    feed = rig.feed(heard, most_corrupt=3)
    feed.subscribe([NIFTY], FeedMode.LTPC)
    with started(feed), caplog.at_level(logging.WARNING):
        heard.until_quotes(2)
        rig.fault(FaultKind.CORRUPT, times=2)
        heard.until(lambda: feed.counts.corrupt == 2, "two unreadable frames")
        heard.until_steady()
        assert heard.states == [FeedState.UP]
        rig.fault(FaultKind.HTML, times=4)
        heard.until_state(FeedState.UP, 2)
        rig.heal()
        heard.until_steady()
    assert feed.counts.corrupt >= 5
    assert "cannot be read" in caplog.text


def test_duplicates_and_swapped_frames_are_passed_on(rig: Rig) -> None:
    heard = Heard()
    feed = rig.feed(heard)
    feed.subscribe([NIFTY, RELIANCE], FeedMode.FULL)
    with started(feed):
        heard.until_quotes(2)
        rig.fault(FaultKind.DUPLICATE, times=5)
        heard.until_quotes(20)
        assert len(set(heard.quotes)) < len(heard.quotes)
        rig.fault(FaultKind.REORDER)
        heard.until(lambda: heard.steps_back(NIFTY) > 0, "a step back")
    assert heard.states == [FeedState.UP, FeedState.STOPPED]


@pytest.mark.parametrize(("status", "state"), [
    (401, FeedState.REFUSED), (403, FeedState.REFUSED), (429, FeedState.DOWN), (503, FeedState.DOWN),
    (400, FeedState.DOWN),
])  # fmt: skip
def test_a_refused_handshake_is_told_and_tried_again(rig: Rig, status: int, state: FeedState) -> None:
    heard = Heard()
    rig.fault(FaultKind.STATUS, FEED_PATH, status=status, times=2)
    with started(rig.feed(heard)):
        heard.until_state(FeedState.UP)
    assert heard.states == [state, state, FeedState.UP, FeedState.STOPPED]
    assert str(status) in heard.reasons[0]
    assert "code=" not in "".join(heard.reasons)


def test_an_expired_token_is_asked_for_again_and_a_new_one_is_used_at_once(rig: Rig) -> None:
    heard = Heard()
    feed = rig.feed(heard, policy=replace(QUICK, refused_first_s=60.0, refused_most_s=60.0))
    feed.subscribe([NIFTY], FeedMode.LTPC)
    with started(feed):
        heard.until_quotes(1)
        rig.fault(FaultKind.TOKEN_EXPIRED)
        heard.until_state(FeedState.REFUSED)
        rig.new_token()
        feed.retry_now()
        heard.until_state(FeedState.UP, 2)
        heard.until_steady()
    assert "sos login" in heard.reasons[heard.states.index(FeedState.REFUSED)]


def test_more_than_the_limits_is_refused_before_anything_is_sent(rig: Rig) -> None:
    feed = rig.feed(Heard())
    many = [f"NSE_FO|{number}" for number in range(2001)]
    with pytest.raises(VendorRefusedError, match=r"2001 instruments .*2000"):
        feed.subscribe(many, FeedMode.FULL)
    feed.subscribe(many[:2000], FeedMode.FULL)
    with pytest.raises(VendorRefusedError, match="beside other modes"):
        feed.subscribe([NIFTY], FeedMode.LTPC)
    with pytest.raises(VendorRefusedError, match="full_d30"):
        rig.feed(Heard()).subscribe(many[:51], FeedMode.DEPTH)


def test_a_request_the_vendor_refuses_is_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    with rigged(small_world(speed=SPEED, plus_plan=False)) as rig, caplog.at_level(logging.WARNING):
        feed = rig.feed(heard)
        feed.subscribe([RELIANCE], FeedMode.DEPTH)
        with started(feed):
            heard.until_state(FeedState.UP)
            feed.subscribe([NIFTY], FeedMode.LTPC)
            heard.until_quotes(1)
    assert feed.counts.refusals == 1
    assert "Subscription limit" in caplog.text


def test_a_listener_that_fails_costs_no_connection(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard(failing=True)
    feed = rig.feed(heard)
    feed.subscribe([NIFTY], FeedMode.LTPC)
    with started(feed), caplog.at_level(logging.CRITICAL):
        heard.until_quotes(5)
    assert heard.states == [FeedState.UP, FeedState.STOPPED]
    assert feed.socket_counts.failures >= 4
