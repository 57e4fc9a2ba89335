from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sos_actors.cli.main import main
from sos_actors.store.database import Store
from tests.cli.commands import REPOSITORY, configured, minute_file


def test_what_was_refused_is_counted_with_examples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = minute_file(tmp_path / "acme.csv", minutes=10)
    with file.open("a") as stream:
        stream.write("2024-06-03 20:00:00,1,1,1,1,1\n2024-06-03 09:40:00,10,9,8,10,5\n")
    assert main([*configured(tmp_path), "ingest", "--file", str(file), "--set", "symbol=ACME"]) == 0
    said = capsys.readouterr().out
    assert "10 of 12 rows imported" in said
    assert "REJECTED: outside the market's hours" in said
    assert "line 12, 2024-06-03 20:00:00" in said


def test_the_reports_can_be_read_by_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = minute_file(tmp_path / "acme.csv", minutes=10)
    assert main([*configured(tmp_path), "ingest", "--file", str(file), "--set", "symbol=ACME", "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["rows_read"], report["rows_accepted"], report["symbols"]) == (10, 10, {"NSE|EQ|ACME": 10})


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--file", __file__, "--symbol", "NIFTY"], 2, "--set symbol=NAME"),
        (["--from-date", "2026-01-16", "--to-date", "2026-01-12"], 2, "is after"),
        (["--symbol", "NIFTI"], 2, "NIFTY"),
        (["--file", "/nowhere.csv"], 2, "/nowhere.csv"),
        (["--file", __file__, "--set", "symbol"], 2, "NAME=VALUE"),
        (["--file", __file__, "--set", "symbol=ACME"], 1, "--map timestamp="),
    ],
)
def test_wrong_use_is_told_in_a_sentence(
    tmp_path: Path, words: list[str], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*configured(tmp_path), "ingest", *words]) == status
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said


def test_a_file_without_one_good_row_is_a_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("timestamp,open,high,low,close\n2024-06-03 09:15:00,1,1,1,0\n")
    assert main([*configured(tmp_path), "ingest", "--file", str(file), "--set", "symbol=ACME"]) == 1
    assert "0 of 1 rows imported" in capsys.readouterr().out


def test_a_second_import_says_what_is_new_unchanged_and_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = minute_file(tmp_path / "acme.csv", minutes=10)
    words = [*configured(tmp_path), "ingest", "--file", str(file), "--set", "symbol=ACME"]
    assert main(words) == 0
    assert "10 new, 0 unchanged, 0 REPLACED" in capsys.readouterr().out
    file.write_text(file.read_text().replace("100.50,99.50,100.05,1000", "100.50,99.50,100.25,1000"))
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "0 new, 9 unchanged, 0 REPLACED" in said
    assert "REJECTED: another row is stored for the same minute (kept; --force replaces it)" in said
    assert "close 100.05 -> 100.25" in said
    assert main([*words, "--force"]) == 0
    said = capsys.readouterr().out
    assert "0 new, 9 unchanged, 1 REPLACED" in said
    assert "close 100.05 -> 100.25" in said


def test_bars_later_than_this_machines_clock_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = minute_file(tmp_path / "acme.csv", minutes=10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sos_actors.cli.ingest_files.wall_time", lambda: 1_704_067_200 * 10**9)
        assert main([*configured(tmp_path), "ingest", "--file", str(file), "--set", "symbol=ACME"]) == 1
    assert "REJECTED: in the future" in capsys.readouterr().out


def test_a_folder_is_told_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*configured(tmp_path), "ingest", "--file", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_what_looks_like_a_mistake_stores_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = minute_file(tmp_path / "acme.csv")
    words = [*configured(tmp_path), "ingest", "--file", str(file)]
    assert main([*words, "--set", "symbol=ACME", "--timezone", "UTC"]) == 1
    assert "outside the market's hours" in capsys.readouterr().err
    assert main([*words, "--set", "symbol=NFTY"]) == 1
    assert "did you mean NIFTY" in capsys.readouterr().err
    with Store.open(tmp_path / "data", read_only=True) as store:
        assert store.candle_symbols() == []


def test_ctrl_c_in_an_import_keeps_what_is_committed_and_the_same_command_goes_on(tmp_path: Path) -> None:
    config = configured(tmp_path)
    days = [f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    parts = [minute_file(tmp_path / "part.csv", day).read_text().splitlines() for day in days]
    file = tmp_path / "year.csv"
    file.write_text("\n".join([parts[0][0], *(line for part in parts for line in part[1:])]) + "\n")
    command = [sys.executable, "-m", "sos_actors.cli", *config, "ingest", "--file", str(file), "--set", "symbol=ACME"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _wait_for_a_row(tmp_path / "data", process)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode in (130, 0), told
    assert "Traceback" not in told
    assert process.returncode == 0 or "they are kept. The same command goes on from there." in told
    with Store.open(tmp_path / "data", read_only=True) as store:
        before = sum(store.candle_days("NSE|EQ|ACME").values())
    assert before > 0
    again = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    with Store.open(tmp_path / "data", read_only=True) as store:
        counts = store.candle_days("NSE|EQ|ACME")
    assert sum(counts.values()) >= before
    assert set(counts.values()) <= {375, 105}


def _wait_for_a_row(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until the first shard has been written to; bounded."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if any(os.path.getsize(path) > 200_000 for path in folder.glob("sos_timeseries_*")):
            return
        time.sleep(0.005)
