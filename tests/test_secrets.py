"""One token, one code and one API secret, made for this test, and every place they must not turn up in."""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests

from sos_actors.app.credentials import account_of, read_login
from sos_actors.cli.main import main
from sos_actors.runtime.clock import indian_day, wall_time
from sos_actors.simulator.clock import SimulatedClock
from sos_actors.simulator.faults import Fault, FaultKind
from sos_actors.simulator.server import RunningSimulator, running
from sos_actors.simulator.world import Strictness, World
from tests.app.ingest.sources import CALENDAR
from tests.checkout import tracked
from tests.cli.processes import Home, Settings, command_line, new_home
from tests.simulator.markets import model_market

SETTINGS: Settings = {
    "ingest": {"strikes_around": 1},
    "trust": {"candles": ["upstox"]},
    "upstox": {"requests_per_second": 1000, "requests_per_minute": 10_000, "requests_per_half_hour": 10_000},
}
KEY, REDIRECT = "planted-key", "http://127.0.0.1:8787/"
FAILURES = (
    Fault("upstox", FaultKind.TOKEN_EXPIRED),
    Fault("upstox", FaultKind.STATUS, status=401),
    Fault("upstox", FaultKind.STATUS, status=403),
    Fault("upstox", FaultKind.HTML),
    Fault("upstox", FaultKind.WRONG_JSON),
    Fault("upstox", FaultKind.CORRUPT),
    Fault("upstox", FaultKind.DROP),
    Fault("upstox", FaultKind.REFUSE),
)
LOOKS_LIKE_A_TOKEN = re.compile(rb"eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}")
"""A JSON Web Token, as Upstox's are."""


class Places:
    """Everything that was said and written, to be searched at the end."""

    def __init__(self, home: Home, captured: pytest.CaptureFixture[str], logged: pytest.LogCaptureFixture) -> None:
        self.home, self._captured, self._logged = home, captured, logged
        self.said: dict[str, str] = {}
        self.planted: dict[str, str] = {}

    def run(self, *words: str, typed: str = "", status: int | None = 0) -> str:
        """One command, whose output is kept; what it said on standard error."""
        ended = self.home.run("--debug", *words, typed=typed)
        self.said[f"{len(self.said)}: {' '.join(words)}"] = ended.stdout + ended.stderr
        assert status is None or ended.returncode == status, ended.stdout + ended.stderr
        return ended.stderr

    def call(self, *words: str, status: int) -> None:
        """One command in this process, where every library's log is heard as well."""
        self._logged.clear()
        assert main([*self.home.config, "--debug", *words]) == status
        said = self._captured.readouterr()
        self.said[f"{len(self.said)}: {' '.join(words)}"] = said.out + said.err + self._logged.text

    def found(self) -> list[str]:
        """Where a planted text is, in whatever spelling."""
        wheres = {f"output of {words}": text.encode() for words, text in self.said.items()}
        for path in sorted(self.home.folder.rglob("*")):
            if path.is_file() and path != self.home.secrets:
                wheres[str(path)] = path.read_bytes()
        return [
            f"the {what} is in the {where}"
            for where, content in wheres.items()
            for what, text in self.planted.items()
            for spelling in spellings(text)
            if spelling in content
        ]


def spellings(text: str) -> set[bytes]:
    """A text as it stands, in an address, inside JSON, and in Base64 (whole triples of it, wherever they begin)."""
    raw = text.encode()
    packed = {base64.b64encode(raw[start:])[:-4] for start in range(3)}
    return {raw, quote(text, safe="").encode(), json.dumps(text)[1:-1].encode(), *packed}


@contextmanager
def watched_process_list(planted: dict[str, str]) -> Iterator[list[str]]:
    """Looks at every process's words again and again; where a planted text stood."""
    seen: list[str] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            for entry in Path("/proc").iterdir():
                words = " ".join(command_line(int(entry.name))) if entry.name.isdecimal() else ""
                seen.extend(f"{what} in {words[:80]}" for what, text in planted.items() if text in words)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


@pytest.fixture
def vendors() -> Iterator[RunningSimulator]:
    now = wall_time()
    if not CALENDAR.first < indian_day(now) < CALENDAR.last:
        pytest.skip("the calendar does not know today")
    with running(World(model_market(), SimulatedClock(now), strictness=Strictness(rate_limits=False))) as served:
        yield served


