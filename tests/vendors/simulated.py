"""What the contract tests of these clients share: a simulator of one vendor, and faults put in force for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sos_actors.errors import (
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.server import RunningSimulator, running
from sos_actors.simulator.world import World

TIMEOUT_S = 0.5
STATUSES: Mapping[int, type[VendorError]] = {
    401: VendorRefusedError,
    403: VendorRefusedError,
    404: VendorAnswerError,
    429: VendorBusyError,
    500: VendorBusyError,
    503: VendorBusyError,
}


class Case(NamedTuple):
    """A fault and the errors it may become; which of them depends on where the bytes were hit."""

    kind: FaultKind
    outcomes: tuple[type[VendorError], ...]
    status: int = 500
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind}-{self.status}" if self.kind is FaultKind.STATUS else str(self.kind)


WEB_CASES = (
    Case(FaultKind.REFUSE, (VendorUnreachableError,)),
    Case(FaultKind.DROP, (VendorUnreachableError,)),
    Case(FaultKind.LOST_ACK, (VendorUnreachableError,)),
    Case(FaultKind.MUTE, (VendorUnreachableError,)),
    Case(FaultKind.DELAY, (VendorUnreachableError,), seconds=5 * TIMEOUT_S),
    Case(FaultKind.WRONG_JSON, (VendorAnswerError,)),
    Case(FaultKind.EMPTY, (VendorAnswerError,)),
    Case(FaultKind.HTML, (VendorAnswerError,)),
    *(Case(FaultKind.STATUS, (kind,), status) for status, kind in STATUSES.items()),
)
"""What every request of a website may meet, and what becomes of it."""


@contextmanager
def simulator(world: World, vendor: str) -> Iterator[RunningSimulator]:
    with running(world, (vendor,)) as served:
        yield served


@contextmanager
def fault(served: RunningSimulator, vendor: str, case: Case, path: str = "*", **more: Any) -> Iterator[None]:
    """The fault in force, on these paths, until the block ends."""
    added = Fault(vendor, case.kind, path, status=case.status, seconds=case.seconds, **more)
    served.call(lambda: served.world.faults.add(added, served.world.clock.now()))
    try:
        yield
    finally:
        served.call(served.world.faults.clear)
