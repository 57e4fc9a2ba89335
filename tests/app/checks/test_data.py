"""The data folder as the doctor tells it: room, stores, instrument file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from sos_actors.app.checks import data
from sos_actors.app.checks.data import check_data, folder_finding, instruments_finding
from sos_actors.app.checks.finding import Finding, Status
from sos_actors.app.filling import own_folder, simulated_folder
from sos_actors.config import Config
from sos_actors.errors import StoreLockedError
from sos_actors.store.database import MASTER, Store
from sos_actors.store.health import FileHealth
from sos_actors.types import UnixNanos
from tests.simulator.markets import moment
from tests.store.test_health import NIFTY, bars

NOW = UnixNanos(moment("2026-01-13 10:30"))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Data in a folder of the test."""
    default = Config.default()
    return replace(default, paths=replace(default.paths, data_dir=tmp_path / "data"))


def filled(folder: Path, origin: str = "real") -> Path:
    with Store.open(folder, origin="real" if origin == "real" else "simulated") as store:
        for day in ("2026-01-12", "2026-02-02"):
            store.add_candles(NIFTY, bars(day), "upstox")
    return folder


def stores(config: Config) -> list[Finding]:
    return [one for one in check_data(config, NOW) if one.name.endswith("store")]


def test_a_fresh_machine_has_no_store_and_that_is_fine(config: Config) -> None:
    folder, real, simulated, instruments = check_data(config, NOW)
    assert (folder.status, folder.text.split(" (")[1][:13]) == (Status.OK, "not made yet)")
    assert [one.status for one in (real, simulated, instruments)] == [Status.SKIPPED] * 3
    assert not config.paths.data_dir.exists()


def test_whole_stores_are_summed_up(config: Config) -> None:
    filled(config.paths.data_dir)
    filled(simulated_folder(config.paths.data_dir, config.simulation.seed), "simulated")
    filled(simulated_folder(config.paths.data_dir, 99), "simulated")
    found = stores(config)
    assert [(one.name, one.status) for one in found] == [
        ("real store", Status.OK), ("simulated store", Status.OK), ("simulated store", Status.OK),
    ]  # fmt: skip
    told = "2 months, 750 bars of 2 sessions from 2026-01-12 to 2026-02-02; every file is whole"
    assert found[0].text == f"{config.paths.data_dir}: {told}"


def test_what_a_simulator_gave_is_looked_at_where_it_lies_apart(config: Config) -> None:
    filled(config.paths.data_dir)
    attached = replace(config, upstox=replace(config.upstox, rest_url="http://127.0.0.1:8800"))
    assert [one.name for one in stores(attached)] == ["real store", "simulated store"]
    filled(own_folder(attached), "simulated")
    real, simulated, _ = stores(attached)
    assert (real.status, simulated.status) == (Status.OK, Status.OK)
    assert simulated.text.startswith(f"{config.paths.data_dir / 'simulated' / 'attached'}: ")


def test_a_torn_month_is_a_failure_where_it_is_used_and_a_warning_else(config: Config) -> None:
    for folder in (config.paths.data_dir, simulated_folder(config.paths.data_dir, 99)):
        filled(folder, "real" if folder == config.paths.data_dir else "simulated")
        (folder / "sos_timeseries_2026_01.db").write_bytes(b"torn" * 5000)
    real, own, other = stores(config)
    assert (real.status, own.status, other.status) == (Status.FAIL, Status.SKIPPED, Status.WARN)
    assert "sos_timeseries_2026_01.db is damaged" in real.text
    assert "sos ingest --force" in real.line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE properties SET value = 'simulated'", "holds simulated data where real data belongs"),
        ("INSERT INTO schema_version VALUES (99, 'new')", "A newer release wrote it"),
    ],
)
def test_a_foreign_store_is_a_failure(config: Config, change: str, said: str) -> None:
    filled(config.paths.data_dir)
    with sqlite3.connect(config.paths.data_dir / MASTER) as database:
        database.execute(change)
    database.close()
    real = stores(config)[0]
    assert real.status is Status.FAIL
    assert said in real.line


def test_an_older_schema_is_brought_up_to_date_by_itself() -> None:
    files = [FileHealth(Path("m"), version=1, newest=2, origin="real"), FileHealth(Path("s"), version=2, newest=2)]
    [finding] = data.store_findings(Path("d"), files, "real")
    assert finding.status is Status.OK
    assert finding.text == "d: 1 month; no time to check 2 of 2 files; 1 file of an older schema, brought up to date " \
        "when written"  # fmt: skip


def test_a_locked_file_is_a_warning() -> None:
    locked = FileHealth(Path("d/m.db"), StoreLockedError("d/m.db is locked: try again."))
    assert [one.status for one in data.store_findings(Path("d"), [locked], "real")] == [Status.WARN]


class Usage(NamedTuple):
    """As ``shutil.disk_usage`` gives it."""

    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("free", "status"), [(1_000_000, Status.FAIL), (500_000_000, Status.WARN), (5_000_000_000, Status.OK)]
)
def test_room_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: Status) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free, 0, free))
    assert folder_finding(tmp_path).status is status


def test_a_folder_that_cannot_be_written_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    finding = folder_finding(tmp_path)
    assert finding.status is Status.FAIL
    assert "Read-only file system" in finding.text
    assert "data_dir" in finding.advice


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    assert folder_finding(tmp_path).status is Status.OK
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Finding]:
    """The finding for an instrument file of three instruments that was fetched so many hours ago."""
    file = tmp_path / "instruments.json.gz"
    file.write_bytes(b"")
    monkeypatch.setattr(data, "upstox_master", lambda _: [1, 2, 3])

    def look(hours: float) -> Finding:
        fetched = int(NOW - hours * 3600e9)
        os.utime(file, ns=(fetched, fetched))
        return instruments_finding(file, NOW)

    return look


@pytest.mark.parametrize(
    ("hours", "status", "said"),
    [
        (2.0, Status.OK, "3 instruments, fetched 2 h 0 min ago"),
        (72.0, Status.OK, "3 instruments, fetched 3 days ago; renewed when the vendors are next asked"),
        (-5.0, Status.WARN, "is of the future"),
    ],
)
def test_the_age_of_the_instrument_file_is_told(
    listed: Callable[[float], Finding], hours: float, status: Status, said: str
) -> None:
    finding = listed(hours)
    assert finding.status is status
    assert finding.text.endswith(said)


def test_an_instrument_file_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "instruments.json.gz").write_bytes(b"<html>")
    finding = instruments_finding(tmp_path / "instruments.json.gz", NOW)
    assert finding.status is Status.FAIL
    assert "Delete" in finding.advice
