"""The strategies of a run: what `sos validate` refuses is not run, told on stderr, and does not stop the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sos_actors.cli.main import main
from sos_actors.cli.strategies import tell_idle, usable_strategies
from sos_actors.errors import StrategyError
from sos_actors.market.instruments import default_master
from sos_actors.strategy import opcodes

NIFTY, RELIANCE = (default_master().resolve(name) for name in ("NIFTY", "RELIANCE"))


def written(folder: Path, name: str, *symbols: str, **execution: str) -> Path:
    file = folder / f"{name}.json"
    document = {
        "pattern_id": name.upper(),
        "symbols": list(symbols),
        "phases": [{"id": "ONLY", "conditions": ["close > open"]}],
        "execution": {"side": "BUY", "entry": "close", "sl": "low - 1", "tp": "entry + risk"} | execution,
    }
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def test_a_file_that_validate_refuses_is_told_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, "bad", sl="high + 10")
    written(tmp_path, "odd", entry="high + 5")
    written(tmp_path, "good")
    assert [one.pattern_id for one in usable_strategies([tmp_path])] == ["GOOD", "ODD"]
    said = capsys.readouterr()
    assert "bad.json: error: $.execution.sl: The risk is never positive" in said.err
    assert "warning" not in said.err
    assert said.out == ""
    assert main(["validate", str(tmp_path / "bad.json")]) == 1


def test_what_the_compiled_form_cannot_express_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "deep")
    assert len(usable_strategies([file])) == 1
    monkeypatch.setattr(opcodes, "STACK_DEPTH", 1)
    with pytest.raises(StrategyError, match="No usable strategy"):
        usable_strategies([file])


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="no such file or folder"):
        usable_strategies([tmp_path / "nowhere"])


def test_strategies_for_other_symbols_are_named_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strategies = usable_strategies([written(tmp_path, "one", "NIFTY"), written(tmp_path, "two", "reliance")])
    tell_idle(strategies, [NIFTY, RELIANCE], aloud=True)
    assert capsys.readouterr().err == ""
    tell_idle(strategies, [RELIANCE], aloud=True)
    assert capsys.readouterr().err == "sos: 1 strategy follows none of RELIANCE: ONE\n"


def test_a_run_that_no_strategy_follows_is_an_error(tmp_path: Path) -> None:
    strategies = usable_strategies([written(tmp_path, "one", "NIFTTY"), written(tmp_path, "two", "BANKNIFTY")])
    with pytest.raises(StrategyError, match="No strategy follows NIFTY: the files name NIFTTY, BANKNIFTY"):
        tell_idle(strategies, [NIFTY], aloud=False)
