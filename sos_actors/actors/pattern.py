"""``PatternStateMachine``: the actor of one symbol's patterns. It lives on the dispatcher's thread and has none itself.

Its phases and captures are the symbol's rows of the engine's arrays, allocated when it follows and freed when it stops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sos_actors.actors.decisions import DecisionDesk
from sos_actors.engine.engine import Engine
from sos_actors.engine.following import SymbolDropped, SymbolFollowed
from sos_actors.engine.plan import FollowedSymbol
from sos_actors.engine.watching import Warmth
from sos_actors.runtime.actor import ReportsExit
from sos_actors.runtime.clock import Clock
from sos_actors.runtime.hosted import HostedActor
from sos_actors.runtime.ring import RingBuffer


@dataclass(frozen=True, slots=True)
class PastReady:
    """A symbol's past, stepped and encoded on another thread."""

    event: SymbolFollowed
    prepared: Warmth
    encoded: bytes


@dataclass(frozen=True, slots=True)
class PhasesAsked:
    """Asks where the symbol's patterns stand."""


@dataclass(frozen=True, slots=True)
class PhaseSeen:
    """Where one pattern stands: ``phase`` counts from 0, ``bars`` were spent in it, captures by name."""

    strategy: str
    timeframe: str
    phase: int
    phases: int
    phase_id: str
    bars: int


class PatternStateMachine(ReportsExit, HostedActor):
    """Follows one symbol from the moment its past is there.

    Args:
        ring: of the dispatcher.
        desk: the engine and its journal.
        followed: the symbol.
        want_past: asks for its past, which comes back as ``PastReady``.
        clock: the market's.
    """

    def __init__(
        self, ring: RingBuffer, desk: DecisionDesk, followed: FollowedSymbol, want_past: Callable[[str], object],
        clock: Clock,
    ) -> None:  # fmt: skip
        super().__init__(ring)
        self._desk, self._followed, self._want_past, self._clock = desk, followed, want_past, clock

    def on_start(self) -> None:
        """A new symbol, or one whose actor has died: its past is asked for, its row begins anew with it."""
        self._want_past(self._followed.symbol)

    def on_stop(self) -> None:
        """The row is free again."""
        self._desk.apply(SymbolDropped(self._clock(), self._followed.symbol))

    def on_receive(self, message: Any) -> Any:
        """``PastReady`` begins; ``PhasesAsked`` is answered with a list of ``PhaseSeen``."""
        if isinstance(message, PastReady):
            watch = self._desk.engine.followers.watch_of(self._followed.symbol)
            if watch is not None and 0 <= message.prepared.last_open < watch.last_open:
                self._want_past(self._followed.symbol)  # a bar has closed since it was read, and would be lost
            else:
                self._desk.follow(message.event, message.prepared, message.encoded)
            return None
        if isinstance(message, PhasesAsked):
            return phases_in(self._desk.engine, self._followed.symbol)
        raise TypeError(f"{self._followed.symbol} was told what it does not know: {type(message).__name__}")


def phases_in(engine: Engine, symbol: str) -> list[PhaseSeen]:
    """Where a symbol's patterns stand; on the dispatcher's thread only."""
    seen = []
    watch = engine.followers.watch_of(symbol)
    for frame in watch.frames if watch is not None else ():
        states = frame.pool.matcher(frame.row).progress.state
        for strategy, (phase, bars) in zip(frame.watch.compiled.strategies, states.tolist(), strict=True):
            text = f"{frame.minutes}m"
            seen.append(PhaseSeen(
                strategy.pattern_id, text, phase, len(strategy.phases), strategy.phases[phase].id, bars
            ))  # fmt: skip
    return seen
