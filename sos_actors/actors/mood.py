"""The mood of each index, read once a minute from whoever is trusted and answers; entries wait while nobody does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from sos_actors.actors.describing import Describe
from sos_actors.actors.errands import Errands, Failed, Returned, Spawn, spawn_thread, teller
from sos_actors.actors.mood_book import QUIET_S, MoodBook, MoodHearers, MoodSettings
from sos_actors.actors.mood_look import Looked, MoodSources
from sos_actors.market.mood_path import MoodPath
from sos_actors.ports import EventSink
from sos_actors.runtime.actor import Actor
from sos_actors.runtime.clock import Clock
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import Rung, TradingGate
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND

log = logging.getLogger(__name__)
GATE_KEY = "mood"
OFFSET_S = 7.0
"""Behind the full minute, where the timer fires: bars close there and need the machine."""


@dataclass(frozen=True, slots=True)
class Look:
    """It is time to look."""


def hold_entries(gate: TradingGate) -> None:
    """Entries wait for the first reading; the actor lets them go."""
    gate.hold(GATE_KEY, Rung.STOP_ENTRIES, "The market's mood has not been read yet.")


class MoodActor(Actor):
    """Asks on errands, keeps a ``MoodPath`` an index, publishes what it makes of the answers.

    Args:
        sources: whom to ask.
        begin: the paths as they stand, by canonical symbol, market first; called at every start.
        spot: our own last price of a symbol, NaN unknown.
        expiry_close: when contracts of an expiry stop trading, UnixNanos.
        is_open: whether the market trades at a moment.
    """

    def __init__(
        self, settings: MoodSettings, sources: MoodSources, begin: Callable[[], Mapping[str, MoodPath]],
        sink: EventSink, hearers: MoodHearers, gate: TradingGate, timers: Timers, clock: Clock, *,
        spot: Callable[[str], float], expiry_close: Callable[[date], int], is_open: Callable[[int], bool],
        spawn: Spawn = spawn_thread, mailbox: Mailbox | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox)
        self._tell_me = teller(self.actor_ref)
        self._settings, self._sources, self._sink = settings, sources, sink
        self._new_book = partial(_book, begin, spot, expiry_close)
        self._hearers, self._gate, self._timers, self._clock = hearers, gate, timers, clock
        self._is_open = is_open
        self._errands = Errands("mood", self._tell_me, timeout_s=settings.timeout_s, spawn=spawn)
        self._answered: int | None = None
        self._refusals: tuple[str, ...] = ()

    def on_start(self) -> None:
        """Entries wait for the first reading."""
        hold_entries(self._gate)
        self._book = self._new_book()
        period_s = self._settings.period_s
        self.cancel_at_end(
            self._timers.every(period_s, lambda: self._tell_me(Look()), aligned=True, offset_s=OFFSET_S, name="mood")
        )
        self._tell_me(Look())

    def on_receive(self, message: Any) -> Any:
        """Look, take what was found, or tell how it goes."""
        if isinstance(message, Look):
            self._look()
        elif isinstance(message, Returned):
            if self._errands.accept(message):
                self._take(message.outcome)
        elif isinstance(message, Describe):
            return {name: rest.reason for name, rest in self._sources.rests.items()}
        else:
            return super().on_receive(message)
        return None

    def _look(self) -> None:
        now = self._clock()
        if self._errands.overdue():
            log.warning("A look at the market's mood has not ended within %.0f s.", self._settings.timeout_s)
        self._judge(now)
        if not self._is_open(now) or NANOS_PER_MINUTE - now % NANOS_PER_MINUTE < QUIET_S * NANOS_PER_SECOND:
            return
        known, breadth_ts = self._book.known, self._book.breadth_ts
        self._errands.send("look", lambda: self._sources.look(known, breadth_ts))

    def _take(self, looked: object) -> None:
        if isinstance(looked, Failed) or not isinstance(looked, Looked):
            log.error("A look at the market's mood failed.", exc_info=getattr(looked, "error", None))
            return
        if looked.refusals != self._refusals and looked.refusals:
            log.warning("Mood: %s", " ".join(looked.refusals))
        self._refusals = looked.refusals
        now = self._clock()
        for reading in self._book.read(looked, now):
            self._sink.publish(reading.sentiment)
            self._hearers.show(reading.sentiment)
            if reading.chain is not None:
                self._hearers.show(reading.chain)
            for fact in reading.facts:
                self._hearers.record(fact)
        self._answered = self._book.answered.get(self._settings.market)
        self._judge(now)

    def _judge(self, now: int) -> None:
        """Entries wait while nobody has answered for too long; a mood that is read as UNKNOWN is no reason to wait."""
        if self._answered is not None and now - self._answered <= self._settings.stale_after_s * NANOS_PER_SECOND:
            self._gate.release(GATE_KEY)
            return
        told = " ".join(self._refusals)
        if self._answered is None:
            told = told or "nobody has been asked yet."
        else:
            since = f"nobody has answered for {(now - self._answered) / NANOS_PER_SECOND:.0f} s"
            told = f"{since}: {told}" if told else f"{since}."
        self._gate.hold(GATE_KEY, Rung.STOP_ENTRIES, f"The market's mood is unknown: {told}")


def _book(
    begin: Callable[[], Mapping[str, MoodPath]], spot: Callable[[str], float], expiry_close: Callable[[date], int]
) -> MoodBook:
    return MoodBook(begin(), spot, expiry_close)
