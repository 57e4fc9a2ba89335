from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos_actors.messages.trading import EntriesStopped, EntriesWithdrawn, FlattenRequested
from sos_actors.runtime.clock import ManualClock
from sos_actors.runtime.trading_gate import Hold, Rung, TradingGate
from sos_actors.types import UnixNanos

T = UnixNanos(7)


def gate() -> tuple[TradingGate, list[object]]:
    published: list[object] = []
    return TradingGate(published.append, ManualClock(T)), published


def test_each_rung_passed_on_the_way_up_is_published_once() -> None:
    ladder, published = gate()
    assert ladder.hold("feed", Rung.STOP_ENTRIES, "muted") is Rung.STOP_ENTRIES
    ladder.hold("mood", Rung.STOP_ENTRIES, "stale")
    ladder.hold("kill", Rung.SQUARE_OFF, "operator")
    assert published == [
        EntriesStopped(T, True, "muted"),
        EntriesWithdrawn(T, "operator"),
        FlattenRequested(T, "operator"),
    ]


def test_entries_are_allowed_again_only_when_the_last_hold_is_released() -> None:
    ladder, published = gate()
    ladder.hold("feed", Rung.EXITS_ONLY, "muted")
    ladder.hold("mood", Rung.STOP_ENTRIES, "stale")
    del published[:]
    assert ladder.release("feed") is Rung.STOP_ENTRIES
    assert published == []
    assert ladder.release("mood") is Rung.OPEN
    assert ladder.release("nobody") is Rung.OPEN
    assert published == [EntriesStopped(T, False, "mood released")]


def test_a_halt_never_falls() -> None:
    ladder, published = gate()
    ladder.hold("root", Rung.HALT, "the last supervisor gave up")
    assert [type(event) for event in published] == [EntriesStopped, EntriesWithdrawn, FlattenRequested]
    assert ladder.release("root") is Rung.HALT
    assert ladder.hold("root", Rung.STOP_ENTRIES, "softer") is Rung.HALT
    assert ladder.reasons() == [Hold("root", Rung.HALT, "the last supervisor gave up", T)]
    assert len(published) == 3


def test_what_trading_waits_for_is_listed_the_gravest_first_with_the_time_it_began() -> None:
    clock = ManualClock(1)
    ladder = TradingGate(lambda _: None, clock)
    ladder.hold("backfill", Rung.STOP_ENTRIES, "3 symbols left")
    clock.move_to(2)
    ladder.hold("orders", Rung.EXITS_ONLY, "one in doubt")
    ladder.hold("backfill", Rung.STOP_ENTRIES, "2 symbols left")
    assert ladder.reasons() == [
        Hold("orders", Rung.EXITS_ONLY, "one in doubt", UnixNanos(2)),
        Hold("backfill", Rung.STOP_ENTRIES, "2 symbols left", UnixNanos(1)),
    ]


def test_open_is_no_hold() -> None:
    with pytest.raises(ValueError, match="OPEN"):
        gate()[0].hold("x", Rung.OPEN, "")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(Rung)), max_size=30))
def test_an_engine_that_obeys_the_events_stands_where_the_ladder_does_and_a_fresh_one_after_republishing(
    steps: list[tuple[str, Rung]],
) -> None:
    ladder, published = gate()
    highest: dict[str, Rung] = {}
    for key, rung in steps:
        if rung is Rung.OPEN:
            ladder.release(key)
        else:
            ladder.hold(key, rung, "")
        if highest.get(key) is not Rung.HALT:
            highest[key] = rung
        stands = max(highest.values())
        assert ladder.rung is stands
        stops = [event.stopped for event in published if isinstance(event, EntriesStopped)]
        assert (stops[-1] if stops else False) == (stands >= Rung.STOP_ENTRIES)
    del published[:]
    events = ladder.republish()
    assert list(events) == published
    kinds = [type(event) for event in published]
    assert isinstance(published[0], EntriesStopped)
    assert published[0].stopped == (ladder.rung >= Rung.STOP_ENTRIES)
    assert (EntriesWithdrawn in kinds, FlattenRequested in kinds) == (ladder.rung >= 2, ladder.rung >= 3)


def test_events_are_published_in_order_without_the_lock_even_when_publishing_holds_more() -> None:
    published: list[object] = []

    def publish(event: object) -> None:
        if isinstance(event, EntriesStopped) and event.stopped:
            ladder.hold("again", Rung.EXITS_ONLY, "from within")
            assert ladder.rung is Rung.EXITS_ONLY
        published.append(event)

    ladder = TradingGate(publish, ManualClock(T))
    ladder.hold("first", Rung.STOP_ENTRIES, "")
    assert published == [EntriesStopped(T, True, ""), EntriesWithdrawn(T, "from within")]


def test_an_event_that_could_not_be_published_comes_first_next_time() -> None:
    published: list[object] = []
    broken = [True]

    def publish(event: object) -> None:
        if broken.pop() if broken else False:
            raise OSError("ring closed")
        published.append(event)

    ladder = TradingGate(publish, ManualClock(T))
    with pytest.raises(OSError, match="ring"):
        ladder.hold("a", Rung.STOP_ENTRIES, "one")
    assert ladder.rung is Rung.STOP_ENTRIES
    ladder.hold("a", Rung.EXITS_ONLY, "two")
    assert published == [EntriesStopped(T, True, "one"), EntriesWithdrawn(T, "two")]


def test_many_threads_leave_a_sequence_that_alternates_and_ends_open() -> None:
    ladder, published = gate()

    def flap(key: str) -> None:
        for _ in range(200):
            ladder.hold(key, Rung.STOP_ENTRIES, key)
            ladder.release(key)

    threads = [threading.Thread(target=flap, args=(key,)) for key in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stops = [event.stopped for event in published if isinstance(event, EntriesStopped)]
    assert stops == [True, False] * (len(stops) // 2)
    assert ladder.rung is Rung.OPEN
