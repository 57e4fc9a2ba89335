"""The status on disk: whole or not there, readable by its owner, and never in the way of what it tells of."""

from __future__ import annotations

import json
import logging
import math
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.status_file import StatusWriter, decode_status, encode_status, read_status
from sos_actors.errors import DataError
from sos_actors.messages.status import SystemStatus
from tests.app.statuses import a_position, bare_status, full_status


@pytest.mark.parametrize("status", [bare_status(), full_status()], ids=["bare", "full"])
def test_a_status_comes_back_as_it_was(status: SystemStatus) -> None:
    assert decode_status(encode_status(status)) == status


def test_what_is_no_number_comes_back_as_unknown() -> None:
    status = bare_status(positions=(a_position(last=math.nan, stop=None),))
    assert decode_status(encode_status(status)).positions == (a_position(last=None, stop=None),)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 1}', b'{"run": {}}'])
def test_what_is_no_status_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="The status cannot be read"):
        decode_status(content)


def test_a_status_of_another_version_is_called_that() -> None:
    document = json.loads(encode_status(bare_status())) | {"schema": 99, "run": "something else"}
    with pytest.raises(DataError, match="another version of SOS"):
        decode_status(json.dumps(document).encode())


def test_a_status_is_written_at_the_start_then_again_and_at_the_end(tmp_path: Path) -> None:
    made = 0
    again = threading.Event()

    def status() -> SystemStatus:
        nonlocal made
        made += 1
        if made > 2:
            again.set()
        return bare_status(signals=(), run=replace(bare_status().run, run_id=str(made)))

    assert read_status(tmp_path) is None
    writer = StatusWriter(tmp_path, status, every_s=0.001)
    writer.start()
    assert read_status(tmp_path) is not None
    assert again.wait(5)
    assert writer.stop()
    last = read_status(tmp_path)
    assert last == writer.latest
    assert last is not None
    assert last.run.run_id == str(made)


def test_only_the_owner_reads_it_and_nothing_else_is_left_beside_it(tmp_path: Path) -> None:
    StatusWriter(tmp_path, bare_status, 1).write()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["status.json"]
    assert stat.S_IMODE((tmp_path / "run" / "status.json").stat().st_mode) == 0o600


def test_a_status_that_cannot_be_made_or_written_is_logged_once_and_hurts_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = True

    def status() -> SystemStatus:
        if wrong:
            raise ZeroDivisionError("of a wiring")
        return bare_status()

    writer = StatusWriter(tmp_path, status, 1)
    with caplog.at_level(logging.WARNING):
        writer.write()
        writer.write()
        assert [record.getMessage() for record in caplog.records] == [
            "The status cannot be written: ZeroDivisionError: of a wiring"
        ]
        wrong = False
        (tmp_path / "run" / "status.json.new").mkdir()
        writer.write()
    assert "Is a directory" in caplog.text
    assert writer.latest == bare_status()
    (tmp_path / "run" / "status.json.new").rmdir()
    writer.write()
    assert read_status(tmp_path) == bare_status()


def test_a_damaged_file_is_an_error_with_words(tmp_path: Path) -> None:
    StatusWriter(tmp_path, bare_status, 1).write()
    path = tmp_path / "run" / "status.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError):
        read_status(tmp_path)
