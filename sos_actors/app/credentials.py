"""The trader's secrets: kept outside the checkout, readable by their owner only, never printed; a login an address.

`$SOS_SECRETS`, else `$XDG_CONFIG_HOME/sos/credentials.json`, else `~/.config/sos/credentials.json`.
"""

from __future__ import annotations

import json
import os
import shlex
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sos_actors.config import Upstox
from sos_actors.errors import ConfigError
from sos_actors.types import NO_SECRET, Secret

OTHERS = stat.S_IRWXG | stat.S_IRWXO
OWN_ACCOUNT = "upstox"
"""Of a login at Upstox itself."""
_PORTS = {"http": 80, "https": 443}
_MOST_BYTES = 65_536
_LATEST = 1 << 63
_UNFINISHED = ".credentials-"
_ABANDONED_S = 600


@dataclass(frozen=True, slots=True)
class UpstoxLogin:
    """What is known of the trader's Upstox account.

    Attributes:
        token: of today; empty when there is none.
        expires: when it dies, UnixNanos; 0 unknown.
        user: the broker's user id, for display.
        api_key: of the trader's app; empty when never given.
        api_secret: of the trader's app; empty when never given.
        redirect_url: as registered with the app; empty when never given.
    """

    token: Secret = NO_SECRET
    expires: int = 0
    user: str = ""
    api_key: str = ""
    api_secret: Secret = NO_SECRET
    redirect_url: str = ""

    def is_valid(self, now: int) -> bool:
        """Whether there is a token that has not expired; one whose end is unknown counts."""
        return bool(self.token) and (self.expires == 0 or self.expires > now)


def credentials_path() -> Path:
    """Where the secrets lie.

    Raises:
        ConfigError: this user has no home folder.
    """
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    try:
        return Path(os.environ.get("SOS_SECRETS") or f"{folder}/sos/credentials.json").expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError("This user has no home folder. Set SOS_SECRETS to a file for the login.") from error


def account_of(rest_url: str) -> str:
    """What a login is kept under: ``upstox`` at Upstox's own address, else ``upstox at HOST:PORT``.

    A token is never sent to another address than the one it was made at.
    """
    place = _place(rest_url)
    return OWN_ACCOUNT if place == _place(Upstox().rest_url) else f"{OWN_ACCOUNT} at {place[0]}:{place[1]}"


def _place(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return f"[{host}]" if ":" in host else host, parts.port or _PORTS.get(parts.scheme)


def read_login(account: str, path: Path | None = None) -> UpstoxLogin:
    """What is stored of an account; nothing known when there is no file, or nothing of this account in it.

    Args:
        account: see ``account_of``.
        path: of the file; default ``credentials_path``.

    Raises:
        ConfigError: the file cannot be read, is not ours, is damaged, or others may read it.
    """
    file = path or credentials_path()
    entries = _entries(file)
    if account not in entries:
        return UpstoxLogin()
    try:
        return _login(entries[account])
    except (TypeError, AttributeError):
        # What it holds may be a secret, and the cause would quote it.
        raise _damaged(file) from None


def _entries(file: Path, *, guarded: bool = True) -> dict[str, Any]:
    """Every entry of a file, by account; none when there is no file."""
    try:
        with open(file, "rb", opener=_without_waiting) as stream:
            if guarded:
                _check_guarded(os.fstat(stream.fileno()), file)
            text = stream.read(_MOST_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"Cannot read {file}: {error.strerror}.") from error
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(file) from None
    if not isinstance(entries, dict):
        raise _damaged(file)
    return entries


def _login(stored: Any) -> UpstoxLogin:
    return UpstoxLogin(
        token=Secret(_text(stored, "token")), expires=_moment(stored), user=_text(stored, "user"),
        api_key=_text(stored, "api_key"), api_secret=Secret(_text(stored, "api_secret")),
        redirect_url=_text(stored, "redirect_url"),
    )  # fmt: skip


def _damaged(file: Path) -> ConfigError:
    return ConfigError(f"{file} is damaged. Run 'sos login --forget', then 'sos login'.")


def write_login(account: str, login: UpstoxLogin, path: Path | None = None) -> Path:
    """Store what is known of an account, beside what is known of others; returns where.

    The old file stays until the new one is whole.

    Raises:
        ConfigError: the file cannot be written, or what it holds of others cannot be read.
    """
    file = path or credentials_path()
    stored = {
        "token": login.token.reveal(), "expires": int(login.expires), "user": login.user, "api_key": login.api_key,
        "api_secret": login.api_secret.reveal(), "redirect_url": login.redirect_url,
    }  # fmt: skip
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"Cannot write {file}: {error.strerror}.") from error
    _write(file, _entries(file) | {account: stored})
    return file


def _write(file: Path, entries: dict[str, Any]) -> None:
    try:
        _replace(Path(os.path.realpath(file)), json.dumps(entries, indent=1))
    except OSError as error:
        raise ConfigError(f"Cannot write {file}: {error.strerror}.") from error


def forget(account: str, path: Path | None = None) -> bool:
    """Delete what is stored of an account, and what an interrupted login left; whether there was anything.

    The file goes with its last account, and when it is damaged.

    Raises:
        ConfigError: it cannot be deleted.
    """
    file = path or credentials_path()
    try:
        entries = _entries(file, guarded=False)
    except ConfigError:
        entries = {}
    others = {name: entry for name, entry in entries.items() if name != account}
    try:
        for unfinished in file.parent.glob(f"{_UNFINISHED}*"):
            unfinished.unlink(missing_ok=True)
        if not others:
            file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(f"Cannot delete {file}: {error.strerror}.") from error
    if others and account in entries:
        _write(file, others)
    return not others or account in entries


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)  # else a named pipe is waited for without end


def _check_guarded(held: os.stat_result, file: Path) -> None:
    """Whether a file is one that only its owner, who is ours, can read.

    Raises:
        ConfigError: it is not.
    """
    if not stat.S_ISREG(held.st_mode):
        raise ConfigError(f"{file} is not a file. Move it away, or name another with SOS_SECRETS.")
    if held.st_mode & OTHERS:
        raise ConfigError(f"{file} can be read by others. Run: chmod 600 {shlex.quote(str(file))}")
    if os.getuid() not in (0, held.st_uid):
        raise ConfigError(f"{file} belongs to another user. Move it away, or name another with SOS_SECRETS.")


def _replace(file: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=_UNFINISHED)  # made with 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        written = os.stat(name).st_mtime
        os.replace(name, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    with suppress(OSError):  # what a killed login left; one that is under way now is younger
        for other in file.parent.glob(f"{_UNFINISHED}*"):
            if other.stat().st_mtime < written - _ABANDONED_S:
                other.unlink()


def _text(stored: dict[str, Any], name: str) -> str:
    value = stored.get(name, "")
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _moment(stored: dict[str, Any]) -> int:
    value = stored.get("expires", 0)
    if type(value) is not int or not 0 <= value < _LATEST:
        raise TypeError("expires")
    return value
