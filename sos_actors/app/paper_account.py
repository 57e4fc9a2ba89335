"""The paper account: the simulated exchange over real quotes, and the file that brings it back after a restart.

The file holds every call and every market the exchange looked at; run through a new exchange they give the same
orders, ids and fills. One lock around all of it; the clock is the program's.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from sos_actors.app.paper_market import PaperMarket
from sos_actors.errors import JournalError, VendorUnreachableError
from sos_actors.runtime.clock import Clock
from sos_actors.runtime.journal import JournalReader, JournalWriter, RecordKind
from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.upstox.answers import UpstoxRefusal
from sos_actors.simulator.upstox.exchange import Exchange, Update
from sos_actors.simulator.upstox.exchange_orders import Conduct, OrderChange, OrderRow, OrderTerms
from sos_actors.simulator.view import State
from sos_actors.simulator.world import World

VENDOR = "paper"
T = TypeVar("T")


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """How the account began: when (UnixNanos), with how many rupees, and the seed of the exchange's latencies."""

    ts: int
    funds: float
    seed: int


class Looked(msgspec.Struct, frozen=True, tag="looked"):
    """What the exchange saw of an instrument."""

    key: str
    state: State


class Reached(msgspec.Struct, frozen=True, tag="reached"):
    """Until when the exchange has looked, and seen nothing new."""

    ts: int


class Placed(msgspec.Struct, frozen=True, tag="placed"):
    """An order was asked for."""

    ts: int
    terms: OrderTerms


class Modified(msgspec.Struct, frozen=True, tag="modified"):
    """A change was asked for."""

    ts: int
    change: OrderChange


class Cancelled(msgspec.Struct, frozen=True, tag="cancelled"):
    """An order was taken back."""

    ts: int
    order_id: str


Call = Placed | Modified | Cancelled
_encode = msgspec.msgpack.Encoder().encode
_decode_begun = msgspec.msgpack.Decoder(Begun).decode
_decode = msgspec.msgpack.Decoder(Looked | Reached | Call).decode


class PaperAccount:
    """Made by ``opened``. Thread-safe.

    Args:
        market: what orders are matched against; nobody else's.
        clock: what time it is.
        begun: how it began.
        writer: of its file.
        conduct: how quick the exchange is.
    """

    def __init__(
        self, market: PaperMarket, clock: Clock, begun: Begun, writer: JournalWriter, conduct: Conduct | None
    ) -> None:
        self._market, self._clock, self._writer = market, clock, writer
        self._lock = threading.RLock()
        world = World(market, SimulatedClock(begun.ts, 0.0), opening_funds=begun.funds, seed=begun.seed)
        self._exchange = Exchange(world, conduct)
        self._updates: list[OrderRow] = []
        self._reached = self._written = 0

    @classmethod
    def opened(
        cls, path: Path, market: PaperMarket, clock: Clock, funds: float, seed: int = 7, conduct: Conduct | None = None
    ) -> Self:
        """The account of a file, or a new one with ``funds`` rupees.

        Raises:
            JournalError: the file cannot be read, written, or is in use by another process.
        """
        if not path.exists():
            begun = Begun(int(clock()), funds, seed)
            account = cls(market, clock, begun, JournalWriter.create(path, _encode(begun)), conduct)
        else:
            reader = JournalReader(path)
            kinds = (RecordKind.EVENT, RecordKind.INTENT)
            records = [_decode(record.payload) for record in reader.records() if record.kind in kinds]
            writer = JournalWriter.append_to(path)
            account = cls(market, clock, _decode_begun(reader.header), writer, conduct)
            account._relive(records)
        market.seen = account._note
        account._exchange.listen(account._on_update)
        return account

    def close(self) -> None:
        """Close the file.

        Raises:
            JournalError: what is left cannot be written.
        """
        with self._lock:
            self._market.seen = lambda _key, _state, _is_new: None
            self._writer.close()

    def ask(self, question: Callable[[Exchange], T]) -> T:
        """An answer of the exchange as it is now; the question must not change anything."""
        with self._lock:
            self._advance()
            answer = question(self._exchange)
            self._flush()
            return answer

    def place(self, terms: OrderTerms) -> list[str]:
        """Take an order; returns the ids of it, or of the several it is split into.

        Raises:
            UpstoxRefusal: the broker says no.
            VendorUnreachableError: the file cannot be written; the order may exist.
        """
        ids: list[str] = self._do(lambda ts: Placed(ts, terms))
        return ids

    def modify(self, change: OrderChange) -> None:
        """Ask for a change; raises as ``place``."""
        self._do(lambda ts: Modified(ts, change))

    def cancel(self, order_id: str) -> None:
        """Take an order back; raises as ``place``."""
        self._do(lambda ts: Cancelled(ts, order_id))

    def move(self) -> list[OrderRow]:
        """Let happen what has become due; returns how orders changed since the last time, oldest first.

        Raises:
            VendorUnreachableError: the file cannot be written; what happened is told when it can.
        """
        with self._lock:
            self._advance()
            self._flush()
            updates, self._updates = self._updates, []
            return updates

    def _do(self, make: Callable[[int], Call]) -> Any:
        with self._lock:
            call = make(self._advance())
            self._writer.append(RecordKind.INTENT, _encode(call))
            try:
                return self._carry_out(call)
            finally:
                self._flush()

    def _carry_out(self, call: Call) -> Any:
        match call:
            case Placed():
                return self._exchange.place(call.terms)
            case Modified():
                return self._exchange.modify(call.change)
            case Cancelled():
                return self._exchange.cancel(call.order_id)

    def _advance(self) -> int:
        """Bring the exchange to the present; returns the moment it has reached."""
        self._exchange.advance(int(self._clock()))
        return self._exchange.now

    def _relive(self, records: list[Looked | Reached | Call]) -> None:
        """Run the calls of the file through the exchange, over the market as it was, as far as it had come."""
        past: defaultdict[str, list[State]] = defaultdict(list)
        last = 0
        for record in records:
            if isinstance(record, Looked):
                past[record.key].append(record.state)
            last = max(last, record.state.ts if isinstance(record, Looked) else record.ts)
        self._market.look_back(past)
        for record in records:
            if isinstance(record, Placed | Modified | Cancelled):
                self._exchange.advance(record.ts)
                with suppress(UpstoxRefusal):
                    self._carry_out(record)
        self._exchange.advance(last)
        self._market.look_up()

    def _note(self, key: str, state: State, is_new: bool) -> None:
        self._reached = state.ts
        if is_new:
            self._written = state.ts
            self._writer.append(RecordKind.EVENT, _encode(Looked(key, state)))

    def _flush(self) -> None:
        if self._reached > self._written:
            self._written = self._reached
            self._writer.append(RecordKind.EVENT, _encode(Reached(self._reached)))
        try:
            self._writer.flush()
        except JournalError as error:
            message = f"{error} What became of the paper order is not certain."
            raise VendorUnreachableError(VENDOR, message) from error

    def _on_update(self, update: Update) -> None:
        if isinstance(update, OrderRow):
            self._updates.append(update)
