"""What every part of the running system stands on: clocks and timers, the ring and its sink, the gate, the figures."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass
from typing import TypeVar

from sos_actors.actors.decisions import DecisionDesk, Question
from sos_actors.engine.engine import Engine
from sos_actors.errors import ActorTimeoutError
from sos_actors.runtime.clock import AcceleratedClock, WallClock, monotonic_ns, wall_time
from sos_actors.runtime.latency import Stage, StageLatency
from sos_actors.runtime.ring import RingBuffer
from sos_actors.runtime.slots import Batch
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import TradingGate
from sos_actors.runtime.waiting import hand_over, make_wait

T = TypeVar("T")
_ORDERS_REMEMBERED = 1000


class RingSink:
    """Implements ``ports.EventSink`` over a ring."""

    def __init__(self, ring: RingBuffer) -> None:
        self._ring = ring

    def publish(self, event: object, received_ns: int = 0) -> None:
        """An event of the engine's; waits while the ring is full."""
        self._ring.publish(event, received_ns)

    def publish_ticks(self, told: Sequence[tuple[str, int, float]], received_ns: int = 0) -> None:
        """Prices; of a symbol whose price nobody has read yet, that is replaced."""
        number = self._ring.symbol_id
        self._ring.publish_ticks([(number(symbol), at, price) for symbol, at, price in told], received_ns)
        if not self._ring.is_consumer():
            hand_over()


class OrderTimes:
    """Implements ``actors.order_lanes.OrderLatency``: from the cause of an order to its request, and to its answer."""

    def __init__(self, latency: StageLatency) -> None:
        self._latency = latency
        self._lock = threading.Lock()
        self._causes: OrderedDict[int, int] = OrderedDict()

    def decided(self, order_id: int, cause_ns: int) -> None:
        """An order was decided because of what reached the process at ``cause_ns``."""
        with self._lock:
            self._causes[order_id] = cause_ns
            if len(self._causes) > _ORDERS_REMEMBERED:
                self._causes.popitem(last=False)

    def sent(self, order_id: int) -> None:
        """Its request is about to be written."""
        self._record(Stage.SENT, order_id)

    def acknowledged(self, order_id: int) -> None:
        """The broker gave it an id."""
        self._record(Stage.ACKNOWLEDGED, order_id)

    def _record(self, stage: Stage, order_id: int) -> None:
        with self._lock:
            cause = self._causes.get(order_id)
        if cause is not None:
            self._latency.record(stage, monotonic_ns() - cause)


@dataclass(frozen=True, slots=True)
class Machine:
    """One of each.

    Attributes:
        clock: the market's.
        timers: over it.
        real_timers: over real time that nobody sets: restarts, liveness.
    """

    clock: WallClock | AcceleratedClock
    timers: Timers
    real_timers: Timers
    ring: RingBuffer
    sink: RingSink
    gate: TradingGate
    latency: StageLatency
    order_times: OrderTimes

    @classmethod
    def of(cls, clock: WallClock | AcceleratedClock, slots: int, wait: str) -> Machine:
        """Everything but the dispatcher, which needs to know what it runs; nothing is started."""
        ring = RingBuffer(slots, make_wait(wait))
        sink = RingSink(ring)
        latency = StageLatency()
        real = AcceleratedClock.starting(wall_time())
        gate = TradingGate(sink.publish, clock)
        return cls(
            clock, Timers(clock, "market-timers"), Timers(real, "timers"), ring, sink, gate, latency,
            OrderTimes(latency),
        )  # fmt: skip

    def ask(self, question: Callable[[Engine], T], timeout_s: float = 2.0) -> T:
        """Look something up in the engine, on the dispatcher's thread.

        Raises:
            ActorTimeoutError: the dispatcher did not get to it in time.
        """
        answer: Future[T] = Future()
        self.ring.publish(Question(question, answer))
        try:
            return answer.result(timeout_s)
        except TimeoutError:
            answer.cancel()
            raise ActorTimeoutError(
                f"The engine was not asked within {timeout_s:g} s: the dispatcher is busy."
            ) from None

    def measured(self, desk: DecisionDesk) -> Callable[[Batch], None]:
        """The desk as the dispatcher runs it, with the time from a frame's receipt to its publication."""
        published = self.latency.recorder(Stage.PUBLISHED)

        def on_batch(batch: Batch) -> None:
            published.record_between(batch.times)
            desk.on_batch(batch)

        return on_batch
