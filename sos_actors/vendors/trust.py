"""Asks vendors in the order of trust until one gives data, and remembers which ones no longer need asking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, Protocol, TypeVar

from sos_actors.errors import (
    MissingDataError,
    TokenRefusedError,
    UnknownSymbolError,
    VendorBusyError,
    VendorError,
    VendorRefusedError,
    VendorUnreachableError,
)

STRIKES = 3
"""Failures to reach a vendor in a row after which it is not asked again; those under way at once count as one."""


class Named(Protocol):
    """Whatever says which vendor it is."""

    @property
    def name(self) -> str:
        """As it is stored beside every row."""
        ...


S = TypeVar("S", bound=Named)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What was answered, by whom, and why those asked before did not."""

    value: T
    source: str
    refusals: tuple[str, ...]


class Ladder(Generic[S]):
    """Sources in the order of trust; may be asked from several threads.

    A source that refuses us, or cannot be reached ``STRIKES`` times in a row, is not asked again by this ladder.

    Args:
        sources: the most trusted first.
        what: what is asked for, for messages: ``candles``.
    """

    def __init__(self, sources: Sequence[S], what: str) -> None:
        self._sources, self._what = tuple(sources), what
        self._lock = Lock()
        self._retired: dict[str, str] = {}
        self._strikes: dict[str, int] = {}

    @property
    def retired(self) -> dict[str, str]:
        """Sources that are no longer asked, with the reason."""
        with self._lock:
            return dict(self._retired)

    def ask(self, question: Callable[[S], T], is_data: Callable[[T], bool] = lambda _: True) -> Answer[T]:
        """The first answer that is data; when there is none, the first answer of those that answered at all.

        Raises:
            MissingDataError: no source answered; every reason is told.
        """
        refusals: list[str] = []
        nothing: list[tuple[T, str]] = []
        for source in self._sources:
            with self._lock:
                reason, strikes = self._retired.get(source.name), self._strikes.get(source.name, 0)
            if reason is not None:
                refusals.append(reason)
                continue
            try:
                value = question(source)
            except (VendorError, UnknownSymbolError) as error:
                refusals.append(str(error))
                self._note(source.name, error, strikes)
                continue
            self._note(source.name, None, strikes)
            if is_data(value):
                return Answer(value, source.name, tuple(refusals))
            nothing.append((value, source.name))
        if nothing:
            return Answer(*nothing[0], tuple(refusals))
        told = " ".join(dict.fromkeys(refusals)) or "no source is configured."
        raise MissingDataError(f"No {self._what}: {told}")

    def _note(self, name: str, error: Exception | None, strikes: int) -> None:
        """Count an answer; ``strikes``: how many there were when it was asked for."""
        with self._lock:
            if isinstance(error, VendorUnreachableError | VendorBusyError):
                if self._strikes.get(name, 0) == strikes:
                    self._strikes[name] = strikes + 1
            elif error is None:
                self._strikes[name] = 0
            refused = isinstance(error, TokenRefusedError | VendorRefusedError)
            if error is not None and (refused or self._strikes.get(name, 0) >= STRIKES):
                self._retired.setdefault(name, str(error))
