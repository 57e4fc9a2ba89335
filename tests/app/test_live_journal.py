"""An engine that has to be made again from the session's journal has had every event of it, or is not made."""

from __future__ import annotations

from pathlib import Path

import pytest

from sos_actors.app.live_journal import open_day
from sos_actors.engine.recording import encode_event
from sos_actors.errors import JournalError
from sos_actors.messages.market import TimerFired
from sos_actors.runtime.journal_records import RecordKind
from sos_actors.types import UnixNanos
from tests.app.journals import header_of
from tests.engine.markets import SECOND, minute


def test_no_engine_is_made_of_less_than_it_had(tmp_path: Path) -> None:
    day = open_day(tmp_path / "2026-01-13.sosj", header_of)
    try:
        for index in range(3):
            day.writer.append(RecordKind.EVENT, encode_event(TimerFired(UnixNanos(minute(SECOND, index)))))
        with pytest.raises(JournalError, match="Only 0 of 3 events"):
            day.rebuild(3, frozenset())
        day.writer.flush()
        assert day.rebuild(3, frozenset({2})).trades.size == 0
        assert day.rebuild(2, frozenset()).trades.size == 0
    finally:
        day.writer.close()
