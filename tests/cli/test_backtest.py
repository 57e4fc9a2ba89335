from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sos_actors.cli.main import main
from sos_actors.store.database import Store
from tests.cli.commands import configured, minute_file

WEEK = ["--symbol", "NIFTY", "--from-date", "2026-01-12", "--to-date", "2026-01-13"]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A machine without market data; the simulated sessions are filled once for all tests of this file."""
    return configured(tmp_path_factory.mktemp("backtest"))


def document(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    assert main([*words, "--json"]) == 0
    text = capsys.readouterr().out
    return json.loads(text), text


def test_a_machine_without_data_runs_on_a_simulated_market_and_says_so_first(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*config, "backtest", *WEEK]) == 0
    said = capsys.readouterr().out
    assert said.startswith("SIMULATED DATA")
    assert "12 Jan 2026 to 13 Jan 2026, 2 sessions" in said


def test_the_same_run_twice_gives_the_same_bytes(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    first = document([*config, "backtest", *WEEK], capsys)[1]
    assert document([*config, "backtest", *WEEK], capsys)[1] == first


def test_the_document_adds_up(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = document([*config, "backtest", *WEEK], capsys)
    summary, trades = found["summary"], found["trades"]
    assert trades, "the embedded market must trade"
    assert summary["trades"] == len(trades)
    assert round(sum(trade["net_inr"] for trade in trades), 2) == summary["net_inr"]
    for trade in trades:
        assert round(trade["gross_inr"] - trade["charges"]["total"], 2) == trade["net_inr"]
        assert found["signals"][trade["signal"]]["trade"] == trade["id"]
        assert trade["instrument"].startswith("NSE|FO|NIFTY ")
        assert trade["entry_price"] < 2_000, "an option's price, not the index's"
        assert trade["entry_time"][:10] == trade["exit_time"][:10]
    traded = [signal for signal in found["signals"] if signal["outcome"] == "traded"]
    assert len(traded) == len(trades)
    assert all(signal["reason"] for signal in found["signals"] if signal["outcome"] != "traded")
    assert {row["date"] for row in found["sessions"]} == {"2026-01-12", "2026-01-13"}


def test_a_run_is_kept_in_the_store(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = document([*config, "backtest", *WEEK], capsys)
    folder = Path(config[1]).parent / "data" / "simulated" / "seed-7"
    with Store.open(folder, read_only=True) as store:
        kept = {run.id: run for run in store.runs()}[found["run"]["id"]]
    assert kept.fingerprint == found["run"]["data_fingerprint"]
    assert kept.summary["net_inr"] == found["summary"]["net_inr"]
    assert kept.strategies == {entry["pattern_id"]: entry["hash"] for entry in found["run"]["strategies"]}


def test_the_report_is_one_file_that_needs_no_network(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "day.html"
    assert main([*config, "backtest", *WEEK, "--report", str(report)]) == 0
    capsys.readouterr()
    page = report.read_text(encoding="utf-8")
    assert "SIMULATED DATA" in page
    assert "http://" not in page
    assert "https://" not in page


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--symbol", "NIFTTY", "--from-date", "2026-01-12"], 2, "NIFTY"),
        (["--symbol", "NIFTY", "--from-date", "2026-02-30"], 2, "2026-02-30"),
        (["--symbol", "NIFTY", "--from-date", "2026-01-16", "--to-date", "2026-01-12"], 2, "is after"),
        (["--symbol", "NIFTY", "--from-date", "2026-01-17"], 2, "no trading session"),
        (["--symbol", "NIFTY", "--from-date", "2031-01-01"], 1, "2031"),
        (["--symbol", "NIFTY 25600 CE 13 JAN 26", "--from-date", "2026-01-12"], 2, "Give its underlying"),
        (["--symbol", "NIFTY", "--from-date", "2026-01-12", "--report", "/nowhere/x.html"], 2, "/nowhere/x.html"),
        (["--symbol", "NIFTY", "--from-date", "2026-01-12", "--strategies", "/nowhere"], 1, "/nowhere"),
        (["--symbol", "NIFTY", "--form-date", "2026-01-12"], 2, "--from-date"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(
    config: list[str], words: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*config, "backtest", *words]) == status
    said = capsys.readouterr()
    assert told in said.err
    assert "Traceback" not in said.err
    assert not said.out


def test_without_backfill_the_missing_days_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*configured(tmp_path), "backtest", *WEEK, "--no-backfill"]) == 1
    assert "2026-01-12, 2026-01-13" in capsys.readouterr().err


def test_a_store_that_lacks_days_lists_them_and_can_be_run_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path)
    file = minute_file(tmp_path / "acme.csv")
    assert main([*config, "ingest", "--file", str(file), "--set", "symbol=ACME"]) == 0
    dates = ["--symbol", "ACME", "--from-date", "2024-06-03", "--to-date", "2024-06-05"]
    assert main([*config, "backtest", *dates]) == 1
    assert "ACME: 2024-06-04, 2024-06-05" in capsys.readouterr().err
    found, _ = document([*config, "backtest", *dates, "--skip-missing"], capsys)
    assert [row["date"] for row in found["sessions"]] == ["2024-06-03"]
    assert "2024-06-04" in found["run"]["notes"][0]
    assert not found["run"]["simulated"]


def test_a_refused_strategy_is_told_and_the_others_go_on(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.loads((Path(__file__).parents[2] / "strategies" / "orb_retest_long.json").read_text())
    (tmp_path / "good.json").write_text(json.dumps(good))
    (tmp_path / "bad.json").write_text("{")
    assert main([*config, "backtest", *WEEK, "--strategies", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "bad.json" in said.err
    assert "1 strategy" in said.out


def test_a_torn_month_is_told_and_set_aside_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    file = str(minute_file(tmp_path / "acme.csv"))
    ingest = [*config, "ingest", "--file", file, "--set", "symbol=ACME"]
    assert main(ingest) == 0
    shard = tmp_path / "data" / "sos_timeseries_2024_06.db"
    shard.write_bytes(b"this is no database" * 1000)
    for leftover in tmp_path.glob("data/*-wal"):
        leftover.unlink()
    capsys.readouterr()
    assert main([*config, "backtest", "--symbol", "ACME", "--from-date", "2024-06-03"]) != 0
    said = capsys.readouterr().err
    assert "sos_timeseries_2024_06.db" in said or "ACME" in said
    assert main(ingest) == 1
    assert "--force" in capsys.readouterr().err
    assert main([*ingest, "--force"]) == 0
    assert main([*config, "backtest", "--symbol", "ACME", "--from-date", "2024-06-03"]) == 0


def test_a_chain_without_candles_prices_trades_from_its_snapshots(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Contracts without candles are filled at chain prices, marked so; without either the signal is skipped."""
    simulated = Path(config[1]).parent / "data" / "simulated" / "seed-7"
    found, _ = document([*config, "backtest", *WEEK], capsys)
    assert {trade["priced_from"] for trade in found["trades"]} == {"candles"}
    other = configured(tmp_path)
    _copy_without_contracts(simulated, tmp_path / "data")
    found, _ = document([*other, "backtest", *WEEK], capsys)
    assert {trade["priced_from"] for trade in found["trades"]} == {"chain"}


