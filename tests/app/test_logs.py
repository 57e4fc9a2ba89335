"""The log of a run: both times in every line, no secrets, no harm to whoever logs."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sos_actors.app import logs as module
from sos_actors.app.logs import KEPT_FILES, MOST_LETTERS, Logs
from sos_actors.types import Secret, UnixNanos
from tests.app.statuses import at

log = logging.getLogger("sos_actors.tests.logs")


@contextmanager
def logging_to(folder: Path, people: io.StringIO | None = None, **settings: Any) -> Iterator[Logs]:
    logs = Logs(folder, lambda: at(5), people=people, **settings)
    logs.start()
    try:
        yield logs
    finally:
        assert logs.stop()


def lines_of(folder: Path) -> list[dict[str, Any]]:
    (path,) = (folder / "logs").glob("sos-*.jsonl")
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_has_both_times_level_logger_thread_and_text(tmp_path: Path) -> None:
    with logging_to(tmp_path):
        log.info("%s is in play", "NSE|EQ|RELIANCE")
        log.debug("not this")
    (line,) = lines_of(tmp_path)
    assert line.pop("wall").endswith("+00:00")
    assert line == {
        "at": "2026-01-13T10:05:00.000+05:30", "level": "INFO", "logger": "sos_actors.tests.logs",
        "thread": "MainThread", "text": "NSE|EQ|RELIANCE is in play",
    }  # fmt: skip


def test_people_get_plain_lines_with_the_markets_time_first(tmp_path: Path) -> None:
    people = io.StringIO()
    with logging_to(tmp_path, people):
        log.warning("the feed is silent")
    (told,) = people.getvalue().splitlines()
    assert told.startswith("10:05:00 (at ")
    assert told.endswith(") WARNING tests.logs: the feed is silent")


def test_a_traceback_is_kept_and_no_secret_is_in_text_or_traceback(tmp_path: Path) -> None:
    hidden = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF"
    people = io.StringIO()
    with logging_to(tmp_path, people):
        try:
            raise ValueError(f"access_token={hidden}")
        except ValueError:
            log.exception("refused %s %s", Secret(hidden), {"Authorization": f"Bearer {hidden}"})
    (line,) = lines_of(tmp_path)
    assert "ValueError: access_token=***" in line["trace"]
    assert line["text"] == "refused Secret(***) {'Authorization': '***'}"
    assert hidden not in people.getvalue()
    assert "ValueError" in people.getvalue()


def test_warnings_are_folded_and_remembered_for_the_status(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logs:
        for _ in range(38):
            log.warning("nse: too many requests")
        log.error("an order is in doubt")
        log.info("a bar was late")
    assert [line["text"] for line in lines_of(tmp_path)] == [
        "nse: too many requests", "an order is in doubt", "a bar was late",
        "nse: too many requests ... 37 more in the last minute",
    ]  # fmt: skip
    assert [(one.level, one.text, one.times) for one in logs.troubles()] == [
        ("ERROR", "an order is in doubt", 1), ("WARNING", "nse: too many requests", 38),
    ]  # fmt: skip


def test_a_text_whose_arguments_do_not_fit_costs_one_line_and_says_nothing_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own would raise
    with logging_to(tmp_path) as logs:
        log.info("%d bars", "many")
        log.info("after")
    assert [line["text"] for line in lines_of(tmp_path)] == ["after"]
    assert logs.dropped == 1
    assert capsys.readouterr().err == ""


def test_who_logs_never_waits_for_a_reader_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    hangs, reads = threading.Event(), threading.Event()

    class Hung(io.StringIO):
        def write(self, text: str) -> int:
            hangs.set()
            reads.wait(5)
            return super().write(text)

    people = Hung()
    with logging_to(tmp_path, people) as logs:
        log.info("first")
        assert hangs.wait(5)
        for number in range(10):
            log.info("%d", number)
        assert logs.dropped == 7
        reads.set()
    assert [text.rpartition(" ")[2] for text in people.getvalue().splitlines()] == ["first", "0", "1", "2"]


def test_a_reader_that_has_gone_is_forgotten_and_the_file_goes_on(tmp_path: Path) -> None:
    people = io.StringIO()
    people.close()
    with logging_to(tmp_path, people):
        log.info("first")
        log.info("second")
    assert [line["text"] for line in lines_of(tmp_path)] == ["first", "second"]


def test_a_folder_that_cannot_be_written_is_told_of_and_hurts_nobody(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    people = io.StringIO()
    with logging_to(tmp_path, people) as logs:
        log.info("first")
    assert "File exists" in logs.file_trouble
    assert people.getvalue().endswith("first\n")


def test_a_file_that_is_large_makes_room_and_five_are_kept(tmp_path: Path) -> None:
    logs = Logs(tmp_path, lambda: UnixNanos(0))
    logs._most_bytes = 1000
    logs.start()
    for number in range(60):
        log.info("%05d %s", number, "x" * 100)
    assert logs.stop()
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == KEPT_FILES
    assert all(path.stat().st_size <= 1000 for path in files)
    newest = json.loads(files[0].read_text().splitlines()[-1])
    assert newest["text"].startswith("00059")


def test_libraries_are_heard_when_they_warn_and_threads_when_they_crash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash() -> None:
        raise ZeroDivisionError("token=abcdefgh")

    with logging_to(tmp_path):
        logging.getLogger("pykka").warning("an actor died")
        logging.getLogger("pykka").info("an actor started")
        thread = threading.Thread(target=crash, name="feed")
        thread.start()
        thread.join()
    warned, crashed = lines_of(tmp_path)
    assert (warned["logger"], warned["text"]) == ("pykka", "an actor died")
    assert (crashed["level"], crashed["text"]) == ("ERROR", "Thread feed ended by an exception")
    assert "ZeroDivisionError: token=***" in crashed["trace"]
    assert capsys.readouterr().err == ""


def test_a_very_long_text_is_cut(tmp_path: Path) -> None:
    with logging_to(tmp_path):
        log.info("x" * 1_000_000)
    assert len(lines_of(tmp_path)[0]["text"]) == MOST_LETTERS


def test_afterwards_the_loggers_are_as_before(tmp_path: Path) -> None:
    root, ours = logging.getLogger(), logging.getLogger("sos_actors")
    before = (list(root.handlers), ours.level, list(ours.handlers), threading.excepthook)
    with logging_to(tmp_path):
        assert list(root.handlers) != before[0]
    assert (root.handlers, ours.level, ours.handlers, threading.excepthook) == before
