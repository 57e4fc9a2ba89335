"""The main job on real input: import what a trader has, run the shipped strategies over it, twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sos_actors.cli.main import main
from tests.cli.commands import configured

EVERY_MORNING = {
    "pattern_id": "EVERY_MORNING",
    "phases": [{"id": "CLOCK", "conditions": ["time_is_between(timestamp, '11:00', '11:00')"]}],
    "execution": {"side": "BUY", "entry": "close", "sl": "close - 40", "tp": "close + 60"},
}


@pytest.fixture(scope="module")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A store with the index pair of 2024, some BANKNIFTY contracts of then, and the NIFTY chain of August 2026."""
    config = configured(tmp_path_factory.mktemp("real"))
    index, options, chain = shared_data / "index_1min", shared_data / "options_1min", shared_data / "option_chain"
    for words in (
        ["--file", str(index / "NIFTY_1min_20240101_20240628.csv.gz"), "--set", "symbol=NIFTY"],
        ["--file", str(index / "BANKNIFTY_1min_20240101_20240628.csv.gz"), "--set", "symbol=BANKNIFTY"],
        ["--file", str(index / "NIFTY_1min_20260716_20260821_yf.csv.gz"), "--set", "symbol=NIFTY"],
        ["--file", str(options / "BANKNIFTY_7contracts_1min_20231207_20240110.csv.gz"), "--kind", "options",
         "--set", "expiry=2024-01-10"],
        ["--file", str(chain / "NIFTY_chain_1min_20260818_21_nse.csv.gz"), "--kind", "chain",
         "--oi-unit", "contracts"],
    ):  # fmt: skip
        assert main([*config, "ingest", *words]) == 0
    return config


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    text = capsys.readouterr().out
    return json.loads(text), text


@pytest.mark.parametrize("symbol", ["NIFTY", "BANKNIFTY"])
def test_half_a_year_of_an_index_without_options_skips_every_trade_or_prices_it_by_the_model(
    imported: list[str], symbol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dates = ["--symbol", symbol, "--from-date", "2024-01-01", "--to-date", "2024-06-28", "--skip-missing"]
    bare, _ = run([*imported, "backtest", *dates], capsys)
    assert len({row["date"] for row in bare["sessions"]}) == 119
    assert bare["summary"]["skipped"] > 200
    modelled, text = run([*imported, "backtest", *dates, "--price-model"], capsys)
    assert modelled["summary"]["trades"] > 150
    if symbol == "NIFTY":
        assert {trade["priced_from"] for trade in modelled["trades"]} == {"model"}
    assert not modelled["run"]["simulated"]
    assert run([*imported, "backtest", *dates, "--price-model"], capsys)[1] == text


def test_contracts_that_are_in_the_store_are_traded_at_their_own_candles(
    imported: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = {"execution": {**EVERY_MORNING["execution"], "option_selection": "ATM_CALL"}}  # type: ignore[dict-item]
    (tmp_path / "morning.json").write_text(json.dumps(EVERY_MORNING | choice))
    words = ["--symbol", "BANKNIFTY", "--from-date", "2024-01-04", "--to-date", "2024-01-10"]
    found, _ = run([*imported, "backtest", *words, "--strategies", str(tmp_path)], capsys)
    assert len(found["signals"]) == 5
    for trade in found["trades"]:
        assert trade["priced_from"] == "candles"
        assert trade["instrument"].endswith("CE 10 JAN 24")
        assert trade["quantity"] == 15
    assert found["summary"]["trades"] + found["summary"]["skipped"] == 5


def test_a_day_that_has_only_a_chain_is_traded_at_its_snapshots(
    imported: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "morning.json").write_text(json.dumps(EVERY_MORNING))
    words = ["--symbol", "NIFTY", "--from-date", "2026-08-18"]
    found, text = run([*imported, "backtest", *words, "--strategies", str(tmp_path)], capsys)
    (trade,) = found["trades"]
    assert trade["priced_from"] == "chain"
    assert trade["instrument"].endswith("CE 18 AUG 26")
    assert trade["entry_time"] == "2026-08-18T11:01:00+05:30"
    assert (trade["quantity"], trade["lots"]) == (65, 1)
    assert trade["regime"] != "UNKNOWN", "the chain tells the mood"
    assert run([*imported, "backtest", *words, "--strategies", str(tmp_path)], capsys)[1] == text
