from __future__ import annotations

import threading

import pytest

from sos_actors.app.live_machine import OrderTimes, RingSink
from sos_actors.messages.market import Tick, Ticks
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.latency import Stage, StageLatency
from sos_actors.runtime.ring import RingBuffer
from sos_actors.types import UnixNanos


def test_an_order_is_timed_from_its_cause_to_its_request_and_to_its_answer() -> None:
    latency = StageLatency()
    times = OrderTimes(latency)
    times.decided(1, monotonic_ns() - 3_000_000)
    times.sent(1)
    times.acknowledged(1)
    times.sent(2)  # nobody knows what it was decided for
    sent, acknowledged = (latency.snapshot()[stage] for stage in (Stage.SENT, Stage.ACKNOWLEDGED))
    assert (sent.count, acknowledged.count) == (1, 1)
    assert 3_000 <= sent.p50_us <= acknowledged.p50_us * 1.001


def test_orders_take_no_more_memory_the_more_there_are() -> None:
    latency = StageLatency()
    times = OrderTimes(latency)
    for order in range(50):
        times.decided(order, monotonic_ns())
        times.sent(order)
    assert latency.snapshot()[Stage.SENT].count == 50
    assert len(latency._recorders[Stage.SENT]) == 1


def test_ticks_reach_the_ring_together_and_only_others_than_the_consumer_rest_after_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rested: list[int] = []
    monkeypatch.setattr("sos_actors.app.live_machine.hand_over", lambda: rested.append(threading.get_ident()))
    ring = RingBuffer(8)
    ring.attach()
    sink = RingSink(ring)
    sink.publish_ticks([("A", 1, 10.0), ("B", 2, 20.0)], 7)
    assert rested == []
    thread = threading.Thread(target=sink.publish_ticks, args=([("A", 3, 11.0), ("C", 4, 30.0)],))
    thread.start()
    thread.join(10.0)
    assert rested == [thread.ident]
    batch = ring.drain()
    assert batch is not None
    assert batch.events == [Ticks(UnixNanos(4), ("A", "B", "C"), (3, 2, 4), (11.0, 20.0, 30.0))]
    assert batch.received_ns.tolist() == [7, 7, 0]
    sink.publish_ticks([("B", 5, 21.0)])
    assert (again := ring.drain()) is not None
    assert again.events == [Tick(UnixNanos(5), "B", 21.0)]
