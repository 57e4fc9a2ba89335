"""The feed's actor: what it has the feed carry, and that it begins and ends it."""

from __future__ import annotations

import logging

import pytest

from sos_actors.actors.feed import Follow, Hold, Look, NewToken, Release, Unfollow
from sos_actors.messages.feed import FeedState
from tests.actors.feeds import ASK_S, BANKNIFTY, NIFTY, RELIANCE, TCS, at, call, line, quote, running
from tests.vendors.bench import within


def test_the_indices_are_carried_from_the_start_and_stocks_as_they_come_and_go() -> None:
    with running() as here:
        assert here.feed.is_started
        assert here.carried == {NIFTY, BANKNIFTY}
        assert here.ask(Follow(frozenset((RELIANCE, TCS)))) == frozenset()
        assert here.carried == {NIFTY, BANKNIFTY, RELIANCE, TCS}
        here.ask(Unfollow(frozenset((TCS, NIFTY))))
        assert here.carried == {NIFTY, BANKNIFTY, RELIANCE}
        here.connect()
        here.say(TCS, 10.0, "10:29")
        assert here.sink.bars == []


def test_contracts_follow_the_index_and_a_held_one_stays() -> None:
    with running() as here:
        here.connect()
        here.say(NIFTY, 25_610.0)
        here.pass_time(1)
        assert here.carried == {NIFTY, BANKNIFTY, call(25_550), call(25_600), call(25_650)}
        here.ask(Hold(call(25_550)))
        here.say(NIFTY, 25_630.0)
        here.pass_time(1)
        assert here.roster.windows[NIFTY].centre == 25_600.0
        here.say(NIFTY, 25_701.0)
        here.pass_time(1)
        held = {NIFTY, BANKNIFTY, call(25_550), call(25_650), call(25_700), call(25_750)}
        assert here.carried == held
        here.ask(Release(call(25_550)))
        assert here.carried == held - {call(25_550)}


def test_a_stock_that_is_held_is_carried_until_it_is_released() -> None:
    with running() as here:
        here.ask(Follow(frozenset([RELIANCE])))
        here.ask(Hold(RELIANCE))
        here.ask(Unfollow(frozenset([RELIANCE])))
        assert RELIANCE in here.carried
        here.ask(Release(RELIANCE))
        assert RELIANCE not in here.carried


def test_the_newest_stocks_wait_where_there_is_no_room_and_what_is_held_comes_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running(most=3) as here, caplog.at_level(logging.WARNING):
        assert here.ask(Follow(frozenset([RELIANCE]))) == frozenset()
        assert here.ask(Follow(frozenset([TCS]))) == {TCS}
        assert here.carried == {NIFTY, BANKNIFTY, RELIANCE}
        assert "TCS" in caplog.text
        here.ask(Hold(TCS))
        assert here.carried == {NIFTY, BANKNIFTY, TCS}
        here.ask(Release(TCS))
        here.ask(Unfollow(frozenset([RELIANCE])))
        assert here.carried == {NIFTY, BANKNIFTY, TCS}


def test_a_feed_that_takes_fewer_than_promised_goes_on_with_what_it_has(caplog: pytest.LogCaptureFixture) -> None:
    with running() as here, caplog.at_level(logging.WARNING):
        here.feed.most = 2
        assert here.ask(Follow(frozenset([RELIANCE]))) == {RELIANCE}
        assert "The feed carries no more" in caplog.text
        here.feed.most = 3
        assert here.ask(Follow(frozenset([TCS]))) == {TCS}
        here.ask(Unfollow(frozenset([TCS])))
        assert here.carried == {NIFTY, BANKNIFTY, RELIANCE}


def test_what_is_not_listed_is_refused_politely() -> None:
    with running() as here:
        assert here.ask(Follow(frozenset((RELIANCE, "NSE|EQ|UNLISTED")))) == {"NSE|EQ|UNLISTED"}
        assert here.carried == {NIFTY, BANKNIFTY, RELIANCE}


