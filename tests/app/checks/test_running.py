"""What the doctor says of the machine `sos live` would run on, and of the runs there are."""

from __future__ import annotations

import os
import resource
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.checks.finding import Finding, Status
from sos_actors.app.checks.running import (
    check_running,
    clock_source_finding,
    cores_finding,
    files_finding,
    port_finding,
    run_finding,
)
from sos_actors.app.kill_switch import request_flat
from sos_actors.app.run_lock import Holder, RunLock
from sos_actors.config import Config
from sos_actors.config.running import Bridge
from sos_actors.types import UnixNanos

HOLDER = Holder(4711, "a1b2", UnixNanos(1))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    default = Config.default()
    paths = replace(default.paths, data_dir=tmp_path / "data")
    return replace(default, paths=paths, bridge=replace(default.bridge, port=0))


def run_of(config: Config) -> Finding:
    return next(one for one in check_running(config) if one.name == "run")


@pytest.mark.parametrize(
    ("cores", "wait", "status"),
    [(2, "block", Status.OK), (1, "block", Status.WARN), (2, "spin", Status.WARN), (4, "spin", Status.OK)],
)
def test_a_dispatcher_that_never_sleeps_needs_a_core_to_spare(cores: int, wait: str, status: Status) -> None:
    assert cores_finding(cores, wait).status is status


@pytest.mark.parametrize(
    ("limit", "status", "told"),
    [
        (1024, Status.OK, "1,024 open files allowed"),
        (64, Status.WARN, "64 open files allowed"),
        (resource.RLIM_INFINITY, Status.OK, "any number of open files"),
    ],
)
def test_few_open_files_are_a_warning(limit: int, status: Status, told: str) -> None:
    finding = files_finding(limit)
    assert (finding.status, finding.text) == (status, told)


@pytest.mark.parametrize(("name", "status"), [("tsc\n", Status.OK), ("hpet\n", Status.WARN)])
def test_a_slow_clock_is_a_warning(tmp_path: Path, name: str, status: Status) -> None:
    (tmp_path / "source").write_text(name)
    assert clock_source_finding(tmp_path / "source").status is status
    assert clock_source_finding(tmp_path / "none").status is Status.SKIPPED


def test_on_a_fresh_machine_nothing_runs_and_nothing_is_made(config: Config) -> None:
    found = list(check_running(config))
    assert [one.name for one in found] == ["cores", "open files", "clock source", "run", "bridge"]
    assert (found[3].status, found[3].text) == (Status.OK, "nothing runs")
    assert (found[4].status, found[4].text) == (Status.OK, "any free port")
    assert not config.paths.data_dir.exists()


def test_a_run_that_is_under_way_is_told_of(config: Config) -> None:
    with RunLock.take(config.paths.data_dir, Holder(os.getpid(), "a1b2", UnixNanos(1))):
        found = {one.name: one for one in check_running(config)}
    assert found["run"].text == f"run a1b2 is under way, pid {os.getpid()}"
    assert found["bridge"].status is Status.SKIPPED
    assert run_of(config).text == "nothing runs"


def test_a_run_that_was_killed_and_a_request_to_be_flat_are_warnings(config: Config) -> None:
    killed = run_finding(None, HOLDER, None)
    assert (killed.status, killed.text) == (Status.WARN, "nothing runs; run a1b2 (pid 4711) did not end in order")
    request_flat(config.paths.data_dir, "sos stop --flat")
    asked = run_of(config)
    assert (asked.status, asked.text) == (Status.WARN, "nothing runs; everything is to be closed (sos stop --flat)")


def test_a_port_that_somebody_has_is_a_warning() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = Bridge(port=other.getsockname()[1])
        taken = port_finding(settings, None)
        assert (taken.status, "Address already in use" in taken.text) == (Status.WARN, True)
        assert port_finding(settings, HOLDER).status is Status.SKIPPED
    assert port_finding(settings, None).status is Status.OK
    assert port_finding(replace(settings, enabled=False), None).status is Status.SKIPPED
    assert port_finding(replace(settings, host="no.such.host.invalid"), None).status is Status.WARN
