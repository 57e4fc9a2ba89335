"""Asks sources in the order of trust; one that fails rests and is asked again later, so a bad hour is no bad day."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, Protocol, TypeVar

from sos_actors.errors import UnknownSymbolError, VendorBusyError, VendorError, VendorRefusedError
from sos_actors.runtime.clock import Clock
from sos_actors.types import NANOS_PER_SECOND, UnixNanos

log = logging.getLogger(__name__)
FIRST_REST_S, MOST_REST_S = 15.0, 600.0


class Named(Protocol):
    """Whatever says which vendor it is."""

    @property
    def name(self) -> str:
        """As it is stored beside every row."""
        ...


S = TypeVar("S", bound=Named)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rest:
    """Why and until when (UnixNanos) a source is left alone; ``failures`` in a row so far."""

    until: UnixNanos
    reason: str
    failures: int


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What the first source with data said; None when none had any. ``refusals``: why those asked before had none."""

    value: T | None
    source: str
    refusals: tuple[str, ...]


class SourceOrder(Generic[S]):
    """Sources in the order of trust; may be asked from several threads.

    Each failure in a row lets a source rest twice as long; one that refuses us rests the longest at once, and one that
    says how long it wants to be left alone is left alone at least that long. An answer ends all that.

    Args:
        sources: the most trusted first.
        what: they are asked for, in words.
        clock: in whose seconds they rest.
        first_rest_s, most_rest_s: the shortest and the longest rest.
    """

    def __init__(
        self, sources: Sequence[S], what: str, clock: Clock, *, first_rest_s: float = FIRST_REST_S,
        most_rest_s: float = MOST_REST_S,
    ) -> None:  # fmt: skip
        self._sources, self._what, self._clock = tuple(sources), what, clock
        self._first_s, self._most_s = first_rest_s, most_rest_s
        self._lock = Lock()
        self._rests: dict[str, Rest] = {}

    @property
    def rests(self) -> dict[str, Rest]:
        """The sources that rest now."""
        now = self._clock()
        with self._lock:
            return {name: rest for name, rest in self._rests.items() if now < rest.until}

    def ask(self, question: Callable[[S], T], why_not: Callable[[T], str] = lambda _: "") -> Found[T]:
        """The first answer that is data.

        Args:
            question: put to one source after another.
            why_not: what is wrong with an answer, for example that it is of yesterday; empty when nothing is.
        """
        refusals: list[str] = []
        for source in self._sources:
            with self._lock:
                rest = self._rests.get(source.name)
            if rest is not None and self._clock() < rest.until:
                refusals.append(rest.reason)
                continue
            try:
                value = question(source)
            except UnknownSymbolError as error:
                refusals.append(str(error))
                continue
            except VendorError as error:
                refusals.append(str(error))
                self._failed(source.name, error)
                continue
            self._answered(source.name)
            if not (wrong := why_not(value)):
                return Found(value, source.name, tuple(refusals))
            refusals.append(wrong)
        return Found(None, "", tuple(refusals))

    def _failed(self, name: str, error: VendorError) -> None:
        with self._lock:
            before = self._rests.get(name)
            failures = before.failures + 1 if before is not None else 1
            rest_s = min(self._first_s * 2.0 ** (failures - 1), self._most_s)
            if isinstance(error, VendorRefusedError):
                rest_s = self._most_s
            if isinstance(error, VendorBusyError):
                rest_s = max(rest_s, error.retry_after_s)
            until = UnixNanos(self._clock() + round(rest_s * NANOS_PER_SECOND))
            self._rests[name] = Rest(until, str(error), failures)
        if failures == 1:
            log.warning("%s: %s is left alone for %.0f s: %s", self._what, name, rest_s, error)

    def _answered(self, name: str) -> None:
        with self._lock:
            rest = self._rests.pop(name, None)
        if rest is not None:
            log.info("%s: %s answers again.", self._what, name)
