from __future__ import annotations

from sos_actors.app.live_machine import OrderTimes
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.latency import Stage, StageLatency


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
