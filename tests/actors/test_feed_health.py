"""Whether a feed can be traded on."""

from __future__ import annotations

import pytest

from sos_actors.actors.feed_health import FeedHealth, Verdict
from sos_actors.market.calendar import Calendar
from sos_actors.messages.feed import FeedState, MarketPhase, MarketStatus
from sos_actors.runtime.trading_gate import Rung
from sos_actors.types import NANOS_PER_SECOND, UnixNanos
from tests.actors.feeds import BANKNIFTY, NIFTY, RELIANCE
from tests.simulator.markets import moment

DAY, LATER = "2026-01-13", "2026-08-04"


def health(up: str = "", day: str = DAY) -> FeedHealth:
    made = FeedHealth((NIFTY, BANKNIFTY), Calendar.default(), 10 * NANOS_PER_SECOND)
    if up:
        made.on_state(moment(f"{day} {up}"), FeedState.UP, "")
    return made


def move(made: FeedHealth, clock: str, *symbols: str, day: str = DAY) -> None:
    for symbol in symbols:
        made.on_move(symbol, moment(f"{day} {clock}"))


def verdict(made: FeedHealth, clock: str, day: str = DAY) -> Verdict | None:
    return made.verdict(moment(f"{day} {clock}"))


@pytest.mark.parametrize(
    ("state", "rung", "words"),
    [
        (FeedState.DOWN, Rung.STOP_ENTRIES, "The market feed is down: reset by peer."),
        (FeedState.SILENT, Rung.STOP_ENTRIES, "The market feed is silent: reset by peer."),
        (FeedState.STOPPED, Rung.STOP_ENTRIES, "The market feed is stopped: reset by peer."),
        (FeedState.REFUSED, Rung.EXITS_ONLY, "The market feed was refused: reset by peer."),
    ],
)
@pytest.mark.parametrize("clock", ["08:00", "10:30", "16:00"])
def test_a_feed_that_is_not_connected_holds_back_at_any_time(
    clock: str, state: FeedState, rung: Rung, words: str
) -> None:
    made = health("08:00")
    made.on_state(moment(f"{DAY} 08:00"), state, "reset by peer.")
    assert verdict(made, clock) == Verdict(rung, words)


def test_every_index_must_have_moved_since_the_connection_came_up() -> None:
    made = health("10:29")
    move(made, "10:30", NIFTY, RELIANCE)
    found = verdict(made, "10:30")
    assert found is not None
    assert "BANKNIFTY" in found.reason
    move(made, "10:30", BANKNIFTY)
    assert verdict(made, "10:30:10") is None
    assert verdict(made, "10:30:11") is not None
    made.on_state(moment(f"{DAY} 10:30:05"), FeedState.UP, "")
    assert verdict(made, "10:30:06") is not None


def test_after_a_quiet_morning_the_first_seconds_of_trading_are_given() -> None:
    made = health("08:00")
    move(made, "09:07", NIFTY, BANKNIFTY)
    assert verdict(made, "09:14:59") is None
    assert verdict(made, "09:15:10") is None
    assert verdict(made, "09:15:11") is not None


@pytest.mark.parametrize(
    ("day", "clock", "must_move"),
    [(DAY, "15:29:59", True), (DAY, "15:30", False), (LATER, "15:14:59", True), (LATER, "15:15", False),
     ("2026-01-26", "10:30", False), ("2031-01-13", "10:30", False)],
)  # fmt: skip
def test_indices_need_only_move_in_continuous_trading(day: str, clock: str, must_move: bool) -> None:
    made = health("09:00", day)
    assert (verdict(made, clock, day) is not None) is must_move


def test_segments_are_known_until_the_connection_goes() -> None:
    made = health("10:29")
    closed = MarketStatus(UnixNanos(0), "NSE_EQ", MarketPhase.NORMAL_CLOSE)
    assert made.on_status(closed)
    assert not made.on_status(closed)
    assert not made.on_status(closed._replace(segment="BSE_EQ"))
    move(made, "10:30", NIFTY, BANKNIFTY)
    assert verdict(made, "10:30") == Verdict(Rung.STOP_ENTRIES, "The exchange says that NSE_EQ is closed.")
    assert verdict(made, "15:45") is None
    made.on_state(moment(f"{DAY} 10:30"), FeedState.DOWN, "")
    made.on_state(moment(f"{DAY} 10:30"), FeedState.UP, "")
    assert made.phases == {}
    assert verdict(made, "10:30") is None


def blind(state: FeedState | None = None) -> FeedHealth:
    """Without prices since 10:30, having had some at 10:29."""
    made = FeedHealth((NIFTY,), Calendar.default(), 10 * NANOS_PER_SECOND, 120 * NANOS_PER_SECOND)
    made.on_state(moment(f"{DAY} 10:00"), FeedState.UP, "")
    assert verdict(made, "10:00") is not None
    made.on_move(NIFTY, moment(f"{DAY} 10:29"))
    if state is not None:
        made.on_state(moment(f"{DAY} 10:30"), state, "why")
    return made


@pytest.mark.parametrize("state", [None, FeedState.DOWN, FeedState.SILENT, FeedState.REFUSED])
def test_without_prices_for_too_long_everything_is_closed_whatever_the_reason(state: FeedState | None) -> None:
    made = blind(state)
    early, late = verdict(made, "10:31"), verdict(made, "10:31:01")
    assert early is not None
    assert early.rung < Rung.SQUARE_OFF
    assert late is not None
    assert late.rung is Rung.SQUARE_OFF
    assert late.reason == f"{early.reason} No price has come for more than 120 s: all is closed."
    made.on_state(moment(f"{DAY} 10:32"), FeedState.UP, "")
    made.on_move(NIFTY, moment(f"{DAY} 10:32"))
    assert verdict(made, "10:32") is None


def test_a_start_in_the_middle_of_the_day_has_its_time_to_connect() -> None:
    made = FeedHealth((NIFTY,), Calendar.default(), 10 * NANOS_PER_SECOND, 120 * NANOS_PER_SECOND)
    for at in ("11:00", "11:02"):
        found = verdict(made, at)
        assert found is not None
        assert found.rung is Rung.STOP_ENTRIES
    found = verdict(made, "11:03")
    assert found is not None
    assert found.rung is Rung.SQUARE_OFF


def test_nothing_is_closed_for_want_of_prices_outside_trading() -> None:
    assert verdict(blind(), "15:45") is None
