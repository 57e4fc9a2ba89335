"""`sos stop`: in order, at once, or flat first, on a run that obeys and on runs that do not."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from sos_actors.app.kill_switch import flat_reason, request_flat
from sos_actors.app.run_lock import holder_of
from sos_actors.app.status_file import StatusWriter
from sos_actors.cli.main import main
from tests.app.statuses import bare_status, full_status, real_money
from tests.cli.processes import Home, new_home
from tests.cli.stand_in import stand_in


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path, {"runtime": {"stop_within_s": 0.5}})


def test_a_clean_stop_says_what_nobody_guards_then(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with stand_in(home.data) as run:
        assert main([*home.config, "stop"]) == 0
        assert run.wait(5) == 0
    said = capsys.readouterr()
    assert said.out == "Run a1b2 has ended.\n"
    assert said.err == (
        "It holds NIFTY 25600 CE 13 JAN 26: buy 75; SHARE1: an order to buy 25. That goes with its simulated market.\n"
    )


def test_flat_waits_until_everything_is_closed_and_stops_then(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with stand_in(home.data) as run:
        assert main([*home.config, "stop", "--flat"]) == 0
        assert run.wait(5) == 0
    said = capsys.readouterr()
    assert said.out == "Run a1b2 has ended.\n"
    assert said.err.splitlines()[0] == f"Run a1b2 (pid {run.pid}) closes everything."
    assert said.err.splitlines()[-1] == "Everything is closed."
    assert flat_reason(home.data) is None


def test_flat_that_is_not_done_in_time_says_what_is_held_and_lets_the_run_go_on(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with stand_in(home.data, "stubborn") as run:
        assert main([*home.config, "stop", "--flat", "--within", "0.7"]) == 1
        assert holder_of(home.data) is not None
        assert flat_reason(home.data) == "sos stop --flat"
        run.kill()
    said = capsys.readouterr()
    assert "  it holds NIFTY 25600 CE 13 JAN 26: buy 75\n" in said.err
    assert "After 0.7 s it still holds NIFTY 25600 CE 13 JAN 26: buy 75. It goes on closing" in said.err


def test_flat_works_where_no_file_can_be_written_and_no_status_is(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with stand_in(home.data, "mute") as run:
        (home.data / "run" / "flat.new").mkdir()
        assert main([*home.config, "stop", "--flat", "--within", "0.3"]) == 1
        run.kill()
    said = capsys.readouterr()
    assert "The request cannot be written down (Is a directory); the signal alone must do." in said.err
    assert "After 0.3 s it has told nothing since." in said.err


def test_a_run_that_is_slow_to_end_is_told_of_and_now_hurries_it(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with stand_in(home.data, "stubborn") as run:
        assert main([*home.config, "stop", "--within", "0.2"]) == 1
        assert f"Run a1b2 (pid {run.pid}) still runs after 0.2 s: `sos stop --now`." in capsys.readouterr().err
        assert main([*home.config, "stop", "--now"]) == 0
        assert run.wait(5) == 0
    assert capsys.readouterr().out == "Run a1b2 has ended.\n"


def test_a_run_that_does_not_end_at_all_is_killed(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with stand_in(home.data, "deaf") as run:
        assert main([*home.config, "stop", "--now"]) == 0
        assert run.wait(5) == -signal.SIGKILL
    assert "was killed; its simulated market is gone with it." in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["--flat"], ["--now"]])
def test_where_nothing_runs_there_is_nothing_to_stop(
    home: Home, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    StatusWriter(home.data, bare_status, 1).write()
    assert main([*home.config, "stop", *words]) == 1
    assert capsys.readouterr().err == f"sos: Nothing runs on {home.data}.\n"
    assert flat_reason(home.data) is None


def test_flat_of_a_run_that_is_gone_with_positions_is_kept_for_the_next(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    StatusWriter(home.data, lambda: real_money(full_status()), 1).write()
    assert main([*home.config, "stop"]) == 1
    assert flat_reason(home.data) is None
    assert "Close that with the broker, or let `sos live` do it." in capsys.readouterr().err
    assert main([*home.config, "stop", "--flat"]) == 1
    assert flat_reason(home.data) == "sos stop --flat"
    assert "The next `sos live` will close it and not trade." in capsys.readouterr().err


def test_what_a_simulated_run_held_is_gone_with_it(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    StatusWriter(home.data, full_status, 1).write()
    assert main([*home.config, "stop", "--flat"]) == 1
    assert flat_reason(home.data) is None
    assert "That is gone with its simulated market." in capsys.readouterr().err


def test_a_request_can_be_taken_back(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    request_flat(home.data, "by mistake")
    assert main([*home.config, "stop", "--clear"]) == 0
    assert main([*home.config, "stop", "--clear"]) == 0
    assert capsys.readouterr().out == "The request to be flat is taken back.\nNo request to be flat is there.\n"
    assert flat_reason(home.data) is None
