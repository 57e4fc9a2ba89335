"""Places where a journal can be cut, and the writer that notes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sos_actors.runtime.journal_records import RecordKind
from tests.engine.execution.fake_exchange import FakeExchange


@dataclass(frozen=True, slots=True)
class Cut:
    """A moment between two records: how long the journal is, and what the exchange holds."""

    size: int
    kind: RecordKind
    now: int
    exchange: FakeExchange


class Noted:
    """A journal's writer that writes every record at once, and has somebody look before and after."""

    def __init__(self, writer: Any, look: Callable[[RecordKind], None]) -> None:
        self._writer, self._look = writer, look

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def append(self, kind: RecordKind, payload: bytes) -> None:
        """Look, write, look."""
        self._look(kind)
        self._writer.append(kind, payload)
        self._writer.flush()
        self._look(kind)
