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
"""Failures to reach a vendor in a row after which it is not asked again."""


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

    @property
    def names(self) -> list[str]:
        """The sources' names."""
        return [source.name for source in self._sources]

    def ask(self, question: Callable[[S], T], is_data: Callable[[T], bool] = lambda _: True) -> Answer[T]:
        """The first answer that is data; when every source answered and none has data, the first of those answers.

        Raises:
            MissingDataError: no source answered; every reason is told.
        """
        refusals: list[str] = []
        nothing: Answer[T] | None = None
        for source in self._sources:
            reason = self.retired.get(source.name)
            if reason is not None:
                refusals.append(reason)
                continue
            try:
                value = question(source)
            except (VendorError, UnknownSymbolError) as error:
                refusals.append(str(error))
                self._note(source.name, error)
                continue
            self._note(source.name, None)
            if is_data(value):
                return Answer(value, source.name, tuple(refusals))
            nothing = nothing or Answer(value, source.name, tuple(refusals))
        if nothing is not None:
            return nothing
        told = " ".join(dict.fromkeys(refusals)) or "no source is configured."
        raise MissingDataError(f"No {self._what}: {told}")

    def _note(self, name: str, error: Exception | None) -> None:
        with self._lock:
            if isinstance(error, VendorUnreachableError | VendorBusyError):
                self._strikes[name] = self._strikes.get(name, 0) + 1
            elif error is None:
                self._strikes[name] = 0
            refused = isinstance(error, TokenRefusedError | VendorRefusedError)
            if error is not None and (refused or self._strikes.get(name, 0) >= STRIKES):
                self._retired.setdefault(name, str(error))
