"""What comes from a simulator never lies where real data lies, whoever is logged in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.credentials import UpstoxLogin, write_login
from sos_actors.app.filling import open_filling, origin_of
from sos_actors.config import Config, Paths
from sos_actors.errors import StoreError
from sos_actors.store.database import Store
from sos_actors.types import Secret
from tests.app.ingest.sources import CALENDAR

DAYS = CALENDAR.sessions(CALENDAR.last, CALENDAR.last)


def at(url: str, section: str, key: str) -> Callable[[Config], Config]:
    return lambda config: replace(config, **{section: replace(getattr(config, section), **{key: url})})


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A machine whose user is logged in."""
    secrets = tmp_path / "credentials.json"
    write_login(UpstoxLogin(token=Secret("a-token")), secrets)
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
        at("http://127.0.0.1:8800", "upstox", "rest_url"),
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
    attached = at("http://127.0.0.1:8800", "upstox", "rest_url")(config)

    with pytest.raises(StoreError, match="real"), open_filling(attached, DAYS):
        pytest.fail("the folder was opened")
