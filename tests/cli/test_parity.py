from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.journaling import journal_path
from sos_actors.cli.main import COMMANDS, main
from sos_actors.engine.recording import decode_decision, encode_decision
from sos_actors.messages.signals import SignalFormed
from sos_actors.runtime.journal import Record, RecordKind
from tests.app.journals import header_of, kept, play, records, rewritten, stocks
from tests.cli.commands import configured
from tests.engine.markets import SECOND

TCS = "NSE|EQ|TCS"


def session(home: Path, run: str, *, odd_bar: bool = False) -> Path:
    """A simulated market with one session's journal, and its store; with a bar that is stored as another."""
    folder = home / "data" / "simulated" / "seed-7"
    market = stocks(bars=60)
    path = journal_path(folder, SECOND, run)
    play(path, market, header_of(()), follow=True)
    if odd_bar:
        market.bars[TCS].close[-30] += 50.0
        market.bars[TCS].high[-30] += 50.0
    kept(folder, market.bars).close()
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("same")
    session(folder, "one")
    return folder


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "parity", "compare a session with a run over the stored day")


def test_a_session_that_went_as_the_stored_day_says_has_no_differences(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["parity", "2026-01-13", *configured(home)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("SIMULATED DATA.")
    assert "0 unexplained, 0 data, 0 timing, 0 fill, 0 configuration" in told[-2]
    assert told[-1] == "Every difference has a cause."


def test_differences_are_counted_by_cause_and_shown_with_both_sides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session(tmp_path, "one", odd_bar=True)
    assert main(["parity", "--show", "2", *configured(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert "Differences: 0 unexplained, 1 data, 0 timing, 2 fill, 0 configuration" in told
    first = next(number for number, line in enumerate(told) if line.startswith("data "))
    assert "TCS" in told[first]
    assert told[first].endswith("201.9 stored")
    assert told[first + 1].startswith("    session  BUY 151.65")
    assert told[first + 2].startswith("    stored   BUY 201.65")
    assert told[first + 3] == "and 1 more (--show N)"


def test_a_difference_without_a_cause_stands_first_and_the_status_is_one(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = journal_path(home / "data" / "simulated" / "seed-7", SECOND, "one")
    written = records(path)
    at = [
        number for number, record in enumerate(written)
        if record.kind is RecordKind.DECISION and isinstance(decode_decision(record.payload), SignalFormed)
    ][3]  # fmt: skip
    formed = decode_decision(written[at].payload)
    assert isinstance(formed, SignalFormed)
    written[at] = Record(RecordKind.DECISION, encode_decision(replace(formed, stop=formed.stop - 1e-9)), 0)
    rewritten(path, written, path.with_name("2026-01-13-odd.sosj"))
    assert main(["parity", "2026-01-13", "--run", "odd", "--json", *configured(home)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["explained"] is False
    assert document["counts"]["unexplained"] == 1
    assert document["differences"][0]["cause"] == "unexplained"
    assert document["differences"][0]["symbol"].startswith("NSE|EQ|")
    assert main(["parity", "2026-01-13", "--run", "odd", *configured(home)]) == 1
    assert "1 difference without a cause" in capsys.readouterr().out


def test_a_day_without_a_journal_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", "2026-01-14", *configured(home)]) == 1
    assert "There is no journal of 2026-01-14" in capsys.readouterr().err
