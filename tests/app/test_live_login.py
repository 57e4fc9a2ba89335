"""A login that is made while the system runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sos_actors.app.credentials import UpstoxLogin, account_of, credentials_path, write_login
from sos_actors.app.live_login import LOGIN, LoginWatch
from sos_actors.config import Upstox
from sos_actors.runtime.trading_gate import Rung, TradingGate
from sos_actors.types import Secret, UnixNanos
from sos_actors.vendors.upstox.connection import UpstoxConnection

URL = "http://127.0.0.1:9"
NOW = UnixNanos(1_768_274_400_000_000_000)


@dataclass(slots=True)
class Watched:
    """A watch and all it can change."""

    watch: LoginWatch
    connection: UpstoxConnection
    gate: TradingGate
    told: list[str] = field(default_factory=list)

    def log_in(self, token: str, expires: int = 0, url: str = URL) -> None:
        write_login(account_of(url), UpstoxLogin(Secret(token), expires))

    @property
    def used(self) -> str:
        return str(self.connection._configuration.access_token)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setenv("SOS_SECRETS", str(tmp_path / "secrets.json"))
    write_login(account_of(URL), UpstoxLogin(Secret("old-token")))
    gate, told = TradingGate(lambda _: None, lambda: NOW), list[str]()
    with UpstoxConnection(Upstox(rest_url=URL, order_url=URL), Secret("old-token")) as connection:
        watch = LoginWatch(
            connection, Secret("old-token"), gate, lambda token: told.append(token.reveal()), lambda: NOW
        )  # fmt: skip
        yield Watched(watch, connection, gate, told)


def test_a_new_token_is_given_to_everybody_once(watched: Watched) -> None:
    watched.watch.look()
    assert watched.told == []
    watched.log_in("new-token")
    watched.watch.look()
    watched.watch.look()
    assert watched.told == ["new-token"]
    assert watched.used == "new-token"


@pytest.mark.parametrize(
    ("token", "expires", "url"),
    [("old-token", 0, URL), ("new-token", NOW - 1, URL), ("new-token", 0, "http://127.0.0.1:10"), ("", 0, URL)],
)
def test_a_file_that_has_no_new_token_of_this_account_changes_nothing(
    watched: Watched, token: str, expires: int, url: str
) -> None:
    watched.log_in(token, expires, url)
    watched.watch.look()
    assert watched.told == []
    assert watched.used == "old-token"


def test_a_token_that_can_be_none_and_a_damaged_file_change_nothing(watched: Watched) -> None:
    watched.log_in("no token\n")
    watched.watch.look()
    credentials_path().write_text("{")
    watched.watch.look()
    assert watched.told == []
    assert watched.used == "old-token"


def test_while_the_token_is_refused_only_exits_are_tried_and_the_trader_is_told_what_to_do(watched: Watched) -> None:
    watched.connection.is_token_refused = True
    watched.watch.look()
    (hold,) = watched.gate.reasons()
    assert (hold.key, hold.rung) == (LOGIN, Rung.EXITS_ONLY)
    assert "sos login" in hold.reason
    assert "old-token" not in hold.reason
    watched.log_in("new-token")
    watched.watch.look()
    assert watched.gate.reasons() == []


def test_a_login_that_is_forgotten_and_made_again_is_seen(watched: Watched) -> None:
    credentials_path().unlink()
    watched.watch.look()
    watched.log_in("new-token")
    watched.watch.look()
    assert watched.told == ["new-token"]
