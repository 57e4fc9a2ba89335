"""The fail-flat ladder: who holds trading back, how far, and the events that make the engine obey.

It decides nothing about trades; the wiring and the actors hold and release rungs, ``publish`` leads to the ring.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from sos_actors.messages.trading import EntriesStopped, EntriesWithdrawn, FlattenRequested
from sos_actors.runtime.clock import Clock
from sos_actors.types import UnixNanos


class Rung(IntEnum):
    """How far trading is held back; each rung includes those below it. Exits run on all of them."""

    OPEN = 0
    STOP_ENTRIES = 1
    """No new entries."""
    EXITS_ONLY = 2
    """Entries that wait at the broker are withdrawn as well."""
    SQUARE_OFF = 3
    """Every position is closed."""
    HALT = 4
    """And so it stays until the program is started anew."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Someone holds trading back.

    Attributes:
        key: who, or which doubt: ``feed``, ``recovery``, ``kill``.
        reason: for the trader.
        since: when it came to this rung, UnixNanos.
    """

    key: str
    rung: Rung
    reason: str
    since: UnixNanos


class TradingGate:
    """The ladder. Thread-safe; it stands on the highest rung anybody holds.

    Events are published in the order of the changes, without the lock held, by whichever thread comes first: a call
    that returns while another thread publishes may do so before its own event is out. If ``publish`` raises, that goes
    to the caller, and the event is published before any other by the next call.
    """

    def __init__(self, publish: Callable[[object], None], clock: Clock) -> None:
        self._publish, self._clock = publish, clock
        self._lock, self._publishing = threading.Lock(), threading.Lock()
        self._holds: dict[str, Hold] = {}
        self._pending: deque[object] = deque()

    @property
    def rung(self) -> Rung:
        """Where the ladder stands."""
        with self._lock:
            return self._highest()

    def hold(self, key: str, rung: Rung, reason: str) -> Rung:
        """Hold trading back, or hold it differently (higher, lower, for another reason); where the ladder then stands.

        Raises:
            ValueError: OPEN holds nothing; ``release`` it.
        """
        if rung is Rung.OPEN:
            raise ValueError("OPEN holds nothing back.")
        with self._lock:
            before, held = self._highest(), self._holds.get(key)
            if held is None or held.rung is not Rung.HALT:
                since = held.since if held is not None and held.rung is rung else self._clock()
                self._holds[key] = Hold(key, rung, reason, since)
            now = self._highest()
            self._queue(before, now, reason)
        self._deliver()
        return now

    def release(self, key: str) -> Rung:
        """Hold it back no longer for this; where the ladder then stands. HALT is never released."""
        with self._lock:
            before, held = self._highest(), self._holds.get(key)
            if held is not None and held.rung is not Rung.HALT:
                del self._holds[key]
            now = self._highest()
            self._queue(before, now, f"{key} released")
        self._deliver()
        return now

    def reasons(self) -> list[Hold]:
        """What trading waits for, the highest rung first, then the oldest."""
        with self._lock:
            return sorted(self._holds.values(), key=lambda hold: (-hold.rung, hold.since, hold.key))

    def republish(self) -> tuple[object, ...]:
        """Publish, and return, the events that bring an engine of any state to the present one; after its restart."""
        with self._lock:
            now = self._highest()
            top = max(self._holds.values(), key=lambda hold: hold.rung, default=None)
            reason = top.reason if top is not None else "open"
            again = [EntriesStopped(self._clock(), False, reason)] if now is Rung.OPEN else []
            events = (*again, *self._rises(Rung.OPEN, now, reason))
            self._pending.extend(events)
        self._deliver()
        return events

    def _highest(self) -> Rung:
        return max((hold.rung for hold in self._holds.values()), default=Rung.OPEN)

    def _queue(self, before: Rung, now: Rung, reason: str) -> None:
        self._pending.extend(self._rises(before, now, reason))
        if before > Rung.OPEN and now is Rung.OPEN:
            self._pending.append(EntriesStopped(self._clock(), False, reason))

    def _rises(self, before: Rung, now: Rung, reason: str) -> list[object]:
        ts = self._clock()
        passed: list[tuple[Rung, object]] = [
            (Rung.STOP_ENTRIES, EntriesStopped(ts, True, reason)),
            (Rung.EXITS_ONLY, EntriesWithdrawn(ts, reason)),
            (Rung.SQUARE_OFF, FlattenRequested(ts, reason)),
        ]
        return [event for rung, event in passed if before < rung <= now]

    def _deliver(self) -> None:
        while self._pending and self._publishing.acquire(blocking=False):
            try:
                while self._pending:
                    self._publish(self._pending[0])
                    self._pending.popleft()
            finally:
                self._publishing.release()
