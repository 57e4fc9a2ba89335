"""The order actor: the execution desk on a thread of its own, between the engine's decisions and the broker.

It decides nothing: the desk does. Requests are carried out on the lanes, so it never waits for the broker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pykka

from sos_actors.actors.describing import Describe
from sos_actors.actors.feed_messages import NewToken
from sos_actors.actors.order_lanes import OrderLanes
from sos_actors.actors.order_records import OrderRecorder
from sos_actors.actors.order_table import heard
from sos_actors.actors.order_words import Look, OrderSeen, StreamUp
from sos_actors.engine.execution.commands import Cancel, Cleared, Modify, Need, Output, Place, Severity, Trouble
from sos_actors.engine.execution.desk import ExecutionDesk
from sos_actors.messages.feed import FeedState
from sos_actors.messages.records import OrderRecord
from sos_actors.messages.trading import OrderStatus, OrderUpdated, PositionCorrected, SubmitOrder
from sos_actors.ports import OrderStream
from sos_actors.runtime.actor import Actor
from sos_actors.runtime.clock import Clock
from sos_actors.runtime.mailbox import Mailbox
from sos_actors.runtime.timers import Timers
from sos_actors.runtime.trading_gate import Rung

log = logging.getLogger(__name__)
_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ERROR: logging.ERROR}
_RUNGS = {Need.STOP_ENTRIES: Rung.STOP_ENTRIES, Need.EXITS_ONLY: Rung.EXITS_ONLY}


@dataclass(frozen=True, slots=True)
class OrderHearers:
    """Who is told; called on the actor's thread, and must only pass on.

    Attributes:
        publish: the engine's ring.
        hold, release: of the trading gate.
        record: keeps what became of orders.
    """

    publish: Callable[[OrderUpdated | PositionCorrected], object]
    hold: Callable[[str, Rung, str], object]
    release: Callable[[str], object]
    record: Callable[[OrderRecord], object]


class OrderActor(Actor):
    """Hears the engine's orders and positions, corrections, Flatten, and what lanes, stream and timer tell.

    Args:
        begin: the desk of this incarnation with what it has to do first; the same desk as before, or one resumed from
            the journal. Requests that the lanes have not begun are dropped before, and searched by the desk.
        lanes: started and stopped by whoever made them, since they outlive this actor.
        stream: makes the order stream; None: the book alone is asked.
        last_price: of a canonical symbol, rupees; None when unknown.
        tick_s: clock seconds between two looks at what is due.
    """

    def __init__(
        self, begin: Callable[[], tuple[ExecutionDesk, list[Output]]], lanes: OrderLanes, hearers: OrderHearers,
        timers: Timers, clock: Clock, *, stream: Callable[[], OrderStream] | None = None,
        last_price: Callable[[str], float | None] = lambda symbol: None,  # noqa: ARG005
        tick_s: float = 0.1, mailbox: Mailbox | None = None,
    ) -> None:  # fmt: skip
        super().__init__(mailbox)
        self._begin, self._lanes, self._hearers, self._timers, self._clock = begin, lanes, hearers, timers, clock
        self._make_stream, self._last_price, self._tick_s = stream, last_price, tick_s
        self._recorder = OrderRecorder()
        self._stream: OrderStream | None = None
        self._looking = False

    def on_start(self) -> None:
        """Take up the desk where it stands, hear the stream, and look at what is due again and again."""
        self._desk, outputs = self._begin()
        in_hand = self._lanes.discard()
        fresh = {output.intent.request.tag for output in outputs if isinstance(output, Place)}
        fresh |= {output.tag for output in outputs if isinstance(output, Modify | Cancel)}
        self._follow(outputs + self._desk.doubt(in_hand | fresh, self._clock()))
        if self._make_stream is not None:
            self._stream = self._make_stream()
            self._stream.start(lambda _, row: self._tell(OrderSeen(row)), self._on_state)
        self.cancel_at_end(self._timers.every(self._tick_s, self._due, name="orders"))

    def on_stop(self) -> None:
        """Hear nothing more; what works at the broker goes on working."""
        super().on_stop()
        if self._stream is not None and not self._stream.stop():
            log.warning("The order stream did not end in time.")

    def on_failure(self, *_: object) -> None:
        """The same; a successor makes a stream of its own."""
        self.on_stop()

    def on_receive(self, message: Any) -> Any:
        """Pass it to the desk and do what it says."""
        if isinstance(message, Describe):
            return self._describe()
        if isinstance(message, NewToken):
            return self._stream.retry_now() if self._stream is not None else None
        self._looking = self._looking and not isinstance(message, Look)
        for symbol in self._desk.symbols | ({message.symbol} if isinstance(message, SubmitOrder) else set()):
            if (price := self._last_price(symbol)) is not None:
                self._desk.last_price(symbol, price)
        try:
            outputs = heard(self._desk, message, self._clock())
        except Exception:
            if isinstance(message, SubmitOrder) and message.order_id not in self._desk.ledger.orders:
                self._hearers.publish(OrderUpdated(self._clock(), message.order_id, OrderStatus.REJECTED))
            raise
        if outputs is None:
            return super().on_receive(message)
        self._follow(outputs)
        return None

    def _follow(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, OrderUpdated | PositionCorrected):
                self._hearers.publish(output)
            elif isinstance(output, Trouble):
                log.log(_LEVELS[output.severity], "%s", output.text)
                if output.need is not Need.NOTHING:
                    self._hearers.hold(output.key, _RUNGS[output.need], output.text)
            elif isinstance(output, Cleared):
                self._hearers.release(output.key)
            elif not self.is_given_up:  # else a successor has put in doubt what was not sent
                self._lanes.carry_out(output)
        for record in self._recorder.changes(self._desk):
            self._hearers.record(record)

    def _on_state(self, _: int, state: FeedState, reason: str) -> None:
        if state is FeedState.UP:
            self._tell(StreamUp())
        elif state is not FeedState.STOPPED:
            log.warning("The order stream is %s: %s; the book is asked instead.", state.value, reason)

    def _due(self) -> None:
        if not self._looking:
            self._looking = True
            self._tell(Look())

    def _tell(self, message: object) -> None:
        """Leave oneself a message, from another thread; while this incarnation ends nobody needs it."""
        with suppress(pykka.ActorDeadError):
            self.actor_ref.tell(message)

    def _describe(self) -> dict[str, object]:
        desk = self._desk
        told: dict[str, object] = {"held": desk.held(), "working": desk.working(), "moving": desk.moving()}
        return {**told, "flattening": desk.is_flattening}
