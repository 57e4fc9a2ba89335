"""The file of secrets: who may read it, what becomes of it when something breaks, and that nothing quotes it."""

from __future__ import annotations

import json
import os
import stat
import traceback
from pathlib import Path

import pytest

from sos_actors.app import credentials
from sos_actors.app.credentials import (
    OWN_ACCOUNT,
    UpstoxLogin,
    account_of,
    credentials_path,
    forget,
    read_login,
    write_login,
)
from sos_actors.errors import ConfigError
from sos_actors.types import Secret

PLANTED = "planted-token-90210"
LOGIN = UpstoxLogin(Secret(PLANTED), 1_768_341_600_000_000_000, "AB1", "my-key", Secret("my-secret"), "http://127.0.0.1/")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "sos" / "credentials.json"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def told(login: UpstoxLogin) -> tuple[str, int, str, str, str, str]:
    hush = login.api_secret.reveal()
    return login.token.reveal(), login.expires, login.user, login.api_key, hush, login.redirect_url


def test_what_was_written_is_read_again(file: Path) -> None:
    assert write_login(OWN_ACCOUNT, LOGIN, file) == file
    assert told(read_login(OWN_ACCOUNT, file)) == told(LOGIN)
    assert PLANTED not in repr(read_login(OWN_ACCOUNT, file))


def test_only_the_owner_can_read_file_and_folder(file: Path) -> None:
    before = os.umask(0)
    try:
        write_login(OWN_ACCOUNT, LOGIN, file)
    finally:
        os.umask(before)
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)


def test_nothing_is_known_without_a_file(file: Path) -> None:
    assert read_login(OWN_ACCOUNT, file) == UpstoxLogin()
    assert not read_login(OWN_ACCOUNT, file).is_valid(0)


@pytest.mark.parametrize("readable", [0o640, 0o604, 0o660, 0o611])
def test_a_file_others_can_read_is_refused_with_what_to_type(file: Path, readable: int) -> None:
    write_login(OWN_ACCOUNT, LOGIN, file)
    file.chmod(readable)
    with pytest.raises(ConfigError, match=f"can be read by others. Run: chmod 600 {file}"):
        read_login(OWN_ACCOUNT, file)


def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_login(OWN_ACCOUNT, LOGIN, file)
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read_login(OWN_ACCOUNT, file)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b'"' + PLANTED.encode(), b'{"upstox": null}', b'{"upstox": []}', b"5",
        b'{"upstox": {"token": 5}}', b'{"upstox": {"expires": "soon"}}', b'{"upstox": {"expires": Infinity}}',
        b'{"upstox": {"expires": -1}}', b'{"upstox": {"expires": true}}', b'{"upstox": {"token": null}}',
        b"\xff\xfe\x00", b"[" * 100_000, json.dumps({"upstox": {"token": PLANTED, "expires": 1 << 70}}).encode(),
    ],
    ids=range(16),
)  # fmt: skip
def test_a_damaged_file_is_named_and_not_quoted(file: Path, content: bytes) -> None:
    write_login(OWN_ACCOUNT, LOGIN, file)
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"{file} is damaged. Run 'sos login --forget'") as caught:
        read_login(OWN_ACCOUNT, file)
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


def test_what_a_newer_program_wrote_beside_ours_is_no_damage(file: Path) -> None:
    write_login(OWN_ACCOUNT, LOGIN, file)
    file.write_text(json.dumps({"upstox": {"token": "t", "more": 1}, "other": {}}), encoding="utf-8")
    assert read_login(OWN_ACCOUNT, file).token.reveal() == "t"


def test_a_folder_or_a_pipe_in_its_place_is_named_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match="pipe is not a file"):
        read_login(OWN_ACCOUNT, tmp_path / "pipe")
    with pytest.raises(ConfigError, match="Is a directory"):
        read_login(OWN_ACCOUNT, tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"Cannot write .*credentials.json: ") as caught:
        write_login(OWN_ACCOUNT, LOGIN, tmp_path / "plain" / "sos" / "credentials.json")
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("breaks", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_breaks_before_the_end_leaves_the_old_file_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch, breaks: str, error: BaseException
) -> None:
    write_login(OWN_ACCOUNT, LOGIN, file)

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, breaks, broken)
    with pytest.raises((ConfigError, KeyboardInterrupt)):
        write_login(OWN_ACCOUNT, UpstoxLogin(Secret("newer")), file)
    monkeypatch.undo()
    assert read_login(OWN_ACCOUNT, file).token.reveal() == PLANTED
    assert list(file.parent.iterdir()) == [file]


