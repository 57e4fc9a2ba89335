"""`sos live` before anything is begun: wrong flags, days without a session, real money; nothing is left behind."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from freezegun import freeze_time

from sos_actors.app.live import LiveRequest, check_day, is_real_money
from sos_actors.cli import live
from sos_actors.cli.main import main
from sos_actors.config import Config, Upstox
from sos_actors.errors import TokenRefusedError, UsageError
from sos_actors.market.calendar import Calendar
from sos_actors.simulator.moments import read_time
from tests.cli.commands import REPOSITORY
from tests.cli.processes import Home, new_home

SHIPPED = REPOSITORY / "strategies"
TUESDAY = "2026-01-13"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = new_home(tmp_path / "home")
    monkeypatch.setenv("SOS_SECRETS", str(home.secrets))
    return home


@pytest.fixture
def run(home: Home, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line; its exit status and what it said on standard error."""

    def run(*flags: str) -> tuple[int, str]:
        status = main([*home.config, "live", *flags])
        said = capsys.readouterr()
        assert said.out == ""
        return status, said.err

    return run


@pytest.mark.parametrize(
    ("flags", "status", "said"),
    [
        (["--broker", "upstox", "--source", "sim"], 2, "it cannot go with --source sim."),
        (["--source", "upstox", "--speed", "3"], 2, "--speed and --date belong to the simulated market"),
        (["--source", "upstox", "--date", TUESDAY], 2, "--speed and --date belong to the simulated market"),
        (["--source", "upstox"], 1, "nobody is logged in today: run 'sos login'. '--source sim' needs no login."),
        (["--date", "2026-01-18"], 2, "--date: 18 January 2026 is a Sunday"),
        (["--date", "2026-01-26"], 2, "is a holiday: Republic Day"),
        (["--date", "2040-01-02"], 2, "outside the calendar"),
        (["--date", "13.1.2026"], 2, "is not a date: write it like 2026-01-12"),
        (["--date", TUESDAY, "--until", "9"], 2, "'9' is not a time of day: write it like 10:30"),
        (["--date", TUESDAY, "--until", "08:00"], 2, "--until 08:00: the session of 2026-01-13 opens at 09:15."),
        (["--speed", "0"], 2, "'0' is no speed: a number from 0.1 to 1000"),
        (["--speed", "nan"], 2, "'nan' is no speed"),
        (["--date", TUESDAY, "--strategies", "/nowhere"], 1, "1 strategy is refused: /nowhere: Cannot be read"),
        (["--broker", "zerodha"], 2, "invalid choice: 'zerodha'"),
        (["--dtae", TUESDAY], 2, "Did you mean --date?"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    run: Run, home: Home, flags: list[str], status: int, said: str
) -> None:
    found, told = run(*flags)
    assert (found, said in told) == (status, True), told
    assert "Traceback" not in told
    assert not home.data.exists()


def test_a_refused_strategy_stops_the_start_and_says_where_to_look(run: Run, home: Home) -> None:
    bad = home.folder / "bad.json"
    bad.write_text('{"pattern_id": "BAD"}', encoding="utf-8")
    status, told = run("--date", TUESDAY, "--strategies", str(bad), str(SHIPPED))
    assert status == 1
    assert told.startswith(f"sos: 1 strategy is refused: {bad}: ")
    assert told.endswith("'sos validate' says more.\n")
    assert not home.data.exists()


@freeze_time("2026-01-13 06:00:00")  # 11:30 in India
def test_a_day_that_has_not_come_cannot_be_simulated(run: Run) -> None:
    told = "sos: --date: 2026-01-14 has not come yet; the last day that can be simulated is today's.\n"
    assert run("--date", "2026-01-14") == (2, told)


@pytest.mark.parametrize(
    ("now", "until", "said"),
    [
        ("2026-01-18 06:00:00", None, "NSE does not trade on Sunday 2026-01-18; the next session is Monday 2026-01-19"),
        ("2026-01-13 10:30:00", None, "The session of 2026-01-13 is over; the next session is Wednesday 2026-01-14"),
        ("2026-01-13 06:00:00", "11:00", "--until 11:00: it is 11:30 already."),
        ("2026-01-13 06:00:00", "09:00", "--until 09:00: the session of 2026-01-13 opens at 09:15."),
    ],
)
def test_at_upstox_there_must_be_a_session_to_trade(
    monkeypatch: pytest.MonkeyPatch, now: str, until: str | None, said: str
) -> None:
    monkeypatch.setattr("sos_actors.app.live.valid_token", lambda _: None)
    request = LiveRequest(source="upstox", until=None if until is None else read_time(until))
    with freeze_time(now), pytest.raises(UsageError, match=said):
        check_day(Config(), request, "upstox", Calendar.default())


# ------------------------------------------------------------------------------------------- real money


@pytest.mark.parametrize(
    ("broker", "order_url", "real"),
    [
        ("upstox", "https://api-hft.upstox.com", True),
        ("upstox", "https://api-sandbox.upstox.com", True),
        ("upstox", "https://127.0.0.1.example.com", True),
        ("upstox", "http://127.0.0.1:8000", False),
        ("upstox", "http://[::1]:8000", False),
        ("upstox", "http://localhost:8000", False),
        ("paper", "https://api-hft.upstox.com", False),
    ],
)
def test_money_is_real_wherever_orders_leave_this_machine(broker: str, order_url: str, real: bool) -> None:
    config = replace(Config(), upstox=replace(Upstox(), order_url=order_url))
    assert is_real_money(config, LiveRequest(broker=broker)) is real


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[LiveRequest]:
    """A day on which one could trade, and what would have begun: nothing is ever connected to."""
    requests: list[LiveRequest] = []
    monkeypatch.setattr(live, "check_day", lambda *_: None)
    monkeypatch.setattr(live, "run_live", lambda _config, request, *_: requests.append(request))
    monkeypatch.setattr(live, "kernels_are_cold", lambda: False)
    return requests


@pytest.fixture
def armed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = new_home(tmp_path / "armed", {"trading": {"mode": "live"}})
    monkeypatch.setenv("SOS_SECRETS", str(home.secrets))
    return home


def test_without_the_mode_in_the_configuration_no_order_is_real(run: Run, begun: list[LiveRequest]) -> None:
    for flags in (["--broker", "upstox"], ["--broker", "upstox", "--yes-real-money"]):
        status, told = run(*flags)
        assert (status, begun) == (2, [])
        assert told.startswith('sos: Real orders need mode = "live" in [trading] of the configuration.')


def test_without_a_terminal_nobody_can_confirm(
    armed: Home, begun: list[LiveRequest], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(os.devnull, encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert main([*armed.config, "live", "--broker", "upstox"]) == 2
    told = "sos: Real orders: type the confirmation at a terminal, or give --yes-real-money.\n"
    assert (capsys.readouterr().err, begun) == (told, [])


@pytest.mark.parametrize(
    ("typed", "goes_on"), [("real money", True), ("Real Money ", True), ("yes", False), ("", False), ("real", False)]
)
def test_only_the_typed_words_confirm(
    armed: Home, begun: list[LiveRequest], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    typed: str, goes_on: bool,
) -> None:  # fmt: skip
    theirs, ours = pty.openpty()
    os.write(theirs, f"{typed}\n".encode())
    with os.fdopen(ours, encoding="utf-8") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        assert main([*armed.config, "live", "--broker", "upstox"]) == (0 if goes_on else 2)
    os.close(theirs)
    told = capsys.readouterr().err
    assert told.startswith('Orders will be REAL, with your money, at Upstox.\nType "real money" to go on: ')
    assert len(begun) == goes_on
    assert ("Not confirmed: nothing was begun." in told) is not goes_on


def test_the_flag_confirms_too(armed: Home, begun: list[LiveRequest]) -> None:
    assert main([*armed.config, "live", "--broker", "upstox", "--yes-real-money"]) == 0
    assert [one.broker for one in begun] == ["upstox"]


def test_who_is_not_logged_in_is_not_asked_to_confirm(armed: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*armed.config, "live", "--broker", "upstox", "--yes-real-money"]) == 1
    assert "nobody is logged in today" in capsys.readouterr().err
    with pytest.raises(TokenRefusedError):
        check_day(Config(), LiveRequest(broker="upstox"), "upstox", Calendar.default())


def test_paper_and_a_simulator_on_this_machine_ask_nothing(home: Home, begun: list[LiveRequest]) -> None:
    simulated = new_home(home.folder / "sim", addresses={"upstox": "http://127.0.0.1:9"})
    assert main([*home.config, "live"]) == 0
    assert main([*simulated.config, "live", "--broker", "upstox"]) == 0
    assert [one.broker for one in begun] == ["paper", "upstox"]


# ------------------------------------------------------------------------------------------- the disk


def test_a_data_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    home.data.write_text("no folder", encoding="utf-8")
    ended = home.run("live", "--no-tui", "--date", TUESDAY)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"{home.data}" in ended.stderr
    assert "Traceback" not in ended.stderr
