"""What the next run says of one that was killed."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from sos_actors.app.killed_run import tell_of_killed_run, words_of_killed_run
from sos_actors.app.run_lock import Holder, run_folder
from sos_actors.app.status_file import FILE, encode_status
from sos_actors.messages.status import RunStatus, SystemStatus
from tests.app.statuses import bare_status, full_status

LOG = "sos_actors.app.killed_run"


def holder(status: SystemStatus) -> Holder:
    return Holder(status.run.pid, status.run.run_id, status.run.started_wall)


def of_upstox(status: SystemStatus) -> SystemStatus:
    run: RunStatus = replace(status.run, source="upstox", broker="upstox")
    return replace(status, run=run)


def test_what_was_held_in_a_simulated_market_is_gone_with_it() -> None:
    status = full_status()
    words = words_of_killed_run(holder(status), status)
    assert f"Run {status.run.run_id}" in words
    assert "NIFTY 25600 CE 13 JAN 26" in words
    assert "is gone, and all that with it" in words
    assert "sos replay" in words


def test_what_is_held_at_a_broker_is_asked_for() -> None:
    status = of_upstox(full_status())
    words = words_of_killed_run(holder(status), status)
    assert "goes on with its journal, and asks the broker" in words
    assert "gone" not in words


def test_a_run_that_held_nothing_is_said_to() -> None:
    status = bare_status()
    assert "it held nothing." in words_of_killed_run(holder(status), status)


def test_a_run_that_ended_in_order_is_not_worth_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tell_of_killed_run(None, tmp_path)
    assert caplog.records == []


@pytest.mark.parametrize("left", [b"", b"{", encode_status(bare_status())])
def test_a_status_that_is_not_of_that_run_is_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: bytes
) -> None:
    (run_folder(tmp_path) / FILE).write_bytes(left)
    with caplog.at_level(logging.WARNING, LOG):
        tell_of_killed_run(Holder(1, "other", bare_status().wall), tmp_path)
    assert "before it told of anything" in caplog.text


def test_the_status_of_that_run_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    status = full_status()
    (run_folder(tmp_path) / FILE).write_bytes(encode_status(status))
    with caplog.at_level(logging.WARNING, LOG):
        tell_of_killed_run(holder(status), tmp_path)
    assert "NIFTY 25600 CE 13 JAN 26" in caplog.text
