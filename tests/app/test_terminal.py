"""The screen: it fits, it says what money is at stake, and the terminal is given back whatever happens."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console

from sos_actors.app.kill_switch import KILLED
from sos_actors.app.terminal import FOOT, Screen, as_text, screen_lines, wants_screen
from sos_actors.messages.status import SystemStatus
from tests.app.statuses import a_position, bare_status, full_status, real_money
from tests.cli.commands import REPOSITORY

OTHER_PAGE, FIRST_PAGE, CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(status: SystemStatus | None, width: int, height: int) -> list[str]:
    """The screen as text, drawn by rich."""
    console = Console(record=True, width=width, height=height, file=io.StringIO(), force_terminal=True)
    console.print(as_text(screen_lines(status, width, height)))
    return [text.rstrip() for text in console.export_text().splitlines()]


def test_the_screen_of_a_bare_status_is_these_lines() -> None:
    assert drawn(bare_status(), 80, 12) == [
        " SIMULATED  prices are invented, paper orders",
        "2026-01-13 10:00:00 x60, market open   run a1b2, pid 4711, up 60 s",
        "Trading OPEN",
        "Day net 0.00 INR (gross 0.00), 0 trades, 0 won, 0 lost",
        "No position is open.",
        "Feed up, last price 3 s ago, 12.5 frames/s, 24 instruments",
        "Ring 0 events, 0 ticks (0 conflated), waited 0 times, at most 0 of 1,024 behind",
        "Journal 0 records, 0 kB; store 0 pending",
        "Bridge off",
        "Process -, ? threads, ? descriptors",
        "",
        FOOT,
    ]


def test_an_ordinary_terminal_shows_what_matters_of_a_busy_system() -> None:
    lines = drawn(real_money(full_status()), 80, 24)
    assert len(lines) == 24
    assert lines[0] == " REAL MONEY  orders go to upstox"
    assert lines[2] == "Trading STOP ENTRIES, waiting for"
    heads = ("POSITION", "ORDER", "Actors", "IN PLAY", "SIGNAL", "Mood", "LATENCY", "Feed")
    assert [text for text in heads if not any(line.startswith(text) for line in lines)] == []
    assert lines[-1] == FOOT


@pytest.mark.parametrize("status", [None, bare_status(), full_status(positions=(a_position(),) * 40)])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 50), (40, 5), (10, 1)])
def test_the_screen_fits_any_terminal(status: SystemStatus | None, width: int, height: int) -> None:
    lines = drawn(status, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_before_the_first_status_it_says_so() -> None:
    assert drawn(None, 80, 24) == ["Starting ..."]


def test_real_money_is_white_on_red() -> None:
    badge = as_text(screen_lines(real_money(bare_status()), 80, 24)).spans[0]
    assert (badge.start, badge.end, badge.style) == (0, len(" REAL MONEY "), "bold white on red")


def test_the_terminal_is_taken_and_given_back_even_when_the_run_crashes() -> None:
    out = Terminal()
    console = Console(file=out, force_terminal=True, width=80, height=24, _environ={"TERM": "xterm"})
    before = threading.active_count()
    screen = Screen(bare_status, console)

    def run() -> None:
        with screen:
            assert "Trading" in out.getvalue()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    screen.stop()
    told = out.getvalue()
    assert told.index(OTHER_PAGE) < told.index("SIMULATED") < told.rindex(FIRST_PAGE)
    assert told.count(FIRST_PAGE) == 1
    assert CURSOR in told
    assert threading.active_count() == before


def test_a_status_that_cannot_be_drawn_is_said_on_the_screen() -> None:
    def broken() -> SystemStatus:
        raise ZeroDivisionError("of a wiring")

    out = Terminal()
    with Screen(broken, Console(file=out, force_terminal=True, width=80, height=24)):
        assert "The screen cannot be drawn: ZeroDivisionError: of a wiring" in out.getvalue()


@pytest.mark.parametrize(
    ("stream", "term", "wanted"),
    [
        (Terminal(), "xterm", True),
        (Terminal(), "dumb", False),
        (Terminal(), None, False),
        (io.StringIO(), "xterm", False),
    ],
)
def test_a_screen_is_for_a_terminal_that_can(stream: io.StringIO, term: str | None, wanted: bool) -> None:
    assert wants_screen(stream, {} if term is None else {"TERM": term}) is wanted


def test_a_terminal_that_is_gone_does_not_stop_the_run() -> None:
    class Gone(Terminal):
        gone = threading.Event()

        def write(self, text: str) -> int:
            if self.gone.is_set():
                raise OSError(5, "Input/output error")
            return super().write(text)

    out = Gone()
    before = threading.active_count()
    with Screen(bare_status, Console(file=out, force_terminal=True, width=80, height=24)):
        out.gone.set()
    assert threading.active_count() == before


def test_the_third_ctrl_c_gives_the_terminal_back_as_well() -> None:
    script = (
        "import sys, threading; from pathlib import Path\n"
        "from tests.app.statuses import full_status\n"
        "from sos_actors.app.kill_switch import KillSwitch\n"
        "from sos_actors.app.terminal import Screen\n"
        "heard = lambda word: print('heard', word, file=sys.__stderr__, flush=True)\n"
        "KillSwitch(Path(sys.argv[1]), heard, heard).start(); Screen(full_status).start(); heard('start')\n"
        "threading.Event().wait()\n"
    )
    ours, theirs = os.openpty()
    told = b""
    with TemporaryDirectory() as folder, subprocess.Popen(
        [sys.executable, "-c", script, folder], cwd=REPOSITORY, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE,
        env=os.environ | {"TERM": "xterm"},
    ) as run, suppress(OSError):  # fmt: skip
        os.close(theirs)
        bound = threading.Timer(20, run.kill)
        bound.start()
        assert run.stderr is not None
        for _ in range(3):
            run.stderr.readline()
            run.send_signal(signal.SIGINT)
        while piece := os.read(ours, 65_536):
            told += piece
    os.close(ours)
    bound.cancel()
    bound.join()
    assert run.returncode == KILLED
    assert told.index(OTHER_PAGE.encode()) < told.index(b"SIMULATED") < told.index(FIRST_PAGE.encode())
    assert CURSOR.encode() in told
