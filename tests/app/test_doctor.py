"""The doctor on simulated vendors that are well, and on some that are not."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sos_actors.app.addresses import strange_addresses
from sos_actors.app.checks.finding import Status
from sos_actors.app.checks.vendors import VendorChecks
from sos_actors.app.doctor import Doctor
from sos_actors.config import Config, is_loopback
from sos_actors.errors import ConfigError
from sos_actors.market.calendar import Calendar
from sos_actors.runtime.clock import wall_time
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.server import RunningSimulator
from sos_actors.types import NANOS_PER_SECOND
from tests.app.examined import NOW, Examined, Machine, faulty, one_good_strategy, simulated_vendors
from tests.loopback import free_port

PLANTED = "planted-token-6006"
KINDS: dict[str, dict[str, Any]] = {
    "status 401": {"kind": FaultKind.STATUS, "status": 401}, "status 503": {"kind": FaultKind.STATUS, "status": 503},
    "html": {"kind": FaultKind.HTML}, "empty": {"kind": FaultKind.EMPTY}, "wrong json": {"kind": FaultKind.WRONG_JSON},
    "drop": {"kind": FaultKind.DROP},
}  # fmt: skip


@pytest.fixture(scope="module")
def vendors() -> Iterator[RunningSimulator]:
    """All four, asked once without haste: their first answers take seconds to make up."""
    with simulated_vendors() as simulator:
        patient = {name: {"timeout_s": 60.0} for name in ("tradingview", "nse", "trendlyne")}
        config = Machine(Path("/nowhere"), simulator, patient).config
        for examination in VendorChecks(config, Calendar.default(), lambda: NOW).examinations():
            assert [one.status for one in examination.run()] == [Status.OK]
        yield simulator


@pytest.fixture
def machine(tmp_path: Path, vendors: RunningSimulator, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Logged in; nothing is wrong."""
    machine = Machine(tmp_path, vendors)
    machine.log_in(monkeypatch)
    return machine


def test_everything_is_well(machine: Machine) -> None:
    seen = machine.examined()
    assert (seen.named(Status.WARN), seen.named(Status.FAIL)) == ([], [])
    assert seen.line == "GO"
    assert seen.doctor.verdict().go
    assert [one.group for one in seen.found] == sorted(
        [one.group for one in seen.found],
        key=["program", "settings", "data", "calendar", "login", "vendors", "orders", "trading"].index,
    )
    assert seen["profile"].text.startswith("the token works: SIM001, NSE NFO")
    assert seen["token"].text == "SIM001; the token ends 14 Jan 2026 03:30 IST, in 17 h 0 min"
    assert "10,00,000.00 INR available" in seen["funds"].text
    assert "orders from any other address are refused" in seen["static ip"].text
    assert "can be traded" in seen["kill switch"].text
    assert seen["market"].text == "derivatives: normal open since 13 Jan 2026 09:15 IST"
    assert "candles of NIFTY on 2026-01-13" in seen["tradingview chart"].text
    assert seen["real money"].text == '[trading] mode = "paper": no order can be real'
    assert machine.examined(offline=True)["run"].text == "nothing runs"


def test_a_fresh_machine_can_run_the_simulated_market(tmp_path: Path, vendors: RunningSimulator) -> None:
    seen = Machine(tmp_path, vendors).examined()
    verdict = seen.doctor.verdict()
    assert (verdict.go, verdict.simulated_market, verdict.real_vendors) == (True, True, False)
    assert verdict.line == "GO for the simulated market; NO-GO for Upstox: nobody is logged in, run 'sos login'"
    assert {"token", "profile", "upstox feed", "account"} <= set(seen.named(Status.SKIPPED))
    assert seen["upstox"].status is Status.OK


def test_a_fresh_machine_without_a_network_too(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    settings = {
        "upstox": {"rest_url": nobody, "order_url": nobody}, "nse": {"url": nobody}, "trendlyne": {"url": nobody},
        "tradingview": {"scanner_url": nobody, "chart_url": nobody.replace("http", "ws")},
    }  # fmt: skip
    seen = Machine(tmp_path, None, settings).examined()
    assert seen.named(Status.FAIL) == []
    assert "connection was refused" in seen["upstox"].text
    assert seen["nse"].advice == "Only a login needs it."
    assert seen.doctor.verdict().go


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("vendor", "names", "stands_in"),
    [
        ("nse", ["nse"], "In its place: chain from trendlyne, breadth from tradingview scan."),
        ("trendlyne", ["trendlyne"], "In its place: chain from nse."),
        ("tradingview", ["tradingview scan"], "In its place: breadth from nse."),
    ],
)
def test_a_vendor_others_stand_in_for_is_a_warning(
    machine: Machine, vendors: RunningSimulator, vendor: str, names: list[str], stands_in: str, kind: str
) -> None:
    with faulty(vendors, Fault(vendor, path="/*", **KINDS[kind])):
        seen = machine.examined()
    assert seen.named(Status.FAIL) == []
    assert set(names) <= set(seen.named(Status.WARN))
    assert seen[names[0]].advice == stands_in
    assert seen.line.startswith("GO, with ")