def _copy_without_contracts(simulated: Path, folder: Path) -> None:
    """The simulated index and chain as if a trader had imported them."""
    with Store.open(simulated, read_only=True) as source, Store.open(folder, origin="real") as target:
        everything = (0, 2**62)
        for symbol in ("NSE|INDEX|NIFTY",):
            target.add_candles(symbol, source.candles(symbol, *everything), "copy")
            target.add_chain(symbol, source.chain(symbol, *everything), "copy")
            target.add_market_stats(symbol, source.market_stats(symbol, *everything), "copy")


def test_a_store_of_ones_own_is_never_silently_replaced_by_the_simulated_market(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path)
    file = minute_file(tmp_path / "tcs.csv", first_price=3_000.0)
    assert main([*config, "ingest", "--file", str(file), "--set", "symbol=TCS"]) == 0
    words = [*config, "backtest", "--symbol", "TCS", "--from-date", "2024-06-04"]
    capsys.readouterr()
    for flags in ([], ["--skip-missing"]):
        assert main([*words, *flags]) == 1
        assert "TCS: 2024-06-04" in capsys.readouterr().err
    assert main([*words, "--simulated"]) == 0
    assert capsys.readouterr().out.startswith("SIMULATED DATA")
    nifty = [*config, "backtest", "--symbol", "NIFTY", "--from-date", "2026-01-12"]
    assert main(nifty) == 0, "nothing of NIFTY is here"
    assert capsys.readouterr().out.startswith("SIMULATED DATA")


def test_a_chain_without_candles_asks_for_the_candles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    rows = ["timestamp,symbol,expiry,strike,option_type,spot,ltp,volume,oi"]
    rows += [f"2026-01-12 10:00:00,NIFTY,2026-01-13,25600,{kind},25610,100,650,65000" for kind in ("CE", "PE")]
    (tmp_path / "chain.csv").write_text("\n".join(rows) + "\n")
    assert main([*config, "ingest", "--file", str(tmp_path / "chain.csv"), "--kind", "chain"]) == 0
    assert main([*config, "backtest", "--symbol", "NIFTY", "--from-date", "2026-01-12"]) == 1
    assert "NIFTY: 2026-01-12" in capsys.readouterr().err


def test_an_untraded_signal_names_the_contract_it_wanted(
    config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated = Path(config[1]).parent / "data" / "simulated" / "seed-7"
    other = configured(tmp_path)
    with Store.open(simulated, read_only=True) as source, Store.open(tmp_path / "data", origin="real") as target:
        target.add_candles("NSE|INDEX|NIFTY", source.candles("NSE|INDEX|NIFTY", 0, 2**62), "copy")
    found, _ = document([*other, "backtest", *WEEK], capsys)
    skipped = [signal for signal in found["signals"] if signal["outcome"] == "skipped"]
    assert skipped
    assert all(signal["instrument"].startswith("NSE|FO|NIFTY ") for signal in skipped)
    assert skipped[0]["instrument"] in found["run"]["notes"][0]
    modelled, _ = document([*other, "backtest", *WEEK, "--price-model"], capsys)
    assert modelled["run"]["notes"][0].startswith("MODEL PRICES")


def test_bars_of_a_share_after_the_end_of_trading_with_derivatives_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path)
    file = minute_file(tmp_path / "acme.csv", day="2026-08-18")
    assert main([*config, "ingest", "--file", str(file), "--set", "symbol=ACME"]) == 0
    capsys.readouterr()
    found, _ = document([*config, "backtest", "--symbol", "ACME", "--from-date", "2026-08-18"], capsys)
    assert found["sessions"][0]["bars"] == 360
    assert "ACME: 15 stored bars were left out" in " ".join(found["run"]["notes"])
