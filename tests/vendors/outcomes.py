"""The words of the fault matrix: what goes wrong, what must become of it, and how a row becomes cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from sos_actors.errors import (
    TokenRefusedError,
    VendorAnswerError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)
from sos_actors.messages.feed import FeedState
from sos_actors.simulator.faults import Fault, FaultKind

TIMEOUT_S = 0.3
"""Of every client in the matrix."""
HANG = 10
"""A call that takes so many times what its time-outs allow hangs."""
SKEW_S = 600.0


class Ending(Enum):
    """What must become of a call during a fault. In every case: in time, typed, nothing left over, no secret told."""

    RECOVERED = "the answer is the one without the fault, value for value"
    REFUSED = "the typed error of that word, a sentence that names the vendor; of an order: nothing was done"
    UNSURE = "an order's outcome is unknown and said to be: sent at most once, found by its tag afterwards or not there"
    DEGRADED = "a socket's state of that word is told, and data comes again once the fault has gone"
    DATED = "what was true when the fault began, under a time that is not later"
    MISDATED = "the figures of now, under the vendor's wrong time, which is earlier: taken for old, never for newer"
    UNTOLD = "what was true when the fault began; the vendor gives no time that would show it: others must notice"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An ending, of which kind.

    Attributes:
        error: exactly this class, where refused.
        state: which is told, where degraded; UP is told with the advice to ask the order book.
        done: whether an order of unknown outcome was in fact carried out.
    """

    ending: Ending
    error: type[VendorError] | None = None
    state: FeedState | None = None
    done: bool = False


OUTCOMES: Mapping[str, Outcome] = {
    "recovered": Outcome(Ending.RECOVERED),
    "unreachable": Outcome(Ending.REFUSED, VendorUnreachableError),
    "busy": Outcome(Ending.REFUSED, VendorBusyError),
    "no data": Outcome(Ending.REFUSED, VendorAnswerError),
    "not allowed": Outcome(Ending.REFUSED, VendorRefusedError),
    "log in": Outcome(Ending.REFUSED, TokenRefusedError),
    "unsure, done": Outcome(Ending.UNSURE, done=True),
    "unsure, not done": Outcome(Ending.UNSURE),
    "down": Outcome(Ending.DEGRADED, state=FeedState.DOWN),
    "silent": Outcome(Ending.DEGRADED, state=FeedState.SILENT),
    "refused": Outcome(Ending.DEGRADED, state=FeedState.REFUSED),
    "told": Outcome(Ending.DEGRADED, state=FeedState.UP),
    "dated": Outcome(Ending.DATED),
    "misdated": Outcome(Ending.MISDATED),
    "untold": Outcome(Ending.UNTOLD),
}

FAULTS: Mapping[str, tuple[FaultKind, int, float]] = {
    "slow": (FaultKind.DELAY, 500, TIMEOUT_S / 4),
    "too slow": (FaultKind.DELAY, 500, TIMEOUT_S * 2.5),
    "clock ahead": (FaultKind.CLOCK_SKEW, 500, SKEW_S),
    "clock behind": (FaultKind.CLOCK_SKEW, 500, -SKEW_S),
    "lost answer": (FaultKind.LOST_ACK, 500, 0.0),
    "close 1000": (FaultKind.CLOSE, 1000, 0.0),
    "close 1011": (FaultKind.CLOSE, 1011, 0.0),
    **{str(status): (FaultKind.STATUS, status, 0.0) for status in (401, 403, 429, 500, 503)},
    **{
        kind.value.replace("_", " "): (kind, 500, 0.0)
        for kind in FaultKind
        if kind not in (FaultKind.DELAY, FaultKind.CLOCK_SKEW, FaultKind.LOST_ACK, FaultKind.CLOSE, FaultKind.STATUS)
    },
}
"""Kind, status and seconds by the table's word."""
STATES = (FaultKind.REFUSE, FaultKind.TOKEN_EXPIRED, FaultKind.CLOCK_SKEW, FaultKind.STALE)
"""Last until they are taken back, so that they cannot strike just once."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One test of the matrix."""

    vendor: str
    call: str
    fault: str
    once: bool
    outcome: Outcome

    @property
    def kind(self) -> FaultKind:
        """What goes wrong."""
        return FAULTS[self.fault][0]

    def made(self, path: str) -> Fault:
        """The fault itself, on that path or channel."""
        kind, status, seconds = FAULTS[self.fault]
        return Fault(self.vendor, kind, path, times=1 if self.once else None, status=status, seconds=seconds)

    def __str__(self) -> str:
        lasts = "once" if self.once else "forever"
        return f"{self.vendor}-{self.call}-{self.fault}-{lasts}".replace(" ", "_")


def cells(table: str) -> Iterator[Cell]:
    """The cells of a table; its columns stand two blanks apart, ``-`` where there is nothing to try.

    Raises:
        ValueError: a row without a reason, or a fault that cannot strike just once.
        KeyError: a word nobody knows.
    """
    for line in _rows(table):
        columns = re.split(r"\s{2,}", line)
        if len(columns) != 6:
            raise ValueError(f"vendor, call, fault, once, for ever, why: {line}")
        vendor, call, faults, once, forever, _ = columns
        for fault in re.split(r",\s", faults):
            if once != "-":
                if FAULTS[fault][0] in STATES:
                    raise ValueError(f"{fault} cannot strike just once: {line}")
                yield Cell(vendor, call, fault, True, OUTCOMES[once])
            if forever != "-":
                yield Cell(vendor, call, fault, False, OUTCOMES[forever])


def _rows(table: str) -> list[str]:
    """The lines of a table without its heading and the blank ones."""
    return list(filter(None, map(str.strip, table.splitlines())))[1:]


@dataclass(frozen=True, slots=True)
class LadderRow:
    """One test of sources that are asked one after the other.

    Attributes:
        failing: cells whose faults stand, in the order of trust.
        answers: who is to answer; ``nobody`` for no answer.
    """

    what: str
    failing: tuple[Cell, ...]
    answers: str

    def __str__(self) -> str:
        failing = "-".join(f"{cell.vendor}_{cell.fault}" for cell in self.failing)
        return f"{self.what}-{failing}-{self.answers}".replace(" ", "_")


def ladder_rows(table: str) -> Iterator[LadderRow]:
    """The rows of a table of what is asked, ``vendor: fault; vendor: fault``, who answers, and why."""
    for line in _rows(table):
        what, failing, answers, _ = re.split(r"\s{2,}", line)
        pairs = (pair.split(": ") for pair in failing.split("; "))
        made = tuple(Cell(vendor, what, fault, False, OUTCOMES["recovered"]) for vendor, fault in pairs)
        yield LadderRow(what, made, answers)
