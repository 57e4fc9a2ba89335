"""How a run of `sos live` ends when somebody wants it to: on a terminal, by Ctrl-C, and flat."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sos_actors.app.status_file import read_status
from sos_actors.cli.main import main
from sos_actors.messages.status import SystemStatus
from tests.cli.processes import Home, is_gone, simulators_of
from tests.cli.sessions import Terminal, is_open, live_words, news_of, trading_home, wait_for

LEAVES = "\x1b[?1049l"
SHOWS_CURSOR = "\x1b[?25h"
ENDS_WITHIN_S = 5.0
TEARDOWN_S = 3.0
"""For the interpreter and the simulator after the system has ended, on a machine that is busy."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One history for all."""
    return trading_home(tmp_path_factory.mktemp("ending") / "home")


def news(home: Home) -> SystemStatus:
    """The last that was told."""
    status = read_status(home.data)
    assert status is not None
    return status


@contextmanager
def on_a_terminal(home: Home, *more: str) -> Iterator[Terminal]:
    terminal = Terminal(home.command(*live_words(home, *more)), home.environment)
    try:
        yield terminal
    finally:
        terminal.kill()


def test_stop_flat_closes_what_is_held_and_the_terminal_is_as_it_was(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with on_a_terminal(home) as terminal:

        def holds() -> bool:
            status = news_of(home, terminal.process)
            return status is not None and bool(status.positions)

        wait_for(holds, terminal.process)
        wait_for(lambda: any("ENTERS_AT_ONCE" in one for one in terminal.screen()), terminal.process)
        page = terminal.screen()
        simulators = simulators_of(terminal.process.pid)
        assert main([*home.config, "stop", "--flat", "--within", "60"]) == 0
        status, after, same = terminal.ended()
    assert page[0] == " SIMULATED  prices are invented, paper orders"
    assert page[1].startswith("2026-01-13 09:1")
    assert f"x12, market open   run {news(home).run.run_id}, pid" in page[1]
    assert page[-1] == "Ctrl-C stops; elsewhere: sos stop --flat closes everything, sos status."
    assert any(one.startswith("Trading ") for one in page)
    assert max(map(len, page)) <= 80
    said = capsys.readouterr()
    assert "Everything is closed." in said.err
    assert (status, same) == (0, True)
    assert terminal.text.count(LEAVES) == 1
    assert SHOWS_CURSOR in terminal.text
    assert " SIMULATED " in after
    assert "flat" in after
    assert news(home).holds_nothing
    assert not (home.data / "run" / "flat").exists(), "the request is fulfilled"
    assert all(is_gone(pid) for pid in simulators)


def test_ctrl_c_ends_it_in_order_within_five_seconds(home: Home) -> None:
    with on_a_terminal(home) as terminal:
        wait_for(lambda: is_open(home, terminal.process), terminal.process)
        asked = time.monotonic()
        terminal.type(b"\x03")
        status, after, same = terminal.ended()
        took = time.monotonic() - asked
    assert (status, same) == (0, True)
    assert took < ENDS_WITHIN_S + TEARDOWN_S
    assert "No trades: no strategy gave a signal." in after
    assert "Traceback" not in terminal.text
    assert f"sos --config {home.folder}/sos.toml replay " in after


def test_ctrl_c_while_it_is_set_up_leaves_nothing_behind(home: Home) -> None:
    with home.start(*live_words(home, "--no-tui")) as process:
        try:
            wait_for(lambda: bool(simulators_of(process.pid)), process)
            simulators = simulators_of(process.pid)
            process.send_signal(signal.SIGINT)
            out, told = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, out) == (130, "")
    assert told.endswith("sos: Stopped.\n")
    assert all(is_gone(pid) for pid in simulators)
