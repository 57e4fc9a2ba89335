"""A kill at the boundaries of a journal's records, and within them: nothing is sent twice, nothing is forgotten."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from sos_actors.app.live_trading import Trading
from sos_actors.app.replay import replay
from sos_actors.runtime.journal_records import RecordKind
from tests.app.running.books import doubled
from tests.app.running.boundaries import STOCK, Session
from tests.app.running.cuts import Cut

KILLS = 9
"""Of each kind of record."""
BARS, FAULTS = 22, 0.25


@dataclass(frozen=True, slots=True)
class Day:
    """A session that was traded to its end, and where its journal can be cut."""

    journal: Path
    cuts: list[Cut]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    session = Session.begun(tmp_path_factory.mktemp("day") / "day.sosj", 1, FAULTS)
    session.trade(BARS)
    assert session.close()
    session.day.end()
    assert len(session.placed) > 50
    return Day(session.day.path, session.cuts)


def killed(day: Day, cut: Cut, folder: Path, seed: int, *, within: bool = False) -> Session:
    """The process that is started after a kill; ``within``: the kill tore the record that was being written."""
    path = folder / "day.sosj"
    shutil.copy(day.journal, path)
    torn = day.journal.read_bytes()[cut.size : cut.size + Random(seed).randint(1, 30)] if within else b""
    return Session.resumed(path, cut, torn, seed)


def check_recovery(session: Session) -> None:
    """The engine knows all there is, and no entry was sent on the way to knowing it."""
    session.recover()
    session.carry_out()
    for _ in range(10):  # what was in doubt is searched
        session.move(session.exchange.price, 0.0)
    assert session.units == session.exchange.net()
    assert session.entered == []


def check_end(session: Session) -> None:
    """Everything can be closed, and nothing was done twice."""
    assert session.close()
    assert session.exchange.net() == 0
    assert doubled(session.exchange.book(session.now)) == []
    session.day.end()
    replayed = replay(session.day.path)
    assert replayed.identical, replayed.divergence
    assert replayed.restarts >= 1


@pytest.mark.parametrize("kind", [RecordKind.EVENT, RecordKind.DECISION, RecordKind.INTENT, RecordKind.OUTCOME])
def test_a_kill_between_two_records_loses_and_doubles_nothing(day: Day, kind: RecordKind, tmp_path: Path) -> None:
    cuts = [cut for cut in day.cuts if cut.kind is kind]
    for number, cut in enumerate(Random(int(kind)).sample(cuts, KILLS)):
        folder = tmp_path / str(number)
        folder.mkdir()
        session = killed(day, cut, folder, number)
        assert session.day.divergence is None
        check_recovery(session)
        check_end(session)


def test_what_was_held_or_ordered_is_known_before_anything_runs(day: Day, tmp_path: Path) -> None:
    holding = next(cut for cut in day.cuts if cut.exchange.net())
    last = day.cuts[-1]
    for cut, held in ((holding, {STOCK.symbol}), (last, set())):
        folder = tmp_path / str(cut.size)
        folder.mkdir()
        session = killed(day, cut, folder, 0)
        trading: Any = SimpleNamespace(journal=session.day, held=frozenset())
        assert Trading.take_up(trading) == held
        assert trading.held == held
        session.day.writer.close()


def test_a_kill_within_a_record_loses_and_doubles_nothing(day: Day, tmp_path: Path) -> None:
    numbers = count()
    for cut in Random(5).sample(day.cuts[:-1], KILLS):
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        session = killed(day, cut, folder, next(numbers), within=True)
        check_recovery(session)
        check_end(session)
        assert list(folder.glob("*.torn"))


def test_a_kill_in_the_midst_of_recovering_loses_and_doubles_nothing(day: Day, tmp_path: Path) -> None:
    for number, cut in enumerate(Random(6).sample([one for one in day.cuts if one.kind is RecordKind.INTENT], KILLS)):
        folder = tmp_path / str(number)
        folder.mkdir()
        first = killed(day, cut, folder, number)
        first.note_cuts()
        first.recover()
        first.carry_out()
        first.move(first.exchange.price, 0.5)
        first.day.writer.close()
        again = Random(number).choice(first.cuts)
        session = Session.resumed(first.day.path, again, b"", number)
        check_recovery(session)
        check_end(session)
