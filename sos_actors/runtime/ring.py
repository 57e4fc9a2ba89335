"""The ring: many threads publish events and ticks, one thread reads them in batches, in the order of their sequence.

Slots are preallocated; ticks are numbers in a slot and conflate to the latest of their symbol, all else waits for room.
Words are those of the LMAX Disruptor. Called by whoever feeds the dispatcher, and by the dispatcher.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

import numpy as np

from sos_actors.messages.market import Tick
from sos_actors.runtime.clock import monotonic_ns
from sos_actors.runtime.slots import (
    QUOTE,
    QUOTE_AT,
    SLOT,
    SLOT_BYTES,
    SLOT_WORDS,
    TICK,
    TICK_AT,
    TIMES,
    TIMES_AT,
    TIMES_WORDS,
    Aside,
    Batch,
    RingCounts,
    with_ticks,
)
from sos_actors.runtime.waiting import BlockWait, WaitStrategy
from sos_actors.types import UnixNanos

__all__ = ["CLOSED", "MOST_AT_ONCE", "Batch", "RingBuffer", "RingCounts"]

MOST_AT_ONCE = 256
CLOSED = -1
"""What ``publish`` answers when the ring takes nothing more."""
_TICK = object()
"""Stands in the list of objects for a tick, whose figures are in the slot."""


class RingBuffer:
    """A ring for any number of producers and one consumer: the thread that called ``attach`` or, first, ``drain``.

    Every change to a slot happens under one short lock, so the consumer needs it only to say how far it is about to
    read: slots up to there are no longer overwritten. The sequence is the last thing written, so a producer that is
    interrupted anywhere (Ctrl-C) leaves either no trace or a published slot.

    Args:
        slots: events that may wait; a power of two.
        wait: how the consumer waits; ``BlockWait`` unless given.

    Raises:
        ValueError: ``slots`` is no power of two.
    """

    def __init__(self, slots: int = 1024, wait: WaitStrategy | None = None) -> None:
        if slots < 2 or slots & (slots - 1):
            raise ValueError(f"A ring has a power of two of slots, at least 2, not {slots}.")
        self.capacity = slots
        self.wait_strategy: WaitStrategy = wait if wait is not None else BlockWait()
        self._signal = self.wait_strategy.signal
        self._mask = slots - 1
        self._slots = np.zeros(slots, SLOT)
        self._words = self._slots.view(np.int64)
        self._times = self._words.reshape(slots, SLOT_WORDS)[:, TIMES_WORDS]
        self._bytes = self._slots.view(np.uint8).data
        self._sequences = self._words.data
        self._objects: list[object] = [None] * slots
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._cursor = 0  # sequence of the newest published slot
        self._reading = 0  # the consumer reads up to here: not to be overwritten
        self._gating = 0  # the consumer has read up to here: free
        self._waiting = 0
        self._aside: deque[Aside] = deque()
        self._consumer = 0
        self._closed = False
        self._symbols: list[str] = []
        self._ids: dict[str, int] = {}
        self._latest: list[int] = []  # per symbol id, the sequence of its newest tick slot
        self._ticks = self._conflated = self._waited = self._overflowed = self._refused = self._most_behind = 0

    @property
    def counts(self) -> RingCounts:
        """What went through so far."""
        return RingCounts(
            self._cursor + self._overflowed, self._ticks, self._conflated, self._waited, self._overflowed,
            self._refused, self._most_behind,
        )  # fmt: skip

    @property
    def unread(self) -> int:
        """Events that wait for the consumer."""
        return self._cursor - self._gating + len(self._aside)

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closed

    def symbol_id(self, symbol: str) -> int:
        """The number of a symbol in this ring, given on first use; any thread."""
        known = self._ids.get(symbol)
        if known is not None:
            return known
        with self._lock:
            if symbol not in self._ids:
                self._symbols.append(symbol)
                self._latest.append(0)
                self._ids[symbol] = len(self._latest) - 1
            return self._ids[symbol]

    def publish(self, event: object, received_ns: int = 0) -> int:
        """Hand an event to the consumer; waits while the ring is full, but for the consumer itself. Any thread.

        What the consumer publishes into a full ring is kept beside it, and read after what is in the ring by now.

        Args:
            event: any object; the same one comes out.
            received_ns: ``monotonic_ns`` at which its cause reached the process; 0 when unknown.

        Returns:
            Its sequence, or that after which it is read; ``CLOSED`` (-1) when the ring is closed and the event lost.
        """
        with self._lock:
            sequence = self._claim()
            if sequence == CLOSED:
                return CLOSED
            if not sequence:
                return self._put_aside(event, received_ns)
            at = sequence & self._mask
            self._objects[at] = event
            TIMES.pack_into(self._bytes, at * SLOT_BYTES + TIMES_AT, received_ns, monotonic_ns())
            self._publish(at, sequence)
        self._signal()
        return sequence

    def publish_tick(self, symbol: int, ts_event: int, price: float, received_ns: int = 0) -> bool:
        """Hand a tick to the consumer, or give its figures to the symbol's unread one. Waits like ``publish``.

        Args:
            symbol: of ``symbol_id``.
            ts_event: UnixNanos of the trade.
            price: rupees or points.
            received_ns: as in ``publish``; a conflated tick keeps the times of the one it overwrites.

        Returns:
            False when it was conflated; True also when the ring is closed, and the tick counted as refused.
        """
        with self._lock:
            is_new = self._put_tick(symbol, ts_event, price, received_ns, monotonic_ns())
        if is_new:
            self._signal()
        return is_new

    def publish_ticks(self, ticks: Iterable[tuple[int, int, float]], received_ns: int = 0) -> None:
        """What came together, as (symbol, ts_event, price) of ``publish_tick``; the consumer is woken once."""
        now = monotonic_ns()
        try:
            with self._lock:
                for symbol, ts_event, price in ticks:
                    self._put_tick(symbol, ts_event, price, received_ns, now)
        finally:
            self._signal()

    def close(self) -> None:
        """Take nothing more and let go of every thread that waits for room; what is in the ring can still be read."""
        with self._lock:
            self._closed = True
            self._room.notify_all()
        self.wake()

    def attach(self) -> None:
        """Make the calling thread the consumer."""
        self._consumer = threading.get_ident()

    def is_consumer(self) -> bool:
        """Whether the calling thread is the consumer."""
        return threading.get_ident() == self._consumer

    def wait(self) -> None:
        """Consumer: return when there is something to read, when woken, or after a bounded while."""
        following = self._gating + 1
        self.wait_strategy.wait(self._words, (following & self._mask) * SLOT_WORDS, following)

    def wake(self) -> None:
        """End the consumer's ``wait``, or its next one, now or soon."""
        self.wait_strategy.wake()

    def drain(self, most: int = MOST_AT_ONCE) -> Batch | None:
        """Consumer: the next events that are published and unread, in one piece of memory; None when there is nothing.

        Args:
            most: events at once.
        """
        if not self._consumer:
            self.attach()
        first = self._gating + 1
        with self._lock:
            self._settle()
            last = min(self._cursor, self._gating + most, first | self._mask)  # a batch ends where the memory does
            self._most_behind = max(self._most_behind, self._cursor - self._gating)
            if self._aside:
                last = min(last, self._aside[0].after)
            self._reading = last
        if last >= first:
            return self._read(first, last)
        return self._read_aside(most) if self._aside else None

    def _settle(self) -> None:
        """Count a slot whose producer was interrupted right after writing its sequence."""
        following = self._cursor + 1
        if self._sequences[(following & self._mask) * SLOT_WORDS] == following:
            self._cursor = following

    def _claim(self) -> int:
        """The next sequence, when there is room for it; 0: none, and it is the consumer who asks. Under the lock."""
        following = self._cursor + 1
        if self._sequences[(following & self._mask) * SLOT_WORDS] == following:
            self._settle()
            following += 1
        if following - self._gating <= self.capacity and not self._closed:
            return following
        if not self._closed:
            self._waited += 1
            if self.is_consumer():
                return 0
            self._waiting += 1
            self._signal()  # of what this thread published before and nobody was told of
            try:
                while not self._closed and self._cursor - self._gating >= self.capacity:
                    self._room.wait()
            finally:
                self._waiting -= 1
        if self._closed:
            self._refused += 1
            return CLOSED
        return self._cursor + 1

    def _put_tick(self, symbol: int, ts_event: int, price: float, received_ns: int, now: int) -> bool:
        """Under the lock; returns what ``publish_tick`` does."""
        unread = self._latest[symbol]
        if unread <= self._reading:
            sequence = self._claim()
            if sequence == CLOSED:
                return True
            if not sequence:
                self._put_aside(Tick(UnixNanos(ts_event), self._symbols[symbol], price), received_ns)
                self._ticks += 1
                return True
            unread = self._latest[symbol]  # another thread may have published one while this waited for room
        if unread > self._reading:
            QUOTE.pack_into(self._bytes, (unread & self._mask) * SLOT_BYTES + QUOTE_AT, ts_event, price)
            self._conflated += 1
            return False
        at = sequence & self._mask
        self._objects[at] = _TICK
        TICK.pack_into(self._bytes, at * SLOT_BYTES + TICK_AT, symbol, ts_event, price, received_ns, now)
        self._publish(at, sequence)
        self._latest[symbol] = sequence
        self._ticks += 1
        return True

    def _publish(self, at: int, sequence: int) -> None:
        self._sequences[at * SLOT_WORDS] = sequence
        self._cursor = sequence

    def _put_aside(self, event: object, received_ns: int) -> int:
        self._aside.append(Aside(self._cursor, event, received_ns, monotonic_ns()))
        self._overflowed += 1
        return self._cursor

    def _read(self, first: int, last: int) -> Batch:
        """Copy slots ``first`` to ``last``, which lie side by side, and free them."""
        start, count = first & self._mask, last - first + 1
        stop = start + count
        events = self._objects[start:stop]
        self._objects[start:stop] = [None] * count
        batch = Batch(count, events, self._times[start:stop].copy())
        if _TICK in events:
            slots = self._bytes[start * SLOT_BYTES : stop * SLOT_BYTES]
            batch.events, batch.starts = with_ticks(events, _TICK, slots, self._symbols)
        self._gating = last
        if self._waiting:  # a producer counts itself before it looks whether there is room
            with self._lock:
                self._room.notify_all()
        return batch

    def _read_aside(self, most: int) -> Batch:
        """What was put aside at this point of the sequence."""
        taken: list[Aside] = []
        while self._aside and len(taken) < most and self._aside[0].after <= self._gating:
            taken.append(self._aside.popleft())
        times = np.array([(one.received_ns, one.published_ns, 0) for one in taken], np.int64)
        return Batch(len(taken), [one.event for one in taken], times)
