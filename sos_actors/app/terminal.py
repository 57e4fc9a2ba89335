"""The screen of `sos live` on a terminal: the newest status drawn again and again, cut to what the window has room for.

It only reads; who started it takes the terminal back with `stop`, or as a context manager, whatever has happened.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sos_actors.app.status_lines import Line, Piece, Tone, cut, line
from sos_actors.app.status_view import blocks, fit
from sos_actors.messages.status import SystemStatus

DRAWS_PER_S = 4
FOOT = "Ctrl-C stops; elsewhere: sos stop --flat closes everything, sos status."
STYLES = {
    Tone.PLAIN: "", Tone.LOUD: "bold", Tone.DIM: "dim", Tone.GOOD: "green", Tone.BAD: "red", Tone.DOUBT: "yellow",
    Tone.PAPER: "bold black on cyan", Tone.SIMULATED: "bold black on yellow", Tone.REAL_MONEY: "bold white on red",
}  # fmt: skip


def wants_screen(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a screen can be drawn on ``stream``: a terminal that is not dumb."""
    return stream.isatty() and environment.get("TERM", "dumb") != "dumb"


def screen_lines(status: SystemStatus | None, width: int, height: int) -> list[Line]:
    """The screen: at most ``height`` lines of at most ``width`` columns, the last one says how to stop."""
    if status is None:
        return [cut(line("Starting ..."), width)]
    body = fit(blocks(status, width), height - 1)
    body += [line()] * (height - 1 - len(body))
    return [cut(one, width) for one in [*body, line(Piece(FOOT, Tone.DIM))]]


class Screen:
    """Draws on the terminal's other page, so that what stood there before is back afterwards.

    Args:
        latest: gives the newest status; cheap, called on the drawing thread.
        console: where to draw; default the terminal on stdout.
    """

    def __init__(self, latest: Callable[[], SystemStatus | None], console: Console | None = None) -> None:
        self._latest = latest
        self._console = console or Console()
        self._live = Live(
            get_renderable=self._drawn,
            console=self._console,
            screen=True,
            auto_refresh=False,
            vertical_overflow="crop",
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)

    def start(self) -> None:
        """Take the terminal and draw."""
        self._live.start(refresh=True)
        self._thread.start()

    def stop(self) -> None:
        """Give the terminal back; twice is once."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(2.0)
        with suppress(OSError):  # the terminal is gone
            self._live.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        with suppress(OSError):  # the terminal is gone; the run goes on without it
            while not self._over.wait(1 / DRAWS_PER_S):
                self._live.refresh()

    def _drawn(self) -> Text:
        width, height = self._console.size
        try:
            lines = screen_lines(self._latest(), width, height)
        except Exception as error:  # the boundary: a screen that cannot be drawn says so, and the run goes on
            lines = [line(Piece(f"The screen cannot be drawn: {type(error).__name__}: {error}", Tone.BAD))]
        return as_text(lines)


def as_text(lines: list[Line]) -> Text:
    """Lines as rich draws them, neither wrapped nor read as markup."""
    text = Text(no_wrap=True, overflow="crop", end="")
    for number, one in enumerate(lines):
        text.append("\n" if number else "")
        for piece in one:
            text.append(piece.text, STYLES[piece.tone])
    return text
