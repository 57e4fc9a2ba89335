"""Upstox's rate limits: kept by the settings as they are shipped, and lived with where they are set too high."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from sos_actors.app.credentials import UpstoxLogin, account_of, write_login
from sos_actors.cli.main import main
from sos_actors.simulator.model_symbols import LISTED
from sos_actors.simulator.server import RunningSimulator, make_apps, running
from sos_actors.simulator.upstox.app import LIMITS
from sos_actors.simulator.upstox.limits import PER_API, Limits
from sos_actors.simulator.upstox.tokens import FIRST_TOKEN
from sos_actors.simulator.world import World
from sos_actors.store.database import Store
from sos_actors.types import Secret
from tests.cli.processes import Home, Settings, new_home
from tests.simulator.markets import moment, small_world

DAY = date(2026, 1, 28)
SHARES = [listed.short_name for listed in LISTED if listed.symbol.startswith("NSE|EQ|")][:30]
FEW_A_SECOND = ((10, 1.0),)


@contextmanager
def serving(world: World, limits: tuple[tuple[int, float], ...]) -> Iterator[RunningSimulator]:
    """The simulated vendors with an Upstox that allows so much."""

    def apps() -> dict[str, object]:
        made = make_apps(world)
        made["upstox"][LIMITS] = Limits(per_api=limits)
        return made  # type: ignore[return-value]

    with running(world, apps=apps) as served:  # type: ignore[arg-type]
        yield served


def ingest(
    home_of: Path, served: RunningSimulator, settings: Settings, symbols: list[str], patch: pytest.MonkeyPatch
) -> tuple[Home, int]:
    """A machine that is logged in, after one ingest, and how that ended."""
    home = new_home(home_of, settings, served.addresses)
    account = account_of(served.addresses["upstox"])
    write_login(account, UpstoxLogin(token=Secret(FIRST_TOKEN), user="SIM001"), home.secrets)
    patch.setenv("SOS_SECRETS", str(home.secrets))
    for module in ("app.filling", "cli.ingest"):
        patch.setattr(f"sos_actors.{module}.wall_time", lambda: moment("2026-01-28 20:00"))
    chosen = [word for symbol in symbols for word in ("--symbol", symbol)]
    return home, main([*home.config, "ingest", "--from-date", str(DAY), "--to-date", str(DAY), *chosen])


def statuses(served: RunningSimulator) -> list[int]:
    return [asked.status for asked in served.call(served.world.requests.last)]


def test_as_shipped_an_ingest_of_hundreds_of_requests_is_never_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(small_world("2026-01-28 20:00"), PER_API) as served:
        _, ended = ingest(tmp_path, served, {}, ["NIFTY"], monkeypatch)
        seen = statuses(served)
    assert ended == 0
    assert len(seen) > 200
    assert set(seen) == {200}


def test_settings_below_the_limits_are_never_refused_even_where_the_machine_is_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"upstox": {"requests_per_second": 8}, "ingest": {"parallel": 2}}
    with serving(small_world("2026-01-28 20:00"), FEW_A_SECOND) as served:
        _, ended = ingest(tmp_path, served, settings, SHARES, monkeypatch)
        seen = statuses(served)
    assert ended == 0
    assert set(seen) == {200}


def test_settings_above_the_limits_are_slowed_down_by_refusals_and_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"upstox": {"requests_per_second": 1000}, "ingest": {"parallel": 4}}
    with serving(small_world("2026-01-28 20:00"), FEW_A_SECOND) as served:
        home, ended = ingest(tmp_path, served, settings, SHARES, monkeypatch)
        seen = statuses(served)
    assert ended == 0
    assert set(seen) == {200, 429}
    assert seen.count(429) < len(SHARES)
    with Store.open(home.data / "simulated" / "attached", read_only=True) as store:
        for name in SHARES:
            assert store.candle_days(f"NSE|EQ|{name}") == {DAY: 375}
            assert store.candle_sources(f"NSE|EQ|{name}", 0, moment("2026-01-28 20:00")) == {"upstox": 375}
