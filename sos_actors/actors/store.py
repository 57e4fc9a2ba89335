"""Writes what is worth keeping into the store, in batches; while it cannot, it keeps it, and entries wait."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sos_actors.actors.describing import Describe
from sos_actors.actors.errands import teller
from sos_actors.actors.store_queue import Flush, Keep, StoreCounts, StoreQueue
from sos_actors.errors import StoreError
from sos_actors.messages.records import Fact
from sos_actors.ports import Recorder
from sos_actors.runtime.actor import Actor
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import Rung, TradingGate
from sos_actors.types import NANOS_PER_SECOND

log = logging.getLogger(__name__)
GATE_KEY = "store"
BATCH = 500
FLUSH_EVERY_S = 0.5
FIRST_DELAY_S, MOST_DELAY_S = 0.5, 10.0
LAST_WORDS_S = 3.0
"""Real seconds that are taken to write out what waits when the actor stops."""


class StoreActor(Actor):
    """The only writer of the running system. Nobody waits for it, and it waits for the database within bounds only.

    Args:
        open_recorder: opens the store, on this actor's thread.
        queue: what waits; survives this actor.
        timers: in whose clock's seconds a flush comes; ``speed`` of that clock makes it half a real second.
        now_ns: real time, nanoseconds.
    """

    def __init__(
        self, open_recorder: Callable[[], Recorder], queue: StoreQueue, gate: TradingGate, timers: Timers, *,
        now_ns: Callable[[], int] = monotonic_ns, mailbox: Mailbox | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox)
        self._tell_me = teller(self.actor_ref)
        self._open, self._queue, self._gate, self._timers, self._now_ns = open_recorder, queue, gate, timers, now_ns
        self._recorder: Recorder | None = None
        self._trouble, self._delay_s, self._again_at = "", 0.0, 0
        self._written = self._refused = 0

    def on_start(self) -> None:
        """Flush from now on."""
        period_s = FLUSH_EVERY_S * float(getattr(self._timers.clock, "speed", 1.0))
        self.cancel_at_end(self._timers.every(period_s, lambda: self._tell_me(Flush()), name="store"))

    def on_stop(self) -> None:
        """Write out what waits, if that is possible at all; what it is not possible for is counted and logged."""
        super().on_stop()
        end = self._now_ns() + round(LAST_WORDS_S * NANOS_PER_SECOND)
        while len(self._queue) and self._now_ns() < end and self._write():
            pass
        if len(self._queue):
            log.error("%d facts could not be stored: %s", len(self._queue), self._trouble)
        self._close()

    def on_failure(self, *_: object) -> None:
        """What waits is the successor's."""
        super().on_failure()
        self._close()

    def on_receive(self, message: Any) -> Any:
        """Keep a fact, write, or tell the counts."""
        if isinstance(message, Keep):
            self._queue.add(message.fact)
            if len(self._queue) % BATCH == 0:
                self._flush()
        elif isinstance(message, Flush):
            self._flush()
        elif isinstance(message, Describe):
            return StoreCounts(len(self._queue), self._written, self._queue.dropped, self._refused, self._trouble)
        else:
            return super().on_receive(message)
        return None

    def _flush(self) -> None:
        if self._trouble and self._now_ns() < self._again_at:
            return
        while len(self._queue) and self._write():
            pass

    def _write(self) -> bool:
        """One batch; whether that went well."""
        facts = self._queue.first(BATCH)
        try:
            self._recorder = self._recorder or self._open()
            self._record(self._recorder, facts)
        except (StoreError, OSError) as error:
            self._failed(error)
            return False
        self._queue.written(facts)
        self._written += len(facts)
        if self._trouble:
            log.info("The store can be written again; %d facts still wait.", len(self._queue))
        self._trouble, self._delay_s = "", 0.0
        if not len(self._queue):
            self._gate.release(GATE_KEY)
        return True

    def _record(self, recorder: Recorder, facts: list[Fact]) -> None:
        """A batch; when one fact in it makes no sense, one by one without it.

        Raises:
            StoreError, OSError: nothing can be written at all.
        """
        try:
            recorder.record(facts)
        except (StoreError, OSError):
            raise
        except Exception as error:  # whatever one fact does to the recorder must not cost the others
            if len(facts) == 1:
                self._refused += 1
                log.error("A %s cannot be stored: %s", type(facts[0]).__name__, error)
                return
            for fact in facts:
                self._record(recorder, [fact])

    def _failed(self, error: Exception) -> None:
        if not self._trouble:
            log.error("The store cannot be written; what is to be kept waits: %s", error)
            self._gate.hold(GATE_KEY, Rung.STOP_ENTRIES, f"The store cannot be written: {error}")
        self._trouble = str(error)
        self._delay_s = min(max(2 * self._delay_s, FIRST_DELAY_S), MOST_DELAY_S)
        self._again_at = self._now_ns() + round(self._delay_s * NANOS_PER_SECOND)
        self._close()

    def _close(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            with suppress(StoreError, OSError):
                recorder.close()
