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
    bars = [line.partition(" [")[0] for line in lines if line.startswith("2026")]
    assert bars == [f"2026-01-12 09:{minute}-09:{minute + 1} ONE" for minute in (38, 39, 40, 41)]
    assert sum("TRIGGER: entry" in line for line in lines) == 2
    assert any(line.startswith("EARLY on NIFTY: 4 bars, fired 2 times: ") for line in lines)


def test_what_became_of_a_signal_is_what_a_run_of_all_strategies_makes_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["backtest", *DAY, "--json"]) == 0
    signals = json.loads(capsys.readouterr().out)["signals"]
    assert signals
    assert main(["explain", "EARLY", *DAY, "--changes"]) == 0
    told = [line.split()[1].rstrip(":") for line in capsys.readouterr().out.splitlines() if line.startswith("    -> ")]
    assert told == [signal["outcome"] for signal in signals if signal["strategy"] == "EARLY"]


@pytest.mark.parametrize("offset", [0, 1])
def test_the_time_of_a_signal_shows_the_bar_that_gave_it(capsys: pytest.CaptureFixture[str], offset: int) -> None:
    assert main(["backtest", *DAY, "--json"]) == 0
    time = json.loads(capsys.readouterr().out)["signals"][offset]["time"][11:16]
    assert main(["explain", "EARLY", *DAY, "--from-time", time, "--to-time", time]) == 0
    shown = capsys.readouterr().out
    assert f"-{time} ONE" in shown
    assert "TRIGGER" in shown


def test_a_time_after_the_close_shows_the_last_bar_of_the_day(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "NEVER", *DAY, "--from-time", "16:00"]) == 1
    assert "2026-01-12 15:29-15:30 ONE" in capsys.readouterr().out
    assert main(["explain", "NEVER", *DAY, "--to-time", "09:00"]) == 1
    assert "NEVER on NIFTY: 0 bars, fired never." in capsys.readouterr().out


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
        (["explain", "EARLY", "--symbol", "NIFTTY"], "Did you mean NIFTY"),
    ],
)
def test_wrong_use_is_explained(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err
