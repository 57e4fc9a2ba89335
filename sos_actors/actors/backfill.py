"""Brings the past of symbols before they are followed, the bars missed while the feed was away, and open interest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from sos_actors.actors.backfill_queue import BackfillQueue, Job, Kind
from sos_actors.actors.backfill_words import BackfillHearers, Forget, GapFound, OiWanted, PastSource, Wake, Want
from sos_actors.actors.describing import Describe
from sos_actors.actors.errands import Errands, Failed, Returned, Spawn, spawn_thread, teller
from sos_actors.actors.gap import missed_bars
from sos_actors.engine.following import SymbolPast
from sos_actors.errors import SosError
from sos_actors.market.symbols import short_name_of
from sos_actors.messages.market import BarSeries
from sos_actors.ports import EventSink
from sos_actors.runtime.actor import Actor
from sos_actors.runtime.clock import Clock
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.timers import Timers

log = logging.getLogger(__name__)
LANES = 2
LOOK_EVERY_S = 5.0


class BackfillActor(Actor):
    """Fetches on errands, two at a time; a gap goes to the engine bar by bar, or, where it has gone on, anew.

    Args:
        last_bar: the open (UnixNanos) of the last bar the engine has of a symbol, -1 when it has none.
        timeout_s: real seconds one history may take.
    """

    def __init__(
        self, source: PastSource, sink: EventSink, hearers: BackfillHearers, timers: Timers, clock: Clock, *,
        last_bar: Callable[[str], int], timeout_s: float = 90.0, spawn: Spawn = spawn_thread,
        queue: BackfillQueue | None = None, mailbox: Mailbox | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox)
        self._tell_me = teller(self.actor_ref)
        self._source, self._sink, self._hearers, self._timers, self._clock = source, sink, hearers, timers, clock
        self._last_bar, self._queue = last_bar, queue or BackfillQueue()
        self._errands = Errands("backfill", self._tell_me, timeout_s=timeout_s, most=LANES, spawn=spawn)
        self._oi = Errands("open-interest", self._tell_me, timeout_s=timeout_s, spawn=spawn)
        self._oi_wanted: list[str] = []

    def on_start(self) -> None:
        """What a predecessor had under way is wanted again."""
        self._queue.restart()
        self.cancel_at_end(self._timers.every(LOOK_EVERY_S, lambda: self._tell_me(Wake()), name="backfill"))
        self._tell_me(Wake())

    def on_receive(self, message: Any) -> Any:
        """Take a wish or what was fetched; whatever it is, lanes that are free get work."""
        match message:
            case Want(symbol):
                self._queue.want(Job(Kind.PAST, symbol))
            case Forget(symbol):
                self._queue.forget(symbol)
            case GapFound(symbol, first, _):
                gone_on = self._last_bar(symbol) >= first
                self._queue.want(Job(Kind.PAST, symbol) if gone_on else Job(Kind.GAP, symbol, first - 1))
            case OiWanted(symbol):
                self._oi_wanted += [symbol] if symbol not in self._oi_wanted else []
            case Returned():
                self._take(message)
            case Wake(key):
                self._queue.wake(key)
                for late in self._errands.overdue():
                    self._fail(late, SosError("It took too long."))
                self._oi.overdue()
            case Describe():
                return self._queue.progress
            case _:
                return super().on_receive(message)
        self._go_on()
        return None

    def _go_on(self) -> None:
        while self._errands.is_free and (job := self._queue.next()) is not None:
            fetch = self._source.past if job.kind is Kind.PAST else self._source.today
            self._errands.send(job.key, partial(fetch, job.symbol, self._clock()))
        while self._oi.is_free and self._oi_wanted:
            symbol = self._oi_wanted.pop(0)
            self._oi.send(symbol, partial(self._source.oi_history, symbol))

    def _take(self, message: Returned) -> None:
        if self._oi.accept(message):
            if isinstance(message.outcome, list):
                self._hearers.show_oi(message.key, message.outcome)
            elif isinstance(message.outcome, Failed):
                log.warning("No open interest of %s: %s", short_name_of(message.key), message.outcome.error)
            return
        if not self._errands.accept(message):
            return
        if isinstance(message.outcome, Failed):
            self._fail(message.key, message.outcome.error)
        elif isinstance(message.outcome, SymbolPast) and self._is_behind(message.key, message.outcome):
            self._fail(message.key, SosError("The engine has newer bars than its history by now."))
        elif (job := self._queue.finish(message.key)) is not None:
            self._deliver(job, message.outcome)

    def _is_behind(self, key: str, past: SymbolPast) -> bool:
        """Whether beginning anew with this past would lose a bar the engine has had meanwhile."""
        symbol = key.partition(":")[2]
        return len(past.bars) > 0 and self._last_bar(symbol) > past.bars.ts[-1]

    def _deliver(self, job: Job, outcome: object) -> None:
        if isinstance(outcome, SymbolPast):
            log.info("%s: %d bars of its past.", short_name_of(job.symbol), len(outcome.bars))
            self._hearers.deliver(job.symbol, outcome)
        elif isinstance(outcome, BarSeries):
            bars = missed_bars(job.symbol, outcome, job.since, self._last_bar(job.symbol))
            if bars is None:
                log.warning("%s missed bars and went on: it begins anew.", short_name_of(job.symbol))
                self._queue.want(Job(Kind.PAST, job.symbol))
            for bar in bars or ():
                self._sink.publish(bar)

    def _fail(self, key: str, error: Exception) -> None:
        job = self._queue.rest(key, str(error))
        if not isinstance(error, SosError):
            log.error("The backfill of %s failed.", key, exc_info=error)
        if job is not None:
            log.warning("%s: no history yet, tried again in %.0f s: %s", short_name_of(job.symbol), job.delay_s, error)
            self._timers.after(job.delay_s, lambda: self._tell_me(Wake(key)), name="backfill")
