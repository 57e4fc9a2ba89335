from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from sos_actors.messages.market import Tick
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.ring import CLOSED, Batch, RingBuffer
from sos_actors.types import UnixNanos

PATIENCE_S = 10.0


def read(ring: RingBuffer, most: int = 256) -> list[object]:
    """All events there are."""
    found: list[object] = []
    while (batch := ring.drain(most)) is not None:
        assert batch.n == len(batch.events) == len(batch.published_ns) == len(batch.received_ns) > 0
        found += batch.events
    return found


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def until(condition: Callable[[], bool]) -> None:
    begun = monotonic_ns()
    while not condition():
        assert monotonic_ns() - begun < PATIENCE_S * 1e9
        threading.Event().wait(0.0005)


def tick(ts: int, symbol: str, price: float) -> Tick:
    return Tick(UnixNanos(ts), symbol, price)


@pytest.mark.parametrize("slots", [0, 1, 3, 1000, -8])
def test_a_ring_whose_size_is_no_power_of_two_is_refused(slots: int) -> None:
    with pytest.raises(ValueError, match=f"not {slots}"):
        RingBuffer(slots)


def test_events_come_out_as_they_went_in_and_in_order() -> None:
    ring, events = RingBuffer(8), [object() for _ in range(5)]
    assert [ring.publish(event) for event in events] == [1, 2, 3, 4, 5]
    assert all(out is put for out, put in zip(read(ring), events, strict=True))
    assert ring.drain() is None


def test_a_ring_goes_round_many_times() -> None:
    ring = RingBuffer(4)
    for turn in range(50):
        sent = [(turn, k) for k in range(turn % 4 + 1)]
        for event in sent:
            ring.publish(event)
        assert read(ring, 3) == sent


def test_a_batch_ends_where_the_memory_of_the_ring_does() -> None:
    ring = RingBuffer(8)
    for number in range(8):
        ring.publish(number)
    assert [ring.drain().n for _ in range(2)] == [7, 1]  # type: ignore[union-attr]
    assert ring.drain() is None


def test_none_is_an_event_like_any_other() -> None:
    ring = RingBuffer(4)
    ring.publish(None)
    assert read(ring) == [None]


def test_a_batch_says_when_each_event_was_received_and_published() -> None:
    ring, begun = RingBuffer(4), monotonic_ns()
    read(ring)
    for received in (17, 0, 18):
        ring.publish("event", received)
    batch = ring.drain()
    assert isinstance(batch, Batch)
    assert batch.received_ns.tolist() == [17, 0, 18]
    assert batch.published_ns.dtype == np.int64
    assert begun <= batch.published_ns[0] <= batch.published_ns[2] <= monotonic_ns()


def test_a_batch_keeps_its_figures_when_its_slots_are_used_again() -> None:
    ring = RingBuffer(2)
    ring.publish("a", 1)
    first = ring.drain()
    for received in (2, 3, 4):
        ring.publish("b", received)
        ring.drain()
    assert first is not None
    assert first.received_ns.tolist() == [1]


def test_events_that_were_read_are_let_go_of() -> None:
    ring = RingBuffer(4)
    for _ in range(9):
        ring.publish(object())
        ring.drain()
    assert ring._objects == [None] * 4


def test_a_symbol_keeps_its_number() -> None:
    ring = RingBuffer(4)
    assert [ring.symbol_id(name) for name in ("A", "B", "A", "C", "B")] == [0, 1, 0, 2, 1]


def test_a_tick_comes_out_as_a_tick() -> None:
    ring = RingBuffer(4)
    assert ring.publish_tick(ring.symbol_id("NSE|EQ|A"), 5, 10.05, 3)
    batch = ring.drain()
    assert batch is not None
    assert batch.events == [tick(5, "NSE|EQ|A", 10.05)]
    assert batch.received_ns.tolist() == [3]


def test_an_unread_tick_takes_the_latest_price_and_keeps_its_first_times() -> None:
    ring = RingBuffer(8)
    a, b = ring.symbol_id("A"), ring.symbol_id("B")
    assert ring.publish_tick(a, 1, 10.0, 100)
    first = int(ring._slots["published_ns"][1])
    ring.publish("event")
    assert ring.publish_tick(b, 2, 20.0, 200)
    assert not ring.publish_tick(a, 3, 11.0, 300)
    assert not ring.publish_tick(a, 4, 12.0, 400)
    batch = ring.drain()
    assert batch is not None
    assert batch.events == [tick(4, "A", 12.0), "event", tick(2, "B", 20.0)]
    assert batch.received_ns.tolist() == [100, 0, 200]
    assert batch.published_ns[0] == first
    assert (ring.counts.published, ring.counts.ticks, ring.counts.conflated) == (3, 2, 2)


def test_a_tick_that_was_read_is_not_overwritten() -> None:
    ring = RingBuffer(4)
    a = ring.symbol_id("A")
    for price in (1.0, 2.0, 3.0):
        assert ring.publish_tick(a, 0, price)
        assert read(ring) == [tick(0, "A", price)]