def test_a_minute_is_closed_by_ticks_when_the_grace_is_over() -> None:
    with running() as here:
        here.connect()
        here.say(NIFTY, 25_610.0)
        here.clock.move_to(at("10:31:01.9"))
        here.ask(Look())
        assert here.sink.bars == []
        here.clock.move_to(at("10:31:02"))
        here.ask(Look())
        [bar] = here.sink.bars
        assert (bar.symbol, bar.ts_event, bar.close, bar.provisional) == (NIFTY, at("10:31"), 25_610.0, True)
        assert here.recorded == [(bar, False)]


def test_what_history_knows_is_not_told_again_and_what_lies_between_is_a_gap() -> None:
    with running() as here:
        here.connect()
        here.ask(Follow(frozenset([RELIANCE]), {RELIANCE: at("10:26")}))
        here.say(RELIANCE, 1_400.0, "10:29")
        assert [bar.ts_open for bar in here.sink.bars] == [at("10:29")]
        assert here.gaps == [(RELIANCE, at("10:27"), at("10:28"))]


def test_a_new_token_is_tried_at_once() -> None:
    with running() as here:
        here.ask(NewToken())
        assert here.feed.retries == 1


def test_what_it_does_not_know_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with running() as here, caplog.at_level(logging.WARNING):
        assert here.ask("hello") is None
        assert "what a str is" in caplog.text


def test_it_disconnects_when_it_stops_and_its_timers_end() -> None:
    with running() as here:
        here.ref.stop(timeout=ASK_S)
        assert here.feed.stops == 1
        assert here.intake.feed is None
        here.clock.advance(120)
        assert not here.ref.is_alive()


def test_it_disconnects_when_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    here = line()
    here.start()

    def fail(_: object) -> None:
        raise ValueError("a fault of its own")

    monkeypatch.setattr(here.roster, "unfollow", fail)
    here.ref.tell(Unfollow(frozenset([TCS])))
    assert here.ref.actor_stopped.wait(ASK_S)
    here.ref.stop(timeout=ASK_S)
    assert within(ASK_S, lambda: here.feed.stops == 1)
    assert [hold.key for hold in here.gate.reasons()] == ["feed"]


def test_a_successor_carries_on_without_a_minute_told_twice() -> None:
    with running() as here:
        here.ask(Follow(frozenset([RELIANCE])))
        here.ask(Hold(RELIANCE))
        here.connect()
        here.say(RELIANCE, 1_400.0, "10:29")
        here.ref.stop(timeout=ASK_S)
        here.start()
        assert len(here.feeds) == 2
        assert here.carried == {NIFTY, BANKNIFTY, RELIANCE}
        here.connect()
        here.say(RELIANCE, 1_400.0, "10:29")
        here.clock.move_to(at("10:32:05"))
        here.say(RELIANCE, 1_401.0, "10:31")
        assert [bar.ts_open for bar in here.sink.bars] == [at("10:29"), at("10:30"), at("10:31")]
        assert here.gaps == []
        here.clock.move_to(at("10:35:05"))
        here.say(RELIANCE, 1_401.5, "10:34")
        assert here.gaps == []  # connected all the time: nothing was traded


def test_a_feed_whose_actor_hung_is_ended_by_the_successor_and_not_heard_again() -> None:
    here = line()
    here.start()
    hung = here.ref
    here.start()
    try:
        first, second = here.feeds
        assert first.stops == 1
        here.connect()
        first.listener.on_feed_state(here.clock(), FeedState.REFUSED, "")
        first.listener.on_quotes(here.clock(), [quote(NIFTY, here.clock(), 1.0, at("10:29"))])
        assert (here.intake.state, here.sink.bars, second.stops) == (FeedState.UP, [], 0)
    finally:
        here.ref.stop(timeout=ASK_S)
        hung.stop(timeout=ASK_S)