def test_what_a_killed_login_left_is_cleared_away_by_the_next_one_or_forgotten(file: Path) -> None:
    write_login(OWN_ACCOUNT, LOGIN, file)
    old, young = (file.with_name(f"{credentials._UNFINISHED}{name}") for name in ("old", "young"))
    for left in (old, young):
        left.write_text(PLANTED, encoding="utf-8")
    os.utime(old, (0, 0))
    write_login(OWN_ACCOUNT, LOGIN, file)
    assert (old.exists(), young.exists()) == (False, True)
    assert forget(OWN_ACCOUNT, file)
    assert list(file.parent.iterdir()) == []
    assert not forget(OWN_ACCOUNT, file)


def test_a_link_to_the_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    file.parent.mkdir(parents=True)
    file.symlink_to(tmp_path / "vault" / "login.json")
    write_login(OWN_ACCOUNT, LOGIN, file)
    assert file.is_symlink()
    assert mode(tmp_path / "vault" / "login.json") == 0o600
    assert read_login(OWN_ACCOUNT, file).token.reveal() == PLANTED


def test_a_file_that_cannot_be_deleted_is_told(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").mkdir()
    with pytest.raises(ConfigError, match="Cannot delete"):
        forget(OWN_ACCOUNT, tmp_path / "credentials.json")


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"SOS_SECRETS": "/srv/login.json", "XDG_CONFIG_HOME": "/etc/xdg"}, "/srv/login.json"),
        ({"SOS_SECRETS": "", "XDG_CONFIG_HOME": "/etc/xdg"}, "/etc/xdg/sos/credentials.json"),
        ({"SOS_SECRETS": "~/mine.json", "HOME": "/home/me"}, "/home/me/mine.json"),
        ({"SOS_SECRETS": "", "XDG_CONFIG_HOME": "", "HOME": "/home/me"}, "/home/me/.config/sos/credentials.json"),
    ],
)
def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], path: str) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert credentials_path() == Path(path)


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOS_SECRETS", "~nobody-of-that-name/login.json")
    with pytest.raises(ConfigError, match="Set SOS_SECRETS"):
        read_login(OWN_ACCOUNT)


def test_a_token_counts_until_its_end_and_one_without_an_end_always() -> None:
    assert LOGIN.is_valid(LOGIN.expires - 1)
    assert not LOGIN.is_valid(LOGIN.expires)
    assert UpstoxLogin(Secret("t")).is_valid(1 << 62)
    assert not UpstoxLogin(expires=LOGIN.expires).is_valid(0)


SIMULATED = "upstox at 127.0.0.1:8800"


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("https://api.upstox.com", OWN_ACCOUNT),
        ("https://API.upstox.com:443/", OWN_ACCOUNT),
        ("http://127.0.0.1:8800", SIMULATED),
        ("http://[::1]:8800/", "upstox at [::1]:8800"),
        ("https://evil.example.com", "upstox at evil.example.com:443"),
        ("http://api.upstox.com", "upstox at api.upstox.com:80"),
        ("https://api.upstox.com:8443", "upstox at api.upstox.com:8443"),
        ("https://api.upstox.com.evil.example.com", "upstox at api.upstox.com.evil.example.com:443"),
    ],
)
def test_an_account_is_that_of_an_address(url: str, account: str) -> None:
    assert account_of(url) == account


def test_a_login_at_one_address_is_none_at_another(file: Path) -> None:
    write_login(SIMULATED, LOGIN, file)
    assert read_login(OWN_ACCOUNT, file) == UpstoxLogin()
    assert told(read_login(SIMULATED, file)) == told(LOGIN)


def test_a_login_is_written_and_forgotten_beside_the_others(file: Path) -> None:
    write_login(OWN_ACCOUNT, LOGIN, file)
    write_login(SIMULATED, UpstoxLogin(Secret("invented")), file)
    assert told(read_login(OWN_ACCOUNT, file)) == told(LOGIN)
    assert forget(SIMULATED, file)
    assert not forget(SIMULATED, file)
    assert "invented" not in file.read_text(encoding="utf-8")
    assert told(read_login(OWN_ACCOUNT, file)) == told(LOGIN)
    assert mode(file) == 0o600
    assert forget(OWN_ACCOUNT, file)
    assert not file.exists()


def test_what_is_damaged_of_one_address_leaves_the_others_alone(file: Path) -> None:
    write_login(OWN_ACCOUNT, LOGIN, file)
    stored = json.loads(file.read_text(encoding="utf-8")) | {SIMULATED: None}
    file.write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(ConfigError, match="is damaged"):
        read_login(SIMULATED, file)
    assert forget(SIMULATED, file)
    assert told(read_login(OWN_ACCOUNT, file)) == told(LOGIN)
