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
from tests.app.journals import header_of, play, records, rewritten, stocks
from tests.cli.commands import configured
from tests.engine.markets import SECOND


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose data folder holds a journal of the simulated market."""
    folder = tmp_path_factory.mktemp("replaying")
    play(
        journal_path(folder / "data" / "simulated" / "seed-7", SECOND, "one"),
        stocks(bars=40),
        header_of(()),
        follow=True,
    )
    return folder


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "replay", "run a session's journal through the engine again")


def the_journal(home: Path) -> Path:
    return journal_path(home / "data" / "simulated" / "seed-7", SECOND, "one")


def odd_journal(home: Path, to: Path) -> Path:
    """The journal with a signal's entry moved by less than any price step."""
    kept = records(the_journal(home))
    at = next(
        number for number, record in enumerate(kept)
        if record.kind is RecordKind.DECISION and isinstance(decode_decision(record.payload), SignalFormed)
    )  # fmt: skip
    formed = decode_decision(kept[at].payload)
    assert isinstance(formed, SignalFormed)
    kept[at] = Record(RecordKind.DECISION, encode_decision(replace(formed, entry=formed.entry + 1e-10)), 0)
    return rewritten(the_journal(home), kept, to)


def test_the_latest_journal_is_replayed_and_found_identical(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *configured(home)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("SIMULATED DATA.")
    assert "2026-01-13, paper with paper, run one" in told[0]
    assert told[-1].startswith("Identical: all ")
    assert any(line.startswith("Events") and "80 BarClosed" in line for line in told)
    assert any("events in" in line and "a second" in line for line in told)


def test_settings_that_changed_since_are_told_before_anything_else(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["replay", "2026-01-13", *configured(home)])
    told = capsys.readouterr().out.splitlines()
    assert told[1].startswith("Changed since: risk.max_open_positions was 4 then, is 3 now")


def test_a_difference_is_named_and_the_status_is_one(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = odd_journal(home, tmp_path / "odd.sosj")
    assert main(["replay", str(odd), *configured(home)]) == 1
    told = capsys.readouterr().out
    assert "DIFFERENT from event " in told
    assert "  event  " in told
    assert "  then   SignalFormed" in told
    assert "  entry: " in told
    assert "Identical" not in told


def test_the_last_decisions_are_shown_with_what_caused_them(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--show", "3", "--until", "09:30", *configured(home)]) == 0
    told = capsys.readouterr().out.splitlines()
    causes = [number for number, line in enumerate(told) if line.startswith("    <- event ")]
    assert len(causes) == 3
    assert all(told[number - 1][:3] == "09:" for number in causes)


def test_one_document_says_the_same(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--json", "--show", "2", *configured(home)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["identical"] is True
    assert document["events"]["BarClosed"] == 80
    assert len(document["shown"]) == 2
    assert main(["replay", "--json", str(odd_journal(home, tmp_path / "odd.sosj")), *configured(home)]) == 1
    found = json.loads(capsys.readouterr().out)["divergence"]
    assert found["then"]["kind"] == found["now"]["kind"] == "SignalFormed"
    assert [one["name"] for one in found["fields"]] == ["entry"]


def test_a_torn_end_is_told(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torn = tmp_path / "torn.sosj"
    torn.write_bytes(the_journal(home).read_bytes()[:-5])
    assert main(["replay", str(torn), *configured(home)]) == 0
    assert "The journal's end is torn:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [(["2026-01-14"], 1, "There is no journal of 2026-01-14"), (["none.sosj"], 1, "cannot be read"),
     (["--until", "25:00"], 2, "write it like 10:30"), (["--show", "-1"], 2, "show")],
)  # fmt: skip
def test_wrong_words_are_explained(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, told: str
) -> None:
    assert main(["replay", *words, *configured(home)]) == status
    assert told in capsys.readouterr().err
