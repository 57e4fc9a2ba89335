"""A decision desk over an engine that enters on every bar, a journal in memory, and engines that break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sos_actors.actors.decisions import DecisionDesk, Hearers
from sos_actors.config import Risk
from sos_actors.engine.engine import Engine, Event
from sos_actors.engine.following import SymbolFollowed
from sos_actors.engine.positions import Decision, order_of
from sos_actors.engine.recording import decode_decision, decode_document, decode_event
from sos_actors.engine.watching import Warmth
from sos_actors.errors import JournalError
from sos_actors.messages.market import BarClosed, Tick, Ticks
from sos_actors.messages.trading import OrderStatus, OrderUpdated, SubmitOrder
from sos_actors.runtime.journal_records import RecordKind
from sos_actors.runtime.slots import Batch
from sos_actors.types import NANOS_PER_MINUTE, NANOS_PER_SECOND, UnixNanos
from tests.engine.brokers import make_engine
from tests.engine.markets import FIRST, STOCKS, Market, minute, strategy

NAME = STOCKS[0].symbol


class Journal:
    """Records in memory; refuses while it is full."""

    def __init__(self) -> None:
        self.held: list[tuple[RecordKind, bytes]] = []
        self.written: list[tuple[RecordKind, bytes]] = []
        self.full = False
        self.together: list[int] = []

    def append(self, kind: RecordKind, payload: bytes) -> None:
        self.held.append((kind, payload))

    def append_all(self, kind: RecordKind, payloads: Sequence[bytes]) -> None:
        self.held += [(kind, payload) for payload in payloads]
        self.together.append(len(payloads))

    def flush(self) -> None:
        if self.full:
            raise JournalError("The disk is full.")
        self.written += self.held
        self.held.clear()

    def said(self, kind: RecordKind) -> list[Any]:
        read: Any = {RecordKind.EVENT: decode_event, RecordKind.DECISION: decode_decision}.get(kind, decode_document)
        return [read(payload) for which, payload in self.written if which is kind]


class Fragile(Engine):
    """Breaks on a tick of one price, in the middle of a step."""

    def step(self, event: Event) -> list[Decision]:
        decided = super().step(event)
        prices = event.prices if isinstance(event, Ticks) else [event.price] if isinstance(event, Tick) else []
        if 13.0 in prices:
            raise ValueError("thirteen")
        return decided

    def step_batch(self, events: Any) -> list[list[Decision]]:
        return [self.step(event) for event in events]


class Unfollowing(Engine):
    """Breaks whenever a symbol is to be followed."""

    def follow(self, event: SymbolFollowed, prepared: Warmth | None = None) -> list[Decision]:
        super().follow(event, prepared)
        raise ValueError("not this one")

    def step(self, event: Event) -> list[Decision]:
        return self.follow(event) if isinstance(event, SymbolFollowed) else super().step(event)


class World:
    """A desk over an engine that enters on every bar; remembers what was done, and what was in the journal by then."""

    def __init__(self, engine_class: type[Engine] = Engine) -> None:
        self.journal, self.done = Journal(), []  # type: ignore[var-annotated]
        self.failed: list[tuple[Event, str]] = []
        self.rejected: list[OrderUpdated] = []
        self.troubles: list[str] = []
        self.engine_class = engine_class
        self.fails = False
        self.made = 0
        self.now = minute(FIRST, 0)
        hearers = Hearers(self.decided, self.trouble, self.broken, self.rejected.append, lambda _symbol, _ts: None)
        self.desk = DecisionDesk(self.fresh(), self.journal, hearers, self.rebuild)

    def fresh(self) -> Engine:
        market, risk = Market(STOCKS[:1], {}, (FIRST,)), Risk(max_open_positions=3, max_per_symbol=3)
        plan = market.plan([strategy("ALWAYS", "close > 0", sl="entry - 5", tp="entry + 5")], risk)
        engine = make_engine(market, plan, risk)
        engine.__class__ = self.engine_class
        self.made += 1
        return engine

    def rebuild(self, n_events: int, skipped: frozenset[int]) -> Engine:
        engine = self.fresh()
        for number, event in enumerate(self.journal.said(RecordKind.EVENT)[:n_events], 1):
            if number not in skipped:
                engine.step(event)
        return engine

    def decided(self, decision: Decision, _: int) -> None:
        self.done.append((decision, list(self.journal.said(RecordKind.DECISION))))
        if self.fails:
            raise ConnectionError("nobody listens")

    def trouble(self, error: JournalError | None) -> None:
        self.troubles.append(str(error or "fine"))

    def broken(self, event: Event, error: Exception) -> None:
        self.failed.append((event, repr(error)))

    def take(self, *events: object) -> None:
        self.desk.on_batch(Batch(len(events), list(events), np.zeros((len(events), 3), np.int64)))

    def bar(self, price: float = 100.0) -> BarClosed:
        opened, self.now = self.now, self.now + NANOS_PER_MINUTE
        return BarClosed(UnixNanos(self.now), NAME, UnixNanos(opened), price, price, price, price, 100.0)

    def tick(self, price: float) -> Tick:
        self.now += NANOS_PER_SECOND
        return Tick(UnixNanos(self.now), NAME, price)

    def fill(self, position: int, price: float = 100.0) -> OrderUpdated:
        self.now += NANOS_PER_SECOND
        return OrderUpdated(UnixNanos(self.now), order_of(position), OrderStatus.FILLED, 1000, price)

    def orders(self) -> list[SubmitOrder]:
        return [one for one, _ in self.done if isinstance(one, SubmitOrder)]


def together(*ticks: Tick) -> Ticks:
    """As the ring gives them."""
    columns = ([getattr(one, name) for one in ticks] for name in ("symbol", "ts_event", "price"))
    return Ticks(ticks[-1].ts_event, *map(tuple, columns))
