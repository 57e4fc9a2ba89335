"""A mistake of the desk's own, in the middle of its work, loses no fill and sends nothing twice."""

from __future__ import annotations

import pytest

from sos_actors.engine.execution.commands import Place
from sos_actors.messages.trading import OrderStatus, OrderUpdated
from tests.engine.execution.played import ENTRY, Played, of
from tests.engine.execution.rig import LOT


def break_once(played: Played, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The next time a part of the desk is asked, it fails."""
    part = played.desk._sender if step != "step" else played.desk._searcher
    whole = getattr(part, step)

    def fail(now: int) -> list[object]:
        monkeypatch.setattr(part, step, whole)
        raise ZeroDivisionError(f"at {now}")

    monkeypatch.setattr(part, step, fail)


@pytest.mark.parametrize("step", ["exits", "entries", "step"])
def test_a_fill_that_was_told_to_nobody_is_told_the_next_time(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played()
    [place] = of(played.enter(LOT), Place)
    played.ack(place)
    break_once(played, monkeypatch, step)
    row = played.row(place, "complete", LOT, 100.0)
    with pytest.raises(ZeroDivisionError):
        played.desk.seen(row, played.when)
    told = [one for one in played.desk.on_time(played.when) if isinstance(one, OrderUpdated)]
    assert [(one.order_id, one.status, one.fill_quantity, one.fill_price) for one in told] == [
        (ENTRY, OrderStatus.FILLED, LOT, 100.0)
    ]
    assert not [one for one in played.desk.on_time(played.when) if isinstance(one, OrderUpdated)]


def test_what_was_about_to_be_sent_is_searched_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played()
    break_once(played, monkeypatch, "step")
    with pytest.raises(ZeroDivisionError):
        played.enter(LOT)
    assert of(played.desk.doubt((), played.when), Place) == []
    assert of(played.desk.on_time(played.when), Place) == []
    attempts = list(played.desk.attempts().values())
    assert len(attempts) == 1
    assert attempts[0].may_fill, "nobody knows whether it was sent"
