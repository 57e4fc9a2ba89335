"""What the process takes of the machine."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from sos_actors.app.process_figures import process_figures
from sos_actors.messages.status import ProcessStatus


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells these figures")
def test_a_thread_and_an_open_file_more_are_counted(tmp_path: Path) -> None:
    before = process_figures()
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    with (tmp_path / "open").open("w"):
        after = process_figures()
    over.set()
    thread.join()
    assert before.memory_bytes is not None
    assert before.memory_bytes > 1_000_000
    assert (before.threads, before.descriptors) != (None, None)
    assert after.threads == (before.threads or 0) + 1
    assert after.descriptors == (before.descriptors or 0) + 1


@pytest.mark.parametrize("content", ["", "12", "12 many"])
def test_what_the_machine_does_not_tell_is_unknown(tmp_path: Path, content: str) -> None:
    (tmp_path / "statm").write_text(content)
    assert process_figures(tmp_path) == ProcessStatus(None, None, None)
