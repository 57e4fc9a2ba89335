from __future__ import annotations

import io

import pytest

from sos_actors.cli.progress import Progress


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(stream: io.StringIO, steps: int, seconds_each: float, total: int | None) -> str:
    clock = Seconds()
    with Progress("Ingesting", total, "days", stream=stream, clock=clock) as progress:
        for step in range(steps):
            clock.now += seconds_each
            progress.advance(note=f"day {step + 1}")
    return stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_nothing_is_shown_for_what_is_done_within_a_second(stream: io.StringIO) -> None:
    assert run(stream, steps=9, seconds_each=0.1, total=9) == ""


def test_a_terminal_gets_a_bar_that_is_wiped_at_the_end() -> None:
    shown = run(Terminal(), steps=4, seconds_each=1.0, total=4).split("\r")
    assert shown[2].startswith("Ingesting [###############...............] 2 of 4 days, 2 s left day 2")
    assert shown[-2].strip() == ""
    assert "\n" not in "".join(shown)


def test_a_bar_is_cut_to_the_width_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert max(len(line) for line in run(Terminal(), steps=4, seconds_each=1.0, total=4).split("\r")) == 19


def test_a_total_nobody_knows_shows_the_count_alone() -> None:
    assert "Ingesting 3 days day 3" in run(Terminal(), steps=3, seconds_each=1.0, total=None)


def test_a_file_gets_a_line_every_ten_seconds_and_one_at_the_end() -> None:
    lines = run(io.StringIO(), steps=15, seconds_each=1.0, total=15).splitlines()
    assert lines == [
        "Ingesting: 1 of 15 days day 1",
        "Ingesting: 11 of 15 days day 11",
        "Ingesting: 15 of 15 days in 15 s",
    ]


def test_work_that_fails_does_not_claim_to_be_done() -> None:
    stream, clock = io.StringIO(), Seconds()
    progress = Progress("Ingesting", 2, stream=stream, clock=clock)
    clock.now += 5
    progress.__exit__(ValueError, ValueError("torn"), None)
    assert stream.getvalue() == ""
