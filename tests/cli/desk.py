"""A trader at a terminal with `sos login`: types answers, has a browser of a few lines, and a file of secrets."""

from __future__ import annotations

import getpass
import io
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from sos_actors.app.credentials import UpstoxLogin, account_of, read_login, write_login
from sos_actors.cli import login as command
from sos_actors.cli.main import main
from sos_actors.types import Secret
from sos_actors.vendors.upstox.login import dialog_url
from tests.loopback import free_port
from tests.simulator.markets import moment

NOW = moment("2026-01-13 10:30")
HUSH, STORED_TOKEN, CODE = "planted-hush-1717", "planted-token-2323", "planted-code-3131"


class Desk:
    """The trader.

    Attributes:
        typed: what is typed next, unseen.
        prompts: what was asked for.
        shown: the addresses to log in at.
        url: of Upstox, last time.
        out, err: what the last command printed.
        told: all that was printed.
    """

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.secrets = folder, folder / "secrets" / "credentials.json"
        self.url = ""
        self.typed: list[str | Callable[[], str]] = []
        self.prompts: list[str] = []
        self.shown: list[str] = []
        self.out = self.err = self.told = ""
        self._monkeypatch, self._capfd = monkeypatch, capfd
        terminal = io.StringIO()
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(getpass, "getpass", self._answer)
        monkeypatch.setattr(command, "wall_time", lambda: NOW)
        monkeypatch.setattr(command, "dialog_url", self._noted(dialog_url))
        monkeypatch.setenv("SOS_SECRETS", str(self.secrets))
        for name in (command.KEY, command.HUSH, "BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)

    def run(self, url: str, *flags: str) -> int:
        """`sos login` with Upstox at an address."""
        self.url = url
        config = self.folder / "sos.toml"
        settings = f'[upstox]\nrest_url = "{url}"\norder_url = "{url}"\nread_timeout_s = 2.0\n'
        config.write_text(settings, encoding="utf-8")
        status = main(["login", "--config", str(config), *flags])
        self.out, self.err = self._capfd.readouterr()
        self.told += self.out + self.err
        return status

    def pipe(self, text: str) -> None:
        """Standard input is no terminal."""
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    def browse(self, visit: Callable[[str], None]) -> None:
        """Open pages with a function, in a thread, as a browser does."""

        def opened(address: str) -> bool:
            threading.Thread(target=visit, args=(address,), daemon=True).start()
            return True

        self._monkeypatch.setenv("BROWSER", "of-the-test")
        self._monkeypatch.setattr(webbrowser, "open", opened)

    def keep(self, url: str, **changes: object) -> None:
        """Have logged in before, at an address."""
        kept = UpstoxLogin(Secret(STORED_TOKEN), NOW + 1, "OLD1", "kept-key", Secret(HUSH))
        self.url = url
        write_login(account_of(url), replace(kept, **changes), self.secrets)  # type: ignore[arg-type]

    def kept(self) -> UpstoxLogin:
        """What is stored of the address last used."""
        return read_login(account_of(self.url), self.secrets)

    def ended_at(self) -> str:
        """Log in at the address shown last, in a browser elsewhere; where that one ends."""
        form = Form(requests.get(self.shown[-1], timeout=5).text)
        page = requests.post(urljoin(self.shown[-1], form.action), form.fields, timeout=5, allow_redirects=False)
        return page.headers["Location"]

    def _answer(self, prompt: str) -> str:
        self.prompts.append(prompt)
        if not self.typed:
            raise EOFError
        answer = self.typed.pop(0)
        return answer if isinstance(answer, str) else answer()

    def _noted(self, make: Callable[..., str]) -> Callable[..., str]:
        def noted(*parts: str) -> str:
            self.shown.append(make(*parts))
            return self.shown[-1]

        return noted


class Form(HTMLParser):
    """The one form of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.fields = "", dict[str, str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = found["action"]
        if tag == "input":
            self.fields[found["name"]] = found["value"]


def trader(address: str) -> None:
    """Log in as a person does; then the page is loaded again, and the browser asks for an icon."""
    form = Form(requests.get(address, timeout=5).text)
    page = requests.post(urljoin(address, form.action), form.fields, timeout=5)
    assert "The answer has arrived" in page.text
    for again in (page.url, urljoin(page.url, "/favicon.ico")):
        try:
            requests.get(again, timeout=5)
        except requests.ConnectionError:
            return  # the command has what it needs


def redirect() -> str:
    """An address of this machine to come back to."""
    return f"http://127.0.0.1:{free_port()}/back"
