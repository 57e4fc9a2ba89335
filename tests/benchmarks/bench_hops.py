"""Hops between two threads: bare ones, and from ``publish`` to ``on_batch`` of the ring with each wait strategy.

Run: python -m tests.benchmarks.bench_hops [messages] [loads], loads of: idle, process (another one parses), thread (one
of this process parses). One message each 200 us; the ratio is to the bare hop that waits the same way, in the same run.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any

import numpy as np
import pykka
from numba import types  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from sos_actors.compiled import compiled
from sos_actors.runtime.dispatcher import LAST_CPU, NO_CPU, Dispatcher, hurry_this_thread, pin_this_thread
from sos_actors.runtime.latency import StageLatency
from sos_actors.runtime.ring import Batch, RingBuffer
from sos_actors.runtime.waiting import LONGEST_WAIT_NS, make_wait, spin_until, yield_until

PERIOD_NS = 200_000
LOADS = ("idle", "process", "thread")
PERCENTS = (50, 99, 99.9)
PARSING = """
import json, time
text = json.dumps([{"strike": k, "oi": k * 7, "name": "NIFTY"} for k in range(70_000)])
while True:
    begun = time.monotonic()
    json.loads(text)
    time.sleep(4 * (time.monotonic() - begun))
"""
"""A document of about 3 MB, a fifth of the time."""
Delays = NDArray[np.int64]
ROUNDS = 8
Hop = Callable[..., Delays]
"""Sends so many messages to a consumer on that core and returns how long each took, nanoseconds."""
_gettime: Any = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.uintp))


def joined(parts: list[Delays]) -> Delays:
    """One array of all."""
    whole: Delays = np.concatenate(parts)
    return whole


def paced(count: int, send: Callable[[], object], period_ns: int = PERIOD_NS) -> None:
    """Call ``send`` so many times, one each period."""
    due = perf_counter_ns()
    for _ in range(count):
        due = max(due + period_ns, perf_counter_ns() - 20 * period_ns)
        while (left := due - perf_counter_ns()) > 0:
            time.sleep(left / 1e9)
        send()


def hop(
    count: int, cpu: int, receive: Callable[[], bool], send: Callable[[], object], period_ns: int = PERIOD_NS,
    realtime: bool = False,
) -> Delays:  # fmt: skip
    """A consumer that does nothing but ``receive`` and look at the clock."""
    sent, arrived = list[int](), list[int]()

    def consume() -> None:
        pin_this_thread(cpu)
        if realtime:
            hurry_this_thread()
        while len(arrived) < count:
            if receive():
                arrived.append(perf_counter_ns())

    def stamped() -> None:
        sent.append(perf_counter_ns())
        send()

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    paced(count, stamped, period_ns)
    thread.join()
    return np.subtract(arrived, sent)


def eventfd(count: int, cpu: int, period_ns: int = PERIOD_NS, realtime: bool = False) -> Delays:
    """An eventfd in semaphore mode."""
    fd = os.eventfd(0, os.EFD_SEMAPHORE)
    try:
        return hop(
            count, cpu, lambda: bool(os.eventfd_read(fd)), lambda: os.eventfd_write(fd, 1), period_ns, realtime
        )  # fmt: skip
    finally:
        os.close(fd)


def simple_queue(count: int, cpu: int) -> Delays:
    """``queue.SimpleQueue``."""
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    return hop(count, cpu, lambda: waiting.get() == 1, lambda: waiting.put(1))


class Timing(pykka.ThreadingActor):
    """Looks at the clock at every message."""

    use_daemon_thread = True

    def __init__(self, cpu: int) -> None:
        super().__init__()
        self.cpu, self.arrived = cpu, list[int]()

    def on_start(self) -> None:
        """On its own thread."""
        pin_this_thread(self.cpu)

    def on_receive(self, message: int) -> int:
        """Also the answer to who asks."""
        self.arrived.append(perf_counter_ns() - message)
        return 0


def pykka_tell(count: int, cpu: int) -> Delays:
    """``tell`` of a pykka actor on a thread."""
    ref = Timing.start(cpu)
    paced(count, lambda: ref.tell(perf_counter_ns()))
    arrived: list[int] = ref.proxy().arrived.get()
    ref.stop()
    return np.array(arrived)


def in_python(until: Callable[..., bool]) -> Hop:
    """A compiled wait on a bare word, after which Python looks at the clock, and so needs the GIL."""

    def measure(count: int, cpu: int, period_ns: int = PERIOD_NS) -> Delays:
        words, scratch = np.zeros(16, np.int64), np.zeros(2, np.int64)
        word, expected = words.data, 1

        def receive() -> bool:
            nonlocal expected
            if until(words, 0, expected, LONGEST_WAIT_NS, scratch):
                expected += 1
                return True
            return False

        def send() -> None:
            word[0] += 1

        return hop(count, cpu, receive, send, period_ns)

    return measure


@compiled
def _arrivals(words: NDArray[np.int64], arrived: NDArray[np.int64], scratch: NDArray[np.int64]) -> None:
    for number in range(len(arrived)):
        while not spin_until(words, 0, number + 1, 1_000_000_000, scratch):
            pass
        _gettime(1, scratch.ctypes.data)
        arrived[number] = scratch[0] * 1_000_000_000 + scratch[1]


def spin_in_machine_code(count: int, cpu: int) -> Delays:
    """A compiled wait, after which compiled code looks at the clock: no Python in the consumer at all."""
    words, arrived, sent = np.zeros(16, np.int64), np.zeros(count, np.int64), list[int]()
    _arrivals(np.ones(1, np.int64), np.zeros(1, np.int64), np.zeros(2, np.int64))  # compiled before it is measured

    def consume() -> None:
        pin_this_thread(cpu)
        _arrivals(words, arrived, np.zeros(2, np.int64))

    def send() -> None:
        sent.append(perf_counter_ns())
        words[0] = len(sent)

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()
    paced(count, send)
    thread.join()
    return np.subtract(arrived, sent)


def through_ring(wait: str) -> Hop:
    """From ``publish`` to the first line of ``on_batch``."""

    def measure(count: int, cpu: int) -> Delays:
        ring, delays = RingBuffer(1024, make_wait(wait)), list[Delays]()

        def on_batch(batch: Batch) -> None:
            delays.append(perf_counter_ns() - batch.published_ns)

        def fail(error: BaseException) -> None:
            raise error

        dispatcher = Dispatcher(ring, on_batch, cpu=cpu, on_failure=fail, latency=StageLatency())
        dispatcher.start()
        paced(count, lambda: ring.publish("event"))
        dispatcher.stop()
        return joined(delays)

    return measure


BARE: dict[str, Hop] = {
    "eventfd": eventfd,
    "SimpleQueue": simple_queue,
    "pykka tell": pykka_tell,
    "compiled yield, then Python": in_python(yield_until),
    "compiled spin, then Python": in_python(spin_until),
    "compiled spin, no Python": spin_in_machine_code,
}
RING = {"ring, block": "block", "ring, yield": "yield", "ring, spin": "spin"}
HOPS = BARE | {name: through_ring(wait) for name, wait in RING.items()}
LIKE = dict(zip(RING, ("eventfd", "compiled yield, then Python", "compiled spin, then Python"), strict=True))
"""The bare hop that waits the same way."""


@contextmanager
def load(kind: str) -> Iterator[None]:
    """Nothing, or somebody who parses a document of 3 MB a fifth of the time."""
    if kind == "idle":
        yield
    elif kind == "process":
        with subprocess.Popen([sys.executable, "-c", PARSING]) as other:
            yield
            other.kill()
    else:
        over, text = threading.Event(), json.dumps([{"strike": k, "oi": k * 7, "name": "NIFTY"} for k in range(70_000)])

        def parse() -> None:
            while not over.is_set():
                begun = time.monotonic()
                json.loads(text)
                over.wait(4 * (time.monotonic() - begun))

        thread = threading.Thread(target=parse)
        thread.start()
        yield
        over.set()
        thread.join()


def print_hops(count: int, kind: str, cpu: int) -> None:
    """The table of one load."""
    where = "on its own core" if cpu == LAST_CPU else "where the system puts it"
    print(f"\n{f'{kind}, consumer {where}; us':42}{'p50':>10}{'p99':>10}{'p99.9':>10}   ratio to the bare hop")
    found: dict[str, list[Delays]] = {}
    with load(kind):
        for _ in range(ROUNDS):  # in turns, so that each meets the same moods of the machine
            for name, measure in HOPS.items():
                found.setdefault(name, []).append(measure(max(count // ROUNDS, 1), cpu))
    figures = {name: [float(ns) / 1000 for ns in np.percentile(joined(all_), PERCENTS)] for name, all_ in found.items()}
    for name, row in figures.items():
        like = figures.get(LIKE.get(name, ""), [])
        ratios = " / ".join(f"{one / other:.1f}" for one, other in zip(row, like, strict=False))
        print(f"  {name:40}" + "".join(f"{one:10.1f}" for one in row) + f"   {ratios}")


def print_costs(count: int) -> None:
    """What the calls themselves cost on one thread, in batches of 256."""
    ring = RingBuffer(1024, make_wait("spin"))
    symbols = [ring.symbol_id(f"S{number}") for number in range(256)]
    waiting: queue.SimpleQueue[object] = queue.SimpleQueue()
    works: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "SimpleQueue": (
            lambda: deque(map(waiting.put, symbols), 0),
            lambda: [waiting.get() for _ in symbols],
        ),
        "ring, events": (lambda: [ring.publish(one) for one in symbols], ring.drain),
        "ring, ticks": (lambda: [ring.publish_tick(one, 1, 2.0) for one in symbols], ring.drain),
    }
    print("\nns a message, best of all rounds:       put       get")
    for name, (put, get) in works.items():
        best = [2**62, 2**62]
        for _ in range(max(count // 256, 3)):
            for at, work in enumerate((put, get)):
                begun = perf_counter_ns()
                work()
                best[at] = min(best[at], perf_counter_ns() - begun)
        print(f"  {name:30}{best[0] / 256:12.0f}{best[1] / 256:10.0f}")


def main(messages: str = "20000", *loads: str) -> None:
    """Print everything."""
    count = int(messages)
    print_costs(count)
    for kind in loads or LOADS:
        for cpu in (NO_CPU, LAST_CPU):
            print_hops(count, kind, cpu)


if __name__ == "__main__":
    main(*sys.argv[1:])
