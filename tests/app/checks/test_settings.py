"""Configuration and strategies, as the doctor tells them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.checks.finding import Status
from sos_actors.app.checks.settings import check_strategies, configuration_finding
from sos_actors.app.strategy_files import validate_paths
from sos_actors.config import Config
from sos_actors.errors import ConfigError

STRATEGIES = sorted((Path(__file__).resolve().parents[3] / "strategies").glob("*.json"))


def test_the_file_that_was_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine.toml"
    assert configuration_finding(mine, Config.default()).text == str(mine)
    monkeypatch.setenv("SOS_CONFIG", str(tmp_path / "other.toml"))
    assert configuration_finding(None, Config.default()).text == str(tmp_path / "other.toml")
    monkeypatch.setenv("SOS_CONFIG", "")
    monkeypatch.setenv("SOS_HOME", str(tmp_path))
    assert "the built-in one; there is no" in configuration_finding(None, Config.default()).text


def test_one_that_cannot_be_used_is_a_failure_with_every_mistake() -> None:
    finding = configuration_finding(None, ConfigError("a.toml:1: no.\na.toml:2: neither."))
    assert finding.status is Status.FAIL
    assert finding.line == "a.toml:1: no. a.toml:2: neither. Correct it; 'sos validate' checks again."


@pytest.mark.parametrize(
    ("good", "bad", "status", "said"),
    [
        (2, 0, Status.OK, "2 valid files in"),
        (1, 1, Status.WARN, "1 of 2 in"),
        (0, 2, Status.FAIL, "none of 2 in"),
        (0, 0, Status.FAIL, "none in"),
    ],
)
def test_strategies_are_counted(tmp_path: Path, good: int, bad: int, status: Status, said: str) -> None:
    for number in range(good):
        shutil.copy(STRATEGIES[number], tmp_path)
    for number in range(bad):
        (tmp_path / f"bad-{number}.json").write_text("{", encoding="utf-8")
    config = Config.default()
    config = replace(config, paths=replace(config.paths, strategies=tmp_path))
    [finding] = check_strategies(config, lambda paths: validate_paths(paths).files)
    assert finding.status is status
    assert finding.text.startswith(said)
