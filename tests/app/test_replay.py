from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sos_actors.app.journaling import build_engine
from sos_actors.app.replay import Made, Replayed, Replayer, changes_since, replay
from sos_actors.app.session_header import SessionHeader
from sos_actors.config import Config
from sos_actors.engine.recording import (
    decode_decision,
    decode_event,
    encode_decision,
    encode_document,
    encode_event,
)
from sos_actors.messages.market import BarClosed, TimerFired
from sos_actors.messages.signals import SignalFormed
from sos_actors.messages.trading import PositionOpened, SubmitOrder
from sos_actors.runtime.journal import JournalReader, JournalWriter, Record, RecordKind
from sos_actors.types import UnixNanos
from tests.app.journals import CONFIG, header_of, play, records, rewritten, stocks
from tests.engine.markets import SECOND, STOCKS, minute

RESTART = Record(RecordKind.NOTE, encode_document({"what": "restarted"}), 0)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session on two stocks whose pasts came with them."""
    path = tmp_path_factory.mktemp("replay") / "2026-01-13.sosj"
    play(path, stocks(), header_of(()), follow=True)
    return path


def place(path: Path, wanted: Callable[[Record], bool], nth: int = 0) -> int:
    return [number for number, record in enumerate(records(path)) if wanted(record)][nth]


def decided(kind: type[Any]) -> Callable[[Record], bool]:
    return lambda one: one.kind is RecordKind.DECISION and isinstance(decode_decision(one.payload), kind)


def changed(path: Path, to: Path, at: int, new: list[Record]) -> Replayed:
    """The replay of the journal with one record replaced."""
    kept = records(path)
    return replay(rewritten(path, [*kept[:at], *new, *kept[at + 1 :]], to))


def test_a_journal_gives_every_decision_again(journal: Path) -> None:
    result = replay(journal)
    assert result.identical
    assert result.divergence is None
    assert result.events["SymbolFollowed"] == 2
    assert result.events["BarClosed"] == 240
    assert result.decisions["PositionOpened"] == result.decisions["PositionClosed"] == result.trades > 5
    assert (result.unrecorded, result.skipped, result.torn, result.restarts) == ([], {}, "", 0)


def test_a_replay_of_a_replay_is_the_same(journal: Path) -> None:
    one, two = replay(journal), replay(journal)
    assert (one.events, one.decisions, one.trades) == (two.events, two.decisions, two.trades)


def test_one_bit_of_one_decision_is_noticed_and_named_with_its_event(journal: Path, tmp_path: Path) -> None:
    at = place(journal, decided(PositionOpened), nth=3)
    then = decode_decision(records(journal)[at].payload)
    assert isinstance(then, PositionOpened)
    odd = replace(then, price=then.price + 1e-13)
    result = changed(journal, tmp_path / "odd.sosj", at, [Record(RecordKind.DECISION, encode_decision(odd), 0)])
    assert not result.identical
    found = result.divergence
    assert found is not None
    assert (found.then, found.now) == (odd, then)
    assert found.fields == (("price", odd.price, then.price),)
    events = [record for record in records(journal)[: at + 1] if record.kind is RecordKind.EVENT]
    assert found.number == len(events)
    assert found.cause == decode_event(events[-1].payload)


def test_a_decision_of_another_kind_shows_both(journal: Path, tmp_path: Path) -> None:
    at = place(journal, decided(SignalFormed))
    other = records(journal)[place(journal, decided(SubmitOrder))]
    result = changed(journal, tmp_path / "a.sosj", at, [other])
    assert result.divergence is not None
    assert (type(result.divergence.then), type(result.divergence.now)) == (SubmitOrder, SignalFormed)
    assert result.divergence.fields == ()


def test_a_decision_that_is_made_no_more_is_named(journal: Path, tmp_path: Path) -> None:
    at = place(journal, decided(SignalFormed))
    kept = records(journal)[at]
    result = changed(journal, tmp_path / "a.sosj", at - 1, [records(journal)[at - 1], kept])
    assert result.divergence is not None
    assert isinstance(result.divergence.then, SignalFormed)


def test_a_decision_that_was_not_made_then_is_named(journal: Path, tmp_path: Path) -> None:
    at = place(journal, decided(PositionOpened))
    result = changed(journal, tmp_path / "a.sosj", at, [])
    assert result.divergence is not None
    assert isinstance(result.divergence.now, PositionOpened)
    assert result.divergence.then is None


def test_an_event_that_is_missing_changes_what_follows(journal: Path, tmp_path: Path) -> None:
    cause = place(journal, decided(SignalFormed), nth=5) - 1
    result = changed(journal, tmp_path / "a.sosj", cause, [])
    assert not result.identical


def test_the_decisions_of_a_batch_may_stand_after_all_its_events(journal: Path, tmp_path: Path) -> None:
    """As the dispatcher writes them: events of a batch, then their decisions."""
    batch: list[Record] = []
    kept: list[Record] = []
    for record in records(journal):
        if record.kind is RecordKind.EVENT and isinstance(decode_event(record.payload), TimerFired):
            kept += sorted(batch, key=lambda one: one.kind)
            batch = []
        batch.append(record)
    kept += [*(one for one in batch if one.kind is not RecordKind.NOTE), batch[-1]]
    result = replay(rewritten(journal, kept, tmp_path / "a.sosj"))
    assert result.identical
    assert result.decisions == replay(journal).decisions


def test_what_a_crash_cut_off_is_counted_and_is_no_difference(journal: Path, tmp_path: Path) -> None:
    at = place(journal, decided(PositionOpened), nth=2)
    result = replay(rewritten(journal, records(journal)[:at], tmp_path / "a.sosj"))
    assert result.identical
    assert isinstance(result.unrecorded[0].decision, PositionOpened)


def test_a_session_that_ended_in_order_may_not_lack_its_last_decision(journal: Path, tmp_path: Path) -> None:
    at = place(journal, decided(PositionOpened), nth=2)
    kept = [*records(journal)[:at], records(journal)[-1]]
    assert not replay(rewritten(journal, kept, tmp_path / "a.sosj")).identical


@pytest.mark.parametrize("made_up_for", [True, False])
def test_a_session_that_was_started_again_goes_on(journal: Path, tmp_path: Path, made_up_for: bool) -> None:
    """Whether what the crash cut off is recorded after the restart, or never."""
    signals = [number for number, record in enumerate(records(journal)) if decided(SignalFormed)(record)]
    at = signals[-1]
    kept = records(journal)
    end = next(number for number in range(at, len(kept)) if kept[number].kind is not RecordKind.DECISION)
    last = kept[at:end]
    after = [RESTART, *last] if made_up_for else [RESTART]
    result = replay(rewritten(journal, [*kept[:at], *after], tmp_path / "a.sosj"))
    assert result.identical, result.divergence
    assert result.restarts == 1
    assert bool(result.unrecorded) is not made_up_for


def test_a_torn_tail_is_told_and_everything_before_it_compared(journal: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.sosj"
    torn.write_bytes(journal.read_bytes()[:-400])
    result = replay(torn)
    assert result.identical
    assert "no whole record" in result.torn


def test_a_replay_stops_before_the_moment_asked_for(journal: Path) -> None:
    result = replay(journal, until=UnixNanos(minute(SECOND, 30)))
    assert result.identical
    assert result.events["TimerFired"] == 30
    assert 0 < result.decisions.total() < replay(journal).decisions.total()


def test_every_decision_is_shown_with_its_cause_and_progress_reaches_the_end(journal: Path) -> None:
    shown: list[Made] = []
    reached: list[tuple[int, int]] = []
    result = replay(journal, show=shown.append, progress=lambda done, total: reached.append((done, total)))
    assert len(shown) == result.decisions.total()
    for made in shown:
        if isinstance(made.decision, SignalFormed):
            assert isinstance(made.cause, BarClosed | TimerFired)
            assert made.cause.ts_event >= made.decision.ts_event
    size = journal.stat().st_size
    assert reached[-1] == (size, size)


POISON = BarClosed(UnixNanos(0), "NSE|EQ|TCS", UnixNanos(-(2**62)), 1.0, 1.0, 1.0, 1.0)


def poisoned(journal: Path, to: Path, *, told: bool) -> Path:
    """The journal with an event that no engine can take, the 51st, and perhaps the note that it was left out."""
    kept = records(journal)
    at = place(journal, lambda record: record.kind is RecordKind.EVENT, nth=50)
    note = Record(RecordKind.NOTE, encode_document({"what": "skipped", "event": 51, "error": "odd"}), 0)
    odd = Record(RecordKind.EVENT, encode_event(POISON), 0)
    return rewritten(journal, [*kept[:at], *([note] if told else []), odd, *kept[at:]], to)


def test_an_event_that_the_engine_could_not_take_then_is_left_out_now(journal: Path, tmp_path: Path) -> None:
    result = replay(poisoned(journal, tmp_path / "a.sosj", told=True))
    assert result.identical
    assert result.skipped == {51: "odd"}
    assert result.decisions == replay(journal).decisions


def test_an_event_that_only_now_cannot_be_taken_is_a_difference(journal: Path, tmp_path: Path) -> None:
    found = replay(poisoned(journal, tmp_path / "a.sosj", told=False)).divergence
    assert found is not None
    assert (found.number, found.cause) == (51, POISON)
    assert found.error


def test_recovery_brings_the_engine_to_the_end_past_a_divergence(journal: Path, tmp_path: Path) -> None:
    kept = records(journal)
    at = place(journal, decided(SignalFormed), nth=2)
    odd = rewritten(journal, [*kept[:at], *kept[at + 1 :]], tmp_path / "a.sosj")
    engines = []
    for path in (journal, odd):
        header = SessionHeader.decode(JournalReader(path).header)
        replayer = Replayer(build_engine(header), Replayed(header))
        taken = [replayer.take(record) for record in JournalReader(path).records()]
        assert all(taken) is (path == journal)
        engines.append(replayer)
    assert engines[1].result.divergence is not None
    assert engines[1].number == engines[0].number
    assert engines[1].engine.trades.tobytes() == engines[0].engine.trades.tobytes()


def test_intents_and_outcomes_are_counted_and_change_nothing(journal: Path, tmp_path: Path) -> None:
    kept = records(journal)
    more = [Record(RecordKind.INTENT, encode_document({"tag": "SOSab12-1-0-0"}), 0),
            Record(RecordKind.OUTCOME, encode_document({"order": "1"}), 0)]  # fmt: skip
    result = replay(rewritten(journal, [*kept[:80], *more, *kept[80:]], tmp_path / "a.sosj"))
    assert result.identical
    assert result.orders_recorded == 2


def test_code_and_settings_that_changed_since_are_told() -> None:
    header = header_of()
    assert changes_since(header, CONFIG) == []
    told = changes_since(replace(header, code="0" * 16), Config())
    assert any("code" in one for one in told)
    assert any("risk.max_trades_per_day was 60 then, is 20 now" in one for one in told)


def test_a_journal_that_ends_with_its_header_has_nothing_to_compare(tmp_path: Path) -> None:
    path = tmp_path / "new.sosj"
    JournalWriter.create(path, header_of().encode()).close()
    result = replay(path)
    assert result.identical
    assert result.events.total() == 0
    assert SessionHeader.decode(JournalReader(path).header) == result.header
    assert STOCKS[0].symbol not in {one.symbol for one in result.header.indices}
