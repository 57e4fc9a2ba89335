"""The one thread that reads the ring and hands each batch to its consumer, on a core of its own where there is one.

It measures and survives; what a batch means is the consumer's affair. Started and stopped by the wiring.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable

from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.latency import Stage, StageLatency, StallMeter
from sos_actors.runtime.ring import MOST_AT_ONCE, Batch, RingBuffer

__all__ = ["LAST_CPU", "NO_CPU", "Batch", "Dispatcher", "hurry_this_thread", "pin_this_thread"]

LAST_CPU, NO_CPU = -1, -2
logger = logging.getLogger(__name__)


def pin_this_thread(cpu: int) -> int | None:
    """Keep the calling thread on one core. Threads it starts later stay there too.

    Args:
        cpu: number of the core; -1: the last of those allowed; -2: leave it alone.

    Returns:
        The core, or None where the thread was not pinned; why is logged.
    """
    if cpu == NO_CPU:
        return None
    if not hasattr(os, "sched_setaffinity"):
        logger.info("This system does not pin threads to cores; the dispatcher runs where it is put.")
        return None
    allowed = os.sched_getaffinity(0)
    chosen = max(allowed) if cpu == LAST_CPU else cpu
    if chosen not in allowed:
        logger.warning("There is no core %d to pin the dispatcher to: one of %s.", cpu, sorted(allowed))
        return None
    try:
        os.sched_setaffinity(0, {chosen})
    except OSError as error:
        logger.warning("The dispatcher was not pinned to core %d: %s.", chosen, error)
        return None
    return chosen


def hurry_this_thread() -> bool:
    """Have the calling thread run before all ordinary ones, where the system allows it; whether it does.

    For a thread that mostly sleeps. Threads and processes it starts are ordinary ones.
    """
    if not hasattr(os, "sched_setscheduler"):
        logger.info("This system has no real-time threads; the dispatcher is an ordinary one.")
        return False
    if (os.cpu_count() or 1) < 2:
        logger.info("There is one core: the dispatcher is an ordinary thread, or others would wait for it.")
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError as error:
        logger.info("The dispatcher is an ordinary thread: %s. 'ulimit -r 1' would allow it more.", error.strerror)
        return False
    return True


class Dispatcher:
    """Drains a ring on one daemon thread.

    A batch whose consumer raises is counted, logged and reported; the next one is served as if nothing had happened.

    Args:
        ring: read by this thread only.
        on_batch: serves a batch; called on the dispatcher's thread.
        cpu: core of the thread; -1 the last one, -2 none (see ``pin_this_thread``).
        realtime: let it run before ordinary threads (see ``hurry_this_thread``); not for one that never sleeps.
        on_failure: told what ``on_batch`` raised, on the dispatcher's thread.
        on_idle: called there whenever the ring is empty, before the next wait; what can wait until nobody does.
        latency: takes the stage *decided*: from publication to the end of ``on_batch``, or to the moment at which the
            consumer says that it is done with the event.
        stalls: takes how long the oldest event of each batch waited.
        name: of the thread.
        most: events in one batch.
    """

    def __init__(
        self,
        ring: RingBuffer,
        on_batch: Callable[[Batch], None],
        *,
        on_failure: Callable[[BaseException], None],
        latency: StageLatency,
        on_idle: Callable[[], None] = lambda: None,
        cpu: int = NO_CPU,
        realtime: bool = False,
        stalls: StallMeter | None = None,
        name: str = "dispatcher",
        most: int = MOST_AT_ONCE,
    ) -> None:
        self._ring, self._on_batch, self._on_failure, self._on_idle = ring, on_batch, on_failure, on_idle
        self._decided = latency.recorder(Stage.DECIDED)
        self.stalls = stalls if stalls is not None else StallMeter()
        self._cpu, self._realtime, self._most = cpu, realtime, most
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.failures = 0
        self.batches = 0
        self.pinned_to: int | None = None
        self.is_realtime = False

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def thread_id(self) -> int | None:
        """``threading.get_ident`` of the thread; None before the start."""
        return self._thread.ident

    def start(self) -> None:
        """Start the thread; once.

        Raises:
            RuntimeError: it was started before.
        """
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Serve what is in the ring, close the ring, end the thread; whether it ended within ``timeout_s``.

        Everything ``publish`` took is served. Called on the dispatcher's own thread it only asks for the end, and so
        does it when ``on_batch`` hangs: the thread is a daemon and dies with the process.
        """
        self._stopping = True
        if self._thread.ident is None:
            self._ring.close()
            return True
        self._ring.wake()
        if threading.get_ident() == self._thread.ident:
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        ring = self._ring
        ring.attach()
        self.pinned_to = pin_this_thread(self._cpu)
        self.is_realtime = self._realtime and hurry_this_thread()
        while not self._stopping:
            batch = ring.drain(self._most)
            if batch is None:
                self._idle()
                ring.wait()
            else:
                self._serve(batch)
        for _ in range(ring.unread):  # what was there at the stop, each batch holds one at least
            if (batch := ring.drain(self._most)) is None:
                break
            self._serve(batch)
        ring.close()
        while (batch := ring.drain(self._most)) is not None:
            self._serve(batch)

    def _idle(self) -> None:
        try:
            self._on_idle()
        except Exception as error:  # as below
            logger.exception("What the dispatcher does when there is nothing to do failed.")
            self._on_failure(error)

    def _serve(self, batch: Batch) -> None:
        begun = monotonic_ns()
        self.stalls.note(begun, begun - int(batch.times.item(0, 1)))
        self.batches += 1
        try:
            self._on_batch(batch)
        except BaseException as error:  # the loop is the boundary: nothing an event does may end it
            self._failed(batch, error)
        self._decided.record_until(batch.times, monotonic_ns())

    def _failed(self, batch: Batch, error: BaseException) -> None:
        self.failures += 1
        kinds = Counter(type(event).__name__ for event in batch.events)
        held = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        logger.error("A batch of %s failed and is dropped.", held, exc_info=error)
        try:
            self._on_failure(error)
        except Exception:  # whoever is told must not take the dispatcher down either
            logger.exception("Who is told of failed batches failed.")
