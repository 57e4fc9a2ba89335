"""Where the log of a run goes: JSON lines in the data folder, plain lines for people, the last troubles for the status.

Who logs only puts a record into a bounded queue: it never waits and never fails. A thread masks, folds and writes.
"""

from __future__ import annotations

import json
import logging
import logging.handlers
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TextIO

from sos_actors.app.folding import Folding, Said
from sos_actors.app.masking import masked
from sos_actors.messages.status import TroubleStatus
from sos_actors.runtime.clock import indian_day
from sos_actors.types import IST_OFFSET_S, NANOS_PER_SECOND, UnixNanos

ROOT = "sos_actors"
KEPT_FILES = 5
MOST_WAITING = 10_000
MOST_TROUBLES = 20
FOLD_S = 60.0
IST = timezone(timedelta(seconds=IST_OFFSET_S), "IST")
MOST_LETTERS = 20_000
"""Of one text or traceback; a vendor's whole answer has no place in a log."""
_END = None
log = logging.getLogger(__name__)


class _Doorstep(logging.handlers.QueueHandler):
    """Takes a record with the market's time on it and leaves; what finds the queue full is counted."""

    def __init__(self, waiting: queue.Queue[logging.LogRecord | None], clock: Callable[[], UnixNanos]) -> None:
        super().__init__(waiting)
        self._clock = clock
        self.dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        record.market_ns = self._clock()
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The text is made now: what it speaks of may change later. A traceback stays apart from it."""
        trace = record.exc_info and logging.Formatter().formatException(record.exc_info)
        stack = record.stack_info
        text = record.getMessage()
        made = logging.makeLogRecord(record.__dict__)
        made.msg, made.args, made.exc_info, made.stack_info = text, None, None, None
        made.exc_text = "\n".join(part for part in (trace, stack) if part) or None
        return made

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """A text whose arguments do not fit it costs that line, nothing else."""
        self.dropped += 1


class _File(logging.handlers.RotatingFileHandler):
    """One day's file; what goes wrong with it is kept as a word for the status."""

    trouble = ""

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        self.trouble = str(sys.exc_info()[1])


