"""A doctor who looks at simulated vendors as if they were the real ones, at half past ten on 13 January 2026."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sos_actors.app.checks.finding import Finding, Status
from sos_actors.app.credentials import UpstoxLogin, account_of, write_login
from sos_actors.app.doctor import Doctor
from sos_actors.app.simulated import config_for
from sos_actors.app.strategy_files import validate_paths
from sos_actors.config import Config
from sos_actors.simulator.faults import VENDORS, Fault
from sos_actors.simulator.server import RunningSimulator, make_apps, running
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN
from sos_actors.strategy.load import LoadedStrategy
from sos_actors.types import NANOS_PER_SECOND, Secret, UnixNanos
from tests.simulator.markets import moment, small_world

NOW = UnixNanos(moment("2026-01-13 10:30"))
TOMORROW = moment("2026-01-14 03:30")


@contextmanager
def simulated_vendors(vendors: Sequence[str] = VENDORS) -> Iterator[RunningSimulator]:
    """Their web servers tell the simulated time, as a real one tells the real time."""
    world = small_world("2026-01-13 10:30", rate_limits=False)

    def apps() -> Mapping[str, web.Application]:
        made = make_apps(world, vendors)
        for vendor, app in made.items():

            async def tell(_: web.Request, response: web.StreamResponse, vendor: str = vendor) -> None:
                response.headers["Date"] = formatdate(world.now(vendor) / NANOS_PER_SECOND, usegmt=True)

            app.on_response_prepare.append(tell)
        return made

    with running(world, vendors, apps=apps) as simulator:
        yield simulator


@contextmanager
def faulty(simulator: RunningSimulator, *faults: Fault) -> Iterator[None]:
    """Faults for as long as inside; none is left afterwards."""
    simulator.call(lambda: [simulator.world.faults.add(fault, NOW) for fault in faults])
    try:
        yield
    finally:
        simulator.call(simulator.world.faults.clear)


@dataclass(slots=True)
class Machine:
    """What a doctor is shown: settings, a login, simulated vendors."""

    folder: Path
    simulator: RunningSimulator | None = None
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    doctor: dict[str, Any] = field(default_factory=dict)

    def log_in(self, monkeypatch: pytest.MonkeyPatch, token: str = FIRST_TOKEN, expires: int = TOMORROW) -> None:
        """Have logged in this morning."""
        file = self.folder / "credentials.json"
        write_login(account_of(self.config.upstox.rest_url), UpstoxLogin(Secret(token), expires, "SIM001"), file)
        monkeypatch.setenv("SOS_SECRETS", str(file))

    @property
    def config(self) -> Config:
        """A data folder of the test, and the settings it changes."""
        config = Config.default()
        if self.simulator is not None:
            config = config_for(config, self.simulator.addresses)
        changes: dict[str, dict[str, Any]] = {
            "paths": {"data_dir": self.folder / "data"},
            "upstox": {"read_timeout_s": 3.0, "connect_timeout_s": 3.0},
            "tradingview": {"timeout_s": 3.0},
            "nse": {"timeout_s": 3.0},
            "trendlyne": {"timeout_s": 3.0},
            "bridge": {"port": 0},
        }
        for name, keys in self.settings.items():
            changes[name] = changes.get(name, {}) | keys
        return replace(config, **{name: replace(getattr(config, name), **keys) for name, keys in changes.items()})

    def examined(self, **changes: Any) -> Examined:
        """One look."""
        wanted = {"clock": lambda: NOW, "is_simulated": lambda _: False, "vendors_s": 20.0, **self.doctor, **changes}
        doctor = Doctor(self.config, None, one_good_strategy, **wanted)
        return Examined(doctor, list(doctor.findings()))


@dataclass(frozen=True, slots=True)
class Examined:
    """What a doctor found."""

    doctor: Doctor
    found: list[Finding]

    def __getitem__(self, name: str) -> Finding:
        """The one finding of a name."""
        [finding] = [one for one in self.found if one.name == name]
        return finding

    def named(self, status: Status) -> list[str]:
        """The names of what is so."""
        return [one.name for one in self.found if one.status is status]

    @property
    def line(self) -> str:
        """GO or NO-GO."""
        return self.doctor.verdict().line


def one_good_strategy(_: Sequence[Path]) -> Sequence[LoadedStrategy]:
    folder = Path(__file__).resolve().parents[2] / "strategies"
    return validate_paths([sorted(folder.glob("*.json"))[0]]).files
