"""The vendors with big answers, in processes of their own: parsing there stalls nobody here.

Each of three processes serves one kind of caller, so that a vendor that hangs for one of them keeps no other waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from sos_actors.app.vendors import Vendors, connect_vendors
from sos_actors.config import Config
from sos_actors.errors import ActorDownError, ActorTimeoutError, SosError, VendorUnreachableError
from sos_actors.runtime.clock import Clock
from sos_actors.runtime.workers import WorkerProcess
from sos_actors.types import Secret


class Part(StrEnum):
    """What a question is put to; also what kind of thing a vendor is asked for."""

    CHAIN = "chain"
    BREADTH = "breadth"
    SCREENER = "screener"
    CANDLES = "candles"


PROCESS_OF: Mapping[Part, str] = {
    Part.CHAIN: "mood", Part.BREADTH: "mood", Part.SCREENER: "screener", Part.CANDLES: "candles",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """One call of a port's method.

    Attributes:
        part: of which port.
        source: the vendor's name.
        method, arguments: of the call; picklable.
    """

    part: Part
    source: str
    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class VendorDesk:
    """What a process is made from: picklable, opened there.

    Attributes:
        token: of Upstox.
        instruments: Upstox's instrument file.
        now: what time it is, the same in every process of this machine.
    """

    config: Config
    token: Secret
    instruments: Path
    now: Clock

    def __call__(self) -> Callable[[Question], Any]:
        """The answering side; vendors that cannot be connected yet are by the first question for which that works."""
        answering = _Answering(self)
        with suppress(SosError, OSError):  # the questions tell of it
            answering.connect()
        return answering


class _Answering:
    def __init__(self, desk: VendorDesk) -> None:
        self._desk, self._open = desk, ExitStack()
        self._sources: dict[tuple[Part, str], Any] = {}

    def connect(self) -> None:
        """Once, while nobody waits for an answer: it takes seconds."""
        desk = self._desk
        connected = connect_vendors(desk.config, desk.token, desk.instruments, desk.now)
        self._sources = sources_of(self._open.enter_context(connected))

    def __call__(self, question: Question) -> Any:
        if not self._sources:
            self.connect()
        return getattr(self._sources[question.part, question.source], question.method)(*question.arguments)


def sources_of(vendors: Vendors) -> dict[tuple[Part, str], Any]:
    """Who answers what."""
    history = vendors.history
    by_part: dict[Part, Sequence[Any]] = {
        Part.CHAIN: history.chains, Part.BREADTH: history.breadth, Part.SCREENER: [vendors.screener],
        Part.CANDLES: history.candles,
    }  # fmt: skip
    return {(part, source.name): source for part, sources in by_part.items() for source in sources}


class Worker(Protocol):
    """As much of a ``WorkerProcess`` as is used here."""

    def ask(self, request: Question, timeout_s: float) -> Any:
        """Have a question answered."""
        ...

    def start(self) -> None:
        """Start its process."""
        ...

    def stop(self, timeout_s: float = 2.0) -> bool:
        """End it; whether that took no force."""
        ...


class WorkerVendors:
    """The processes. Thread-safe.

    Args:
        config, token, instruments, now: as ``VendorDesk``.
        make: makes a worker of a name.
    """

    def __init__(
        self, config: Config, token: Secret, instruments: Path, now: Clock,
        make: Callable[[str, VendorDesk], Worker] = WorkerProcess,
    ) -> None:  # fmt: skip
        self._config, self._instruments, self._now, self._make = config, instruments, now, make
        self._lock = Lock()
        self._workers = self._made(token)

    def ask(self, question: Question, timeout_s: float) -> Any:
        """Have a question answered within so many real seconds, the wait for the questions before it included.

        Raises:
            VendorError: what the vendor's client raised; VendorUnreachableError also when the process did not answer.
            UnknownSymbolError: the vendor does not list the symbol.
        """
        with self._lock:
            worker = self._workers[PROCESS_OF[question.part]]
        try:
            return worker.ask(question, timeout_s)
        except (ActorTimeoutError, ActorDownError) as error:
            raise VendorUnreachableError(question.source, f"its process did not answer: {error}") from error

    def new_token(self, token: Secret) -> None:
        """Ask Upstox with another token from now on: new processes take the place of the present ones."""
        with self._lock:
            before, self._workers = self._workers, self._made(token)
        for worker in before.values():
            worker.stop(0.0)
        self.start()

    def start(self) -> None:
        """Start the processes before the first question."""
        with self._lock:
            workers = tuple(self._workers.values())
        for worker in workers:
            worker.start()

    def stop(self) -> bool:
        """End the processes; whether none had to be killed."""
        with self._lock:
            workers = tuple(self._workers.values())
        ended = [worker.stop(1.0) for worker in workers]
        return all(ended)

    def _made(self, token: Secret) -> dict[str, Worker]:
        desk = VendorDesk(self._config, token, self._instruments, self._now)
        return {name: self._make(name, desk) for name in dict.fromkeys(PROCESS_OF.values())}
