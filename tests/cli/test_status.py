"""`sos status`: what it says of a system that runs, hangs, was killed, or was never there."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.kill_switch import request_flat
from sos_actors.app.run_lock import Holder, RunLock
from sos_actors.app.seeing import whose_now
from sos_actors.app.status_file import StatusWriter
from sos_actors.cli.main import main
from sos_actors.messages.status import SystemStatus
from sos_actors.runtime.clock import wall_time
from sos_actors.types import NANOS_PER_SECOND, UnixNanos
from tests.app.statuses import bare_status, full_status, real_money
from tests.cli.processes import Home, new_home
from tests.cli.stand_in import stand_in


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("COLUMNS", "100")
    return new_home(tmp_path)


@pytest.fixture
def holder() -> Holder:
    return Holder(4711, "a1b2", UnixNanos(wall_time() - NANOS_PER_SECOND))


def told(home: Home, captured: pytest.CaptureFixture[str], *words: str, status: int) -> str:
    assert main([*home.config, "status", *words]) == status
    said = captured.readouterr()
    assert said.err == ""
    return said.out


def write(home: Home, status: SystemStatus, age_s: float = 0.0) -> None:
    dated = replace(status, wall=UnixNanos(wall_time() - round(age_s * NANOS_PER_SECOND)))
    StatusWriter(home.data, lambda: dated, 1).write()


def test_where_nothing_ever_ran_it_says_so(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(home, capsys, status=1)
    assert text.replace("\n", " ") == f"Nothing runs on {home.data}: start it with `sos live`. "
    assert max(map(len, text.splitlines())) <= 100
    assert json.loads(told(home, capsys, "--json", status=1)) == {
        "verdict": "not running", "age_s": None, "pid": None, "flat": None, "status": None
    }  # fmt: skip


def test_a_running_system_is_shown_in_blocks(home: Home, holder: Holder, capsys: pytest.CaptureFixture[str]) -> None:
    with RunLock.take(home.data, holder):
        write(home, full_status())
        text = told(home, capsys, status=0)
    assert text.startswith(" SIMULATED  prices are invented, paper orders\n2026-01-13 10:00:00 x60, market open")
    assert "\n\nPOSITION  " in text
    assert text.endswith("nse: too many requests (38 times)\n")
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_document_has_everything_and_its_age(
    home: Home, holder: Holder, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunLock.take(home.data, holder):
        write(home, full_status(), age_s=2)
        document = json.loads(told(home, capsys, "--json", status=0))
    assert (document["verdict"], document["pid"]) == ("running", 4711)
    assert 2 <= document["age_s"] < 5
    assert document["status"]["positions"][0]["symbol"] == "NSE|FO|NIFTY 25600 CE 13 JAN 26"
    assert document["status"]["gate"]["holds"][0]["reason"] == "bars of RELIANCE"


def test_a_system_whose_news_is_old_hangs(home: Home, holder: Holder, capsys: pytest.CaptureFixture[str]) -> None:
    with RunLock.take(home.data, holder):
        write(home, full_status(), age_s=60)
        text = told(home, capsys, status=1)
        assert json.loads(told(home, capsys, "--json", status=1))["verdict"] == "hung"
    first, second = text.splitlines()[:2]
    assert first == "Run a1b2 (pid 4711) HANGS: its last news is 60 s old."
    assert "`sos stop --flat` still closes everything" in second
    assert "POSITION" in text


def test_a_run_that_has_told_nothing_is_starting_and_after_three_minutes_hangs(
    home: Home, holder: Holder, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, full_status(run=replace(bare_status().run, run_id="of yesterday")))
    with RunLock.take(home.data, holder):
        assert told(home, capsys, status=0) == "Run a1b2 (pid 4711) is starting; it has told nothing yet.\n"
    with RunLock.take(home.data, replace(holder, since=UnixNanos(wall_time() - 181 * NANOS_PER_SECOND))):
        assert "HANGS: it never told anything." in told(home, capsys, status=1)


def test_of_a_killed_run_it_says_what_it_held(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with stand_in(home.data) as run:
        assert told(home, capsys, status=0).startswith(" SIMULATED ")
        run.send_signal(signal.SIGKILL)
        run.wait()
    text = told(home, capsys, status=1).replace("\n", " ")
    assert f"Run a1b2 (pid {run.pid}) of " in text
    assert "did not end in order: it was killed, or the machine went down." in text
    assert "It then held NIFTY 25600 CE 13 JAN 26: buy 75; SHARE1: an order to buy 25. That is gone" in text


def test_what_nobody_guards_is_said_unless_it_went_with_a_simulated_market() -> None:
    assert whose_now(full_status()) == "That is gone with its simulated market."
    assert whose_now(real_money(full_status())) == "Nobody guards that now; `sos live` takes it up again."


def test_of_a_run_that_ended_in_order_it_only_says_when(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    write(home, bare_status())
    text = told(home, capsys, status=1)
    assert text.startswith("Nothing runs")
    assert text.splitlines()[-1].startswith("The last news is of ")
    assert "held" not in text


def test_a_request_to_be_flat_is_told_of_until_it_is_done(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    request_flat(home.data, "sos stop --flat")
    text = told(home, capsys, status=1).replace("\n", " ")
    assert "Flat was asked for (sos stop --flat). The next `sos live` will close everything and not trade." in text


def test_the_tree_and_the_patterns_are_shown_alone(
    home: Home, holder: Holder, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunLock.take(home.data, holder):
        write(home, full_status())
        assert told(home, capsys, "--actors", status=0).splitlines()[1].startswith("  feed ")
        assert told(home, capsys, "--patterns", "NIFTY", status=0).splitlines()[1].startswith("orb_retest_long")
        assert main([*home.config, "status", "--patterns", "INFY"]) == 1
    assert "No pattern has begun on INFY" in capsys.readouterr().err


def test_a_damaged_status_is_an_error_with_words(
    home: Home, holder: Holder, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunLock.take(home.data, holder):
        (home.data / "run" / "status.json").write_text("{")
        assert main([*home.config, "status"]) == 1
    assert capsys.readouterr().err.startswith("sos: The status cannot be read: ")


def test_watching_goes_on_until_ctrl_c(home: Home) -> None:
    with home.start("status", "--watch", "--json") as watching:
        assert watching.stdout is not None
        documents = [json.loads(watching.stdout.readline()) for _ in range(2)]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0
    assert [one["verdict"] for one in documents] == ["not running"] * 2
