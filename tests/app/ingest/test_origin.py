"""What comes from a simulator never lies where real data lies, whoever is logged in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.credentials import OWN_ACCOUNT, UpstoxLogin, account_of, forget, write_login
from sos_actors.app.filling import is_logged_in, open_filling, origin_of, own_folder
from sos_actors.config import Config, Paths
from sos_actors.store.database import Store
from sos_actors.types import Secret
from tests.app.ingest.sources import CALENDAR

DAYS = CALENDAR.sessions(CALENDAR.last, CALENDAR.last)
SIMULATOR = "http://127.0.0.1:8800"


def at(url: str, section: str, key: str) -> Callable[[Config], Config]:
    return lambda config: replace(config, **{section: replace(getattr(config, section), **{key: url})})


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A machine whose user is logged in."""
    secrets = tmp_path / "credentials.json"
    for account in (OWN_ACCOUNT, account_of(SIMULATOR)):
        write_login(account, UpstoxLogin(token=Secret("a-token")), secrets)
    monkeypatch.setenv("SOS_SECRETS", str(secrets))
    return replace(Config(), paths=Paths(data_dir=tmp_path / "data"))


def test_the_vendors_own_addresses_give_real_data(config: Config) -> None:
    assert origin_of(config) == "real"
    with open_filling(config, DAYS) as filling:
        assert not filling.simulated
        assert filling.headline == ""


@pytest.mark.parametrize(
    "simulated",
    [
        at(SIMULATOR, "upstox", "rest_url"),
        at("ws://localhost:8801/socket.io/websocket", "tradingview", "chart_url"),
        at("http://[::1]:8802", "nse", "url"),
        at("http://127.0.0.1:8803/phoenix/api", "trendlyne", "url"),
    ],
)
def test_one_vendor_on_this_machine_makes_it_simulated(config: Config, simulated: Callable[[Config], Config]) -> None:
    with open_filling(simulated(config), DAYS) as filling:
        assert filling.simulated
        assert filling.headline.startswith("SIMULATED DATA")


def test_a_folder_of_real_data_takes_nothing_from_a_simulator(config: Config) -> None:
    Store.open(config.paths.data_dir, origin="real").close()
    attached = at(SIMULATOR, "upstox", "rest_url")(config)

    with open_filling(attached, DAYS) as filling:
        assert filling.folder == own_folder(attached) == config.paths.data_dir / "simulated" / "attached"
    with Store.open(config.paths.data_dir, read_only=True) as real:
        assert real.origin == "real"


def test_a_login_counts_at_the_address_it_was_made_at(config: Config) -> None:
    attached = at(SIMULATOR, "upstox", "rest_url")(config)
    elsewhere = at("http://127.0.0.1:8801", "upstox", "rest_url")(config)
    assert (is_logged_in(config), is_logged_in(attached), is_logged_in(elsewhere)) == (True, True, False)
    forget(OWN_ACCOUNT)
    assert (is_logged_in(config), is_logged_in(attached)) == (False, True)
