"""An event the engine cannot take: it is made anew from the journal, goes on without it, and replays the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sos_actors.app.replay import replay
from sos_actors.engine.engine import Engine
from sos_actors.messages.trading import EntriesStopped
from tests.app.running.invariants import check, copied
from tests.app.running.systems import Whole

POISON = "poison"


def is_poison(event: object) -> bool:
    return isinstance(event, EntriesStopped) and event.reason == POISON


@pytest.fixture
def allergic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine fails in the middle of a step when it is told ``POISON``."""
    step, step_batch = Engine.step, Engine.step_batch

    def poisoned_batch(self: Engine, events: Sequence[Any]) -> Any:
        found = next((place for place, event in enumerate(events) if is_poison(event)), None)
        if found is None:
            return step_batch(self, events)
        step_batch(self, events[:found])
        self.account.book["killed"] = 1
        raise ZeroDivisionError(POISON)

    def poisoned(self: Engine, event: Any) -> Any:
        if is_poison(event):
            self.account.book["killed"] = 1
            raise ZeroDivisionError(POISON)
        return step(self, event)

    monkeypatch.setattr(Engine, "step", poisoned)
    monkeypatch.setattr(Engine, "step_batch", poisoned_batch)


@pytest.mark.usefixtures("allergic")
def test_an_event_that_breaks_the_engine_is_left_out_and_the_journal_replays_the_same(healthy: Whole) -> None:
    before, mark = healthy.system.trading.desk.engine, healthy.lines.mark
    healthy.system.machine.sink.publish(EntriesStopped(healthy.place.clock(), False, POISON))
    healthy.until(lambda: healthy.system.trading.desk.engine is not before, "the engine is made anew")
    healthy.trades(2)
    assert any("could not take a EntriesStopped" in text for text in healthy.lines.since(mark))
    check(healthy)
    result = replay(copied(healthy))
    assert result.identical
    assert [POISON in said for said in result.skipped.values()] == [True]