class Logs:
    """The log of one run; `start` before the first line, `stop` after the last.

    Args:
        data_dir: lines go to ``logs/sos-YYYY-MM-DD.jsonl`` in it, by the day in India on the wall clock.
        clock: the market's.
        megabytes: how large a file grows; five of a day are kept.
        people: where plain lines go; None while a screen has the terminal.
        level: the least that is written.
    """

    def __init__(
        self, data_dir: Path, clock: Callable[[], UnixNanos], *, megabytes: int = 50, people: TextIO | None = None,
        level: int = logging.INFO,
    ) -> None:  # fmt: skip
        self.folder = data_dir / "logs"
        self._most_bytes = megabytes * 1_000_000
        self._people = people
        self._level = level
        self._waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(MOST_WAITING)
        self._door = _Doorstep(self._waiting, clock)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._folding = Folding(FOLD_S)
        self._file: _File | None = None
        self._day = ""
        self._troubles: deque[TroubleStatus] = deque(maxlen=MOST_TROUBLES)
        self._before = logging.NOTSET
        self._hook_before = threading.excepthook
        self.file_trouble = ""
        """Why the file cannot be written; empty while it can."""

    def start(self) -> None:
        """Take every line of the program from now on, what libraries warn of, and threads that end by an exception."""
        ours = logging.getLogger(ROOT)
        self._before = ours.level
        ours.setLevel(self._level)
        logging.getLogger().addHandler(self._door)
        self._hook_before, threading.excepthook = threading.excepthook, _log_crash
        self._thread.start()

    def stop(self, timeout_s: float = 3.0) -> bool:
        """Write what waits and end; False when that takes too long, as on a disk that hangs."""
        logging.getLogger().removeHandler(self._door)
        logging.getLogger(ROOT).setLevel(self._before)
        threading.excepthook = self._hook_before
        try:
            self._waiting.put(_END, timeout=timeout_s)
        except queue.Full:
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def dropped(self) -> int:
        """Lines lost because the log could not keep up, or whose text could not be made."""
        return self._door.dropped

    def troubles(self) -> tuple[TroubleStatus, ...]:
        """The last warnings and errors, oldest first, each once with how often it was said."""
        return tuple(self._troubles.copy())

    def _run(self) -> None:
        while True:
            try:
                record = self._waiting.get(timeout=1.0)
            except queue.Empty:
                self._write_all(self._folding.over())
                continue
            if record is _END:
                break
            self._write_all(self._folding.take(_said(record)))
        self._write_all(self._folding.end())
        self._close_file()

    def _write_all(self, lines: list[Said]) -> None:
        for said in lines:
            if said.level >= logging.WARNING:
                self._remember(said)
            self._write(said)
            self._tell(said)

    def _remember(self, said: Said) -> None:
        """The newest place for what is said again; how often counts on."""
        level, times = logging.getLevelName(said.level), said.again or 1
        for old in self._troubles:
            if old.text == said.text and old.level == level:
                times += old.times
                self._troubles.remove(old)
                break
        self._troubles.append(TroubleStatus(UnixNanos(said.market_ns), level, said.text, times))

    def _write(self, said: Said) -> None:
        day = indian_day(said.wall_ns).isoformat()
        try:
            if self._file is None or day != self._day:
                self._close_file()
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                path = self.folder / f"sos-{day}.jsonl"
                self._file = _File(path, maxBytes=self._most_bytes, backupCount=KEPT_FILES - 1, encoding="utf-8")
                self._day = day
        except OSError as error:  # the next line tries again
            self.file_trouble = str(error)
            return
        self._file.trouble = ""
        self._file.emit(logging.makeLogRecord({"msg": json.dumps(_document(said), ensure_ascii=False)}))
        self.file_trouble = self._file.trouble

    def _close_file(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # a full disk keeps what could not be written
                self._file.close()
            self._file = None

    def _tell(self, said: Said) -> None:
        try:
            if self._people is not None:
                self._people.write(plain_line(said))
                self._people.flush()
        except (OSError, ValueError):  # nobody reads any more
            self._people = None


def _log_crash(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread else "?"
        log.error("Thread %s ended by an exception", name, exc_info=args.exc_value)


def plain_line(said: Said) -> str:
    """A line for people: the market's time, the wall's beside it where they differ, level, who, what."""
    market = _stamp(said.market_ns).strftime("%H:%M:%S")
    wall = _stamp(said.wall_ns).strftime("%H:%M:%S")
    when = market if market == wall else f"{market} (at {wall})"
    trace = f"\n{said.trace}" if said.trace else ""
    return f"{when} {logging.getLevelName(said.level):<7} {said.who.removeprefix(ROOT + '.')}: {said.whole}{trace}\n"


def _document(said: Said) -> dict[str, Any]:
    wall = datetime.fromtimestamp(said.wall_ns / NANOS_PER_SECOND, UTC)
    found: dict[str, Any] = {
        "at": _stamp(said.market_ns).isoformat(timespec="milliseconds"),
        "wall": wall.isoformat(timespec="milliseconds"),
        "level": logging.getLevelName(said.level),
        "logger": said.who,
        "thread": said.thread,
        "text": said.whole,
    }
    if said.again:
        found["again"] = said.again
    if said.trace:
        found["trace"] = said.trace
    return found


def _stamp(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / NANOS_PER_SECOND, IST)


def _said(record: logging.LogRecord) -> Said:
    return Said(
        market_ns=int(getattr(record, "market_ns", 0)),
        wall_ns=round(record.created * NANOS_PER_SECOND),
        level=record.levelno,
        who=record.name,
        thread=str(record.threadName),
        text=masked(record.getMessage()[:MOST_LETTERS]),
        trace=masked(record.exc_text[:MOST_LETTERS]) if record.exc_text else "",
    )
