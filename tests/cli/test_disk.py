"""A full disk and a read-only folder, for real: a small file system of its own where the machine allows one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import REPOSITORY, configured, minute_file


def _in_a_small_file_system(folder: Path, size: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script with ``folder`` on a tmpfs of its own; skips where that is not allowed."""
    probe = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=1m tmpfs {folder}"]
    if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a test mount a file system")
    whole = f"mount -t tmpfs -o size={size} tmpfs {folder} && {script}"
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", whole], cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def sos(tmp_path: Path) -> str:
    """The command line of ``sos`` with its data in ``tmp_path / "data"``."""
    (tmp_path / "data").mkdir()
    return " ".join([sys.executable, "-m", "sos_actors.cli", *configured(tmp_path)])


def test_a_full_disk_keeps_what_is_committed_and_the_next_run_goes_on(tmp_path: Path, sos: str) -> None:
    days = [f"2024-{month:02d}-03" for month in (1, 4, 6, 7, 9, 10, 12)]
    parts = [minute_file(tmp_path / "part.csv", day).read_text().splitlines() for day in days]
    file = tmp_path / "acme.csv"
    file.write_text("\n".join([parts[0][0], *(line for part in parts for line in part[1:])]) + "\n")
    ingest = f"{sos} ingest --file {file} --set symbol=ACME"
    done = _in_a_small_file_system(
        tmp_path / "data", "1200k", f"{ingest}; echo status $?; mount -o remount,size=40m {tmp_path}/data; {ingest}"
    )
    assert "status 1" in done.stdout
    assert "No space is left" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
    assert "2,625 of 2,625 rows imported" in done.stdout


def test_a_read_only_folder_can_be_run_on_but_not_written_to(tmp_path: Path, sos: str) -> None:
    file = minute_file(tmp_path / "acme.csv")
    ingest = f"{sos} ingest --file {file} --set symbol=ACME"
    backtest = f"{sos} backtest --symbol ACME --from-date 2024-06-03"
    done = _in_a_small_file_system(
        tmp_path / "data", "20m",
        f"{ingest} && mount -o remount,ro {tmp_path}/data && {backtest} && echo ran; {ingest}; echo status $?",
    )  # fmt: skip
    assert "ran" in done.stdout, done.stderr
    assert "this run is not kept" in done.stdout
    assert "status 1" in done.stdout
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
