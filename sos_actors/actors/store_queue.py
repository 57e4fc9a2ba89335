"""What the store's actor is told, and the facts that wait: they outlive it, and are bounded when nobody can write."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock

from sos_actors.messages.records import Fact
from sos_actors.messages.snapshots import OptionChain

MOST = 20_000
"""Facts that may wait; a day of two indices and 200 stocks has some 80,000."""


@dataclass(frozen=True, slots=True)
class Keep:
    """A fact to be stored."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class Flush:
    """Time to write."""


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Facts that wait, were written, dropped for want of room, and refused because they make no sense."""

    waiting: int
    written: int
    dropped: int
    refused: int
    trouble: str


class StoreQueue:
    """Facts in the order in which they came. Thread-safe: an actor that hung may wake up beside its successor.

    Beyond ``most`` the oldest option chain is dropped, for chains are the bulk; when there is none, the oldest fact.

    Attributes:
        dropped: how many were, so far.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._facts: deque[Fact] = deque()
        self._lock = Lock()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._facts)

    def add(self, fact: Fact) -> None:
        """One more."""
        with self._lock:
            self._facts.append(fact)
            if len(self._facts) > self._most:
                self.dropped += 1
                chain = next((place for place, one in enumerate(self._facts) if isinstance(one, OptionChain)), 0)
                del self._facts[chain]

    def first(self, most: int) -> list[Fact]:
        """The oldest, so many; they stay."""
        with self._lock:
            return [self._facts[place] for place in range(min(most, len(self._facts)))]

    def written(self, facts: list[Fact]) -> None:
        """These, as ``first`` gave them, are no longer needed; those that another writer took meanwhile are gone."""
        with self._lock:
            for fact in facts:
                if self._facts and self._facts[0] is fact:
                    self._facts.popleft()
