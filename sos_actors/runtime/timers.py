"""Calls at a moment, after a while, or again and again, in the time of any clock, on one thread of their own.

What is called must only tell somebody: the thread serves everyone. Over a ``ManualClock`` there is no thread.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from sos_actors.runtime.clock import Clock, ManualClock
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

log = logging.getLogger(__name__)
LONGEST_SLEEP_S = 1.0
"""Real seconds between two looks at the clock at most, as it may have been set meanwhile."""
NANOS_PER_DAY = 86_400 * NANOS_PER_SECOND


class Timer:
    """One call to come; ``cancel`` takes it back. Made by ``Timers``."""

    __slots__ = ("_aligned", "_cancelled", "call", "due", "name", "offset_ns", "period_ns")

    def __init__(self, due: int, call: Callable[[], object], name: str, period_ns: int = 0,
                 offset_ns: int | None = None) -> None:  # fmt: skip
        self.due, self.call, self.name, self.period_ns = due, call, name, period_ns
        self._aligned, self.offset_ns = offset_ns is not None, offset_ns or 0
        self._cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether it will not fire again."""
        return self._cancelled

    def cancel(self) -> None:
        """Never call again; a call that is being made at this moment is not interrupted."""
        self._cancelled = True

    def move_on(self, now: int) -> None:
        """Choose the next due moment after ``now``; periods that were missed are skipped."""
        if self._aligned:
            self.due = next_aligned(max(now, self.due), self.period_ns, self.offset_ns)
        else:
            self.due += self.period_ns * (max(now - self.due, 0) // self.period_ns + 1)


def next_aligned(after: int, period_ns: int, offset_ns: int) -> int:
    """The first moment after ``after`` that lies ``offset_ns`` behind a multiple of the period since midnight UTC."""
    start = after // NANOS_PER_DAY * NANOS_PER_DAY + offset_ns
    following = start + ((after - start) // period_ns + 1) * period_ns
    return min(following, start + NANOS_PER_DAY) if after >= start else min(following, start)


class Timers:
    """Timers over one clock. All periods and delays are in that clock's seconds.

    Calls are made in the order they are due, each when the one before it has returned. One that raises is logged, and
    the others go on. After a pause (a machine that slept, a thread that got no time) each fires once, not once for
    every period it missed.
    """

    def __init__(self, clock: Clock, name: str = "timers") -> None:
        self.clock = clock
        self._name = name
        self._changed = threading.Condition()
        self._heap: list[tuple[int, int, Timer]] = []
        self._numbers = itertools.count()
        self._stopping = False
        self._thread: threading.Thread | None = None
        if isinstance(clock, ManualClock):
            clock.attach(self.next_due, self.run_due)

    def every(self, period_s: float, call: Callable[[], object], *, aligned: bool = False, offset_s: float = 0.0,
              name: str = "") -> Timer:  # fmt: skip
        """Call again and again, the first time after one period.

        Args:
            period_s: clock seconds, above 0.
            aligned: at multiples of the period since midnight UTC, and ``offset_s`` behind them.
            offset_s: clock seconds; only with ``aligned``.
            name: for the log.

        Raises:
            ValueError: the period is not above 0.
        """
        period_ns, offset_ns = _nanos(period_s), _nanos(offset_s)
        if period_ns <= 0:
            raise ValueError(f"A period of {period_s} s never ends.")
        now = self.clock()
        due = next_aligned(now, period_ns, offset_ns) if aligned else now + period_ns
        return self._push(Timer(due, call, name, period_ns, offset_ns if aligned else None))

    def after(self, delay_s: float, call: Callable[[], object], *, name: str = "") -> Timer:
        """Call once, after so many clock seconds."""
        return self._push(Timer(self.clock() + _nanos(delay_s), call, name))

    def at(self, ts: UnixNanos, call: Callable[[], object], *, name: str = "") -> Timer:
        """Call once, at a moment; soon if it is past."""
        return self._push(Timer(ts, call, name))

    def next_due(self) -> UnixNanos | None:
        """When the next call is due; None when none is to come."""
        with self._changed:
            while self._heap and self._heap[0][2].is_cancelled:
                heapq.heappop(self._heap)
            return UnixNanos(self._heap[0][0]) if self._heap else None

    def run_due(self) -> int:
        """Make every call that is due now, in the calling thread; how many. The timers' thread does nothing else."""
        made, now = 0, self.clock()
        while (timer := self._pop(now)) is not None:
            made += 1
            try:
                timer.call()
            except Exception:  # the boundary to whoever set the timer: theirs must not end everybody's
                log.exception("A timer failed%s; it goes on.", f" ({timer.name})" if timer.name else "")
            if timer.period_ns and not timer.is_cancelled:
                timer.move_on(now)
                self._push(timer)
        return made

    def start(self) -> None:
        """Start the thread; over a ``ManualClock`` there is none to start."""
        if self._thread is None and not isinstance(self.clock, ManualClock):
            self._stopping = False
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Make no further call; whether the thread ended in so many real seconds. Idempotent."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout_s)
        if not thread.is_alive():
            self._thread = None
        return not thread.is_alive()

    def _push(self, timer: Timer) -> Timer:
        with self._changed:
            heapq.heappush(self._heap, (timer.due, next(self._numbers), timer))
            self._changed.notify_all()
        return timer

    def _pop(self, now: int) -> Timer | None:
        with self._changed:
            while self._heap and self._heap[0][0] <= now and not self._stopping:
                timer = heapq.heappop(self._heap)[2]
                if not timer.is_cancelled:
                    return timer
        return None

    def _run(self) -> None:
        speed = float(getattr(self.clock, "speed", 1.0))
        while True:
            self.run_due()
            due = self.next_due()
            with self._changed:
                if self._stopping:
                    return
                if due != (self._heap[0][0] if self._heap else None):
                    continue  # another one has come to the front meanwhile
                real_s = LONGEST_SLEEP_S if due is None else (due - self.clock()) / NANOS_PER_SECOND / speed
                if real_s > 0:
                    self._changed.wait(min(real_s, LONGEST_SLEEP_S))


def _nanos(seconds: float) -> int:
    return round(seconds * NANOS_PER_SECOND)
