from __future__ import annotations

import itertools
import random
import sys
import threading
from collections.abc import Iterator
from operator import itemgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sos_actors.messages.market import Tick, Ticks
from sos_actors.runtime.ring import Batch, RingBuffer
from sos_actors.runtime.waiting import WaitStrategy, make_wait
from sos_actors.types import UnixNanos

PATIENCE_S = 30.0
WAITS = {name: make_wait(name) for name in ("block", "yield", "spin")}


@pytest.fixture(autouse=True, scope="module")
def _threads_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Producer(threading.Thread):
    """Publishes pairs as they are, but as ticks those whose first figure is negative; several in a row together."""

    def __init__(self, ring: RingBuffer, work: list[tuple[int, int]]) -> None:
        super().__init__(daemon=True)
        self.ring, self.work, self.over = ring, work, threading.Event()

    def run(self) -> None:
        for source, run in itertools.groupby(self.work, itemgetter(0)):
            if source >= 0:
                for event in run:
                    self.ring.publish(event)
                continue
            ticks = [(self.ring.symbol_id(f"S{-source}"), number, float(number)) for _, number in run]
            if len(ticks) > 1:
                self.ring.publish_ticks(ticks)
            else:
                self.ring.publish_tick(*ticks[0])
        self.over.set()
        self.ring.wake()


def one_by_one(batch: Batch) -> list[object]:
    """The events, with every tick on its own; each of them begins where the batch says."""
    found: list[object] = []
    for number, event in enumerate(batch.events):
        assert len(found) == (batch.starts[number] if batch.starts else number)
        found += event.each() if isinstance(event, Ticks) else [event]
    assert len(found) == batch.n == len(batch.times)
    return found


def consume(ring: RingBuffer, producers: list[Producer], sizes: random.Random) -> list[object]:
    """Everything the threads publish, read in batches of random size."""
    got: list[object] = []
    ring.attach()
    for thread in producers:
        thread.start()
    while True:
        over = all(thread.over.is_set() for thread in producers)
        batch = ring.drain(sizes.randint(1, 9))
        if batch is not None:
            got += one_by_one(batch)
        elif over:
            return got
        else:
            ring.wait()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([2, 4, 64]), st.sampled_from(sorted(WAITS)), st.integers(1, 4), st.integers(0, 120), st.integers()
)
def test_nothing_is_lost_or_repeated_and_each_producers_order_is_kept(
    slots: int, wait: str, producers: int, events: int, seed: int
) -> None:
    strategy: WaitStrategy = WAITS[wait]
    ring = RingBuffer(slots, strategy)
    threads = [Producer(ring, [(source, number) for number in range(events)]) for source in range(producers)]
    got = consume(ring, threads, random.Random(seed))
    assert len(got) == producers * events
    for source in range(producers):
        assert [one for one in got if one[0] == source] == [(source, number) for number in range(events)]  # type: ignore[index]
    assert ring.counts.published == len(got)
    assert ring.unread == 0


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([2, 8, 64]),
    st.lists(st.lists(st.integers(-1, 1), max_size=100), min_size=1, max_size=3),
    st.integers(),
)
def test_ticks_conflate_within_their_symbol_only_and_the_last_price_arrives(
    slots: int, works: list[list[int]], seed: int
) -> None:
    # Of each thread: 0 and 1 are events, -1 a tick of the thread's own symbol.
    ring = RingBuffer(slots, WAITS["block"])
    threads = [
        Producer(ring, [(-1 - source if kind < 0 else source, number) for number, kind in enumerate(work)])
        for source, work in enumerate(works)
    ]
    got = consume(ring, threads, random.Random(seed))
    ticks = [one for one in got if isinstance(one, Tick)]
    for source, work in enumerate(works):
        mine = [number for number, kind in enumerate(work) if kind < 0]
        seen = [one.ts_event for one in ticks if one.symbol == f"S{source + 1}"]
        assert seen == sorted(set(seen)), "a price came back, or came twice"
        assert set(seen) <= set(mine)
        assert seen[-1:] == mine[-1:]
        events = [one[1] for one in got if isinstance(one, tuple) and one[0] == source]
        assert events == [number for number, kind in enumerate(work) if kind >= 0]
    assert all(one.price == one.ts_event for one in ticks), "figures of two ticks were mixed"
    assert ring.counts.ticks == len(ticks)
    assert ring.counts.ticks + ring.counts.conflated == sum(kind < 0 for work in works for kind in work)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 8]), st.sampled_from(sorted(WAITS)), st.integers(1, 30))
def test_more_ticks_at_once_than_there_is_room_for_wait_for_a_consumer_that_was_woken(
    slots: int, wait: str, symbols: int
) -> None:
    ring = RingBuffer(slots, WAITS[wait])
    together = [(ring.symbol_id(f"S{k}"), k, float(k)) for k in range(symbols)]
    thread = threading.Thread(target=ring.publish_ticks, args=(together,), daemon=True)
    ring.attach()
    got: list[object] = []
    thread.start()
    while len(got) < symbols:
        batch = ring.drain()
        if batch is None:
            ring.wait()
        else:
            got += one_by_one(batch)
    thread.join(PATIENCE_S)
    assert got == [Tick(UnixNanos(k), f"S{k}", float(k)) for k in range(symbols)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 6).map(lambda n: ("read", n)), st.just(("publish", 1))), max_size=60))
def test_the_consumers_own_events_keep_their_order_however_full_the_ring(steps: list[tuple[str, int]]) -> None:
    ring = RingBuffer(4, WAITS["block"])
    ring.attach()
    sent, got = 0, []
    for step, most in steps:
        if step == "publish":
            ring.publish(sent)
            sent += 1
        elif (batch := ring.drain(most)) is not None:
            assert batch.n <= most
            got += batch.events
    while (batch := ring.drain(3)) is not None:
        got += batch.events
    assert got == list(range(sent))