def code_from_the_browser(vendors: RunningSimulator, state: str) -> tuple[str, str]:
    """What the trader does in the browser: the address it ends at, and the code in it."""
    form = {"response_type": "code", "client_id": KEY, "redirect_uri": REDIRECT, "state": state}
    answer = requests.post(
        f"{vendors.addresses['upstox']}/v2/login/authorization/dialog", form, allow_redirects=False, timeout=10
    )
    address = answer.headers["Location"]
    return address, parse_qs(urlsplit(address).query)["code"][0]


def log_in(places: Places, vendors: RunningSimulator) -> None:
    """`sos login --paste` with key and secret typed, then a second time with a code that is not accepted."""
    places.planted["API secret"] = secrets.token_urlsafe(24)
    with places.home.start("--debug", "login", "--paste") as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(f"{KEY}\n{places.planted['API secret']}\n")
        process.stdin.flush()
        asked = ""
        while "state=" not in asked:
            line = process.stderr.readline()
            assert line, "it ended without an address"
            asked += line
        state = parse_qs(urlsplit(asked.strip().split()[-1]).query)["state"][0]
        address, places.planted["login code"] = code_from_the_browser(vendors, state)
        out, told = process.communicate(address + "\n", timeout=60)
    assert process.returncode == 0, told
    places.said["login"] = asked + out + told
    token = read_login(account_of(vendors.addresses["upstox"]), places.home.secrets).token.reveal()
    places.planted |= {"token": token, "token's signature": token.rpartition(".")[2]}
    refused = secrets.token_urlsafe(24)
    places.planted["refused code"] = refused
    assert "no token" in places.run("login", "--paste", typed=f"{refused}\n", status=1)


def fail_in_every_way(places: Places, vendors: RunningSimulator, words: tuple[str, ...]) -> None:
    def set_fault(fault: Fault) -> None:
        vendors.call(vendors.world.faults.clear)
        vendors.call(lambda: vendors.world.faults.add(fault, vendors.world.clock.now()))

    for fault in FAILURES:
        set_fault(fault)
        places.call(*words, "--force", status=1)
    set_fault(Fault("upstox", FaultKind.STATUS, status=401))
    places.run("login", "--token", typed=places.planted["token"] + "\n", status=1)
    vendors.call(vendors.world.faults.clear)


@pytest.fixture
def places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Places:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    made = Places(new_home(tmp_path, SETTINGS), capsys, caplog)
    monkeypatch.setenv("SOS_SECRETS", str(made.home.secrets))
    return made


def test_no_secret_is_said_stored_logged_or_listed(places: Places, tmp_path: Path, vendors: RunningSimulator) -> None:
    new_home(tmp_path, SETTINGS, vendors.addresses)
    day = str(last_session())
    words = ("ingest", "--from-date", day, "--to-date", day)
    with watched_process_list(places.planted) as listed:
        log_in(places, vendors)
        places.run("login", "--status")
        places.run(*words)
        places.run(*words, "--json", "--force")
        report = ("--report", str(tmp_path / "report.html"))
        places.run("backtest", "--symbol", "NIFTY", "--from-date", day, *report, "--json")
        fail_in_every_way(places, vendors, words)
        places.run("doctor", status=None)
        places.run("login", "--forget")
    assert len(places.planted) == 5
    assert any("connection.py" in said for said in places.said.values()), "logs were heard"
    assert places.found() == []
    assert listed == []
    kept = repr((vendors.world.requests.last(), vendors.world.requests.counts()))
    assert [what for what, text in places.planted.items() if text in kept] == []
    assert not places.home.secrets.exists()
    attached = places.home.data / "simulated" / "attached"
    assert list(attached.glob("sos_timeseries_*.db")), "there was a store to search"
    assert (tmp_path / "report.html").stat().st_size > 10_000


def last_session() -> date:
    return CALENDAR.previous_session(indian_day(wall_time()))


def test_the_project_holds_no_token_and_no_file_of_credentials() -> None:
    files = tracked("**")
    assert len(files) > 100
    assert [str(path) for path in files if LOOKS_LIKE_A_TOKEN.search(path.read_bytes())] == []
    assert [str(path) for path in files if "credentials" in path.name and path.suffix == ".json"] == []


def test_the_search_finds_what_is_hidden(places: Places, tmp_path: Path) -> None:
    text = "planted/" + secrets.token_urlsafe(24)
    places.planted["text"] = text
    (tmp_path / "plain.db").write_bytes(b"\0\1" + text.encode() + b"\2")
    (tmp_path / "address.log").write_text(f"GET /?code={quote(text, safe='')}")
    (tmp_path / "packed.log").write_bytes(base64.b64encode(b"xy" + text.encode()))
    places.said["words"] = f"a word: {text}."
    assert len(places.found()) == 4
