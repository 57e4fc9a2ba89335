from __future__ import annotations

import json
from pathlib import Path

import pytest

from sos_actors.cli.main import main

DAY = ["--symbol", "NIFTY", "--from-date", "2026-01-12"]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two strategies and a configuration; the simulated market is made once for all tests."""
    home = tmp_path_factory.mktemp("explain")
    (home / "strategies").mkdir()
    execution = {"side": "BUY", "entry": "close", "sl": "close - 10", "tp": "entry + risk"}
    for pattern_id, condition in (
        ("EARLY", "time_is_between(timestamp, '09:40', '09:41')"),
        ("NEVER", "close > 1000000"),
    ):
        document = {
            "pattern_id": pattern_id,
            "phases": [{"id": "ONE", "conditions": [condition]}],
            "execution": execution,
        }
        (home / "strategies" / f"{pattern_id}.json").write_text(json.dumps(document), encoding="utf-8")
    return home


@pytest.fixture(autouse=True)
def _at_home(market: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOS_HOME", str(market))


def test_a_pattern_that_fires_is_told_bar_by_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "EARLY", *DAY, "--from-time", "09:39", "--to-time", "09:41"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("SIMULATED DATA")
    assert [line[:20] for line in lines if line.startswith("2026")] == [f"2026-01-12 09:{m} ONE" for m in (39, 40, 41)]
    assert sum("TRIGGER: entry" in line for line in lines) == 2
    assert "EARLY on NIFTY: 3 bars, fired 2 times." in lines


def test_what_kept_a_pattern_from_firing_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "NEVER", *DAY, "--changes"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["NEVER on NIFTY: 375 bars, fired never.", "Stopped by:", "    375  ONE: close > 1000000"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explain", "EARYL", *DAY], "No strategy has the pattern_id 'EARYL'. Did you mean EARLY?"),
        (["explain", "EARLY", *DAY, "--from-time", "9.30"], "'9.30' is not a time: write it like 09:30"),
        (["explain", "EARLY", *DAY, "--to-date", "2026-01-09"], "is after --to-date"),
        (["explain", "EARLY"], "the following arguments are required: --from-date"),
    ],
)
def test_wrong_use_is_explained(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err
