"""Progress on stderr for what takes more than a second: a bar on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

QUIET_S = 1.0
"""Nothing is shown before."""
REDRAW_S = 0.1
LINE_EVERY_S = 10.0
"""Between two lines in a file or a pipe."""
BAR_WIDTH = 30


class Progress:
    """Counts steps done, as a context manager; what is shown disappears from a terminal at the end.

    Args:
        label: what is being done, for example `Ingesting`.
        total: how many steps there are, None when nobody knows.
        unit: what a step is, in the plural.
        stream: where to show it, default stderr.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        label: str,
        total: int | None = None,
        unit: str = "steps",
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._begun = clock()
        self._done = 0
        self._note = ""
        self._terminal = self._stream.isatty()
        self._next_show = self._begun + QUIET_S
        self._shown_width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            self._replace_line("")
        elif kind is None and self._clock() - self._begun >= QUIET_S:
            counts = f"{self._counts()} in " if self._done or self._total else ""
            self._stream.write(f"{self._label}: {counts}{self._clock() - self._begun:.0f} s\n")
        self._stream.flush()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count `steps` more as done; `note` says what is worked on now."""
        self._done += steps
        self._note = note
        now = self._clock()
        if now < self._next_show:
            return
        self._next_show = now + (REDRAW_S if self._terminal else LINE_EVERY_S)
        if self._terminal:
            self._replace_line(self._bar(now))
        else:
            self._stream.write(f"{self._label}: {self._counts()} {self._note}".rstrip() + "\n")
        self._stream.flush()

    def reach(self, done: int, total: int, note: str = "") -> None:
        """Say how many steps are done of how many, for callers that count themselves."""
        self._total = total
        self.advance(done - self._done, note)

    def _bar(self, now: float) -> str:
        if not self._total:
            return f"{self._label} {self._counts()} {self._note}".rstrip()
        part = min(self._done / self._total, 1.0)
        bar = ("#" * round(part * BAR_WIDTH)).ljust(BAR_WIDTH, ".")
        left = (now - self._begun) * (1 - part) / part if part else 0.0
        return f"{self._label} [{bar}] {self._counts()}, {left:.0f} s left {self._note}".rstrip()

    def _counts(self) -> str:
        return f"{self._done} of {self._total} {self._unit}" if self._total else f"{self._done} {self._unit}"

    def _replace_line(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]  # a line that wraps cannot be taken back
        if text or self._shown_width:
            self._stream.write("\r" + text.ljust(self._shown_width) + ("" if text else "\r"))
        self._shown_width = len(text)
