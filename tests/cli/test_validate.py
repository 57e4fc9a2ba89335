from __future__ import annotations

import json
from pathlib import Path

import pytest

from sos_actors.cli.main import main
from sos_actors.strategy import opcodes

GOOD = {
    "pattern_id": "UP",
    "phases": [{"id": "ONLY", "conditions": ["close > open"]}],
    "execution": {"side": "BUY", "entry": "close", "sl": "low - 1", "tp": "entry + risk"},
}


def written(folder: Path, name: str, **changes: object) -> Path:
    file = folder / name
    file.write_text(json.dumps({**GOOD, **changes}), encoding="utf-8")
    return file


def test_files_without_a_mistake_are_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "one.json")
    written(tmp_path, "two.json", pattern_id="UP_2")
    assert main(["validate", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "All strategy files are valid.\n"


def test_the_shipped_strategies_and_configuration_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate"]) == 0
    assert capsys.readouterr().out.endswith("All strategy files are valid.\n")


def test_every_file_is_checked_and_a_mistake_shows_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, "a.json", phases=[{"id": "ONLY", "conditions": ["clsoe > open"]}])
    written(tmp_path, "b.json", pattern_id="B", execution={**GOOD["execution"], "sl": "high +"})  # type: ignore[dict-item]
    written(tmp_path, "c.json", pattern_id="C")
    assert main(["validate", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "$.phases[0].conditions[0]" in said
    assert "    clsoe > open\n    ^\n" in said
    assert "did you mean close?" in said
    assert "$.execution.sl" in said
    assert said.splitlines()[-1].startswith("2 files of 3 cannot be used: 2 errors")
    assert "All strategy files are valid." not in said


def test_a_warning_is_told_and_refuses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "a.json", phases=[{"id": "ONLY", "conditions": ["1 < 2"]}])
    assert main(["validate", str(file)]) == 0
    said = capsys.readouterr().out
    assert "warning: $.phases[0].conditions[0]" in said
    assert said.endswith("All strategy files are valid.\n")


def test_a_wrong_configuration_is_told_and_the_strategies_are_checked_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "sos.toml"
    config.write_text("[risk]\nmax_per_symbol = 0\n", encoding="utf-8")
    file = written(tmp_path, "a.json", execution={})
    assert main(["validate", "--config", str(config), str(file)]) == 1
    said = capsys.readouterr().out
    assert "sos.toml:2: risk.max_per_symbol: 0 is not allowed" in said
    assert "$.execution" in said


@pytest.mark.parametrize("name", ["empty", "missing.json"])
def test_nothing_to_check_is_not_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["validate", str(tmp_path / name)]) == 1
    assert "All strategy files are valid." not in capsys.readouterr().out


def test_what_the_compiled_form_cannot_express_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opcodes, "STACK_DEPTH", 1)
    assert main(["validate", str(written(tmp_path, "a.json"))]) == 1
    assert "keeps more than 1 values waiting" in capsys.readouterr().out


def test_an_address_of_a_stranger_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "sos.toml"
    config.write_text('[upstox]\nrest_url = "https://evil.example.com"\n', encoding="utf-8")
    assert main(["validate", "--config", str(config), str(written(tmp_path, "one"))]) == 0
    said = capsys.readouterr().out
    assert "warning: upstox: evil.example.com is not Upstox's own address; the token would be sent there.\n" in said