def test_a_tick_the_consumer_is_about_to_read_is_not_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = RingBuffer(4)
    a = ring.symbol_id("A")
    ring.publish_tick(a, 0, 1.0)
    reading = ring._read

    def interrupted(first: int, last: int) -> Batch:
        assert ring.publish_tick(a, 1, 2.0)  # between the consumer's decision and its look at the slot
        return reading(first, last)

    monkeypatch.setattr(ring, "_read", interrupted)
    first = ring.drain()
    monkeypatch.undo()
    assert first is not None
    assert first.events == [tick(0, "A", 1.0)]
    assert read(ring) == [tick(1, "A", 2.0)]


def test_a_tick_beyond_a_bounded_batch_still_takes_later_prices() -> None:
    ring = RingBuffer(8)
    a = ring.symbol_id("A")
    ring.publish("first")
    ring.publish_tick(a, 0, 1.0)
    assert ring.drain(1) is not None
    assert not ring.publish_tick(a, 1, 2.0)
    assert read(ring) == [tick(1, "A", 2.0)]


def test_a_full_ring_makes_other_threads_wait_until_there_is_room() -> None:
    ring = RingBuffer(2)
    ring.attach()
    sent = list(range(20))
    producer = in_thread(lambda: [ring.publish(number) for number in sent])
    until(lambda: ring._waiting == 1)
    assert ring.unread == 2
    got: list[object] = []
    while len(got) < len(sent):
        got += read(ring, 1)
    producer.join(PATIENCE_S)
    assert got == sent
    assert ring.counts.waited > 0
    assert ring.counts.most_behind == 2


def test_a_tick_waits_for_room_too_unless_it_conflates() -> None:
    ring = RingBuffer(2)
    ring.attach()
    a, b = ring.symbol_id("A"), ring.symbol_id("B")
    ring.publish("event")
    ring.publish_tick(a, 0, 1.0)
    assert not ring.publish_tick(a, 1, 2.0)
    producer = in_thread(lambda: ring.publish_tick(b, 2, 3.0))
    until(lambda: ring._waiting == 1)
    assert read(ring)[:2] == ["event", tick(1, "A", 2.0)]
    producer.join(PATIENCE_S)
    ring.publish("last")
    assert ring.counts.published == 4


def test_two_ticks_of_a_symbol_that_wait_for_room_conflate_when_it_comes() -> None:
    ring = RingBuffer(2)
    ring.attach()
    a = ring.symbol_id("A")
    ring.publish("one")
    ring.publish("two")
    producers = [in_thread(lambda k=k: ring.publish_tick(a, k, 7.0)) for k in range(2)]  # type: ignore[misc]
    until(lambda: ring._waiting == 2)
    with ring._lock:  # both find room at the same time
        ring._gating = ring._reading = 2
        ring._room.notify_all()
    for producer in producers:
        producer.join(PATIENCE_S)
    assert (ring.counts.ticks, ring.counts.conflated) == (1, 1)
    assert len(read(ring)) == 1


def test_what_the_consumer_publishes_into_a_full_ring_is_read_in_its_place() -> None:
    ring = RingBuffer(2)
    ring.attach()
    for event in ("a", "b", "c"):
        ring.publish(event)  # the third finds no room
    assert ring.publish_tick(ring.symbol_id("S"), 9, 1.5)
    assert ring.drain(1).events == ["a"]  # type: ignore[union-attr]
    ring.publish("d")  # there is room again, but it comes after "c"
    assert read(ring) == ["b", "c", tick(9, "S", 1.5), "d"]
    assert ring.counts.overflowed == 2
    assert (ring.counts.published, ring.counts.ticks) == (5, 1)


def test_what_was_put_aside_is_read_in_bounded_batches_with_its_times() -> None:
    ring = RingBuffer(2)
    ring.attach()
    for number in range(7):
        ring.publish(number, number)
    batches = []
    while (batch := ring.drain(2)) is not None:
        batches.append((batch.events, batch.received_ns.tolist()))
    assert batches == [([0], [0]), ([1], [1]), ([2, 3], [2, 3]), ([4, 5], [4, 5]), ([6], [6])]


def test_a_closed_ring_takes_nothing_and_gives_what_it_has() -> None:
    ring = RingBuffer(4)
    a = ring.symbol_id("A")
    ring.publish("event")
    ring.close()
    assert ring.publish("late") == CLOSED
    assert ring.publish_tick(a, 0, 1.0)
    assert read(ring) == ["event"]
    assert ring.counts.refused == 2
    assert ring.closed


def test_closing_lets_go_of_whoever_waits_for_room() -> None:
    ring = RingBuffer(2)
    ring.attach()
    ring.publish(1)
    ring.publish(2)
    answers: list[object] = []
    threads = [
        in_thread(lambda: answers.append(ring.publish(3))),
        in_thread(lambda: answers.append(ring.publish_tick(ring.symbol_id("A"), 0, 1.0))),
    ]
    until(lambda: ring._waiting == 2)
    ring.close()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert sorted(map(str, answers)) == ["-1", "True"]
    assert read(ring) == [1, 2]


@pytest.mark.parametrize("written", [False, True])
def test_an_interrupted_producer_leaves_no_trace_or_a_published_slot(
    written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(at: int, sequence: int) -> None:
        if written:  # and the cursor not yet moved
            ring._sequences[at * 8] = sequence
        raise KeyboardInterrupt

    ring = RingBuffer(4)
    monkeypatch.setattr(ring, "_publish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ring.publish("a")
    monkeypatch.undo()
    ring.publish("b")
    assert read(ring) == (["a", "b"] if written else ["b"])
