"""Where the rest of the system leaves what engines should hear: never blocks, any thread; the server's loop reads it.

The loop alone owns the state and the list of engines, so what an engine recovers and what it then hears fit together.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Protocol

from sos_actors.bridge.contract import heartbeat
from sos_actors.bridge.oi_history import prepare
from sos_actors.bridge.state import Fact, HistoryRead, InstrumentsKnown, StreamState
from sos_actors.market.symbols import Instrument
from sos_actors.messages.engines import OiHistoryRow
from sos_actors.messages.market import BarClosed, ScreenerAlert, Sentiment
from sos_actors.messages.snapshots import OptionChain
from sos_actors.runtime.clock import Clock

_log = logging.getLogger(__name__)
MOST_WAITING = 65_536
"""Facts that may wait for the loop. Beyond that they are lost and counted, and every engine is closed to start anew."""
_TURN = 128
"""Facts handled before the loop looks at its sockets again."""


class Listening(Protocol):
    """An engine that has had its recovery sequence."""

    def offer(self, frame: bytes) -> None:
        """Queue a message; on the loop, never blocks."""
        ...

    def fall_behind(self, reason: str) -> None:
        """It cannot have all messages: close it, it recovers by connecting again."""
        ...


class BridgeHub:
    """The inbox of the bridge and, on the server's loop, what becomes of it.

    The hub outlives a server: what is told while none runs is kept and read by the next.

    Args:
        state: not used by anybody else.
        clock: stamps heartbeats.
        most_waiting: facts that may wait.
    """

    def __init__(self, state: StreamState, clock: Clock, *, most_waiting: int = MOST_WAITING) -> None:
        self._state, self._clock, self._most = state, clock, most_waiting
        self._lock = Lock()
        self._inbox: deque[Fact] = deque()
        self._wake: Callable[[], object] | None = None
        self._woken = False
        self._lost = 0
        self._told_lost = 0
        self._listening: set[Listening] = set()
        self.counts: Counter[str] = Counter()
        """``facts`` taken, ``failed`` to become a message, ``messages`` offered (each once, however many engines)."""

    @property
    def lost(self) -> int:
        """Facts that found the inbox full."""
        return self._lost

    @property
    def repeated(self) -> dict[str, int]:
        """Facts told twice, or too late to fit, and not sent again; by type."""
        return dict(self._state.repeated)

    def bar(self, bar: BarClosed) -> None:
        """A minute closed. Of one symbol they must come oldest first; contracts' bars are not sent."""
        self._put(bar)

    def sentiment(self, mood: Sentiment) -> None:
        """The mood of an underlying changed."""
        self._put(mood)

    def chain(self, chain: OptionChain) -> None:
        """A snapshot of the expiry that is traded, of no other; one a minute counts."""
        self._put(chain)

    def alert(self, alert: ScreenerAlert) -> None:
        """A stock came into play or left."""
        self._put(alert)

    def instruments(self, instruments: Sequence[Instrument]) -> None:
        """What can be traded from now on, all of it; engines hear it with their next recovery sequence."""
        self._put(InstrumentsKnown(tuple(instruments)))

    def history(self, symbol: str, rows: Sequence[OiHistoryRow]) -> None:
        """Open interest of the past; engines that are connected get what is new of it as another BACKFILL_DATA."""
        self._put(HistoryRead(symbol, tuple(rows)))

    def bind(self, wake: Callable[[], object] | None) -> None:
        """A loop takes over (``wake`` has it call ``read`` soon, from any thread), or goes (None)."""
        if wake is not None:
            prepare()
        with self._lock:
            self._wake, self._woken = wake, wake is not None
        if wake is not None:
            wake()

    def read(self) -> None:
        """Turn what waits into messages; on the loop."""
        with self._lock:
            turn = [self._inbox.popleft() for _ in range(min(_TURN, len(self._inbox)))]
            wake = self._wake if self._inbox else None
            self._woken = wake is not None
        for fact in turn:
            for frame in self._frames(fact):
                self._say(frame)
        if self._lost > self._told_lost:
            self._told_lost = self._lost
            _log.error("The bridge could not keep up: %s facts never reached an engine; all are closed", self._lost)
            for engine in list(self._listening):
                engine.fall_behind("the bridge lost messages: connect again")
        if wake is not None:
            wake()

    def join(self, engine: Listening, bars: bool) -> Iterator[bytes]:
        """What the engine must be sent now; all that follows is offered to it. On the loop."""
        self._listening.add(engine)
        return self._state.recovery(bars)

    def leave(self, engine: Listening) -> None:
        """Offer nothing any more; on the loop."""
        self._listening.discard(engine)

    def beat(self) -> None:
        """A heartbeat to everyone; on the loop."""
        self._say(heartbeat(self._clock()))

    def _put(self, fact: Fact) -> None:
        with self._lock:
            if len(self._inbox) >= self._most:
                self._lost += 1
                return
            self._inbox.append(fact)
            wake = None if self._woken else self._wake
            self._woken = self._woken or wake is not None
        if wake is not None:
            wake()

    def _frames(self, fact: Fact) -> list[bytes]:
        self.counts["facts"] += 1
        try:
            return self._state.take(fact)
        except Exception:  # a fact nobody can encode must not silence all the others
            self.counts["failed"] += 1
            _log.exception("The bridge cannot send a %s", type(fact).__name__)
            return []

    def _say(self, frame: bytes) -> None:
        self.counts["messages"] += 1
        for engine in list(self._listening):
            engine.offer(frame)