@pytest.mark.parametrize("kind", [*KINDS, "refuse"])
def test_nothing_goes_without_upstox(machine: Machine, vendors: RunningSimulator, kind: str) -> None:
    fault = KINDS.get(kind, {"kind": FaultKind.REFUSE})
    with faulty(vendors, Fault("upstox", **fault)):
        seen = machine.examined()
    verdict = seen.doctor.verdict()
    assert seen["upstox"].status is Status.FAIL
    assert (verdict.go, verdict.simulated_market, verdict.real_vendors) == (False, True, False)
    assert verdict.line.startswith("NO-GO for the real vendors: upstox: ")
    assert verdict.line.endswith("GO for the simulated market, with --simulated")


def test_a_purpose_nobody_serves_is_a_failure(machine: Machine, vendors: RunningSimulator) -> None:
    down = KINDS["status 503"]
    with faulty(vendors, Fault("nse", **down), Fault("tradingview", path="/india/*", **down)):
        seen = machine.examined()
    assert seen.named(Status.FAIL) == ["tradingview scan", "nse"]
    assert "NO-GO" in seen.line


def test_a_vendor_nobody_trusts_is_not_missed(machine: Machine, vendors: RunningSimulator) -> None:
    machine.settings["trust"] = {"chain": ("nse",)}
    with faulty(vendors, Fault("trendlyne", FaultKind.DROP)):
        seen = machine.examined()
    assert seen["trendlyne"].status is Status.WARN
    assert seen["trendlyne"].advice == "Nothing in [trust] asks it."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token": PLANTED}, "the token is missing, wrong or expired"),
        ({"token": "tökén"}, "holds characters no token has"),
        ({"expires": NOW - 3600 * NANOS_PER_SECOND}, "the token ended 13 Jan 2026 09:30 IST, 60 min ago"),
    ],
)
def test_a_login_that_does_not_work_is_a_no_go(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    machine.log_in(monkeypatch, **change)
    seen = machine.examined()
    assert said in seen.line
    assert not seen.doctor.verdict().go
    assert seen.doctor.verdict().simulated_market


def test_a_token_that_ends_during_the_session_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.log_in(monkeypatch, expires=NOW + 3600 * NANOS_PER_SECOND)
    seen = machine.examined()
    assert seen["token"].status is Status.WARN
    assert seen["token"].text.endswith("in 60 min, before today's session does")
    machine.log_in(monkeypatch, expires=0)
    assert "when the token ends is not known" in machine.examined()["token"].text


def test_a_token_upstox_has_ended_is_a_no_go(machine: Machine, vendors: RunningSimulator) -> None:
    with faulty(vendors, Fault("upstox", FaultKind.TOKEN_EXPIRED)):
        seen = machine.examined()
    assert "profile: " in seen.line
    assert "Run 'sos login'" in seen.line


def test_a_file_of_secrets_others_can_read_stops_everything(machine: Machine) -> None:
    (machine.folder / "credentials.json").chmod(0o644)
    seen = machine.examined()
    assert "chmod 600" in seen.line
    assert not seen.doctor.verdict().simulated_market


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v2/user/ip", "static ip"), ("/v2/user/kill-switch", "kill switch"), ("*/get-funds-and-margin", "funds"),
        ("/v3/feed/market-data-feed/authorize", "upstox feed"), ("/v2/market/status/*", "market"),
    ],
)  # fmt: skip
def test_what_only_orders_would_need_is_a_warning(
    machine: Machine, vendors: RunningSimulator, path: str, name: str
) -> None:
    with faulty(vendors, Fault("upstox", FaultKind.HTML, path=path)):
        seen = machine.examined()
    assert seen.named(Status.WARN) == [name]
    assert seen.line == "GO, with 1 warning"


@pytest.mark.parametrize(
    ("ahead_s", "status"), [(0, Status.OK), (5, Status.WARN), (-5, Status.WARN), (-60, Status.FAIL)]
)
def test_a_clock_that_is_off_is_told(machine: Machine, vendors: RunningSimulator, ahead_s: int, status: Status) -> None:
    with faulty(vendors, Fault("upstox", FaultKind.CLOCK_SKEW, seconds=float(-ahead_s))):
        seen = machine.examined()
    assert seen["clock"].status is status
    assert ("behind" in seen["clock"].text) == (ahead_s < 0)
    assert seen.doctor.verdict().go == (status is not Status.FAIL)


def test_a_mute_vendor_is_waited_for_no_longer_than_allowed(machine: Machine, vendors: RunningSimulator) -> None:
    machine.settings["upstox"] = {"read_timeout_s": 30.0}
    machine.settings["nse"] = {"timeout_s": 0.2}
    begun = time.monotonic()
    with faulty(vendors, Fault("upstox", FaultKind.MUTE, path="/v2/user/profile"), Fault("nse", FaultKind.MUTE)):
        seen = machine.examined(vendors_s=2.0)
    assert time.monotonic() - begun < 12.0
    assert "not all was answered within 2 s" in seen.line
    assert "did not answer in time" in seen["nse"].text


def test_offline_nobody_is_asked(machine: Machine, vendors: RunningSimulator) -> None:
    before = vendors.call(vendors.world.requests.total)
    seen = machine.examined(offline=True)
    assert vendors.call(vendors.world.requests.total) == before
    assert seen["vendors"].text == "--offline: nobody was asked"
    assert seen.line == "GO, as far as can be told offline: nobody was asked"
    assert seen.doctor.verdict().real_vendors is None


def test_simulated_vendors_are_called_that(machine: Machine, tmp_path: Path) -> None:
    seen = machine.examined(is_simulated=is_loopback)
    assert seen["addresses"].text == "SIMULATED: all vendors"
    assert seen.line == "GO, with 1 warning. SIMULATED: all vendors"
    assert f"kept apart, in {tmp_path / 'data' / 'simulated' / 'attached'}" in seen["addresses"].advice
    assert seen["upstox"].text.startswith("SIMULATED at 127.0.0.1:")
    assert seen["clock"].status is Status.SKIPPED
    machine.settings["nse"] = {"url": "https://nse.invalid"}
    machine.settings["trendlyne"] = {"url": "https://trendlyne.invalid"}
    mixed = machine.examined(is_simulated=is_loopback, offline=True)["addresses"].text
    assert mixed.startswith("SIMULATED: upstox, upstox orders, upstox instruments, tradingview scan")
    assert "nse" not in mixed


def test_an_address_of_a_stranger_is_a_warning_with_its_host(tmp_path: Path) -> None:
    machine = Machine(tmp_path, None, {"upstox": {"rest_url": "https://evil.example.com/?secret"}})
    seen = machine.examined(is_simulated=is_loopback, offline=True)
    told = "upstox: evil.example.com is not Upstox's own address; the token would be sent there"
    assert (seen["address"].status, seen["address"].text) == (Status.WARN, told)
    assert seen["addresses"].text == "none is simulated"
    assert strange_addresses(Config()) == []
    machine.settings = {"nse": {"url": "https://www.nseindia.com.example.com"}}
    assert strange_addresses(machine.config) == ["nse: www.nseindia.com.example.com is not NSE's own address"]


def test_addresses_that_contradict_each_other_are_told(machine: Machine) -> None:
    machine.settings["upstox"] = {"order_url": "https://api-hft.upstox.com"}
    seen = machine.examined()
    assert "contradict each other" in seen["upstox"].text
    assert not seen.doctor.verdict().go


def test_a_configuration_that_cannot_be_read_ends_it(tmp_path: Path) -> None:
    doctor = Doctor(ConfigError("sos.toml:3: unknown key."), tmp_path / "sos.toml", one_good_strategy, clock=wall_time)
    seen = Examined(doctor, list(doctor.findings()))
    assert seen.named(Status.FAIL) == ["configuration"]
    assert seen.line == "NO-GO: configuration: sos.toml:3: unknown key"
    assert not seen.doctor.verdict().simulated_market


def test_no_secret_is_told(
    machine: Machine, vendors: RunningSimulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    machine.log_in(monkeypatch, PLANTED)
    told = ""
    for kind in KINDS.values():
        with faulty(vendors, Fault("upstox", path="/v2/user/*", **kind)):
            seen = machine.examined()
        told += repr(seen.found) + repr(seen.doctor) + seen.line
    assert PLANTED not in told + caplog.text
    assert "profile" in told
